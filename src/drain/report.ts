/** What the state of a drain means to a person. Reads the whole state: called now and then, never per event. */
import { formatDuration } from '../domain/duration.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { PodDisruptionBudget } from '../domain/snapshot.ts';
import type { DrainStatus } from '../ports/reporter.ts';
import { head } from './group.ts';
import { allowance, type DrainPod, type DrainState, type Group, needsAPerson, type Owner, podKey } from './state.ts';
import { evictionsPerSecond } from './token-bucket.ts';

const seconds = 1000;
/** a pod may outlive its grace period by this much before it is called stuck */
const terminationSlackSeconds = 60;
/** a group that sent nothing for so long is called waiting */
const quietSeconds = 10;
const assumedCycleSeconds = 30;
const maxLines = 6;
const maxNamed = 5;

/** Why a pod is still there, by name, and what a person can do about it. */
export interface Explanation {
  state:
    | 'emptydir'
    | 'bare-pod'
    | 'multiple-budgets'
    | 'comes-back'
    | 'refused'
    | 'not-cordoned'
    | 'namespace-terminating'
    | 'no-answer'
    | 'server-busy'
    | 'terminating'
    | 'terminating-too-long'
    | 'no-room'
    | 'budget-sync-failed'
    | 'budget-unprocessed'
    | 'budget-never'
    | 'budget'
    | 'replacement-not-ready'
    | 'next';
  reason: string;
  nextAction: string;
}

export function explain(pod: DrainPod, state: Readonly<DrainState>, now: number): Explanation {
  const describe = `kubectl -n ${pod.namespace} describe pod ${pod.name}`;
  switch (pod.hold) {
    case 'emptydir':
      return {
        state: 'emptydir',
        reason: 'it has emptyDir volumes, whose data would be lost, and the plan does not allow that',
        nextAction: `delete the pod yourself, or make a new plan that allows it; to look: ${describe}`,
      };
    case 'bare-pod':
      return {
        state: 'bare-pod',
        reason: 'no controller would create it again, and the plan does not allow to lose it',
        nextAction: `delete the pod yourself, or make a new plan that allows it; to look: ${describe}`,
      };
    case 'multiple-budgets':
      return {
        state: 'multiple-budgets',
        reason: `more than one PodDisruptionBudget selects it (${pod.detail}), which the eviction API refuses for ever`,
        nextAction: `leave it only one: kubectl -n ${pod.namespace} get pdb`,
      };
    case 'comes-back':
      return {
        state: 'comes-back',
        reason: `new pods of ${pod.owner?.kind} ${pod.owner?.name} land on the old nodes again and again: they tolerate the cordon, or are bound there`,
        nextAction: `take away the toleration of node.kubernetes.io/unschedulable or the nodeName, or delete the workload: kubectl -n ${pod.namespace} get pod ${pod.name} -o yaml`,
      };
    case 'refused':
      return { state: 'refused', reason: `the API server refused: ${pod.detail}`, nextAction: describe };
    case 'not-cordoned':
      return {
        state: 'not-cordoned',
        reason: `its node is not cordoned, so the pod could land there again`,
        nextAction: `kubectl cordon ${pod.nodeName}`,
      };
    case 'namespace-terminating':
      return {
        state: 'namespace-terminating',
        reason: `namespace ${pod.namespace} is being deleted and takes the pod with it`,
        nextAction: `kubectl get namespace ${pod.namespace} -o yaml`,
      };
    case 'no-answer':
      return {
        state: 'no-answer',
        reason: `${pod.attempts} ${pod.attempts === 1 ? 'request' : 'requests'} to evict it had no usable answer: ${pod.detail}`,
        nextAction: 'kubectl get --raw /readyz?verbose',
      };
    case 'server-busy':
      return {
        state: 'server-busy',
        reason: 'the API server asked to slow down',
        nextAction: 'kubectl get --raw /readyz?verbose',
      };
    case null:
      break;
  }
  if (pod.deletedAt !== null && isOverdue(pod, now)) {
    return {
      state: 'terminating-too-long',
      reason: `it should have ended ${formatDuration(Math.round((now - pod.deletedAt) / seconds))} ago: a finalizer, or a kubelet that does not answer`,
      nextAction: `kubectl -n ${pod.namespace} get pod ${pod.name} -o jsonpath='{.metadata.finalizers}'`,
    };
  }
  if (pod.state === 'leaving' || pod.state === 'in-flight') {
    return { state: 'terminating', reason: 'it is shutting down', nextAction: describe };
  }
  const [homeless] = state.withoutRoom;
  if (homeless !== undefined) {
    return {
      state: 'no-room',
      reason: `nothing more is evicted while ${podKey(homeless)} finds no room: ${homeless.trouble}`,
      nextAction: `kubectl -n ${homeless.namespace} describe pod ${homeless.name}`,
    };
  }
  if (pod.group?.budget) return explainBudget(pod, pod.group.budget);
  return explainOwner(pod, state, describe);
}

