import { budgetRule, budgetsOf, indexBudgets } from '../../domain/budgets.ts';
import { drainClass } from '../../domain/evictable.ts';
import type { JournalLine } from '../../domain/journal-entry.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import type { RunState } from '../../domain/run-state.ts';
import { shortName } from '../../domain/short-name.ts';
import type { Pod, PodDisruptionBudget } from '../../domain/snapshot.ts';
import { indexWorkloads, nameOf, ownerOf } from '../../domain/workloads.ts';
import type { Explained, Fact } from '../../reporting/formats/explain-text.ts';
import { sentence } from '../../reporting/formats/log-text.ts';
import { clockTime, count, dateTime } from '../../reporting/text.ts';
import { type DrainView, nodegroupsLeft, podAnswers } from './explain-drain.ts';
import { isDraining } from './explain-migration.ts';
import type { Sight } from './explain-sight.ts';

const mostEntries = 8;
const mostEvents = 4;

/** Why a pod is where it is: its class, budget, owner and node, what it waits for, and what the journal knows of it. */
export async function explainPod(
  name: string,
  plan: MigrationPlan,
  run: RunState,
  lines: readonly JournalLine[],
  sight: Sight,
  drain: DrainView | null,
): Promise<Explained> {
  const subject = { kind: 'pod' as const, name };
  const pod = sight.pods.find((candidate) => nameOf(candidate) === name);
  const journal: Fact = { label: 'journal', lines: entriesOf(name, pod?.uid, lines) };
  if (pod === undefined) {
    return { subject, answer: departed(name, run), facts: facts(journal), nextActions: [] };
  }
  const events = await sight.eventsOf(pod);
  const { answer, nextActions, pods = [] } = judged(pod, plan, run, sight, drain);
  return {
    subject,
    answer,
    facts: facts(
      { label: 'pod', lines: podLines(pod) },
      { label: 'owner', lines: [ownerLine(pod, sight)] },
      { label: 'node', lines: nodeLines(pod, plan, run, sight) },
      { label: 'budget', lines: budgetLines(pod, sight) },
      journal,
      {
        label: 'events',
        lines: events
          .slice(0, mostEvents)
          .map(({ lastAt, reason, message }) => `${clockTime(lastAt)} ${reason}: ${message.replaceAll(/\s+/g, ' ')}`),
      },
    ),
    pods,
    nextActions,
  };
}

const facts = (...all: Fact[]): Fact[] => all.filter(({ lines }) => lines.length > 0);

function departed(name: string, run: RunState): string {
  const found = Object.entries(run.evictions).find(([, { pod }]) => pod === name);
  if (found === undefined) return 'It is not there any more.';
  const [uid, { node, outcome }] = found;
  if (run.podsGone.includes(uid)) return `This plan evicted it from ${node}, and it has left.`;
  return `It was asked to leave ${node} (${outcome}), and is not there any more.`;
}

/** The verdict and what to do. */
function judged(
  pod: Pod,
  plan: MigrationPlan,
  run: RunState,
  sight: Sight,
  drain: DrainView | null,
): Pick<Explained, 'answer' | 'nextActions' | 'pods'> {
  const look = [`kubectl -n ${pod.namespace} describe pod ${pod.name}`];
  const group = sight.nodes.find(({ name }) => name === pod.nodeName)?.nodegroupName ?? null;
  const planned = plan.nodegroups.find(({ source, replacement }) => source === group || replacement === group);
  if (pod.nodeName === null) {
    return { answer: stopped(`It runs on no node: ${pod.trouble ?? 'it was not scheduled yet'}`), nextActions: look };
  }
  if (planned === undefined) {
    const kept = group === null ? 'no managed node group' : `node group ${group}`;
    return {
      answer: `It runs on ${shortName(pod.nodeName)} of ${kept}, which this plan does not touch.`,
      nextActions: [],
    };
  }
  if (group === null || !nodegroupsLeft(plan).includes(group)) {
    const age = planned.replacement === group ? 'a new node' : `an old node of ${group}`;
    const state = pod.ready ? 'Ready' : `not Ready${pod.trouble === null ? '' : `: ${pod.trouble.replace(/\.$/, '')}`}`;
    return {
      answer: `It runs on ${shortName(pod.nodeName)}, ${age}, and is ${state}. It does not have to move.`,
      nextActions: pod.ready ? [] : look,
    };
  }
  const where = shortName(pod.nodeName);
  const stays = staying(pod);
  if (stays !== null) return { answer: stays, nextActions: [] };
  const found = drain?.left.find((one) => one.pod.uid === pod.uid);
  const node = `${planned.source === group ? 'an old' : 'a new'} node of ${group}`;
  if (found === undefined) return { answer: `It has to leave ${where}, ${node}.`, nextActions: look };
  const { state, reason, nextAction, otherActions = [] } = found;
  const pods = podAnswers([found]);
  if (isDraining(plan, run)) {
    const verb =
      state === 'next' || state === 'late'
        ? 'It has to leave'
        : state === 'terminating'
          ? 'It leaves'
          : 'It cannot leave';
    return { answer: stopped(`${verb} ${where}: ${reason}`), pods, nextActions: [nextAction, ...otherActions] };
  }
  const isFree = state === 'next' || state === 'late' || state === 'terminating';
  return {
    answer: `It has to leave ${where}, ${node}, and the drain is not on. ${isFree ? 'Nothing would hold its eviction.' : stopped(`As things are, it would wait: ${reason}`)}`,
    pods,
    nextActions: isFree ? [] : [nextAction, ...otherActions],
  };
}

