import { ownerText, pairs } from './cni-owner.ts';
import type { AnyStep, MigrationPlan, NodegroupPlan } from './plan.ts';
import { sum } from './sum.ts';

/** What no rollback of this plan can take back, in sentences; told before the plan begins, and before it is taken back. */
export function cannotUndo(plan: MigrationPlan): string[] {
  const { steps, nodegroups, vpcCni } = plan;
  return [
    ...steps.flatMap((step) => (step.kind === 'drain-source' ? ofDrain(step.params, nodegroups) : [])),
    ...steps.flatMap((step) => ofSwitch(step, vpcCni.version)),
    ...steps.flatMap((step) =>
      step.kind === 'delete-source' ? [ofDeletion(step.params.nodegroupName, nodegroups)] : [],
    ),
  ];
}

function ofDrain(
  { allowEmptyDir, allowBarePods, surge }: Extract<AnyStep, { kind: 'drain-source' }>['params'],
  nodegroups: readonly NodegroupPlan[],
): string[] {
  const pods = sum(nodegroups.map((group) => group.pods));
  const rolled = surge.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
  return [
    `Pods that have moved (up to ${pods}) move a second time: they are evicted from the new nodes as their budgets allow.`,
    ...(allowEmptyDir
      ? ['What evicted pods had in emptyDir volumes is lost, on the way there and on the way back.']
      : []),
    ...(allowBarePods ? ['Evicted pods that no controller owns are gone: nothing makes them again.'] : []),
    ...(rolled === ''
      ? []
      : [`${rolled}: the restart that moved the pods stays in the rollout history, and there is another one back.`]),
  ];
}

function ofSwitch(step: AnyStep, version: string | null): string[] {
  const isOwned = step.kind === 'await-vpc-cni';
  if (!isOwned && step.kind !== 'configure-vpc-cni' && step.kind !== 'patch-vpc-cni') return [];
  return [
    ...(isOwned
      ? [
          `${pairs(step.params.env, ', ')} of aws-node is set by ${ownerText(step.params.owner)}, and only there it can be taken back.`,
        ]
      : []),
    'Nodes keep prefixes that they hold until the last pod with an address out of it ends.',
    `The VPC CNI stays at its version${version === null ? '' : ` (${version})`}: nodes with prefixes need 1.9.0 or newer.`,
  ];
}

function ofDeletion(source: string, nodegroups: readonly NodegroupPlan[]): string {
  const group = nodegroups.find((one) => one.source === source);
  const nodes = group === undefined ? '' : ` (${group.nodes.source} ${group.nodes.source === 1 ? 'node' : 'nodes'})`;
  return `Once node group ${source}${nodes} is being deleted it does not come back: ${group?.replacement ?? 'its replacement'} stays, and prefix delegation stays on.`;
}
