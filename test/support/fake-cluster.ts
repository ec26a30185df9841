/**
 * A cluster as a drain sees it, in memory and on a virtual clock: pods, nodes, budgets with the arithmetic of the real
 * eviction API and disruption controller, owners that replace their pods. It counts what a drain must never do.
 */
import type { ClusterNode, Pod, PodDisruptionBudget, Workload } from '../../src/domain/snapshot.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EvictionOutcome, FollowEvent, Followed, KubernetesPort } from '../../src/ports/kubernetes.ts';
import { createVirtualClock, type VirtualClock } from '../../src/simulator/clock.ts';
import { createRandom } from '../../src/simulator/random.ts';

export interface FakeWorkload {
  namespace?: string;
  name: string;
  /** a Deployment names its ReplicaSet and its pods after the hash of the template */
  kind?: 'ReplicaSet' | 'StatefulSet' | 'Deployment' | 'Job';
  replicas: number;
  /** PodDisruptionBudget over its pods */
  budget?: { maxUnavailable: number } | { minAvailable: number };
  /** a second budget over the same pods */
  secondBudget?: boolean;
  unhealthyPodEvictionPolicy?: 'IfHealthyBudget' | 'AlwaysAllow';
  /** seconds from creation to Ready on a replacement node; null: never */
  readySeconds?: number | null;
  terminationSeconds?: number;
  /** 'spread' (default): at random; 'lumpy': all on one source node */
  placement?: 'spread' | 'lumpy';
  /** pods that are not Ready at the start */
  unready?: number;
  emptyDir?: boolean;
  /** seconds that a pod of the Job still runs at the start */
  jobSeconds?: number;
  /** new pods are denied: a quota is used up */
  quota?: boolean;
  /** events of its new pods, which stay in ContainerCreating: 'FailedCreatePodSandBox: ...' */
  sandboxFailure?: string | undefined;
  /** no node has room for its new pods */
  noRoom?: boolean;
  /** of its pods; they keep a pod that has ended */
  finalizers?: string[];
  /** its pods never end */
  neverEnds?: boolean;
  labels?: Record<string, string>;
}

export interface FakeOptions {
  seed: number;
  sourceNodes: number;
  workloads: FakeWorkload[];
  cordoned?: boolean;
  latencyMs?: number;
  watchLagMs?: number;
  controllerLagMs?: number;
  /** decides on the fate of each eviction request, by number from 1 */
  fault?: (request: number, pod: Pod) => 'throttle' | 'lost-before' | 'lost-after' | 'mismatch' | undefined;
}

interface Owner {
  uid: string;
  workload: Required<Pick<FakeWorkload, 'namespace' | 'name' | 'kind' | 'replicas'>> & FakeWorkload;
  created: number;
  /** of the pod template */
  revision: number;
}

export interface FakeCluster {
  clock: Clock;
  virtual: VirtualClock;
  kubernetes: Pick<
    KubernetesPort,
    | 'evict'
    | 'follow'
    | 'listNodes'
    | 'listPods'
    | 'listPodDisruptionBudgets'
    | 'listWorkloads'
    | 'podEvents'
    | 'restartDeployment'
    | 'cordon'
  >;
  counts: {
    requests: number;
    accepted: number;
    refused: number;
    /** an accepted eviction that left fewer healthy pods than the budget wants */
    violations: number;
    mismatches: number;
    /** most pods of a workload down at a time, by `namespace/name` */
    mostDown: Record<string, number>;
  };
  evictionsOf: Map<string, number>;
  /** Deployments that were rolled over, with the time given, by number of the call */
  restarts: { deployment: string; at: string }[];
  /** questions that are no watch and no eviction */
  asked: string[];
  /** when the last pod that has to leave left it, in milliseconds of the clock */
  emptyAt: Map<string, number>;
  podsOnSources(): Pod[];
  addPod(workload: string, nodeName: string): Pod;
  changeWorkload(name: string, change: Partial<FakeWorkload>): void;
  addNode(name: string): void;
  changeNode(name: string, change: Partial<ClusterNode>): void;
  changeBudget(name: string, change: Partial<PodDisruptionBudget>): void;
  removeNode(name: string): void;
  /** deletes a pod past the eviction API, as its controller would */
  deletePod(namespace: string, name: string): void;
  /** every watch is cut, loses what happens meanwhile, and lists again after the time */
  cutWatches(forMs: number): void;
  failWatch(error: Error): void;
}

