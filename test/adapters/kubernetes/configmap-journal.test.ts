import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configMapJournal } from '../../../src/adapters/kubernetes/configmap-journal.ts';
import type { KubernetesPort } from '../../../src/ports/kubernetes.ts';
import { ConnectionReset } from '../../../src/simulator/connection-reset.ts';
import { healthy } from '../../../src/simulator/scenarios/healthy.ts';
import type { SimHandler, SimRequest } from '../../../src/simulator/types.ts';
import { createWorld } from '../../../src/simulator/world.ts';
import { isCode, keepsTheContract, messagesIn, noted, write } from '../../support/journal-contract.ts';
import { portsOf } from '../../survey/ports-of.ts';
import { createBench } from '../virtual.ts';

const planId = 'abcdef0123456789'.repeat(4);
const chunk = (number: number): string => `prefix-migrate-prod-eu-abcdef012345-000${number}`;
const isWrite = ({ method, path }: SimRequest): boolean => method !== 'GET' && path.includes('/configmaps');

/** The real port over a cluster of the simulator. `around` stands between the two. */
async function setUp(around: (handler: SimHandler) => SimHandler = (handler) => handler) {
  const world = createWorld(healthy);
  const bench = createBench(world.clock);
  const requests: SimRequest[] = [];
  const handler = around(world.kubernetes);
  const { kubernetes } = await portsOf(
    {
      ...world,
      kubernetes: (request) => {
        requests.push(request);
        return handler(request);
      },
    },
    bench,
  );
  const open = () => configMapJournal({ kubernetes, clusterName: 'Prod_EU', planId });
  const get = (number: number) => bench.run(kubernetes.getConfigMap('kube-system', chunk(number)));
  const put = async (number: number, text: string) => {
    const found = await get(number);
    assert.ok(found);
    await bench.run(kubernetes.putConfigMap('kube-system', { ...found, data: { 'journal.ndjson': text } }));
  };
  return { open, run: bench.run, kubernetes, get, put, writes: () => requests.filter(isWrite) };
}

const textOf = (map: Awaited<ReturnType<KubernetesPort['getConfigMap']>>): string => map?.data['journal.ndjson'] ?? '';
const long = (letter: string): string => letter.repeat(30_000);

test('keeps the contract of a journal', async () => {
  await keepsTheContract(await setUp());
});

test('lies in ConfigMaps of kube-system, by names that DNS allows', async () => {
  const { open, run, get } = await setUp();
  await run(write(open(), 'one'));
  const found = await get(1);
  assert.deepEqual(found?.labels, {
    'app.kubernetes.io/managed-by': 'prefix-migrate',
    'prefix-migrate/plan': 'abcdef012345',
  });
  assert.match(textOf(found), /^\{"v":1,"seq":1,.*\}\n$/);
});

test('what arrives while a write is under way goes into the next one', async () => {
  const { open, run, writes } = await setUp();
  const journal = open();
  await run(Promise.all(Array.from({ length: 200 }, (_, index) => write(journal, String(index)))));
  assert.deepEqual(
    writes().map(({ method }) => method),
    ['POST', 'PUT'],
  );
});

test('goes on in the next chunk when one is full, the hash chain with it', async () => {
  const { open, run, get, writes, ...place } = await setUp();
  const journal = open();
  for (const letter of 'abc') await run(write(journal, long(letter)));
  assert.deepEqual([(await get(1)) !== undefined, (await get(2)) !== undefined, await get(3)], [true, true, undefined]);
  // by another process, and by several lines that need more than one chunk
  const other = open();
  await run(Promise.all('defgh'.split('').map((letter) => write(other, long(letter)))));
  assert.deepEqual(await messagesIn({ ...place, open, run }), 'abcdefgh'.split('').map(long));
  for (let number = 1; number <= 4; number += 1) assert.ok(textOf(await get(number)).length < 65_536);
  // a line that is longer than a chunk has one of its own
  await run(write(other, 'x'.repeat(200_000)));
  await run(write(other, 'last'));
  assert.deepEqual((await messagesIn({ ...place, open, run })).slice(-2), ['x'.repeat(200_000), 'last']);
  assert.ok(textOf(await get(6)).includes('"last"'));
  assert.ok(writes().every(({ body }) => Buffer.byteLength(body) < 256 * 1024));
});

