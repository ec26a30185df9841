import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBucket } from '../../../src/adapters/s3/bucket.ts';
import { s3Journal } from '../../../src/adapters/s3/s3-journal.ts';
import { ConnectionReset } from '../../../src/simulator/connection-reset.ts';
import type { SimHandler, SimRequest } from '../../../src/simulator/types.ts';
import { isCode, keepsTheContract, messagesIn, write } from '../../support/journal-contract.ts';
import { createBench } from '../virtual.ts';
import { createFakeS3, s3Error } from './fake-s3.ts';

const credentials = { accessKeyId: 'AKID', secretAccessKey: 'secret-of-nobody' };

interface Place {
  around?: (handler: SimHandler) => SimHandler;
  prefix?: string;
  bucket?: string;
  endpoint?: string | undefined;
  ignoresConditions?: boolean;
}

/** The real client over a bucket in this process. `around` stands between the two. */
function setUp({ around = (handler) => handler, ...options }: Place = {}) {
  const { prefix = 'migrations/eu', bucket = 'bkt', ignoresConditions = false } = options;
  const bench = createBench();
  const s3 = createFakeS3({ ignoresConditions });
  const handler = around(s3.handle);
  const open = () => {
    const objects = openBucket(bucket, {
      clock: bench.clock,
      region: 'eu-west-1',
      credentials,
      random: () => 0.5,
      requestHandler: bench.requestHandler(handler),
      ...('endpoint' in options ? options.endpoint && { endpoint: options.endpoint } : { endpoint: 'https://s3.test' }),
    });
    return s3Journal({ objects, bucket, prefix, planId: 'plan' });
  };
  return { open, run: bench.run, s3 };
}

const puts = (requests: readonly SimRequest[]): string[] =>
  requests.filter(({ method }) => method === 'PUT').map(({ path }) => new URL(path, 'https://s3.test').pathname);

test('keeps the contract of a journal', async () => {
  await keepsTheContract(setUp());
});

test('one object for each write, named by its first line, and never written without the condition', async () => {
  const { open, run, s3 } = setUp();
  const journal = open();
  await run(Promise.all(['one', 'two', 'three'].map((message) => write(journal, message))));
  await run(write(journal, 'four'));
  assert.deepEqual(
    [...s3.objects].map(([key, text]) => [key, text.split('\n').length - 1]),
    [
      ['migrations/eu/plan/000000000001.ndjson', 1],
      ['migrations/eu/plan/000000000002.ndjson', 2],
      ['migrations/eu/plan/000000000004.ndjson', 1],
    ],
  );
  const written = s3.requests.filter(({ method }) => method === 'PUT');
  assert.ok(written.every(({ headers }) => headers['if-none-match'] === '*'));
  // encryption is the bucket's own business
  assert.ok(written.every(({ headers }) => headers['x-amz-server-side-encryption'] === undefined));
});

test('without a prefix, and beside objects of others', async () => {
  const { open, run, s3 } = setUp({ prefix: '' });
  s3.objects.set('plan/readme.txt', 'hello');
  s3.objects.set('planner/000000000001.ndjson', 'hello');
  await run(write(open(), 'one'));
  assert.ok(s3.objects.has('plan/000000000001.ndjson'));
  assert.deepEqual(await messagesIn({ open, run }), ['one']);
});

test('an answer that was lost is no failure: its own bytes are there', async () => {
  let left = 1;
  const { open, run } = setUp({
    around: (handler) => async (request) => {
      const answer = await handler(request);
      if (request.method !== 'PUT' || left === 0) return answer;
      left -= 1;
      throw new ConnectionReset('after');
    },
  });
  const journal = open();
  await run(write(journal, 'one'));
  left = 1;
  await run(write(journal, 'two'));
  assert.deepEqual(await messagesIn({ open, run }), ['one', 'two']);
});

test('two conditional writes at the same moment (409) are sorted out', async () => {
  let left = 2;
  const { open, run } = setUp({
    around: (handler) => (request) => {
      if (request.method !== 'PUT' || left-- <= 0) return handler(request);
      return s3Error(409, 'ConditionalRequestConflict', 'The conditional request cannot succeed due to a conflict');
    },
  });
  await run(write(open(), 'one'));
  assert.deepEqual(await messagesIn({ open, run }), ['one']);
});

