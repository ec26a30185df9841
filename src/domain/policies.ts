/** Rights as IAM and Kubernetes take them. */
import type { AwsRight, Condition, KubernetesRight } from './rights-of.ts';

/** IAM JSON policy (IAM user guide, "Grammar of the IAM JSON policy language"). */
export interface IamPolicy {
  Version: '2012-10-17';
  Statement: IamStatement[];
}
export interface IamStatement {
  Sid: string;
  Effect: 'Allow';
  Action: string[];
  Resource: string[];
  Condition?: Condition;
}

/** One statement for each set of resources under the same condition. */
export function iamPolicy(rights: readonly AwsRight[]): IamPolicy {
  const resources = new Map<string, { right: AwsRight; resources: Set<string> }>();
  for (const right of rights) {
    const key = `${right.target} ${right.action} ${JSON.stringify(right.condition)}`;
    const found = resources.get(key) ?? { right, resources: new Set() };
    for (const resource of right.resources) found.resources.add(resource);
    resources.set(key, found);
  }
  const statements = new Map<
    string,
    { Action: Set<string>; Resource: string[]; condition: Condition | null; sid: string }
  >();
  for (const { right, resources: all } of resources.values()) {
    const Resource = [...all].toSorted();
    const key = `${JSON.stringify(Resource)} ${JSON.stringify(right.condition)}`;
    const found = statements.get(key) ?? {
      Action: new Set(),
      Resource,
      condition: right.condition,
      sid: sidOf(right.target),
    };
    found.Action.add(right.action);
    statements.set(key, found);
  }
  const taken = new Map<string, number>();
  return {
    Version: '2012-10-17',
    Statement: [...statements.values()].map(({ Action, Resource, condition, sid }) => {
      const count = (taken.get(sid) ?? 0) + 1;
      taken.set(sid, count);
      return {
        Sid: count === 1 ? sid : `${sid}${count}`,
        Effect: 'Allow',
        Action: [...Action].toSorted(),
        Resource,
        ...(condition === null ? {} : { Condition: condition }),
      };
    }),
  };
}

/** Letters and digits alone: `own-template` is `OwnTemplate`. */
const sidOf = (target: string): string =>
  target
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

export interface RbacRule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}
export interface RbacObject {
  apiVersion: 'rbac.authorization.k8s.io/v1';
  kind: 'ClusterRole' | 'Role' | 'ClusterRoleBinding' | 'RoleBinding';
  metadata: { name: string; namespace?: string };
  rules?: RbacRule[];
  roleRef?: { apiGroup: string; kind: 'ClusterRole' | 'Role'; name: string };
  subjects?: { kind: 'Group'; apiGroup: string; name: string }[];
}

/** Name of the roles, and of the group that they are bound to. */
export const rbacName = 'prefix-migrate';
const apiGroup = 'rbac.authorization.k8s.io';

/** A role for the cluster and one for each namespace, each bound to the group. */
export function rbacObjects(rights: readonly KubernetesRight[]): RbacObject[] {
  const byNamespace = Map.groupBy(rights, ({ access }) => access.namespace);
  const namespaces = [...byNamespace.keys()].toSorted((a, b) => ((a ?? '') < (b ?? '') ? -1 : 1));
  return namespaces.flatMap((namespace): RbacObject[] => {
    const metadata = { name: rbacName, ...(namespace === undefined ? {} : { namespace }) };
    const kind = namespace === undefined ? 'ClusterRole' : 'Role';
    return [
      { apiVersion: `${apiGroup}/v1`, kind, metadata, rules: rulesOf(byNamespace.get(namespace) ?? []) },
      {
        apiVersion: `${apiGroup}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup, kind, name: rbacName },
        subjects: [{ kind: 'Group', apiGroup, name: rbacName }],
      },
    ];
  });
}

/** One rule for the resources of a group that share their verbs. */
function rulesOf(rights: readonly KubernetesRight[]): RbacRule[] {
  const verbs = new Map<string, { group: string; resource: string; name: string | undefined; verbs: Set<string> }>();
  for (const { access } of rights) {
    const { group, resource, subresource, name, verb } = access;
    const full = subresource === undefined ? resource : `${resource}/${subresource}`;
    const key = `${group} ${full} ${name ?? ''}`;
    const found = verbs.get(key) ?? { group, resource: full, name, verbs: new Set() };
    found.verbs.add(verb);
    verbs.set(key, found);
  }
  const rows = [...verbs.values()].map((row) => ({ ...row, verbs: [...row.verbs].toSorted() }));
  const alike = Map.groupBy(rows, ({ group, name, verbs: own }) => `${group} ${name ?? ''} ${own.join()}`);
  return [...alike.values()].map((same) => ({
    apiGroups: [same[0]?.group ?? ''],
    resources: same.map(({ resource }) => resource).toSorted(),
    ...(same[0]?.name === undefined ? {} : { resourceNames: [same[0].name] }),
    verbs: same[0]?.verbs ?? [],
  }));
}