test('an answer that was lost is no failure, of a create and of an update', async () => {
  let left = 0;
  const { open, run, ...place } = await setUp((handler) => async (request) => {
    const answer = await handler(request);
    if (!isWrite(request) || left === 0) return answer;
    left -= 1;
    throw new ConnectionReset('after');
  });
  const journal = open();
  left = 1;
  await run(write(journal, 'one'));
  left = 2;
  await run(write(journal, 'two'));
  assert.deepEqual(await messagesIn({ ...place, open, run }), ['one', 'two']);
});

test('a label or an annotation of somebody else does no harm; a line does, and a deletion', async () => {
  const { open, run, kubernetes, get, put, ...place } = await setUp();
  const journal = open();
  await run(write(journal, 'one'));
  const found = await get(1);
  assert.ok(found);
  await run(kubernetes.putConfigMap('kube-system', { ...found, labels: { ...found.labels, team: 'a' } }));
  await run(write(journal, 'two'));
  assert.deepEqual(await messagesIn({ ...place, open, run }), ['one', 'two']);
  await put(1, `${textOf(await get(1))}{}\n`);
  await assert.rejects(run(write(journal, 'three')), isCode('JOURNAL.CHANGED', 6, new RegExp(chunk(1))));
});

test('damage is told with chunk and line', async () => {
  const { open, run, put, get } = await setUp();
  const journal = open();
  for (const letter of 'abcde') await run(write(journal, long(letter)));
  const [first, second, third] = [textOf(await get(1)), textOf(await get(2)), textOf(await get(3))];
  const rows: [number, string, RegExp][] = [
    [2, second.replace('ccc', 'ccd'), new RegExp(`line 4 .*${chunk(2)}`)],
    [2, `${second}garbage\n`, new RegExp(`line 5 .*${chunk(2)}`)],
    [2, second.slice(0, -30), new RegExp(chunk(2))],
    [3, third.slice(0, -1), new RegExp(`line 5 .*${chunk(3)}.*cut off`)],
    [1, '', new RegExp(chunk(2))],
  ];
  for (const [number, text, pattern] of rows) {
    await put(number, text);
    await assert.rejects(run(open().read()), isCode('JOURNAL.DAMAGED', 2, pattern), String(pattern));
    for (const [index, good] of [first, second, third].entries()) await put(index + 1, good);
  }
  assert.equal((await run(open().read())).lines.length, 5);
});

test('a chunk that is gone from the middle is missed', async () => {
  const { open, run } = await setUp((handler) => (request) => {
    const gone = request.method === 'GET' && request.path.includes(chunk(2));
    return gone ? { status: 404, headers: {}, body: JSON.stringify({ kind: 'Status', code: 404 }) } : handler(request);
  });
  const journal = open();
  for (const letter of 'abcde') await run(write(journal, long(letter)));
  await assert.rejects(run(open().read()), isCode('JOURNAL.DAMAGED', 2, new RegExp(chunk(3))));
});

test('an API server that is away is told as something that may pass, and the next write looks anew', async () => {
  let isDown = true;
  const { open, run, ...place } = await setUp((handler) => (request) => {
    if (isDown) throw new ConnectionReset('before');
    return handler(request);
  });
  const journal = open();
  await assert.rejects(run(write(journal, 'one')), isCode('KUBERNETES.UNREACHABLE', 2));
  isDown = false;
  await run(write(journal, 'one'));
  isDown = true;
  await assert.rejects(run(write(journal, 'two')), (error) => {
    assert.ok(error instanceof Error && 'retryable' in error && error.retryable);
    return isCode('KUBERNETES.UNREACHABLE', 2)(error);
  });
  isDown = false;
  assert.deepEqual(await messagesIn({ ...place, open, run }), ['one']);
});

test('a right that is missing is named with what grants it', async () => {
  const { open, run } = await setUp((handler) => (request) => {
    if (!isWrite(request)) return handler(request);
    const message =
      'configmaps is forbidden: User "ci" cannot create resource "configmaps" in API group "" in the namespace "kube-system"';
    const body = JSON.stringify({ kind: 'Status', status: 'Failure', message, reason: 'Forbidden', code: 403 });
    return { status: 403, headers: { 'content-type': 'application/json' }, body };
  });
  await assert.rejects(run(open().append('2026-01-01T00:00:00.000Z', noted('one'))), (error) => {
    assert.ok(error instanceof Error && 'nextActions' in error);
    assert.match(
      String(error.nextActions),
      /kubectl -n kube-system create role .* --verb=create --resource=configmaps/,
    );
    return isCode('KUBERNETES.FORBIDDEN', 2)(error);
  });
});
