import { isBare } from '../domain/evictable.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, listed, planAgain } from './check.ts';

/** Pods that nothing creates anew. */
export const podBare: Check = {
  codes: [
    {
      code: 'POD.BARE',
      meaning: 'A pod without a controller is gone for good when it is evicted.',
      canBeAllowed: true,
    },
  ],
  run(_snapshot, scope) {
    const bare = scope.movingPods.filter(isBare);
    const [first] = bare;
    if (first === undefined) return [];
    return [
      {
        code: 'POD.BARE',
        severity: 'blocking',
        subject: listed(bare.map(nameOf), 3),
        summary: `${count(bare.length, 'pod')} without a controller on the nodes to be drained: ${listed(bare.map(nameOf))}.`,
        why: 'Nothing creates them again on another node.',
        nextActions: [
          `kubectl -n ${first.namespace} get pod ${first.name} -o yaml > ${first.name}.yaml  # keeps its definition`,
          `${planAgain(scope, { allow: ['POD.BARE'] })}  # accepts that they end`,
        ],
      },
    ];
  },
};
