import { MigrateError } from '../domain/migrate-error.ts';
import type { MigrationPlan } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';

/**
 * The reason of a stop, with what has to be known when it comes between an early cordon and the last verification: new pods
 * cannot start on the old nodes. The plan goes on from there all the same: it cordons again before it drains.
 */
export function withCordonsTold(error: MigrateError, plan: MigrationPlan, state: Readonly<RunState>): MigrateError {
  const isVerified = plan.steps.every(
    ({ id, kind }) => kind !== 'verify-replacement' || state.steps[id]?.status === 'succeeded',
  );
  const cordoned = Object.keys(state.cordonedNodes).length;
  if (plan.order.order !== 'cordon-first' || cordoned === 0 || isVerified) return error;
  const { code, message, why, nextActions, exitCode, retryable } = error;
  const nodegroups = plan.nodegroups.map(({ source }) => source).join(',');
  const uncordon = `kubectl uncordon -l 'eks.amazonaws.com/nodegroup in (${nodegroups})'`;
  const told = `no new pod can start on ${cordoned} cordoned old nodes until the run goes on; to let them: ${uncordon}`;
  return new MigrateError({
    code,
    message,
    why,
    nextActions: [...nextActions, told],
    exitCode,
    retryable,
    cause: error.cause,
  });
}
