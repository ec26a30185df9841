/** Why something is still there, by name, and what a person can do about it. Pure; an answer about one thing. */
import { formatDuration } from '../domain/duration.ts';
import { resizeCommand } from '../domain/nodegroup-commands.ts';
import { shellWord } from '../domain/shell-word.ts';
import { shortName } from '../domain/short-name.ts';
import type { PodDisruptionBudget } from '../domain/snapshot.ts';
import { closedGate } from './first.ts';
import { head } from './group.ts';
import { isAlone } from './owners.ts';
import { hashOf } from './pod.ts';
import {
  allowance,
  type DrainPod,
  type DrainState,
  type Group,
  type Hold,
  type Owner,
  ownerName,
  podKey,
} from './state.ts';

export interface Explanation {
  state:
    | Hold
    | 'terminating'
    | 'terminating-too-long'
    | 'no-room'
    | 'no-network'
    | 'waits-for-first'
    | 'waits-for-singleton'
    | 'not-recreated'
    | 'budget-sync-failed'
    | 'budget-unprocessed'
    | 'budget-never'
    | 'budget'
    | 'replacement-not-ready'
    | 'late'
    | 'next'
    /** of a budget or a node: nothing of it has to leave, or nothing hinders it */
    | 'done'
    | 'free';
  reason: string;
  nextAction: string;
  /** what helps as well, each a command of its own */
  otherActions?: string[];
}

const seconds = 1000;
/** a pod may outlive its grace period by this much before it is called stuck */
const terminationSlackSeconds = 60;

/** Why a pod is still there. */
export function explain(pod: DrainPod, state: Readonly<DrainState>, now: number): Explanation {
  const found =
    explainHold(pod, state, now) ??
    explainTrial(pod) ??
    explainEnding(pod, state, now) ??
    explainTurn(pod, state) ??
    (pod.group?.budget ? explainAllowance(pod.group.budget, pod, state, now) : explainOwner(pod, state, now));
  if (!pod.late) return found;
  const late = 'it came to this node after the drain had begun';
  return { ...found, state: found.state === 'next' ? 'late' : found.state, reason: `${found.reason}; ${late}` };
}

const describePod = ({ namespace, name }: DrainPod): string => `kubectl -n ${namespace} describe pod ${name}`;

function explainHold(pod: DrainPod, state: Readonly<DrainState>, now: number): Explanation | null {
  const { hold, namespace, name, owner } = pod;
  const describe = describePod(pod);
  const deleteIt = `kubectl -n ${namespace} delete pod ${name}`;
  switch (hold) {
    case 'emptydir':
      return {
        state: hold,
        reason: 'it has emptyDir volumes, whose data would be lost, and the plan does not allow that',
        nextAction: deleteIt,
      };
    case 'bare-pod':
      return {
        state: hold,
        reason: 'no controller would create it again, and the plan does not allow to lose it',
        nextAction: deleteIt,
      };
    case 'multiple-budgets':
      return {
        state: hold,
        reason: `more than one PodDisruptionBudget selects it (${pod.detail}), which the eviction API refuses for ever`,
        nextAction: `kubectl -n ${namespace} get pdb  # leave the pod only one of them`,
      };
    case 'comes-back':
      return {
        state: hold,
        reason: `new pods of ${owner?.kind} ${owner?.name} ${comesBack}`,
        nextAction: lookForTolerations(pod),
      };
    case 'refused':
      if (owner?.surge?.refusal) return { state: hold, ...refusedRollout(owner, pod.detail) };
      return { state: hold, reason: `the API server refused: ${pod.detail}`, nextAction: describe };
    case 'not-cordoned':
      return {
        state: hold,
        reason: `its node is not cordoned, so the pod could land there again`,
        nextAction: `kubectl cordon ${pod.nodeName}`,
      };
    case 'surging':
      return { state: hold, ...explainSurge(pod, state) };
    case 'job-running': {
      const left = formatDuration(Math.max(0, Math.round((state.jobsUntil - now) / seconds)));
      return {
        state: hold,
        reason: `it works for Job ${owner?.name}, and may do so for ${left} before it is evicted`,
        nextAction: `kubectl -n ${namespace} get job ${owner?.name}`,
      };
    }
    case 'namespace-terminating':
      return {
        state: hold,
        reason: `namespace ${namespace} is being deleted and takes the pod with it`,
        nextAction: `kubectl get namespace ${namespace} -o yaml`,
      };
    case 'no-answer':
      return {
        state: hold,
        reason: `${pod.attempts} ${pod.attempts === 1 ? 'request' : 'requests'} to evict it had no usable answer: ${pod.detail}`,
        nextAction: 'kubectl get --raw /readyz?verbose',
      };
    case 'server-busy':
      return {
        state: hold,
        reason: 'the API server asked to slow down',
        nextAction: 'kubectl get --raw /readyz?verbose',
      };
    case null:
      return null;
  }
}

