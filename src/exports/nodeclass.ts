import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { KarpenterPlan, MigrationPlan } from '../domain/plan.ts';
import { planCommand } from '../domain/plan-command.ts';
import { notPossible } from './not-possible.ts';
import { titleOf } from './replacements.ts';
import { commentLine, yamlText } from './yaml.ts';

type NodeClass = KarpenterPlan['nodeClasses'][number];

/**
 * What Karpenter has to be told: `spec.kubelet.maxPods` of each EC2NodeClass that needs it (karpenter.k8s.aws/v1), a fragment of
 * the object each. Nothing of it is carried out by a run.
 *
 * @throws MigrateError EXPORT.NO_KARPENTER, EXPORT.NOT_POSSIBLE (exit 2)
 */
export function nodeclassYaml(plan: MigrationPlan): string {
  const classes = plan.karpenter?.nodeClasses ?? [];
  if (classes.length === 0) throw noKarpenter(plan);
  const old = classes.filter(({ apiVersion }) => !isServed(apiVersion));
  if (old.length > 0) throw oldVersion(plan, old);
  const changed = classes.filter(({ maxPods, maxPodsBefore }) => maxPodsBefore === null || maxPodsBefore < maxPods);
  const stay = classes
    .filter((one) => !changed.includes(one))
    .map(({ name, maxPodsBefore }) => `EC2NodeClass ${name} stays as it is: maxPods ${String(maxPodsBefore)}.`);
  const [first, ...others] = changed;
  if (first === undefined) return commented([titleOf(plan), ...stay]);
  const head = [
    titleOf(plan),
    'For Karpenter, which prefix-migrate leaves alone. Once the VPC CNI is switched, put it where the classes are managed (Git, Helm), or:',
    '  kubectl apply --server-side --field-manager prefix-migrate -f FILE',
    ...(others.length === 0
      ? [`  kubectl patch ec2nodeclasses ${first.name} --type merge --patch-file FILE   # the same`]
      : []),
    'Karpenter then replaces the nodes of these classes by itself (drift), as fast as the budgets of their node pools allow.',
    ...stay,
  ];
  return [fragment(first, head), ...others.map((one) => fragment(one, []))].join('---\n');
}

const commented = (lines: readonly string[]): string => lines.map((line) => `# ${commentLine(line)}\n`).join('');

/** In older ones maxPods is a matter of the NodePool. */
const isServed = (apiVersion: string): boolean => /^karpenter\.k8s\.aws\/v\d+$/.test(apiVersion);

const fragment = (
  { name, apiVersion, nodePools, maxPods, maxPodsBefore, limitedBy }: NodeClass,
  head: string[],
): string =>
  yamlText(
    { apiVersion, kind: 'EC2NodeClass', metadata: { name }, spec: { kubelet: { maxPods } } },
    {
      head,
      above: [
        {
          path: ['spec', 'kubelet', 'maxPods'],
          lines: [
            `${maxPodsBefore === null ? 'Not set: Karpenter reckons with the addresses of secondary IP mode' : `${maxPodsBefore} before`}; ${limitedBy}.`,
            'It sizes the memory that kubelet sets aside by this number, unless kubeReserved says otherwise.',
            nodePools.length === 0 ? 'No node pool uses this class.' : `For node pools ${nodePools.join(', ')}.`,
          ],
        },
      ],
    },
  );

const noKarpenter = ({ cluster, request }: MigrationPlan): MigrateError =>
  new MigrateError({
    code: 'EXPORT.NO_KARPENTER',
    message: `No EC2NodeClass of Karpenter was seen in cluster ${cluster.name} when the plan was made.`,
    why: 'Karpenter is not installed there, has no class yet, or may not be looked at; without a class there is nothing to set maxPods of.',
    nextActions: ['kubectl get ec2nodeclasses.karpenter.k8s.aws', planCommand(request)],
    exitCode: ExitCode.invalidInput,
  });

const oldVersion = (plan: MigrationPlan, old: readonly NodeClass[]): MigrateError =>
  notPossible(plan, {
    format: 'nodeclass',
    why: `EC2NodeClass ${old.map(({ name, apiVersion }) => `${name} (${apiVersion})`).join(', ')} has no spec.kubelet: before karpenter.k8s.aws/v1 maxPods stands in the NodePool.`,
    others: [],
    advice: [
      ...new Set(
        old.flatMap(({ nodePools, maxPods }) =>
          nodePools.map(
            (pool) =>
              `kubectl patch nodepools ${pool} --type merge --patch '{"spec":{"template":{"spec":{"kubelet":{"maxPods":${maxPods}}}}}}'`,
          ),
        ),
      ),
      'kubectl get nodepools',
    ],
  });
