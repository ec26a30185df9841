/** What looks like success and is none, and what looks like failure and is none: one row each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditChecks } from '../../../src/checks/audit/index.ts';
import { checks } from '../../../src/checks/index.ts';
import { type AuditFacts, isHealthy } from '../../../src/domain/audit.ts';
import type { ClusterSnapshot, Nodegroup } from '../../../src/domain/snapshot.ts';
import { allocatable, audited, type OneNode, oneNode, prefixCni } from '../../support/audited.ts';
import {
  aNode,
  aNodegroup,
  anInstanceType,
  anInterface,
  aPod,
  aSnapshot,
  aSubnet,
  aVpcCni,
} from '../../support/snapshot.ts';

/** An m5.4xlarge allows 110 pods with and without prefixes. */
const noGainType = anInstanceType({ instanceType: 'm5.4xlarge', vcpus: 16, enis: 8, ipv4PerEni: 30 });
const xenType = anInstanceType({ instanceType: 'p2.xlarge', hypervisor: 'xen', vcpus: 4, enis: 4, ipv4PerEni: 15 });
const metalType = anInstanceType({
  instanceType: 'm5.metal',
  hypervisor: null,
  bareMetal: true,
  vcpus: 96,
  enis: 15,
  ipv4PerEni: 50,
});
const secondary = { addresses: ['10.0.1.10', '10.0.1.11', '10.0.1.12'], prefixes: [] };
const onSecondary = [{ podIp: '10.0.1.11' }];
const young = { createdAt: '2026-03-01T09:59:00.000Z' };
/** a /28 has one block, which AWS keeps addresses of: never a free one */
const fullSubnet = [aSubnet({ cidr: '10.0.1.0/28', availableIpAddressCount: 10 })];
const rolling = { generation: 2, observedGeneration: 2, desired: 5, updated: 3, available: 5, unavailable: 0 };

interface Row {
  title: string;
  is: OneNode;
  why: string[];
  said: string[];
  verdict?: string;
}