const comesBack = 'land on the nodes that are drained again and again: they tolerate the cordon, or are bound there';

const lookForTolerations = ({ namespace, name }: DrainPod): string =>
  `kubectl -n ${namespace} get pod ${name} -o yaml  # take the toleration of node.kubernetes.io/unschedulable, or the nodeName, out of what creates it`;

/** Known from an earlier run. */
function explainTrial(pod: DrainPod): Explanation | null {
  const { owner, state } = pod;
  if (owner?.onTrial !== true || state !== 'queued') return null;
  return {
    state: 'comes-back',
    reason: `in an earlier run new pods of ${owner.kind} ${owner.name} were seen to ${comesBack}; one more is evicted at a time, to see whether that is still so`,
    nextAction: lookForTolerations(pod),
  };
}

const refusedRollout = (owner: Owner, detail: string): Omit<Explanation, 'state'> => ({
  reason: `Deployment ${podKey(owner)} shall be rolled over instead of evicted, and that was refused: ${detail}`,
  nextAction: owner.surge?.remedy ?? `kubectl -n ${owner.namespace} rollout restart deployment/${owner.name}`,
});

function explainSurge(pod: DrainPod, state: Readonly<DrainState>): Omit<Explanation, 'state'> {
  const { owner } = pod;
  const name = owner === null ? '' : `Deployment ${podKey(owner)}`;
  const look = `kubectl -n ${pod.namespace} rollout status deployment/${owner?.name}`;
  const hindrance = owner?.surge?.at === null ? (explainBrake(state) ?? explainFirst(pod, state)) : null;
  if (hindrance !== null) return hindrance;
  const unready = firstUnready(owner, state);
  if (unready !== null) {
    return { reason: `${name} is rolled over, and ${unready.reason}`, nextAction: unready.nextAction };
  }
  if (owner?.surge?.confirmed !== true) {
    return { reason: `${name} is rolled over instead of evicted, and is about to be`, nextAction: look };
  }
  if ([...owner.pods].every((each) => owner.surge?.old.has(hashOf(each)))) {
    return {
      reason: `${name} is rolled over, and its new pod is not there yet: when it does not come, a quota or an admission webhook denies it`,
      nextAction: `kubectl -n ${pod.namespace} describe deployment ${owner.name}`,
    };
  }
  return { reason: `${name} is rolled over: the pod leaves when its successor is Ready`, nextAction: look };
}

/** On its way out. */
function explainEnding(pod: DrainPod, state: Readonly<DrainState>, now: number): Explanation | null {
  const { deletedAt, namespace, name, nodeName, finalizers } = pod;
  if (deletedAt !== null && isOverdue(pod, now)) {
    const since = formatDuration(Math.round((now - deletedAt) / seconds));
    const ended = `it should have ended ${since} ago`;
    if (finalizers.length > 0) {
      return {
        state: 'terminating-too-long',
        reason: `${ended}, and is held by ${finalizers.length === 1 ? 'the finalizer' : 'the finalizers'} ${finalizers.join(', ')}`,
        nextAction: `kubectl -n ${namespace} get pod ${name} -o jsonpath='{.metadata.finalizers}'`,
      };
    }
    if (state.nodes.get(nodeName ?? '')?.ready === false) {
      return {
        state: 'terminating-too-long',
        reason: `${ended}, and node ${shortName(nodeName)} is not Ready: its kubelet does not say that the containers have ended`,
        nextAction: `kubectl describe node ${nodeName}`,
      };
    }
    return {
      state: 'terminating-too-long',
      reason: `${ended}: a container that does not end, a volume that does not detach, or a kubelet that does not answer`,
      nextAction: describePod(pod),
    };
  }
  if (pod.state !== 'leaving' && pod.state !== 'in-flight') return null;
  return { state: 'terminating', reason: 'it is shutting down', nextAction: describePod(pod) };
}

/** Its grace period and some more have passed. */
export const isOverdue = ({ deletedAt }: DrainPod, now: number): boolean =>
  deletedAt !== null && now > deletedAt + terminationSlackSeconds * seconds;

/** What stops everything, or everything but what goes first. */
const explainTurn = (pod: DrainPod, state: Readonly<DrainState>): Explanation | null =>
  explainBrake(state) ?? explainFirst(pod, state);

