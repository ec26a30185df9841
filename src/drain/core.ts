/**
 * The decisions of a drain: which pod is asked to leave next. Pure and deterministic: what is observed and what the time
 * is come in with each call; nothing here waits or talks to anybody. An event costs O(log n) at most, a list O(n).
 *
 * How an eviction is counted. The API server lowers `disruptionsAllowed` and writes the pod's name into
 * `status.disruptedPods` in one update, before it deletes the pod; the disruption controller then counts the pod as not
 * healthy. So every status from that update on contains the eviction, and none before does. An eviction is therefore
 * deducted from the observed `disruptionsAllowed` from the moment it is decided until a status names its pod, also when
 * that status overtakes the answer. A watch delivers every version, so that moment comes; only a list may have skipped
 * it: then the deduction ends `settleSeconds` after the answer. Ending it too early can at worst cost one refused call,
 * since the server counts for itself; ending it too late leaves some budget idle. Neither can break a budget.
 *
 * https://github.com/kubernetes/kubernetes/blob/v1.33.0/pkg/registry/core/pod/storage/eviction.go
 */
import type { ClusterNode, Pod, PodDisruptionBudget } from '../domain/snapshot.ts';
import type { EvictionOutcome, FollowEvent } from '../ports/kubernetes.ts';
import { createBudgetLookup } from './budget-lookup.ts';
import { deductions, firstRecheckSeconds, head, isFree, lastRecheckSeconds, newGroup } from './group.ts';
import { createHeap, type Heap } from './heap.ts';
import { factsOf, newOwner, newPod, sameLabels, tally, uncount } from './pod.ts';
import {
  allowance,
  type DrainNode,
  type DrainPod,
  type DrainSettings,
  type DrainState,
  type Group,
  type Hold,
  needsAPerson,
  type Owner,
  podKey,
} from './state.ts';
import { createTokenBucket } from './token-bucket.ts';

export type DrainEvent =
  | { type: 'pods'; event: FollowEvent<Pod> }
  | { type: 'nodes'; event: FollowEvent<ClusterNode> }
  | { type: 'budgets'; event: FollowEvent<PodDisruptionBudget> }
  | { type: 'answered'; uid: string; outcome: EvictionOutcome };

export interface Eviction {
  namespace: string;
  name: string;
  uid: string;
  node: string;
  /** `shop/search`, null when no PodDisruptionBudget selects the pod */
  budget: string | null;
}

export interface Departed {
  /** `shop/search-6` */
  pod: string;
  uid: string;
  node: string;
}

/** From the journal. */
export interface EarlierRuns {
  /** pods asked to leave and not yet seen to be gone, by uid */
  asked: Record<string, { pod: string; node: string }>;
  /** how many were seen to be gone */
  podsGone: number;
}

export interface DrainCore {
  readonly state: Readonly<DrainState>;
  apply(event: DrainEvent, now: number): void;
  /** Evictions to send now, each to be followed by its `answered` event. */
  decide(now: number): Eviction[];
  /** When `decide` should be called again although nothing happened: epoch milliseconds, Infinity for never. */
  nextWakeAt(now: number): number;
  /** Asked just before the request: the pod that was decided on is there and not on its way out. */
  stillThere(uid: string): boolean;
  /** Pods asked to leave that were seen to be gone since the last call. */
  takeDeparted(): Departed[];
  /** All was listed, and no pod is left that has to leave a source node. */
  finished(): boolean;
  /** Some are left, and none of them can move unless a person does something. */
  stuckForGood(): boolean;
}

const seconds = 1000;
const settleSeconds = 5;
const maxInFlight = 32;
const longestRetrySeconds = 30;
/** an accepted pod that shows no sign of leaving for so long is asked again */
const acceptedButHereSeconds = 120;
/** a workload whose new pods land on the old nodes so often tolerates the cordon, or is bound there */
const returnsAtMost = 3;
/** a workload that replaces nothing for so long has become smaller */
const shrinkSeconds = 60;

type Timer = { at: number; group: Group } | { at: number; pod: DrainPod } | { at: number; owner: Owner };

