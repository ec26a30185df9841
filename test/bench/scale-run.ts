/**
 * One size of `--scale`: the scheduler's core on a virtual clock, against a world that does no more than it must: budgets
 * with the arithmetic of Kubernetes, owners that replace their pods, and an event for every change of a pod or a budget.
 * Prints its result as JSON.
 */
import type { ClusterNode, Pod, PodDisruptionBudget } from '../../src/domain/snapshot.ts';
import { createDrainCore } from '../../src/drain/core.ts';
import { drainStatus, statusPause } from '../../src/drain/report.ts';
import { createVirtualClock } from '../../src/simulator/clock.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { drainParams } from './contenders/ours.ts';

export interface ScaleResult {
  nodes: number;
  pods: number;
  events: number;
  evictions: number;
  refused: number;
  violations: number;
  virtualSeconds: number;
  cpuSeconds: number;
  /** of it in the scheduler, for events and decisions */
  eventSeconds: number;
  /** of it in the scheduler, for the status of each second */
  statusSeconds: number;
  megabytes: number;
}

const podsPerNode = 30;
const latencyMs = 20;
const lagMs = 50;
const limitSeconds = 86_400;

interface Workload {
  index: number;
  namespace: string;
  stateful: boolean;
  replicas: number;
  healthy: number;
  /** how many may be down; null: no budget */
  allowed: number | null;
  disrupted: Map<string, string>;
  disruptionsAllowed: number;
  syncDue: boolean;
  readyMs: number;
  endMs: number;
}

const millisecondsSince = (from: bigint): number => Number(process.hrtime.bigint() - from) / 1e6;

