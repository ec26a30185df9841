import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import { customNetworking } from '../../src/simulator/scenarios/custom-networking.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import type { SimHandler, SimResponse } from '../../src/simulator/types.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { survey } from '../../src/survey/survey.ts';
import { createBench } from '../adapters/virtual.ts';
import { portsOf } from './ports-of.ts';

async function look(scenario: Scenario, eniConfigs?: SimResponse) {
  const world = createWorld(scenario);
  const asked: string[] = [];
  const kubernetes: SimHandler = (request) => {
    if (!request.path.includes('/eniconfigs')) return world.kubernetes(request);
    asked.push(request.path);
    return eniConfigs ?? world.kubernetes(request);
  };
  const bench = createBench(world.clock);
  const { cluster, administrator, aws } = world;
  const ports = await portsOf({ cluster, administrator, aws, kubernetes }, bench);
  return { world, asked, snapshot: await bench.run(survey(ports, { clusterName: cluster.name })) };
}

test('ENIConfigs, their subnets and every interface there', async () => {
  const { world, snapshot } = await look(customNetworking);
  assert.deepEqual(
    snapshot.eniConfigs,
    (customNetworking.eniConfigs ?? []).map(({ name, subnetId, securityGroups = [] }) => ({
      name,
      subnetId,
      securityGroups,
    })),
  );
  assert.deepEqual(
    snapshot.subnets.map(({ subnetId }) => subnetId),
    customNetworking.subnets.map(({ subnetId }) => subnetId).toSorted((a, b) => (a < b ? -1 : 1)),
  );
  assert.equal(snapshot.networkInterfaces.length, world.ec2.enis.size);
});

test('a subnet of an ENIConfig is looked at although no node is there', async () => {
  const [first, , podsA, podsB] = customNetworking.subnets;
  assert.ok(first && podsA && podsB);
  const groups = customNetworking.nodegroups.map((group) => ({ ...group, subnetIds: [first.subnetId] }));
  const { snapshot } = await look({ ...customNetworking, nodegroups: groups });
  assert.ok(snapshot.subnets.some(({ subnetId }) => subnetId === podsB.subnetId));
});

test('an ENIConfig with a subnet that is gone is kept, without the subnet', async () => {
  const eniConfigs = [...(customNetworking.eniConfigs ?? []), { name: 'old', subnetId: 'subnet-0123456789abcdef0' }];
  const { snapshot } = await look({ ...customNetworking, eniConfigs });
  assert.equal(snapshot.eniConfigs.length, 3);
  assert.equal(snapshot.subnets.length, 4);
});

test('nobody asks for ENIConfigs where custom networking is off', async () => {
  const { asked, snapshot } = await look(healthy);
  assert.deepEqual([asked, snapshot.eniConfigs], [[], []]);
});

test('a cluster that does not know the kind has none', async () => {
  const answer = { status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found\n' };
  assert.deepEqual((await look(customNetworking, answer)).snapshot.eniConfigs, []);
});

test('a missing right names the right', async () => {
  const message = 'eniconfigs.crd.k8s.amazonaws.com is forbidden: User "ci" cannot list resource "eniconfigs"';
  const body = JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    reason: 'Forbidden',
    code: 403,
    message,
  });
  await assert.rejects(
    look(customNetworking, { status: 403, headers: { 'content-type': 'application/json' }, body }),
    (error) =>
      error instanceof MigrateError &&
      error.code === 'KUBERNETES.FORBIDDEN' &&
      error.message === 'Missing Kubernetes permission: list eniconfigs.crd.k8s.amazonaws.com.' &&
      error.nextActions[0] === 'kubectl auth can-i list eniconfigs.crd.k8s.amazonaws.com --all-namespaces',
  );
});
