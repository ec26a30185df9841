import type { MigrationPlan } from '../domain/plan.ts';
import { eksctlYaml } from './eksctl.ts';

/** The plan in the words of other tools, by the name that `--format` takes. */
export const exportFormats: Record<'eksctl', (plan: MigrationPlan) => string> = { eksctl: eksctlYaml };
