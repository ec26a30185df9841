/** Budgets, workloads and nodes: what holds the pods of each. */
import { budgetRule, budgetsOf, indexBudgets } from '../../domain/budgets.ts';
import { drainClass, mustMove } from '../../domain/evictable.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import type { RunState } from '../../domain/run-state.ts';
import type { Pod, PodDisruptionBudget } from '../../domain/snapshot.ts';
import { indexWorkloads, nameOf, ownerOf } from '../../domain/workloads.ts';
import type { Explained, Fact } from '../../reporting/formats/explain-text.ts';
import { howLong, pace } from '../../reporting/formats/plan-words.ts';
import { count } from '../../reporting/text.ts';
import {
  causesOf,
  type DrainView,
  nodegroupsLeft,
  onTheWaySentence,
  podAnswers,
  podsSentence,
} from './explain-drain.ts';
import { arithmetic, cordonWords, roleOf } from './explain-pod.ts';
import type { Sight } from './explain-sight.ts';

const mostNamed = 5;
const mostLines = 10;

const facts = (...all: Fact[]): Fact[] => all.filter(({ lines }) => lines.length > 0);

const named = (pods: readonly Pod[]): string =>
  pods.slice(0, mostNamed).map(nameOf).join(', ') +
  (pods.length > mostNamed ? ` and ${pods.length - mostNamed} more` : '');

/** The arithmetic of a PodDisruptionBudget in words, whose pods it guards, what keeps it from moving, and how long it takes. */
export function explainBudget(name: string, plan: MigrationPlan, sight: Sight, drain: DrainView | null): Explained {
  const subject = { kind: 'pdb' as const, name };
  const budget = sight.podDisruptionBudgets.find((candidate) => nameOf(candidate) === name);
  if (budget === undefined) return { subject, answer: 'It is not there any more.', facts: [], nextActions: [] };
  const index = indexBudgets([budget]);
  const selected = sight.pods.filter((pod) => budgetsOf(pod, index).length > 0);
  const unready = selected.filter((pod) => !pod.ready && drainClass(pod) !== 'finished');
  const left = drain?.left.filter(({ pod }) => selected.some(({ uid }) => uid === pod.uid)) ?? [];
  const [cause] = causesOf(left);
  const others = indexBudgets(sight.podDisruptionBudgets);
  const shared = selected.filter((pod) => budgetsOf(pod, others).length > 1);
  return {
    subject,
    answer: budgetAnswer(budget, selected),
    facts: facts(
      { label: 'rule', lines: [`${budgetRule(budget)}; ${unhealthyWords(budget)}`] },
      { label: 'now', lines: [arithmetic(budget)] },
      { label: 'selects', lines: [`${count(selected.length, 'pod')}, ${left.length} of them on old nodes`] },
      {
        label: 'not Ready',
        lines: unready.slice(0, mostNamed).map((pod) => `${nameOf(pod)}: ${pod.trouble ?? 'not yet'}`),
      },
      { label: 'waits', lines: cause === undefined ? [] : [`${podsSentence(cause.pods)}: ${cause.reason}`] },
      {
        label: 'several',
        lines:
          shared.length === 0 ? [] : [`${named(shared)}: in another budget too, so that they can never be evicted`],
      },
      { label: 'takes', lines: forecastLines(plan, ({ budget: of }) => of === name) },
    ),
    pods: podAnswers(left),
    nextActions: cause === undefined ? [] : [cause.nextAction],
  };
}

function budgetAnswer({ status, generation }: PodDisruptionBudget, selected: readonly Pod[]): string {
  const { disruptionsAllowed, desiredHealthy, currentHealthy, expectedPods, syncFailure } = status;
  if (syncFailure !== null) return `The cluster cannot compute it, so it allows nothing: ${syncFailure}.`;
  if (status.observedGeneration < generation) return 'It was changed, and the cluster has not processed that yet.';
  if (expectedPods === 0) {
    return selected.length === 0
      ? 'It selects no pods, so it holds nothing up.'
      : 'It lets no pod go: Kubernetes expects none, as for bare pods, which count only where minAvailable is a number.';
  }
  if (disruptionsAllowed > 0) {
    return `It lets ${disruptionsAllowed} go now: ${currentHealthy} pods are healthy and ${desiredHealthy} have to be.`;
  }
  if (desiredHealthy >= expectedPods) {
    return `It can never let a pod go: ${desiredHealthy} have to be healthy, and there are only ${expectedPods}.`;
  }
  return `It lets none go now: ${desiredHealthy} have to be healthy, and ${currentHealthy} of ${expectedPods} are. It does again when ${desiredHealthy + 1 - currentHealthy} more ${desiredHealthy + 1 - currentHealthy === 1 ? 'is' : 'are'} Ready.`;
}

const unhealthyWords = ({ unhealthyPodEvictionPolicy: policy }: PodDisruptionBudget): string =>
  policy === 'AlwaysAllow'
    ? 'pods that are not Ready may always go (AlwaysAllow)'
    : 'pods that are not Ready may go while enough others are (IfHealthyBudget)';

