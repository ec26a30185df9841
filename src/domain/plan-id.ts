import { canonicalJson, plainJson, sha256Hex } from './canonical-json.ts';
import { ExitCode, MigrateError } from './migrate-error.ts';
import type { MigrationPlan } from './plan.ts';
import { orders, phases } from './plan.ts';
import { impactOf, isStepKind, paramMembers, planShape, versionShape } from './plan-shapes.ts';
import { anything, mismatchText, object } from './shape.ts';
import { shellWord } from './shell-word.ts';

/** SHA-256 (hex) of the canonical JSON of everything but the id itself. */
export function planIdOf(plan: object): string {
  const rest = Object.entries(plan).filter(([key]) => key !== 'planId');
  return sha256Hex(canonicalJson(Object.fromEntries(rest)));
}

/** The exact bytes of plan.json. */
export const renderPlan = (plan: MigrationPlan): string => `${plainJson(plan, 2)}\n`;

/** Far above any plan: those of a thousand node groups have some 20 million characters. */
const longest = 100_000_000;

/**
 * Reads plan.json; `folder` is for the messages. Throws PLAN.VERSION (exit 2) when another version made it that knows more or
 * writes another format, and PLAN.DAMAGED (exit 2) when anything in it is not as it was written: a plan is never edited, it
 * is made anew. Whatever the text is, nothing else is thrown.
 */
export function parsePlan(text: string, folder = 'DIR'): MigrationPlan {
  if (text.length > longest) throw damaged(`it has more than ${longest} characters`);
  const value = parseJson(text);
  if (!isRecord(value)) throw damaged('it is not a JSON object');
  if (anything.mismatch(value) !== undefined) throw damaged('its data lie too deep');
  const format = value['formatVersion'];
  if (typeof format === 'number' && format !== 1) throw otherFormat(format, value['toolVersion'], folder);
  const steps = Array.isArray(value['steps']) ? value['steps'].filter(isRecord) : [];
  if ('planId' in value && planIdOf(value) === value['planId']) {
    const unknown = unknownIn(value, steps);
    if (unknown !== null) throw newerVersion(unknown, value['toolVersion'], folder);
  }
  assertPlan(value, steps);
  if (planIdOf(value) !== value.planId) throw damaged('its content does not match its planId');
  if (renderPlan(value) !== text) throw damaged('its text differs from what was written');
  if (text.includes('"__proto__":')) throw damaged('a member of it has a name that cannot be');
  return value;
}

type Json = Record<string, unknown>;

const isOneOf = (known: readonly unknown[], value: unknown): boolean => known.includes(value);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged('it is not JSON');
  }
}

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What only another version can mean: to pass over it could be wrong. */
function unknownIn(plan: Json, steps: readonly Json[]): string | null {
  const order = isRecord(plan['order']) ? plan['order']['order'] : undefined;
  if (typeof order === 'string' && !isOneOf(orders, order)) return `order ${shown(order)}`;
  for (const { id, kind, phase, params } of steps) {
    if (typeof kind !== 'string' || typeof phase !== 'string' || !isRecord(params)) continue;
    if (!isStepKind(kind)) return `kind of step ${shown(kind)}`;
    if (!isOneOf(phases, phase)) return `phase ${shown(phase)}`;
    const param = Object.keys(params).find((key) => !Object.hasOwn(paramMembers[kind], key));
    if (param !== undefined) return `parameter ${shown(param)} of step ${shown(String(id))}`;
  }
  return null;
}

/** @throws PLAN.DAMAGED */
function assertPlan(value: Json, steps: readonly Json[]): asserts value is Json & MigrationPlan {
  const mismatch = planShape.mismatch(value);
  if (mismatch !== undefined) throw damaged(mismatchText(mismatch, 'the plan'));
  const clusterName = isRecord(value['cluster']) ? value['cluster']['name'] : undefined;
  for (const [index, step] of steps.entries()) {
    const problem = stepProblem(step, clusterName);
    if (problem !== null) throw damaged(`steps[${index}]${problem}`);
  }
  const problem = orderProblem(steps);
  if (problem !== null) throw damaged(problem);
}