/** Why nothing at all is evicted; null when nothing brakes. */
export function explainBrake(state: Readonly<DrainState>): Explanation | null {
  const { withoutRoom } = state;
  const [homeless] = withoutRoom;
  if (homeless === undefined) return null;
  const [pod, trouble] = homeless;
  const nextAction = describePod(pod);
  if (pod.nodeName === null) {
    const reason = `nothing more is evicted while ${podKey(pod)} finds no room: ${trouble}`;
    const closed = closedTo({ ...pod, trouble }, state);
    if (closed !== null) return { state: 'no-room', reason: reason + closed.reason, nextAction: closed.nextAction };
    return { state: 'no-room', reason, nextAction, otherActions: addNodes(state) };
  }
  const why = noAddress.test(trouble)
    ? `the VPC CNI has no address for it, most likely because its subnet is out of free /28 blocks (${trouble})`
    : trouble;
  const reason = `nothing more is evicted while ${podKey(pod)} on ${shortName(pod.nodeName)} gets no network: ${why}`;
  return { state: 'no-network', reason, nextAction };
}

/** One more node for each replacement. */
function addNodes({ settings, nodes }: Readonly<DrainState>): string[] {
  const { clusterName, replacementNames = [] } = settings;
  if (clusterName === undefined) return [];
  return replacementNames.map((name) => {
    const size = [...nodes.values()].filter(({ nodegroupName }) => nodegroupName === name).length;
    return resizeCommand({ clusterName }, name, { desiredSize: size + 1 });
  });
}

/** The first is EC2's word; the second is all that reaches the pod. */
const noAddress = /InsufficientCidrBlocks|failed to assign an IP address to container/;

function explainFirst(pod: DrainPod, state: Readonly<DrainState>): Explanation | null {
  const first = closedGate(state);
  if (first === undefined || pod.first !== null) return null;
  const [behind] = [...first.pods].filter(({ on }) => on === null);
  return {
    state: 'waits-for-first',
    reason: `waits for ${first.name} to be Ready elsewhere${behind?.trouble ? `; ${podKey(behind)}: ${behind.trouble}` : ''}`,
    nextAction: `kubectl -n ${first.namespace} get pods -l ${shellWord(labelText(first.selector))} -o wide`,
  };
}

const labelText = (selector: Record<string, string>): string =>
  Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

function explainAllowance(
  budget: PodDisruptionBudget,
  pod: DrainPod,
  state: Readonly<DrainState>,
  now: number,
): Explanation {
  const { owner } = pod;
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
  const arithmetic = `${name} needs ${status.desiredHealthy} healthy, has ${status.currentHealthy}, expected ${status.expectedPods}${standsSince(pod, now)}`;
  if (status.desiredHealthy >= status.expectedPods) {
    const reason = `${arithmetic}: it never allows an eviction`;
    return { state: 'budget-never', reason, nextAction: wayOut(budget, owner) };
  }
  if (status.disruptionsAllowed > 0) {
    const reason = `its turn has not come yet; ${arithmetic}, so ${status.disruptionsAllowed} may leave`;
    return { state: 'next', reason, nextAction: look };
  }
  const charged = chargedInVain(budget, owner, now);
  if (charged !== null) return { state: 'budget', reason: `${arithmetic}; ${charged}`, nextAction: look };
  const lack = explainLack(owner, state);
  // it may be what is lacking itself, and then it never leaves
  const isHeld = !pod.ready && budget.unhealthyPodEvictionPolicy !== 'AlwaysAllow';
  const letGo = `kubectl -n ${budget.namespace} patch pdb ${budget.name} --type=merge -p '{"spec":{"unhealthyPodEvictionPolicy":"AlwaysAllow"}}'`;
  const more = isHeld ? '. The budget keeps pods that are not Ready as well (IfHealthyBudget)' : '';
  const otherActions = isHeld ? [letGo] : [];
  if (lack !== null) return { ...lack, reason: `${arithmetic}; ${lack.reason}${more}`, otherActions };
  return { state: 'budget', reason: `${arithmetic}${more}`, nextAction: look, otherActions };
}

/** `, for 1m50s`: how long its group has stood still, as far as this run has seen it. */
function standsSince({ since, group }: DrainPod, now: number): string {
  const stood = Math.floor((now - Math.max(since, group?.lastEvictionAt ?? 0)) / seconds);
  return stood < 1 ? '' : `, for ${formatDuration(stood)}`;
}

/** The disruption controller gives up on an eviction that it cannot see happen after so long. */
const chargedMilliseconds = 120_000;

