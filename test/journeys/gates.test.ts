/** Gates of a pipeline: consent that is recorded, plans that no longer hold, credentials that end; each told as events. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EKSClient, UpdateAddonCommand, UpdateNodegroupConfigCommand } from '@aws-sdk/client-eks';
import { type Environment, type Result, run, start, startWorld, temporaryFolder, type World } from './program.ts';

let world: World;
let cwd: string;
let planId: string;
const cleanUps: (() => void)[] = [];
const poll = ['--poll-interval', '50ms'];

before(async () => {
  world = await startWorld('healthy');
  cwd = temporaryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) });
});
after(async () => {
  await world.stop();
  for (const cleanUp of cleanUps) cleanUp();
});

const command = (args: readonly string[], env: Environment = {}): Promise<Result> =>
  run(args, { env: { ...world.env, ...env }, cwd });

/** The events of a run: every line is JSON, and the last one is its end. */
function eventsOf({ stdout, stderr }: Pick<Result, 'stdout' | 'stderr'>, exitCode: number) {
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.partialDeepStrictEqual(events.at(-1), { entry: { type: 'run-finished', exitCode } }, stderr);
  assert.equal(events.filter(({ entry }) => entry?.type === 'run-finished').length, 1);
  return events;
}
const typesOf = (events: ReturnType<typeof eventsOf>): string[] => events.map(({ entry }) => entry.type);

