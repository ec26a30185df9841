import { createKubernetesPort } from '../../../src/adapters/kubernetes/kubernetes-port.ts';
import type { StepProgress } from '../../../src/domain/journal-entry.ts';
import { MigrateError } from '../../../src/domain/migrate-error.ts';
import type { StepParams } from '../../../src/domain/plan.ts';
import { applyEntry, initialRunState } from '../../../src/domain/run-state.ts';
import { type DrainRun, drain } from '../../../src/drain/drain.ts';
import { InProcessDispatcher } from '../../support/in-process.ts';
import { samplePlan } from '../../support/sample-plan.ts';
import type { Contender } from '../rig.ts';

export const drainParams = (
  nodegroupNames: string[],
  more: Partial<StepParams['drain-source']> = {},
): StepParams['drain-source'] => ({
  nodegroupNames,
  replacementNames: ['new'],
  timeoutSeconds: 1800,
  unbudgetedPercent: 25,
  allowEmptyDir: false,
  allowBarePods: false,
  first: [],
  surge: [],
  waitForJobsSeconds: 0,
  ...more,
});

/** The drain of the product over its real Kubernetes adapter. The journal outlives the process. */
export const ours: Contender = {
  name: 'prefix-migrate',
  async run({ process, params, journal }) {
    const kubernetes = await createKubernetesPort({
      clock: process.clock,
      random: () => 0.5,
      cluster: {
        name: 'demo',
        endpoint: 'https://kubernetes.invalid',
        certificateAuthorityData: '',
        token: () => Promise.resolve({ token: process.token, expiresAt: Number.POSITIVE_INFINITY }),
      },
      dispatcher: new InProcessDispatcher(process.handler),
    });
    const run: DrainRun = {
      signal: new AbortController().signal,
      state: stateOf(journal),
      drainStatus: () => undefined,
      progress: async (progress) => void journal.push(progress),
      async cordon({ name, uid }) {
        await kubernetes.cordon(name, uid, { key: 'prefix-migrate/cordoned-by', value: 'bench' });
      },
    };
    try {
      await drain(params, { kubernetes, clock: process.clock }, run);
      return null;
    } catch (error) {
      if (!(error instanceof MigrateError)) throw error;
      return `${error.code} ${error.message} ${error.why} -> ${error.nextActions.join('; ')}`;
    }
  },
};

/** What a run that goes on reads in the journal of the one before. */
export function stateOf(journal: readonly StepProgress[]): DrainRun['state'] {
  const state = initialRunState(samplePlan());
  const ids = { runId: 'bench', stepId: 'drain' };
  for (const progress of journal) {
    applyEntry(state, new Date(0).toISOString(), { type: 'step-progress', ...ids, progress });
  }
  return state;
}
