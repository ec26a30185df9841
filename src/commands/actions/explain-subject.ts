import { auditChecks } from '../../checks/audit/index.ts';
import { checks } from '../../checks/index.ts';
import { nearest } from '../../cli/nearest.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import type { RunState } from '../../domain/run-state.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { indexWorkloads, nameOf, ownerOf } from '../../domain/workloads.ts';
import type { SubjectKind } from '../../reporting/formats/explain-text.ts';
import type { Sight } from './explain-sight.ts';

export interface Subject {
  kind: SubjectKind;
  /** `shop/search-6`, `ip-10-0-1-7`, `delete-source/apps` */
  name: string;
}

/** Words before the first slash that say what kind of thing is meant, as kubectl has them. */
const kinds: Record<string, SubjectKind> = {
  pod: 'pod',
  pods: 'pod',
  po: 'pod',
  pdb: 'pdb',
  poddisruptionbudget: 'pdb',
  poddisruptionbudgets: 'pdb',
  node: 'node',
  nodes: 'node',
  no: 'node',
  nodegroup: 'nodegroup',
  subnet: 'subnet',
  step: 'step',
  finding: 'finding',
  deployment: 'workload',
  deploy: 'workload',
  statefulset: 'workload',
  sts: 'workload',
  replicaset: 'workload',
  workload: 'workload',
};

export const findingCodes = [...checks, ...auditChecks].flatMap(({ codes }) => codes);

/** What the plan alone can answer for. */
export const subjectsOfPlan = (plan: MigrationPlan): Subject[] => [
  ...plan.steps.map(({ id }) => ({ kind: 'step' as const, name: id })),
  ...findingCodes.map(({ code }) => ({ kind: 'finding' as const, name: code })),
  ...plan.subnets.map(({ subnetId }) => ({ kind: 'subnet' as const, name: subnetId })),
  ...plan.nodegroups.flatMap(({ source, replacement }) =>
    [source, replacement].map((name) => ({ kind: 'nodegroup' as const, name })),
  ),
];

const of = (kind: SubjectKind, names: readonly string[]): Subject[] =>
  [...new Set(names)].map((name) => ({ kind, name }));

/** What is, or was, in the cluster. */
export function subjectsOfCluster(sight: Sight, state: RunState): Subject[] {
  const workloads = indexWorkloads(sight.workloads);
  const owners = sight.pods.flatMap((pod) => ownerOf(pod, workloads) ?? []);
  const evicted = Object.values(state.evictions).map(({ pod }) => pod);
  const nodes = [...sight.nodes.map(({ name }) => name), ...Object.values(state.cordonedNodes)];
  return [
    ...of('pod', [...sight.pods.map(nameOf), ...evicted]),
    ...of('workload', owners.map(nameOf)),
    ...of('pdb', sight.podDisruptionBudgets.map(nameOf)),
    ...of('node', nodes),
  ];
}

/** Everything that the words can mean; a kind that stands before others with the same name comes first. */
export function subjectsMeant(text: string, known: readonly Subject[]): Subject[] {
  const [head = '', ...rest] = text.split('/');
  const kind = Object.hasOwn(kinds, head.toLowerCase()) && rest.length > 0 ? kinds[head.toLowerCase()] : undefined;
  const exact = known.filter(({ name }) => name === text);
  // a namespace may be called `node`
  if (kind === undefined || exact.length > 0) return firstKind(exact.length > 0 ? exact : looseMatches(text, known));
  const ofKind = known.filter((subject) => subject.kind === kind);
  const name = rest.join('/');
  const meant = ofKind.filter((subject) => subject.name === name);
  return meant.length > 0 ? meant : looseMatches(name, ofKind);
}

/** A name without its namespace, a node without its domain, a code in small letters. */
function looseMatches(text: string, known: readonly Subject[]): Subject[] {
  return known.filter(({ kind, name }) => {
    if (kind === 'pod' || kind === 'pdb' || kind === 'workload')
      return name.endsWith(`/${text}`) && !text.includes('/');
    if (kind === 'node') return name.startsWith(`${text}.`);
    return kind === 'finding' && name === text.toUpperCase();
  });
}

/** A pod before the workload of its name, a workload before the budget that guards it. */
function firstKind(subjects: readonly Subject[]): Subject[] {
  const [first] = subjects;
  return subjects.filter(({ kind }) => kind === first?.kind);
}

/** @throws MigrateError INPUT.SUBJECT (exit 2) when it is none of them, or several. */
export function theOne(text: string, known: readonly Subject[], folder: string): Subject {
  const meant = subjectsMeant(text, known);
  const [first] = meant;
  if (first !== undefined && meant.length === 1) return first;
  const offered = meant.length > 1 ? meant : similar(text, known);
  throw new MigrateError({
    code: 'INPUT.SUBJECT',
    message: meant.length > 1 ? `"${text}" can mean ${meant.length} things.` : `There is no "${text}" here.`,
    why:
      meant.length > 1
        ? 'The same name exists in several namespaces.'
        : 'It is no pod, budget, workload or node that was seen, and no node group, subnet, step or finding of the plan.',
    nextActions: [
      ...offered
        .slice(0, mostOffered)
        .map(({ kind, name }) => `prefix-migrate explain ${shellWord(folder)} ${kind}/${name}`),
      ...(offered.length === 0 ? [`prefix-migrate explain ${shellWord(folder)}`] : []),
    ],
    exitCode: ExitCode.invalidInput,
  });
}

const mostOffered = 5;

/** Names that hold its last word, then the one with the fewest letters changed. */
function similar(text: string, known: readonly Subject[]): Subject[] {
  const word = text.split('/').at(-1) ?? '';
  const inside = known.filter(({ name }) => word.length > 2 && name.toLowerCase().includes(word.toLowerCase()));
  if (inside.length > 0) return inside;
  const names = known.map(({ name }) => name);
  const lastWords = names.map((name) => name.split('/').at(-1) ?? '');
  const meant = nearest(text, names) ?? nearest(word, lastWords);
  return known.filter(({ name }) => name === meant || name.split('/').at(-1) === meant);
}
