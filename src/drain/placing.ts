/** Where a pod stands: in which group, in which queue, or what holds it. */
import type { PodDisruptionBudget } from '../domain/snapshot.ts';
import { cycleSeconds } from './eta.ts';
import { learn, newGroup, newQueue } from './group.ts';
import { nodeOrder } from './order.ts';
import { isAlone, type Owners, type Shared } from './owners.ts';
import { uncount } from './pod.ts';
import {
  allowance,
  type DrainNode,
  type DrainPod,
  type Group,
  type Hold,
  hasBegun,
  needsAPerson,
  type Owner,
  ownerName,
  setIn,
} from './state.ts';
import { type Surges, surgeHold } from './surge.ts';

export interface Placing {
  place: (pod: DrainPod, now: number) => void;
  placeAll: (pods: Iterable<DrainPod>, now: number) => void;
  stand: (pod: DrainPod, standing: DrainPod['state'], hold: Hold | null, now: number) => void;
  detach: (pod: DrainPod, now: number) => void;
  enqueue: (pod: DrainPod) => void;
  /** Forgets a group that is done. */
  retire: (group: Group, now: number) => void;
  /** The budgets of the namespace select other pods than before. */
  matchAgain: (namespace: string, now: number) => void;
  orderNodes: () => void;
  /** only a person can move these */
  blocked: () => ReadonlySet<DrainPod>;
}

/** a workload whose new pods land on the old nodes so often tolerates the cordon, or is bound there */
const returnsAtMost = 3;

const comesBack = ({ returned, onTrial }: Owner): boolean => returned > (onTrial ? 0 : returnsAtMost);

