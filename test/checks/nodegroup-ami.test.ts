import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import type { Finding } from '../../src/domain/finding.ts';
import { imageOfReplacement } from '../../src/domain/node-image.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, LaunchTemplateVersion, Nodegroup } from '../../src/domain/snapshot.ts';
import type { UserDataFacts } from '../../src/domain/user-data.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNodegroup, aRequest, aSnapshot } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

const healthy = aSnapshot();

interface Group {
  amiType: string;
  /** of its launch template; absent: it has none */
  template?: Partial<LaunchTemplateVersion>;
  systems?: string[];
  more?: Partial<Nodegroup>;
}

/** Node group apps as told, and tools as it always is. */
function cluster({ amiType, template, systems = [], more = {} }: Group): ClusterSnapshot {
  const launchTemplate = template === undefined ? null : { id: 'lt-1', name: 'golden', version: '3' };
  const source = aNodegroup({ amiType, launchTemplate, ...(launchTemplate ? { diskSize: null } : {}), ...more });
  const base = {
    launchTemplateId: 'lt-1',
    version: '3',
    name: 'golden',
    imageId: null,
    instanceType: null,
    userDataHash: null,
  };
  return aSnapshot({
    nodegroups: [source, ...healthy.nodegroups.slice(1)],
    nodes: healthy.nodes.map((node, index) => {
      const system = systems[index % systems.length];
      return node.nodegroupName === 'apps' && system !== undefined ? { ...node, osImage: system } : node;
    }),
    launchTemplates:
      template === undefined
        ? []
        : [{ ...base, data: template.imageId ? { ImageId: template.imageId } : {}, ...template }],
  });
}

const facts = (overrides: Partial<UserDataFacts> = {}): Partial<LaunchTemplateVersion> => ({
  userDataHash: 'abc',
  userData: { bytes: 900, form: 'multipart', hasBootstrap: false, hasNodeConfig: false, ...overrides },
});
const custom = (template: Partial<LaunchTemplateVersion>, ...systems: string[]): Group => ({
  amiType: 'CUSTOM',
  template: { imageId: 'ami-1', ...template },
  systems,
});
const al2023 = 'Amazon Linux 2023.9.20260801';
const managed = (template: Partial<LaunchTemplateVersion>, amiType = 'AL2023_x86_64_STANDARD'): Group => ({
  amiType,
  template,
});

