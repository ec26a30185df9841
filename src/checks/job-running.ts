import { formatDuration } from '../domain/duration.ts';
import type { Finding } from '../domain/finding.ts';
import type { Scope } from '../domain/scope.ts';
import type { Job, Pod } from '../domain/snapshot.ts';
import { type Check, count, listed, planAgain } from './check.ts';

/** What --wait-for-jobs is proposed with. */
const proposedWaitSeconds = 3600;

/** Pods of Jobs, whose work is begun anew when they are evicted. */
export const jobRunning: Check = {
  codes: [
    {
      code: 'JOB.RUNNING',
      meaning: 'Jobs run on the old nodes: an evicted pod of theirs begins anew, or ends the Job as failed.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const jobs = new Map(snapshot.jobs.map((job) => [job.uid, job]));
    const running = scope.movingPods.filter(
      ({ controller, deletionTimestamp }) =>
        controller?.kind === 'Job' && controller.apiVersion.startsWith('batch/') && deletionTimestamp === null,
    );
    const byOutcome = Map.groupBy(running, ({ controller }) => outcomeOf(jobs.get(controller?.uid ?? '')));
    return outcomes.flatMap((outcome) => {
      const pods = byOutcome.get(outcome) ?? [];
      return pods[0] === undefined ? [] : [jobsRunning(outcome, pods[0], pods, scope)];
    });
  },
};

const outcomes = ['fails', 'fails-index', 'counts', 'begins-anew'] as const;
type Outcome = (typeof outcomes)[number];

/** What the Job controller makes of a pod that is evicted: failed, unless the podFailurePolicy says otherwise. */
function outcomeOf(job: Job | undefined): Outcome {
  if (job?.onDisruption === 'FailJob') return 'fails';
  if (job?.onDisruption === 'FailIndex') return 'fails-index';
  if (job?.onDisruption === 'Ignore') return 'begins-anew';
  return job?.backoffLimit === 0 ? 'fails' : 'counts';
}

const meanings: Record<Outcome, string> = {
  fails: 'an evicted pod ends its Job as failed (podFailurePolicy FailJob, or backoffLimit 0)',
  'fails-index': 'an evicted pod ends its index as failed (podFailurePolicy FailIndex)',
  counts: 'an evicted pod begins anew, and counts as a failure against backoffLimit',
  'begins-anew': 'an evicted pod begins anew, and does not count as a failure (podFailurePolicy Ignore)',
};

function jobsRunning(outcome: Outcome, first: Pod, pods: readonly Pod[], scope: Scope): Finding {
  const names = [...new Set(pods.map((pod) => `${pod.namespace}/${pod.controller?.name}`))];
  const { waitForJobsSeconds } = scope.request;
  return {
    code: 'JOB.RUNNING',
    severity: 'warning',
    subject: listed(names, 3),
    summary: `${count(names.length, 'Job')} on the nodes to be drained (${listed(names)}): ${meanings[outcome]}.`,
    why:
      waitForJobsSeconds > 0
        ? `The drain waits up to ${formatDuration(waitForJobsSeconds)} for them, and evicts what then still runs.`
        : 'The drain does not wait for Jobs unless it is told to.',
    nextActions: [
      ...(waitForJobsSeconds > 0
        ? []
        : [`${planAgain(scope, { waitForJobsSeconds: proposedWaitSeconds })}  # lets them run on for so long`]),
      `kubectl -n ${first.namespace} get job ${first.controller?.name}`,
    ],
  };
}
