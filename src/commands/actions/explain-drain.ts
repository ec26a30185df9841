/** What the drain would do with what is there: the same rules, nothing sent. */
import type { MigrationPlan, StepParams } from '../../domain/plan.ts';
import type { RunState } from '../../domain/run-state.ts';
import { shortName } from '../../domain/short-name.ts';
import { stateOf } from '../../drain/core.ts';
import { earlierRuns } from '../../drain/drain.ts';
import { type Explanation, explain } from '../../drain/explain.ts';
import { type DrainPod, type DrainState, podKey } from '../../drain/state.ts';
import type { PodAnswer } from '../../reporting/formats/explain-text.ts';
import { count } from '../../reporting/text.ts';
import type { Sight } from './explain-sight.ts';

export interface DrainView {
  state: Readonly<DrainState>;
  params: StepParams['drain-source'];
  now: number;
  /** pods that have to leave a source, with the reason why they are still there */
  left: (Explanation & { pod: DrainPod })[];
}

/** Node groups that pods have to leave: the sources, and of a rollback the replacements. */
export const nodegroupsLeft = ({ steps }: MigrationPlan): readonly string[] =>
  steps.flatMap((step) => (step.kind === 'drain-source' ? step.params.nodegroupNames : []));

/**
 * Null for a plan that drains nothing. Before the drain the sources are taken as cordoned, and what goes first as gone: that
 * alone holds nothing up.
 */
export function drainView(plan: MigrationPlan, run: RunState, sight: Sight): DrainView | null {
  const step = plan.steps.find((candidate) => candidate.kind === 'drain-source');
  if (step === undefined) return null;
  const { params } = step;
  const now = Date.parse(sight.seen.at);
  const isBegun = (run.steps[step.id]?.status ?? 'pending') !== 'pending';
  const nodes = sight.nodes.map((node) =>
    isBegun || !params.nodegroupNames.includes(node.nodegroupName ?? '') ? node : { ...node, unschedulable: true },
  );
  const earlier = earlierRuns(run, step.id);
  const whole = stateOf({ ...params, first: [] }, { ...sight, nodes }, earlier, now);
  const state = isBegun ? stateOf(params, { ...sight, nodes }, earlier, now) : whole;
  const left = [...state.pods.values()].filter(({ on }) => on !== null).map((pod) => ({ pod, ...told(pod) }));
  return { state, params, now, left };

  /** Waiting for what goes first is not worth a word where something worse waits behind it. */
  function told(pod: DrainPod): Explanation {
    const found = inTurn(pod, explain(pod, state, now));
    const behind = found.state === 'waits-for-first' ? whole.pods.get(pod.uid) : undefined;
    const worse = behind === undefined ? found : explain(behind, whole, now);
    return neverHeals.has(worse.state) ? worse : found;
  }
}

const neverHeals: ReadonlySet<string> = new Set(['budget-never', 'budget-sync-failed']);

/** A budget that lets pods go holds none of them. */
function inTurn({ group }: DrainPod, found: Explanation): Explanation {
  const allowed = group?.budget?.status.disruptionsAllowed ?? 0;
  return found.state === 'budget' && allowed > 0 ? { ...found, state: 'next' } : found;
}

/** These need nothing but time. */
const onItsWay: ReadonlySet<string> = new Set(['next', 'late', 'terminating']);

export interface Cause {
  state: Explanation['state'];
  pods: DrainPod[];
  reason: string;
  nextAction: string;
}

/** Pods that wait for something, by what they wait for: what holds up most pods first. */
export function causesOf(left: DrainView['left']): Cause[] {
  const held = left.filter(({ state }) => !onItsWay.has(state));
  return [...Map.groupBy(held, ({ state, pod }) => `${state} ${pod.group?.name ?? pod.owner?.name ?? ''}`).values()]
    .flatMap((members): Cause[] => {
      const [one] = members;
      if (one === undefined) return [];
      const { state, reason, nextAction } = one;
      return [{ state, reason, nextAction, pods: members.map(({ pod }) => pod) }];
    })
    .toSorted((a, b) => Number(isPlain(a)) - Number(isPlain(b)) || b.pods.length - a.pods.length);
}

/** These end by themselves. */
const plain: ReadonlySet<string> = new Set([
  'budget',
  'job-running',
  'surging',
  'waits-for-first',
  'waits-for-singleton',
]);
const isPlain = ({ state }: Cause): boolean => plain.has(state);

/** `3 shut down, 12 wait for their turn`; empty when none do. */
export function onTheWaySentence(left: DrainView['left']): string {
  const of = (state: string): number => left.filter((one) => one.state === state).length;
  const [ending, next] = [of('terminating'), of('next') + of('late')];
  return [
    ending > 0 ? `${count(ending, 'pod')} shutting down` : '',
    next > 0 ? `${count(next, 'pod')} next in turn` : '',
  ]
    .filter((said) => said !== '')
    .join(', ');
}

/** `shop/search-6 on ip-10-0-2-14`, and how many more. */
export function podsSentence(pods: readonly DrainPod[], onNode = true): string {
  const [one] = pods;
  if (one === undefined) return '';
  const more = pods.length - 1;
  return `${podKey(one)}${onNode ? ` on ${shortName(one.nodeName)}` : ''}${more > 0 ? ` and ${more} more` : ''}`;
}

/** The same for programs. */
export const podAnswers = (left: DrainView['left']): PodAnswer[] =>
  left.map(({ pod, state, reason, nextAction }) => ({
    pod: podKey(pod),
    node: pod.nodeName ?? '',
    state,
    reason,
    nextAction,
  }));
