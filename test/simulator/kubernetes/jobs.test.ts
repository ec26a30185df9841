import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, Pod } from '../../../src/simulator/kubernetes/objects.ts';
import type { WorkloadSpec } from '../../../src/simulator/scenario.ts';
import { createWorld, space, type World } from './world.ts';

function withJob(replicas: number, more: Partial<WorkloadSpec>): World {
  const world = createWorld();
  world.workload('Job', 'task', replicas, { readySeconds: 0, ...more });
  world.clock.advance(5_000);
  return world;
}

const jobOf = ({ store }: World): Job => {
  const job = store.get<Job>('jobs', space, 'task');
  assert.ok(job);
  return job;
};

/** Types of its conditions, and the reason of the last. */
const verdict = (world: World): (string | undefined)[] => {
  const { conditions = [] } = jobOf(world).status;
  return [...conditions.map(({ type }) => type), conditions.at(-1)?.reason];
};

const counts = (world: World): (number | undefined)[] => {
  const { active, succeeded, failed } = jobOf(world).status;
  return [active, succeeded, failed];
};

const evictOne = (world: World): void => {
  const name = world.readyPods()[0]?.metadata.name ?? '';
  assert.ok(world.cluster.evict(space, name), name);
};

test('a Job runs its pods to their end, keeps them and is Complete', () => {
  const world = withJob(2, { runSeconds: 60 });
  assert.deepEqual(counts(world), [2, undefined, undefined]);
  assert.deepEqual(world.pods()[0]?.metadata.finalizers, ['batch.kubernetes.io/job-tracking']);
  world.clock.advance(60_000);
  assert.deepEqual(counts(world), [0, 2, undefined]);
  assert.deepEqual(verdict(world), ['SuccessCriteriaMet', 'Complete', 'CompletionsReached']);
  assert.deepEqual(
    world.pods().map(({ status, metadata }) => [status.phase, metadata.finalizers, metadata.labels?.['job-name']]),
    [
      ['Succeeded', undefined, 'task'],
      ['Succeeded', undefined, 'task'],
    ],
  );
  assert.equal(world.attached.size, 0, 'a finished pod holds no address');
  assert.equal(world.clock.pending(), 0);
});

test('an evicted pod counts as failed and is replaced after a pause', () => {
  const world = withJob(1, { runSeconds: 600 });
  evictOne(world);
  world.clock.advance(5_000);
  assert.deepEqual(counts(world), [0, undefined, 1]);
  world.clock.advance(6_000);
  assert.deepEqual(counts(world), [1, undefined, 1]);
  world.clock.advance(700_000);
  assert.deepEqual(verdict(world), ['SuccessCriteriaMet', 'Complete', 'CompletionsReached']);
});

test('backoffLimit 0: one eviction ends the Job', () => {
  const world = withJob(1, { runSeconds: 600, backoffLimit: 0 });
  evictOne(world);
  world.clock.advance(30_000);
  assert.deepEqual(verdict(world), ['FailureTarget', 'Failed', 'BackoffLimitExceeded']);
  assert.equal(world.pods().length, 0);
  assert.equal(world.clock.pending(), 0);
});

test('a policy that ignores disruptions: the eviction does not count, and the next pod waits for the end of the last', () => {
  const world = withJob(1, { runSeconds: 600, backoffLimit: 0, ignoresDisruption: true, terminationSeconds: 20 });
  const first = world.pods()[0]?.metadata.uid;
  evictOne(world);
  world.clock.advance(15_000);
  assert.deepEqual(
    world.pods().map(({ metadata }) => metadata.uid),
    [first],
  );
  world.clock.advance(10_000);
  assert.deepEqual(counts(world), [1, undefined, undefined]);
  world.clock.advance(700_000);
  assert.equal(verdict(world).at(-2), 'Complete');
});

test('activeDeadlineSeconds ends it and stops its pods', () => {
  const world = withJob(2, { runSeconds: 600, activeDeadlineSeconds: 100 });
  world.clock.advance(200_000);
  assert.deepEqual(verdict(world), ['FailureTarget', 'Failed', 'DeadlineExceeded']);
  assert.equal(world.pods().filter(({ status }) => status.phase === 'Running').length, 0);
});

test('parallelism below completions: so many at a time', async () => {
  const world = createWorld();
  const pod = { restartPolicy: 'Never', containers: [{ name: 'app', image: 'app:1' }] };
  const annotations = { 'sim.prefix-migrate/run-seconds': '10' };
  const spec = { completions: 3, parallelism: 1, template: { metadata: { annotations }, spec: pod } };
  world.cluster.createService({ namespace: space, name: 'any', selector: {} });
  const body = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'task' }, spec };
  assert.equal((await world.send('POST', `/apis/batch/v1/namespaces/${space}/jobs`, { body })).status, 201);
  let most = 0;
  world.store.subscribe('pods', () => {
    most = Math.max(most, world.pods().filter(({ status }: Pod) => status.phase !== 'Succeeded').length);
  });
  world.clock.advance(120_000);
  assert.deepEqual(counts(world), [0, 3, undefined]);
  assert.equal(most, 1);
});

test('a Job that is deleted takes its pods with it', async () => {
  const world = withJob(2, { runSeconds: 600 });
  await world.send('DELETE', `/apis/batch/v1/namespaces/${space}/jobs/task`, {
    body: { propagationPolicy: 'Background' },
  });
  world.clock.advance(60_000);
  assert.equal(world.pods().length, 0);
  assert.equal(world.clock.pending(), 0);
});
