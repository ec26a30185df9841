import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { MigrationPlan, PlanRequest, StepKind, StepParams } from '../../src/domain/plan.ts';
import { phases } from '../../src/domain/plan.ts';
import { parsePlan, planIdOf, renderPlan } from '../../src/domain/plan-id.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { aDeployment, aNodegroup, anInstanceType, aRequest, aSnapshot, aVpcCni } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

const plan = (snapshot: ClusterSnapshot = aSnapshot(), request: Partial<PlanRequest> = {}): MigrationPlan =>
  makePlan({
    snapshot,
    request: aRequest(request),
    findings: [],
    toolVersion: '0.1.0',
    templates,
  });
const ids = ({ steps }: MigrationPlan) => steps.map(({ id }) => id);
const dependenciesOf = ({ steps }: MigrationPlan, id: string) => steps.find((one) => one.id === id)?.dependsOn;
/** Parameters of the one step of this kind, or of the one about a source. */
function paramsOf<K extends StepKind>(made: MigrationPlan, kind: K, source?: string): StepParams[K] {
  const id = source === undefined ? kind : `${kind}/${source}`;
  const found: { params: StepParams[K] } | undefined = JSON.parse(JSON.stringify(made.steps)).find(
    (one: { id: string }) => one.id === id,
  );
  assert.ok(found !== undefined, id);
  return found.params;
}
const healthy = aSnapshot();
const apps = (overrides: Parameters<typeof aNodegroup>[0], more: Partial<ClusterSnapshot> = {}) =>
  aSnapshot({ nodegroups: [aNodegroup(overrides)], ...more });