const isOverdue = ({ deletedAt }: DrainPod, now: number): boolean =>
  deletedAt !== null && now > deletedAt + terminationSlackSeconds * seconds;

function explainBudget(pod: DrainPod, budget: PodDisruptionBudget): Explanation {
  const name = `PDB ${podKey(budget)}`;
  const look = `kubectl -n ${budget.namespace} get pdb ${budget.name} -o yaml`;
  const { status } = budget;
  if (status.syncFailure !== null) {
    const reason = `${name} cannot be computed: ${status.syncFailure}`;
    return { state: 'budget-sync-failed', reason, nextAction: look };
  }
  if (status.observedGeneration < budget.generation) {
    const reason = `${name} was changed, and the cluster has not processed that yet`;
    return { state: 'budget-unprocessed', reason, nextAction: look };
  }
  const arithmetic = `${name} needs ${status.desiredHealthy} healthy, has ${status.currentHealthy}, expected ${status.expectedPods}`;
  if (status.desiredHealthy >= status.expectedPods) {
    return {
      state: 'budget-never',
      reason: `${arithmetic}: it never allows an eviction`,
      nextAction: wayOut(pod, budget),
    };
  }
  const unready = firstUnready(pod.owner);
  if (unready === null) return { state: 'budget', reason: arithmetic, nextAction: look };
  const { reason, nextAction } = unready;
  return { state: 'replacement-not-ready', reason: `${arithmetic}; ${reason}`, nextAction };
}

/** How a budget that equals its workload can be made to move. */
function wayOut(pod: DrainPod, budget: PodDisruptionBudget): string {
  const scalable = pod.owner === null ? null : scalableName(pod.owner, pod.labels);
  if (typeof budget.minAvailable === 'number' && scalable !== null) {
    return `kubectl -n ${pod.namespace} scale ${scalable} --replicas=${budget.minAvailable + 1}`;
  }
  return `kubectl -n ${budget.namespace} patch pdb ${budget.name} --type merge -p '{"spec":{"minAvailable":null,"maxUnavailable":1}}'`;
}

/** `deployment/search`; the ReplicaSet of a Deployment has its name and the hash of the template. */
function scalableName(owner: Owner, labels: Record<string, string>): string | null {
  const hash = labels['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    return `deployment/${owner.name.slice(0, -hash.length - 1)}`;
  }
  return owner.kind === 'StatefulSet' || owner.kind === 'ReplicaSet'
    ? `${owner.kind.toLowerCase()}/${owner.name}`
    : null;
}

function explainOwner(pod: DrainPod, state: Readonly<DrainState>, describe: string): Explanation {
  const { owner, group } = pod;
  const next: Explanation = { state: 'next', reason: 'its turn has not come yet', nextAction: describe };
  if (owner === null || group === null) return next;
  const down = owner.target - owner.available;
  const allowed = allowance(group, state.settings.unbudgetedPercent);
  if (down < allowed) return next;
  const arithmetic = `${owner.kind} ${podKey(owner)} has no PDB: ${down} of ${owner.target} down, at most ${allowed} may be`;
  const unready = firstUnready(owner);
  if (unready === null) return { state: 'budget', reason: arithmetic, nextAction: describe };
  return { state: 'replacement-not-ready', reason: `${arithmetic}; ${unready.reason}`, nextAction: unready.nextAction };
}

function firstUnready(owner: Owner | null): { reason: string; nextAction: string } | null {
  const [pod] = owner?.unready ?? [];
  if (pod === undefined) return null;
  return {
    reason: `${podKey(pod)} is not Ready${pod.trouble === null ? '' : `: ${pod.trouble}`}`,
    nextAction: `kubectl -n ${pod.namespace} describe pod ${pod.name}`,
  };
}

