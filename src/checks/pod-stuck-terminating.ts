import { formatDuration } from '../domain/duration.ts';
import { drainClass } from '../domain/evictable.ts';
import type { Finding } from '../domain/finding.ts';
import { nodesOf } from '../domain/nodegroups.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, listed } from './check.ts';
import { byWorkload, type MovingWorkload } from './moving.ts';

/** After the moment at which a pod should have been gone. */
const patienceSeconds = 60;

/** Pods that should have ended by now. */
export const podStuckTerminating: Check = {
  codes: [
    {
      code: 'POD.STUCK_TERMINATING',
      meaning: 'A pod is being deleted, and has not ended a minute after its grace period.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { sources }) {
    const nodes = new Set(
      sources.flatMap(({ nodegroupName }) => nodesOf(snapshot, nodegroupName)).map(({ name }) => name),
    );
    const now = Date.parse(snapshot.observedAt);
    // the API server writes the end of the grace period into deletionTimestamp
    const overdue = (deletionTimestamp: string | null) =>
      deletionTimestamp === null ? 0 : (now - Date.parse(deletionTimestamp)) / 1000;
    const stuck = snapshot.pods.filter(
      (pod) =>
        nodes.has(pod.nodeName ?? '') &&
        !['daemonset', 'mirror'].includes(drainClass(pod)) &&
        overdue(pod.deletionTimestamp) > patienceSeconds,
    );
    return byWorkload(stuck, snapshot).map((workload) =>
      stuckTerminating(workload, Math.max(...workload.pods.map((pod) => overdue(pod.deletionTimestamp)))),
    );
  },
};

function stuckTerminating({ subject, namespace, pods }: MovingWorkload, overdueSeconds: number): Finding {
  const [first] = pods;
  const waits = pods.every((pod) => drainClass(pod) === 'finished')
    ? 'Its containers have ended, so the drain does not wait; a StatefulSet does, before it starts the next pod of the name.'
    : 'The drain waits, and never deletes by force.';
  const finalizers = [...new Set(pods.flatMap((pod) => pod.finalizers ?? []))];
  return {
    code: 'POD.STUCK_TERMINATING',
    severity: 'warning',
    subject,
    summary: `${count(pods.length, 'pod')} of ${subject} should have ended ${formatDuration(Math.floor(overdueSeconds))} ago: ${listed(pods.map(nameOf), 3)}.`,
    why:
      finalizers.length > 0
        ? `Finalizers hold it: ${listed(finalizers)}. Their controllers have to remove them. ${waits}`
        : `It has no finalizer that we saw: the kubelet of ${first.nodeName ?? 'its node'} or a volume may not answer. ${waits}`,
    nextActions: [
      `kubectl -n ${namespace} describe pod ${first.name}`,
      ...(finalizers.length > 0 || first.nodeName === null ? [] : [`kubectl describe node ${first.nodeName}`]),
    ],
  };
}