const rows: [name: string, group: Group, request: Partial<PlanRequest>, expected: object][] = [
  ['AL2023', { amiType: 'AL2023_x86_64_NVIDIA' }, {}, { family: 'al2023', imageId: null }],
  ['AL2', { amiType: 'AL2_x86_64_GPU' }, {}, { family: 'al2', imageId: null }],
  ['Bottlerocket', { amiType: 'BOTTLEROCKET_x86_64_FIPS' }, {}, { family: 'bottlerocket', imageId: null }],
  ['a type of later', { amiType: 'FLATCAR_x86_64' }, {}, { obstacle: 'type-unknown' }],
  [
    'a change of the type',
    { amiType: 'AL2_x86_64' },
    { amiType: 'AL2023_x86_64_STANDARD' },
    { family: 'al2023', imageId: null },
  ],
  ['a change to Windows', { amiType: 'AL2_x86_64' }, { amiType: 'WINDOWS_CORE_2022_x86_64' }, { obstacle: 'windows' }],
  ['a change to CUSTOM', { amiType: 'AL2_x86_64' }, { amiType: 'CUSTOM' }, { obstacle: 'custom-without-image' }],
  ['a template that was not read', managed({ version: '9' }), {}, { obstacle: 'template-not-seen' }],
  ['user data nobody looked at', managed({ userDataHash: 'abc' }), {}, { family: 'al2023', imageId: null }],
  ['user data', managed(facts()), {}, { family: 'al2023', imageId: null }],
  ['compressed user data', managed(facts({ form: 'compressed' })), {}, { obstacle: 'user-data-compressed' }],
  ['unknown user data', managed(facts({ form: 'unknown' })), {}, { obstacle: 'user-data-unknown' }],
  ['TOML for Amazon Linux', managed(facts({ form: 'toml' })), {}, { obstacle: 'user-data-of-another-family' }],
  [
    'a script for Bottlerocket',
    managed(facts({ form: 'text' }), 'BOTTLEROCKET_x86_64'),
    {},
    { obstacle: 'user-data-of-another-family' },
  ],
  [
    'TOML for Bottlerocket',
    managed(facts({ form: 'toml' }), 'BOTTLEROCKET_x86_64'),
    {},
    { family: 'bottlerocket', imageId: null },
  ],
  ['user data without room', managed(facts({ bytes: 16_300 })), {}, { obstacle: 'user-data-too-long' }],
  [
    'scripts that go to AL2023',
    managed(facts(), 'AL2_x86_64'),
    { amiType: 'AL2023_x86_64_STANDARD' },
    { family: 'al2023', imageId: null },
  ],
  [
    'bootstrap.sh that goes to AL2023',
    managed(facts({ hasBootstrap: true }), 'AL2_x86_64'),
    { amiType: 'AL2023_x86_64_STANDARD' },
    { obstacle: 'bootstrap-script' },
  ],
  [
    'bootstrap.sh that stays',
    managed(facts({ hasBootstrap: true }), 'AL2_x86_64'),
    {},
    { family: 'al2', imageId: null },
  ],
  [
    'a NodeConfig that goes to AL2',
    managed(facts({ hasNodeConfig: true })),
    { amiType: 'AL2_x86_64' },
    { obstacle: 'user-data-of-another-family' },
  ],
  ['an own image of AL2023', custom(facts(), al2023), {}, { family: 'al2023', imageId: 'ami-1' }],
  ['an own image of AL2023 without user data', custom({}, al2023), {}, { family: 'al2023', imageId: 'ami-1' }],
  [
    'an own image of Bottlerocket without user data',
    custom({}, 'Bottlerocket OS 1.44.0 (aws-k8s-1.33)'),
    {},
    { family: 'bottlerocket', imageId: 'ami-1' },
  ],
  [
    'an own image of Ubuntu',
    custom(facts({ hasBootstrap: true }), 'Ubuntu 22.04.5 LTS'),
    {},
    { family: 'al2', imageId: 'ami-1' },
  ],
  ['an own image of Ubuntu without user data', custom({}, 'Ubuntu 22.04.5 LTS'), {}, { obstacle: 'user-data-missing' }],
  ['an own image of AL2 without user data', custom({}, 'Amazon Linux 2'), {}, { obstacle: 'user-data-missing' }],
  [
    'an own image of something else',
    custom(facts(), 'Red Hat Enterprise Linux 9.4'),
    {},
    { obstacle: 'system-unknown' },
  ],
  ['an own image of two systems', custom(facts(), al2023, 'Amazon Linux 2'), {}, { obstacle: 'system-unknown' }],
  [
    'two releases of one',
    custom(facts(), al2023, 'Amazon Linux 2023.8.20260101'),
    {},
    { family: 'al2023', imageId: 'ami-1' },
  ],
  ['an own image without nodes that tell', custom(facts()), {}, { obstacle: 'system-not-seen' }],
  [
    'an own image that is left',
    custom(facts(), 'Red Hat Enterprise Linux 9.4'),
    { amiType: 'AL2023_x86_64_STANDARD' },
    { family: 'al2023', imageId: null },
  ],
  [
    'an own image with bootstrap.sh that is left',
    custom(facts({ hasBootstrap: true }), 'Ubuntu 22.04.5 LTS'),
    { amiType: 'AL2023_x86_64_STANDARD' },
    { obstacle: 'bootstrap-script' },
  ],
];

describe('the image of a replacement', () => {
  for (const [name, group, request, expected] of rows) {
    it(`${name}: ${JSON.stringify(expected)}`, () => {
      const snapshot = cluster(group);
      const wanted = aRequest(request);
      const [source] = snapshot.nodegroups;
      assert.ok(source);
      assert.deepEqual(imageOfReplacement(snapshot, source, wanted), expected);

      // what is in the way is said with a way out, and only then there are no steps
      const findings = runChecks(snapshot, wanted, scopeOf(snapshot, wanted));
      const blocking = findings.filter(({ severity, subject }) => severity === 'blocking' && subject === 'apps');
      const plan = makePlan({ snapshot, request: wanted, findings, toolVersion: '0.0.0', templates });
      assert.equal(plan.steps.length === 0, 'obstacle' in expected);
      assert.equal(blocking.length > 0, 'obstacle' in expected);
      for (const { nextActions, why } of blocking) assert.ok(nextActions.length > 0 && why !== '');
    });
  }
});

const findingOf = (group: Group, request: Partial<PlanRequest> = {}): Finding | undefined => {
  const snapshot = cluster(group);
  return runChecks(snapshot, aRequest(request), scopeOf(snapshot, aRequest(request))).find(({ code }) =>
    code.startsWith('NODEGROUP.'),
  );
};