function run(nodeCount: number): ScaleResult {
  const startedAt = process.hrtime.bigint();
  const random = createRandom(nodeCount);
  const clock = createVirtualClock(Date.UTC(2026, 0, 1));
  const begin = clock.now();
  const core = createDrainCore(drainParams(['old'], { timeoutSeconds: limitSeconds }));
  const startOfTime = new Date(begin).toISOString();
  const owner = new Map<string, Workload>();
  let events = 0;
  let evictions = 0;
  let refused = 0;
  let violations = 0;
  let eventMs = 0;
  let statusMs = 0;
  let uids = 0;
  const bell = { rung: false };

  /** Calls the scheduler, and takes the time. */
  function timed<T>(act: () => T): T {
    const from = process.hrtime.bigint();
    const result = act();
    eventMs += millisecondsSince(from);
    return result;
  }
  type DrainEvent = Parameters<typeof core.apply>[0];
  const tell = (event: DrainEvent): void => {
    events += 1;
    bell.rung = true;
    timed(() => core.apply(event, clock.now()));
  };

  const podOf = (workload: Workload, name: string, uid: string, nodeName: string | null, more: Partial<Pod>): Pod => ({
    namespace: workload.namespace,
    name,
    uid,
    nodeName,
    phase: 'Running',
    ready: true,
    createdAt: startOfTime,
    deletionTimestamp: null,
    controller: {
      apiVersion: 'apps/v1',
      kind: workload.stateful ? 'StatefulSet' : 'ReplicaSet',
      name: `app-${workload.index}`,
      uid: `owner-${workload.index}`,
    },
    labels: { app: `app-${workload.index}` },
    annotations: {},
    hostNetwork: false,
    podIp: null,
    mirror: false,
    emptyDirVolumes: [],
    persistentVolumeClaims: [],
    requests: { cpuMillis: 10, memoryBytes: 1 },
    nodeSelector: {},
    tolerations: [],
    terminationGracePeriodSeconds: 30,
    trouble: null,
    ...more,
  });
  const changed = (item: Pod): void => tell({ type: 'pods', event: { type: 'changed', item } });

  const budgetOf = (workload: Workload): PodDisruptionBudget => ({
    namespace: workload.namespace,
    name: `app-${workload.index}`,
    uid: `budget-${workload.index}`,
    generation: 1,
    selector: { matchLabels: { app: `app-${workload.index}` } },
    minAvailable: null,
    maxUnavailable: workload.allowed,
    unhealthyPodEvictionPolicy: null,
    status: {
      observedGeneration: 1,
      disruptionsAllowed: workload.disruptionsAllowed,
      currentHealthy: workload.healthy,
      desiredHealthy: workload.replicas - (workload.allowed ?? 0),
      expectedPods: workload.replicas,
      disruptedPods: Object.fromEntries(workload.disrupted),
      syncFailure: null,
    },
  });
  function sync(workload: Workload): void {
    if (workload.allowed === null || workload.syncDue) return;
    workload.syncDue = true;
    clock.after(lagMs, () => {
      workload.syncDue = false;
      workload.disrupted.clear();
      workload.disruptionsAllowed = Math.max(0, workload.healthy - workload.replicas + (workload.allowed ?? 0));
      tell({ type: 'budgets', event: { type: 'changed', item: budgetOf(workload) } });
    });
  }

  function evict(workload: Workload, name: string, uid: string, node: string): boolean {
    if (workload.allowed !== null) {
      if (workload.disruptionsAllowed <= 0) return false;
      workload.disruptionsAllowed -= 1;
      workload.disrupted.set(name, new Date(clock.now()).toISOString());
      tell({ type: 'budgets', event: { type: 'changed', item: budgetOf(workload) } });
    }
    evictions += 1;
    workload.healthy -= 1;
    if (workload.allowed !== null && workload.healthy < workload.replicas - workload.allowed) violations += 1;
    const deletionTimestamp = new Date(clock.now() + 30_000).toISOString();
    changed(podOf(workload, name, uid, node, { deletionTimestamp }));
    sync(workload);
    if (!workload.stateful) replace(workload, `app-${workload.index}-${uids}`);
    clock.after(workload.endMs, () => {
      owner.delete(uid);
      const item = podOf(workload, name, uid, node, { deletionTimestamp, phase: 'Succeeded', ready: false });
      tell({ type: 'pods', event: { type: 'removed', item } });
      if (workload.stateful) replace(workload, name);
    });
    return true;
  }

  function replace(workload: Workload, name: string): void {
    uids += 1;
    const uid = `pod-${uids}`;
    const node = `new-${random.int(1, nodeCount)}`;
    changed(podOf(workload, name, uid, null, { phase: 'Pending', ready: false }));
    clock.after(20, () => changed(podOf(workload, name, uid, node, { phase: 'Pending', ready: false })));
    clock.after(500, () => changed(podOf(workload, name, uid, node, { ready: false })));
    clock.after(workload.readyMs, () => {
      workload.healthy += 1;
      changed(podOf(workload, name, uid, node, {}));
      sync(workload);
    });
  }

  const { pods, workloads } = populate(nodeCount, random, (workload) => {
    uids += 1;
    const uid = `pod-${uids}`;
    owner.set(uid, workload);
    const name = workload.stateful ? `app-${workload.index}-${uids}` : `app-${workload.index}-x${uids}`;
    return podOf(workload, name, uid, `old-${random.int(1, nodeCount)}`, {});
  });
  const total = pods.length;
  tell({ type: 'nodes', event: { type: 'replaced', items: nodesOf(nodeCount, startOfTime) } });
  const budgets = workloads.filter(({ allowed }) => allowed !== null).map(budgetOf);
  tell({ type: 'budgets', event: { type: 'replaced', items: budgets } });
  tell({ type: 'pods', event: { type: 'replaced', items: pods.splice(0) } });

  let statusAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const now = clock.now();
    timed(() => core.takeDeparted());
    for (const { uid, name, node } of timed(() => core.decide(now))) {
      clock.after(latencyMs / 2, () => {
        const workload = owner.get(uid);
        const accepted = workload !== undefined && evict(workload, name, uid, node);
        if (!accepted) refused += 1;
        const outcome = accepted
          ? ({ kind: 'accepted' } as const)
          : ({ kind: 'budget-exhausted', budget: '' } as const);
        clock.after(latencyMs / 2, () => tell({ type: 'answered', uid, outcome }));
      });
    }
    for (const errand of timed(() => core.takeErrands(now))) {
      if (errand.kind === 'workloads') tell({ type: 'workloads', workloads: null });
      if (errand.kind === 'pod-events') tell({ type: 'pod-events', uid: errand.uid, events: null });
    }
    if (core.finished()) break;
    if (now - begin > limitSeconds * 1000) throw new Error(`not finished after ${limitSeconds} s`);
    if (now - statusAt >= statusPause(core.state)) {
      statusAt = now;
      const from = process.hrtime.bigint();
      drainStatus(core.state, now);
      statusMs += millisecondsSince(from);
    }
    const wake = Math.min(
      timed(() => core.nextWakeAt(now)),
      now + 5_000,
    );
    bell.rung = false;
    if (wake > now) clock.after(wake - now, () => (bell.rung = true));
    while (!bell.rung && clock.runNext());
    // all that happens in this millisecond
    clock.advance(0);
  }
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1e6;
  // Shares of the time, since the CPU time of single calls cannot be taken.
  const share = (milliseconds: number): number => cpuSeconds * (milliseconds / millisecondsSince(startedAt));
  return {
    nodes: nodeCount,
    pods: total,
    events,
    evictions,
    refused,
    violations,
    virtualSeconds: (clock.now() - begin) / 1000,
    cpuSeconds,
    eventSeconds: share(eventMs),
    statusSeconds: share(statusMs),
    megabytes: process.resourceUsage().maxRSS / 1024,
  };
}

