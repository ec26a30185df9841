import type { Finding } from '../domain/finding.ts';
import type { Pod } from '../domain/snapshot.ts';
import { type Check, count, planAgain } from './check.ts';
import { byWorkload } from './moving.ts';

/** Annotations by which people say that a pod should stay, and who heeds them. */
const wishes: [key: string, value: string, reader: string][] = [
  ['cluster-autoscaler.kubernetes.io/safe-to-evict', 'false', 'The cluster autoscaler'],
  ['karpenter.sh/do-not-disrupt', 'true', 'Karpenter'],
  ['karpenter.sh/do-not-evict', 'true', 'Karpenter before 1.0'],
];

const wishOf = ({ annotations }: Pod) => wishes.find(([key, value]) => annotations[key] === value);

/** Pods that somebody asked not to be moved. */
export const podDoNotDisrupt: Check = {
  codes: [
    {
      code: 'POD.DO_NOT_DISRUPT',
      meaning: 'An annotation asks autoscalers not to evict the pod; the eviction API does not heed it.',
      canBeAllowed: true,
    },
  ],
  run: (snapshot, scope) =>
    byWorkload(
      scope.movingPods.filter((pod) => wishOf(pod) !== undefined),
      snapshot,
    ).flatMap(({ subject, namespace, pods }): Finding[] => {
      const [key, value, reader] = wishOf(pods[0]) ?? [];
      return [
        {
          code: 'POD.DO_NOT_DISRUPT',
          severity: 'blocking',
          subject,
          summary: `${count(pods.length, 'pod')} of ${subject} on the nodes to be drained should not be moved: ${key}: "${value}".`,
          why: `${reader} heeds this annotation. The eviction API does not: the drain would move them all the same.`,
          nextActions: [
            `kubectl -n ${namespace} describe pod ${pods[0].name}`,
            `${planAgain(scope, { allow: ['POD.DO_NOT_DISRUPT'] })}  # accepts that they are evicted`,
          ],
        },
      ];
    }),
};
