import {
  accessOf,
  type Needs,
  type Occasion,
  occasions,
  type Row,
  rights,
  stepKinds,
  type Use,
} from '../../domain/rights.ts';

/** `docs/rights.md`: what each part of the program needs of AWS and Kubernetes. */
export function rightsReference(): string {
  return [
    '# Rights',
    '',
    'What prefix-migrate needs of AWS and Kubernetes, and for what. `prefix-migrate policy` prints it as an IAM policy and as',
    'Kubernetes roles: `policy DIR` exactly for one plan, its way back included; `policy --phase plan` for somebody who only looks.',
    'Written by `npm run docs` from the table that the policies come from.',
    '',
    'It never asks for `ec2:TerminateInstances`, `eks:UpdateClusterConfig` or `nodes delete`, and pods it deletes only in',
    '`kube-system`, where its canaries are. Who may only list is enough for `plan` and `audit`. Before its first act `apply` asks',
    'for the rights of the steps that are left, and refuses to begin without one (`ACCESS.MISSING`): the API server is asked by',
    'SelfSubjectAccessReview, EC2 by dry runs, IAM by SimulatePrincipalPolicy. Who does not answer is not waited for.',
    '',
    '## Always',
    '',
    ...table(occasions, 'What'),
    '',
    '## By kind of step',
    '',
    ...table(stepKinds, 'Step', (row) => (row.phases ?? []).join(', ')),
    '',
    '## How narrow',
    '',
    '- EKS: the cluster, its node groups (`policy DIR`: those of the plan), its add-on `vpc-cni`.',
    '- Launch templates: created only with the tag `prefix-migrate/plan`, deleted only with it. Tags are set only on creation.',
    '- `iam:PassRole`: the node roles.',
    '- Auto Scaling groups: those of the plan; without a plan those that EKS has tagged as of the cluster.',
    '- EC2 knows no resources for its reads; reservations and `ec2:RunInstances` are held to the region.',
    '- Kubernetes: the Lease and the DaemonSet `aws-node` by name; `create` cannot be limited to a name.',
    '',
  ].join('\n');
}

const isOccasion = (use: Use): use is Occasion => occasions.some((one) => one === use);

function table(of: readonly Use[], head: string, phasesOf?: (row: Row) => string): string[] {
  const more = phasesOf === undefined ? '' : ' Phases |';
  return [
    `| ${head} | Does |${more} AWS | Kubernetes |`,
    `|---|---|${phasesOf === undefined ? '' : '---|'}---|---|`,
    ...of.map((use) => {
      const row = rights[use];
      const name = isOccasion(use) ? use : `\`${use}\``;
      const does = [row.does, row.onlyWhen && `only: ${row.onlyWhen}`, row.beyond].filter(Boolean).join('. ');
      const phases = phasesOf === undefined ? '' : ` ${phasesOf(row)} |`;
      return `| ${name} | ${does} |${phases} ${cell(row, awsOf)} | ${cell(row, kubernetesOf)} |`;
    }),
  ];
}

/** What is always needed, then what sometimes is, with when. */
function cell(row: Row, listOf: (needs: Needs) => string[]): string {
  const sometimes = (row.sometimes ?? []).flatMap((needs) => {
    const list = listOf(needs);
    return list.length === 0 ? [] : [`${needs.when}: ${list.join(', ')}`];
  });
  return [listOf(row).join(', '), ...sometimes].filter((part) => part !== '').join('<br>') || '-';
}

const awsOf = ({ aws = {} }: Needs): string[] =>
  [...new Set(Object.values(aws).flat())].map((action) => `\`${action}\``);

const kubernetesOf = ({ kubernetes = {} }: Needs): string[] =>
  Object.entries(kubernetes).flatMap(([target, list]) =>
    list.map((words) => {
      const { verb, group, resource, subresource } = accessOf(words);
      const full = `${resource}${group === '' ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
      return `\`${verb} ${full}\`${target === 'cluster' ? '' : ` (${target})`}`;
    }),
  );
