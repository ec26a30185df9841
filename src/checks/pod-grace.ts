import { formatDuration } from '../domain/duration.ts';
import type { Finding } from '../domain/finding.ts';
import type { Scope } from '../domain/scope.ts';
import { type Check, count, planAgain } from './check.ts';
import { byWorkload, type MovingWorkload } from './moving.ts';

const longGraceSeconds = 900;

/** So long is usual: a deadline that is shorter still is told as DRAIN.TIMEOUT_SHORT. */
export const ordinaryGraceSeconds = 60;

/** Set by the VPC resource controller on pods that have an interface, and security groups, of their own. */
const ownInterface = 'vpc.amazonaws.com/pod-eni';

/** Pods that may take long to end, and pods that end too fast for the VPC CNI to clean up. */
export const podGrace: Check = {
  codes: [
    {
      code: 'POD.LONG_GRACE',
      meaning: 'A pod has more than 15 minutes to end, or more than a minute and longer than the drain may take.',
      canBeAllowed: true,
    },
    {
      code: 'POD.ZERO_GRACE',
      meaning: 'A pod with security groups of its own has no time to end, which leaves its network behind.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const deadline = Math.max(ordinaryGraceSeconds, scope.request.drainTimeoutSeconds ?? longGraceSeconds);
    const limit = Math.min(longGraceSeconds, deadline);
    const long = scope.movingPods.filter((pod) => pod.terminationGracePeriodSeconds > limit);
    const zero = scope.movingPods.filter(
      (pod) => pod.terminationGracePeriodSeconds === 0 && ownInterface in pod.annotations,
    );
    return [
      ...byWorkload(long, snapshot).map((workload) => longGrace(workload, scope)),
      ...byWorkload(zero, snapshot).map(zeroGrace),
    ];
  },
};

function longGrace({ subject, namespace, pods }: MovingWorkload, scope: Scope): Finding {
  const { drainTimeoutSeconds } = scope.request;
  const grace = Math.max(...pods.map((pod) => pod.terminationGracePeriodSeconds));
  const isTooLong = drainTimeoutSeconds !== undefined && grace > drainTimeoutSeconds;
  return {
    code: 'POD.LONG_GRACE',
    severity: isTooLong ? 'blocking' : 'warning',
    subject,
    summary: `${count(pods.length, 'pod')} of ${subject} on the nodes to be drained may take ${formatDuration(grace)} to end.`,
    why: isTooLong
      ? `That is longer than --drain-timeout ${formatDuration(drainTimeoutSeconds)}: the drain would stop before they have ended, if they need their time.`
      : 'Their nodes wait for them: nothing makes a pod end before terminationGracePeriodSeconds.',
    nextActions: [
      ...(isTooLong ? [planAgain(scope, { drainTimeoutSeconds: grace + 1800 })] : []),
      `kubectl -n ${namespace} get pod ${pods[0].name} -o jsonpath='{.spec.terminationGracePeriodSeconds}'`,
    ],
  };
}

const zeroGrace = ({ subject, namespace, pods }: MovingWorkload): Finding => ({
  code: 'POD.ZERO_GRACE',
  severity: 'advice',
  subject,
  summary: `${count(pods.length, 'pod')} of ${subject} with security groups of their own have terminationGracePeriodSeconds 0.`,
  why: 'AWS asks for more than 0 there: a pod that is gone at once leaves the VPC CNI no time to take down its branch interface.',
  nextActions: [`kubectl -n ${namespace} get pod ${pods[0].name} -o jsonpath='{.metadata.ownerReferences}'`],
});
