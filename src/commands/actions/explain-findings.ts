/** What the plan's findings say of pods, workloads and budgets: the drain's own rules do not know whether a pod fits elsewhere. */
import { qualifiedKind } from '../../checks/pod-unknown-controller.ts';
import { budgetsOf, indexBudgets } from '../../domain/budgets.ts';
import { isBare, mustMove } from '../../domain/evictable.ts';
import { blockers, type Finding } from '../../domain/finding.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import type { Pod } from '../../domain/snapshot.ts';
import { indexWorkloads, nameOf, ownerOf } from '../../domain/workloads.ts';
import type { Explained } from '../../reporting/formats/explain-text.ts';
import { bySeverity } from '../../reporting/formats/findings.ts';
import { count } from '../../reporting/text.ts';
import { labelOf } from './explain-plan.ts';
import type { Sight } from './explain-sight.ts';

const mostFindings = 10;
const mostActions = 10;

/** Puts what the plan has about the subject before the live state, and what to do about that before the rest. */
export function withFindings(explained: Explained, plan: MigrationPlan, sight: Sight): Explained {
  const about = inOrder(plan.findings.filter((finding) => isAbout(finding, explained.subject, plan, sight)));
  if (about.length === 0) return explained;
  const shown = about.slice(0, mostFindings);
  const more = about.length - shown.length;
  const blocking = blockers(about).length;
  const actions = hasLeft(explained.subject, plan, sight) ? [] : shown.flatMap(({ nextActions }) => nextActions);
  return {
    ...explained,
    answer: `The plan has ${count(about.length, 'finding')} about it${blocking > 0 ? `, ${blocking} blocking` : ''}. ${explained.answer}`,
    facts: [
      ...shown.map((finding) => ({ label: labelOf(finding), lines: [`${finding.code}: ${finding.summary}`] })),
      ...(more > 0 ? [{ label: '', lines: [`and ${more} more`] }] : []),
      ...explained.facts,
    ],
    findings: about,
    nextActions: withoutRepeats([...actions.slice(0, mostActions), ...explained.nextActions]),
  };
}

/** Whether it is a pod that is gone, or whose successor of the same name is on a new node: nothing is to be done about it. */
function hasLeft({ kind, name }: Explained['subject'], { nodegroups }: MigrationPlan, { pods, nodes }: Sight): boolean {
  if (kind !== 'pod') return false;
  const pod = pods.find((one) => nameOf(one) === name);
  const group = nodes.find((node) => node.name === pod?.nodeName)?.nodegroupName;
  return pod === undefined || nodegroups.some(({ replacement }) => replacement === group);
}

/** Of commands that differ in their comments only, the first. */
const withoutRepeats = (commands: readonly string[]): string[] =>
  [...Map.groupBy(commands, (command) => command.replace(/ {2}# .*$/, '')).values()].map(([first = '']) => first);

/** Most severe first, and of the blocking ones those that nobody allowed. */
const inOrder = (findings: readonly Finding[]): Finding[] =>
  bySeverity(findings.toSorted((a, b) => Number(a.allowed === true) - Number(b.allowed === true)));

function isAbout(finding: Finding, { kind, name }: Explained['subject'], plan: MigrationPlan, sight: Sight): boolean {
  const owned = (pod: Pod): boolean => ownersOf(pod, sight).includes(name);
  const pods = kind === 'pdb' ? [] : sight.pods.filter((pod) => (kind === 'pod' ? nameOf(pod) === name : owned(pod)));
  if (isAboutMoving(finding, pods, plan, sight)) return true;
  const budgets = indexBudgets(sight.podDisruptionBudgets);
  const podNames = new Set(kind === 'pod' ? [name] : pods.map(nameOf));
  const names = new Set([
    name,
    ...podNames,
    ...pods.flatMap((pod) => [...ownersOf(pod, sight), ...budgetsOf(pod, budgets).map(nameOf)]),
  ]);
  // some findings are about many pods, or a zone, and name the pods in their sentence
  const words = finding.summary.split(/[\s,:;()]+/).map((word) => word.replace(/\.$/, ''));
  return finding.subject.split(', ').some((part) => names.has(part)) || words.some((word) => podNames.has(word));
}

/** Findings about all pods of a sort that move, which name only the first few. */
function isAboutMoving(
  { code, subject }: Finding,
  pods: readonly Pod[],
  plan: MigrationPlan,
  { nodes }: Sight,
): boolean {
  const sources = new Set(plan.nodegroups.map(({ source }) => source));
  const groups = new Map(nodes.map(({ name, nodegroupName }) => [name, nodegroupName]));
  const moving = pods.filter((pod) => mustMove(pod) && sources.has(groups.get(pod.nodeName ?? '') ?? ''));
  if (code === 'POD.BARE') return moving.some(isBare);
  if (code !== 'POD.UNKNOWN_CONTROLLER') return false;
  return moving.some(({ controller }) => controller !== null && subject.startsWith(`${qualifiedKind(controller)} `));
}

/** The names that a person may know what made the pod by: of a CronJob's pod, that and the Job. */
function ownersOf(pod: Pod, { workloads, jobs }: Sight): string[] {
  const owner = ownerOf(pod, indexWorkloads(workloads));
  const cronJob = jobs.find(({ uid }) => uid === pod.controller?.uid)?.controller;
  return [
    ...(owner === null ? [] : [nameOf(owner)]),
    ...(cronJob ? [nameOf({ namespace: pod.namespace, name: cronJob.name })] : []),
  ];
}