const rows: Row[] = [
  { title: 'on prefixes as it should be', is: {}, why: [], said: [], verdict: 'fine' },
  {
    title: 'a bogus name only: it looks configured and is not',
    is: {
      node: { allocatable: allocatable(29) },
      interface: secondary,
      pods: onSecondary,
      snapshot: { vpcCni: aVpcCni({ env: { AWS_VPC_K8S_CNI_ENABLE_PREFIX_DELEGATION: 'true' } }) },
    },
    why: [],
    said: ['advice AUDIT.DELEGATION_OFF', 'warning CNI.UNKNOWN_SETTING'],
  },
  {
    title: 'the rollout has not reached the node',
    is: { interface: secondary, pods: onSecondary, snapshot: { vpcCni: { ...prefixCni(), rollout: rolling } } },
    why: ['rolling'],
    said: ['blocking AUDIT.NODE_WITHOUT_PREFIX'],
  },
  {
    title: 'not Nitro: secondary IP mode without an error',
    is: {
      node: { instanceType: 'p2.xlarge', nodegroupName: 'gpu', allocatable: allocatable(58) },
      interface: secondary,
      pods: onSecondary,
      snapshot: {
        instanceTypes: [xenType],
        nodegroups: [aNodegroup({ nodegroupName: 'gpu', instanceTypes: ['p2.xlarge'] })],
      },
    },
    why: ['not-nitro'],
    said: ['warning INSTANCE.NOT_NITRO'],
  },
  {
    title: 'not Nitro and maxPods 110: pods will wait for addresses',
    is: {
      node: { instanceType: 'p2.xlarge' },
      interface: secondary,
      pods: onSecondary,
      snapshot: { instanceTypes: [xenType], nodegroups: [] },
    },
    why: ['not-nitro', 'max-pods-above-addresses'],
    said: ['warning INSTANCE.NOT_NITRO', 'warning AUDIT.MAX_PODS_ABOVE_ADDRESSES'],
  },
  {
    title: 'a CNI from before prefix delegation',
    is: { interface: secondary, pods: onSecondary, snapshot: { vpcCni: { ...prefixCni(), version: '1.8.0' } } },
    why: ['cni-too-old', 'max-pods-above-addresses'],
    said: ['blocking CNI.TOO_OLD', 'warning AUDIT.MAX_PODS_ABOVE_ADDRESSES'],
  },
  {
    title: 'bare metal needs a newer CNI',
    is: {
      node: { instanceType: 'm5.metal', allocatable: allocatable(250) },
      interface: secondary,
      pods: onSecondary,
      snapshot: { instanceTypes: [metalType], nodegroups: [], vpcCni: { ...prefixCni(), version: '1.10.4' } },
    },
    why: ['cni-too-old'],
    said: ['blocking CNI.TOO_OLD'],
  },
  {
    title: 'maxPods 110 by the cap of EKS says nothing about prefixes',
    is: {
      node: { instanceType: 'm5.4xlarge' },
      interface: secondary,
      pods: onSecondary,
      snapshot: { instanceTypes: [noGainType], nodegroups: [aNodegroup({ instanceTypes: ['m5.4xlarge'] })] },
    },
    why: ['older-than-switch'],
    said: ['warning AUDIT.OLDER_THAN_SWITCH'],
  },
  {
    title: 'prefixes, but maxPods from before the switch',
    is: { node: { allocatable: allocatable(29) } },
    why: ['old-max-pods'],
    said: ['warning AUDIT.MAX_PODS_OLD'],
  },
  {
    title: 'prefixes, and a limit that somebody set',
    is: { node: { allocatable: allocatable(60) } },
    why: ['lower-max-pods'],
    said: ['advice AUDIT.MAX_PODS_LOWER'],
    verdict: 'noted',
  },
  {
    title: 'more than EKS recommends, with addresses for it, is fine',
    is: { node: { allocatable: allocatable(250) } },
    why: [],
    said: [],
  },
  {
    title: 'more pods than there are addresses',
    is: { node: { allocatable: allocatable(500) } },
    why: ['max-pods-above-addresses'],
    said: ['warning AUDIT.MAX_PODS_ABOVE_ADDRESSES'],
  },
  {
    title: 'the smallest type of the group decides',
    is: {
      node: { allocatable: allocatable(98) },
      snapshot: {
        instanceTypes: [anInstanceType(), anInstanceType({ instanceType: 't3a.small', enis: 2, ipv4PerEni: 4 })],
        nodegroups: [aNodegroup({ instanceTypes: ['m5.large', 't3a.small'] })],
      },
    },
    why: [],
    said: [],
  },
  {
    title: 'an old node after the switch: a prefix, and pods where they were',
    is: {
      node: { allocatable: allocatable(29) },
      interface: { ...secondary, prefixes: ['10.0.1.32/28'] },
      pods: onSecondary,
    },
    why: ['older-than-switch'],
    said: ['warning AUDIT.OLDER_THAN_SWITCH'],
  },
  {
    title: 'a new node that started before its aws-node had the settings',
    is: { interface: { ...secondary, prefixes: ['10.0.1.32/28'] } },
    why: ['secondary-left'],
    said: ['warning AUDIT.SECONDARY_LEFT'],
  },
  {
    title: 'Ready, maxPods 110, no prefix: the subnet has no block',
    is: { interface: { addresses: ['10.0.1.10'], prefixes: [] }, pods: [], snapshot: { subnets: fullSubnet } },
    why: ['no-free-prefix'],
    said: ['blocking AUDIT.NODE_WITHOUT_PREFIX', 'warning AUDIT.FEW_PREFIXES'],
  },
  {
    title: 'Ready, maxPods 110, no prefix, though there are blocks',
    is: { interface: { addresses: ['10.0.1.10'], prefixes: [] }, pods: [] },
    why: ['no-prefix'],
    said: ['blocking AUDIT.NODE_WITHOUT_PREFIX'],
  },
  {
    title: 'a node that has just started may have none yet',
    is: { node: young, interface: { addresses: ['10.0.1.10'], prefixes: [] }, pods: [] },
    why: ['starting'],
    said: [],
    verdict: 'noted',
  },
  {
    title: 'all slots of an old node hold addresses in use',
    is: {
      node: { allocatable: allocatable(29) },
      interface: { addresses: Array.from({ length: 30 }, (_, i) => `10.0.1.${100 + i}`), prefixes: [] },
      pods: [{ podIp: '10.0.1.101' }],
    },
    why: ['no-slot'],
    said: ['warning AUDIT.OLDER_THAN_SWITCH'],
  },
  {
    title: 'a cordoned node attaches no prefix',
    is: { node: { unschedulable: true, allocatable: allocatable(29) }, interface: secondary, pods: onSecondary },
    why: ['cordoned'],
    said: ['advice AUDIT.CORDONED'],
    verdict: 'noted',
  },
  {
    title: 'a cordoned node with a prefix and its old maxPods is being left',
    is: { node: { unschedulable: true, allocatable: allocatable(29) }, pods: [] },
    why: ['cordoned'],
    said: ['advice AUDIT.CORDONED'],
    verdict: 'noted',
  },
  {
    title: 'pods on the host network have the address of the node',
    is: { pods: [{ podIp: '10.0.1.10', hostNetwork: true }] },
    why: [],
    said: [],
  },
  {
    title: 'a pod with a branch interface',
    is: { pods: [{ podIp: '10.0.9.9', annotations: { 'vpc.amazonaws.com/pod-eni': '[{}]' } }] },
    why: [],
    said: [],
  },
  {
    title: 'a pod with an address that no interface has: alarm',
    is: { pods: [{ podIp: '10.0.1.200' }] },
    why: ['unknown-pod-address'],
    said: ['blocking AUDIT.POD_ADDRESS_STRAY'],
  },
  {
    title: 'a pod that is going may have given its address back',
    is: { pods: [{ podIp: '10.0.1.200', deletionTimestamp: '2026-03-01T09:59:50.000Z' }] },
    why: [],
    said: [],
  },
  {
    title: 'a pod that has waited for an address for long',
    is: { pods: [{ phase: 'Pending' }] },
    why: ['pods-without-address'],
    said: ['advice AUDIT.PODS_WITHOUT_ADDRESS'],
    verdict: 'noted',
  },
  { title: 'a pod that has just come', is: { pods: [{ phase: 'Pending', ...young }] }, why: [], said: [] },
  {
    title: 'Auto Mode always has prefixes',
    is: { node: { labels: { 'eks.amazonaws.com/compute-type': 'auto' }, allocatable: allocatable(20) } },
    why: ['not-judged'],
    said: [],
    verdict: 'not-judged',
  },
  {
    title: 'Windows',
    is: { node: { labels: { 'kubernetes.io/os': 'windows' } }, interface: secondary },
    why: ['not-judged'],
    said: [],
  },
  {
    title: 'Fargate',
    is: { node: { name: 'fargate-ip-10-0-1-7', instanceId: null, nodegroupName: null, allocatable: allocatable(1) } },
    why: ['not-judged'],
    said: [],
  },
  {
    title: 'an IPv6 cluster has no secondary IP mode',
    is: {
      interface: { addresses: ['10.0.1.10'], prefixes: [] },
      pods: [{ podIp: '2600:1f13::7' }],
      snapshot: { cluster: { ...aSnapshot().cluster, ipFamily: 'ipv6' } },
    },
    why: ['not-judged'],
    said: ['advice CLUSTER.IPV6'],
  },
  {
    title: 'another CNI',
    is: {
      interface: secondary,
      snapshot: { vpcCni: aVpcCni({ managedBy: 'absent', addon: null, env: {}, rollout: null }) },
    },
    why: ['not-judged'],
    said: ['advice AUDIT.NO_VPC_CNI'],
  },
  {
    title: 'a type that EC2 does not describe is not judged by its limit',
    is: { snapshot: { instanceTypes: [] } },
    why: ['unknown-type'],
    said: [],
    verdict: 'noted',
  },
  {
    title: 'gone between two reads',
    is: { interface: { instanceId: 'i-other' } },
    why: ['no-interface-seen'],
    said: [],
    verdict: 'noted',
  },
  {
    title: 'delegation is off: nothing is wrong',
    is: {
      node: { allocatable: allocatable(29) },
      interface: secondary,
      pods: onSecondary,
      snapshot: { vpcCni: aVpcCni() },
    },
    why: [],
    said: ['advice AUDIT.DELEGATION_OFF'],
    verdict: 'fine',
  },
  {
    title: 'delegation was switched off, prefixes are left',
    is: { node: { allocatable: allocatable(29) }, snapshot: { vpcCni: aVpcCni() } },
    why: ['prefix-while-off'],
    said: ['advice AUDIT.DELEGATION_OFF', 'warning AUDIT.PREFIX_WHILE_OFF'],
  },
];