function stepProblem({ kind, phase, impact, params }: Json, clusterName: unknown): string | null {
  if (typeof kind !== 'string' || !isStepKind(kind)) return '.kind is none that is known';
  if (typeof phase !== 'string' || !isOneOf(phases, phase)) return '.phase is none that is known';
  const mismatch = object<object>(paramMembers[kind]).mismatch(params);
  if (mismatch !== undefined) return `.params.${mismatchText(mismatch, 'params')}`;
  if (impactOf[kind] === null) return `.kind is one of a rollback`;
  // consent is asked for by impact
  if (impact !== impactOf[kind]) return `.impact is ${String(impact)}, and ${kind} is ${impactOf[kind]}`;
  const named = isRecord(params) ? params['clusterName'] : undefined;
  return named === undefined || named === clusterName ? null : `.params.clusterName is not the cluster of the plan`;
}

/** Each step once, and none that waits for itself, for what is not there, or for a later phase. */
function orderProblem(steps: readonly Json[]): string | null {
  const known = new Map(steps.map((step) => [step['id'], step]));
  if (known.size < steps.length) return 'two of its steps have the same id';
  const awaited = new Map(steps.map((step) => [step['id'], new Set(idsIn(step['dependsOn']))]));
  for (const [id, ids] of awaited) {
    for (const before of ids) {
      if (!known.has(before)) return `step ${shown(String(id))} depends on one that is not there`;
      if (rank(known.get(before)) > rank(known.get(id))) return `step ${shown(String(id))} depends on a later phase`;
    }
  }
  const waiting = Map.groupBy(
    [...awaited].flatMap(([id, ids]) => [...ids].map((before) => ({ id, before }))),
    ({ before }) => before,
  );
  const ready = [...awaited].filter(([, ids]) => ids.size === 0).map(([id]) => id);
  for (const done of ready) {
    for (const { id } of waiting.get(done) ?? []) {
      awaited.get(id)?.delete(done);
      if (awaited.get(id)?.size === 0) ready.push(id);
    }
  }
  return ready.length === steps.length ? null : 'its steps wait for each other';
}

const idsIn = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const rank = (step: Json | undefined): number => phases.findIndex((phase) => isOneOf([phase], step?.['phase']));

/** Of a text from outside as much as a message can bear. */
const shown = (text: string): string => JSON.stringify(text.slice(0, 60));

const damaged = (why: string): MigrateError =>
  new MigrateError({
    code: 'PLAN.DAMAGED',
    message: 'plan.json is damaged or was edited.',
    why: `A plan is only carried out exactly as it was written, but ${why}.`,
    nextActions: ['Restore plan.json, for example from Git', 'prefix-migrate plan --cluster NAME makes a new one'],
    exitCode: ExitCode.invalidInput,
  });

const otherFormat = (format: number, toolVersion: unknown, folder: string): MigrateError =>
  otherVersion(
    `plan.json has format ${format}, and this version of prefix-migrate reads format 1.`,
    toolVersion,
    folder,
  );

const newerVersion = (unknown: string, toolVersion: unknown, folder: string): MigrateError =>
  otherVersion(`plan.json has what this version of prefix-migrate does not know: ${unknown}.`, toolVersion, folder);

function otherVersion(message: string, toolVersion: unknown, folder: string): MigrateError {
  const version =
    typeof toolVersion === 'string' && versionShape.mismatch(toolVersion) === undefined ? toolVersion : null;
  return new MigrateError({
    code: 'PLAN.VERSION',
    message,
    why: `It was made by ${version === null ? 'another version of it' : `prefix-migrate ${version}`}, and only a version that knows all of a plan may carry it out.`,
    nextActions: [
      `npx prefix-migrate@${version ?? 'VERSION'} apply ${shellWord(folder)}`,
      'prefix-migrate plan --cluster NAME makes a new one',
    ],
    exitCode: ExitCode.invalidInput,
  });
}
