/** What a plan finds out about evictions, and what it keeps of pods that nothing creates again. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { run, startWorld, temporaryFolder } from './program.ts';

test('a plan rehearses every eviction and keeps the manifests of bare pods', async (t) => {
  const world = await startWorld('workload-traps');
  t.after(world.stop);
  const { env } = world;
  const cwd = temporaryFolder(t);

  const planned = await run(['plan', '--out', 'traps'], { env, cwd });
  assert.equal(planned.code, 4, planned.stderr);
  assert.match(planned.stderr, /what the API server says to \d+ evictions \(dry run\)/);
  const { rehearsal, findings } = JSON.parse(readFileSync(join(cwd, 'traps/plan.json'), 'utf8'));
  assert.equal(rehearsal.asked, rehearsal.pods);
  assert.ok(rehearsal.accepted > 0 && rehearsal.refused > 0 && rehearsal.partBecause === null);
  assert.ok(findings.some(({ code }: { code: string }) => code === 'POD.BARE'));

  const text = readFileSync(join(cwd, 'traps/bare-pods/debug_shell.yaml'), 'utf8');
  const { kind, metadata, spec, status } = parse(text);
  assert.deepEqual([kind, metadata.name, metadata.namespace, status], ['Pod', 'shell', 'debug', undefined]);
  assert.ok(spec.containers.length > 0 && spec.nodeName === undefined);

  const dry = await run(['plan', '--dry-run', '--no-rehearse-evictions'], { env, cwd });
  assert.equal(dry.code, 4, dry.stderr);
  assert.doesNotMatch(dry.stderr, /evictions \(dry run\)/);
  assert.ok(!existsSync(join(cwd, 'prefix-migrate-demo')), 'a dry run writes nothing');
});
