import { hasEmptyDir } from '../domain/evictable.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, listed, planAgain } from './check.ts';

/** Pods with data that does not move with them. */
export const podEmptyDir: Check = {
  codes: [{ code: 'POD.EMPTY_DIR', meaning: 'Data in emptyDir volumes is lost with the pod.', canBeAllowed: true }],
  run(_snapshot, scope) {
    const pods = scope.movingPods.filter(hasEmptyDir);
    const [first] = pods;
    if (first === undefined) return [];
    return [
      {
        code: 'POD.EMPTY_DIR',
        severity: 'blocking',
        subject: listed(pods.map(nameOf), 3),
        summary: `${count(pods.length, 'pod')} with emptyDir volumes on the nodes to be drained: ${listed(pods.map(nameOf))}.`,
        why: 'An emptyDir volume is deleted with its pod; the new pod starts with an empty one.',
        nextActions: [
          `${planAgain(scope, { allow: ['POD.EMPTY_DIR'] })}  # accepts that their data is lost`,
          `kubectl -n ${first.namespace} get pod ${first.name} -o jsonpath='{.spec.volumes}'`,
        ],
      },
    ];
  },
};
