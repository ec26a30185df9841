/** The controllers of workloads, and what makes them look: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job. */
import type { KubeObject } from '../types.ts';
import { syncDaemonSet } from './daemon-sets.ts';
import { syncDeployment } from './deployments.ts';
import { createJobSync } from './jobs.ts';
import type { DaemonSet, Node, Pod } from './objects.ts';
import type { ControllerContext } from './owned-pods.ts';
import { controllerOf, isReady, isTerminating } from './pods.ts';
import { syncReplicaSet } from './replica-sets.ts';
import { syncStatefulSet } from './stateful-sets.ts';
import { createWorkQueue, keyOf, type WorkQueue } from './work-queue.ts';

/** From a change to the controller's next look, in milliseconds. */
const reactionMs = 10;

export function startWorkloadControllers(context: ControllerContext): void {
  const { store, clock } = context;
  const queues: Record<string, WorkQueue> = {
    Deployment: createWorkQueue(clock, reactionMs, (key) => {
      syncDeployment(context, key);
    }),
    ReplicaSet: createWorkQueue(clock, reactionMs, (key) => syncReplicaSet(context, key)),
    StatefulSet: createWorkQueue(clock, reactionMs, (key) => syncStatefulSet(context, key)),
    // The work of one look grows with the number of nodes: in a large cluster it looks less often.
    DaemonSet: createWorkQueue(clock, daemonSetDelay, (key) => syncDaemonSet(context, key)),
  };
  const jobs = createWorkQueue(clock, reactionMs, (key) => syncJob(key));
  const syncJob = createJobSync(context, (key, wait) => jobs.addAfter(key, wait));
  queues['Job'] = jobs;
  let nodes = 0;
  function daemonSetDelay(): number {
    return reactionMs + nodes / 5;
  }

  const resources = {
    deployments: 'Deployment',
    replicasets: 'ReplicaSet',
    statefulsets: 'StatefulSet',
    daemonsets: 'DaemonSet',
    jobs: 'Job',
  };
  for (const [resource, kind] of Object.entries(resources)) {
    store.watch(resource, ({ type, object }) => {
      if (type !== 'DELETED') queues[kind]?.add(keyOf(object));
      addOwner(queues, object);
    });
  }
  store.watch<Pod>('pods', ({ object, previous, type }) => {
    if (type !== 'MODIFIED' || countsOtherwise(previous, object)) addOwner(queues, object);
  });
  store.watch<Node>('nodes', ({ type, object, previous }) => {
    if (type !== 'MODIFIED') nodes += type === 'ADDED' ? 1 : -1;
    const { spec, metadata } = object;
    if (type === 'MODIFIED' && spec === previous?.spec && metadata.labels === previous.metadata.labels) return;
    for (const daemonSet of store.list<DaemonSet>('daemonsets')) queues['DaemonSet']?.add(keyOf(daemonSet));
  });
}

function addOwner(queues: Record<string, WorkQueue>, object: KubeObject): void {
  const owner = controllerOf(object);
  if (owner) queues[owner.kind]?.add(`${object.metadata.namespace ?? ''}/${owner.name}`);
}

function countsOtherwise(before: Pod | undefined, after: Pod): boolean {
  return (
    !before ||
    isReady(before) !== isReady(after) ||
    before.status.phase !== after.status.phase ||
    isTerminating(before) !== isTerminating(after) ||
    before.spec.nodeName !== after.spec.nodeName
  );
}
