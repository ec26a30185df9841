import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import type { MigrationPlan } from '../../src/domain/plan.ts';
import { eksctlYaml } from '../../src/exports/eksctl.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { planFor } from '../simulation/migration.ts';
import { randomCluster } from '../simulation/random-clusters.ts';

const schema: object = JSON.parse(readFileSync(new URL('../support/eksctl-schema.json', import.meta.url), 'utf8'));
const validate = new Ajv({ strict: false }).compile(schema);
const effects = { NO_SCHEDULE: 'NoSchedule', NO_EXECUTE: 'NoExecute', PREFER_NO_SCHEDULE: 'PreferNoSchedule' };
const count = Number(process.env['ROUNDTRIP_SEEDS'] ?? 20);

function stepsOf(plan: MigrationPlan, name: string) {
  const group = plan.steps.filter((step) => step.kind === 'create-nodegroup').map(({ params }) => params);
  const size = plan.steps.filter((step) => step.kind === 'scale-replacement').map(({ params }) => params);
  const isOf = ({ nodegroupName }: { nodegroupName: string }) => nodegroupName === name;
  const found = { group: group.find(isOf), scaling: size.findLast(isOf)?.scaling };
  if (found.group === undefined || found.scaling === undefined) throw new Error(`no steps for ${name}`);
  return { group: found.group, scaling: found.scaling };
}

/** What eksctl must be told about each replacement, in its own words. */
const wanted = (plan: MigrationPlan) =>
  plan.nodegroups.map(({ replacement, maxPods }) => {
    const { group, scaling } = stepsOf(plan, replacement);
    return {
      name: replacement,
      instanceTypes: group.instanceTypes,
      minSize: scaling.minSize,
      desiredCapacity: scaling.desiredSize,
      maxSize: scaling.maxSize,
      subnets: group.subnetIds,
      maxPodsPerNode: maxPods.value,
      labels: group.labels,
      taints: group.taints.map(({ key, value, effect }) => ({ key, value, effect: effects[effect] })),
      tags: group.tags,
      role: group.nodeRole,
    };
  });

interface Config {
  managedNodeGroups?: Record<string, unknown>[];
  addons?: { configurationValues: string }[];
}

const written = (document: Config) =>
  (document.managedNodeGroups ?? []).map((group) => ({
    name: group['name'],
    instanceTypes: group['instanceTypes'],
    minSize: group['minSize'],
    desiredCapacity: group['desiredCapacity'],
    maxSize: group['maxSize'],
    subnets: group['subnets'],
    maxPodsPerNode: group['maxPodsPerNode'],
    labels: group['labels'],
    taints: group['taints'] ?? [],
    tags: group['tags'],
    role: Object(group['iam'])['instanceRoleARN'],
  }));

test(`the ClusterConfig of ${count} drawn plans is valid and says what the plan says`, async (t) => {
  let groups = 0;
  for (let seed = 1; seed <= count; seed += 1) {
    const { scenario, request } = randomCluster(seed);
    const plan = await planFor(createWorld(scenario, { seed }), request);
    const document: Config = parse(eksctlYaml(plan), { version: '1.1' });
    assert.ok(validate(document), `seed ${seed}: ${JSON.stringify(validate.errors)}`);
    if (plan.steps.length === 0) continue;
    assert.deepEqual(written(document), wanted(plan), `seed ${seed}`);
    const change = plan.steps.find((step) => step.kind === 'configure-vpc-cni');
    assert.equal(document.addons?.[0]?.configurationValues, change?.params.configurationValues, `seed ${seed}`);
    groups += plan.nodegroups.length;
  }
  t.diagnostic(`${groups} node groups`);
  assert.ok(groups > count / 2);
});