const namespaceDefault = 'shop';

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();
const isHealthy = (pod: Pod): boolean => pod.ready && pod.deletionTimestamp === null;
const selects = (budget: PodDisruptionBudget, pod: Pod): boolean =>
  budget.namespace === pod.namespace && appOf(budget.selector?.matchLabels) === appOf(pod.labels);
const appOf = ({ app }: { app?: string } = {}): string | undefined => app;

export function createFakeCluster(options: FakeOptions): FakeCluster {
  const { latencyMs = 20, watchLagMs = 10, controllerLagMs = 20, cordoned = true } = options;
  const random = createRandom(options.seed);
  const virtual = createVirtualClock(Date.UTC(2025, 0, 1));
  const clock = clockOver(virtual);
  const pods = new Map<string, Pod>();
  const podsByApp = new Map<string, Set<Pod>>();
  const nodes = new Map<string, ClusterNode>();
  const budgets = new Map<string, PodDisruptionBudget>();
  const owners = new Map<string, Owner>();
  const counts: FakeCluster['counts'] = {
    requests: 0,
    accepted: 0,
    refused: 0,
    violations: 0,
    mismatches: 0,
    mostDown: {},
  };
  const evictionsOf = new Map<string, number>();
  const followers: { [K in keyof Followed]: Set<Follower<Followed[K]>> } = {
    pods: new Set(),
    nodes: new Set(),
    podDisruptionBudgets: new Set(),
  };
  const restarts: FakeCluster['restarts'] = [];
  const asked: string[] = [];
  const emptyAt = new Map<string, number>();
  const syncing = new Set<string>();
  let uids = 0;

  const uid = (kind: string): string => {
    uids += 1;
    return `${kind}-${String(uids).padStart(6, '0')}`;
  };

  function emit<K extends keyof Followed>(resource: K, type: 'changed' | 'removed', item: Followed[K]): void {
    const copy = structuredClone(item);
    for (const follower of followers[resource]) follower.deliver({ type, item: copy });
  }

  function podsOf(app = ''): Set<Pod> {
    const set = podsByApp.get(app) ?? new Set();
    podsByApp.set(app, set);
    return set;
  }

  function dropPod(pod: Pod): void {
    pods.delete(pod.uid);
    podsOf(appOf(pod.labels)).delete(pod);
    if (pod.nodeName !== null) emptyAt.set(pod.nodeName, clock.now());
  }

  const find = (namespace: string, name: string): Pod | undefined =>
    [...pods.values()].find((pod) => pod.namespace === namespace && pod.name === name);

  function podChanged(pod: Pod, type: 'changed' | 'removed' = 'changed'): void {
    emit('pods', type, pod);
    for (const budget of budgets.values()) if (selects(budget, pod)) sync(budget);
    const owner = owners.get(pod.controller?.uid ?? '');
    if (owner === undefined) return;
    const name = `${owner.workload.namespace}/${owner.workload.name}`;
    const up = [...podsOf(owner.workload.name)].filter(isHealthy).length;
    counts.mostDown[name] = Math.max(counts.mostDown[name] ?? 0, owner.workload.replicas - up);
  }

  /** The disruption controller, a little later. */
  function sync(budget: PodDisruptionBudget): void {
    if (syncing.has(budget.uid)) return;
    syncing.add(budget.uid);
    virtual.after(controllerLagMs, () => {
      syncing.delete(budget.uid);
      const before = JSON.stringify(budget.status);
      compute(budget);
      if (JSON.stringify(budget.status) !== before) emit('podDisruptionBudgets', 'changed', budget);
    });
  }

  function compute(budget: PodDisruptionBudget): void {
    const matching = [...podsOf(appOf(budget.selector?.matchLabels))].filter((pod) => selects(budget, pod));
    const owner = [...owners.values()].find(({ workload }) => appOf(budget.selector?.matchLabels) === workload.name);
    const expectedPods = owner?.workload.replicas ?? matching.length;
    const desiredHealthy =
      typeof budget.minAvailable === 'number'
        ? budget.minAvailable
        : Math.max(0, expectedPods - Number(budget.maxUnavailable));
    const disrupted = Object.entries(budget.status.disruptedPods).filter(([name, at]) => {
      const pod = matching.find((candidate) => candidate.name === name);
      return pod !== undefined && pod.deletionTimestamp === null && clock.now() - Date.parse(at) < 120_000;
    });
    for (const [, at] of disrupted) {
      virtual.after(Date.parse(at) + 120_000 - clock.now(), () => sync(budget));
    }
    const healthy = matching.filter((pod) => isHealthy(pod) && !disrupted.some(([name]) => name === pod.name)).length;
    budget.status = {
      observedGeneration: budget.generation,
      currentHealthy: healthy,
      desiredHealthy,
      expectedPods,
      disruptionsAllowed: Math.max(0, healthy - desiredHealthy),
      disruptedPods: Object.fromEntries(disrupted),
      syncFailure: null,
    };
  }

  function serve(namespace: string, name: string, podUid: string): EvictionOutcome {
    const pod = find(namespace, name);
    if (pod === undefined) return { kind: 'gone', detail: 'not found' };
    const matching = [...budgets.values()].filter((budget) => selects(budget, pod));
    const skipsBudget = pod.phase !== 'Running' || pod.deletionTimestamp !== null;
    if (!skipsBudget && matching.length > 1) return { kind: 'multiple-budgets', detail: 'more than one' };
    const [budget] = matching;
    if (!skipsBudget && budget !== undefined) {
      const { status } = budget;
      const free =
        !pod.ready &&
        (budget.unhealthyPodEvictionPolicy === 'AlwaysAllow' ||
          (status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0));
      if (!free) {
        if (status.observedGeneration < budget.generation) return { kind: 'budget-unprocessed', retryAfterSeconds: 10 };
        if (status.disruptionsAllowed <= 0) {
          const { desiredHealthy, currentHealthy } = status;
          return { kind: 'budget-exhausted', budget: `needs ${desiredHealthy} healthy pods and has ${currentHealthy}` };
        }
        status.disruptionsAllowed -= 1;
        status.disruptedPods = { ...status.disruptedPods, [pod.name]: iso(clock.now()) };
        emit('podDisruptionBudgets', 'changed', budget);
      }
    }
    if (pod.uid !== podUid) {
      counts.mismatches += 1;
      return { kind: 'gone', detail: 'another uid' };
    }
    counts.accepted += 1;
    evictionsOf.set(pod.uid, (evictionsOf.get(pod.uid) ?? 0) + 1);
    if (pod.deletionTimestamp === null) terminate(pod);
    if (budget !== undefined) {
      const healthy = [...podsOf(appOf(pod.labels))].filter(
        (other) => selects(budget, other) && isHealthy(other),
      ).length;
      if (pod.ready && healthy < budget.status.desiredHealthy) counts.violations += 1;
    }
    return { kind: 'accepted' };
  }

  function terminate(pod: Pod, isReplaced = true): void {
    const owner = owners.get(pod.controller?.uid ?? '');
    pod.deletionTimestamp = iso(clock.now() + pod.terminationGracePeriodSeconds * 1000);
    podChanged(pod);
    const inPlace = owner?.workload.kind === 'StatefulSet';
    if (owner !== undefined && !inPlace && isReplaced) virtual.after(controllerLagMs, () => replace(owner));
    if (owner?.workload.neverEnds === true || (pod.finalizers ?? []).length > 0) return;
    virtual.after((owner?.workload.terminationSeconds ?? 5) * 1000, () => {
      dropPod(pod);
      podChanged(pod, 'removed');
      if (owner !== undefined && inPlace) virtual.after(controllerLagMs, () => replace(owner, pod.name));
    });
  }

  const liveOf = (owner: Owner): Pod[] =>
    [...podsOf(owner.workload.name)].filter((pod) => pod.deletionTimestamp === null && pod.phase !== 'Succeeded');

  function replace(owner: Owner, name?: string): void {
    const { kind, replicas, quota } = owner.workload;
    const isRollout = owner.revision > 1;
    // the controller tries again when it is denied
    if (quota === true) virtual.after(10_000, () => replace(owner, name));
    else if (kind === 'StatefulSet' || isRollout || liveOf(owner).length < replicas) start(owner, name);
  }

  function start(owner: Owner, name?: string): void {
    const { readySeconds = 30, sandboxFailure, noRoom } = owner.workload;
    const pod = createPod(owner, `new-${random.int(1, 4)}`, name);
    pod.ready = false;
    pod.phase = 'Pending';
    if (noRoom === true) {
      pod.nodeName = null;
      pod.trouble = 'Unschedulable: 0/8 nodes are available: 4 Insufficient cpu, 4 node(s) were unschedulable.';
    }
    podChanged(pod);
    virtual.after(500, () => begin(pod));

    function begin(started: Pod): void {
      if (!pods.has(started.uid)) return;
      const waits = owner.workload.noRoom === true || owner.workload.sandboxFailure !== undefined;
      if (waits) {
        virtual.after(1000, () => begin(started));
        return;
      }
      started.nodeName ??= 'new-1';
      started.phase = 'Running';
      started.trouble = readySeconds === null ? 'CrashLoopBackOff: app exits with 1' : null;
      podChanged(started);
      if (readySeconds === null) return;
      const rest = sandboxFailure === undefined && noRoom !== true ? readySeconds * 1000 - 500 : readySeconds * 1000;
      virtual.after(rest, () => {
        if (!pods.has(started.uid) || started.deletionTimestamp !== null) return;
        started.ready = true;
        podChanged(started);
        if (owner.revision > 1) endOld(owner);
      });
    }
  }

  /** A rolling update with maxSurge 1 and maxUnavailable 0: one old pod goes for each new one that is Ready. */
  function endOld(owner: Owner): void {
    const hash = hashOf(owner);
    const old = liveOf(owner).find(({ labels }) => labels['pod-template-hash'] !== hash);
    if (old !== undefined) terminate(old, false);
    if (liveOf(owner).some(({ labels }) => labels['pod-template-hash'] !== hash)) start(owner);
  }

  const hashOf = ({ revision }: Owner): string => `h${revision}`;

  function createPod(owner: Owner, nodeName: string, name?: string): Pod {
    owner.created += 1;
    const { namespace, name: app, kind, labels } = owner.workload;
    const isDeployment = kind === 'Deployment';
    const creator = isDeployment ? `${app}-${hashOf(owner)}` : app;
    const pod: Pod = {
      namespace,
      name: name ?? `${creator}-${owner.created - 1}`,
      uid: uid('pod'),
      nodeName,
      phase: 'Running',
      ready: true,
      createdAt: iso(clock.now()),
      deletionTimestamp: null,
      controller: {
        apiVersion: 'apps/v1',
        kind: isDeployment ? 'ReplicaSet' : kind,
        name: creator,
        uid: isDeployment ? `${owner.uid}-${owner.revision}` : owner.uid,
      },
      labels: { app, ...labels, ...(isDeployment && { 'pod-template-hash': hashOf(owner) }) },
      ...(owner.workload.finalizers !== undefined && { finalizers: owner.workload.finalizers }),
      annotations: {},
      hostNetwork: false,
      podIp: null,
      mirror: false,
      emptyDirVolumes: owner.workload.emptyDir === true ? ['cache'] : [],
      persistentVolumeClaims: [],
      requests: { cpuMillis: 100, memoryBytes: 1 },
      nodeSelector: {},
      tolerations: [],
      terminationGracePeriodSeconds: 30,
      trouble: null,
    };
    pods.set(pod.uid, pod);
    podsOf(app).add(pod);
    return pod;
  }

  for (let index = 1; index <= options.sourceNodes; index += 1) addNode(`old-${index}`, 'old', cordoned);
  for (let index = 1; index <= 4; index += 1) addNode(`new-${index}`, 'new', false);

  function addNode(name: string, nodegroupName: string, unschedulable: boolean): void {
    nodes.set(name, {
      name,
      uid: uid('node'),
      instanceId: null,
      instanceType: 'm5.large',
      availabilityZone: null,
      nodegroupName,
      labels: {},
      annotations: {},
      taints: [],
      unschedulable,
      ready: true,
      createdAt: iso(clock.now()),
      capacityPods: 110,
      allocatable: { pods: 110, cpuMillis: 2000, memoryBytes: 1 },
    });
  }

  for (const workload of options.workloads) {
    const owner: Owner = {
      uid: uid('owner'),
      workload: { namespace: namespaceDefault, kind: 'ReplicaSet', ...workload },
      created: 0,
      revision: 1,
    };
    owners.set(owner.uid, owner);
    owners.set(`${owner.uid}-1`, owner);
    owners.set(`${owner.uid}-2`, owner);
    for (let index = 0; index < workload.replicas; index += 1) {
      const node = workload.placement === 'lumpy' ? 1 : random.int(1, options.sourceNodes);
      const pod = createPod(owner, `old-${node}`);
      if (workload.jobSeconds !== undefined) {
        virtual.after(workload.jobSeconds * 1000, () => {
          if (pod.deletionTimestamp !== null) return;
          pod.phase = 'Succeeded';
          pod.ready = false;
          owner.workload.replicas -= 1;
          podChanged(pod);
        });
      }
      if (index < (workload.unready ?? 0)) {
        pod.ready = false;
        pod.trouble = 'CrashLoopBackOff: app exits with 1';
      }
    }
    const rule = workload.budget;
    const names =
      rule === undefined ? [] : workload.secondBudget ? [workload.name, `${workload.name}-2`] : [workload.name];
    for (const name of names) {
      const budget: PodDisruptionBudget = {
        namespace: owner.workload.namespace,
        name,
        uid: uid('pdb'),
        generation: 1,
        selector: { matchLabels: { app: workload.name } },
        minAvailable: rule !== undefined && 'minAvailable' in rule ? rule.minAvailable : null,
        maxUnavailable: rule !== undefined && 'maxUnavailable' in rule ? rule.maxUnavailable : null,
        unhealthyPodEvictionPolicy: workload.unhealthyPodEvictionPolicy ?? null,
        status: {
          observedGeneration: 0,
          disruptionsAllowed: 0,
          currentHealthy: 0,
          desiredHealthy: 0,
          expectedPods: 0,
          disruptedPods: {},
          syncFailure: null,
        },
      };
      compute(budget);
      budgets.set(budget.uid, budget);
    }
  }

  const stores: { [K in keyof Followed]: ReadonlyMap<string, Followed[K]> } = {
    pods,
    nodes,
    podDisruptionBudgets: budgets,
  };
  const isSource = (name: string | null): boolean => name !== null && nodes.get(name)?.nodegroupName === 'old';

  function follow<K extends keyof Followed>(
    resource: K,
    listener: (event: FollowEvent<Followed[K]>) => void,
    signal: AbortSignal,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const store: ReadonlyMap<string, Followed[K]> = stores[resource];
      let generation = 0;
      let open = false;
      const relist = (afterMs: number): void => {
        generation += 1;
        const mine = generation;
        open = false;
        virtual.after(afterMs, () => {
          open = true;
          const items = structuredClone([...store.values()]);
          virtual.after(watchLagMs, () => {
            if (mine === generation && !signal.aborted) listener({ type: 'replaced', items });
          });
        });
      };
      const follower: Follower<Followed[K]> = {
        deliver(event) {
          const mine = generation;
          if (!open) return;
          virtual.after(watchLagMs, () => {
            if (mine === generation && !signal.aborted) listener(event);
          });
        },
        cut: relist,
        fail: reject,
      };
      followers[resource].add(follower);
      relist(latencyMs);
      signal.addEventListener('abort', () => {
        followers[resource].delete(follower);
        resolve();
      });
    });
  }

  const eachFollower = (act: (follower: Pick<Follower<never>, 'cut' | 'fail'>) => void): void => {
    for (const set of Object.values(followers)) for (const follower of set) act(follower);
  };

  return {
    clock,
    virtual,
    counts,
    evictionsOf,
    restarts,
    asked,
    emptyAt,
    kubernetes: {
      follow,
      listPodDisruptionBudgets: async () => structuredClone([...budgets.values()]),
      async listWorkloads() {
        asked.push('workloads');
        return [...new Set(owners.values())].map(({ workload, uid: ownerUid }): Workload => {
          const { namespace, name, replicas } = workload;
          const kind = workload.kind === 'Job' ? 'ReplicaSet' : workload.kind;
          return { kind, namespace, name, uid: ownerUid, controller: null, replicas, readyReplicas: 0 };
        });
      },
      async podEvents(namespace, name) {
        asked.push(`events ${namespace}/${name}`);
        const pod = find(namespace, name);
        const failure = owners.get(pod?.controller?.uid ?? '')?.workload.sandboxFailure;
        const at = { lastAt: iso(clock.now()) };
        const creator = [...owners.values()].find((owner) =>
          [owner.workload.name, `${owner.workload.name}-${hashOf(owner)}`].includes(name),
        );
        if (creator?.workload.quota === true) {
          const message = `Error creating: pods "${name}-x" is forbidden: exceeded quota: tenant`;
          return [{ reason: 'FailedCreate', message, ...at }];
        }
        return failure === undefined
          ? [{ reason: 'Scheduled', message: '', ...at }]
          : [
              { reason: 'FailedCreatePodSandBox', message: failure, ...at },
              { reason: 'Scheduled', message: '', ...at },
            ];
      },
      async restartDeployment(namespace, name, at) {
        await clock.sleep(latencyMs);
        const owner = [...owners.values()].find(({ workload }) => workload.name === name);
        if (owner === undefined || owner.workload.kind !== 'Deployment') return 'gone';
        const isNew = !restarts.some((restart) => restart.deployment === `${namespace}/${name}` && restart.at >= at);
        restarts.push({ deployment: `${namespace}/${name}`, at });
        if (!isNew) return 'done';
        owner.revision += 1;
        virtual.after(controllerLagMs, () => replace(owner));
        return 'done';
      },
      async cordon(name) {
        await clock.sleep(latencyMs);
        const node = nodes.get(name);
        if (node === undefined) return undefined;
        node.unschedulable = true;
        emit('nodes', 'changed', node);
        return structuredClone(node);
      },
      listNodes: async (nodegroupName) =>
        structuredClone([...nodes.values()].filter((node) => !nodegroupName || node.nodegroupName === nodegroupName)),
      listPods: async () => structuredClone([...pods.values()]),
      async evict({ namespace, name, uid: podUid }) {
        counts.requests += 1;
        const pod = pods.get(podUid);
        const fault = pod && options.fault?.(counts.requests, pod);
        await clock.sleep(latencyMs / 2);
        if (fault === 'throttle') {
          await clock.sleep(latencyMs / 2);
          return { kind: 'throttled', retryAfterSeconds: 1, detail: 'too many requests' };
        }
        if (fault === 'mismatch' && pod !== undefined) {
          // The pod is replaced under its name just before the request arrives.
          dropPod(pod);
          podChanged(pod, 'removed');
          const owner = owners.get(pod.controller?.uid ?? '');
          if (owner !== undefined) replace(owner, pod.name);
        }
        const outcome =
          fault === 'lost-before' ? ({ kind: 'unknown', detail: 'reset' } as const) : serve(namespace, name, podUid);
        if (outcome.kind === 'budget-exhausted') counts.refused += 1;
        await clock.sleep(latencyMs / 2);
        return fault === 'lost-after' ? { kind: 'unknown', detail: 'reset' } : outcome;
      },
    },
    podsOnSources: () => [...pods.values()].filter((pod) => isSource(pod.nodeName)),
    addPod(name, nodeName) {
      const owner = [...owners.values()].find(({ workload }) => workload.name === name);
      if (owner === undefined) throw new Error(`no workload ${name}`);
      owner.workload.replicas += 1;
      const pod = createPod(owner, nodeName);
      podChanged(pod);
      return pod;
    },
    changeWorkload(name, change) {
      const owner = [...owners.values()].find(({ workload }) => workload.name === name);
      if (owner === undefined) throw new Error(`no workload ${name}`);
      Object.assign(owner.workload, change);
    },
    addNode(name) {
      addNode(name, 'old', false);
      const node = nodes.get(name);
      if (node !== undefined) emit('nodes', 'changed', node);
    },
    changeNode(name, change) {
      const node = nodes.get(name);
      if (node === undefined) throw new Error(`no node ${name}`);
      Object.assign(node, change);
      emit('nodes', 'changed', node);
    },
    changeBudget(name, change) {
      const budget = [...budgets.values()].find((candidate) => candidate.name === name);
      if (budget === undefined) throw new Error(`no budget ${name}`);
      Object.assign(budget, change, { generation: budget.generation + 1 });
      emit('podDisruptionBudgets', 'changed', budget);
      sync(budget);
    },
    removeNode(name) {
      const node = nodes.get(name);
      nodes.delete(name);
      if (node !== undefined) emit('nodes', 'removed', node);
    },
    deletePod(namespace, name) {
      const pod = find(namespace, name);
      if (pod !== undefined && pod.deletionTimestamp === null) terminate(pod);
    },
    cutWatches: (forMs) => eachFollower((follower) => follower.cut(forMs)),
    failWatch: (error) => eachFollower((follower) => follower.fail(error)),
  };
}

interface Follower<T> {
  deliver(event: FollowEvent<T>): void;
  cut(forMs: number): void;
  fail(error: Error): void;
}

/** The port over a virtual clock. */
export function clockOver(virtual: VirtualClock): Clock {
  return {
    now: () => virtual.now(),
    monotonic: () => virtual.now(),
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const onAbort = (): void => {
          timer.cancel();
          reject(signal?.reason);
        };
        const timer = virtual.after(milliseconds, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
  };
}
