/** Who asks, and what they may do: bearer tokens and rules in the manner of RBAC. */
import { StatusError as Failure, forbidden, type StatusError } from './status.ts';

/** `*` stands for all. Without `namespaces` a rule holds in every one and for cluster-scoped resources. */
export interface AccessRule {
  verbs: readonly string[];
  /** `''` is the core group */
  apiGroups: readonly string[];
  /** `pods`, `pods/eviction` */
  resources: readonly string[];
  resourceNames?: readonly string[];
  namespaces?: readonly string[];
}

export interface User {
  name: string;
  groups: readonly string[];
  rules: readonly AccessRule[];
}

/** A member of this group may do everything. */
export const masters = 'system:masters';

export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'], rules: [] };

/** A Role, a ClusterRole or a binding of one (rbac.authorization.k8s.io/v1), as far as it counts here. */
export interface RbacObject {
  kind: string;
  metadata: { name: string; namespace?: string };
  rules?: readonly Omit<AccessRule, 'namespaces'>[];
  roleRef?: { kind: string; name: string };
  subjects?: readonly { kind: string; name: string }[];
}

/** What bindings give to a user or its groups: a ClusterRole everywhere, or in the namespace of a RoleBinding. */
export function rulesOfBindings(
  objects: readonly RbacObject[],
  { name, groups }: Pick<User, 'name' | 'groups'>,
): AccessRule[] {
  const bindings = objects.filter(({ subjects = [] }) =>
    subjects.some((subject) =>
      subject.kind === 'Group' ? groups.includes(subject.name) : subject.kind === 'User' && subject.name === name,
    ),
  );
  return bindings.flatMap(({ kind, metadata: { namespace }, roleRef }) => {
    const role = objects.find(
      (one) =>
        one.kind === roleRef?.kind &&
        one.metadata.name === roleRef.name &&
        (one.kind === 'ClusterRole' || one.metadata.namespace === namespace),
    );
    const scope = kind === 'RoleBinding' && namespace !== undefined ? { namespaces: [namespace] } : {};
    return (role?.rules ?? []).map((rule) => ({ ...rule, ...scope }));
  });
}

export interface Access {
  verb: string;
  group: string;
  resource: string;
  subresource?: string | undefined;
  namespace?: string | undefined;
  name?: string | undefined;
}

export function mayDo(user: User, { verb, group, resource, subresource, namespace, name }: Access): boolean {
  if (user.groups.includes(masters)) return true;
  const full = subresource ? `${resource}/${subresource}` : resource;
  return user.rules.some(
    (rule) =>
      covers(rule.verbs, verb) &&
      covers(rule.apiGroups, group) &&
      covers(rule.resources, full) &&
      (!rule.resourceNames || rule.resourceNames.includes(name ?? '')) &&
      (!rule.namespaces || rule.namespaces.includes(namespace ?? '')),
  );
}

function covers(allowed: readonly string[], value: string): boolean {
  return allowed.includes('*') || allowed.includes(value);
}

/** Discovery and health are open to every known user, version and health to everybody. */
export function mayGetPath(user: User, path: string): boolean {
  if (/^\/(healthz|livez|readyz|version)(\/|$)/.test(path)) return true;
  return user !== anonymous && /^\/(api|apis|openapi)(\/|$)/.test(path);
}

export function denied(user: User, { verb, group, resource, subresource, namespace, name }: Access): StatusError {
  const full = subresource ? `${resource}/${subresource}` : resource;
  const scope = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
  const why = `User "${user.name}" cannot ${verb} resource "${full}" in API group "${group}" ${scope}`;
  return forbidden({ group, resource }, name, why);
}

export function deniedPath(user: User, method: string, path: string): StatusError {
  const why = `User "${user.name}" cannot ${method.toLowerCase()} path "${path}"`;
  return new Failure(403, 'Forbidden', `forbidden: ${why}`, {});
}
