/** `export`, and `plan --format`: the same plan for other tools. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createIo, type Io } from '../../src/cli/io.ts';
import { exportPlan } from '../../src/commands/actions/export-plan.ts';
import { planCluster } from '../../src/commands/actions/plan-cluster.ts';
import { plainJson } from '../../src/domain/canonical-json.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import { exportFormatNames } from '../../src/exports/format-names.ts';
import { aNodegroup, aRequest, aSnapshot } from '../support/snapshot.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'prefix-migrate-export-'));
after(() => rmSync(temporary, { recursive: true }));

const snapshot = {
  ...aSnapshot({ nodegroups: [aNodegroup()] }),
  karpenter: {
    nodePools: [],
    nodeClasses: [{ name: 'default', apiVersion: 'karpenter.k8s.aws/v1', maxPods: null, amiFamily: null }],
  },
};

function ioOf(): { io: Io; text: () => string; said: string[] } {
  let text = '';
  const said: string[] = [];
  const io: Io = {
    ...createIo({ json: false, verbose: false, 'no-color': true, 'no-input': true }),
    result: (piece) => (text += piece),
    progress: (line) => said.push(line),
    colour: { stdout: false, stderr: false },
    width: 80,
    commandLine: 'prefix-migrate export',
    environment: {},
  };
  return { io, text: () => text, said };
}

/** Plans from the snapshot; no cluster is asked. */
async function plan(
  name: string,
  format: Parameters<typeof planCluster>[0]['format'],
  request: Partial<PlanRequest> = {},
) {
  const { io, text } = ioOf();
  const folder = join(temporary, name);
  const recorded = { path: join(temporary, 'snapshot.json'), snapshot };
  writeFileSync(recorded.path, plainJson(snapshot, 2));
  await planCluster(
    {
      request: aRequest({ ...request, expiresInSeconds: 3_000_000_000 }),
      recorded,
      folder,
      format,
      toolVersion: '0.0.0',
      root,
      connection: { clusterName: 'shop-eu' },
    },
    io,
  );
  return { folder, text: text() };
}

async function exported(target: string, format: (typeof exportFormatNames)[number], out = '-') {
  const { io, text, said } = ioOf();
  const code = await exportPlan({ target, format, out }, io);
  return { code, text: text(), said };
}

/** What the plan folder has already. */
const files = new Map([
  ['eksctl', 'cluster.eksctl.yaml'],
  ['json', 'plan.json'],
]);

test('each format: the same from the folder, from plan.json and from plan', async () => {
  for (const format of exportFormatNames) {
    const planned = await plan('formats', format);
    const { code, text, said } = await exported(planned.folder, format);
    assert.deepEqual([code, said], [0, []]);
    assert.equal(text, planned.text, format);
    assert.equal((await exported(join(planned.folder, 'plan.json'), format)).text, text);
    assert.ok(text.length > 100 && text.endsWith('\n'), format);
    const file = files.get(format);
    if (file !== undefined) assert.equal(readFileSync(join(planned.folder, file), 'utf8'), text);
  }
});

test('into a file: nothing on stdout, and never over the plan', async () => {
  const { folder } = await plan('out', 'text');
  const out = join(temporary, 'nodes.tf');
  writeFileSync(out, 'old');
  const { text, said } = await exported(folder, 'terraform', out);
  assert.deepEqual([text, said], ['', [`Written to ${out}.`]]);
  assert.match(readFileSync(out, 'utf8'), /^resource "aws_eks_node_group"/m);
  const before = readFileSync(join(folder, 'plan.json'), 'utf8');
  for (const name of ['plan.json', 'journal.ndjson', '../out/plan.json']) {
    await assert.rejects(exported(folder, 'json', join(folder, name)), { code: 'EXPORT.OUT', exitCode: 2 });
  }
  assert.equal(readFileSync(join(folder, 'plan.json'), 'utf8'), before);
  await assert.rejects(exported(folder, 'json', join(temporary, 'no', 'folder')), { code: /^FILES\./, exitCode: 2 });
});

test('the user data that comments speak of is in the folder, whoever makes the groups', async () => {
  for (const createWith of ['api', 'eksctl', 'external'] as const) {
    const { folder } = await plan(createWith, 'text', { createWith });
    const { nodegroups } = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8'));
    assert.match(readFileSync(join(folder, nodegroups[0].userDataFile), 'utf8'), /maxPods: 110/);
  }
});

test('what cannot be said leaves no plan folder behind', async () => {
  await assert.rejects(plan('refused', 'terraform', { createWith: 'eksctl' }), {
    code: 'EXPORT.NOT_POSSIBLE',
    exitCode: 2,
  });
  await assert.rejects(exported(join(temporary, 'refused'), 'json'), { code: 'PLAN.NOT_FOUND', exitCode: 2 });
});
