/**
 * A node group as EKS and EC2 describe it, any member of it there or not, through the adapters into a plan and back into the
 * requests that make the replacement: each member is in these requests, or among the differences with a reason.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestLaunchTemplateData$, ResponseLaunchTemplateData$ } from '@aws-sdk/client-ec2';
import { Nodegroup$ } from '@aws-sdk/client-eks';
import fc from 'fast-check';
import { createAwsPorts } from '../../src/adapters/aws/aws-ports.ts';
import { canonicalJson } from '../../src/domain/canonical-json.ts';
import type { Difference, MigrationPlan } from '../../src/domain/plan.ts';
import type { LaunchTemplateVersion, Nodegroup } from '../../src/domain/snapshot.ts';
import { copiedSettings } from '../../src/domain/template-settings.ts';
import { makePlan } from '../../src/planning/plan.ts';
import type { SimRequest, SimResponse } from '../../src/simulator/types.ts';
import { createBench } from '../adapters/virtual.ts';
import { arbitraryOf, itemsOf, membersOf, xmlOf } from '../support/sdk-schema.ts';
import { aNode, anInstanceType, aRequest, aSnapshot } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

type Data = Record<string, unknown>;

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/);
const key = fc.oneof(
  word,
  fc.constantFrom(
    'aws:cloudformation:stack-name',
    'eks:cluster-name',
    'alpha.eksctl.io/nodegroup-name',
    'a/b.c',
    'Name',
  ),
);
const tagged = fc.dictionary(key, word, { maxKeys: 4, noNullPrototype: true });
const tags = tagged.map((all) => Object.entries(all).map(([Key, Value]) => ({ Key, Value })));
const script = Buffer.from('#!/bin/bash\necho hello\n').toString('base64');

/** Of members whose values mean something here. */
const nodegroupValues = {
  nodegroupName: fc.constant('apps'),
  status: fc.constant('ACTIVE'),
  amiType: fc.constantFrom('AL2023_x86_64_STANDARD', 'AL2_x86_64'),
  capacityType: fc.constantFrom('ON_DEMAND', 'SPOT', 'CAPACITY_BLOCK'),
  version: fc.constant('1.33'),
  instanceTypes: fc.constant(['m5.large']),
  subnets: fc.constantFrom(['subnet-0aa1'], ['subnet-0bb2', 'subnet-0aa1']),
  scalingConfig: fc.record({
    minSize: fc.integer({ min: 0, max: 2 }),
    maxSize: fc.integer({ min: 3, max: 9 }),
    desiredSize: fc.integer({ min: 2, max: 3 }),
  }),
  nodeRole: fc.constant('arn:aws:iam::111122223333:role/node'),
  nodegroupArn: fc.constant('arn:aws:eks:eu-west-1:111122223333:nodegroup/shop-eu/apps/1'),
  labels: fc.dictionary(fc.oneof(word, fc.constantFrom('eks.amazonaws.com/x', 'a.b/c')), word, {
    maxKeys: 3,
    noNullPrototype: true,
  }),
  tags: tagged,
  'taints.*.key': word,
  'taints.*.effect': fc.constantFrom('NO_SCHEDULE', 'NO_EXECUTE', 'PREFER_NO_SCHEDULE'),
  'resources.autoScalingGroups.*.name': word,
  health: fc.constant(undefined),
  launchTemplate: fc.constant(undefined),
};
const templateValues = {
  UserData: fc.constant(script),
  InstanceType: fc.constant('m5.large'),
  TagSpecifications: fc.uniqueArray(
    fc.record({ ResourceType: fc.constantFrom('instance', 'volume', 'network-interface'), Tags: tags }),
    {
      selector: ({ ResourceType }) => ResourceType,
      maxLength: 3,
    },
  ),
};

const described = fc.record({
  nodegroup: arbitraryOf(Nodegroup$, nodegroupValues),
  template: fc.option(arbitraryOf(ResponseLaunchTemplateData$, templateValues), { nil: undefined }),
  unknown: fc.boolean(),
});

const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null && !Array.isArray(value);
const dataOf = (value: unknown): Data => (isData(value) ? value : {});

