import { budgetRule, budgetsOf, indexBudgets } from '../domain/budgets.ts';
import type { Finding } from '../domain/finding.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot, EvictionRehearsal } from '../domain/snapshot.ts';
import { indexWorkloads, nameOf } from '../domain/workloads.ts';
import { type Check, count, listed, planAgain } from './check.ts';
import { byWorkload, evictedPods, isForbidden, type MovingBudget, movingBudgets, refusalsOf } from './moving.ts';

/** Where the rehearsal and the arithmetic differ, and what was not rehearsed. */
export const evictionRehearsal: Check = {
  codes: [
    {
      code: 'EVICTION.DISAGREES',
      meaning: 'The API server says otherwise to a rehearsed eviction than the status of the PodDisruptionBudget.',
      canBeAllowed: false,
    },
    {
      code: 'EVICTION.NO_ANSWER',
      meaning: 'The API server could not say whether a pod may be evicted, such as when a webhook does not answer.',
      canBeAllowed: false,
    },
    {
      code: 'EVICTION.NOT_REHEARSED',
      meaning: 'Not all evictions could be rehearsed when the plan was made.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const { evictionRehearsal: rehearsal } = snapshot;
    if (rehearsal === null) return [];
    const refusals = refusalsOf(snapshot);
    return [
      ...movingBudgets(snapshot, scope).flatMap((found) => unexpectedAnswers(found, rehearsal, refusals)),
      ...heldByNobody(snapshot, scope, refusals),
      ...withoutAnswer(snapshot, scope, refusals),
      ...notRehearsed(snapshot, scope, rehearsal),
    ];
  },
};

type Refusals = ReturnType<typeof refusalsOf>;

function unexpectedAnswers(found: MovingBudget, rehearsal: EvictionRehearsal, refusals: Refusals): Finding[] {
  const { budget, pods, state, arithmetic } = found;
  const isWhole = rehearsal.partBecause === null && rehearsal.asked === rehearsal.pods;
  if (state === 'never' && budget.status.disruptionsAllowed <= 0 && isWhole) {
    const accepted = pods.filter((pod) => pod.ready && !refusals.has(pod.uid));
    if (accepted.length === 0) return [];
    const summary = `PDB ${nameOf(budget)} never allows an eviction by its numbers (${arithmetic}; ${budgetRule(budget)}), but the API server would let ${listed(accepted.map(nameOf), 3)} go.`;
    return [disagrees(nameOf(budget), summary, look(found))];
  }
  const refused = pods.find((pod) => refusals.get(pod.uid)?.kind === 'budget-exhausted');
  if (state !== 'allows' || refused === undefined) return [];
  const words = refusals.get(refused.uid)?.detail;
  const summary = `PDB ${nameOf(budget)} allows ${count(budget.status.disruptionsAllowed, 'eviction')} by its status, but the API server refuses ${nameOf(refused)}: "${words}"`;
  return [disagrees(nameOf(budget), summary, look(found))];
}

/** Refused for the sake of a budget, although none that we know selects the pod. */
function heldByNobody(snapshot: ClusterSnapshot, scope: Scope, refusals: Refusals): Finding[] {
  const budgets = indexBudgets(snapshot.podDisruptionBudgets);
  const workloads = indexWorkloads(snapshot.workloads);
  const held = evictedPods(scope, workloads).filter(
    (pod) =>
      ['budget-exhausted', 'budget-unprocessed'].includes(refusals.get(pod.uid)?.kind ?? '') &&
      budgetsOf(pod, budgets).length === 0,
  );
  return byWorkload(held, snapshot).map(({ subject, namespace, pods }) =>
    disagrees(
      subject,
      `No PDB that we know selects ${count(pods.length, 'pod')} of ${subject}, but the API server refuses: "${refusals.get(pods[0].uid)?.detail}"`,
      [`kubectl -n ${namespace} get pdb -o wide`],
    ),
  );
}

const look = ({ budget }: MovingBudget): string[] => [`kubectl -n ${budget.namespace} describe pdb ${budget.name}`];

const disagrees = (subject: string, summary: string, nextActions: string[]): Finding => ({
  code: 'EVICTION.DISAGREES',
  severity: 'warning',
  subject,
  summary,
  why: 'Something may have changed between the two looks. The drain goes by what the API server says when it evicts.',
  nextActions,
});

/** By workload, and by who did not answer. */
function withoutAnswer(snapshot: ClusterSnapshot, scope: Scope, refusals: Refusals): Finding[] {
  const silent = evictedPods(scope, indexWorkloads(snapshot.workloads)).filter(
    ({ uid }) => refusals.get(uid)?.kind === 'no-answer',
  );
  return byWorkload(silent, snapshot).map(({ subject, pods }): Finding => {
    const words = refusals.get(pods[0].uid)?.detail ?? '';
    const name = /webhook "([^"]+)"/.exec(words)?.[1];
    return {
      code: 'EVICTION.NO_ANSWER',
      severity: 'warning',
      subject,
      summary: `The API server could not say whether ${count(pods.length, 'pod')} of ${subject} may be evicted: ${listed(pods.map(nameOf), 3)}.`,
      why:
        `It said: "${words}" ` +
        (name === undefined
          ? 'If it goes on like that, the drain waits for these pods.'
          : `As long as webhook ${name} does not answer, the drain waits for these pods.`),
      nextActions: [...(name === undefined ? [] : lookAtWebhook(snapshot, name)), planAgain(scope)],
    };
  });
}

function lookAtWebhook({ podWebhooks }: ClusterSnapshot, name: string): string[] {
  const webhook = podWebhooks.find((candidate) => candidate.name === name);
  if (webhook === undefined) return ['kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations'];
  const { kind, configuration, service } = webhook;
  return [
    ...(service === null ? [] : [`kubectl -n ${service.namespace} get service,endpoints ${service.name}`]),
    `kubectl get ${kind}webhookconfiguration ${configuration} -o yaml`,
  ];
}

function notRehearsed(
  { cluster }: ClusterSnapshot,
  scope: Scope,
  { pods, asked, partBecause, refusals }: EvictionRehearsal,
): Finding[] {
  // told as EVICTION.FORBIDDEN
  if (partBecause === null || refusals.some(isForbidden)) return [];
  return [
    {
      code: 'EVICTION.NOT_REHEARSED',
      severity: 'advice',
      subject: cluster.name,
      summary: `${asked} of ${count(pods, 'eviction')} were rehearsed: ${partBecause}`,
      why: 'For the others the findings about budgets rest on their numbers alone; a webhook that refuses evictions would show in the drain only.',
      nextActions: [planAgain(scope)],
    },
  ];
}
