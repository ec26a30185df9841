import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/domain/snapshot.ts';
import type { EvictionOutcome } from '../../src/ports/kubernetes.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { rehearseEvictions } from '../../src/survey/rehearse-evictions.ts';
import { createBench } from '../adapters/virtual.ts';
import { createWorld as createFakeWorld } from '../support/fake-ports.ts';
import { aPod } from '../support/snapshot.ts';
import { portsOf } from './ports-of.ts';

const accepted: EvictionOutcome = { kind: 'accepted' };
const throttled: EvictionOutcome = { kind: 'throttled', retryAfterSeconds: null, detail: 'Too many requests' };
const silent: EvictionOutcome = { kind: 'unknown', detail: 'no answer within 45 s' };
const cannot = (namespace: string): EvictionOutcome => ({
  kind: 'refused',
  status: 403,
  detail: `pods "p" is forbidden: User "u" cannot create resource "pods/eviction" in API group "" in the namespace "${namespace}"`,
});

/** Pods `shop/web-0` ...; `owners` of them share them in turn. */
const pods = (count: number, { owners = 5, namespaces = 1 } = {}): Pod[] =>
  Array.from({ length: count }, (_, index) => {
    const owner = `set-${index % owners}`;
    return aPod({
      namespace: `shop${namespaces === 1 ? '' : index % namespaces}`,
      name: `web-${String(index).padStart(5, '0')}`,
      uid: `uid-${index}`,
      controller: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner },
    });
  });

interface Asked {
  pod: string;
  at: number;
  /** asked at the same time, this one counted */
  underWay: number;
}

/** `answer` of the `n`th question (from 0); each takes `milliseconds`. */
async function rehearsed(
  moving: readonly Pod[],
  answer: (pod: { namespace: string; name: string }, n: number) => EvictionOutcome | Error,
  { milliseconds = 20, onGet = (pod: Pod): Pod | undefined => pod } = {},
) {
  const bench = createBench();
  const start = bench.clock.now();
  const asked: Asked[] = [];
  let underWay = 0;
  const { kubernetes } = createFakeWorld().ports;
  const progress: string[] = [];
  const rehearsal = await bench.run(
    rehearseEvictions(
      {
        clock: bench.clock,
        kubernetes: {
          ...kubernetes,
          getPod: async (namespace, name) => {
            const found = moving.find((pod) => pod.namespace === namespace && pod.name === name);
            return found === undefined ? undefined : onGet(found);
          },
          async evict(pod, options) {
            assert.equal(options?.dryRun, true, 'a rehearsal evicts nothing');
            underWay += 1;
            const outcome = answer(pod, asked.length);
            asked.push({ pod: pod.name, at: bench.clock.now() - start, underWay });
            await bench.clock.sleep(milliseconds);
            underWay -= 1;
            if (outcome instanceof Error) throw outcome;
            return outcome;
          },
        },
      },
      moving,
      (what) => progress.push(what),
    ),
  );
  return { rehearsal, asked, progress, seconds: (bench.clock.now() - start) / 1000 };
}

test('every pod is asked about once; what is refused is kept in the words of the server', async () => {
  const answers: EvictionOutcome[] = [
    accepted,
    { kind: 'budget-exhausted', budget: 'The disruption budget web needs 3 healthy pods and has 3 currently' },
    { kind: 'gone', detail: 'not found' },
    { kind: 'budget-unprocessed', retryAfterSeconds: 10 },
    { kind: 'multiple-budgets', detail: 'more than one' },
    { kind: 'namespace-terminating' },
    { kind: 'refused', status: 403, detail: 'denied by policy' },
  ];
  const { rehearsal, asked, progress } = await rehearsed(
    pods(7, { owners: 7 }),
    ({ name }) => answers[Number(name.slice(-1))] ?? accepted,
  );
  const { refusals, ...rest } = rehearsal;
  assert.deepEqual(rest, { pods: 7, asked: 7, accepted: 1, partBecause: null });
  assert.deepEqual(
    refusals.map(({ name, uid, kind, detail }) => [name, uid, kind, detail]),
    [
      ['web-00001', 'uid-1', 'budget-exhausted', 'The disruption budget web needs 3 healthy pods and has 3 currently'],
      ['web-00003', 'uid-3', 'budget-unprocessed', 'The disruption budget is still being processed by the server.'],
      ['web-00004', 'uid-4', 'multiple-budgets', 'more than one'],
      ['web-00005', 'uid-5', 'namespace-terminating', 'Namespace shop is being deleted.'],
      ['web-00006', 'uid-6', 'refused', 'denied by policy'],
    ],
  );
  assert.equal(asked.length, 7);
  assert.equal(progress.length, 1);
});