/** How long its pods take, as the plan saw them. */
const forecastLines = (
  { forecast }: MigrationPlan,
  isIts: (group: MigrationPlan['forecast']['groups'][number]) => boolean,
): string[] =>
  forecast.groups.filter(isIts).map((group) => {
    const { pods, cycleSeconds, expectedSeconds } = group;
    const moving = `when planned: ${count(pods, 'pod')} to move`;
    if (expectedSeconds === null) return `${moving}, and none might ever go`;
    return `${moving}, ${pace(group)}, ${howLong(cycleSeconds)} each: about ${howLong(expectedSeconds)} in all (estimate)`;
  });

/** The pods of a controller: where they are, and what those on old nodes wait for. */
export function explainWorkload(name: string, plan: MigrationPlan, sight: Sight, drain: DrainView | null): Explained {
  const workloads = indexWorkloads(sight.workloads);
  const pods = sight.pods.filter((pod) => {
    const owner = ownerOf(pod, workloads);
    return owner !== null && nameOf(owner) === name;
  });
  const uids = new Set(pods.map(({ uid }) => uid));
  const left = drain?.left.filter(({ pod }) => uids.has(pod.uid)) ?? [];
  const budgets = indexBudgets(sight.podDisruptionBudgets);
  const guards = [...new Set(pods.flatMap((pod) => budgetsOf(pod, budgets)))];
  const ready = pods.filter((pod) => pod.ready && pod.deletionTimestamp === null).length;
  return {
    subject: { kind: 'workload', name },
    answer: `${count(pods.length, 'pod')}, ${ready} Ready; ${left.length} on old nodes.`,
    facts: facts(
      {
        label: 'budget',
        lines:
          guards.length === 0
            ? ['none']
            : guards.map((budget) => `pdb/${nameOf(budget)} (${budgetRule(budget)}): ${arithmetic(budget)}`),
      },
      ...leftFacts(left),
      { label: 'takes', lines: forecastLines(plan, (group) => group.name === name) },
    ),
    pods: podAnswers(left),
    nextActions: causesOf(left)
      .slice(0, 2)
      .map(({ nextAction }) => nextAction),
  };
}

/** Whether a node is old or new, who cordoned it, and why each pod that has to leave it is still there. */
export function explainNode(
  name: string,
  plan: MigrationPlan,
  run: RunState,
  sight: Sight,
  drain: DrainView | null,
): Explained {
  const subject = { kind: 'node' as const, name };
  const node = sight.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) return { subject, answer: 'It is gone.', facts: [], nextActions: [] };
  const pods = sight.pods.filter(({ nodeName }) => nodeName === name);
  const left = drain?.left.filter(({ pod }) => pod.nodeName === name) ?? [];
  const staying = pods.filter((pod) => !mustMove(pod));
  const verified = run.verifiedNodes[name];
  const isLeft = nodegroupsLeft(plan).includes(node.nodegroupName ?? '');
  const role = roleOf(node.nodegroupName, plan);
  const nodeWords = role.startsWith('of ') ? `A node ${role}` : `${role.startsWith('old') ? 'An' : 'A'} ${role}`;
  return {
    subject,
    answer: isLeft
      ? `${nodeWords}, ${cordonWords(node, run)}: ${left.length === 0 ? 'no pod has to leave it any more' : `${count(left.length, 'pod')} to leave it`}.`
      : `${nodeWords}, ${cordonWords(node, run)}: no pod has to leave it.`,
    facts: facts(
      {
        label: 'node',
        lines: [[node.instanceType, node.instanceId, node.availabilityZone].filter((part) => part !== null).join(', ')],
      },
      { label: 'room', lines: [`${pods.length} of ${node.allocatable.pods} pods`] },
      {
        label: 'prefixes',
        lines:
          verified === undefined || verified.prefixes.length === 0
            ? []
            : [`${verified.prefixes.join(', ')} when it was verified`],
      },
      ...leftFacts(left, false),
      {
        label: 'stays',
        lines:
          isLeft && staying.length > 0
            ? [`${named(staying)}: of DaemonSets, static or ended; they end with the node`]
            : [],
      },
    ),
    pods: podAnswers(left),
    nextActions: [...new Set(causesOf(left).map(({ nextAction }) => nextAction))].slice(0, 3),
  };
}

function leftFacts(left: DrainView['left'], onNode = true): Fact[] {
  const causes = causesOf(left);
  const moving = onTheWaySentence(left);
  const more = causes.length - mostLines;
  return [
    ...causes
      .slice(0, mostLines)
      .map(({ pods, reason }) => ({ label: 'waits', lines: [`${podsSentence(pods, onNode)}: ${reason}`] })),
    { label: '', lines: more > 0 ? [`and ${count(more, 'cause')} more`] : [] },
    { label: 'moves', lines: moving === '' ? [] : [moving] },
  ];
}
