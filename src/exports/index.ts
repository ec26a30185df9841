import type { MigrationPlan } from '../domain/plan.ts';
import { renderPlan } from '../domain/plan-id.ts';
import { cloudformationYaml } from './cloudformation.ts';
import { eksctlExport } from './eksctl.ts';
import type { ExportFormat } from './format-names.ts';
import { nodeclassYaml } from './nodeclass.ts';
import { terraformText } from './terraform.ts';

export type { ExportFormat } from './format-names.ts';

/** The plan in the words of other tools; each throws MigrateError (exit 2) when the tool has none for it. */
export const exportFormats: Record<ExportFormat, (plan: MigrationPlan) => string> = {
  eksctl: eksctlExport,
  terraform: terraformText,
  nodeclass: nodeclassYaml,
  cloudformation: cloudformationYaml,
  json: renderPlan,
};
