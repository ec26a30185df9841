import type { MigrateError } from '../domain/migrate-error.ts';
import type { AnyStep, MigrationPlan } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import { withExitCode } from './stopped.ts';

/**
 * The reason of a stop, with what has to be known when it comes between an early cordon and the last verification: new pods
 * cannot start on the old nodes. The plan goes on from there all the same: it cordons again before it drains. `work` is what
 * was run: the plan, or the rollback, which opens the old nodes again before it closes others.
 */
export function withCordonsTold(
  error: MigrateError,
  plan: MigrationPlan,
  work: MigrationPlan,
  state: Readonly<RunState>,
): MigrateError {
  const isDone = ({ id }: AnyStep): boolean => state.steps[id]?.status === 'succeeded';
  const isVerified = plan.steps.filter(({ kind }) => kind === 'verify-replacement').every(isDone);
  const isOpened = work.steps.some((step) => step.kind === 'uncordon-source' && isDone(step));
  const cordoned = Object.keys(state.cordonedNodes).length;
  if (plan.order.order !== 'cordon-first' || cordoned === 0 || isVerified || isOpened) return error;
  const nodegroups = plan.nodegroups.map(({ source }) => source).join(',');
  const uncordon = `kubectl uncordon -l 'eks.amazonaws.com/nodegroup in (${nodegroups})'`;
  const told = `no new pod can start on ${cordoned} cordoned old nodes until the run goes on; to let them: ${uncordon}`;
  return withExitCode(error, error.exitCode, [told]);
}