describe('what is said', () => {
  it('of a call that Amazon Linux 2023 does not know', () => {
    const found = findingOf(managed(facts({ hasBootstrap: true }), 'AL2_x86_64'), {
      amiType: 'AL2023_x86_64_STANDARD',
    });
    assert.match(found?.summary ?? '', /calls \/etc\/eks\/bootstrap\.sh, which is not there in AL2023_x86_64_STANDARD/);
    assert.equal(found?.nextActions[0], 'prefix-migrate plan --cluster shop-eu --soak 0s');
  });
  it('of an image whose system no node tells', () => {
    const found = findingOf(custom(facts()));
    assert.deepEqual(found?.nextActions, [
      'aws eks update-nodegroup-config --region eu-west-1 --cluster-name shop-eu --nodegroup-name apps --scaling-config minSize=1,maxSize=6,desiredSize=1  # then, when its node is Ready, the same command again',
      'prefix-migrate plan --cluster shop-eu --nodegroup apps --ami-type AL2023_x86_64_STANDARD --soak 0s  # with Amazon Linux 2023 of EKS in its place (AL2023_ARM_64_STANDARD for ARM)',
      'prefix-migrate plan --cluster shop-eu --nodegroup tools --soak 0s  # leaves apps out',
    ]);
  });
  it('of an image and user data that are kept', () => {
    const found = findingOf(custom(facts(), al2023));
    assert.equal(found?.severity, 'advice');
    assert.equal(
      found?.summary,
      'Node group apps has launch template golden version 3: its settings are copied, its image ami-1 is kept, its user data is joined with maxPods.',
    );
  });
  it('of images that AWS has stopped making', () => {
    const found = findingOf({ amiType: 'AL2_x86_64_GPU' });
    assert.equal(found?.severity, 'advice');
    assert.deepEqual(found?.nextActions, [
      'prefix-migrate plan --cluster shop-eu --nodegroup apps --ami-type AL2023_x86_64_NVIDIA --soak 0s',
    ]);
  });
});

const paramsOf = (group: Group) => {
  const plan = makePlan({
    snapshot: cluster(group),
    request: aRequest({ nodegroups: ['apps'] }),
    findings: [],
    toolVersion: '0.0.0',
    templates,
  });
  const found = plan.steps.find(({ kind }) => kind === 'create-launch-template');
  assert.ok(found?.kind === 'create-launch-template');
  return {
    ...found.params,
    file: plan.nodegroups[0]?.userDataFile,
    replacement: plan.nodegroups[0]?.replacement ?? '',
  };
};

describe('the plan for an image of its own', () => {
  const taints = [{ key: 'role', value: 'db', effect: 'NO_SCHEDULE' as const }];
  it('says how its user data is joined, and holds nothing of it', () => {
    const { merge, data, file, replacement, userData } = paramsOf({ ...custom(facts(), al2023), more: { taints } });
    assert.deepEqual(merge, {
      format: 'mime',
      position: 'last',
      maxPods: 110,
      taints: 'role=db:NoSchedule',
      replace: [{ from: 'eks.amazonaws.com/nodegroup=apps', to: `eks.amazonaws.com/nodegroup=${replacement}` }],
    });
    assert.equal(data['ImageId'], 'ami-1');
    assert.equal(file, `user-data/${replacement}.mime`);
    assert.match(
      userData,
      new RegExp(`--node-labels=eks.amazonaws.com/nodegroup=${replacement},eks.amazonaws.com/nodegroup-image=ami-1`),
    );
  });
  it('asks for the values of the cluster where the source has no user data', () => {
    const { merge, userData } = paramsOf({ ...custom({}, al2023), more: { taints } });
    assert.equal(merge?.valuesOfCluster, 'shop-eu');
    assert.match(userData, /name: \{\{clusterName\}\}[\s\S]*--register-with-taints=role=db:NoSchedule/);
  });
  it('puts its script before those of Amazon Linux 2 and Ubuntu', () => {
    const { merge, userData } = paramsOf({ ...custom(facts(), 'Ubuntu 22.04.5 LTS'), more: { taints } });
    assert.equal(merge?.position, 'first');
    assert.equal(merge?.taints, undefined);
    assert.match(userData, /--register-with-taints=role=db:NoSchedule/);
  });
  it('says nothing of joining where there is nothing to join', () => {
    const { merge, file, replacement } = paramsOf({ amiType: 'BOTTLEROCKET_x86_64' });
    assert.equal(merge, undefined);
    assert.equal(file, `user-data/${replacement}.toml`);
  });
});
