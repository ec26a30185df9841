/** How much of each workload is up, learned from its pods alone. */
import type { StepProgress } from '../domain/journal-entry.ts';
import type { Pod, Workload } from '../domain/snapshot.ts';
import type { PodEvent } from '../ports/kubernetes.ts';
import { noticeFreeShares } from './group.ts';
import { tally, workloadOf } from './pod.ts';
import {
  controllerOf,
  type DrainPod,
  type DrainState,
  type EarlierRuns,
  type Group,
  type Lane,
  type Owner,
  ownerName,
} from './state.ts';
import type { Surges } from './surge.ts';

export interface Owners {
  /** The controller of the pod, known from now on; null for a bare pod. */
  of(pod: Pod): Owner | null;
  /** After what the counts depend on has changed. */
  count(pod: DrainPod, now: number): void;
  gone(pod: DrainPod, now: number): void;
  /** Its group is done. */
  released(owner: Owner, now: number): void;
  /** Whether a workload of one pod may be evicted: only one of a namespace at a time. */
  mayEnterLane(owner: Owner, group: Group): boolean;
  enterLane(owner: Owner): void;
  /** How large the cluster says they shall be; null: it did not say. */
  told(workloads: readonly Workload[] | null, now: number): void;
  /** One that creates no pods, to be asked why: each once a minute, to be followed by `toldWhy`. */
  takeUnexplained(now: number): Owner | undefined;
  /** Events of what creates its pods, the last one first. */
  toldWhy(key: string, events: readonly PodEvent[]): void;
}

/** What the parts of the core share. */
export interface Shared {
  state: DrainState;
  /** groups that may be able to send */
  dirty: Set<Group>;
  later: (at: number, act: (now: number) => void) => void;
  journal: (progress: StepProgress) => void;
}

/** a workload that replaces nothing for so long has become smaller */
const shrinkMilliseconds = 60_000;
/** one that owes a pod for so long cannot create it */
const deniedMilliseconds = 15_000;
const askAgainMilliseconds = 60_000;
const betweenQuestionsMilliseconds = 10_000;