describe('steps', () => {
  test('of two groups stand in the order of the story', () => {
    assert.deepEqual(ids(plan(healthy, { soakSeconds: 600 })), [
      'configure-vpc-cni',
      'create-launch-template/apps',
      'create-launch-template/tools',
      'create-nodegroup/apps',
      'compare-launch-template/apps',
      'create-nodegroup/tools',
      'compare-launch-template/tools',
      'scale-replacement/apps/first',
      'verify-replacement/apps/first',
      'scale-replacement/apps',
      'verify-replacement/apps',
      'scale-replacement/tools/first',
      'verify-replacement/tools/first',
      'scale-replacement/tools',
      'verify-replacement/tools',
      'suspend-processes/apps',
      'suspend-processes/tools',
      'cordon-source',
      'drain-source',
      'soak',
      'delete-source/apps',
      'delete-source/tools',
      'cleanup',
    ]);
  });
  test('depend on what must be done before', () => {
    const made = plan(healthy, { nodegroups: ['apps'], soakSeconds: 600 });
    assert.deepEqual(
      made.steps.map(({ id, dependsOn }) => [id, dependsOn]),
      [
        ['configure-vpc-cni', []],
        ['create-launch-template/apps', []],
        ['create-nodegroup/apps', ['configure-vpc-cni', 'create-launch-template/apps']],
        ['compare-launch-template/apps', ['create-nodegroup/apps']],
        ['scale-replacement/apps/first', ['compare-launch-template/apps']],
        ['verify-replacement/apps/first', ['scale-replacement/apps/first']],
        ['scale-replacement/apps', ['verify-replacement/apps/first']],
        ['verify-replacement/apps', ['scale-replacement/apps']],
        ['suspend-processes/apps', ['verify-replacement/apps']],
        ['cordon-source', ['verify-replacement/apps', 'suspend-processes/apps']],
        ['drain-source', ['cordon-source']],
        ['soak', ['drain-source']],
        ['delete-source/apps', ['soak']],
        ['cleanup', ['delete-source/apps']],
      ],
    );
  });
  test('only ever depend on steps before them, and phases never go back', () => {
    const { steps } = plan(healthy, { soakSeconds: 600 });
    for (const [index, { id, dependsOn, phase }] of steps.entries()) {
      const before = steps.slice(0, index);
      for (const name of dependsOn)
        assert.ok(
          before.some((one) => one.id === name),
          `${id} -> ${name}`,
        );
      for (const one of before) assert.ok(phases.indexOf(one.phase) <= phases.indexOf(phase), id);
    }
  });
  test('are additive until pods move, destructive only where a group is deleted', () => {
    const impacts = Map.groupBy(plan(healthy, { soakSeconds: 1 }).steps, ({ impact }) => impact);
    assert.deepEqual(
      impacts.get('disruptive')?.map(({ kind }) => kind),
      ['suspend-processes', 'suspend-processes', 'cordon-source', 'drain-source'],
    );
    assert.deepEqual(
      impacts.get('destructive')?.map(({ kind }) => kind),
      ['delete-source', 'delete-source'],
    );
  });
  describe('with a cluster autoscaler', () => {
    const workloads = aDeployment('kube-system', 'cluster-autoscaler', 1);
    const of = (order: 'safe-flip' | 'cordon-first', more: Partial<ClusterSnapshot> = {}) =>
      plan(aSnapshot({ workloads, ...more }), { nodegroups: ['apps'], order }).steps.map(
        ({ id, phase, dependsOn }) => ({
          id,
          phase,
          dependsOn,
        }),
      );
    const found = (steps: ReturnType<typeof of>, id: string) => steps.find((each) => each.id === id);
    test('new nodes are protected beside their verification, and until the old ones are gone', () => {
      const steps = of('safe-flip');
      assert.deepEqual(found(steps, 'protect-replacement/apps')?.dependsOn, ['compare-launch-template/apps']);
      assert.deepEqual(found(steps, 'verify-replacement/apps')?.dependsOn, [
        'scale-replacement/apps',
        'protect-replacement/apps',
      ]);
      const unprotect = found(steps, 'unprotect-replacement/apps');
      assert.deepEqual([unprotect?.phase, unprotect?.dependsOn], ['cleanup', ['delete-source/apps']]);
      assert.ok(found(steps, 'cleanup')?.dependsOn.includes('unprotect-replacement/apps'));
    });
    test('old nodes are capped right before they are cordoned, in either order', () => {
      const steps = of('safe-flip');
      assert.deepEqual(found(steps, 'cap-source/apps'), {
        id: 'cap-source/apps',
        phase: 'cordon',
        dependsOn: ['verify-replacement/apps'],
      });
      assert.ok(found(steps, 'cordon-source')?.dependsOn.includes('cap-source/apps'));
      const first = of('cordon-first');
      assert.equal(found(first, 'cap-source/apps')?.phase, 'prepare');
      assert.ok(found(first, 'cordon-source')?.dependsOn.includes('cap-source/apps'));
    });
    test('zones are held only where there are several, several nodes, and nobody has done it', () => {
      const [group, ...others] = healthy.autoScalingGroups;
      assert.ok(group);
      const held = (change: object) =>
        found(
          of('safe-flip', { autoScalingGroups: [{ ...group, ...change }, ...others] }),
          'suspend-processes/apps',
        ) !== undefined;
      assert.deepEqual(
        [held({}), held({ desiredCapacity: 1 }), held({ suspendedProcesses: ['AZRebalance'] }), held({ name: 'x' })],
        [true, false, false, false],
      );
      const oneZone = healthy.subnets.map((subnet) => ({ ...subnet, availabilityZone: 'eu-west-1a' }));
      assert.equal(found(of('safe-flip', { subnets: oneZone }), 'suspend-processes/apps'), undefined);
    });
  });
  test('the drain is told what to roll over and how long Jobs may run, and has the time for it', () => {
    const usual = plan(healthy).steps.find(({ kind }) => kind === 'drain-source');
    const made = plan(healthy, { surge: ['shop/cart'], waitForJobsSeconds: 1800 });
    const drain = made.steps.find(({ kind }) => kind === 'drain-source');
    assert.ok(drain?.kind === 'drain-source' && usual?.kind === 'drain-source');
    assert.deepEqual(drain.params.surge, [{ namespace: 'shop', name: 'cart' }]);
    assert.equal(drain.params.waitForJobsSeconds, 1800);
    assert.equal(drain.params.timeoutSeconds, usual.params.timeoutSeconds + 1800);
    assert.match(drain.summary, /; shop\/cart rolled over instead; pods of Jobs may run on for 30m$/);
  });
  test('old nodes that are ended one by one may be fewer than their group allows now', () => {
    const usual = plan(healthy);
    const made = plan(healthy, { releaseNodes: true });
    const [cap, drain] = ['cap-source/apps', 'drain-source'].map((id) => made.steps.find((step) => step.id === id));
    assert.ok(cap?.kind === 'cap-source' && drain?.kind === 'drain-source');
    assert.deepEqual([cap.params.releaseNodes, drain.params.releaseNodes], [true, true]);
    assert.match(drain.summary, /; each node is ended once it is empty$/);
    assert.deepEqual(made.subnets, usual.subnets, 'no plan counts on it');
    assert.deepEqual(made.forecast, usual.forecast);
    assert.ok(!JSON.stringify(usual.steps).includes('releaseNodes'));
  });
  test('leave the soak out when it is not wanted', () => {
    assert.deepEqual(dependenciesOf(plan(healthy, { nodegroups: ['apps'] }), 'delete-source/apps'), ['drain-source']);
  });
  test('are none when nothing gains, and the plan is still whole', () => {
    const made = plan(healthy, { nodegroups: ['apps'], maxPods: 20 });
    assert.deepEqual([made.steps, made.nodegroups, made.subnets], [[], [], []]);
    assert.deepEqual(parsePlan(renderPlan(made)), made);
  });
  const blocked: [string, ClusterSnapshot][] = [
    ['an image of a type that is not known', apps({ amiType: 'FLATCAR_x86_64' })],
    ['no VPC CNI', aSnapshot({ vpcCni: aVpcCni({ managedBy: 'absent', addon: null }) })],
    ['a template that was not read', apps({ launchTemplate: { id: 'lt-1', name: null, version: '1' } })],
  ];
  for (const [name, snapshot] of blocked) {
    test(`are none with ${name}, while the numbers are there`, () => {
      const made = plan(snapshot);
      assert.deepEqual(made.steps, []);
      assert.equal(made.nodegroups[0]?.maxPods.value, 110);
    });
  }
});