/** With one full stop: messages of the scheduler have theirs. */
const stopped = (text: string): string => (text.endsWith('.') ? text : `${text}.`);

/** Pods that a drain leaves alone. */
function staying(pod: Pod): string | null {
  switch (drainClass(pod)) {
    case 'daemonset':
      return `It belongs to DaemonSet ${pod.controller?.name}: it stays until its node goes, and new nodes have one of their own.`;
    case 'mirror':
      return 'It is a static pod, which the kubelet of its node runs: nobody can evict it, and it ends with the node.';
    case 'finished':
      return `It has ended (${pod.phase}) and holds nothing up.`;
    case 'bare':
    case 'empty-dir':
    case 'evictable':
      return null;
  }
}

const podLines = (pod: Pod): string[] => [
  `${pod.phase}, ${pod.ready ? 'Ready' : 'not Ready'}, created ${dateTime(pod.createdAt)}, ${pod.terminationGracePeriodSeconds} s to end` +
    (pod.deletionTimestamp === null ? '' : `, being deleted until ${dateTime(pod.deletionTimestamp)}`),
  ...(pod.trouble === null ? [] : [pod.trouble]),
  ...(pod.emptyDirVolumes.length === 0 ? [] : [`emptyDir ${pod.emptyDirVolumes.join(', ')}: lost when it moves`]),
  ...(pod.persistentVolumeClaims.length === 0 ? [] : [`volumes ${pod.persistentVolumeClaims.join(', ')} move with it`]),
  ...((pod.finalizers ?? []).length === 0
    ? []
    : [`finalizers ${pod.finalizers?.join(', ')}: must be taken off before it is gone`]),
];

function ownerLine(pod: Pod, { workloads, pods }: Sight): string {
  if (pod.controller === null) return 'none: it is a bare pod, and nothing creates it again';
  const owner = ownerOf(pod, indexWorkloads(workloads));
  const siblings = pods.filter(({ controller }) => controller?.uid === pod.controller?.uid);
  const ready = siblings.filter((sibling) => sibling.ready && sibling.deletionTimestamp === null).length;
  return `${owner?.kind} ${owner?.name}: ${count(siblings.length, 'pod')}, ${ready} Ready`;
}

function nodeLines(pod: Pod, plan: MigrationPlan, run: RunState, { nodes }: Sight): string[] {
  const node = nodes.find(({ name }) => name === pod.nodeName);
  if (node === undefined) return pod.nodeName === null ? [] : [`${pod.nodeName}, which is gone`];
  return [`${node.name}, ${roleOf(node.nodegroupName, plan)}, ${cordonWords(node, run)}`];
}

export function roleOf(nodegroupName: string | null, plan: MigrationPlan): string {
  if (nodegroupName === null) return 'of no managed node group';
  const isSource = plan.nodegroups.some(({ source }) => source === nodegroupName);
  const replaced = plan.nodegroups.find(({ replacement }) => replacement === nodegroupName);
  if (isSource) return `old node of ${nodegroupName}`;
  return replaced === undefined ? `of ${nodegroupName}` : `new node, in place of ${replaced.source}`;
}

export function cordonWords(node: { uid: string; unschedulable: boolean; ready: boolean }, run: RunState): string {
  const ready = node.ready ? '' : ', not Ready';
  if (!node.unschedulable) return `not cordoned${ready}`;
  return `cordoned ${run.cordonedNodes[node.uid] === undefined ? 'by somebody else' : 'by this plan'}${ready}`;
}

/** Its budgets, with their arithmetic. */
function budgetLines(pod: Pod, { podDisruptionBudgets }: Sight): string[] {
  const found = budgetsOf(pod, indexBudgets(podDisruptionBudgets));
  if (found.length === 0) return ['none'];
  const several = found.length > 1 ? ['more than one selects it: the eviction API refuses that for ever'] : [];
  return [...found.map((budget) => `${nameOf(budget)} (${budgetRule(budget)}): ${arithmetic(budget)}`), ...several];
}

/** `needs 3 healthy, has 4, expected 4: 1 may go now` */
export const arithmetic = ({ status }: PodDisruptionBudget): string =>
  `needs ${status.desiredHealthy} healthy, has ${status.currentHealthy}, expected ${status.expectedPods}: ${status.disruptionsAllowed} may go now`;

/** What was done about it, with times; also about an earlier pod of its name, as a StatefulSet makes them. */
function entriesOf(name: string, uid: string | undefined, lines: readonly JournalLine[]): string[] {
  const found = lines.flatMap(({ at, entry }) => {
    if (entry.type !== 'step-progress') return [];
    const { progress } = entry;
    if (!('pod' in progress) || progress.pod !== name) return [];
    const earlier = uid === undefined || progress.uid === uid ? '' : ' (an earlier pod of this name)';
    return [`${dateTime(at)} ${sentence(entry)}${earlier}`];
  });
  return found.length > mostEntries
    ? [`${found.length - mostEntries} earlier entries`, ...found.slice(-mostEntries)]
    : found;
}