test('nothing to ask, nothing asked', async () => {
  const { rehearsal, asked } = await rehearsed([], () => accepted);
  assert.deepEqual([rehearsal, asked], [{ pods: 0, asked: 0, accepted: 0, partBecause: null, refusals: [] }, []]);
});

test('at most 40 a second and 8 at a time, however slow the server is', async () => {
  for (const milliseconds of [0, 20, 900]) {
    const { asked, rehearsal } = await rehearsed(pods(200), () => accepted, { milliseconds });
    assert.deepEqual([rehearsal.accepted, rehearsal.partBecause], [200, null]);
    for (const { at } of asked) {
      const inSecond = asked.filter((other) => other.at >= at && other.at < at + 1000).length;
      assert.ok(inSecond <= 40, `${inSecond} in a second`);
    }
    const most = Math.max(...asked.map(({ underWay }) => underWay));
    assert.ok(most <= 8 && (milliseconds < 900 || most === 8), `${most} at a time`);
  }
});

test('of more than 3,000 pods one of each owner and readiness comes first, and the rest is counted', async () => {
  const many = pods(3100, { owners: 50 });
  const last = aPod({ ...many[3099], name: 'web-unready', uid: 'uid-unready', ready: false });
  const { rehearsal, asked, seconds } = await rehearsed([...many, last], () => accepted);
  assert.deepEqual([rehearsal.pods, rehearsal.asked, rehearsal.accepted], [3101, 3000, 3000]);
  assert.equal(rehearsal.partBecause, 'only 3000 are asked about: 101 were left out');
  const first = asked.slice(0, 51).map(({ pod }) => pod);
  assert.equal(new Set(first.map((name) => (name === 'web-unready' ? name : Number(name.slice(4)) % 50))).size, 51);
  assert.ok(seconds < 90, `${seconds} s`);
});

test('throttled, it slows down, asks again, and is fast again later', async () => {
  const { rehearsal, asked } = await rehearsed(pods(300), (_, n) =>
    n >= 20 && n < 28 ? { ...throttled, retryAfterSeconds: 3 } : accepted,
  );
  assert.deepEqual([rehearsal.accepted, rehearsal.partBecause, rehearsal.refusals], [300, null, []]);
  assert.equal(asked.length, 308);
  const pause = (asked[28]?.at ?? 0) - (asked[27]?.at ?? 0);
  assert.ok(pause >= 2500, `${pause} ms`);
  const gaps = asked.slice(1).map(({ at }, index) => at - (asked[index]?.at ?? 0));
  const slow = gaps.slice(28, 38).reduce((sum, gap) => sum + gap, 0) / 10;
  assert.ok(slow > 40, `${slow} ms between two questions after it was throttled`);
  assert.ok(gaps.slice(-10).every((gap) => gap < slow));
});

test('one pod without an answer is named, and the others are asked', async () => {
  for (const trouble of [throttled, silent, new Error('certificate has expired')]) {
    const { rehearsal, asked } = await rehearsed(pods(9, { owners: 9 }), ({ name }) =>
      name === 'web-00004' ? trouble : accepted,
    );
    assert.deepEqual([rehearsal.asked, rehearsal.accepted, rehearsal.partBecause], [9, 8, null]);
    assert.deepEqual(
      rehearsal.refusals.map(({ name, kind }) => [name, kind]),
      [['web-00004', 'no-answer']],
    );
    assert.equal(asked.filter(({ pod }) => pod === 'web-00004').length, 3);
  }
});

test('ten troubles in a row end it', async () => {
  for (const [trouble, words] of [
    [throttled, 'Too many requests'],
    [silent, 'no answer within 45 s'],
  ] as const) {
    const { rehearsal, asked } = await rehearsed(pods(200), (_, n) => (n < 50 ? accepted : trouble));
    assert.equal(rehearsal.accepted, 50);
    assert.equal(rehearsal.partBecause, `the API server did not answer 10 times in a row: ${words}`);
    assert.ok(asked.length <= 50 + 10 + 8, `${asked.length} asked`);
    assert.ok(rehearsal.asked < 60);
  }
});