const withCni = (overrides: Parameters<typeof aVpcCni>[0], request: Partial<PlanRequest> = {}) =>
  plan(aSnapshot({ vpcCni: aVpcCni(overrides) }), request);
const configured = (configurationValues: string | null) => ({
  addon: { version: 'v1.19.2-eksbuild.1', status: 'ACTIVE', configurationValues, healthIssues: [] },
});

describe('configure-vpc-cni', () => {
  test('lays the wanted settings over the whole document', () => {
    const params = paramsOf(
      withCni(
        configured('env:\n  AWS_VPC_K8S_CNI_LOGLEVEL: DEBUG\n  WARM_PREFIX_TARGET: "2"\nenableNetworkPolicy: "true"\n'),
      ),
      'configure-vpc-cni',
    );
    assert.deepEqual(JSON.parse(params.configurationValues), {
      env: { AWS_VPC_K8S_CNI_LOGLEVEL: 'DEBUG', WARM_PREFIX_TARGET: '1', ENABLE_PREFIX_DELEGATION: 'true' },
      enableNetworkPolicy: 'true',
    });
    assert.match(params.before ?? '', /^env:/);
  });
  const rows: [string, Parameters<typeof aVpcCni>[0], Partial<PlanRequest>, Record<string, string>][] = [
    ['one spare prefix by default', {}, {}, { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' }],
    [
      'a number in place is kept',
      { env: { WARM_PREFIX_TARGET: '3' } },
      {},
      { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '3' },
    ],
    ['as asked', {}, { warmPrefixTarget: 2 }, { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '2' }],
    [
      'IP targets as asked, and nothing that they make useless',
      {},
      { warmIpTarget: 5, minimumIpTarget: 16 },
      { ENABLE_PREFIX_DELEGATION: 'true', WARM_IP_TARGET: '5', MINIMUM_IP_TARGET: '16' },
    ],
    ['IP targets in place stay', { env: { WARM_IP_TARGET: '5' } }, {}, { ENABLE_PREFIX_DELEGATION: 'true' }],
  ];
  for (const [name, cni, request, env] of rows) {
    test(name, () => assert.deepEqual(paramsOf(withCni(cni, request), 'configure-vpc-cni').env, env));
  }
  const on = { env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' } };
  test('is left out when all is as wanted and the add-on says so', () => {
    const values = '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}';
    const made = withCni({ ...on, envManagers: {}, ...configured(values) });
    assert.equal(
      made.steps.some(({ kind }) => kind === 'configure-vpc-cni'),
      false,
    );
    assert.deepEqual(dependenciesOf(made, 'create-nodegroup/apps'), ['create-launch-template/apps']);
  });
  test('is there when the add-on does not say so: EKS would put it back', () => {
    const made = withCni({ ...on, envManagers: { ENABLE_PREFIX_DELEGATION: 'kubectl-set' } });
    assert.equal(made.steps[0]?.kind, 'configure-vpc-cni');
  });
  test('is not needed when aws-node by hand runs as wanted', () => {
    const made = withCni({ ...on, managedBy: 'self-managed', addon: null });
    assert.equal(made.steps[0]?.kind, 'create-launch-template');
  });
  for (const values of ['- a list', 'just text', '{"env": {', '{"env":null}', 'env: [A]', 'env: {A: {b: c}}']) {
    test(`refuses to replace what it cannot read: ${values}`, () =>
      assert.throws(() => withCni(configured(values)), { code: 'CNI.CONFIG_UNREADABLE', exitCode: 2 }));
  }
  for (const values of ['', '{}', 'null']) {
    test(`takes "${values}" for nothing`, () =>
      assert.equal(
        paramsOf(withCni(configured(values)), 'configure-vpc-cni').configurationValues,
        '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}',
      ));
  }
});

describe('the replacement', () => {
  const source = {
    labels: { team: 'apps', 'eks.amazonaws.com/x': 'y' },
    taints: [{ key: 'dedicated', value: 'apps', effect: 'NO_SCHEDULE' as const }],
    tags: {
      'cost-center': '42',
      'aws:cloudformation:stack-name': 's',
      'eks:x': 'y',
      'alpha.eksctl.io/nodegroup-name': 'apps',
    },
    capacityType: 'SPOT',
    instanceTypes: ['m5.large', 'm5a.large'],
    nodeRepairConfig: { enabled: true },
    diskSize: 50,
    remoteAccess: { ec2SshKey: 'ops', sourceSecurityGroups: ['sg-bastion'] },
  };
  const made = plan(apps(source, { instanceTypes: [anInstanceType(), anInstanceType({ instanceType: 'm5a.large' })] }));
  const [group] = made.nodegroups;
  test('carries what the source has, without what belongs to AWS, and our marks', () => {
    const params = paramsOf(made, 'create-nodegroup', 'apps');
    const hash = group?.replacement.slice(-8);
    assert.deepEqual(
      { ...params, subnetIds: undefined, nodeRole: undefined },
      {
        clusterName: 'shop-eu',
        nodegroupName: `apps-pd-${hash}`,
        source: 'apps',
        launchTemplateName: `apps-pd-${hash}`,
        instanceTypes: ['m5.large', 'm5a.large'],
        amiType: 'AL2023_x86_64_STANDARD',
        capacityType: 'SPOT',
        nodeRole: undefined,
        subnetIds: undefined,
        scaling: { minSize: 0, maxSize: 6, desiredSize: 0 },
        labels: { team: 'apps' },
        taints: source.taints,
        tags: { 'cost-center': '42', 'prefix-migrate/plan': hash, 'prefix-migrate/source': 'apps' },
        kubernetesVersion: '1.33',
        updateConfig: { maxUnavailable: 1 },
        nodeRepairConfig: { enabled: true },
      },
    );
  });
  test('has a template with disk, key, tags and safe metadata options', () => {
    const { data, userData } = paramsOf(made, 'create-launch-template', 'apps');
    const ours = [
      { Key: 'prefix-migrate/plan', Value: group?.replacement.slice(-8) },
      { Key: 'prefix-migrate/source', Value: 'apps' },
    ];
    const { TagSpecifications, ...rest } = data;
    assert.deepEqual(rest, {
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 50, VolumeType: 'gp3', DeleteOnTermination: true } },
      ],
      KeyName: 'ops',
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 2 },
    });
    assert.deepEqual(
      TagSpecifications,
      ['instance', 'volume'].map((ResourceType) => ({ ResourceType, Tags: ours })),
    );
    assert.match(userData, /maxPods: 110\n/);
  });
  test('starts without nodes, gets one, also where the source wants more, and grows to its size', () => {
    const grown = plan(apps({ scaling: { minSize: 3, maxSize: 9, desiredSize: 5 } }, { autoScalingGroups: [] }));
    assert.deepEqual(paramsOf(grown, 'create-nodegroup', 'apps').scaling, {
      minSize: 0,
      maxSize: 9,
      desiredSize: 0,
    });
    assert.equal(paramsOf(grown, 'scale-replacement', 'apps/first').scaling.desiredSize, 1);
    assert.deepEqual(paramsOf(grown, 'scale-replacement', 'apps').scaling, {
      minSize: 3,
      maxSize: 9,
      desiredSize: 5,
    });
    assert.equal(paramsOf(grown, 'verify-replacement', 'apps').nodes, 5);
  });
  test('follows the Auto Scaling group, which autoscalers change', () => {
    const scaled = plan(
      aSnapshot({ autoScalingGroups: healthy.autoScalingGroups.map((one) => ({ ...one, desiredCapacity: 4 })) }),
      { nodegroups: ['apps'] },
    );
    assert.equal(paramsOf(scaled, 'scale-replacement', 'apps').scaling.desiredSize, 4);
  });
  test('of a group scaled to zero is made, verified, and scaled to zero', () => {
    const empty = plan(
      apps({ scaling: { minSize: 0, maxSize: 3, desiredSize: 0 } }, { autoScalingGroups: [], nodes: [] }),
    );
    assert.deepEqual(paramsOf(empty, 'create-nodegroup', 'apps').scaling, {
      minSize: 0,
      maxSize: 3,
      desiredSize: 0,
    });
    assert.equal(paramsOf(empty, 'scale-replacement', 'apps/first').scaling.desiredSize, 1);
    assert.equal(paramsOf(empty, 'scale-replacement', 'apps').scaling.desiredSize, 0);
  });
  test("copies the source's own template without what EKS refuses", () => {
    const own = plan(
      apps(
        { launchTemplate: { id: 'lt-1', name: 'golden', version: '3' }, instanceTypes: [], diskSize: null },
        {
          launchTemplates: [
            {
              launchTemplateId: 'lt-1',
              version: '3',
              name: 'golden',
              imageId: null,
              instanceType: 'm5.large',
              userDataHash: null,
              data: {
                InstanceType: 'm5.large',
                IamInstanceProfile: { Name: 'x' },
                EbsOptimized: true,
                NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: 'subnet-1', Groups: ['sg-1'] }],
                MetadataOptions: { HttpTokens: 'optional', InstanceMetadataTags: 'enabled' },
                TagSpecifications: [
                  {
                    ResourceType: 'instance',
                    Tags: [
                      { Key: 'Name', Value: 'app' },
                      { Key: 'eks:x', Value: 'y' },
                    ],
                  },
                ],
              },
            },
          ],
        },
      ),
    );
    const { data, sourceTemplate } = paramsOf(own, 'create-launch-template', 'apps');
    assert.deepEqual(
      { ...data, TagSpecifications: undefined },
      {
        EbsOptimized: true,
        NetworkInterfaces: [{ DeviceIndex: 0, Groups: ['sg-1'] }],
        MetadataOptions: { HttpTokens: 'optional', InstanceMetadataTags: 'enabled', HttpPutResponseHopLimit: 2 },
        TagSpecifications: undefined,
      },
    );
    const ours = [
      { Key: 'prefix-migrate/plan', Value: own.nodegroups[0]?.replacement.slice(-8) },
      { Key: 'prefix-migrate/source', Value: 'apps' },
    ];
    assert.deepEqual(data['TagSpecifications'], [
      { ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'app' }, ...ours] },
      { ResourceType: 'volume', Tags: ours },
    ]);
    assert.deepEqual(sourceTemplate, { launchTemplateId: 'lt-1', version: '3', userDataHash: null });
    assert.deepEqual(paramsOf(own, 'create-nodegroup', 'apps').instanceTypes, ['m5.large']);
  });
});