export function createOwners(
  { state, dirty, later, journal }: Shared,
  surges: Surges,
  { disturbed, cameBack, startedAt }: Pick<EarlierRuns, 'disturbed' | 'cameBack' | 'startedAt'>,
): Owners {
  const { lanes, notRecreated } = state;
  const owners = new Map<string, Owner>();
  /** when each was asked why it creates no pods */
  const askedWhy = new Map<Owner, number>();
  let quietUntil = 0;

  type Identity = Pick<Owner, 'key' | 'kind' | 'namespace' | 'name' | 'labels' | 'disturbed' | 'creator'>;

  function create(identity: Identity): Owner {
    const owner: Owner = {
      ...identity,
      pods: new Set(),
      size: 0,
      available: 0,
      terminating: 0,
      inherited: new Set(),
      target: 0,
      smallSince: 0,
      denial: null,
      unready: new Set(),
      group: null,
      owes: false,
      returned: 0,
      onTrial: cameBack.has(ownerName(identity)),
      surge: null,
    };
    owner.surge = surges.of(owner);
    owners.set(identity.key, owner);
    return owner;
  }

  function resized(owner: Owner, now: number): void {
    owner.target = Math.max(owner.target, owner.size + owner.inherited.size);
    if (owner.size < owner.target) {
      owner.smallSince = now;
      later(now + deniedMilliseconds, (then) => shrink(owner, then));
    } else isWhole(owner);
    surges.look(owner, now);
    settle(owner, now);
  }

  function isWhole(owner: Owner): void {
    owner.owes = false;
    owner.denial = null;
    notRecreated.delete(owner);
    askedWhy.delete(owner);
  }

  function settle(owner: Owner, now: number): void {
    if (owner.group !== null) {
      dirty.add(owner.group);
      noticeFreeShares(owner.group, state.settings, now);
    }
    const lane = lanes.get(owner.namespace);
    if (lane?.holders.has(owner) && owner.available >= owner.target) {
      lane.holders.delete(owner);
      for (const group of lane.waiting) dirty.add(group);
      lane.waiting.clear();
    }
    const isOver = owner.target === 0 && owner.terminating === 0 && owner.group === null;
    if (isOver && owner.surge === null) owners.delete(owner.key);
  }

  /**
   * A pod that we evicted is missing: the workload was scaled down at the same time, or a quota or a webhook denies the
   * new one. Only the cluster knows; until it says so, the pod counts as down.
   */
  function shrink(owner: Owner, now: number): void {
    const since = now - owner.smallSince;
    if (owner.size >= owner.target || since < deniedMilliseconds) return;
    const isDenied = owner.owes && owner.kind !== 'Job';
    if (owner.terminating > 0) later(now + deniedMilliseconds, (then) => shrink(owner, then));
    else if (isDenied) notRecreated.add(owner);
    else if (since < shrinkMilliseconds) later(owner.smallSince + shrinkMilliseconds, (then) => shrink(owner, then));
    else resize(owner, now);
  }

  function resize(owner: Owner, now: number): void {
    owner.inherited.clear();
    owner.target = owner.size;
    isWhole(owner);
    settle(owner, now);
  }

  /** What an earlier run has evicted and what was created since tell how many are missing. */
  function missing({ namespace, pods: its }: Owner): number {
    const uids = new Set([...its].flatMap((pod) => disturbed.get(controllerOf(namespace, pod.name)) ?? []));
    const gone = [...uids].filter((uid) => !state.pods.has(uid)).length;
    const created = [...its].filter((pod) => pod.createdAt > (startedAt ?? 0)).length;
    return Math.max(0, gone - created);
  }

  function enlarge(owner: Owner, wanted: number, now: number): void {
    owner.inherited.clear();
    owner.target = Math.max(wanted, owner.size);
    owner.owes ||= owner.target > owner.size;
    resized(owner, now);
  }

  /** Of what an earlier run has evicted there may be no pod at all. */
  function createMissing(workloads: readonly Workload[]): void {
    const names = new Set(disturbed.keys());
    const deployments = new Map(Array.from(names, (name) => [name.slice(0, name.lastIndexOf('-')), name]));
    for (const workload of workloads) {
      const { kind, namespace, name, uid, replicas, controller, template } = workload;
      const key = `${namespace}/${kind === 'Deployment' ? `deployment/${name}` : uid}`;
      const wasDisturbed = (kind === 'Deployment' ? deployments : names).has(`${namespace}/${name}`);
      if (!wasDisturbed || replicas === 0 || controller !== null || owners.has(key)) continue;
      const replicaSet = deployments.get(`${namespace}/${name}`)?.slice(namespace.length + 1);
      const creator = kind === 'Deployment' && replicaSet !== undefined ? replicaSet : name;
      create({ key, kind, namespace, name, labels: template?.labels ?? {}, disturbed: true, creator });
    }
  }

  /** What an earlier run has evicted and is not up goes on holding the lane of its namespace. */
  function holdLanes(): void {
    for (const owner of owners.values()) {
      const { namespace, labels, available, target } = owner;
      const isDown = owner.disturbed && target === 1 && available < target;
      if (isDown && state.budgets.of(namespace, labels).length === 0) laneOf(owner).holders.add(owner);
    }
  }

  function laneOf({ namespace }: Owner): Lane {
    const lane = lanes.get(namespace) ?? { holders: new Set(), waiting: new Set() };
    lanes.set(namespace, lane);
    return lane;
  }

  return {
    of(pod) {
      const workload = workloadOf(pod);
      if (workload === null) return null;
      const { namespace, labels, controller } = pod;
      const key = `${namespace}/${workload.key}`;
      const creator = controller?.name ?? workload.name;
      const known = owners.get(key);
      if (known !== undefined) {
        known.creator = creator;
        return known;
      }
      const wasDisturbed = disturbed.has(`${namespace}/${creator}`);
      return create({ ...workload, key, namespace, labels, disturbed: wasDisturbed, creator });
    },
    count(pod, now) {
      tally(pod, 1);
      if (pod.owner === null) return;
      if (!pod.ready && !pod.finished && pod.deletedAt === null) pod.owner.unready.add(pod);
      resized(pod.owner, now);
    },
    gone(pod, now) {
      pod.owner?.pods.delete(pod);
      pod.owner?.inherited.delete(pod);
      if (pod.owner !== null) resized(pod.owner, now);
    },
    released: settle,
    mayEnterLane(owner, group) {
      if (!isAlone(group)) return true;
      const lane = lanes.get(owner.namespace);
      if (lane === undefined || lane.holders.size === 0 || lane.holders.has(owner)) return true;
      lane.waiting.add(group);
      return false;
    },
    enterLane(owner) {
      laneOf(owner).holders.add(owner);
    },
    takeUnexplained(now) {
      if (now < quietUntil) return undefined;
      const isDue = (owner: Owner): boolean => now >= (askedWhy.get(owner) ?? 0) + askAgainMilliseconds;
      const owner = [...notRecreated].find(isDue);
      if (owner === undefined) return undefined;
      quietUntil = now + betweenQuestionsMilliseconds;
      askedWhy.set(owner, now);
      return owner;
    },
    toldWhy(key, events) {
      const owner = owners.get(key);
      const last = events.find(({ reason }) => reason === 'FailedCreate' || reason === 'SuccessfulCreate');
      if (owner !== undefined) owner.denial = last?.reason === 'FailedCreate' ? last.message : null;
    },
    told(workloads, now) {
      const isFirst = state.sizesUnknown;
      state.sizesUnknown = false;
      if (isFirst && workloads !== null) createMissing(workloads);
      const replicas = new Map(workloads?.map((each) => [ownerName(each), each.replicas]));
      for (const owner of Array.from(owners.values())) {
        const isDeleted = workloads !== null && notRecreated.has(owner) && listedKinds.has(owner.kind);
        const wanted = replicas.get(ownerName(owner)) ?? (isDeleted ? 0 : undefined);
        if (wanted !== undefined && wanted <= owner.size) resize(owner, now);
        else if (wanted !== undefined) enlarge(owner, wanted, now);
        else if (isFirst && owner.disturbed) enlarge(owner, owner.size + owner.inherited.size + missing(owner), now);
      }
      if (!isFirst) return;
      if (workloads === null) journal({ kind: 'note', message: sizesNotTold });
      holdLanes();
      for (const group of state.groups.values()) dirty.add(group);
    },
  };
}

/** A ReplicaSet that shall have no pods is not listed. */
const listedKinds: ReadonlySet<string> = new Set(['Deployment', 'ReplicaSet', 'StatefulSet']);

const sizesNotTold =
  'the workloads could not be listed: how many pods each of them wants is taken from the pods that are there and from what was evicted before';

/** A workload of one pod, without a budget. */
export const isAlone = ({ owner }: Pick<Group, 'owner'>): boolean => owner !== null && owner.target <= 1;
