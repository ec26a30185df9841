import { formatDuration } from '../domain/duration.ts';
import { type Check, planAgain } from './check.ts';
import { ordinaryGraceSeconds } from './pod-grace.ts';

/** A deadline that the drain is not expected to keep. */
export const drainTimeout: Check = {
  codes: [
    {
      code: 'DRAIN.TIMEOUT_SHORT',
      meaning: 'The drain is expected to take longer than --drain-timeout gives it.',
      canBeAllowed: false,
    },
  ],
  run({ cluster }, scope) {
    const { request, forecast, movingPods } = scope;
    const { drainTimeoutSeconds: timeout } = request;
    const grace = movingPods.reduce((most, pod) => Math.max(most, pod.terminationGracePeriodSeconds), 0);
    const isExpected = timeout !== undefined && timeout < forecast.expectedSeconds;
    if (timeout === undefined || !(isExpected || timeout < grace)) return [];
    // told as POD.LONG_GRACE
    if (grace > Math.max(timeout, ordinaryGraceSeconds)) return [];
    const slowest = forecast.groups.find(({ expectedSeconds }) => expectedSeconds !== null);
    const longEnough = 60 * Math.ceil((2 * Math.max(forecast.expectedSeconds, grace)) / 60);
    return [
      {
        code: 'DRAIN.TIMEOUT_SHORT',
        severity: 'warning',
        subject: cluster.name,
        summary: `--drain-timeout ${formatDuration(timeout)} is less than ${isExpected ? `draining ${cluster.name} is expected to take: about ${formatDuration(forecast.expectedSeconds)} (estimate)` : `a pod of ${cluster.name} may take to end: ${formatDuration(grace)}`}.`,
        why: `${isExpected ? `${slowest?.name ?? 'The drain'} takes longest. ` : ''}At the deadline the drain stops with some pods moved; apply can go on from there.`,
        nextActions: [planAgain(scope, { drainTimeoutSeconds: longEnough })],
      },
    ];
  },
};
