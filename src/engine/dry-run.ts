import type { MigrationPlan, Phase } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import type { Ports } from '../ports/ports.ts';
import { handlers as allHandlers, type Handlers } from '../steps/index.ts';
import type { Observation } from '../steps/step-handler.ts';
import { handlerOf } from './advance.ts';
import { openSteps, readySteps, succeededSteps } from './order.ts';

export interface NextStep {
  stepId: string;
  phase: Phase;
  title: string;
  /** the call that it would make */
  call: string;
  /** what a look at the cluster says now; `later`: other steps come first, so it was not looked at */
  now: Observation['kind'] | 'later';
  detail: string;
}

/** The steps that a run would still do, in order: what is ready is observed, nothing is changed, nothing is written. */
export async function nextSteps(
  plan: MigrationPlan,
  state: RunState,
  ports: Ports,
  options: { until?: Phase; handlers?: Handlers } = {},
): Promise<NextStep[]> {
  const { until, handlers = allHandlers } = options;
  const context = { planId: plan.planId, clusterName: plan.cluster.name, state };
  const done = succeededSteps(state);
  const seen = new Map<string, Observation>();
  for (;;) {
    const step = readySteps(plan, done, until).find(({ id }) => !seen.has(id));
    if (step === undefined) break;
    const observation = await handlerOf(handlers, step).observe(step, ports, context);
    seen.set(step.id, observation);
    if (observation.kind === 'satisfied') done.add(step.id);
  }
  return openSteps(plan, succeededSteps(state), until).map((step) => {
    const handler = handlerOf(handlers, step);
    const observation = seen.get(step.id);
    return {
      stepId: step.id,
      phase: step.phase,
      title: handler.title(step),
      call: handler.describeCall(step),
      now: observation?.kind ?? 'later',
      detail:
        observation === undefined
          ? ''
          : observation.kind === 'conflict'
            ? observation.error.message
            : observation.detail,
    };
  });
}
