import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { eksctlConfig, eksctlLacks } from '../../src/domain/eksctl-nodegroup.ts';
import type { LaunchTemplateVersion, Nodegroup } from '../../src/domain/snapshot.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { aNodegroup, aSnapshot } from '../support/snapshot.ts';

const schema: object = JSON.parse(readFileSync(new URL('../support/eksctl-schema.json', import.meta.url), 'utf8'));
const validate = new Ajv({ strict: false }).compile(schema);

const sample = sampleStep('create-with-eksctl').params;
const rich = {
  group: {
    ...sample.group,
    capacityType: 'SPOT',
    labels: { on: 'yes', zone: '012' },
    taints: [{ key: 'dedicated', value: 'apps', effect: 'NO_SCHEDULE' as const }],
    tags: { 'cost-center': '0042', ...sample.group.tags },
    updateConfig: { maxUnavailablePercentage: 33 },
    nodeRepairConfig: { enabled: true },
  },
  template: {
    ...sample.template,
    data: {
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 80, VolumeType: 'gp3', Iops: 4000, Encrypted: true } },
      ],
      SecurityGroupIds: ['sg-1'],
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 2 },
      Monitoring: { Enabled: true },
    },
  },
};

describe('the file for eksctl', () => {
  for (const amiType of ['AL2023_x86_64_STANDARD', 'AL2_ARM_64', 'BOTTLEROCKET_x86_64']) {
    test(`of ${amiType} is valid, and the same to readers of YAML 1.1 and 1.2`, () => {
      const parts = { ...rich, group: { ...rich.group, amiType } };
      const text = eksctlConfig(parts, { maxPods: 110, region: 'eu-west-1', version: '1.33' });
      const config: unknown = JSON.parse(text);
      assert.ok(validate(config), JSON.stringify(validate.errors));
      assert.deepEqual(parse(text, { version: '1.1' }), config);
      assert.deepEqual(parse(text, { version: '1.2' }), config);
      assert.match(text, /"maxPodsPerNode": 110/);
      assert.equal(/kubeReserved/.test(text), amiType.startsWith('AL2023'));
    });
  }
});

const own = (change: Partial<LaunchTemplateVersion>): LaunchTemplateVersion => ({
  launchTemplateId: 'lt-1',
  version: '3',
  name: 'apps',
  imageId: null,
  instanceType: null,
  userDataHash: null,
  data: {},
  ...change,
});
const lacks = (change: Partial<Nodegroup>, template?: Partial<LaunchTemplateVersion>): string[] => {
  const launchTemplate = template === undefined ? null : { id: 'lt-1', name: 'apps', version: '3' };
  const source = aNodegroup({ ...change, launchTemplate });
  const launchTemplates = template === undefined ? [] : [own(template)];
  return eksctlLacks(aSnapshot({ nodegroups: [source], launchTemplates }), source, {});
};
describe('what eksctl has no words for', () => {
  const rows: [name: string, found: string[], wanted: RegExp[]][] = [
    ['a plain group', lacks({}), []],
    ['a template that it can say', lacks({}, { data: rich.template.data }), []],
    ['an image', lacks({ amiType: 'CUSTOM' }, { imageId: 'ami-1', data: { ImageId: 'ami-1' } }), [/image ami-1/]],
    ['user data', lacks({}, { userDataHash: 'ab' }), [/user data of its own/]],
    ['Windows', lacks({ amiType: 'WINDOWS_CORE_2022_x86_64' }), [/WINDOWS_CORE/]],
    ['capacity blocks', lacks({ capacityType: 'CAPACITY_BLOCK' }), [/CAPACITY_BLOCK/]],
    ['another setting', lacks({}, { data: { CpuOptions: { CoreCount: 2 } } }), [/^CpuOptions$/]],
    ['more hops', lacks({}, { data: { MetadataOptions: { HttpPutResponseHopLimit: 3 } } }), [/HopLimit/]],
    [
      'a second disk',
      lacks({}, { data: { BlockDeviceMappings: [{ Ebs: { VolumeSize: 1 } }, { Ebs: { VolumeSize: 2 } }] } }),
      [/second disk/],
    ],
    [
      'tags of instances, but for those of tools',
      lacks(
        {},
        {
          data: {
            TagSpecifications: [
              {
                ResourceType: 'instance',
                Tags: [
                  { Key: 'owner', Value: 'me' },
                  { Key: 'Name', Value: 'x' },
                ],
              },
            ],
          },
        },
      ),
      [/^tag owner of/],
    ],
  ];
  for (const [name, found, wanted] of rows) {
    test(name, () => {
      if (wanted.length === 0) assert.deepEqual(found, []);
      for (const pattern of wanted)
        assert.ok(
          found.some((one) => pattern.test(one)),
          found.join('; '),
        );
    });
  }
});
