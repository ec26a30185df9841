/** The network between the program and AWS: a proxy that refuses, connections that break, answers that do not come for a while. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run, start, startWorld, temporaryFolder, type World } from './program.ts';

const confirmed = ['--confirm', 'demo', '--poll-interval', '50ms'];
const cleanUps: (() => unknown)[] = [];
let world: World;
let cwd: string;

before(async () => {
  cwd = temporaryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) });
  world = await startWorld('healthy');
  cleanUps.push(world.stop);
});
after(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp();
});

function listen(server: Server): Promise<number> {
  cleanUps.push(() => server.close());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

test('a proxy that wants another password: exit 2, named without the password, and nothing goes past it', async () => {
  const asked: string[] = [];
  const proxy = createHttpServer();
  proxy.on('connect', (request, socket: Socket) => {
    asked.push(String(request.url));
    socket.on('error', () => undefined).end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
  });
  const port = await listen(proxy);
  const env = {
    AWS_REGION: 'us-west-2',
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'not-a-secret',
    HTTPS_PROXY: `http://user:hunter2@127.0.0.1:${port}`,
  };
  const { code, stdout, stderr } = await run(['plan', '--cluster', 'demo', '--out', 'never', '--verbose'], {
    env,
    cwd,
  });
  assert.equal(code, 2, stderr);
  assert.equal(stdout, '');
  assert.match(
    stderr,
    new RegExp(
      `through the\\s+proxy http://127\\.0\\.0\\.1:${port}\\) cannot be reached: the proxy answers\\s+HTTP 407`,
    ),
  );
  assert.match(stderr, /HTTPS_PROXY=http:\/\/USER:PASSWORD@HOST:PORT/);
  assert.doesNotMatch(stderr, /hunter2|please report/);
  assert.ok(asked.length > 0 && asked.every((host) => /^\w+\.us-west-2\.amazonaws\.com:443$/.test(host)), asked.join());
});

test('connections that break and answers that come late: the migration goes on to its end', async () => {
  const { env } = world;
  const { port: awsPort } = new URL(env['AWS_ENDPOINT_URL'] ?? '');
  let connections = 0;
  let broken = 0;
  const between = createServer((socket) => {
    connections += 1;
    const breaks = connections % 3 === 0;
    const onwards = connect(Number(awsPort), '127.0.0.1');
    for (const each of [socket, onwards]) {
      each.on('error', () => {
        socket.destroy();
        onwards.destroy();
      });
    }
    socket.pipe(onwards);
    onwards.once('data', (answer: Buffer) => {
      // the request had its effect, and the answer is lost
      if (breaks) {
        broken += 1;
        socket.write(answer.subarray(0, 20));
        socket.resetAndDestroy();
        onwards.destroy();
      } else {
        socket.write(answer);
        onwards.pipe(socket);
      }
    });
  });
  const through = { ...env, AWS_ENDPOINT_URL: `http://127.0.0.1:${await listen(between)}` };
  const planned = await run(['plan', '--out', 'p', '--soak', '0s'], { env: through, cwd });
  assert.equal(planned.code, 0, planned.stderr);
  const applied = start(['apply', 'p', ...confirmed, '--json'], { env: through, cwd });
  await applied.until(/"type":"step-succeeded"/);
  world.signal('SIGSTOP');
  await new Promise((resolve) => {
    setTimeout(resolve, 500);
  });
  world.signal('SIGCONT');
  const { code, stderr } = await applied.ended;
  assert.equal(code, 0, stderr);
  assert.ok(broken > 0, `${connections} connections`);
  const lines = readFileSync(join(cwd, 'p/journal.ndjson'), 'utf8');
  assert.match(lines.trimEnd().split('\n').at(-1) ?? '', /"type":"run-finished".*"exitCode":0/);
  assert.doesNotMatch(lines, /"type":"step-failed"/);
});