/** The live picture: what is blocked first, then what waits, then what moves. */
export function drainStatus(state: Readonly<DrainState>, now: number): DrainStatus {
  const blocked = first(
    maxLines,
    [...state.held],
    [...state.leaving].filter((pod) => isOverdue(pod, now)),
  );
  const groups: Record<'stuck' | 'waiting' | 'moving', Group[]> = { stuck: [], waiting: [], moving: [] };
  for (const group of state.groups.values()) {
    if (head(group) === undefined) continue;
    const quiet = now - group.lastEvictionAt > quietSeconds * seconds;
    const stuck = allowance(group, state.settings.unbudgetedPercent) === 0 || group.budget?.status.syncFailure != null;
    groups[stuck ? 'stuck' : quiet ? 'waiting' : 'moving'].push(group);
  }
  const lines = [
    ...first(maxLines, blocked, firstPods(groups.stuck), firstPods(groups.waiting)).map(
      (pod) => `waits ${podKey(pod)} on ${pod.nodeName}: ${explain(pod, state, now).reason}`,
    ),
    ...groups.moving.slice(0, maxLines).map((group) => `moves ${group.name}: ${group.left} left`),
  ];
  return {
    nodesEmpty: state.nodesEmpty,
    nodesTotal: state.nodesTotal,
    podsGone: state.podsGone,
    podsTotal: state.podsGone + state.podsLeft,
    etaSeconds: etaSeconds(state),
    lines: lines.slice(0, maxLines),
  };
}

const first = <T>(most: number, ...lists: T[][]): T[] => lists.flat().slice(0, most);

const firstPods = (groups: readonly Group[]): DrainPod[] =>
  groups.slice(0, maxLines).flatMap((group) => head(group) ?? []);

/** From the cycles seen so far; null while something stands still for a reason that has no end in sight. */
function etaSeconds(state: Readonly<DrainState>): number | null {
  const endless = [...state.held].some(({ hold }) => needsAPerson.has(hold) || hold === 'not-cordoned');
  if (endless || state.withoutRoom.size > 0) return null;
  let longest = state.podsLeft / evictionsPerSecond;
  const lanes = new Map<string, number>();
  for (const group of state.groups.values()) {
    const atOnce = allowance(group, state.settings.unbudgetedPercent);
    if (atOnce === 0) return null;
    const duration = Math.ceil(group.left / atOnce) * cycleSeconds(group, atOnce);
    longest = Math.max(longest, duration);
    if (group.owner !== null && group.owner.target <= 1) {
      const lane = (lanes.get(group.owner.namespace) ?? 0) + duration;
      lanes.set(group.owner.namespace, lane);
      longest = Math.max(longest, lane);
    }
  }
  return Math.round(longest);
}

/** How long one pod's share of the budget was in use, on average. */
function cycleSeconds(group: Group, atOnce: number): number {
  const waves = Math.ceil(group.evicted / atOnce);
  if (waves < 2) return assumedCycleSeconds;
  return (group.lastEvictionAt - group.firstEvictionAt) / seconds / (waves - 1);
}

/** The deadline has passed, or nothing that is left can move without a person. */
export function stuckError(
  state: Readonly<DrainState>,
  now: number,
  cause: { deadlineSeconds: number } | 'needs-a-person',
): MigrateError {
  const explained = stuckPods(state, now).map((pod) => ({ pod, ...explain(pod, state, now) }));
  const more = state.podsLeft - explained.length;
  const left = state.podsLeft === 1 ? '1 pod is' : `${state.podsLeft} pods are`;
  const late = cause === 'needs-a-person' ? null : formatDuration(cause.deadlineSeconds);
  return new MigrateError({
    code: late === null ? 'DRAIN.STUCK' : 'DRAIN.DEADLINE',
    message:
      late === null
        ? `The drain cannot go on: ${left} left on the source nodes that only you can move.`
        : `The drain did not finish within ${late}: ${left} left on the source nodes.`,
    why: [
      ...explained.map(({ pod, reason }) => `${podKey(pod)} on ${pod.nodeName}: ${reason}`),
      ...(more > 0 ? [`and ${more} more`] : []),
    ].join('\n'),
    nextActions: [
      ...new Set(explained.map(({ nextAction }) => nextAction)),
      'then run the same command again: it goes on where it stopped',
    ],
    exitCode: ExitCode.stoppedPartWay,
  });
}

/** A few pods that stand for all that is left: one of each cause before two of the same. */
function stuckPods(state: Readonly<DrainState>, now: number): DrainPod[] {
  const heads = [...state.groups.values()].flatMap((group) => head(group) ?? []);
  const others = [...state.pods.values()].filter((pod) => pod.on !== null);
  const left = [...new Set([...state.held, ...heads, ...others])];
  const causes = Map.groupBy(left, (pod) => explain(pod, state, now).state);
  const ofEach = [...causes.values()].map(([pod]) => pod).filter((pod) => pod !== undefined);
  return [...new Set([...ofEach, ...left])].slice(0, maxNamed);
}