test('it does not take more than five minutes', async () => {
  const { rehearsal, seconds } = await rehearsed(pods(500), () => accepted, { milliseconds: 20_000 });
  assert.equal(rehearsal.partBecause, 'it took longer than 5 minutes');
  assert.ok(seconds < 330 && rehearsal.accepted > 50, `${seconds} s`);
});

test('forbidden in a namespace: one refusal, and no more questions about it', async () => {
  const { rehearsal, asked } = await rehearsed(pods(100, { owners: 1, namespaces: 2 }), ({ namespace }) =>
    namespace === 'shop1' ? cannot(namespace) : accepted,
  );
  assert.deepEqual([rehearsal.asked, rehearsal.accepted], [51, 50]);
  assert.deepEqual(
    rehearsal.refusals.map(({ namespace, kind }) => [namespace, kind]),
    [['shop1', 'refused']],
  );
  assert.match(rehearsal.partBecause ?? '', /^in namespace shop1 no eviction can be asked about: .* cannot create/);
  assert.ok(asked.length <= 51 + 8);
});

test('forbidden everywhere', async () => {
  const { rehearsal, asked } = await rehearsed(pods(100), ({ namespace }) => cannot(namespace));
  assert.deepEqual([rehearsal.asked, rehearsal.accepted, rehearsal.refusals.length, asked.length], [1, 0, 1, 1]);
});

test('a webhook that knows no dry run, and a token that ran out, say nothing about evictions', async () => {
  const noDryRun: EvictionOutcome = {
    kind: 'refused',
    status: 400,
    detail: 'admission webhook "old.example" does not support dry run',
  };
  const old = await rehearsed(pods(20), () => noDryRun);
  assert.deepEqual([old.rehearsal.asked, old.rehearsal.refusals, old.asked.length], [0, [], 1]);
  assert.match(old.rehearsal.partBecause ?? '', /in namespace shop no eviction can be asked about: .*old\.example/);

  const expired = await rehearsed(pods(20), (_, n) =>
    n < 4 ? accepted : { kind: 'refused', status: 401, detail: 'Unauthorized' },
  );
  assert.deepEqual([expired.rehearsal.accepted, expired.rehearsal.refusals], [4, []]);
  assert.equal(expired.rehearsal.partBecause, 'Unauthorized');
});

test('a server that evicts all the same is found out by the first pod', async () => {
  const going = { deletionTimestamp: '2026-01-01T00:00:00Z' };
  for (const onGet of [() => undefined, (pod: Pod) => ({ ...pod, ...going }), (pod: Pod) => ({ ...pod, uid: 'new' })]) {
    const { rehearsal, asked } = await rehearsed(pods(50), () => accepted, { onGet });
    assert.equal(asked.length, 1);
    assert.equal(rehearsal.partBecause, 'shop/web-00000 was deleted while its eviction was asked about as a dry run');
  }
  const notAllowed = await rehearsed(pods(50), () => accepted, {
    onGet: () => {
      throw new Error('forbidden');
    },
  });
  assert.equal(notAllowed.rehearsal.accepted, 50, 'who may not get a pod can still ask');
});

test('changes nothing in a cluster', async () => {
  const world = createWorld(healthy);
  const bench = createBench(world.clock);
  const ports = await portsOf(world, bench);
  const look = async () => (await bench.run(ports.kubernetes.listPodDisruptionBudgets())).map(({ status }) => status);
  const before = await look();
  const moving = (await bench.run(ports.kubernetes.listPods())).filter(
    ({ controller }) => controller?.kind !== 'DaemonSet',
  );
  const { pods: all, asked, accepted: yes, refusals, partBecause } = await bench.run(rehearseEvictions(ports, moving));
  assert.deepEqual([all, asked, yes + refusals.length, partBecause], [moving.length, moving.length, asked, null]);
  assert.ok(yes > 0);
  assert.deepEqual(world.log.writes(), []);
  assert.deepEqual(await look(), before, 'no budget is charged');
  const after = await bench.run(ports.kubernetes.listPods());
  assert.deepEqual(
    after.filter(({ deletionTimestamp }) => deletionTimestamp !== null),
    [],
  );
});
