/** A plan without a cluster: from the snapshot of another one, with flags in a file. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, startWorld, temporaryFolder } from './program.ts';

test('planned once more from what was seen, with the flags of prefix-migrate.yaml', async (t) => {
  const cwd = temporaryFolder(t);
  const world = await startWorld('healthy');
  t.after(() => world.stop());
  const online = await run(['plan', '--soak', '1m', '--out', 'online'], { env: world.env, cwd });
  assert.equal(online.code, 0, online.stderr);

  // no credentials, no region, no kubeconfig
  const snapshot = 'online/snapshot.json';
  const same = await run(['plan', '--snapshot', snapshot, '--soak', '1m', '--out', 'same'], { cwd });
  assert.equal(same.code, 0, same.stderr);
  const plan = (folder: string) => readFileSync(join(cwd, folder, 'plan.json'), 'utf8');
  assert.equal(plan('same'), plan('online'));

  writeFileSync(join(cwd, 'prefix-migrate.yaml'), 'verbose: true\nplan:\n  soak: 2m\n  out: filed\n');
  const filed = await run(['plan', '--snapshot', snapshot], { cwd });
  assert.equal(filed.code, 0, filed.stderr);
  assert.match(filed.stderr, /^from prefix-migrate\.yaml: verbose, soak, out$/m);
  assert.match(plan('filed'), /"soakSeconds": 120/);
  const variable = await run(['plan', '--snapshot', snapshot, '--dry-run', '--json'], {
    cwd,
    env: { PREFIX_MIGRATE_SOAK: '3m' },
  });
  assert.equal(JSON.parse(variable.stdout).request.soakSeconds, 180);

  const other = await run(['plan', '--snapshot', snapshot, '--cluster', 'prod'], { cwd });
  assert.equal(other.code, 2);
  assert.match(other.stderr, /is of cluster demo, and --cluster says "prod"/);

  writeFileSync(join(cwd, 'team.yaml'), 'json: true\nconfirm: demo\n');
  const consent = await run(['apply', 'filed', '--config', 'team.yaml'], { cwd });
  assert.equal(consent.code, 2);
  assert.match(consent.stderr, /team\.yaml, line 2: confirm cannot stand in a file/);
});
