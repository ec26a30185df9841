/**
 * Survey, watches, dry runs and a whole drain with budgets against a real API server. The nodes are fake ones of KWOK, made
 * and removed here together with a namespace: where no KWOK runs, these tests are skipped. Runs only when
 * PREFIX_MIGRATE_TEST_KUBECONFIG names a kubeconfig of a cluster that may be written to.
 */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, isIP, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { createAwsPorts } from '../../src/adapters/aws/aws-ports.ts';
import { createRealClock } from '../../src/adapters/clock/real-clock.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { mustMove } from '../../src/domain/evictable.ts';
import type { StepProgress } from '../../src/domain/journal-entry.ts';
import type { Pod } from '../../src/domain/snapshot.ts';
import { drain } from '../../src/drain/drain.ts';
import type { FollowEvent, KubernetesPort } from '../../src/ports/kubernetes.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { survey } from '../../src/survey/survey.ts';
import { drainParams, stateOf } from '../bench/contenders/ours.ts';
import { connectTo, createFleet, type Fleet, type FleetOptions, type RealApi, sample } from '../bench/real-api.ts';
import { InProcessHandler } from '../support/in-process.ts';
import { noTools } from '../support/no-tools.ts';

const kubeconfig = process.env['PREFIX_MIGRATE_TEST_KUBECONFIG'] ?? '';
const skip = kubeconfig === '' ? 'PREFIX_MIGRATE_TEST_KUBECONFIG is not set' : false;
const clock = createRealClock();
const options: FleetOptions = { nodes: 3, deployments: 4, replicas: 4, maxUnavailable: 1, readyMs: 1_000, endMs: 500 };
const podCount = options.deployments * options.replicas;

let api: RealApi;
let kubernetes: KubernetesPort;
let fleet: Fleet | undefined;
let why = '';

before(async () => {
  if (skip) return;
  api = await connectTo(kubeconfig);
  kubernetes = await createKubernetesPort({ kubeconfig, clock });
  try {
    fleet = await createFleet(api, clock, { ...options, patienceSeconds: 60 });
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('KWOK')) throw error;
    why = error.message;
  }
});

after(() => fleet?.remove());

/** The fleet; skips the test where there is none. */
function theFleet(context: TestContext): Fleet {
  if (fleet === undefined) context.skip(why);
  return fleet ?? assert.fail(why);
}

/** The half of the survey that this file is not about. */
function simulatedAws(): ReturnType<typeof createAwsPorts> {
  const { aws, administrator, cluster } = createWorld(healthy);
  return createAwsPorts({
    clock,
    random: () => 0.5,
    region: cluster.region,
    endpoint: 'http://aws.invalid',
    requestHandler: new InProcessHandler(aws),
    credentials: { accessKeyId: administrator.accessKeyId, secretAccessKey: administrator.secretAccessKey },
  });
}

const isMine = ({ namespace }: { namespace: string }): boolean => namespace === fleet?.namespace;

test('the survey reads what a real API server says', { skip, timeout: 120_000 }, async (context) => {
  const { source, replacement, sourceNodes } = theFleet(context);
  const snapshot = await survey(
    { ...simulatedAws(), kubernetes, tools: noTools, clock },
    { clusterName: healthy.cluster.name },
  );
  const mine = snapshot.nodes.filter(({ nodegroupName }) => nodegroupName === source || nodegroupName === replacement);
  assert.equal(mine.length, 2 * options.nodes + 1);
  const pods = snapshot.pods.filter(isMine);
  assert.equal(pods.length, podCount);
  assert.ok(pods.every(({ ready, nodeName }) => ready && sourceNodes.includes(nodeName ?? '')));
  const budgets = snapshot.podDisruptionBudgets.filter(isMine);
  assert.deepEqual(
    budgets.map(
      ({ status }) => `${status.desiredHealthy} of ${status.expectedPods}, ${status.disruptionsAllowed} allowed`,
    ),
    Array(options.deployments).fill(`${options.replicas - 1} of ${options.replicas}, 1 allowed`),
  );
  const deployments = snapshot.workloads.filter((workload) => isMine(workload) && workload.kind === 'Deployment');
  assert.deepEqual(
    deployments.map(({ replicas }) => replicas),
    Array(options.deployments).fill(options.replicas),
  );
});

