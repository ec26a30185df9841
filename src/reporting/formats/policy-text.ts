import type { IamPolicy, RbacObject } from '../../domain/policies.ts';
import { rbacName } from '../../domain/policies.ts';
import { hanging } from '../text.ts';

export interface Policies {
  iam: IamPolicy;
  rbac: RbacObject[];
  cluster: { name: string; region: string; accountId: string };
  /** what the documents do not cover */
  notes: string[];
  /** words in them that stand for what is not known */
  placeholders: string[];
  /** the command line that prints them, without a format */
  command: string;
}

/** Both documents, each with how to attach it. */
export function policyText({ iam, rbac, cluster, notes, placeholders, command }: Policies): string {
  const entry = [
    'aws eks create-access-entry',
    `--cluster-name ${cluster.name} --region ${cluster.region}`,
    `--principal-arn arn:aws:iam::${cluster.accountId}:role/ROLE --kubernetes-groups ${rbacName}`,
  ].join(' ');
  return [
    'AWS: policy of the role ROLE that runs prefix-migrate',
    `  -> ${command} --format iam > policy.json && aws iam put-role-policy --role-name ROLE --policy-name ${rbacName} --policy-document file://policy.json`,
    '',
    JSON.stringify(iam, null, 2),
    '',
    `Kubernetes: roles of the group ${rbacName}, and who is in it`,
    `  -> ${command} --format rbac | kubectl apply -f -`,
    `  -> ${entry}`,
    '',
    rbacYaml(rbac).trimEnd(),
    '',
    ...(placeholders.length === 0 ? [] : hanging('Not known, replace: ', placeholders.join(', '), 2)),
    ...notes.flatMap((note) => hanging('  - ', note, 4)),
    '',
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

/** YAML documents; every text is quoted as in JSON, so that no YAML reader takes one for something else. */
export const rbacYaml = (objects: readonly RbacObject[]): string =>
  objects.map((object) => `---\n${yamlOf(object)}`).join('');

function yamlOf({ apiVersion, kind, metadata, rules, roleRef, subjects }: RbacObject): string {
  return [
    `apiVersion: ${apiVersion}`,
    `kind: ${kind}`,
    `metadata: ${flow(metadata)}`,
    ...(rules === undefined ? [] : ['rules:', ...rules.map((rule) => `  - ${flow(rule)}`)]),
    ...(roleRef === undefined ? [] : [`roleRef: ${flow(roleRef)}`]),
    ...(subjects === undefined ? [] : ['subjects:', ...subjects.map((subject) => `  - ${flow(subject)}`)]),
    '',
  ].join('\n');
}

const flow = (members: object): string =>
  `{ ${Object.entries(members)
    .map(([key, value]: [string, unknown]) => `${key}: ${listOrText(value)}`)
    .join(', ')} }`;

const listOrText = (value: unknown): string =>
  Array.isArray(value) ? `[${value.map((item) => JSON.stringify(item)).join(', ')}]` : JSON.stringify(value);
