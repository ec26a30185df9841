import assert from 'node:assert/strict';
import type { StepProgress } from '../../src/domain/journal-entry.ts';
import type { AnyStep } from '../../src/domain/plan.ts';
import { applyEntry, initialRunState, type RunState } from '../../src/domain/run-state.ts';
import { handlers } from '../../src/steps/index.ts';
import type { Observation, StepHandler } from '../../src/steps/step-handler.ts';
import type { World } from '../support/fake-ports.ts';
import { otherSteps, samplePlan } from '../support/sample-plan.ts';

export interface StepRig {
  state: RunState;
  /** what the step wrote into the journal */
  progress: StepProgress[];
  observe(): Promise<Observation>;
  act(token?: string): Promise<void>;
  tidy(): Promise<void>;
  /** Observes, acts when told to, waits five seconds, until it is satisfied or in conflict. */
  finish(): Promise<Observation>;
}

/** Steps that come after the switch. */
const afterSwitch = new Set<AnyStep['kind']>([
  'create-nodegroup',
  'create-with-eksctl',
  'scale-replacement',
  'verify-replacement',
]);

/** One step against the world, as the engine would drive it; the state is folded as in a run. */
export function createStepRig(world: World, step: AnyStep): StepRig {
  if (afterSwitch.has(step.kind)) world.daemonSet.env['ENABLE_PREFIX_DELEGATION'] = 'true';
  const plan = samplePlan();
  const state = initialRunState({ ...plan, steps: [...plan.steps, ...otherSteps, step] });
  const handler: StepHandler<AnyStep['kind']> = handlers[step.kind];
  const context = { planId: plan.planId, clusterName: plan.cluster.name, state };
  const fold = (
    entry: { type: 'step-started'; token: string } | { type: 'step-progress'; progress: StepProgress },
  ): void => applyEntry(state, new Date(world.clock.now()).toISOString(), { runId: 'run', stepId: step.id, ...entry });
  const usual = `token of ${step.id}`;
  const progress: StepProgress[] = [];
  const rig: StepRig = {
    state,
    progress,
    observe: () => world.clock.run(handler.observe(step, world.ports, context)),
    act: (token = usual) =>
      world.clock.run(
        handler.act(step, world.ports, {
          ...context,
          token,
          signal: new AbortController().signal,
          pollIntervalMilliseconds: 5000,
          progress: async (each) => {
            progress.push(each);
            fold({ type: 'step-progress', progress: each });
          },
          drainStatus: () => undefined,
        }),
      ),
    tidy: async () => handler.tidy?.(step, world.ports, context),
    async finish() {
      fold({ type: 'step-started', token: usual });
      for (let round = 0; round < 1000; round += 1) {
        const observation = await rig.observe();
        if (observation.kind === 'satisfied' || observation.kind === 'conflict') return observation;
        if (observation.kind === 'actionable') await rig.act();
        await world.clock.run(world.clock.sleep(5000));
      }
      throw new Error(`${step.id} never ends`);
    },
  };
  return rig;
}

/** The error of a conflict, which has all that a person needs. */
export function conflictOf(observation: Observation) {
  assert.equal(observation.kind, 'conflict', JSON.stringify(observation));
  if (observation.kind !== 'conflict') throw new Error('unreachable');
  const { error } = observation;
  assert.equal(error.exitCode, 6);
  assert.ok(error.message.length > 0 && error.why.length > 0 && error.nextActions.length > 0);
  return { ...observation, error };
}