export function createDrainCore(settings: DrainSettings, earlier: EarlierRuns = { asked: {}, podsGone: 0 }): DrainCore {
  const sources = new Set(settings.nodegroupNames);
  const state: DrainState = {
    settings,
    pods: new Map(),
    nodes: new Map(),
    groups: new Map(),
    budgets: createBudgetLookup(),
    bucket: createTokenBucket(),
    inFlight: new Map(),
    withoutRoom: new Set(),
    leaving: new Set(),
    held: new Set(),
    nodesEmpty: 0,
    nodesTotal: 0,
    podsLeft: 0,
    podsGone: earlier.podsGone,
  };
  const { pods, nodes, groups, budgets, bucket, inFlight, withoutRoom, leaving, held } = state;
  const listed = { pods: false, nodes: false, budgets: false };
  const uidByKey = new Map<string, string>();
  const owners = new Map<string, Owner>();
  const podsByNode = new Map<string, Set<DrainPod>>();
  const leaversByNamespace = new Map<string, Set<DrainPod>>();
  const lanes = new Map<string, { holder: Owner | null; waiting: Set<Group> }>();
  const awaited = new Map(Object.entries(earlier.asked));
  const blocked = new Set<DrainPod>();
  const dirty = new Set<Group>();
  const timers: Heap<Timer> = createHeap((a, b) => a.at < b.at);
  const sendable: Heap<{ group: Group; urgency: number }> = createHeap((a, b) => a.urgency > b.urgency);
  let departed: Departed[] = [];
  let tickets = 0;

  const allListed = (): boolean => listed.pods && listed.nodes && listed.budgets;

  function apply(event: DrainEvent, now: number): void {
    switch (event.type) {
      case 'pods':
        if (event.event.type === 'changed') putPod(event.event.item, now);
        else if (event.event.type === 'removed') removePod(event.event.item.uid, now);
        else replacePods(event.event.items, now);
        break;
      case 'nodes':
        if (event.event.type === 'changed') putNode(event.event.item, now);
        else if (event.event.type === 'removed') removeNode(event.event.item, now);
        else replaceNodes(event.event.items, now);
        break;
      case 'budgets':
        if (event.event.type === 'replaced') {
          replaceBudgets(event.event.items, now);
          break;
        }
        if (event.event.type === 'removed') budgets.remove(event.event.item.uid);
        else if (!putBudget(event.event.item)) break;
        matchAgain(event.event.item.namespace, now);
        break;
      case 'answered':
        answered(event.uid, event.outcome, now);
        break;
    }
  }

  // Pods

  function replacePods(items: Pod[], now: number): void {
    const uids = new Set(items.map((pod) => pod.uid));
    for (const uid of pods.keys()) if (!uids.has(uid)) removePod(uid, now);
    for (const pod of items) putPod(pod, now);
    listed.pods = true;
    for (const uid of awaited.keys()) if (!uids.has(uid)) depart(uid);
  }

  function putPod(observed: Pod, now: number): void {
    const key = podKey(observed);
    const namesake = uidByKey.get(key);
    // Two pods cannot have one name: the other one has gone, whether or not we were told.
    if (namesake !== undefined && namesake !== observed.uid) removePod(namesake, now);
    uidByKey.set(key, observed.uid);

    const known = pods.get(observed.uid);
    const pod = known ?? newPod(observed, ownerOf(observed));
    const was = { ready: pod.ready, finished: pod.finished, labels: pod.labels };
    if (known === undefined) pods.set(pod.uid, pod);
    else uncount(pod);
    Object.assign(pod, factsOf(observed));
    if (pod.nodeName !== null) setIn(podsByNode, pod.nodeName).add(pod);
    // Work that is done is not replaced; a pod that ends because it is deleted is.
    if (pod.finished && !was.finished && pod.deletedAt === null && pod.owner !== null) pod.owner.target -= 1;
    count(pod, now);

    if (pod.nodeName === null && pod.owner?.disturbed === true && wantsRoom.test(pod.trouble ?? '')) {
      withoutRoom.add(pod);
    } else withoutRoom.delete(pod);
    if (pod.on !== null && !sameLabels(was.labels, pod.labels)) detach(pod);
    place(pod, now);
    if (pod.state === 'queued' && pod.ready !== was.ready) enqueue(pod);
  }

  function removePod(uid: string, now: number): void {
    const pod = pods.get(uid);
    if (pod === undefined) return;
    pods.delete(uid);
    if (uidByKey.get(podKey(pod)) === uid) uidByKey.delete(podKey(pod));
    if (pod.nodeName !== null) podsByNode.get(pod.nodeName)?.delete(pod);
    withoutRoom.delete(pod);
    uncount(pod);
    if (pod.owner !== null) resized(pod.owner, now);
    detach(pod);
    depart(uid);
  }

  function depart(uid: string): void {
    const eviction = awaited.get(uid);
    if (eviction === undefined) return;
    awaited.delete(uid);
    departed.push({ pod: eviction.pod, uid, node: eviction.node });
    state.podsGone += 1;
  }

  // Nodes

  function replaceNodes(items: ClusterNode[], now: number): void {
    const names = new Set(items.map((node) => node.name));
    for (const node of nodes.values()) if (!names.has(node.name)) removeNode(node, now);
    for (const node of items) putNode(node, now);
    listed.nodes = true;
  }

  function putNode(observed: ClusterNode, now: number): void {
    const source = observed.nodegroupName !== null && sources.has(observed.nodegroupName);
    const known = nodes.get(observed.name);
    if (known !== undefined && known.source === source && known.cordoned === observed.unschedulable) {
      known.uid = observed.uid;
      return;
    }
    const node = known ?? { name: observed.name, uid: '', source: false, cordoned: false, left: 0 };
    nodes.set(node.name, node);
    if (source !== node.source) countNode(node, source ? 1 : -1);
    Object.assign(node, { uid: observed.uid, source, cordoned: observed.unschedulable });
    for (const pod of podsByNode.get(node.name) ?? []) place(pod, now);
  }

  /** A node that vanished took its pods with it, even while their objects still exist. */
  function removeNode(gone: { name: string; uid: string }, now: number): void {
    const node = nodes.get(gone.name);
    if (node === undefined || node.uid !== gone.uid) return;
    nodes.delete(node.name);
    for (const pod of podsByNode.get(node.name) ?? []) place(pod, now);
    if (node.source) countNode(node, -1);
  }

  function countNode(node: DrainNode, change: 1 | -1): void {
    state.nodesTotal += change;
    if (node.left === 0) state.nodesEmpty += change;
  }

  // PodDisruptionBudgets

  function replaceBudgets(items: PodDisruptionBudget[], now: number): void {
    const uids = new Set(items.map((budget) => budget.uid));
    const gone = [...budgets.all().values()].filter((budget) => !uids.has(budget.uid));
    for (const { uid } of gone) budgets.remove(uid);
    const changed = [...gone, ...items.filter(putBudget)];
    for (const namespace of new Set(changed.map((budget) => budget.namespace))) matchAgain(namespace, now);
    listed.budgets = true;
  }

  /** True when it may select other pods than before. */
  function putBudget(budget: PodDisruptionBudget): boolean {
    const group = groups.get(budget.uid);
    if (group !== undefined) {
      group.budget = budget;
      group.refusedUntil = 0;
      for (const [uid, eviction] of group.unaccounted) {
        const entry = budget.status.disruptedPods[eviction.name];
        if (entry !== undefined && entry !== eviction.before) group.unaccounted.delete(uid);
      }
      dirty.add(group);
    }
    return budgets.put(budget);
  }

  function matchAgain(namespace: string, now: number): void {
    // A copy: each pod leaves the set and comes back.
    for (const pod of Array.from(leaversByNamespace.get(namespace) ?? [])) {
      detach(pod);
      place(pod, now);
    }
  }

  // Owners: how much of a workload is up

  function ownerOf({ controller, namespace }: Pod): Owner | null {
    if (controller === null) return null;
    const known = owners.get(controller.uid);
    if (known !== undefined) return known;
    const owner = newOwner(controller, namespace);
    owners.set(owner.uid, owner);
    return owner;
  }

  function count(pod: DrainPod, now: number): void {
    tally(pod, 1);
    if (pod.owner === null) return;
    if (!pod.ready && !pod.finished && pod.deletedAt === null) pod.owner.unready.add(pod);
    resized(pod.owner, now);
  }

  function resized(owner: Owner, now: number): void {
    owner.target = Math.max(owner.target, owner.size);
    if (owner.size < owner.target) {
      owner.smallSince = now;
      timers.push({ at: now + shrinkSeconds * seconds, owner });
    }
    settle(owner);
  }

  function settle(owner: Owner): void {
    if (owner.group !== null) dirty.add(owner.group);
    const lane = lanes.get(owner.namespace);
    if (lane?.holder === owner && owner.available >= owner.target) {
      lane.holder = null;
      for (const group of lane.waiting) dirty.add(group);
      lane.waiting.clear();
    }
    if (owner.target === 0 && owner.terminating === 0 && owner.group === null) owners.delete(owner.uid);
  }

  function shrink(owner: Owner, now: number): void {
    if (owner.size >= owner.target || now - owner.smallSince < shrinkSeconds * seconds) return;
    if (owner.terminating > 0) {
      timers.push({ at: now + shrinkSeconds * seconds, owner });
      return;
    }
    owner.target = owner.size;
    settle(owner);
  }

  // Groups: where a pod stands

  /** Brings the pod's place in line with what is known of it, its node and its budgets. Changes nothing when nothing did. */
  function place(pod: DrainPod, now: number): void {
    const node = pod.nodeName === null ? undefined : nodes.get(pod.nodeName);
    // A pod that is being deleted is finished some time before it is gone.
    const hasToGo = pod.mustMove || (pod.on !== null && pod.deletedAt !== null);
    if (node?.source !== true || !hasToGo) {
      detach(pod);
      return;
    }
    if (pod.on === null) attach(pod, node);
    if (pod.state === 'in-flight') return;
    if (pod.state === 'leaving' || pod.deletedAt !== null) {
      if (!leaving.has(pod)) stand(pod, 'leaving', null, now);
      return;
    }
    const hold = holdOf(pod, node, now);
    if (hold !== null) stand(pod, 'held', hold, now);
    else if (pod.state !== 'queued') stand(pod, 'queued', null, now);
  }

  function holdOf(pod: DrainPod, node: DrainNode, now: number): Hold | null {
    if (pod.group === null) return 'multiple-budgets';
    if (pod.emptyDir && !settings.allowEmptyDir) return 'emptydir';
    if (pod.owner === null && !settings.allowBarePods) return 'bare-pod';
    if (!node.cordoned) return 'not-cordoned';
    if (pod.owner !== null && pod.owner.returned > returnsAtMost) return 'comes-back';
    return now < pod.notBefore ? pod.hold : null;
  }

  function stand(pod: DrainPod, standing: DrainPod['state'], hold: Hold | null, now: number): void {
    uncount(pod);
    pod.state = standing;
    pod.hold = hold;
    if (standing === 'leaving') pod.leavingSince = now;
    count(pod, now);
    leaving.delete(pod);
    held.delete(pod);
    blocked.delete(pod);
    if (pod.on === null) return;
    if (standing === 'leaving') leaving.add(pod);
    if (standing === 'held') held.add(pod);
    if (needsAPerson.has(hold)) blocked.add(pod);
    if (standing === 'queued') enqueue(pod);
  }

  function attach(pod: DrainPod, node: DrainNode): void {
    pod.on = node;
    if (node.left === 0) state.nodesEmpty -= 1;
    node.left += 1;
    state.podsLeft += 1;
    setIn(leaversByNamespace, pod.namespace).add(pod);
    if (!pod.arrived && pod.owner?.disturbed === true) pod.owner.returned += 1;
    pod.arrived = true;
    const [budget, second] = budgets.of(pod.namespace, pod.labels);
    if (second !== undefined) {
      pod.detail = `${budget?.name} and ${second.name}`;
      return;
    }
    const group = groupOf(budget ?? null, pod.owner);
    group.left += 1;
    pod.group = group;
  }

  function detach(pod: DrainPod): void {
    if (pod.on === null) return;
    pod.on.left -= 1;
    if (pod.on.left === 0) state.nodesEmpty += 1;
    pod.on = null;
    state.podsLeft -= 1;
    leaversByNamespace.get(pod.namespace)?.delete(pod);
    for (const set of [leaving, held, blocked]) set.delete(pod);
    if (pod.state === 'queued' || pod.state === 'held') pod.state = 'idle';
    pod.notBefore = 0;
    const { group } = pod;
    pod.group = null;
    if (group === null) return;
    group.left -= 1;
    retire(group);
  }

  function groupOf(budget: PodDisruptionBudget | null, owner: Owner | null): Group {
    const key = budget?.uid ?? owner?.uid ?? 'bare';
    const known = groups.get(key);
    if (known !== undefined) return known;
    const group = newGroup(key, budget, owner);
    groups.set(key, group);
    if (group.owner !== null) group.owner.group = group;
    return group;
  }

  function retire(group: Group): void {
    if (group.left > 0 || group.inFlight > 0 || groups.get(group.key) !== group) return;
    groups.delete(group.key);
    dirty.delete(group);
    if (group.owner === null) return;
    lanes.get(group.owner.namespace)?.waiting.delete(group);
    group.owner.group = null;
    settle(group.owner);
  }

  function enqueue(pod: DrainPod): void {
    if (pod.group === null) return;
    tickets += 1;
    pod.ticket = tickets;
    pod.group.queue.push({ pod, ticket: tickets, ready: pod.ready });
    dirty.add(pod.group);
  }

  // Decisions

  function decide(now: number): Eviction[] {
    for (let timer = timers.peek(); timer !== undefined && timer.at <= now; timer = timers.peek()) {
      timers.pop();
      if ('group' in timer) dirty.add(timer.group);
      else if ('owner' in timer) shrink(timer.owner, now);
      else lookAgain(timer.pod, now);
    }
    if (!allListed()) return [];
    for (const group of dirty) offer(group, now);
    dirty.clear();
    if (withoutRoom.size > 0) return [];

    const evictions: Eviction[] = [];
    while (sendable.size() > 0 && inFlight.size < maxInFlight) {
      const group = sendable.peek()?.group;
      const pod = group && next(group, now);
      if (group !== undefined && pod !== undefined) {
        if (!bucket.take(now)) break;
        evictions.push(send(group, pod, now));
      }
      sendable.pop();
      if (group === undefined) continue;
      group.offered = false;
      offer(group, now);
    }
    return evictions;
  }

  function offer(group: Group, now: number): void {
    if (group.offered || next(group, now) === undefined) return;
    group.offered = true;
    const atOnce = Math.max(1, allowance(group, settings.unbudgetedPercent));
    sendable.push({ group, urgency: Math.ceil(group.left / atOnce) });
  }

  /** The pod of the group that may be asked to leave now. */
  function next(group: Group, now: number): DrainPod | undefined {
    const pod = head(group);
    if (pod === undefined || group.refusedUntil > now) return undefined;
    const { budget, owner } = group;
    if (budget !== null) {
      if (group.inFlight > 0 || budget.status.observedGeneration < budget.generation) return undefined;
      return isFree(pod, budget) || budget.status.disruptionsAllowed > deductions(group, now) ? pod : undefined;
    }
    if (owner === null || !pod.ready) return pod;
    const down = owner.target - owner.available;
    return down < allowance(group, settings.unbudgetedPercent) && mayEnterLane(owner, group) ? pod : undefined;
  }

  /** Workloads of a single pod without a budget go one after the other within their namespace. */
  function mayEnterLane(owner: Owner, group: Group): boolean {
    if (owner.target > 1) return true;
    const lane = lanes.get(owner.namespace);
    if (lane === undefined || lane.holder === null || lane.holder === owner) return true;
    lane.waiting.add(group);
    return false;
  }

  function send(group: Group, pod: DrainPod, now: number): Eviction {
    const { budget, owner } = group;
    if (budget !== null && !isFree(pod, budget)) {
      const before = budget.status.disruptedPods[pod.name];
      group.unaccounted.set(pod.uid, { name: pod.name, before, until: Infinity });
    }
    if (owner !== null && owner.target <= 1 && pod.ready) {
      const lane = lanes.get(owner.namespace) ?? { holder: null, waiting: new Set() };
      lanes.set(owner.namespace, lane);
      lane.holder = owner;
    }
    stand(pod, 'in-flight', null, now);
    group.inFlight += 1;
    inFlight.set(pod.uid, { group, pod });
    const node = pod.nodeName ?? '';
    awaited.set(pod.uid, { pod: podKey(pod), node });
    return { namespace: pod.namespace, name: pod.name, uid: pod.uid, node, budget: budget && podKey(budget) };
  }

  // Answers

  function answered(uid: string, outcome: EvictionOutcome, now: number): void {
    const flight = inFlight.get(uid);
    if (flight === undefined) return;
    const { group, pod } = flight;
    inFlight.delete(uid);
    group.inFlight -= 1;
    const charged = outcome.kind === 'accepted' || outcome.kind === 'gone' || outcome.kind === 'unknown';
    const eviction = group.unaccounted.get(uid);
    if (!charged) group.unaccounted.delete(uid);
    else if (eviction !== undefined) {
      eviction.until = now + settleSeconds * seconds;
      timers.push({ at: eviction.until, group });
    }

    switch (outcome.kind) {
      case 'accepted':
        group.evicted += 1;
        group.firstEvictionAt ||= now;
        group.lastEvictionAt = now;
        group.backoffSeconds = firstRecheckSeconds;
        if (pod.owner !== null) pod.owner.disturbed = true;
        leave(pod, now);
        break;
      case 'gone':
        leave(pod, now);
        break;
      case 'budget-exhausted':
        refuse(group, group.backoffSeconds, now);
        group.backoffSeconds = Math.min(lastRecheckSeconds, group.backoffSeconds * 2);
        retry(pod, null, 0, now);
        break;
      case 'budget-unprocessed':
        refuse(group, outcome.retryAfterSeconds, now);
        retry(pod, null, 0, now);
        break;
      case 'throttled':
        bucket.throttled(now, outcome.retryAfterSeconds);
        retry(pod, 'server-busy', outcome.retryAfterSeconds ?? 1, now);
        break;
      case 'namespace-terminating':
        retry(pod, 'namespace-terminating', firstRecheckSeconds, now);
        break;
      case 'unknown':
        pod.attempts += 1;
        pod.detail = outcome.detail;
        retry(pod, 'no-answer', Math.min(longestRetrySeconds, 2 ** pod.attempts), now);
        break;
      case 'multiple-budgets':
        pod.detail = outcome.detail;
        retry(pod, 'multiple-budgets', Infinity, now);
        break;
      case 'refused':
        pod.detail = outcome.detail;
        retry(pod, 'refused', Infinity, now);
        break;
    }
    dirty.add(group);
    retire(group);
  }

  function leave(pod: DrainPod, now: number): void {
    pod.attempts = 0;
    if (!pods.has(pod.uid)) return;
    stand(pod, 'leaving', null, now);
    timers.push({ at: now + acceptedButHereSeconds * seconds, pod });
  }

  function refuse(group: Group, forSeconds: number, now: number): void {
    group.refusedUntil = now + forSeconds * seconds;
    timers.push({ at: group.refusedUntil, group });
  }

  /** Back into the queue, at once or after a while. */
  function retry(pod: DrainPod, hold: Hold | null, afterSeconds: number, now: number): void {
    if (!pods.has(pod.uid)) return;
    pod.notBefore = now + afterSeconds * seconds;
    if (afterSeconds > 0 && afterSeconds < Infinity) timers.push({ at: pod.notBefore, pod });
    stand(pod, afterSeconds > 0 ? 'held' : 'idle', hold, now);
    place(pod, now);
  }

  function lookAgain(pod: DrainPod, now: number): void {
    if (!pods.has(pod.uid)) return;
    const overdue = now - pod.leavingSince >= acceptedButHereSeconds * seconds;
    if (pod.state === 'leaving' && pod.deletedAt === null && overdue) stand(pod, 'idle', null, now);
    place(pod, now);
  }

  return {
    state,
    apply,
    decide,
    nextWakeAt(now) {
      const canSend = sendable.size() > 0 && inFlight.size < maxInFlight && withoutRoom.size === 0;
      return Math.min(timers.peek()?.at ?? Infinity, canSend ? bucket.availableAt(now) : Infinity);
    },
    stillThere: (uid) => pods.get(uid)?.deletedAt === null && pods.get(uid)?.on !== null,
    takeDeparted() {
      const taken = departed;
      departed = [];
      return taken;
    },
    finished: () => allListed() && state.podsLeft === 0 && inFlight.size === 0 && departed.length === 0,
    stuckForGood: () => allListed() && state.podsLeft > 0 && blocked.size === state.podsLeft && inFlight.size === 0,
  };
}

/** The scheduler's words when a node would do if it were not full. */
const wantsRoom = /Insufficient |Too many pods/;

function setIn<T>(sets: Map<string, Set<T>>, key: string): Set<T> {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set);
  return set;
}
