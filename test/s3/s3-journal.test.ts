/**
 * The journal in S3 against a server that is not ours. Runs only when PREFIX_MIGRATE_TEST_S3_ENDPOINT says where one is
 * (`npm run test:s3` starts one): it makes a bucket of its own.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createRealClock } from '../../src/adapters/clock/real-clock.ts';
import { openBucket } from '../../src/adapters/s3/bucket.ts';
import { s3Journal } from '../../src/adapters/s3/s3-journal.ts';
import { formatLine } from '../../src/domain/journal-chain.ts';
import { run as runProgram, start, startWorld, temporaryFolder } from '../journeys/program.ts';
import { isCode, keepsTheContract, messagesIn, noted, write } from '../support/journal-contract.ts';

const endpoint = process.env['PREFIX_MIGRATE_TEST_S3_ENDPOINT'];
const skip = endpoint === undefined ? 'PREFIX_MIGRATE_TEST_S3_ENDPOINT is not set' : false;

const clock = createRealClock();
const bucket = `prefix-migrate-test-${randomUUID().slice(0, 8)}`;
const { AWS_ACCESS_KEY_ID = 'test', AWS_SECRET_ACCESS_KEY = 'test', AWS_REGION: region = 'us-east-1' } = process.env;
const credentials = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };

let client: S3Client;
before(async () => {
  if (endpoint === undefined) return;
  client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
});

function placeOf(prefix: string, name = bucket) {
  const options = { clock, region, credentials, ...(endpoint !== undefined && { endpoint }) };
  const open = () => s3Journal({ objects: openBucket(name, options), bucket: name, prefix, planId: 'plan' });
  return { open, run: <T>(work: Promise<T>): Promise<T> => work };
}

test('keeps the contract of a journal', { skip }, async () => {
  await keepsTheContract(placeOf('contract'));
});

test('many writers at once: each line that was accepted is there once, and the chain holds', { skip }, async () => {
  const place = placeOf('race');
  const accepted: string[] = [];
  const writer = async (name: string): Promise<void> => {
    for (let round = 0; round < 10; round += 1) {
      const journal = place.open();
      try {
        for (let index = 0; index < 3; index += 1) {
          const message = `${name} ${round} ${index}`;
          await write(journal, message);
          accepted.push(message);
        }
      } catch (error) {
        isCode('JOURNAL.CHANGED', 6)(error);
      }
    }
  };
  await Promise.all(['a', 'b', 'c', 'd'].map(writer));
  assert.ok(accepted.length >= 10);
  assert.deepEqual((await messagesIn(place)).toSorted(), accepted.toSorted());
});

test('more objects than a page of a list has', { skip }, async () => {
  const lines: string[] = [];
  for (let seq = 1; seq <= 1005; seq += 1) {
    lines.push(formatLine(lines.at(-1) ?? null, seq, '2026-01-01T00:00:00.000Z', noted(String(seq))));
  }
  const puts = lines.map((line, index) => {
    const Key = `pages/plan/${String(index + 1).padStart(12, '0')}.ndjson`;
    return client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: `${line}\n` }));
  });
  await Promise.all(puts);
  const place = placeOf('pages');
  assert.equal((await messagesIn(place)).length, 1005);
  assert.equal((await write(place.open(), 'one more')).seq, 1006);
});

test('no such bucket', { skip }, async () => {
  const place = placeOf('x', `${bucket}-none`);
  await assert.rejects(place.open().read(), isCode('STATE.NO_BUCKET', 2, /-none/));
  await assert.rejects(write(place.open(), 'one'), isCode('STATE.NO_BUCKET', 2));
});

test('an object that somebody changed', { skip }, async () => {
  const place = placeOf('damage');
  await write(place.open(), 'one');
  await write(place.open(), 'two');
  const Key = 'damage/plan/000000000001.ndjson';
  await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'something else\n' }));
  await assert.rejects(place.open().read(), isCode('JOURNAL.DAMAGED', 2, new RegExp(Key)));
});

test('runner A dies, runner B takes the plan to its end with nothing but plan.json', { skip }, async (t) => {
  const world = await startWorld('healthy');
  t.after(() => world.stop());
  const cwd = temporaryFolder(t);
  const env = { ...world.env, AWS_ENDPOINT_URL_S3: endpoint ?? '' };
  const command = (...args: string[]) => runProgram(args, { env, cwd });
  const planned = await command('plan', '--out', 'a', '--soak', '1s');
  assert.equal(planned.code, 0, planned.stderr);
  mkdirSync(join(cwd, 'b'));
  copyFileSync(join(cwd, 'a/plan.json'), join(cwd, 'b/plan.json'));
  const flags = [
    '--confirm',
    world.env['PREFIX_MIGRATE_CLUSTER'] ?? '',
    '--poll-interval',
    '50ms',
    '--state',
    `s3://${bucket}/runs/`,
  ];
  const a = start(['apply', 'a', ...flags, '--verbose'], { env, cwd });
  await a.until(/evict/i);
  a.kill('SIGKILL');
  await a.ended;
  const elsewhere = await command('apply', 'b', '--state', 'kubernetes');
  assert.equal(elsewhere.code, 2, elsewhere.stderr);
  assert.match(elsewhere.stderr, new RegExp(`-> prefix-migrate apply b --state s3://${bucket}/runs\\n`));
  const b = await command('apply', 'b', ...flags);
  assert.equal(b.code, 0, b.stderr);
  assert.deepEqual(readdirSync(join(cwd, 'b')), ['plan.json']);
  const status = await command('status', 'b', ...flags.slice(-2), '--json');
  assert.equal(JSON.parse(status.stdout).runs.length, 2, status.stderr);
});