/** An eviction that the budget was charged for, and that did not happen, as when its precondition failed. */
function chargedInVain({ status }: PodDisruptionBudget, owner: Owner | null, now: number): string | null {
  const names = Object.keys(status.disruptedPods);
  if (names.length === 0 || status.disruptionsAllowed > 0) return null;
  const stays = [...(owner?.pods ?? [])].find(
    (pod) => names.includes(pod.name) && pod.deletedAt === null && !['leaving', 'in-flight'].includes(pod.state),
  );
  const until = Date.parse(status.disruptedPods[stays?.name ?? ''] ?? '') + chargedMilliseconds;
  if (stays === undefined || !(until > now)) return null;
  return `it counts an eviction of ${podKey(stays)} that did not happen, or was of an earlier pod of this name, and takes it back by itself at ${new Date(until).toISOString().slice(11, 19)} UTC`;
}

/** How a budget that equals its workload can be made to move. */
function wayOut(budget: PodDisruptionBudget, owner: Owner | null): string {
  const scalable = owner === null ? null : scalableName(owner);
  if (typeof budget.minAvailable === 'number' && scalable !== null) {
    return `kubectl -n ${budget.namespace} scale ${scalable} --replicas=${budget.minAvailable + 1}`;
  }
  // of bare pods Kubernetes expects none, and of a Job it cannot count them, unless minAvailable is a number
  const rule =
    budget.status.expectedPods === 0 || owner?.kind === 'Job'
      ? { maxUnavailable: null, minAvailable: Math.max(0, budget.status.currentHealthy - 1) }
      : { minAvailable: null, maxUnavailable: 1 };
  return `kubectl -n ${budget.namespace} patch pdb ${budget.name} --type=merge -p '${JSON.stringify({ spec: rule })}'`;
}

/** `deployment/search` */
function scalableName({ kind, name }: Owner): string | null {
  return ['Deployment', 'StatefulSet', 'ReplicaSet'].includes(kind) ? `${kind.toLowerCase()}/${name}` : null;
}

function explainOwner(pod: DrainPod, state: Readonly<DrainState>, now: number): Explanation {
  const { owner, group } = pod;
  const describe = describePod(pod);
  const next: Explanation = { state: 'next', reason: 'its turn has not come yet', nextAction: describe };
  if (owner === null || group === null) return next;
  const down = owner.target - owner.available;
  const allowed = allowance(group, state.settings);
  const holders = state.lanes.get(owner.namespace)?.holders ?? new Set();
  const [holder] = holders;
  if (down < allowed) {
    if (!isAlone(group) || holder === undefined || holders.has(owner)) return next;
    const lack = explainLack(holder, state);
    return {
      state: 'waits-for-singleton',
      reason: `workloads of one pod without a PDB leave namespace ${owner.namespace} one after the other, and ${ownerName(holder)} is on its way${lack === null ? '' : `; ${lack.reason}`}`,
      nextAction: lack?.nextAction ?? `kubectl -n ${owner.namespace} get pods -o wide`,
    };
  }
  const arithmetic = `${ownerName(owner)} has no PDB: ${down} of ${owner.target} down, at most ${allowed} may be${standsSince(pod, now)}`;
  const lack = explainLack(owner, state);
  if (lack !== null) return { ...lack, reason: `${arithmetic}; ${lack.reason}` };
  return { state: 'budget', reason: arithmetic, nextAction: describe };
}

/** What the workload lacks to be whole again. */
function explainLack(owner: Owner | null, state: Readonly<DrainState>): Explanation | null {
  const unready = firstUnready(owner, state);
  if (unready !== null) return { state: 'replacement-not-ready', ...unready };
  if (owner === null || !state.notRecreated.has(owner)) return null;
  const missing = owner.target - owner.size;
  return {
    state: 'not-recreated',
    reason: `${ownerName(owner)} has ${owner.size} of ${owner.target} pods, and ${missing === 1 ? 'the missing one is' : `the ${missing} missing are`} not created: ${owner.denial === null ? 'a quota or an admission webhook may deny it' : `FailedCreate: ${owner.denial}`}`,
    nextAction: `kubectl -n ${owner.namespace} describe ${creatorOf(owner)}`,
  };
}

/** Who creates the pods, and has the events that say why not. */
const creatorOf = ({ kind, creator }: Owner): string =>
  `${kind === 'Deployment' ? 'replicaset' : kind.toLowerCase()} ${creator}`;

function firstUnready(owner: Owner | null, state: Readonly<DrainState>): Omit<Explanation, 'state'> | null {
  const [pod] = owner?.unready ?? [];
  if (pod === undefined) return null;
  const closed = closedTo(pod, state);
  return {
    reason: `${podKey(pod)} is not Ready${pod.trouble === null ? '' : `: ${pod.trouble}`}${closed?.reason ?? ''}`,
    nextAction: closed?.nextAction ?? lastWords(pod) ?? describePod(pod),
  };
}

