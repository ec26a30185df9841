import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs work in a new folder `plan` inside a new folder, and in which nothing else may be afterwards but what `beside` names.
 */
export async function inFolder<T>(work: (folder: string) => Promise<T>, beside: readonly string[] = []): Promise<T> {
  const outside = mkdtempSync(join(tmpdir(), 'prefix-migrate-fuzz-'));
  const folder = join(outside, 'plan');
  try {
    mkdirSync(folder);
    const result = await work(folder);
    assert.deepEqual(
      readdirSync(outside).filter((name) => name !== 'plan' && !beside.includes(name)),
      [],
      'something was written beside the plan folder',
    );
    return result;
  } finally {
    rmSync(outside, { recursive: true });
  }
}