test('prefixes of a node: idle, as planned, and with maxPods pods once its pool is at rest', () => {
  const found = plan(healthy, { warmPrefixTarget: 2, nodegroups: ['apps'] }).nodegroups[0]?.prefixesPerNode;
  assert.deepEqual([found?.idle, found?.full], [2, 7]);
});

describe('maxPods', () => {
  test('is calculated', () => {
    assert.deepEqual(plan().nodegroups[0]?.maxPods, { source: 'calculated', value: 110, limitedBy: 'vCPU cap 110' });
  });
  test('is as asked, in user data and verification alike', () => {
    const made = plan(healthy, { maxPods: 58, nodegroups: ['apps'] });
    assert.deepEqual(made.nodegroups[0]?.maxPods, { value: 58, source: 'requested', limitedBy: 'as asked for' });
    assert.match(
      paramsOf(made, 'create-launch-template', 'apps').userData,
      /maxPods: 58\n {6}kubeReserved:\n {8}memory: 893Mi\n/,
    );
    assert.equal(paramsOf(made, 'verify-replacement', 'apps').maxPods, 58);
  });
  test('is refused above what the addresses suffice for, with the maximum', () => {
    assert.throws(() => plan(healthy, { maxPods: 435 }), {
      code: 'INPUT.MAX_PODS',
      exitCode: 2,
      message: /the maximum is 434/,
    });
    assert.equal(plan(healthy, { maxPods: 434 }).nodegroups.length, 2);
  });
});