for (const { title, is, why, said, verdict } of rows) {
  test(title, () => {
    const found = audited(oneNode(is));
    assert.deepEqual(
      found.node.why.map(({ code }) => code),
      why,
    );
    assert.deepEqual(found.said, said);
    if (verdict !== undefined) assert.equal(found.node.verdict, verdict);
    assert.equal(
      isHealthy(found.findings),
      said.every((line) => line.startsWith('advice')),
    );
  });
}

const lint = (env: Record<string, string>, base = prefixCni()) =>
  audited(oneNode({ snapshot: { vpcCni: { ...base, env: { ...base.env, ...env } } } })).said;

const warningActions = (nodegroups: Nodegroup[], is: OneNode) =>
  audited(oneNode({ ...is, snapshot: { nodegroups, ...is.snapshot } })).findings.find(
    ({ severity }) => severity === 'warning',
  )?.nextActions;

test('half-way through a migration the next action is to go on with it', () => {
  const replacement = aNodegroup({ nodegroupName: 'apps-pd-1', tags: { 'prefix-migrate/source': 'apps' } });
  const goOn = [
    'prefix-migrate status prefix-migrate-shop-eu  # the plan under way: apps-pd-1 replaces apps',
    'prefix-migrate apply prefix-migrate-shop-eu  # goes on with it; give the folder that the plan was written to',
  ];
  const cases = [
    { node: { allocatable: allocatable(29) } },
    { node: { allocatable: allocatable(29) }, interface: secondary, pods: onSecondary },
  ];
  for (const old of cases) {
    assert.deepEqual(warningActions([aNodegroup(), replacement], old), goOn);
    assert.deepEqual(warningActions([aNodegroup()], old), ['prefix-migrate plan --cluster shop-eu --nodegroup apps']);
  }
});

