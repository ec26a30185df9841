import { ExitCode, MigrateError } from './migrate-error.ts';
import { mismatchText } from './shape.ts';
import type { ClusterSnapshot } from './snapshot.ts';
import { snapshotShape } from './snapshot-shapes.ts';

/**
 * Reads snapshot.json. Members that this version does not know are kept.
 *
 * @throws MigrateError SNAPSHOT.VERSION for another format; SNAPSHOT.DAMAGED naming the first member that is missing or not
 * of its kind (both exit 2)
 */
export function parseSnapshot(text: string): ClusterSnapshot {
  const value = parseJson(text);
  const version = typeof value === 'object' && value !== null && 'formatVersion' in value ? value.formatVersion : 1;
  if (typeof version === 'number' && version !== 1) throw otherVersion(version);
  assertSnapshot(value);
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged('It is not JSON.');
  }
}

function assertSnapshot(value: unknown): asserts value is ClusterSnapshot {
  const found = snapshotShape.mismatch(value);
  if (found !== undefined) throw damaged(`${mismatchText(found, 'The snapshot')}.`);
}

const again = 'take the snapshot.json of a plan folder, or make one: prefix-migrate plan --cluster NAME';

const damaged = (why: string): MigrateError =>
  new MigrateError({
    code: 'SNAPSHOT.DAMAGED',
    message: 'The snapshot cannot be read.',
    why,
    nextActions: [again],
    exitCode: ExitCode.invalidInput,
  });

const otherVersion = (version: number): MigrateError =>
  new MigrateError({
    code: 'SNAPSHOT.VERSION',
    message: `The snapshot has format ${version}, this version of prefix-migrate reads format 1.`,
    why: 'It was written by another version of prefix-migrate.',
    nextActions: ['plan with the version that wrote it', again],
    exitCode: ExitCode.invalidInput,
  });
