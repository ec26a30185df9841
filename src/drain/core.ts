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
 * A pod that is lost otherwise (its node is gone, somebody deletes it, it is Ready no longer) is counted by the controller
 * only, some moments later, and the server allows as much as before until then: it is deducted until a status has fewer
 * healthy pods.
 *
 * https://github.com/kubernetes/kubernetes/blob/v1.33.0/pkg/registry/core/pod/storage/eviction.go
 */
import type { StepProgress } from '../domain/journal-entry.ts';
import type { ClusterNode, Pod, PodDisruptionBudget, Workload } from '../domain/snapshot.ts';
import type { EvictionOutcome } from '../ports/kubernetes.ts';
import { createBudgetLookup } from './budget-lookup.ts';
import { workSeconds } from './eta.ts';
import type { Departed, DrainEvent, Errand, Eviction } from './events.ts';
import { closedGate, createFirsts, firstOf, lookAt, patienceSeconds } from './first.ts';
import {
  deductions,
  firstRecheckSeconds,
  head,
  isFree,
  lastRecheckSeconds,
  learn,
  noticeFreeShares,
  useShare,
} from './group.ts';
import { createHeap, type Heap } from './heap.ts';
import { createOwners, isAlone } from './owners.ts';
import { createPlacing } from './placing.ts';
import { factsOf, labelsOf, newPod, sameLabels, uncount } from './pod.ts';
import { createReleases } from './release.ts';
import { createRoom } from './room.ts';
import {
  allowance,
  type DrainNode,
  type DrainPod,
  type DrainSettings,
  type DrainState,
  type EarlierRuns,
  type Group,
  type Hold,
  hasBegun,
  nothingEarlier,
  type Owner,
  podKey,
  setIn,
} from './state.ts';
import { createSurges, type Restart, type RestartOutcome } from './surge.ts';
import { createTokenBucket } from './token-bucket.ts';

export interface DrainCore {
  readonly state: Readonly<DrainState>;
  apply(event: DrainEvent, now: number): void;
  /** Evictions to send now, each to be followed by its `answered` event. */
  decide(now: number): Eviction[];
  /** To be asked after `decide`. */
  takeErrands(now: number): Errand[];
  /** When `decide` should be called again although nothing happened: epoch milliseconds, Infinity for never. */
  nextWakeAt(now: number): number;
  /** Asked just before the request: the pod that was decided on is there and not on its way out. */
  stillThere(uid: string): boolean;
  /** Pods asked to leave that were seen to be gone since the last call. */
  takeDeparted(): Departed[];
  /** All was listed, and no pod is left that has to leave a source node. */
  finished(): boolean;
  /** Some are left, and none of them can move unless a person does something. To be asked after `decide`. */
  stuckForGood(now: number): boolean;
}

const seconds = 1000;
const settleSeconds = 5;
const usualInFlight = 32;
/** what only a person can move has stood so for this long before the drain gives up on it */
const standsForGoodSeconds = 120;
const longestRetrySeconds = 30;
/** an accepted pod that shows no sign of leaving for so long is asked again */
const acceptedButHereSeconds = 120;
const restartAgainSeconds = 10;
const sizesAgainSeconds = 60;
const releaseAgainSeconds = 10;
/** the order of the nodes is computed anew when so many pods have come since */
const fewArrivals = 50;
const muchOfAll = 0.1;

