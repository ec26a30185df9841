import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { MigrationPlan } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import { shellWord } from '../domain/shell-word.ts';
import { canBeTakenBack, deletionsBegun } from '../domain/taken-back.ts';
import { withExitCode } from './stopped.ts';

/** A stop part-way, with the other way on: to take the plan back, as long as there is something that can be. */
export function withRollbackOffered(
  error: MigrateError,
  plan: MigrationPlan,
  state: Readonly<RunState>,
  folder: string | undefined,
): MigrateError {
  if (folder === undefined || error.exitCode !== ExitCode.stoppedPartWay || state.rollback !== null) return error;
  if (error.nextActions.some((action) => action.startsWith('prefix-migrate rollback '))) return error;
  if (!canBeTakenBack(plan, state)) return error;
  const deleted = deletionsBegun(plan, state);
  const what = deleted.length === 0 ? 'takes it back instead' : `takes back the rest; not ${deleted.join(', ')}`;
  return withExitCode(error, error.exitCode, [`prefix-migrate rollback ${shellWord(folder)}   # ${what}`]);
}

/** @throws MigrateError ROLLBACK.BEGUN (exit 5) when the plan is being taken back, or has been. */
export function refuseRolledBack({ rollback }: Readonly<RunState>, folder: string): void {
  if (rollback === null) return;
  throw new MigrateError({
    code: 'ROLLBACK.BEGUN',
    message: `The rollback of this plan began at ${rollback.startedAt}, so apply does not go on with it. Nothing was changed by this run.`,
    why: 'What was begun to be taken back is no longer what the plan rests on. Only the rollback goes on.',
    nextActions: [
      `prefix-migrate rollback ${shellWord(folder)}   # goes on with it, or says that nothing is left to undo`,
      `prefix-migrate status ${shellWord(folder)}`,
    ],
    exitCode: ExitCode.stalePlan,
  });
}