/** As EKS gives it: what belongs together is together. */
function consistent({ nodegroup, template, unknown }: { nodegroup: unknown; template: unknown; unknown: boolean }) {
  const settings = dataOf(template);
  const isCustom = settings['ImageId'] !== undefined;
  const group: Data = {
    scalingConfig: { minSize: 1, maxSize: 3, desiredSize: 2 },
    amiType: 'AL2023_x86_64_STANDARD',
    subnets: ['subnet-0aa1'],
    ...dataOf(nodegroup),
    nodegroupName: 'apps',
    status: 'ACTIVE',
    ...(isCustom ? { amiType: 'CUSTOM' } : {}),
    ...(template === undefined ? {} : { launchTemplate: { id: 'lt-1', name: 'mine', version: '3' } }),
    ...(unknown ? { zebra: { stripes: 3 } } : {}),
  };
  // EKS says t3.medium when nobody names a type
  if (group['instanceTypes'] === undefined && settings['InstanceType'] === undefined)
    group['instanceTypes'] = ['m5.large'];
  return { group, settings: template === undefined ? undefined : settings, unknown };
}

const json = (body: object): SimResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

/** Through the adapters. */
async function seen(group: Data, settings: Data | undefined, unknown: boolean) {
  const requests: SimRequest[] = [];
  const bench = createBench();
  const { eks, ec2 } = createAwsPorts({
    clock: bench.clock,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret-of-nobody' },
    random: () => 0.5,
    requestHandler: bench.requestHandler((request) => {
      requests.push(request);
      if (request.path.startsWith('/clusters')) return json({ nodegroup: group });
      const data = `${xmlOf(ResponseLaunchTemplateData$, settings)}${unknown ? '<zebra><stripes>3</stripes></zebra>' : ''}`;
      return {
        status: 200,
        headers: { 'content-type': 'text/xml' },
        body: `<DescribeLaunchTemplateVersionsResponse><launchTemplateVersionSet><item><launchTemplateId>lt-1</launchTemplateId><launchTemplateName>mine</launchTemplateName><versionNumber>3</versionNumber><launchTemplateData>${data}</launchTemplateData></item></launchTemplateVersionSet></DescribeLaunchTemplateVersionsResponse>`,
      };
    }),
  });
  const nodegroup = await bench.run(eks.describeNodegroup('shop-eu', 'apps'));
  const template = settings && (await bench.run(ec2.describeLaunchTemplateVersion('lt-1', '3')));
  assert.ok(nodegroup !== undefined);
  /** the body that CreateNodegroup would have for it */
  const created = async (plan: MigrationPlan): Promise<Data> => {
    const step = plan.steps.find(({ kind }) => kind === 'create-nodegroup');
    assert.ok(step?.kind === 'create-nodegroup');
    const request = { ...step.params, launchTemplate: { id: 'lt-2', version: '1' } };
    await bench.run(eks.createNodegroup(request, 'token'));
    return dataOf(JSON.parse(requests.at(-1)?.body ?? ''));
  };
  return { nodegroup, template, created };
}

function planOf(nodegroup: Nodegroup, template: LaunchTemplateVersion | undefined): MigrationPlan {
  const node = aNode({ osImage: 'Amazon Linux 2023.9.20260801' });
  return makePlan({
    snapshot: aSnapshot({
      nodegroups: [nodegroup],
      launchTemplates: template === undefined ? [] : [template],
      instanceTypes: [anInstanceType()],
      nodes: [node],
      autoScalingGroups: [],
    }),
    request: aRequest(),
    findings: [],
    toolVersion: '0.1.0',
    templates,
  });
}

/** Every value in it, with the names on the way to it; empty ones say nothing. */
function leaves(value: unknown, way: string[] = []): { way: string[]; path: string; value: unknown }[] {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object') return [{ way, path: way.join('.'), value }];
  return Object.entries(value).flatMap(([name, member]) => leaves(member, [...way, name]));
}

/** What a node group says of itself, and not of what its nodes are like. */
const aboutItself =
  /^(nodegroupArn|clusterName|status|createdAt|modifiedAt|health|resources\.remoteAccessSecurityGroup)(\.|$)/;
/** As the plan names it. */
const named = (path: string): string =>
  path
    .replace(/^scalingConfig/, 'scaling')
    .replace(/^subnets/, 'subnetIds')
    .replace(/^resources\.autoScalingGroups.*/, 'resources.autoScalingGroups');

const isTold = (differences: readonly Difference[], path: string): boolean =>
  differences.some(({ field, reason }) => reason !== '' && (path === field || path.startsWith(`${field}.`)));

const sortedLists = (value: unknown): unknown =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.toSorted() : value;
/** The lists of names in it in order: EKS has none in theirs. */
const lists = (value: Data): Data =>
  Object.fromEntries(Object.entries(value).map(([name, one]) => [name, sortedLists(one)]));
