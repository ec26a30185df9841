import { daemonsOf, type Obstacle, obstacleOn } from '../domain/scheduling.ts';
import { type Check, listed, planAgain } from './check.ts';

/** DaemonSets of the old nodes that will not run on the new ones. */
export const daemonsetSelectsSource: Check = {
  codes: [
    {
      code: 'DAEMONSET.SELECTS_SOURCE',
      meaning: 'A DaemonSet runs on the nodes of a source and will not run on those of its replacement.',
      canBeAllowed: true,
    },
  ],
  run: (snapshot, scope) =>
    daemonsOf(snapshot).flatMap(({ name, placement, nodegroups }) => {
      const lost = scope.sources.flatMap(({ nodegroupName }) => {
        const kinds = scope.replacements.filter(({ source }) => source === nodegroupName);
        const obstacles = kinds.flatMap((kind) => obstacleOn(placement, kind) ?? []);
        const [obstacle] = obstacles;
        const isLost = nodegroups.has(nodegroupName) && obstacles.length === kinds.length;
        return isLost && obstacle !== undefined ? [{ nodegroupName, obstacle }] : [];
      });
      const [first] = lost;
      if (first === undefined) return [];
      const groups = listed(lost.map(({ nodegroupName }) => nodegroupName));
      const [namespace, daemonSet] = name.split('/');
      return [
        {
          code: 'DAEMONSET.SELECTS_SOURCE',
          severity: 'blocking' as const,
          subject: name,
          summary: `DaemonSet ${name} runs on nodes of ${groups} and will not run on new ones: ${reason(first.obstacle)}.`,
          why: 'What it does for the other pods of a node, such as logs, metrics, volumes or network, would be missing there.',
          nextActions: [
            `kubectl -n ${namespace} edit daemonset/${daemonSet}  # ${first.obstacle.kind === 'taint' ? `tolerate ${first.obstacle.taint}` : 'demand a label of the node group instead'}`,
            `${planAgain(scope, { allow: ['DAEMONSET.SELECTS_SOURCE'] })}  # when nothing misses it there`,
          ],
        },
      ];
    }),
};

const reason = (obstacle: Obstacle): string => {
  if (obstacle.kind === 'label') return `${obstacle.demand} fits the old nodes only`;
  return obstacle.kind === 'taint' ? `it does not tolerate ${obstacle.taint}` : 'they are cordoned';
};