test('settings: what caps, thrashes, is ignored or costs', () => {
  assert.deepEqual(lint({ WARM_IP_TARGET: '5', MINIMUM_IP_TARGET: '16' }), [], 'targets as plan proposes them');
  assert.deepEqual(lint({ MINIMUM_IP_TARGET: '16' }), ['blocking CNI.MINIMUM_CAPS_NODE']);
  assert.deepEqual(lint({ WARM_PREFIX_TARGET: '0' }), ['blocking CNI.NO_WARM_TARGET']);
  assert.deepEqual(lint({ WARM_PREFIX_TARGET: 'one' }), [
    'blocking AUDIT.SETTING_NOT_A_NUMBER',
    'blocking CNI.NO_WARM_TARGET',
  ]);
  assert.deepEqual(lint({ WARM_PREFIX_TARGET: '3', WARM_IP_TARGET: '5' }), ['advice CNI.IP_TARGETS_WIN']);
  assert.deepEqual(lint({ WARM_PREFIX_TARGET: '2' }), ['advice AUDIT.WARM_TARGET_COST']);
  assert.deepEqual(lint({ WARM_IP_TARGET: '16' }), ['advice AUDIT.WARM_TARGET_COST']);
  assert.deepEqual(lint({ AWS_VPC_K8S_CNI_WARM_PREFIX_TARGET: '1' }), ['warning CNI.UNKNOWN_SETTING']);
  assert.deepEqual(lint({ AWS_VPC_K8S_CNI_EXTERNALSNAT: 'true' }), [], 'a real name with that prefix');
});

test('in secondary IP mode MINIMUM_IP_TARGET alone caps a node at just that number', () => {
  const snapshot = oneNode({ interface: secondary, pods: onSecondary, node: { allocatable: allocatable(29) } });
  const { findings } = audited({ ...snapshot, vpcCni: aVpcCni({ env: { MINIMUM_IP_TARGET: '12' } }) });
  assert.match(
    findings.find(({ code }) => code === 'CNI.MINIMUM_CAPS_NODE')?.summary ?? '',
    /gives a node 12 addresses/,
  );
});

const nextActionsWith = (vpcCni: ClusterSnapshot['vpcCni']) =>
  audited(oneNode({ snapshot: { vpcCni } })).findings.flatMap(({ nextActions }) => nextActions);

test('settings of an add-on are changed through the add-on', () => {
  const env = { WARM_PREFIX_TARGET: '0' };
  assert.match(
    nextActionsWith(prefixCni(env)).join('\n'),
    /aws eks update-addon .*'\{"env":\{"WARM_PREFIX_TARGET":"1"\}\}'/,
  );
  assert.match(
    nextActionsWith({ ...prefixCni(env), managedBy: 'self-managed' }).join('\n'),
    /kubectl .*set env .*WARM_PREFIX_TARGET=1/,
  );
});

test('few free blocks are a warning with prefix delegation on, and advice with it off; only where nodes are', () => {
  const small = [aSubnet(), aSubnet({ subnetId: 'subnet-unused', cidr: '10.0.9.0/28' })];
  assert.deepEqual(audited(oneNode({ snapshot: { subnets: small } }), 14).said, ['warning AUDIT.FEW_PREFIXES']);
  assert.deepEqual(
    audited(oneNode({ snapshot: { subnets: small } }), 13).said,
    [],
    'a /24 less the first, the last, the prefix',
  );
  const off = oneNode({
    node: { allocatable: allocatable(29) },
    interface: secondary,
    pods: onSecondary,
    snapshot: { subnets: small, vpcCni: aVpcCni() },
  });
  assert.deepEqual(audited(off, 15).said, ['advice AUDIT.DELEGATION_OFF', 'advice AUDIT.FEW_PREFIXES']);
});

