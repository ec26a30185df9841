/** `plan --snapshot`: the plan that was made from a look at the cluster, made again from what was seen. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createIo, type Io } from '../../src/cli/io.ts';
import {
  clusterOf,
  type PlanOptions,
  planCluster,
  planRequest,
  readRecorded,
} from '../../src/commands/actions/plan-cluster.ts';
import { plainJson } from '../../src/domain/canonical-json.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import { plainRequest } from '../../src/domain/plan.ts';
import { hostWorld } from '../../src/simulator/host.ts';
import { scenarios } from '../../src/simulator/scenarios/index.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { pacedClock } from '../support/paced-clock.ts';
import { aSnapshot } from '../support/snapshot.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'prefix-migrate-snapshot-'));
delete process.env['KUBECONFIG'];
after(() => rmSync(folder, { recursive: true }));

/** Runs the command; returns exit code, stdout and what was said on the way. */
async function plan(options: Pick<PlanOptions, 'request' | 'folder'> & Partial<PlanOptions>) {
  let text = '';
  const said: string[] = [];
  const io: Io = {
    ...createIo({ json: false, verbose: false, 'no-color': true, 'no-input': true }),
    result: (piece) => (text += piece),
    progress: (line) => said.push(line),
    colour: { stdout: false, stderr: false },
    width: 80,
    commandLine: 'prefix-migrate plan',
    environment: {},
  };
  const connection = { clusterName: options.request.clusterName };
  const code = await planCluster({ format: 'json', toolVersion: '0.0.0-test', root, connection, ...options }, io);
  return { code, text, said };
}

const filesIn = (dir: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [
        join(entry.parentPath, entry.name).slice(dir.length),
        readFileSync(join(entry.parentPath, entry.name), 'utf8'),
      ]),
  );

for (const name of ['healthy', 'workload-traps', 'custom-networking', 'one-zone-short']) {
  test(`the plan of ${name} from its snapshot is the same to the byte, with the same folder`, async () => {
    const scenario = scenarios.find((each) => each.name === name);
    assert.ok(scenario);
    const world = createWorld(scenario, { seed: 1 });
    const hosted = await hostWorld(world);
    const request = plainRequest(world.cluster.name);
    const [online, offline] = [join(folder, name), join(folder, `${name}-offline`)];
    try {
      const { region, name: clusterName } = world.cluster;
      const { accessKeyId, secretAccessKey } = world.administrator;
      const first = await plan({
        request,
        folder: online,
        connection: {
          clusterName,
          region,
          clock: pacedClock(world.clock.now()),
          aws: { endpoint: hosted.awsUrl, credentials: { accessKeyId, secretAccessKey } },
        },
      });
      const recorded = await readRecorded(join(online, 'snapshot.json'));
      const second = await plan({ request, recorded, folder: offline });
      assert.equal(second.text, first.text);
      assert.equal(second.code, first.code);
      assert.deepEqual(filesIn(offline), filesIn(online));
    } finally {
      await hosted.close();
    }
  });
}

/** A snapshot as a file, changed before it is written. */
function recordedFile(name: string, change: (snapshot: Record<string, unknown>) => unknown = (same) => same): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, plainJson(change(JSON.parse(JSON.stringify(aSnapshot()))), 2));
  return path;
}

const refused = (code: string, why: RegExp) => (error: unknown) => {
  assert.ok(error instanceof MigrateError, String(error));
  assert.equal(error.code, code);
  assert.equal(error.exitCode, 2);
  assert.match(error.why, why);
  assert.ok(error.nextActions.length > 0);
  return true;
};

test('the expiry counts from when it was seen, and a plan that has expired is said to', async () => {
  const recorded = await readRecorded(recordedFile('old'));
  const { text, said } = await plan({ request: plainRequest('shop-eu'), recorded, folder: null });
  assert.equal(JSON.parse(text).expiresAt, '2026-03-02T10:00:00.000Z');
  assert.match(said.join('\n'), /this plan has expired: .*old\.json is of 2026-03-01T10:00:00/);
});

test('a rehearsal of other pods does not count', async () => {
  const path = recordedFile('rehearsed', (snapshot) => ({
    ...snapshot,
    evictionRehearsal: { pods: 999, asked: 999, partBecause: null, accepted: 999, refusals: [] },
  }));
  const recorded = await readRecorded(path);
  const { text } = await plan({ request: plainRequest('shop-eu'), recorded, folder: null });
  assert.equal(JSON.parse(text).rehearsal.asked, 0);
});

test('the cluster is the one of the snapshot', async () => {
  const recorded = await readRecorded(recordedFile('named'));
  assert.equal(clusterOf(undefined, recorded), 'shop-eu');
  assert.equal(clusterOf('shop-eu', recorded), 'shop-eu');
  assert.throws(() => clusterOf('prod', recorded), refused('SNAPSHOT.OTHER_CLUSTER', /what was seen in one cluster/));
  assert.throws(() => clusterOf(undefined, null), refused('INPUT.USAGE', /snapshot/));
});

test('what is no snapshot is refused with the place', async () => {
  const cases: [path: string, code: string, why: RegExp][] = [
    [join(folder, 'none.json'), 'SNAPSHOT.NOT_FOUND', /--snapshot takes/],
    [folder, 'FILES.NOT_A_FILE', /folder/],
    [recordedFile('list', () => []), 'SNAPSHOT.DAMAGED', /The snapshot is a list, and should be an object/],
    [recordedFile('version', (all) => ({ ...all, formatVersion: 2 })), 'SNAPSHOT.VERSION', /another version/],
    [
      recordedFile('pods', (all) => ({ ...all, pods: null })),
      'SNAPSHOT.DAMAGED',
      /^pods is null, and should be a list/,
    ],
    [recordedFile('nodes', (all) => ({ ...all, nodes: [{}] })), 'SNAPSHOT.DAMAGED', /^nodes\[0\]\.name is missing/],
    [
      recordedFile('time', (all) => ({ ...all, observedAt: 'noon' })),
      'SNAPSHOT.DAMAGED',
      /^observedAt is text, .* time/,
    ],
    [
      recordedFile('subnet', (all) => ({ ...all, subnets: [{ ...aSnapshot().subnets[0], cidr: '0.0.0.0/0' }] })),
      'SNAPSHOT.DAMAGED',
      /^subnets\[0\]\.cidr/,
    ],
  ];
  for (const [file, code, why] of cases) await assert.rejects(readRecorded(file), refused(code, why), file);
});

test('flags become a request', () => {
  const flags = {
    soak: 0,
    'expires-in': 60,
    order: 'auto',
    'create-with': 'api',
    'reserve-subnet-cidr': false,
  } as const;
  const more = { 'canary-pods': 1, nodes: 'same', 'wait-for-jobs': 0, 'rehearse-evictions': true } as const;
  const request = planRequest('prod', { ...flags, ...more, 'max-pods': 20 });
  assert.deepEqual(request, { ...plainRequest('prod'), soakSeconds: 0, expiresInSeconds: 60, maxPods: 20 });
});
