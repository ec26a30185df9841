import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { MigrationPlan } from '../domain/plan.ts';
import { planFolder } from '../domain/plan-command.ts';
import { shellWord } from '../domain/shell-word.ts';

/** A plan that a format has no words for (exit 2). `others`: formats that have. */
export const notPossible = (
  { cluster }: Pick<MigrationPlan, 'cluster'>,
  { format, why, others, advice = [] }: { format: string; why: string; others: readonly string[]; advice?: string[] },
): MigrateError =>
  new MigrateError({
    code: 'EXPORT.NOT_POSSIBLE',
    message: `The plan cannot be said as ${format}.`,
    why,
    nextActions: [
      ...others.map((other) => `prefix-migrate export ${shellWord(planFolder(cluster.name))} --format ${other}`),
      ...advice,
    ],
    exitCode: ExitCode.invalidInput,
  });