test('a node group that does not exist is named with those that do', () => {
  assert.throws(() => plan(healthy, { nodegroups: ['apps', 'web'] }), {
    code: 'NODEGROUP.NOT_FOUND',
    exitCode: 2,
    message: /named web/,
    why: 'It has apps, tools.',
  });
});

describe('the plan as a file', () => {
  const made = plan(healthy, { soakSeconds: 600, drainTimeoutSeconds: 1800 });
  const text = renderPlan(made);
  test('same input, same bytes', () =>
    assert.equal(renderPlan(plan(aSnapshot(), { soakSeconds: 600, drainTimeoutSeconds: 1800 })), text));
  test('another input has another id and other names', () => {
    const other = plan(aSnapshot({ observedAt: '2026-03-01T10:00:01.000Z' }), {
      soakSeconds: 600,
      drainTimeoutSeconds: 1800,
    });
    assert.notEqual(other.planId, made.planId);
    assert.notEqual(other.nodegroups[0]?.replacement, made.nodegroups[0]?.replacement);
  });
  test('is read back as it was', () => {
    assert.deepEqual(parsePlan(text), made);
    assert.equal(planIdOf(made), made.planId);
    assert.equal(made.expiresAt, '2026-03-02T10:00:00.000Z');
  });
  test('what turns text around is escaped, and read back', () => {
    const odd = plan(apps({ labels: { team: 'a\u202eb' } }));
    assert.match(renderPlan(odd), /"team": "a\\u202eb"/);
    assert.deepEqual(parsePlan(renderPlan(odd)), odd);
  });
  test('one byte changed anywhere is refused', () => {
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        assert.throws(() => parsePlan(changed.toString('utf8')), { name: 'MigrateError', exitCode: 2 });
      }),
    );
  });
  test('one byte missing or added anywhere is refused', () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('', ' ', '\n', '0', '}'), (at, added) => {
        const changed = text.slice(0, at) + added + text.slice(added === '' ? at + 1 : at);
        if (changed !== text) assert.throws(() => parsePlan(changed), { name: 'MigrateError', exitCode: 2 });
      }),
    );
  });
  const resigned = (change: (plan: Record<string, unknown>) => void) => {
    const copy: MigrationPlan & Record<string, unknown> = JSON.parse(text);
    change(copy);
    return renderPlan({ ...copy, planId: planIdOf(copy) });
  };
  const shapes: [string, string, RegExp][] = [
    ['a field is missing', resigned((copy) => delete copy['steps']), /steps is missing/],
    [
      'a field has another type',
      resigned((copy) => (copy['forecast'] = [])),
      /forecast is a list, and should be an object/,
    ],
    ['a step is no step', resigned((copy) => (copy['steps'] = [{ id: 'x' }])), /steps\[0\]\.kind/],
    ['it is a list', '[]', /not a JSON object/],
    ['it is empty', '', /not JSON/],
  ];
  for (const [name, damaged, why] of shapes) {
    test(`is refused when ${name}`, () =>
      assert.throws(() => parsePlan(damaged), { code: 'PLAN.DAMAGED', exitCode: 2, why }));
  }
  test('of another format is named so', () => {
    assert.throws(() => parsePlan(resigned((copy) => (copy['formatVersion'] = 2))), {
      code: 'PLAN.VERSION',
      exitCode: 2,
    });
  });
  test('holds no more than JSON can: undefined options are left out', () => {
    const loose = makePlan({
      snapshot: healthy,
      request: Object.assign(aRequest(), { maxPods: undefined }),
      findings: [],
      toolVersion: '0.1.0',
      templates,
    });
    assert.deepEqual(parsePlan(renderPlan(loose)), loose);
  });
});