const eks = () =>
  new EKSClient({
    region: world.env['AWS_REGION'] ?? '',
    endpoint: world.env['AWS_ENDPOINT_URL'] ?? '',
    credentials: {
      accessKeyId: world.env['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: world.env['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
  });

test('a plan, and consent that is not for it', async () => {
  const planned = await command(['plan', '--nodegroup', 'memory', '--soak', '0s', '--out', 'migration']);
  assert.equal(planned.code, 0, planned.stderr);
  ({ planId } = JSON.parse(readFileSync(join(cwd, 'migration', 'plan.json'), 'utf8')));
  for (const { args, code } of [
    { args: ['--approve', planId.slice(0, 12)], code: 'CONSENT.OTHER_PLAN' },
    { args: ['--approve', planId, '--confirm', 'prod'], code: 'CONSENT.WRONG_NAME' },
    { args: [], code: 'CONSENT.MISSING' },
  ]) {
    const refused = await command(['apply', 'migration', '--json', ...args]);
    assert.equal(refused.code, 3, refused.stderr);
    const [event, ...others] = eventsOf(refused, 3);
    assert.equal(others.length, 0, 'one document');
    assert.partialDeepStrictEqual(event, { ok: false, error: { code } });
    if (code === 'CONSENT.OTHER_PLAN') assert.ok(event.error.message.includes(planId), event.error.message);
  }
});

test('credentials that end too soon are announced, and the run goes on', async () => {
  const { expiresAt } = JSON.parse(readFileSync(join(cwd, 'migration', 'plan.json'), 'utf8'));
  const soon = new Date(Date.parse(expiresAt) - 86_400_000 + 90_000).toISOString();
  const made = await command(['apply', 'migration', '--until', 'prepare', '--json', ...poll], {
    AWS_CREDENTIAL_EXPIRATION: soon,
  });
  assert.equal(made.code, 0, made.stderr);
  assert.match(
    made.stderr,
    /warning: The AWS credentials (end in|have ended) .*pauses with exit code 6.*prefix-migrate apply migration/,
  );
  const [first, second] = eventsOf(made, 0);
  assert.deepEqual([first.entry.type, second.entry.type, 'seq' in second], ['run-started', 'warning', false]);
});

test('credentials that end in the middle: a pause, and with new ones the same command goes on', async () => {
  const proxy = await startProxy();
  const through = { AWS_ENDPOINT_URL: proxy.url };
  const paused = await command(['apply', 'migration', '--until', 'verify', '--json', ...poll], through);
  assert.equal(paused.code, 6, paused.stderr);
  const events = eventsOf(paused, 6);
  assert.partialDeepStrictEqual(events.at(-2), { entry: { type: 'run-paused', reason: 'credentials' } });
  assert.partialDeepStrictEqual(events.at(-1), { ok: false, error: { code: 'AWS.EXPIRED_CREDENTIALS' } });
  assert.ok(!typesOf(events).includes('step-failed'));
  assert.ok(proxy.refused() < 20, `${proxy.refused()} calls in vain`);
  proxy.renew();
  const done = await command(['apply', 'migration', '--until', 'verify', '--json', ...poll], through);
  assert.equal(done.code, 0, done.stderr);
  eventsOf(done, 0);
});

test('what somebody changed stops the next phase, and is told with then and now', async () => {
  const client = eks();
  const { vpcCni, nodegroups } = JSON.parse(readFileSync(join(cwd, 'migration', 'plan.json'), 'utf8'));
  const configure = (configurationValues: string) =>
    client.send(
      new UpdateAddonCommand({
        clusterName: 'demo',
        addonName: 'vpc-cni',
        resolveConflicts: 'OVERWRITE',
        configurationValues,
      }),
    );
  await configure('{"env":{"ENABLE_PREFIX_DELEGATION":"false"}}');
  const label = { clusterName: 'demo', nodegroupName: nodegroups[0].source };
  await client.send(new UpdateNodegroupConfigCommand({ ...label, labels: { addOrUpdateLabels: { role: 'other' } } }));
  const args = ['apply', 'migration', '--approve', planId, '--json', ...poll];
  const stopped = await command(args);
  assert.equal(stopped.code, 5, stopped.stderr);
  const { error } = eventsOf(stopped, 5).at(-1);
  assert.equal(error.code, 'PLAN.DRIFTED');
  assert.match(error.message, /ENABLE_PREFIX_DELEGATION of aws-node was "true", is "false" now/);
  assert.match(error.message, /labels of node group memory: role was "memory", is "other" now/);
  assert.ok(error.nextActions.some((action: string) => action.startsWith('aws eks update-nodegroup-config')));
  assert.ok(error.nextActions.some((action: string) => action.startsWith('prefix-migrate rollback migration')));

  // the consent of the run that stopped counts for the next ones, which need no flag
  await configure(vpcCni.configurationValues);
  await client.send(new UpdateNodegroupConfigCommand({ ...label, labels: { addOrUpdateLabels: { role: 'memory' } } }));
  const cordoned = await command(['apply', 'migration', '--until', 'cordon', '--json', ...poll]);
  assert.equal(cordoned.code, 0, cordoned.stderr);
  assert.ok(!typesOf(eventsOf(cordoned, 0)).includes('approval'));
});

test('another run holds the lock: no event but the refusal. Interrupted: the last line is the end', async () => {
  const first = start(['apply', 'migration', '--json', ...poll], { env: world.env, cwd });
  await first.until(/"type":"run-started"/);
  const second = await command(['apply', 'migration', '--json']);
  assert.equal(second.code, 7, second.stderr);
  assert.equal(eventsOf(second, 7).length, 1);
  first.kill('SIGINT');
  const ended = await first.ended;
  assert.equal(ended.code, 130, ended.stderr);
  assert.deepEqual(typesOf(eventsOf(ended, 130)).slice(-2), ['run-paused', 'run-finished']);
});

test('to the end; status and log say who consented to what, when and to which plan', async () => {
  const done = await command(['apply', 'migration', '--json', ...poll]);
  assert.equal(done.code, 0, done.stderr);
  eventsOf(done, 0);
  const { approvals, expired } = JSON.parse((await command(['status', 'migration', '--json'])).stdout);
  const [approval, ...others] = approvals;
  assert.equal(others.length, 0);
  assert.equal(expired, false);
  assert.partialDeepStrictEqual(approval, { how: 'approve-flag', planId, phases: ['cordon', 'drain', 'delete'] });
  assert.match(approval.by, /^arn:aws:/);
  assert.ok(Date.parse(approval.at) > 0);
  const { stdout } = await command(['log', 'migration']);
  assert.match(
    stdout,
    new RegExp(`approved by arn:aws:\\S+ \\(--approve\\): cordon, drain, delete of plan ${planId.slice(0, 8)}`),
  );
});

/** In front of AWS: once a node group is asked for, the credentials count as expired. */
async function startProxy() {
  let state: 'valid' | 'expired' | 'renewed' = 'valid';
  let refused = 0;
  const server: Server = createServer((request, response) => void forward(request, response));
  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    if (state === 'expired') {
      refused += 1;
      response.writeHead(403, { 'content-type': 'application/json', 'x-amzn-errortype': 'ExpiredTokenException' });
      response.end('{"message":"The security token included in the request is expired"}');
      return;
    }
    const { method = 'GET', url = '/', headers } = request;
    const isCreation = method === 'POST' && url.endsWith('/node-groups');
    const kept = Object.entries(headers).filter(([name]) => !['connection', 'content-length', 'host'].includes(name));
    const answer = await fetch(new URL(url, world.env['AWS_ENDPOINT_URL']), {
      method,
      headers: kept.map(([name, value]): [string, string] => [name, String(value)]),
      ...(method === 'GET' ? {} : { body: Buffer.concat(chunks) }),
    });
    if (isCreation && state === 'valid') state = 'expired';
    const body = Buffer.from(await answer.arrayBuffer());
    const sent = [...answer.headers].filter(
      ([name]) => !/^(connection|content-length|transfer-encoding|keep-alive)$/.test(name),
    );
    response.writeHead(answer.status, Object.fromEntries(sent));
    response.end(body);
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return {
    url: `http://127.0.0.1:${address.port}`,
    refused: () => refused,
    renew() {
      state = 'renewed';
    },
  };
}
