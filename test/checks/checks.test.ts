import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checks, runChecks } from '../../src/checks/index.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, LaunchTemplateVersion, Nodegroup, Pod } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { isCommand } from '../../src/reporting/formats/findings.ts';
import {
  aBudget,
  aNode,
  aNodegroup,
  anInstanceType,
  anInterface,
  aPod,
  aRequest,
  aSnapshot,
  aSubnet,
  aVpcCni,
  podsOf,
} from '../support/snapshot.ts';

const findingsOf = (snapshot: ClusterSnapshot, request: PlanRequest = aRequest()) =>
  runChecks(snapshot, request, scopeOf(snapshot, request));
const brief = (snapshot: ClusterSnapshot, request?: PlanRequest) =>
  findingsOf(snapshot, request).map(({ code, severity, subject }) => `${severity} ${code} ${subject}`);

const healthy = aSnapshot();
const cluster = (overrides: Partial<ClusterSnapshot['cluster']>) =>
  aSnapshot({ cluster: { ...healthy.cluster, ...overrides } });
const vpcCni = (...overrides: Parameters<typeof aVpcCni>) => aSnapshot({ vpcCni: aVpcCni(...overrides) });
const env = (settings: Record<string, string | null>, envManagers: Record<string, string> = {}) =>
  vpcCni({
    env: { ...healthy.vpcCni.env, ...settings },
    envManagers: { ...healthy.vpcCni.envManagers, ...envManagers },
  });
const addon = (overrides: Partial<NonNullable<ClusterSnapshot['vpcCni']['addon']>>) => {
  const { addon: before } = healthy.vpcCni;
  assert.ok(before !== null);
  return vpcCni({ addon: { ...before, ...overrides } });
};
const apps = (overrides: Partial<Nodegroup>, more: Partial<ClusterSnapshot> = {}) =>
  aSnapshot({ nodegroups: [aNodegroup(overrides), ...healthy.nodegroups.slice(1)], ...more });
const withPods = (...pods: Pod[]) => aSnapshot({ pods: [...healthy.pods, ...pods] });
const template = (overrides: Partial<LaunchTemplateVersion>) =>
  apps(
    { launchTemplate: { id: 'lt-1', name: 'golden', version: '3' }, diskSize: null },
    {
      launchTemplates: [
        {
          launchTemplateId: 'lt-1',
          version: '3',
          name: 'golden',
          imageId: null,
          instanceType: null,
          userDataHash: null,
          data: {},
          ...overrides,
        },
      ],
    },
  );

describe('every check', () => {
  test('is silent about a healthy cluster', () => assert.deepEqual(findingsOf(healthy), []));
  test('gives only codes that it lists, each of them once', () => {
    const codes = checks.flatMap((check) => check.codes.map(({ code }) => code));
    assert.deepEqual(codes, [...new Set(codes)]);
    for (const code of codes) assert.match(code, /^[A-Z]+\.[A-Z0-9_]+$/);
  });
});

const xen = anInstanceType({ instanceType: 'm4.large', hypervisor: 'xen', enis: 2 });
const large = anInstanceType({ instanceType: 'm5.4xlarge', vcpus: 16, enis: 8, ipv4PerEni: 30, memoryMiB: 65_536 });
const bare = aPod({ name: 'alone', controller: null, labels: { app: 'alone' } });