export function createDrainCore(settings: DrainSettings, earlier: EarlierRuns = nothingEarlier): DrainCore {
  const sources = new Set(settings.nodegroupNames);
  const state: DrainState = {
    settings,
    pods: new Map(),
    nodes: new Map(),
    groups: new Map(),
    budgets: createBudgetLookup(),
    bucket: createTokenBucket(),
    inFlight: new Map(),
    withoutRoom: new Map(),
    notRecreated: new Set(),
    sizesUnknown: earlier.sizesUnknown,
    first: createFirsts(settings),
    lanes: new Map(),
    leaving: new Set(),
    held: new Set(),
    late: new Set(),
    jobsUntil: 0,
    arrivals: 0,
    begunAt: 0,
    limited: false,
    nodesEmpty: 0,
    nodesTotal: 0,
    podsLeft: 0,
    podsGone: earlier.podsGone,
  };
  const { pods, nodes, groups, budgets, bucket, inFlight, withoutRoom } = state;
  const listed = { pods: false, nodes: false, budgets: false };
  const uidByKey = new Map<string, string>();
  const podsByNode = new Map<string, Set<DrainPod>>();
  /** gone as the server says, though the watch has not shown it */
  const saidGone = new Map<string, DrainPod>();
  const awaited = new Map(Object.entries(earlier.asked));
  const open = new Map<DrainNode, { asked: boolean }>();
  const dirty = new Set<Group>();
  const timers: Heap<{ at: number; act(now: number): void }> = createHeap((a, b) => a.at < b.at);
  const sendable: Heap<{ group: Group; urgency: number }> = createHeap((a, b) => a.urgency > b.urgency);
  let departed: Departed[] = [];
  let notes: StepProgress[] = [];
  let stands = { as: '', since: 0 };
  let sizesAskedAt = Number.NEGATIVE_INFINITY;

  const later = (at: number, act: (now: number) => void): void => timers.push({ at, act });
  const wakeAt = (at: number): void => later(at, () => undefined);
  const journal = (progress: StepProgress): void => void notes.push(progress);
  const note = (message: string): void => journal({ kind: 'note', message });
  const { maxConcurrentEvictions: maxInFlight = usualInFlight } = settings;
  const surges = createSurges(settings, earlier.restarted, (owner, at) =>
    later(at, (now) => placeAll(owner.pods, now)),
  );
  const shared = { state, dirty, later, journal };
  const owners = createOwners(shared, surges, earlier);
  const room = createRoom(state, wakeAt);
  const releases = createReleases(state);
  const placing = createPlacing(shared, surges, owners);
  const { place, placeAll, stand, detach, enqueue, retire } = placing;

  /** The first moment at which all is known. */
  function begin(now: number): void {
    state.begunAt = now;
    state.jobsUntil = (earlier.startedAt ?? now) + settings.waitForJobsSeconds * seconds;
    for (const pod of pods.values()) {
      if (pod.hold === null && pod.owner?.kind === 'Job') place(pod, now);
    }
    placing.orderNodes();
  }

  function apply(event: DrainEvent, now: number): void {
    switch (event.type) {
      case 'pods':
        if (event.event.type === 'changed') putPod(event.event.item, now);
        else if (event.event.type === 'removed') {
          removePod(event.event.item.uid, now);
          saidGone.delete(event.event.item.uid);
        } else replacePods(event.event.items, now);
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
        else if (!putBudget(event.event.item, now)) break;
        placing.matchAgain(event.event.item.namespace, now);
        break;
      case 'answered':
        answered(event.uid, event.outcome, now);
        break;
      case 'restarted':
        restarted(event.restart, event.outcome, now);
        break;
      case 'released': {
        const { uid } = event;
        releases.answered(uid);
        if (event.outcome === 'later') later(now + releaseAgainSeconds * seconds, () => releases.again(uid));
        break;
      }
      case 'pod-events': {
        const pod = pods.get(event.uid);
        if (pod !== undefined) room.told(pod, event.events);
        break;
      }
      case 'creator-events':
        if (event.events !== null) owners.toldWhy(event.owner, event.events);
        break;
      case 'workloads':
        owners.told(event.workloads, now);
        break;
    }
    if (!hasBegun(state) && listed.pods && listed.nodes && listed.budgets) begin(now);
  }

  // Pods

  function replacePods(items: Pod[], now: number): void {
    const uids = new Set(items.map((pod) => pod.uid));
    for (const uid of pods.keys()) if (!uids.has(uid)) removePod(uid, now);
    for (const pod of items) putPod(pod, now);
    saidGone.clear();
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
    const pod = known ?? saidGone.get(observed.uid) ?? newPod(observed, owners.of(observed));
    const was = { ready: pod.ready, finished: pod.finished, labels: pod.labels };
    const isNew = known === undefined && !saidGone.delete(observed.uid);
    if (known === undefined) know(pod);
    else uncount(pod);
    const wasHealthy = known !== undefined && isHealthy(pod);
    if (!sameLabels(pod.labels, observed.labels)) pod.labels = labelsOf(observed, pod.owner);
    Object.assign(pod, factsOf(observed));
    if (wasHealthy && !isHealthy(pod)) lost(pod, now);
    if (isNew && pod.deletedAt !== null && !pod.finished) pod.owner?.inherited.add(pod);
    if (known === undefined || was.labels !== pod.labels) joinFirst(pod);
    if (pod.nodeName !== null) setIn(podsByNode, pod.nodeName).add(pod);
    // Work that is done is not replaced; a pod that ends because it is deleted is.
    if (pod.finished && !was.finished && pod.deletedAt === null && pod.owner !== null) pod.owner.target -= 1;
    owners.count(pod, now);
    room.look(pod, now);

    if (pod.on !== null && was.labels !== pod.labels) detach(pod, now);
    if (pod.finished) ended(pod, now);
    place(pod, now);
    if (pod.state === 'queued' && pod.ready !== was.ready) enqueue(pod);
  }

  function joinFirst(pod: DrainPod): void {
    pod.first?.pods.delete(pod);
    pod.first = firstOf(pod, state.first);
    pod.first?.pods.add(pod);
  }

  function removePod(uid: string, now: number): void {
    const pod = pods.get(uid);
    if (pod === undefined) return;
    pods.delete(uid);
    if (isHealthy(pod)) lost(pod, now);
    if (uidByKey.get(podKey(pod)) === uid) uidByKey.delete(podKey(pod));
    if (pod.nodeName !== null) podsByNode.get(pod.nodeName)?.delete(pod);
    pod.first?.pods.delete(pod);
    room.forget(pod);
    uncount(pod);
    owners.gone(pod, now);
    ended(pod, now);
    detach(pod, now);
  }

  /** Not by us: until the disruption controller has counted anew, the server allows what it allowed before. */
  function lost(pod: DrainPod, now: number): void {
    if (awaited.has(pod.uid)) return;
    for (const { uid, status } of budgets.of(pod.namespace, pod.labels)) {
      const group = groups.get(uid);
      if (group === undefined) continue;
      const until = now + settleSeconds * seconds;
      group.unaccounted.set(pod.uid, { name: pod.name, before: undefined, until, healthy: status.currentHealthy });
      later(until, () => void dirty.add(group));
    }
  }

  function ended(pod: DrainPod, now: number): void {
    if (awaited.has(pod.uid) && pod.group !== null && pod.state === 'leaving') {
      learn(pod.group.termination, (now - pod.since) / seconds);
    }
    depart(pod.uid);
  }

  function know(pod: DrainPod): void {
    pods.set(pod.uid, pod);
    pod.owner?.pods.add(pod);
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
    const node = known ?? newNode(observed.name);
    const wasOpen = open.has(node);
    nodes.set(node.name, node);
    node.uid = observed.uid;
    node.nodegroupName = observed.nodegroupName;
    node.ready = observed.ready;
    if (known !== undefined && known.source === source && known.cordoned === observed.unschedulable) return;
    if (source !== node.source) countNode(node, source ? 1 : -1);
    Object.assign(node, { source, cordoned: observed.unschedulable });
    if (!source || node.cordoned) open.delete(node);
    else if (!wasOpen) open.set(node, { asked: false });
    for (const pod of podsByNode.get(node.name) ?? []) {
      place(pod, now);
      room.look(pod, now);
    }
  }

  /** A node that vanished took its pods with it, even while their objects still exist. */
  function removeNode(gone: { name: string; uid: string }, now: number): void {
    const node = nodes.get(gone.name);
    if (node === undefined || node.uid !== gone.uid) return;
    nodes.delete(node.name);
    open.delete(node);
    releases.gone(node);
    if (node.left > 0) {
      const what = node.left === 1 ? '1 pod that had' : `${node.left} pods that had`;
      note(`node ${node.name} is gone, and with it ${what} to leave it: they count as gone`);
    }
    for (const pod of podsByNode.get(node.name) ?? []) {
      uncount(pod);
      if (isHealthy(pod)) lost(pod, now);
      pod.ready = false;
      owners.count(pod, now);
      if (pod.on !== null) {
        awaited.set(pod.uid, { pod: podKey(pod), node: node.name });
        depart(pod.uid);
      }
      place(pod, now);
    }
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
    const changed = [...gone, ...items.filter((item) => putBudget(item, now))];
    for (const namespace of new Set(changed.map((budget) => budget.namespace))) placing.matchAgain(namespace, now);
    listed.budgets = true;
  }

  /** True when it may select other pods than before. */
  function putBudget(budget: PodDisruptionBudget, now: number): boolean {
    const group = groups.get(budget.uid);
    if (group !== undefined) {
      group.budget = budget;
      group.refusedUntil = 0;
      for (const [uid, eviction] of group.unaccounted) {
        const entry = budget.status.disruptedPods[eviction.name];
        const isCounted = budget.status.currentHealthy < (eviction.healthy ?? 0);
        if (isCounted || (entry !== undefined && entry !== eviction.before)) group.unaccounted.delete(uid);
      }
      noticeFreeShares(group, settings, now);
      dirty.add(group);
    }
    return budgets.put(budget);
  }

  // Decisions

  function decide(now: number): Eviction[] {
    for (let timer = timers.peek(); timer !== undefined && timer.at <= now; timer = timers.peek()) {
      timers.pop();
      timer.act(now);
    }
    if (!hasBegun(state)) return [];
    lookAtFirst(now);
    if (state.arrivals > Math.max(fewArrivals, state.podsLeft * muchOfAll)) placing.orderNodes();
    for (const group of dirty) offer(group, now);
    dirty.clear();
    state.limited = false;
    if (withoutRoom.size > 0) return [];

    const evictions: Eviction[] = [];
    while (sendable.size() > 0 && inFlight.size < maxInFlight) {
      const group = sendable.peek()?.group;
      const pod = group && next(group, now);
      if (group !== undefined && pod !== undefined) {
        if (!bucket.take(now)) {
          state.limited = true;
          break;
        }
        evictions.push(send(group, pod, now));
      }
      sendable.pop();
      if (group === undefined) continue;
      group.offered = false;
      offer(group, now);
    }
    return evictions;
  }

  function lookAtFirst(now: number): void {
    if (closedGate(state) === undefined) return;
    for (const first of state.first) {
      if (first.gate !== 'closed') continue;
      const gate = lookAt(first, nodes, now);
      if (gate === 'further') wakeAt(now + patienceSeconds * seconds);
      else if (gate === 'passed') note(`${first.name} does not move: the other pods do not wait for it any longer`);
    }
    if (closedGate(state) === undefined) for (const group of groups.values()) dirty.add(group);
  }

  function takeErrands(now: number): Errand[] {
    const errands = notes.map((progress): Errand => ({ kind: 'journal', progress }));
    notes = [];
    if (!hasBegun(state)) return errands;
    for (const [node, { asked }] of open) {
      if (asked) continue;
      open.set(node, { asked: true });
      errands.push({ kind: 'cordon', node: node.name, uid: node.uid });
    }
    const empty = releases.take();
    if (empty !== undefined) errands.push({ kind: 'release', node: empty.name, uid: empty.uid });
    const restarts = surges.take(now, mayRestart);
    errands.push(...restarts.map((restart): Errand => ({ kind: 'restart', restart })));
    const unstarted = room.take(now);
    if (unstarted !== undefined) {
      const { namespace, name, uid } = unstarted;
      errands.push({ kind: 'pod-events', namespace, name, uid });
    }
    const unexplained = owners.takeUnexplained(now);
    if (unexplained !== undefined) {
      const { namespace, creator, key } = unexplained;
      errands.push({ kind: 'creator-events', namespace, name: creator, owner: key });
    }
    const wantsSizes = state.sizesUnknown || state.notRecreated.size > 0;
    if (wantsSizes && now >= sizesAskedAt + sizesAgainSeconds * seconds) {
      sizesAskedAt = now;
      wakeAt(now + sizesAgainSeconds * seconds);
      errands.push({ kind: 'workloads' });
    }
    return errands;
  }

  /** As an eviction: when no new pod can land on a source node, there is room, and it is its turn. */
  function mayRestart({ pods: its }: Owner): boolean {
    const isTurn = closedGate(state) === undefined || [...its].some(({ first }) => first !== null);
    return isTurn && open.size === 0 && withoutRoom.size === 0;
  }

  function restarted(restart: Restart, outcome: RestartOutcome, now: number): void {
    const owner = surges.answered(restart, outcome, now);
    if (owner === undefined) return;
    if (outcome.kind === 'later') later(now + restartAgainSeconds * seconds, () => surges.again(owner));
    disturb(owner, now);
    for (const pod of owner.pods) {
      if (outcome.kind === 'refused') pod.detail = outcome.detail;
      if (outcome.kind === 'done' && pod.on !== null) {
        awaited.set(pod.uid, { pod: podKey(pod), node: pod.on.name });
      }
      place(pod, now);
    }
  }

  function disturb(owner: Owner, now: number): void {
    if (owner.disturbed) return;
    owner.disturbed = true;
    for (const pod of owner.unready) room.look(pod, now);
  }

  function offer(group: Group, now: number): void {
    if (group.offered || next(group, now) === undefined) return;
    group.offered = true;
    sendable.push({ group, urgency: workSeconds(group, Math.max(1, allowance(group, settings))) });
  }

  /** The pod of the group that may be asked to leave now. */
  function next(group: Group, now: number): DrainPod | undefined {
    const pod = head(group);
    if (pod === undefined || group.refusedUntil > now) return undefined;
    if (pod.first === null && closedGate(state) !== undefined) return undefined;
    // one at a time, until its successor has come up elsewhere
    if (pod.owner?.onTrial === true && pod.owner.available < pod.owner.target) return undefined;
    const { budget, owner } = group;
    if (budget !== null) {
      if (group.inFlight > 0 || budget.status.observedGeneration < budget.generation) return undefined;
      return isFree(pod, budget) || budget.status.disruptionsAllowed > deductions(group, now) ? pod : undefined;
    }
    if (owner === null || !pod.ready) return pod;
    if (state.sizesUnknown) return undefined;
    const down = owner.target - owner.available;
    return down < allowance(group, settings) && owners.mayEnterLane(owner, group) ? pod : undefined;
  }

  function send(group: Group, pod: DrainPod, now: number): Eviction {
    const { budget, owner } = group;
    const isCharged = budget === null ? pod.ready : !isFree(pod, budget);
    if (budget !== null && isCharged) {
      const before = budget.status.disruptedPods[pod.name];
      group.unaccounted.set(pod.uid, { name: pod.name, before, until: Infinity });
    }
    if (owner !== null && isCharged && isAlone(group)) owners.enterLane(owner);
    stand(pod, 'in-flight', null, now);
    group.inFlight += 1;
    inFlight.set(pod.uid, { group, pod, isCharged });
    const node = pod.nodeName ?? '';
    awaited.set(pod.uid, { pod: podKey(pod), node });
    const most = settings.podGracePeriodSeconds ?? Infinity;
    return {
      namespace: pod.namespace,
      name: pod.name,
      uid: pod.uid,
      node,
      budget: budget && podKey(budget),
      ...(pod.graceSeconds > most && { graceSeconds: most }),
    };
  }

  // Answers

  function answered(uid: string, outcome: EvictionOutcome, now: number): void {
    const flight = inFlight.get(uid);
    if (flight === undefined) return;
    const { group, pod, isCharged } = flight;
    inFlight.delete(uid);
    group.inFlight -= 1;
    const charged = outcome.kind === 'accepted' || outcome.kind === 'gone' || outcome.kind === 'unknown';
    const eviction = group.unaccounted.get(uid);
    if (!charged) group.unaccounted.delete(uid);
    else if (eviction !== undefined) {
      eviction.until = now + settleSeconds * seconds;
      later(eviction.until, () => void dirty.add(group));
    }

    switch (outcome.kind) {
      case 'accepted':
        group.lastEvictionAt = now;
        group.backoffSeconds = firstRecheckSeconds;
        if (isCharged) useShare(group, now);
        if (pod.owner !== null) {
          pod.owner.owes = true;
          disturb(pod.owner, now);
        }
        leave(pod, now);
        break;
      case 'gone':
        if (pod.owner !== null) pod.owner.owes = true;
        if (stillThere(uid)) {
          // the watch may be silent, and would leave it here for ever
          saidGone.set(uid, pod);
          removePod(uid, now);
          pod.state = 'idle';
        } else leave(pod, now);
        break;
      case 'budget-exhausted':
        refuse(group, group.backoffSeconds, now);
        group.backoffSeconds = Math.min(lastRecheckSeconds, group.backoffSeconds * 2);
        retry(pod, null, 0, now);
        break;
      case 'budget-unprocessed':
        refuse(group, Math.max(1, outcome.retryAfterSeconds), now);
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
    retire(group, now);
  }

  function leave(pod: DrainPod, now: number): void {
    pod.attempts = 0;
    if (!pods.has(pod.uid)) return;
    stand(pod, 'leaving', null, now);
    later(now + acceptedButHereSeconds * seconds, (then) => lookAgain(pod, then));
  }

  function refuse(group: Group, forSeconds: number, now: number): void {
    group.refusedUntil = now + forSeconds * seconds;
    later(group.refusedUntil, () => void dirty.add(group));
  }

  /** Back into the queue, at once or after a while. */
  function retry(pod: DrainPod, hold: Hold | null, afterSeconds: number, now: number): void {
    if (!pods.has(pod.uid)) return;
    pod.notBefore = now + afterSeconds * seconds;
    if (afterSeconds > 0 && afterSeconds < Infinity) later(pod.notBefore, (then) => lookAgain(pod, then));
    stand(pod, afterSeconds > 0 ? 'held' : 'idle', hold, now);
    place(pod, now);
  }

  function lookAgain(pod: DrainPod, now: number): void {
    if (!pods.has(pod.uid)) return;
    const overdue = now - pod.since >= acceptedButHereSeconds * seconds;
    if (pod.state === 'leaving' && pod.deletedAt === null && overdue) stand(pod, 'idle', null, now);
    place(pod, now);
  }

  const stillThere = (uid: string): boolean => pods.get(uid)?.deletedAt === null && pods.get(uid)?.on !== null;

  return {
    state,
    apply,
    decide,
    takeErrands,
    nextWakeAt(now) {
      const canSend = sendable.size() > 0 && inFlight.size < maxInFlight && withoutRoom.size === 0;
      return Math.min(timers.peek()?.at ?? Infinity, canSend ? bucket.availableAt(now) : Infinity);
    },
    stillThere,
    takeDeparted() {
      const taken = departed;
      departed = [];
      return taken;
    },
    finished: () => hasBegun(state) && state.podsLeft === 0 && inFlight.size === 0 && departed.length === 0,
    stuckForGood(now) {
      const blocked = placing.blocked();
      const hasStopped = hasBegun(state) && state.podsLeft > 0 && inFlight.size === 0;
      if (hasStopped && blocked.size === state.podsLeft) return true;
      const waitsOnlyForPeople = hasStopped && state.leaving.size === 0 && blocked.size === state.held.size;
      const never = waitsOnlyForPeople && [...groups.values()].every((group) => group.queued === 0 || isNever(group));
      const as = never ? standing(state) : '';
      if (as !== stands.as) stands = { as, since: now };
      return never && now - stands.since >= standsForGoodSeconds * seconds;
    },
  };
}

/** As a budget counts it. */
const isHealthy = ({ ready, deletedAt }: DrainPod): boolean => ready && deletedAt === null;

/** A budget, as the cluster has computed it, whose pods are all healthy and that wants all of them to be. */
const isNever = ({ budget }: Group): boolean =>
  budget !== null &&
  budget.status.observedGeneration >= budget.generation &&
  budget.status.syncFailure === null &&
  budget.status.desiredHealthy >= budget.status.expectedPods &&
  budget.status.currentHealthy >= budget.status.expectedPods;

/** What is another when a person has changed something. */
function standing({ groups, podsLeft, held }: DrainState): string {
  const budgets = Array.from(groups.values(), ({ budget }) => budget && [budget.generation, budget.status]);
  return JSON.stringify([podsLeft, held.size, budgets]);
}

const newNode = (name: string): DrainNode => ({
  name,
  uid: '',
  nodegroupName: null,
  source: false,
  cordoned: false,
  ready: true,
  left: 0,
  rank: Infinity,
});

/** What a cluster looks like to a drain that has not begun, or does not run. */
export function stateOf(
  settings: DrainSettings,
  lists: { nodes: ClusterNode[]; pods: Pod[]; podDisruptionBudgets: PodDisruptionBudget[]; workloads?: Workload[] },
  earlier: EarlierRuns,
  now: number,
): Readonly<DrainState> {
  const core = createDrainCore(settings, earlier);
  core.apply({ type: 'nodes', event: { type: 'replaced', items: lists.nodes } }, now);
  core.apply({ type: 'budgets', event: { type: 'replaced', items: lists.podDisruptionBudgets } }, now);
  core.apply({ type: 'pods', event: { type: 'replaced', items: lists.pods } }, now);
  if (lists.workloads !== undefined) core.apply({ type: 'workloads', workloads: lists.workloads }, now);
  for (const first of core.state.first) lookAt(first, core.state.nodes, now);
  return core.state;
}
