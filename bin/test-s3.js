// The tests against an S3 server that is not ours, which `npm test` leaves out: moto (PyPI), or any other by its address.
import { spawn, spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { PREFIX_MIGRATE_TEST_S3_ENDPOINT: given } = process.env;
const server = given ? undefined : await startMoto();
try {
  const env = { ...process.env, PREFIX_MIGRATE_TEST_S3_ENDPOINT: given || server.endpoint };
  const { status } = spawnSync('node', ['--test', ...globSync('test/s3/**/*.test.ts', { cwd: root })], {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} finally {
  server?.child.kill();
}

async function startMoto() {
  if (spawnSync('python3', ['-c', 'import moto.server, flask']).status !== 0) {
    process.stderr.write(`There is no S3 server to test against.

  moto plays one: a Python package, started on 127.0.0.1 and ended with the tests. Any other server will do, by its
  address; buckets are made there, and not removed.

  -> python3 -m pip install 'moto[server]' && npm run test:s3
  -> PREFIX_MIGRATE_TEST_S3_ENDPOINT=http://127.0.0.1:9000 npm run test:s3
`);
    process.exit(2);
  }
  const port = await freePort();
  const child = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const endpoint = `http://127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt += 1) {
    try {
      await fetch(endpoint);
      return { child, endpoint };
    } catch (error) {
      if (child.exitCode !== null || attempt > 120) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