const rows: [string, ClusterSnapshot, Partial<PlanRequest>, string[]][] = [
  ['cluster is changing', cluster({ status: 'UPDATING' }), {}, ['blocking CLUSTER.NOT_ACTIVE shop-eu']],
  [
    'IPv6 cluster',
    cluster({ ipFamily: 'ipv6' }),
    {},
    ['advice CLUSTER.IPV6 shop-eu', 'advice PLAN.NOTHING_TO_DO shop-eu'],
  ],
  ['cluster on Outposts', cluster({ outpost: true }), {}, ['blocking CLUSTER.OUTPOST shop-eu']],
  ['CNI by hand', vpcCni({ managedBy: 'self-managed', addon: null }), {}, ['warning CNI.SELF_MANAGED aws-node']],
  [
    'no CNI',
    vpcCni({ managedBy: 'absent', addon: null, version: null, env: {} }),
    {},
    ['blocking CNI.NOT_EKS_ADDON vpc-cni'],
  ],
  ['add-on is updating', addon({ status: 'UPDATING' }), {}, ['blocking CNI.NOT_READY vpc-cni']],
  [
    'add-on is ill',
    addon({ healthIssues: [{ code: 'AccessDenied', message: 'no', resourceIds: [] }] }),
    {},
    ['warning CNI.HEALTH vpc-cni'],
  ],
  [
    'CNI by hand that runs as wanted',
    vpcCni({
      managedBy: 'self-managed',
      addon: null,
      env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' },
    }),
    {},
    [],
  ],
  [
    'CNI by hand, but nothing to do',
    vpcCni({ managedBy: 'self-managed', addon: null }),
    { maxPods: 20 },
    ['advice NODEGROUP.WOULD_LOSE apps', 'advice NODEGROUP.WOULD_LOSE tools', 'advice PLAN.NOTHING_TO_DO shop-eu'],
  ],
  ['CNI 1.8.9', vpcCni({ version: '1.8.9' }), {}, ['blocking CNI.TOO_OLD vpc-cni']],
  [
    'CNI 1.9.0',
    vpcCni({ version: '1.9.0' }),
    {},
    ['warning CNI.OLD_FOR_AL2023 vpc-cni', 'advice CNI.NO_STOP_AT_MAX_PODS vpc-cni'],
  ],
  [
    'CNI 1.10 with bare metal',
    aSnapshot({
      vpcCni: aVpcCni({ version: '1.10.4' }),
      instanceTypes: [anInstanceType({ bareMetal: true, hypervisor: null })],
    }),
    {},
    ['blocking CNI.TOO_OLD vpc-cni'],
  ],
  ['CNI of unknown version', vpcCni({ version: 'latest' }), {}, ['warning CNI.VERSION_UNKNOWN vpc-cni']],
  [
    'a made-up setting',
    env({ AWS_VPC_K8S_CNI_ENABLE_PREFIX_DELEGATION: 'true', AWS_VPC_K8S_CNI_LOGLEVEL: 'DEBUG' }),
    {},
    ['warning CNI.UNKNOWN_SETTING aws-node AWS_VPC_K8S_CNI_ENABLE_PREFIX_DELEGATION'],
  ],
  [
    'a minimum alone',
    env({ MINIMUM_IP_TARGET: '10' }),
    { warmIpTarget: 0 },
    ['blocking CNI.MINIMUM_CAPS_NODE aws-node MINIMUM_IP_TARGET'],
  ],
  [
    'a minimum alone, asked for',
    healthy,
    { minimumIpTarget: 10 },
    ['blocking CNI.MINIMUM_CAPS_NODE aws-node MINIMUM_IP_TARGET'],
  ],
  ['a minimum with its companion', healthy, { minimumIpTarget: 10, warmIpTarget: 5 }, []],
  ['IP targets of old', env({ WARM_IP_TARGET: '8' }), {}, ['warning CNI.IP_TARGETS_WIN aws-node WARM_IP_TARGET']],
  ['no target at all', healthy, { warmPrefixTarget: 0 }, ['blocking CNI.NO_WARM_TARGET aws-node WARM_PREFIX_TARGET']],
  [
    'custom networking',
    env({ AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'true' }),
    {},
    [
      'advice CNI.CUSTOM_NETWORKING aws-node AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG',
      ...['apps', 'apps', 'tools', 'tools'].map((group) => `blocking ENICONFIG.MISSING ${group}`),
    ],
  ],
  [
    'set by kubectl to another value',
    env({ WARM_PREFIX_TARGET: '3' }, { WARM_PREFIX_TARGET: 'kubectl-set' }),
    { warmPrefixTarget: 1 },
    ['blocking CNI.CONFIG_CONFLICT aws-node WARM_PREFIX_TARGET'],
  ],
  ['set by kubectl to the wanted value', env({}, { WARM_PREFIX_TARGET: 'kubectl-set' }), {}, []],
  [
    'live value differs from the add-on, owner unknown',
    vpcCni({
      env: { ENABLE_PREFIX_DELEGATION: 'false' },
      envManagers: {},
      addon: {
        version: 'v1',
        status: 'ACTIVE',
        configurationValues: 'env:\n  ENABLE_PREFIX_DELEGATION: "true"\n',
        healthIssues: [],
      },
    }),
    {},
    ['blocking CNI.CONFIG_CONFLICT aws-node ENABLE_PREFIX_DELEGATION'],
  ],
  [
    'old instances, nobody asked for them',
    apps({ instanceTypes: ['m4.large'] }, { instanceTypes: [anInstanceType(), xen] }),
    {},
    ['warning INSTANCE.NOT_NITRO apps'],
  ],
  [
    'old instances, asked for',
    apps({ instanceTypes: ['m5.large', 'm4.large'] }, { instanceTypes: [anInstanceType(), xen] }),
    { nodegroups: ['apps'] },
    ['blocking INSTANCE.NOT_NITRO apps', 'advice PLAN.NOTHING_TO_DO shop-eu'],
  ],
  ['unknown instances', apps({ instanceTypes: ['m99.large'] }), {}, ['warning INSTANCE.UNKNOWN apps']],
  [
    'no gain',
    apps(
      { instanceTypes: ['m5.4xlarge'] },
      {
        instanceTypes: [anInstanceType(), large],
        nodes: healthy.nodes.map((node) =>
          node.nodegroupName === 'apps' ? { ...node, allocatable: { ...node.allocatable, pods: 110 } } : node,
        ),
      },
    ),
    {},
    ['advice NODEGROUP.NO_GAIN apps'],
  ],
  [
    'no gain, asked for',
    healthy,
    { nodegroups: ['apps'], maxPods: 29 },
    ['warning NODEGROUP.NO_GAIN apps', 'advice PLAN.NOTHING_TO_DO shop-eu'],
  ],
  [
    'done already',
    aSnapshot({
      vpcCni: aVpcCni({ env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' } }),
      nodes: healthy.nodes.map((node) => ({ ...node, allocatable: { ...node.allocatable, pods: 110 } })),
      networkInterfaces: healthy.networkInterfaces.map((one) => ({ ...one, prefixes: ['10.0.1.160/28'] })),
    }),
    {},
    [
      'advice NODEGROUP.ALREADY_PREFIX apps',
      'advice NODEGROUP.ALREADY_PREFIX tools',
      'advice PLAN.NOTHING_TO_DO shop-eu',
    ],
  ],
  ['no node groups', aSnapshot({ nodegroups: [], nodes: [] }), {}, ['advice PLAN.NOTHING_TO_DO shop-eu']],
  ['Bottlerocket', apps({ amiType: 'BOTTLEROCKET_x86_64' }), {}, []],
  ['AL2023 for ARM', apps({ amiType: 'AL2023_ARM_64_STANDARD' }), {}, []],
  ['a template with user data', template({ userDataHash: 'abc' }), {}, ['advice NODEGROUP.CUSTOM_TEMPLATE apps']],
  ['a template that was not read', template({ version: '9' }), {}, ['blocking NODEGROUP.CUSTOM_TEMPLATE apps']],
  ['a plain template', template({}), {}, ['advice NODEGROUP.CUSTOM_TEMPLATE apps']],
  ['a group that is changing', apps({ status: 'UPDATING' }), {}, ['blocking NODEGROUP.NOT_ACTIVE apps']],
  [
    'a group that is ill',
    apps({
      status: 'DEGRADED',
      healthIssues: [{ code: 'AsgInstanceLaunchFailures', message: 'quota', resourceIds: [] }],
    }),
    {},
    ['warning NODEGROUP.NOT_ACTIVE apps', 'warning NODEGROUP.HEALTH apps'],
  ],
  ['a group that is being deleted', apps({ status: 'DELETING' }), {}, ['warning NODEGROUP.NOT_ACTIVE apps']],
  [
    'a group that is being deleted, asked for',
    apps({ status: 'DELETING' }),
    { nodegroups: ['apps'] },
    ['blocking NODEGROUP.NOT_ACTIVE apps'],
  ],
  [
    'a replacement of old',
    aSnapshot({
      nodegroups: [
        ...healthy.nodegroups,
        aNodegroup({
          nodegroupName: 'apps-pd-00112233',
          instanceTypes: ['m5.4xlarge'],
          tags: { 'prefix-migrate/source': 'apps' },
        }),
      ],
      instanceTypes: [anInstanceType(), large],
    }),
    {},
    ['warning NODEGROUP.HAS_REPLACEMENT apps', 'advice NODEGROUP.NO_GAIN apps-pd-00112233'],
  ],
  ['an unknown field', apps({ unknownFields: ['warmPoolConfig'] }), {}, ['warning NODEGROUP.UNKNOWN_FIELD apps']],
  [
    'SSH',
    apps({ remoteAccess: { ec2SshKey: 'ops', sourceSecurityGroups: [] } }),
    {},
    ['warning NODEGROUP.REMOTE_ACCESS apps'],
  ],
  [
    'more pods than recommended',
    healthy,
    { maxPods: 200, nodegroups: ['tools'] },
    ['warning NODEGROUP.MAX_PODS_ABOVE_CAP tools', 'warning NODEGROUP.MEMORY_TIGHT tools'],
  ],
  [
    'small instances',
    apps(
      { instanceTypes: ['t3.medium'] },
      {
        instanceTypes: [
          anInstanceType(),
          anInstanceType({ instanceType: 't3.medium', ipv4PerEni: 6, memoryMiB: 4096 }),
        ],
      },
    ),
    {},
    ['warning NODEGROUP.MEMORY_TIGHT apps'],
  ],
  [
    'pods that fill the memory today',
    withPods(
      ...['ip-10-0-1-10', 'ip-10-0-2-10', 'ip-10-0-1-20'].map((nodeName, index) =>
        aPod({ name: `big-${index}`, nodeName, requests: { cpuMillis: 0, memoryBytes: 6700 * 1024 * 1024 } }),
      ),
    ),
    {},
    ['blocking CAPACITY.POD_TOO_BIG shop/web'],
  ],
  [
    'a subnet full of single addresses',
    aSnapshot({
      networkInterfaces: [
        ...healthy.networkInterfaces,
        anInterface({
          instanceId: null,
          addresses: Array.from({ length: 15 }, (_, block) => `10.0.1.${block * 16 + 9}`),
        }),
      ],
      subnets: healthy.subnets.map((subnet) =>
        subnet.subnetId === 'subnet-0aa1' ? { ...subnet, availableIpAddressCount: 207 } : subnet,
      ),
    }),
    {},
    ['blocking SUBNET.NO_FREE_PREFIX subnet-0aa1'],
  ],
  [
    'addresses that cannot be seen',
    aSnapshot({
      subnets: healthy.subnets.map((subnet) => ({ ...subnet, ownerId: '999988887777', availableIpAddressCount: 200 })),
    }),
    {},
    [
      'blocking SUBNET.NO_FREE_PREFIX subnet-0aa1',
      'blocking SUBNET.NO_FREE_PREFIX subnet-0bb2',
      'warning SUBNET.SHARED subnet-0aa1',
      'warning SUBNET.SHARED subnet-0bb2',
    ],
  ],
  [
    'a budget that never allows',
    aSnapshot({ podDisruptionBudgets: [aBudget({ maxUnavailable: 0 }), ...healthy.podDisruptionBudgets.slice(1)] }),
    {},
    ['blocking PDB.NEVER_ALLOWS shop/web'],
  ],
  [
    'a budget that never allows, for pods elsewhere',
    aSnapshot({
      podDisruptionBudgets: [
        ...healthy.podDisruptionBudgets.slice(0, 2),
        aBudget({ namespace: 'tools', name: 'jobs', selector: { matchLabels: { app: 'jobs' } }, maxUnavailable: 0 }),
      ],
    }),
    { nodegroups: ['apps'] },
    [],
  ],
  [
    'a budget that Kubernetes cannot compute',
    aSnapshot({
      podDisruptionBudgets: [
        aBudget({ status: { ...aBudget().status, disruptionsAllowed: 0, syncFailure: 'found no controller' } }),
        ...healthy.podDisruptionBudgets.slice(1),
      ],
    }),
    {},
    ['blocking PDB.SYNC_FAILED shop/web'],
  ],
  [
    'a budget that is used up now',
    aSnapshot({
      podDisruptionBudgets: [
        aBudget({ status: { ...aBudget().status, disruptionsAllowed: 0, currentHealthy: 3 } }),
        ...healthy.podDisruptionBudgets.slice(1),
      ],
    }),
    {},
    ['warning PDB.NOT_NOW shop/web'],
  ],
  [
    'two budgets',
    aSnapshot({ podDisruptionBudgets: [...healthy.podDisruptionBudgets, aBudget({ name: 'web-again' })] }),
    {},
    ['blocking PDB.MULTIPLE_FOR_POD shop/web'],
  ],
  [
    'no budget',
    aSnapshot({ podDisruptionBudgets: healthy.podDisruptionBudgets.slice(1) }),
    {},
    ['warning PDB.MISSING shop/web'],
  ],
  [
    'a single pod',
    aSnapshot({
      podDisruptionBudgets: healthy.podDisruptionBudgets.slice(1),
      workloads: healthy.workloads.map((one) => ({ ...one, replicas: 1 })),
      pods: podsOf('shop', 'web', 1, ['ip-10-0-1-10']),
    }),
    {},
    ['warning WORKLOAD.SINGLE_POD shop/web'],
  ],
  ['a bare pod', withPods(bare), {}, ['blocking POD.BARE shop/alone']],
  ['a bare pod elsewhere', withPods({ ...bare, nodeName: 'ip-10-0-1-30' }), { nodegroups: ['apps'] }, []],
  ['a bare pod that is done', withPods({ ...bare, phase: 'Succeeded' }), {}, []],
  ['emptyDir', withPods(aPod({ name: 'cache', emptyDirVolumes: ['data'] })), {}, ['blocking POD.EMPTY_DIR shop/web']],
  [
    'a pod that wants this node group',
    withPods(aPod({ nodeSelector: { 'eks.amazonaws.com/nodegroup': 'apps' } })),
    {},
    ['blocking POD.SELECTS_SOURCE shop/web'],
  ],
  ['a pod that wants a label that is copied', withPods(aPod({ nodeSelector: { team: 'apps' } })), {}, []],
  [
    'a pod that wants a label put on by hand',
    aSnapshot({
      nodes: healthy.nodes.map((node) => ({ ...node, labels: { ...node.labels, disk: 'fast' } })),
      pods: [...healthy.pods, aPod({ nodeSelector: { disk: 'fast', 'kubernetes.io/arch': 'amd64' } })],
    }),
    {},
    ['blocking POD.SELECTS_SOURCE shop/web', 'warning NODE.LABEL_LOST apps', 'warning NODE.LABEL_LOST tools'],
  ],
  [
    'another node has that label, too',
    aSnapshot({
      nodes: [
        ...healthy.nodes.map((node) => ({ ...node, labels: { ...node.labels, disk: 'fast' } })),
        aNode({ name: 'k', nodegroupName: null, labels: { disk: 'fast' } }),
      ],
      pods: [...healthy.pods, aPod({ nodeSelector: { disk: 'fast' } })],
    }),
    {},
    ['advice CLUSTER.SELF_MANAGED_NODES k', 'warning NODE.LABEL_LOST apps', 'warning NODE.LABEL_LOST tools'],
  ],
];

describe('findings', () => {
  for (const [name, snapshot, request, expected] of rows) {
    test(name, () => assert.deepEqual(brief(snapshot, aRequest(request)), expected));
  }
});

/** The only finding. */
const only = (snapshot: ClusterSnapshot, request?: PlanRequest) => {
  const [finding, ...others] = findingsOf(snapshot, request);
  assert.ok(finding !== undefined && others.length === 0);
  return finding;
};

describe('what a finding says', () => {
  test('a budget: the arithmetic and commands', () => {
    const finding = only(
      aSnapshot({
        podDisruptionBudgets: [
          aBudget({ maxUnavailable: null, minAvailable: 4 }),
          ...healthy.podDisruptionBudgets.slice(1),
        ],
      }),
    );
    assert.equal(
      finding.summary,
      'PDB shop/web never allows an eviction of Deployment shop/web: it needs 4 healthy, has 4, expected 4 (minAvailable: 4).',
    );
    assert.match(finding.why, /4 - 4 = 0 may be down/);
    assert.deepEqual(finding.nextActions, [
      'kubectl -n shop scale deployment/web --replicas=5  # and back to 4 after the drain',
      `kubectl -n shop patch pdb web --type=merge -p '{"spec":{"minAvailable":null,"maxUnavailable":1}}'  # was minAvailable: 4`,
    ]);
  });
  test('a subnet: free addresses, free blocks, blocks needed', () => {
    const addresses = Array.from({ length: 15 }, (_, block) => `10.0.1.${block * 16 + 9}`);
    const finding = only(
      aSnapshot({
        subnets: [aSubnet({ availableIpAddressCount: 207 }), ...healthy.subnets.slice(1)],
        networkInterfaces: [...healthy.networkInterfaces, anInterface({ instanceId: null, addresses })],
      }),
    );
    assert.equal(
      finding.summary,
      'subnet-0aa1 (eu-west-1a) runs short when prefix delegation is switched on: 3 /28 blocks needed, 0 free. At the peak 12 are needed.',
    );
    assert.match(finding.why, /^207 addresses are free/);
  });
  test('every finding has a reason, what blocks a next action, and each of those can be pasted', () => {
    for (const [, snapshot, request] of rows) {
      for (const finding of findingsOf(snapshot, aRequest(request))) {
        assert.ok(finding.summary.length > 0 && finding.why.length > 0, finding.code);
        assert.ok(finding.severity !== 'blocking' || finding.nextActions.length > 0, finding.code);
        assert.deepEqual(
          // what belongs to another tool is changed in its source; a new subnet is a person's choice
          finding.nextActions.filter((action) => !isCommand(action) && !/^(Put|Set|Commit|Make) /.test(action)),
          [],
          finding.code,
        );
        assert.ok(
          checks.some((check) => check.codes.some(({ code }) => code === finding.code)),
          finding.code,
        );
      }
    }
  });
});

describe('--allow', () => {
  const request = aRequest({ allow: ['POD.BARE'] });
  test('marks what it accepts', () => {
    const snapshot = withPods(bare, aPod({ name: 'cache', emptyDirVolumes: ['data'] }));
    assert.deepEqual(
      findingsOf(snapshot, request).map(({ code, allowed }) => [code, allowed]),
      [
        ['POD.BARE', true],
        ['POD.EMPTY_DIR', undefined],
      ],
    );
  });
  test('without such a finding does nothing', () => assert.deepEqual(findingsOf(healthy, request), []));
  const refused = { code: 'INPUT.ALLOW', exitCode: 2 };
  test('refuses a code that does not exist', () =>
    assert.throws(() => findingsOf(healthy, aRequest({ allow: ['POD.BAER'] })), refused));
  test('refuses what nobody can accept, once it is in the way', () => {
    const allow = ['CNI.TOO_OLD'];
    const old = aSnapshot({ vpcCni: aVpcCni({ version: '1.8.0' }) });
    assert.throws(() => findingsOf(old, aRequest({ allow })), refused);
    assert.deepEqual(findingsOf(healthy, aRequest({ allow })), []);
  });
});

describe('clusters not seen before', () => {
  test('Karpenter, Fargate and hybrid nodes are named, and their pods are none of our business', () => {
    const nodes = [
      aNode({ name: 'karpenter', nodegroupName: null, labels: { 'karpenter.sh/nodepool': 'default' } }),
      aNode({ name: 'fargate', nodegroupName: null, instanceId: null, instanceType: null }),
      aNode({
        name: 'hybrid',
        nodegroupName: null,
        instanceId: null,
        labels: { 'eks.amazonaws.com/compute-type': 'hybrid' },
      }),
    ];
    const pods = nodes.map(({ name }) =>
      aPod({ name: `on-${name}`, nodeName: name, controller: null, emptyDirVolumes: ['x'] }),
    );
    const pending = aPod({ name: 'pending', nodeName: null, phase: 'Pending', controller: null });
    assert.deepEqual(
      brief(aSnapshot({ nodes: [...healthy.nodes, ...nodes], pods: [...healthy.pods, ...pods, pending] })),
      ['advice CLUSTER.OTHER_NODES shop-eu', 'advice CLUSTER.KARPENTER default'],
    );
  });
  test('no budgets, workloads or interfaces known', () => {
    const found = findingsOf(aSnapshot({ podDisruptionBudgets: [], workloads: [], networkInterfaces: [] }));
    assert.deepEqual(
      found.filter(({ severity }) => severity === 'blocking'),
      [],
    );
  });
  test('budgets with null selectors, and controllers that are not listed', () => {
    const custom = aPod({
      name: 'x',
      controller: { apiVersion: 'v1', kind: 'Kafka', name: 'k', uid: 'k' },
      labels: { app: 'k' },
    });
    const budgets = [...healthy.podDisruptionBudgets, aBudget({ name: 'nothing', selector: null })];
    assert.deepEqual(brief(aSnapshot({ pods: [...healthy.pods, custom], podDisruptionBudgets: budgets })), [
      'warning POD.UNKNOWN_CONTROLLER Kafka shop/k',
    ]);
  });
  test('a hundred thousand pods under a thousand budgets', () => {
    const nodes = healthy.nodes.map(({ name }) => name);
    const many = Array.from({ length: 1000 }, (_, index) => ({
      pods: podsOf(`ns-${index % 50}`, `app-${index}`, 100, nodes),
      budget: aBudget({
        namespace: `ns-${index % 50}`,
        name: `app-${index}`,
        selector: { matchLabels: { app: `app-${index}` } },
      }),
    }));
    const snapshot = aSnapshot({
      pods: many.flatMap(({ pods }) => pods),
      podDisruptionBudgets: many.map(({ budget }) => budget),
      workloads: [],
    });
    assert.deepEqual(
      findingsOf(snapshot).filter(({ code }) => code.startsWith('PDB')),
      [],
    );
  });
});
