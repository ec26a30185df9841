import { hasEmptyDir } from '../domain/evictable.ts';
import type { Finding } from '../domain/finding.ts';
import type { Scope } from '../domain/scope.ts';
import { type Check, count, listed, planAgain } from './check.ts';
import { byWorkload, type MovingWorkload } from './moving.ts';

/** Pods with data that does not move with them. */
export const podEmptyDir: Check = {
  codes: [{ code: 'POD.EMPTY_DIR', meaning: 'Data in emptyDir volumes is lost with the pod.', canBeAllowed: true }],
  run: (snapshot, scope) =>
    byWorkload(scope.movingPods.filter(hasEmptyDir), snapshot).map((workload) => emptyDir(workload, scope)),
};

function emptyDir({ subject, namespace, pods }: MovingWorkload, scope: Scope): Finding {
  const [first] = pods;
  const volumes = first.emptyDirVolumes.map((name) => {
    const limit = first.emptyDirLimits?.[name];
    return limit === undefined ? name : `${name} (${limit})`;
  });
  return {
    code: 'POD.EMPTY_DIR',
    severity: 'blocking',
    subject,
    summary: `${count(pods.length, 'pod')} of ${subject} on the nodes to be drained with emptyDir ${listed(volumes)}.`,
    why: 'An emptyDir volume is deleted with its pod; the new pod starts with an empty one.',
    nextActions: [
      `${planAgain(scope, { allow: ['POD.EMPTY_DIR'] })}  # accepts that their data is lost`,
      `kubectl -n ${namespace} get pod ${first.name} -o jsonpath='{.spec.volumes}'`,
    ],
  };
}
