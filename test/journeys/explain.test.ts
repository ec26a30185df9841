/** Why something is as it is: from the cluster, from the plan folder when there is none, and what is not known. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { looksLikeAFailure, run, start, startWorld, temporaryFolder } from './program.ts';

interface Found {
  namespace: string;
  name: string;
}

test('explain: before, in and after a drain that a budget stops, and without the cluster', async (t) => {
  const world = await startWorld('permanent-pdb-block');
  t.after(world.stop);
  const cwd = temporaryFolder(t);
  const inCluster = { env: world.env, cwd };
  const explain = (...subject: string[]) => run(['explain', 'moved', ...subject], inCluster);

  const planned = await run(['plan', '--allow', 'PDB.NEVER_ALLOWS', '--out', 'moved'], inCluster);
  assert.equal(planned.code, 0, planned.stderr);
  const { pods }: { pods: Found[] } = JSON.parse(readFileSync(join(cwd, 'moved/snapshot.json'), 'utf8'));
  const payments = pods.find(({ name }) => name.startsWith('payments-'));
  assert.ok(payments);

  // before: the plan alone, and what would hold a pod
  const before = await explain();
  assert.equal(before.code, 0, before.stderr);
  assert.match(before.stdout, /From the plan folder.*-> prefix-migrate apply moved/s);
  await run(['plan', '--drain-timeout', '10s', '--out', 'small'], inCluster);
  const small = await run(['explain', 'small', 'DRAIN.TIMEOUT_SHORT'], inCluster);
  assert.match(small.stdout, /-> prefix-migrate plan --cluster demo --out small --drain-timeout 4m/);
  const pod = await explain(`pod/${payments.name}`);
  assert.equal(pod.code, 0, pod.stderr);
  assert.match(pod.stdout, /Seen in the cluster/);
  assert.match(
    pod.stdout.replaceAll(/\s+/g, ' '),
    /the drain is not on.*needs 3 healthy, has 3, expected 3: it never allows an eviction/,
  );
  assert.match(pod.stdout, /-> kubectl -n shop scale deployment\/payments --replicas=4/);

  const applying = start(['apply', 'moved', '--confirm', 'demo', '--poll-interval', '50ms'], inCluster);
  await applying.until(/12 of 15 pods moved/);
  applying.kill('SIGTERM');
  assert.equal((await applying.ended).code, 143);

  // after: what holds it up now
  const stopped = await run(['explain', 'moved', '--json'], inCluster);
  assert.equal(stopped.code, 0, stopped.stderr);
  const document = JSON.parse(stopped.stdout);
  assert.equal(document.seen.from, 'cluster');
  assert.deepEqual(
    document.pods.map(({ state }: { state: string }) => state),
    ['budget-never', 'budget-never', 'budget-never'],
  );
  assert.ok(document.nextActions.includes('prefix-migrate apply moved'));
  for (const [subject, said] of [
    ['pdb/shop/payments', /It can never let a pod go: 3 have to be healthy, and there are only 3/],
    [document.pods[0].node, /An old node of general, cordoned by this plan: 1 pod to leave it/],
    [document.pods[0].node.split('.')[0], /An old node of general/],
    ['general', /It is replaced by general-pd-/],
    ['drain-source', /^step drain-source .* Begun .*, and not done\./],
    ['PDB.NEVER_ALLOWS', /The plan has 1\./],
    ['PDB.MISSING', /no PodDisruptionBudget guards them/],
  ] as const) {
    const { code, stdout, stderr } = await explain(subject);
    assert.equal(code, 0, `${subject}: ${stderr}`);
    assert.match(stdout.replaceAll(/\s+/g, ' '), said);
  }
  const evicted =
    /"kind":"pod-gone","pod":"([^"]+)"/.exec(readFileSync(join(cwd, 'moved/journal.ndjson'), 'utf8'))?.[1] ?? '';
  assert.match((await explain(evicted)).stdout, /This plan evicted it.*journal .*evict\s/s);

  // what is not there
  const unknown = await explain('shop/paymnts');
  assert.equal(unknown.code, 2);
  assert.ok(looksLikeAFailure(unknown), unknown.stderr);
  assert.match(unknown.stderr, /There is no "shop\/paymnts" here.*-> prefix-migrate explain moved .*payments/s);
  const asJson = await run(['explain', 'moved', 'nothing-like-it', '--json'], inCluster);
  assert.equal(asJson.code, 2);
  assert.equal(JSON.parse(asJson.stdout).error.code, 'INPUT.SUBJECT');

  // without the cluster: what was seen when the plan was made
  const env = { ...world.env, KUBECONFIG: join(cwd, 'no-such-kubeconfig') };
  const offline = await run(['explain', 'moved', 'pdb/shop/payments'], { env, cwd });
  assert.equal(offline.code, 0, offline.stderr);
  assert.match(offline.stdout, /when the plan was made.*not\s+reached/s);
  assert.match(offline.stdout, /It can never let a pod go/);
});

test('explain of no plan folder is a wrong invocation', async (t) => {
  const { code, stdout, stderr } = await run(['explain', 'nowhere'], { cwd: temporaryFolder(t) });
  assert.equal(code, 2);
  assert.ok(looksLikeAFailure({ code, stdout, stderr }), stderr);
});