test('a server that ignores the condition is found out by the first line, before anything is done', async () => {
  const { open, run, s3 } = setUp({ ignoresConditions: true });
  const journal = open();
  await assert.rejects(run(write(journal, 'one')), isCode('STATE.NO_CONDITIONAL_WRITES', 2, /bkt.*written twice/));
  assert.equal(s3.objects.size, 1);
  const refusing = setUp({
    around: (handler) => (request) =>
      request.method === 'PUT'
        ? s3Error(501, 'NotImplemented', 'A header you provided implies functionality that is not implemented')
        : handler(request),
  });
  await assert.rejects(
    refusing.run(write(refusing.open(), 'one')),
    isCode('STATE.NO_CONDITIONAL_WRITES', 2, /not implemented/),
  );
});

test('the check costs one request, once', async () => {
  const { open, run, s3 } = setUp();
  const journal = open();
  for (const message of ['one', 'two', 'three']) await run(write(journal, message));
  assert.equal(puts(s3.requests).length, 4);
});

test('a bucket in another region is asked there', async () => {
  const hosts: string[] = [];
  const { open, run } = setUp({
    endpoint: undefined,
    around: (handler) => (request) => {
      const { host = '' } = request.headers;
      hosts.push(host);
      const headers = { 'x-amz-bucket-region': 'us-east-2' };
      return host.includes('us-east-2')
        ? handler({ ...request, path: `/bkt${request.path}` })
        : s3Error(301, 'PermanentRedirect', 'The bucket must be addressed using the specified endpoint', headers);
    },
  });
  const journal = open();
  await run(write(journal, 'one'));
  await run(write(journal, 'two'));
  assert.deepEqual(
    [hosts[0], ...new Set(hosts.slice(1))],
    ['bkt.s3.eu-west-1.amazonaws.com', 'bkt.s3.us-east-2.amazonaws.com'],
  );
});

test('what S3 refuses is told with bucket and key, and what to do', async () => {
  const rows: [answer: ReturnType<typeof s3Error>, code: string, pattern: RegExp, action: RegExp][] = [
    [s3Error(404, 'NoSuchBucket', 'no'), 'STATE.NO_BUCKET', /no bucket bkt/, /aws s3 mb s3:\/\/bkt --region eu-west-1/],
    [s3Error(403, 'AccessDenied', 'no'), 'STATE.ACCESS_DENIED', /s3:\/\/bkt\/migrations\/eu\/plan\//, /s3:ListBucket/],
    [s3Error(301, 'PermanentRedirect', 'no'), 'STATE.WRONG_REGION', /another region, not in eu-west-1/, /get-bucket-l/],
    [
      s3Error(400, 'AuthorizationHeaderMalformed', 'wrong', {}, '<Region>ap-south-1</Region>'),
      'STATE.WRONG_REGION',
      /bkt is in ap-south-1/,
      /get-bucket-location --bucket bkt/,
    ],
    [s3Error(400, 'ExpiredToken', 'expired'), 'AWS.EXPIRED_CREDENTIALS', /expired/, /sso login/],
    [s3Error(503, 'SlowDown', 'slower'), 'AWS.THROTTLED', /s3:ListObjectsV2/, /again/],
  ];
  for (const [answer, code, pattern, action] of rows) {
    const { open, run } = setUp({ around: () => () => answer });
    await assert.rejects(
      run(open().read()),
      (error) => {
        assert.ok(error instanceof Error && 'nextActions' in error);
        assert.match(String(error.nextActions), action);
        return isCode(code, 2, pattern)(error);
      },
      code,
    );
  }
});

test('a missing or changed object is told with its key', async () => {
  const { open, run, s3 } = setUp();
  const journal = open();
  for (const message of ['one', 'two', 'three']) await run(write(journal, message));
  const [first = '', second = '', third = ''] = s3.objects.keys();
  const before = new Map(s3.objects);
  s3.objects.delete(second);
  await assert.rejects(run(open().read()), isCode('JOURNAL.DAMAGED', 2, new RegExp(third)));
  s3.objects.set(second, (before.get(second) ?? '').replace('two', 'TWO'));
  await assert.rejects(run(open().read()), isCode('JOURNAL.DAMAGED', 2, new RegExp(third)));
  s3.objects.set(second, before.get(second) ?? '');
  s3.objects.set(first, 'torn');
  await assert.rejects(run(open().read()), isCode('JOURNAL.DAMAGED', 2, new RegExp(first)));
});
