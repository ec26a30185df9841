import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import type { SimHandler, SimResponse } from '../../src/simulator/types.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { type SurveyOptions, survey } from '../../src/survey/survey.ts';
import { createBench } from '../adapters/virtual.ts';
import { portsOf } from './ports-of.ts';

const optional =
  /^\/apis(\?|$)|\/(jobs|cronjobs|persistentvolumes|persistentvolumeclaims|csinodes|(validating|mutating)webhookconfigurations|services|resourcequotas)\?/;

const status = (code: number, message: string): SimResponse => ({
  status: code,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ kind: 'Status', code, message }),
});

async function surveyed(around: (handler: SimHandler) => SimHandler, purpose: SurveyOptions['purpose'] = 'plan') {
  const world = createWorld(healthy);
  const bench = createBench(world.clock);
  const ports = await portsOf({ ...world, kubernetes: around(world.kubernetes) }, bench);
  const snapshot = await bench.run(survey(ports, { clusterName: world.cluster.name, purpose }));
  return { world, snapshot };
}

test('what the caller may not see is missing, and said', async () => {
  const { world, snapshot } = await surveyed(
    (handler) => (request) =>
      optional.test(request.path) ? status(403, 'is forbidden:\u001b[31m no') : handler(request),
  );
  const { jobs, volumeClaims, csiNodes, podWebhooks, services, resourceQuotas, apiGroups, notSeen } = snapshot;
  const empty = [jobs, volumeClaims, csiNodes, podWebhooks, services, resourceQuotas, apiGroups];
  assert.deepEqual(empty.flat(), []);
  const resources = [
    'apis',
    'cronjobs',
    'csinodes',
    'jobs',
    'mutatingwebhookconfigurations',
    'persistentvolumeclaims',
    'persistentvolumes',
    'resourcequotas',
    'services',
    'validatingwebhookconfigurations',
  ];
  assert.deepEqual(
    notSeen,
    resources.map((resource) => ({ resource, why: 'is forbidden: [31m no' })),
  );
  assert.ok(snapshot.pods.length > 0 && snapshot.evictionRehearsal === null);
  assert.deepEqual(world.log.writes(), []);
});

test('another failure of such a kind is a failure', async () => {
  await assert.rejects(
    surveyed((handler) => (request) => (request.path.includes('/services') ? status(400, 'broken') : handler(request))),
    { code: 'KUBERNETES.REFUSED' },
  );
});

test('a comparison with a plan does not ask about what only checks read', async () => {
  const asked: string[] = [];
  const { snapshot } = await surveyed(
    (handler) => (request) => {
      asked.push(request.path);
      return handler(request);
    },
    'comparison',
  );
  assert.ok(asked.length > 0 && !asked.some((path) => optional.test(path)));
  assert.deepEqual([snapshot.services, snapshot.notSeen], [[], []]);
});

test('keeps the annotations that say to leave a pod or a node alone, and no others', async () => {
  const kept = {
    pods: [
      'cluster-autoscaler.kubernetes.io/safe-to-evict',
      'karpenter.sh/do-not-disrupt',
      'vpc.amazonaws.com/pod-eni',
    ],
    nodes: ['cluster-autoscaler.kubernetes.io/scale-down-disabled', 'prefix-migrate/cordoned-by'],
  };
  const others = { 'kubectl.kubernetes.io/last-applied-configuration': 'hunter2', 'example.com/owner': 'hunter2' };
  const { snapshot } = await surveyed((handler) => async (request) => {
    const answer = await handler(request);
    const kind = (['pods', 'nodes'] as const).find((one) => request.path.startsWith(`/api/v1/${one}?`));
    if (kind === undefined || typeof answer.body !== 'string') return answer;
    const list: { items: { metadata: { annotations?: Record<string, string> } }[] } = JSON.parse(answer.body);
    for (const { metadata } of list.items) {
      metadata.annotations = { ...others, ...Object.fromEntries(kept[kind].map((key) => [key, 'true'])) };
    }
    return { ...answer, body: JSON.stringify(list) };
  });
  for (const { annotations } of snapshot.pods) assert.deepEqual(Object.keys(annotations).toSorted(), kept.pods);
  for (const { annotations } of snapshot.nodes) assert.deepEqual(Object.keys(annotations).toSorted(), kept.nodes);
  assert.ok(!JSON.stringify(snapshot).includes('hunter2'));
});
