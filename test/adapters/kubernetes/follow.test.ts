import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKubernetesPort } from '../../../src/adapters/kubernetes/kubernetes-port.ts';
import { MigrateError } from '../../../src/domain/migrate-error.ts';
import type { SimResponse, SimStream } from '../../../src/simulator/types.ts';
import { createBench, testCluster } from '../virtual.ts';

type Sink = Parameters<SimStream['start']>[0];

const json = (status: number, body: object): SimResponse => ({ status, headers: {}, body: JSON.stringify(body) });
const pod = (name: string, resourceVersion: string) => ({
  metadata: { namespace: 'shop', name, uid: name, resourceVersion },
});
const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;
const list = (resourceVersion: string, names: string[]): SimResponse =>
  json(200, { metadata: { resourceVersion }, items: names.map((name) => pod(name, '1')) });
const stream = (play: (sink: Sink) => void): SimResponse => ({
  status: 200,
  headers: {},
  body: {
    start(sink) {
      play(sink);
      return () => undefined;
    },
  },
});
const ended = (...lines: string[]) =>
  stream((sink) => {
    for (const text of lines) sink.write(text);
    sink.end();
  });
const silent = () => stream(() => undefined);

type Bench = ReturnType<typeof createBench>;

/** Follows pods against answers given in turn; stops when they are used up. */
async function followed(answers: (SimResponse | ((bench: Bench) => SimResponse))[]) {
  const bench = createBench();
  const seen: string[] = [];
  const paths: string[] = [];
  const stop = new AbortController();
  const kubernetes = await createKubernetesPort({
    clock: bench.clock,
    random: () => 0.5,
    limits: { attempts: 2 },
    cluster: testCluster,
    dispatcher: bench.dispatcher((request) => {
      const answer = answers[paths.length];
      const { searchParams } = new URL(request.path, 'https://x');
      paths.push(
        searchParams.get('watch') === 'true'
          ? `watch ${searchParams.get('resourceVersion')}`
          : `list ${searchParams.get('continue') ?? ''}`.trim(),
      );
      if (answer === undefined) {
        stop.abort();
        return silent();
      }
      return typeof answer === 'function' ? answer(bench) : answer;
    }),
  });
  const work = kubernetes.follow(
    'pods',
    (event) =>
      seen.push(
        event.type === 'replaced'
          ? `= ${event.items.map((item) => item.name).join(',')}`
          : `${event.type} ${event.item.name}`,
      ),
    stop.signal,
  );
  const begin = bench.clock.now();
  const failure = await bench.run(work).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { seen, paths, failure, seconds: (bench.clock.now() - begin) / 1000 };
}

test('goes on from the last version after a clean end, bookmarks counted', async () => {
  const { seen, paths, failure } = await followed([
    list('10', ['a', 'b']),
    ended(line('MODIFIED', pod('a', '11')), line('BOOKMARK', { metadata: { resourceVersion: '15' } })),
    ended(line('DELETED', pod('b', '16')), line('ADDED', pod('c', '17'))),
  ]);
  assert.equal(failure, undefined);
  assert.deepEqual(seen, ['= a,b', 'changed a', 'removed b', 'changed c']);
  assert.deepEqual(paths, ['list', 'watch 10', 'watch 15', 'watch 17']);
});

const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
const rows: [name: string, answer: SimResponse][] = [
  ['410 in the stream', ended(line('ERROR', gone))],
  ['410 before the stream', json(410, gone)],
  ['a cut', stream((sink) => sink.reset())],
  ['a cut inside a line', ended('{"type":"MODI')],
  ['a line that is no JSON', ended('oops\n')],
  ['silence', silent()],
  ['an error of the server', ended(line('ERROR', { kind: 'Status', code: 500 }))],
  ['503 at the start', json(503, { kind: 'Status', code: 503 })],
  ['a version from the future', json(504, { kind: 'Status', code: 504, message: 'Too large resource version' })],
];
for (const [name, answer] of rows) {
  test(`lists again after ${name}`, async () => {
    const { seen, paths, failure, seconds } = await followed([list('10', ['a']), answer, list('20', ['b'])]);
    assert.equal(failure, undefined);
    assert.deepEqual(seen, ['= a', '= b']);
    assert.deepEqual(paths, ['list', 'watch 10', 'list', 'watch 20']);
    assert.ok(seconds <= 91, String(seconds));
  });
}

const mute = (bench: Bench) => stream((sink) => void bench.clock.sleep(60_000).then(() => sink.end()));

test('lists again after a watch that ended in due time without a word, however often', async () => {
  const answers = Array.from({ length: 6 }, (_, index) => [list(`${index}`, [`pod-${index}`]), mute]).flat();
  const { seen, failure, seconds } = await followed(answers);
  assert.equal(failure, undefined);
  assert.equal(seen.length, 6);
  assert.equal(seconds, 360);
});

test('reads all pages, and begins anew when the server forgot the first', async () => {
  const page = (next: string | null, names: string[]) =>
    json(200, { metadata: { resourceVersion: '10', continue: next }, items: names.map((name) => pod(name, '1')) });
  const { seen, paths } = await followed([page('p2', ['a']), json(410, gone), page('p2', ['a']), page(null, ['b'])]);
  assert.deepEqual(seen, ['= a,b']);
  assert.deepEqual(paths, ['list', 'list p2', 'list', 'list p2', 'watch 10']);
});

test('outlives a server that is down, without a tight loop', async () => {
  const down = json(503, { kind: 'Status', code: 503 });
  const { seen, failure, seconds } = await followed([down, down, down, down, list('1', []), ended(), ended()]);
  assert.equal(failure, undefined);
  assert.deepEqual(seen, ['= ']);
  assert.ok(seconds > 1, String(seconds));
});

test('stops where a person is needed', async () => {
  const { failure } = await followed([
    list('1', []),
    json(403, { kind: 'Status', code: 403, message: 'pods is forbidden' }),
  ]);
  assert.ok(failure instanceof MigrateError);
  assert.equal(failure.code, 'KUBERNETES.FORBIDDEN');
  assert.equal(failure.message, 'Missing Kubernetes permission: watch pods.');
});