/** Workloads of 5 to 25 pods until all nodes are full. */
function populate(
  nodeCount: number,
  random: ReturnType<typeof createRandom>,
  create: (workload: Workload) => Pod,
): { pods: Pod[]; workloads: Workload[] } {
  const pods: Pod[] = [];
  const workloads: Workload[] = [];
  const namespaces = Math.ceil(nodeCount / 10);
  while (pods.length < nodeCount * podsPerNode) {
    const index = workloads.length;
    const kind = index % 20;
    const stateful = kind < 2;
    const replicas = Math.min(stateful ? random.int(3, 7) : random.int(5, 25), nodeCount * podsPerNode - pods.length);
    const guarded = kind < 17 && replicas > 1;
    const tenth = kind >= 12;
    const allowed = guarded ? (tenth ? Math.ceil(replicas / 10) : 1) : null;
    const workload: Workload = {
      index,
      namespace: `team-${random.int(1, namespaces)}`,
      stateful,
      replicas,
      healthy: replicas,
      allowed,
      disrupted: new Map(),
      disruptionsAllowed: allowed ?? 0,
      syncDue: false,
      readyMs: random.int(5_000, 60_000),
      endMs: random.int(1_000, 25_000),
    };
    workloads.push(workload);
    for (let count = 0; count < replicas; count += 1) pods.push(create(workload));
  }
  return { pods, workloads };
}

function nodesOf(count: number, createdAt: string): ClusterNode[] {
  const node = (name: string, nodegroupName: string): ClusterNode => ({
    name,
    uid: name,
    instanceId: null,
    instanceType: 'm5.xlarge',
    availabilityZone: null,
    nodegroupName,
    labels: {},
    annotations: {},
    taints: [],
    unschedulable: nodegroupName === 'old',
    ready: true,
    createdAt,
    capacityPods: 110,
    allocatable: { pods: 110, cpuMillis: 4000, memoryBytes: 2 ** 34 },
  });
  return Array.from({ length: count }, (_, index) => [
    node(`old-${index + 1}`, 'old'),
    node(`new-${index + 1}`, 'new'),
  ]).flat();
}

process.stdout.write(JSON.stringify(run(Number(process.argv[2]))));
