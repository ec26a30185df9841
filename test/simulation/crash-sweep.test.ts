import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { migrate, type Sweep } from './sweep.ts';

const script = fileURLToPath(new URL('sweep.ts', import.meta.url));
const seed = 1;
/** every place is cut when it is 1 (`npm run sweep`), which takes minutes */
const every = Number(process.env['SWEEP_EVERY'] ?? 12);

test('a run cut at any place and started again comes to the same end', async (t) => {
  const shards = availableParallelism();
  const sweeps = await Promise.all(
    Array.from({ length: shards }, async (_, shard): Promise<Sweep> => {
      const args = [script, '--seed', `${seed}`, '--every', `${every * shards}`, '--offset', `${every * shard}`];
      const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 });
      return JSON.parse(stdout);
    }),
  );
  const places = sweeps[0]?.places ?? 0;
  const cut = sweeps.reduce((sum, sweep) => sum + sweep.cut, 0);
  const kinds = new Set(sweeps.flatMap((sweep) => Object.keys(sweep.kinds)));
  t.diagnostic(`healthy, seed ${seed}: cut at ${cut} of ${places} places (${kinds.size} kinds)`);
  assert.deepEqual(
    sweeps.flatMap(({ failures }) => failures.map(({ at, place, error }) => `${at} ${place}: ${error}`)),
    [],
  );
  assert.equal(cut, Math.ceil(places / every));
});

test('a run cut again and again comes to the same end', async () => {
  const scenario = 'healthy';
  const baseline = await migrate({ scenario, seed }, []);
  for (const distance of [23, 61, 149]) {
    const cuts = Array.from({ length: 400 }, () => distance);
    const { end, cutAt } = await migrate({ scenario, seed }, cuts, baseline.plan);
    assert.ok(cutAt.length > 5, `cut ${cutAt.length} times`);
    assert.deepEqual(end, baseline.end);
  }
});
