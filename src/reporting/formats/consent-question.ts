import { nodegroupOwnerText } from '../../domain/nodegroup-owner.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import { count, hanging } from '../text.ts';

/** What a person is asked before pods move: what will happen, to how much, where, and what to type. */
export function consentQuestion({ cluster, nodegroups, order, steps }: MigrationPlan): string {
  const pods = nodegroups.reduce((sum, group) => sum + group.pods, 0);
  const nodes = nodegroups.reduce((sum, group) => sum + group.nodes.source, 0);
  const first =
    order.order === 'cordon-first'
      ? ' Those nodes are cordoned first: until new nodes are verified, no new pod can start on them.'
      : '';
  const left = steps.flatMap((step) => (step.kind === 'hand-over-source' ? [step.params] : []));
  const kept = left.map(({ nodegroupName, owner }) => `${nodegroupName} to ${nodegroupOwnerText(owner)}`);
  const deleted = nodegroups.flatMap(({ source }) =>
    left.some(({ nodegroupName }) => nodegroupName === source) ? [] : [source],
  );
  const ends = [
    ...(deleted.length > 0 ? [`deletes ${count(deleted.length, 'node group')}: ${deleted.join(', ')}`] : []),
    ...(kept.length > 0 ? [`leaves ${kept.join(', ')}, cordoned and not deleted`] : []),
  ];
  const lines = hanging(
    '',
    `Cluster ${cluster.name} in ${cluster.region}, account ${cluster.accountId}: this moves ${count(pods, 'pod')} off ` +
      `${count(nodes, 'node')}, and then ${ends.join('; ')}.${first}`,
    0,
  );
  return `${lines.join('\n')}\nType ${cluster.name} to go on: `;
}
