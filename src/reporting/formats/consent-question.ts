import type { MigrationPlan } from '../../domain/plan.ts';
import { count, hanging } from '../text.ts';

/** What a person is asked before pods move: what will happen, to how much, where, and what to type. */
export function consentQuestion({ cluster, nodegroups, order }: MigrationPlan): string {
  const pods = nodegroups.reduce((sum, group) => sum + group.pods, 0);
  const nodes = nodegroups.reduce((sum, group) => sum + group.nodes.source, 0);
  const first =
    order.order === 'cordon-first'
      ? ' Those nodes are cordoned first: until new nodes are verified, no new pod can start on them.'
      : '';
  const lines = hanging(
    '',
    `Cluster ${cluster.name} in ${cluster.region}, account ${cluster.accountId}: this moves ${count(pods, 'pod')} off ` +
      `${count(nodes, 'node')}, and then deletes ${count(nodegroups.length, 'node group')}: ` +
      `${nodegroups.map(({ source }) => source).join(', ')}.${first}`,
    0,
  );
  return `${lines.join('\n')}\nType ${cluster.name} to go on: `;
}
