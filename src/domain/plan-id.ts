import { canonicalJson, plainJson, sha256Hex } from './canonical-json.ts';
import { ExitCode, MigrateError } from './migrate-error.ts';
import type { MigrationPlan } from './plan.ts';
import { phases } from './plan.ts';

/** SHA-256 (hex) of the canonical JSON of everything but the id itself. */
export function planIdOf(plan: Omit<MigrationPlan, 'planId'>): string {
  const rest = Object.entries(plan).filter(([key]) => key !== 'planId');
  return sha256Hex(canonicalJson(Object.fromEntries(rest)));
}

/** The exact bytes of plan.json. */
export const renderPlan = (plan: MigrationPlan): string => `${plainJson(plan, 2)}\n`;

/**
 * Reads plan.json. Throws PLAN.VERSION (exit 2) for another format and PLAN.DAMAGED (exit 2) when anything in it is not as
 * it was written: a plan is never edited, it is made anew.
 */
export function parsePlan(text: string): MigrationPlan {
  const value = parseJson(text);
  if (!isRecord(value)) throw damaged('it is not a JSON object');
  if (typeof value['formatVersion'] === 'number' && value['formatVersion'] !== 1)
    throw otherVersion(value['formatVersion']);
  assertShape(value);
  if (planIdOf(value) !== value.planId) throw damaged('its content does not match its planId');
  if (renderPlan(value) !== text) throw damaged('its text differs from what was written');
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged('it is not JSON');
  }
}

type Shape = 'string' | 'number' | 'object' | 'array';
const planShape: Record<keyof MigrationPlan, Shape> = {
  formatVersion: 'number',
  toolVersion: 'string',
  planId: 'string',
  expiresAt: 'string',
  cluster: 'object',
  request: 'object',
  expectations: 'array',
  findings: 'array',
  order: 'object',
  vpcCni: 'object',
  nodegroups: 'array',
  subnets: 'array',
  steps: 'array',
  forecast: 'object',
  rehearsal: 'object',
};
const stepShape: Record<string, Shape> = {
  id: 'string',
  kind: 'string',
  phase: 'string',
  impact: 'string',
  dependsOn: 'array',
  summary: 'string',
  params: 'object',
};

function assertShape(value: unknown): asserts value is MigrationPlan {
  const problem = isRecord(value) ? shapeProblem(value) : 'it is not a JSON object';
  if (problem !== undefined) throw damaged(problem);
}

function shapeProblem(value: Record<string, unknown>): string | undefined {
  const steps = Array.isArray(value['steps']) ? value['steps'] : [];
  const problems = [
    ...mismatches(value, planShape, ''),
    ...steps.flatMap((step: unknown, index) =>
      isRecord(step) ? mismatches(step, stepShape, `steps[${index}].`) : [`steps[${index}] is not an object`],
    ),
    ...steps
      .filter((step: unknown) => isRecord(step) && !phases.some((phase) => phase === step['phase']))
      .map(() => 'a step has a phase that does not exist'),
  ];
  return problems[0];
}

const mismatches = (value: Record<string, unknown>, shape: Record<string, Shape>, where: string): string[] =>
  Object.entries(shape)
    .filter(([key, expected]) => shapeOf(value[key]) !== expected)
    .map(([key, expected]) => `${where}${key} is missing or is not of type ${expected}`);

const shapeOf = (value: unknown): string => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value);

const isRecord = (value: unknown): value is Record<string, unknown> => shapeOf(value) === 'object';

const damaged = (why: string): MigrateError =>
  new MigrateError({
    code: 'PLAN.DAMAGED',
    message: 'plan.json is damaged or was edited.',
    why: `A plan is only carried out exactly as it was written, but ${why}.`,
    nextActions: ['Restore plan.json, for example from Git', 'prefix-migrate plan --cluster NAME makes a new one'],
    exitCode: ExitCode.invalidInput,
  });

const otherVersion = (version: number): MigrateError =>
  new MigrateError({
    code: 'PLAN.VERSION',
    message: `plan.json has format ${version}, this version of prefix-migrate reads format 1.`,
    why: 'The plan was written by another version of prefix-migrate.',
    nextActions: [
      'Use the version named in its field toolVersion',
      'prefix-migrate plan --cluster NAME makes a new one',
    ],
    exitCode: ExitCode.invalidInput,
  });