test('a dry run of an eviction is judged like a real one, and costs no budget', {
  skip,
  timeout: 60_000,
}, async (context) => {
  const { namespace } = theFleet(context);
  for (const pod of await kubernetes.listPods({ namespace })) {
    assert.deepEqual(await kubernetes.evict(pod, { dryRun: true }), { kind: 'accepted' });
  }
  const budgets = (await kubernetes.listPodDisruptionBudgets()).filter(isMine);
  assert.ok(budgets.every(({ status }) => status.disruptionsAllowed === 1));
  assert.ok((await kubernetes.listPods({ namespace })).every(({ deletionTimestamp }) => deletionTimestamp === null));
});

test('a watch that is cut lists again, and misses nothing', { skip, timeout: 60_000 }, async (context) => {
  const { namespace } = theFleet(context);
  const proxy = await cuttableProxy();
  const stop = new AbortController();
  try {
    const behind = await createKubernetesPort({ kubeconfig: proxy.kubeconfig, clock });
    const events: FollowEvent<Pod>[] = [];
    let heard = Promise.withResolvers<void>();
    const following = behind.follow(
      'pods',
      (event) => {
        events.push(event);
        heard.resolve();
      },
      stop.signal,
    );
    const nextThat = async (isSo: (event: FollowEvent<Pod>) => boolean): Promise<void> => {
      while (!events.some(isSo)) {
        heard = Promise.withResolvers();
        await heard.promise;
      }
    };
    await nextThat(({ type }) => type === 'replaced');
    const [victim] = await kubernetes.listPods({ namespace });
    assert.ok(victim);
    events.length = 0;
    proxy.cut();
    // while nobody watches, or just after
    await kubernetes.deletePod(namespace, victim.name, victim.uid);
    await nextThat(({ type }) => type === 'replaced');
    await nextThat(
      (event) =>
        (event.type === 'removed' && event.item.uid === victim.uid) ||
        (event.type === 'replaced' && event.items.every(({ uid }) => uid !== victim.uid)),
    );
    stop.abort();
    await following;
  } finally {
    stop.abort();
    await proxy.close();
  }
});

test('a whole drain: every pod moves once, and no budget is broken', { skip, timeout: 180_000 }, async (context) => {
  const mine = theFleet(context);
  await mine.restore();
  await mine.turn();
  const sampler = await sample(api, clock, mine, options);
  const journal: StepProgress[] = [];
  await drain(
    drainParams([mine.source], { replacementNames: [mine.replacement], timeoutSeconds: 150 }),
    { kubernetes, clock },
    {
      signal: new AbortController().signal,
      state: stateOf([]),
      drainStatus: () => undefined,
      progress: async (progress) => void journal.push(progress),
    },
  );
  await sampler.stop();
  const outcomes = journal.flatMap((entry) => (entry.kind === 'eviction-outcome' ? entry.outcome : []));
  assert.deepEqual(outcomes, Array(podCount).fill('accepted'));
  assert.equal(journal.filter(({ kind }) => kind === 'pod-gone').length, podCount);
  assert.deepEqual([sampler.violations(), sampler.stopped()], [0, podCount]);
  // one that has ended holds nothing up, and is deleted a moment later
  const left = (await kubernetes.listPods({ namespace: mine.namespace })).filter(mustMove);
  assert.ok(left.every(({ nodeName }) => !mine.sourceNodes.includes(nodeName ?? '')));
});

/** A TCP proxy before the API server, and a kubeconfig that goes through it. */
async function cuttableProxy(): Promise<{ kubeconfig: string; cut(): void; close(): Promise<void> }> {
  const config = parse(await readFile(kubeconfig, 'utf8'));
  const wanted = config.contexts.find(({ name }: { name: string }) => name === config['current-context']);
  const { cluster } = config.clusters.find(({ name }: { name: string }) => name === wanted.context.cluster);
  const server = new URL(cluster.server);
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(Number(server.port || 443), server.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      // a cut is an error to the other side
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  if (isIP(server.hostname) === 0) cluster['tls-server-name'] ??= server.hostname;
  cluster.server = `https://127.0.0.1:${address.port}`;
  const path = join(tmpdir(), `prefix-migrate-proxy-${process.pid}`);
  await writeFile(path, stringify(config), { mode: 0o600 });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    kubeconfig: path,
    cut,
    async close() {
      const closed = new Promise((resolve) => void proxy.close(resolve));
      cut();
      await closed;
      await rm(path);
    },
  };
}