const at = (value: unknown, way: readonly string[]): unknown =>
  way.reduce<unknown>(
    (inside, name) =>
      typeof inside === 'object' && inside !== null
        ? Object.entries(inside).find(([one]) => one === name)?.[1]
        : undefined,
    value,
  );

test('every member of a node group and its launch template is in the replacement, or told with a reason', async () => {
  const kept = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(described, async (drawn) => {
      const { group, settings, unknown } = consistent(drawn);
      const { nodegroup, template, created } = await seen(group, settings, unknown);
      const plan = planOf(nodegroup, template);
      const differences = plan.nodegroups[0]?.differences ?? [];
      const request = await created(plan);
      for (const { way, path, value } of leaves(lists(group))) {
        if (aboutItself.test(path) || (path.startsWith('launchTemplate.') && isTold(differences, 'launchTemplate')))
          continue;
        const isCopied = canonicalJson(at(lists(request), way)) === canonicalJson(value);
        // an image of the user's own says it, and EKS refuses both together
        if (path === 'amiType' && value === 'CUSTOM') continue;
        // sizes grow after the first node: the plan compares them at full size
        const isScaling = path.startsWith('scalingConfig.');
        assert.ok(isCopied || isScaling || isTold(differences, named(path)), `${path}=${String(value)} is lost`);
        if (isCopied) kept.set(way[0] ?? '', 1);
      }

      const step = plan.steps.find(({ kind }) => kind === 'create-launch-template');
      assert.ok(step?.kind === 'create-launch-template');
      const { TagSpecifications: tagsBefore, ...before } = settings ?? {};
      for (const { way, path, value } of leaves(before)) {
        const isCopied = canonicalJson(at(step.params.data, way)) === canonicalJson(value);
        assert.ok(
          isCopied || isTold(differences, `launchTemplate.${path}`),
          `template ${path}=${String(value)} is lost`,
        );
        if (isCopied) kept.set(way[0] ?? '', 1);
      }
      const tagsAfter = JSON.stringify(step.params.data['TagSpecifications']);
      for (const { ResourceType, Tags } of [tagsBefore ?? []]
        .flat()
        .map(dataOf)
        .map((one) => ({ ...one, Tags: [one['Tags']].flat(), ResourceType: String(one['ResourceType']) })))
        for (const tag of Tags.map(dataOf)) {
          const told = isTold(differences, `launchTemplate.TagSpecifications.${ResourceType}.${String(tag['Key'])}`);
          assert.ok(
            told || tagsAfter.includes(JSON.stringify({ Key: tag['Key'], Value: tag['Value'] })),
            JSON.stringify(tag),
          );
        }

      const gaps = differences
        .filter(({ reason }) => reason === 'not copied: unknown to this version')
        .map(({ field }) => field);
      assert.deepEqual(gaps, unknown ? ['zebra', ...(settings === undefined ? [] : ['launchTemplate.Zebra'])] : []);
    }),
    { numRuns: 100 },
  );
  // that the comparison compares something
  for (const name of [
    'labels',
    'taints',
    'tags',
    'updateConfig',
    'nodeRepairConfig',
    'warmPoolConfig',
    'capacityType',
    'BlockDeviceMappings',
    'NetworkInterfaces',
    'Placement',
    'CapacityReservationSpecification',
    'SecurityGroupIds',
    'ImageId',
    'PrivateDnsNameOptions',
    'LicenseSpecifications',
  ])
    assert.ok(kept.has(name), `${name} was never copied`);
});

test('what is copied of a template EC2 takes in a request, too', () => {
  const missing: string[] = [];
  const walk = (response: unknown, request: unknown, path: string): void => {
    const takes = membersOf(request);
    for (const { name, schema } of membersOf(response) ?? []) {
      const here = path === '' ? name : `${path}.${name}`;
      const leftOut = copiedSettings(nested(here), { keepsImage: true }).leftOut.length > 0;
      const match = takes?.find((one) => one.name === name);
      if (leftOut) continue;
      if (match === undefined) missing.push(here);
      else
        walk(
          itemsOf(schema)?.schema ?? schema,
          itemsOf(match.schema)?.schema ?? match.schema,
          itemsOf(schema) ? `${here}.0` : here,
        );
    }
  };
  walk(ResponseLaunchTemplateData$, RequestLaunchTemplateData$, '');
  assert.deepEqual(missing, []);
});

/** `{ a: [{ b: 'x' }] }` of `a.0.b` */
const nested = (path: string): Data => {
  const value = path
    .split('.')
    .reduceRight<unknown>((inside, name) => (name === '0' ? [inside] : { [name]: inside }), 'x');
  return dataOf(value);
};