export function createPlacing({ state, dirty, later, journal }: Shared, surges: Surges, owners: Owners): Placing {
  const { settings, pods, nodes, groups, budgets, leaving, held, late } = state;
  const leaversByNamespace = new Map<string, Set<DrainPod>>();
  const blocked = new Set<DrainPod>();
  let tickets = 0;

  function matchAgain(namespace: string, now: number): void {
    // A copy: each pod leaves the set and comes back.
    for (const pod of Array.from(leaversByNamespace.get(namespace) ?? [])) {
      detach(pod, now);
      place(pod, now);
    }
  }

  /** Brings the pod's place in line with what is known of it, its node and its budgets. Changes nothing when nothing did. */
  function place(pod: DrainPod, now: number): void {
    const node = pod.nodeName === null ? undefined : nodes.get(pod.nodeName);
    if (node?.source !== true || !pod.mustMove) {
      detach(pod, now);
      return;
    }
    if (pod.on === null) attach(pod, node);
    if (pod.owner?.surge) surges.wanted(pod.owner);
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
    const { owner } = pod;
    const surge = owner?.surge ?? null;
    if (pod.group === null && surge === null) return 'multiple-budgets';
    if (pod.emptyDir && !settings.allowEmptyDir) return 'emptydir';
    if (owner === null && !settings.allowBarePods) return 'bare-pod';
    if (!node.cordoned) return 'not-cordoned';
    if (owner !== null && comesBack(owner)) return 'comes-back';
    if (surge !== null) return surgeHold(surge, now);
    if (owner?.kind === 'Job' && hasBegun(state) && now < state.jobsUntil) return 'job-running';
    return now < pod.notBefore ? pod.hold : null;
  }

  function countReturn(owner: Owner): void {
    const was = comesBack(owner);
    owner.returned += 1;
    if (was || !comesBack(owner)) return;
    journal({ kind: 'comes-back', workload: ownerName(owner) });
    later(0, (now) => placeAll(owner.pods, now));
  }

  function placeAll(those: Iterable<DrainPod>, now: number): void {
    for (const pod of those) place(pod, now);
  }

  function stand(pod: DrainPod, standing: DrainPod['state'], hold: Hold | null, now: number): void {
    uncount(pod);
    if (pod.state === 'queued' && pod.group !== null) pod.group.queued -= 1;
    if (standing === 'queued' && pod.group !== null) pod.group.queued += 1;
    if (hold === 'job-running' && pod.hold !== hold) later(state.jobsUntil, (then) => place(pod, then));
    if (pod.state !== standing || pod.hold !== hold || pod.since === 0) pod.since = now;
    pod.state = standing;
    pod.hold = hold;
    owners.count(pod, now);
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
    if (hasBegun(state) && !pod.arrived) {
      pod.late = true;
      late.add(pod);
      state.arrivals += 1;
      if (pod.owner?.disturbed === true) countReturn(pod.owner);
    }
    pod.arrived = true;
    const [budget, second] = budgets.of(pod.namespace, pod.labels);
    if (second !== undefined) {
      pod.detail = `${budget?.name} and ${second.name}`;
      return;
    }
    const group = groupOf(budget ?? null, pod.owner);
    group.left += 1;
    pod.group = group;
    if (pod.startupSeconds !== null) learn(group.startup, pod.startupSeconds);
  }

  function detach(pod: DrainPod, now: number): void {
    if (pod.on === null) return;
    pod.on.left -= 1;
    if (pod.on.left === 0) state.nodesEmpty += 1;
    pod.on = null;
    state.podsLeft -= 1;
    leaversByNamespace.get(pod.namespace)?.delete(pod);
    for (const set of [leaving, held, blocked, late]) set.delete(pod);
    if (pod.state === 'queued' && pod.group !== null) pod.group.queued -= 1;
    if (pod.state === 'queued' || pod.state === 'held') pod.state = 'idle';
    pod.notBefore = 0;
    const { group } = pod;
    pod.group = null;
    if (group === null) return;
    group.left -= 1;
    retire(group, now);
  }

  function groupOf(budget: PodDisruptionBudget | null, owner: Owner | null): Group {
    const key = budget?.uid ?? owner?.key ?? 'bare';
    const known = groups.get(key);
    if (known !== undefined) return known;
    const group = newGroup(key, budget, owner);
    groups.set(key, group);
    if (group.owner !== null) group.owner.group = group;
    return group;
  }

  function retire(group: Group, now: number): void {
    if (group.left > 0 || group.inFlight > 0 || groups.get(group.key) !== group) return;
    groups.delete(group.key);
    dirty.delete(group);
    if (group.owner === null) return;
    state.lanes.get(group.owner.namespace)?.waiting.delete(group);
    group.owner.group = null;
    owners.released(group.owner, now);
  }

  function enqueue(pod: DrainPod): void {
    if (pod.group === null || pod.on === null || !hasBegun(state)) return;
    tickets += 1;
    pod.ticket = tickets;
    const { first, ready, on } = pod;
    pod.group.queue.push({ pod, ticket: tickets, isFirst: first !== null, ready, rank: on.rank });
    dirty.add(pod.group);
  }

  /** Gives every source node its place in the order, and every queue that order. */
  function orderNodes(): void {
    state.arrivals = 0;
    const loads = new Map<string, Map<string, number>>();
    for (const pod of pods.values()) {
      if (pod.state !== 'queued' || pod.group === null || pod.on === null) continue;
      const atOnce = allowance(pod.group, settings);
      // what is not allowed to move keeps its nodes for longer than anything else
      const work = cycleSeconds(pod.group) / (atOnce === 0 ? Number.EPSILON : atOnce);
      const key = isAlone(pod.group) ? `lane/${pod.namespace}` : pod.group.key;
      const load = loads.get(key) ?? new Map<string, number>();
      loads.set(key, load);
      if (work > 0) load.set(pod.on.name, (load.get(pod.on.name) ?? 0) + work);
    }
    const names = [...nodes.values()].filter(({ source }) => source).map(({ name }) => name);
    for (const [rank, name] of nodeOrder(names.toSorted(), [...loads.values()]).entries()) {
      const node = nodes.get(name);
      if (node !== undefined) node.rank = rank;
    }
    for (const group of groups.values()) group.queue = newQueue();
    for (const pod of pods.values()) if (pod.state === 'queued') enqueue(pod);
  }

  return { place, placeAll, stand, detach, enqueue, retire, matchAgain, orderNodes, blocked: () => blocked };
}