test('addresses that cannot be seen are told of', () => {
  const shared = [aSubnet({ ownerId: '999988887777', availableIpAddressCount: 100 })];
  assert.deepEqual(audited(oneNode({ snapshot: { subnets: shared } })).said, ['advice SUBNET.SHARED']);
});

const counting = (availableIpAddressCount: number) =>
  audited(oneNode({ snapshot: { subnets: [aSubnet({ availableIpAddressCount })] } }));

test('more free addresses than there can be are told of, and no fault', () => {
  // 251 less the address of the node and a prefix, and three that may come and go
  assert.deepEqual(counting(251 - 1 - 16 + 3).said, []);
  const { findings, facts } = counting(251 - 1 - 16 + 4);
  assert.deepEqual(
    findings.map(({ severity, code, summary, nextActions }) => [severity, code, summary, nextActions]),
    [
      [
        'advice',
        'SUBNET.MAP_INCOMPLETE',
        'subnet-0aa1: AWS counts 4 more free addresses than its network interfaces and reservations leave.',
        ['prefix-migrate audit --cluster shop-eu'],
      ],
    ],
  );
  assert.deepEqual(
    facts.subnets.map(({ map, hiddenAddresses, contradictingAddresses }) => [
      map,
      hiddenAddresses,
      contradictingAddresses,
    ]),
    [['A.P............A', 0, 4]],
  );
});

test('node pools of Karpenter are told to set maxPods themselves', () => {
  const { findings, node } = audited(
    oneNode({
      node: { nodegroupName: null, labels: { 'karpenter.sh/nodepool': 'spot' }, allocatable: allocatable(29) },
    }),
  );
  assert.equal(node.group, 'spot');
  assert.match(findings[0]?.summary ?? '', /^Node pool spot: 1 node with maxPods 29; with prefixes 110/);
  assert.deepEqual(findings[0]?.nextActions, ['Set spec.kubelet.maxPods of the EC2NodeClass to 110']);
});

const offSummary = (snapshot: ClusterSnapshot) =>
  audited(snapshot).findings.find(({ code }) => code === 'AUDIT.DELEGATION_OFF')?.summary;

test('how many nodes would gain', () => {
  assert.match(offSummary(aSnapshot()) ?? '', /With it 5 of 5 nodes could take 110 pods in place of 29\.$/);
  const noGain = aSnapshot({
    instanceTypes: [noGainType],
    nodegroups: [],
    nodes: [aNode({ instanceType: 'm5.4xlarge', allocatable: allocatable(110) })],
  });
  assert.match(offSummary(noGain) ?? '', /no node would take more pods/);
});

test('every code that is given is in the reference', () => {
  const known = new Set([...checks, ...auditChecks].flatMap(({ codes }) => codes.map(({ code }) => code)));
  const given = rows.flatMap(({ is }) => audited(oneNode(is)).findings.map(({ code }) => code));
  assert.deepEqual(
    given.filter((code) => !known.has(code)),
    [],
  );
});

test('an empty cluster is fine', () => {
  const facts: AuditFacts = {
    snapshot: aSnapshot({ nodes: [] }),
    nodes: [],
    subnets: [],
    minFreePrefixes: 10,
    strayPods: [],
  };
  assert.deepEqual(
    auditChecks.flatMap((check) => check.run(facts)),
    [],
  );
});

test('the pods of a stray address are named', () => {
  const snapshot = oneNode({ pods: [] });
  const pods = ['a', 'b'].map((name, i) => aPod({ name, podIp: `10.0.1.${200 + i}` }));
  const [finding] = audited({
    ...snapshot,
    pods,
    networkInterfaces: [anInterface({ prefixes: ['10.0.1.32/28'] })],
  }).findings;
  assert.equal(finding?.subject, 'shop/a, shop/b');
});

const actionsAgainstTooMany = (is: OneNode) =>
  audited(oneNode(is)).findings.find(({ code }) => code === 'AUDIT.MAX_PODS_ABOVE_ADDRESSES')?.nextActions;

test('too many pods: what can help depends on the type', () => {
  const xen: OneNode = {
    node: { instanceType: 'p2.xlarge' },
    interface: secondary,
    pods: onSecondary,
    snapshot: { instanceTypes: [xenType] },
  };
  assert.deepEqual(actionsAgainstTooMany(xen), [
    'Lower maxPods of apps: its instances are not Nitro, and cannot use prefixes',
  ]);
  assert.deepEqual(actionsAgainstTooMany({ node: { allocatable: allocatable(500) } }), [
    'Lower maxPods of apps, or let its nodes use prefixes',
  ]);
});
