/** Somebody gets exactly the rights that `policy` prints, loses one, and is told before anything is changed. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { run, startWorld } from './program.ts';

const cwd = mkdtempSync(join(tmpdir(), 'rights-'));
after(() => rmSync(cwd, { recursive: true, force: true }));

test('policy, attached and one right taken away: apply names it and changes nothing', async () => {
  const world = await startWorld('healthy', 600);
  try {
    const command = (...args: string[]) => run(args, { cwd, env: world.env });
    const attach = async (iam: object, rbac: unknown): Promise<void> => {
      const url = `${world.env['AWS_ENDPOINT_URL']}/_world/rights`;
      const { status } = await fetch(url, { method: 'PUT', body: JSON.stringify({ iam, rbac }) });
      assert.equal(status, 204);
    };
    assert.equal((await command('plan', '--cluster', 'demo', '--out', 'p')).code, 0);
    const { iam, rbac } = JSON.parse((await command('policy', 'p', '--json')).stdout);
    assert.deepEqual(JSON.parse((await command('policy', 'p', '--format', 'iam')).stdout), iam);
    const yaml = (await command('policy', 'p', '--format', 'rbac')).stdout;
    assert.deepEqual(
      parseAllDocuments(yaml).map((document) => document.toJS()),
      rbac,
    );

    for (const statement of iam.Statement)
      statement.Action = statement.Action.filter((action: string) => action !== 'eks:DeleteNodegroup');
    await attach(iam, rbac);
    const refused = await command('apply', 'p', '--confirm', 'demo');
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /eks:DeleteNodegroup on nodegroup\/demo\/general, for delete-source\/general/);
    assert.match(refused.stderr, /prefix-migrate policy p --format iam/);
    assert.equal(
      JSON.parse((await command('status', 'p', '--json')).stdout).steps?.filter?.(
        (step: { status: string }) => step.status !== 'pending',
      ).length ?? 0,
      0,
    );
    // up to a phase that does not need it, it goes on
    const prepared = await command('apply', 'p', '--until', 'prepare', '--poll-interval', '1s');
    assert.equal(prepared.code, 0, prepared.stderr);

    const again = await command('plan', '--cluster', 'demo', '--out', 'q', '--json');
    const finding = JSON.parse(again.stdout).findings.find(({ code }: { code: string }) => code === 'ACCESS.MISSING');
    assert.match(finding?.summary ?? '', /eks:DeleteNodegroup/);
  } finally {
    await world.stop();
  }
});