/** Nodes on which the pod could have been, had nobody cordoned them; null when there are none. */
function closedTo({ nodeName, trouble }: DrainPod, { nodes, settings }: Readonly<DrainState>) {
  if (nodeName !== null || trouble?.includes('unschedulable') !== true) return null;
  const closed = [...nodes.values()].filter(
    ({ nodegroupName, cordoned }) => cordoned && settings.replacementNames?.includes(nodegroupName ?? '') === true,
  );
  if (closed.length === 0) return null;
  const names = closed.map(({ name, nodegroupName }) => `${shortName(name)} of ${nodegroupName}`).join(', ');
  return {
    reason: `; ${names} is cordoned, which this run has not done`,
    nextAction: `kubectl uncordon ${closed.map(({ name }) => name).join(' ')}`,
  };
}

/** The log of the container that crashed last, which the kubelet names. */
function lastWords({ namespace, name, trouble }: DrainPod): string | null {
  if (trouble?.startsWith('CrashLoopBackOff') !== true) return null;
  const [, container] = /restarting failed container=(\S+)/.exec(trouble) ?? [];
  return `kubectl -n ${namespace} logs ${name} ${container === undefined ? '' : `-c ${container} `}--previous`;
}

/** How things are with a PodDisruptionBudget, by uid or as `shop/search`; undefined when there is none of that name. */
export function explainBudget(budget: string, state: Readonly<DrainState>, now: number): Explanation | undefined {
  const found =
    state.budgets.all().get(budget) ?? [...state.budgets.all().values()].find((each) => podKey(each) === budget);
  if (found === undefined) return undefined;
  const group = state.groups.get(found.uid);
  const look = `kubectl -n ${found.namespace} get pdb ${found.name} -o yaml`;
  const { desiredHealthy, currentHealthy, expectedPods, disruptionsAllowed } = found.status;
  const arithmetic = `needs ${desiredHealthy} healthy, has ${currentHealthy}, expected ${expectedPods}`;
  if (group === undefined) {
    const reason = `PDB ${podKey(found)} ${arithmetic}; none of its pods has to leave a node that is drained`;
    return { state: 'done', reason, nextAction: look };
  }
  const left = `${group.left} ${group.left === 1 ? 'pod has' : 'pods have'} to leave`;
  const pod = head(group) ?? anyOf(group, state);
  const isFree = found.status.observedGeneration >= found.generation && disruptionsAllowed > 0;
  if (pod === undefined || (isFree && explainTurn(pod, state) === null)) {
    const reason = `PDB ${podKey(found)} ${arithmetic}: ${disruptionsAllowed} may leave now; ${left}`;
    return { state: 'free', reason, nextAction: look };
  }
  const why = explain(pod, state, now);
  return { ...why, reason: `${why.reason}; ${left}` };
}

/** How things are with a source node; undefined when there is no such node. */
export function explainNode(name: string, state: Readonly<DrainState>, now: number): Explanation | undefined {
  const node = state.nodes.get(name);
  if (node === undefined) return undefined;
  const look = `kubectl get pods --all-namespaces --field-selector spec.nodeName=${name} -o wide`;
  if (!node.source) return { state: 'done', reason: 'it is not on a node group that is drained', nextAction: look };
  if (node.left === 0) return { state: 'done', reason: 'no pod is left on it that has to leave', nextAction: look };
  const pods = [...state.pods.values()].filter(({ on }) => on === node);
  const causes = Map.groupBy(
    pods.map((pod) => ({ pod, ...explain(pod, state, now) })),
    ({ state: cause }) => cause,
  );
  const [worst] = [...causes.values()].toSorted(
    ([a], [b]) => severity(a?.state ?? 'next') - severity(b?.state ?? 'next'),
  );
  const [first] = worst ?? [];
  if (first === undefined) return undefined;
  const counts = [...causes].map(([cause, those]) => `${those.length} ${cause}`).join(', ');
  return {
    state: first.state,
    reason: `${node.left} ${node.left === 1 ? 'pod has' : 'pods have'} to leave it (${counts}); ${podKey(first.pod)}: ${first.reason}`,
    nextAction: first.nextAction,
  };
}

/** What ends by itself comes last. */
const harmless: Explanation['state'][] = ['late', 'budget', 'terminating', 'next'];
const severity = (state: Explanation['state']): number => harmless.indexOf(state) + 1;

const anyOf = (group: Group, state: Readonly<DrainState>): DrainPod | undefined =>
  [...state.pods.values()].find((pod) => pod.group === group);
