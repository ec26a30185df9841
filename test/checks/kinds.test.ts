/** Kinds of clusters and nodes that are not what a migration is made for: each is recognised, answered, and counts nowhere. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import { blockers, type Finding } from '../../src/domain/finding.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, Workload } from '../../src/domain/snapshot.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import {
  aNode,
  aNodegroup,
  anInstanceType,
  anInterface,
  aPod,
  aRequest,
  aSnapshot,
  aVpcCni,
} from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

const healthy = aSnapshot();
const findingsOf = (snapshot: ClusterSnapshot, request: PlanRequest = aRequest()): Finding[] =>
  runChecks(snapshot, request, scopeOf(snapshot, request));
const planOf = (snapshot: ClusterSnapshot, request: PlanRequest = aRequest()) =>
  makePlan({ snapshot, request, findings: findingsOf(snapshot, request), toolVersion: '0.0.0-test', templates });
const brief = (findings: readonly Finding[]) =>
  findings.map(({ code, severity, subject }) => `${severity} ${code} ${subject}`);
const named = (snapshot: ClusterSnapshot, code: string, request?: PlanRequest): Finding => {
  const found = findingsOf(snapshot, request).find((finding) => finding.code === code);
  assert.ok(found, code);
  return found;
};

/** The numbers of a plan, which other nodes must not change. */
const numbers = (snapshot: ClusterSnapshot) => {
  const { nodegroups, subnets, forecast } = planOf(snapshot);
  return {
    nodegroups: nodegroups.map(({ source, nodes, pods, prefixesPerNode }) => ({
      source,
      nodes,
      pods,
      prefixesPerNode,
    })),
    subnets: subnets.map(({ subnetId, freePrefixes, peakDemand }) => ({ subnetId, freePrefixes, peakDemand })),
    forecast,
  };
};
const plain = numbers(healthy);

const computeType = (type: string, index: number, instanceId: string | null) =>
  aNode({
    name: `${type}-${index}`,
    nodegroupName: null,
    instanceId,
    labels: {
      'eks.amazonaws.com/compute-type': type,
      ...(type === 'auto' ? { 'karpenter.sh/nodepool': 'general-purpose' } : {}),
    },
  });
const daemonOn = (nodeName: string) =>
  aPod({
    name: `agent-${nodeName}`,
    nodeName,
    controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'uid-ds-agent' },
  });
const withNodes = (...nodes: ClusterSnapshot['nodes']) =>
  aSnapshot({
    nodes: [...healthy.nodes, ...nodes],
    pods: [...healthy.pods, ...nodes.map(({ name }) => daemonOn(name))],
  });

const pool = (index: number, instanceType: string, labels: Record<string, string> = {}) =>
  aNode({
    name: `k-${index}`,
    nodegroupName: null,
    instanceType,
    labels: { 'karpenter.sh/nodepool': 'default', 'karpenter.k8s.aws/ec2nodeclass': 'apps', ...labels },
  });
const daemonSet = (namespace: string, name: string, replicas: number): Workload => ({
  kind: 'DaemonSet',
  namespace,
  name,
  uid: `uid-${name}`,
  controller: null,
  replicas,
  readyReplicas: replicas,
});
/** Blocks of the first subnet that the old nodes take at the switch. */
const taken = (one: ClusterSnapshot) =>
  planOf(one, aRequest({ order: 'safe-flip' })).subnets.find(({ subnetId }) => subnetId === 'subnet-0aa1')?.timeline[0]
    ?.taken ?? 0;

describe('IPv6', () => {
  const snapshot = aSnapshot({ cluster: { ...healthy.cluster, ipFamily: 'ipv6' } });
  test('nothing to migrate, and nothing in the way', () => {
    const plan = planOf(snapshot);
    assert.deepEqual(brief(plan.findings), ['advice CLUSTER.IPV6 shop-eu', 'advice PLAN.NOTHING_TO_DO shop-eu']);
    assert.deepEqual([plan.steps, plan.nodegroups, plan.subnets, blockers(plan.findings)], [[], [], [], []]);
    assert.match(named(snapshot, 'CLUSTER.IPV6').why, /cannot be changed/);
  });
});

describe('EKS Auto Mode', () => {
  const auto = [1, 2, 3].map((index) => computeType('auto', index, `i-auto-${index}`));
  const autoMode = { ...healthy.cluster, autoMode: true };
  const withPrefix = auto.map(({ name, instanceId }) =>
    anInterface({ networkInterfaceId: `eni-${name}`, instanceId, subnetId: 'subnet-auto', prefixes: ['10.9.0.16/28'] }),
  );

  test('beside managed node groups: those are moved, and Auto Mode nodes change no number', () => {
    const mixed = withNodes(...auto);
    const snapshot = { ...mixed, cluster: autoMode, networkInterfaces: [...mixed.networkInterfaces, ...withPrefix] };
    assert.deepEqual(brief(findingsOf(snapshot)), ['advice CLUSTER.AUTO_MODE shop-eu']);
    assert.match(
      named(snapshot, 'CLUSTER.AUTO_MODE').summary,
      /3 nodes of its own; only its managed node groups are moved/,
    );
    assert.deepEqual(numbers(snapshot), plain);
  });

  test('without managed node groups there is nothing to do', () => {
    const rollout = { generation: 1, observedGeneration: 1, desired: 0, updated: 0, available: 0, unavailable: 0 };
    for (const vpcCni of [
      aVpcCni({ managedBy: 'absent', addon: null, version: null, env: {}, rollout: null }),
      aVpcCni({ rollout }),
    ]) {
      const snapshot = aSnapshot({
        cluster: autoMode,
        nodegroups: [],
        autoScalingGroups: [],
        nodes: auto,
        pods: [],
        vpcCni,
      });
      const plan = planOf(snapshot);
      assert.deepEqual(brief(plan.findings), ['advice CLUSTER.AUTO_MODE shop-eu', 'advice PLAN.NOTHING_TO_DO shop-eu']);
      assert.deepEqual([plan.steps, blockers(plan.findings)], [[], []]);
      assert.match(plan.findings[0]?.summary ?? '', /no managed node group/);
    }
  });
});

describe('Fargate and hybrid nodes', () => {
  test('are named with their numbers, and change none of the plan', () => {
    const snapshot = withNodes(
      computeType('fargate', 1, null),
      computeType('fargate', 2, null),
      computeType('hybrid', 1, null),
      aNode({ name: 'edge-1', nodegroupName: null, instanceId: null }),
    );
    assert.deepEqual(brief(findingsOf(snapshot)), ['advice CLUSTER.OTHER_NODES shop-eu']);
    assert.equal(
      named(snapshot, 'CLUSTER.OTHER_NODES').summary,
      '2 Fargate nodes, 1 hybrid node and 1 node that is no EC2 instance of shop-eu stay as they are, and count nowhere in this plan.',
    );
    assert.deepEqual(numbers(snapshot), plain);
  });
});

describe('Windows', () => {
  const windows = aNode({ name: 'win-1', nodegroupName: 'win', labels: { 'kubernetes.io/os': 'windows' } });
  const group = aNodegroup({ nodegroupName: 'win', amiType: 'WINDOWS_CORE_2022_x86_64' });
  const base = withNodes(windows);
  const snapshot: ClusterSnapshot = {
    ...base,
    nodegroups: [...base.nodegroups, group],
    networkInterfaces: [
      ...base.networkInterfaces,
      anInterface({ networkInterfaceId: 'eni-win', instanceId: windows.instanceId, subnetId: 'subnet-win' }),
    ],
  };

  test('the group is left out, and its nodes take no prefix at the switch', () => {
    assert.deepEqual(brief(findingsOf(snapshot)), ['advice NODEGROUP.WINDOWS win']);
    assert.deepEqual(numbers(snapshot), plain);
  });

  test('named by --nodegroup it is in the way, with the change to make by hand', () => {
    const request = aRequest({ nodegroups: ['apps', 'win'] });
    const { severity, nextActions } = named(snapshot, 'NODEGROUP.WINDOWS', request);
    assert.equal(severity, 'blocking');
    assert.equal(
      nextActions[0],
      `kubectl -n kube-system patch configmap amazon-vpc-cni --type merge --patch '{"data":{"enable-windows-ipam":"true","enable-windows-prefix-delegation":"true"}}'`,
    );
  });

  test('a group with an image of its own is known by its nodes', () => {
    const own = { ...snapshot, nodegroups: [...base.nodegroups, { ...group, amiType: 'CUSTOM' }] };
    assert.deepEqual(brief(findingsOf(own)), ['advice NODEGROUP.WINDOWS win']);
  });

  test('types that EC2 does not describe do not matter', () => {
    const unknown = { ...snapshot, nodegroups: [...base.nodegroups, { ...group, instanceTypes: ['x99.huge'] }] };
    assert.deepEqual(brief(findingsOf(unknown)), ['advice NODEGROUP.WINDOWS win']);
  });
});

describe('Karpenter', () => {
  const small = anInstanceType({ instanceType: 'm7g.medium', vcpus: 1, enis: 2, ipv4PerEni: 4, memoryMiB: 4096 });
  const nodes = [pool(1, 'm5.large'), pool(2, 'm7g.medium')];
  const snapshot: ClusterSnapshot = {
    ...withNodes(...nodes),
    instanceTypes: [anInstanceType(), small],
    networkInterfaces: [
      ...healthy.networkInterfaces,
      ...nodes.map(({ name, instanceId }) => anInterface({ networkInterfaceId: `eni-${name}`, instanceId })),
    ],
  };

  test('its nodes take prefixes at the switch, too, and the EC2NodeClass is named with the number', () => {
    const finding = named(snapshot, 'CLUSTER.KARPENTER');
    assert.deepEqual([finding.severity, finding.subject], ['advice', 'default']);
    assert.match(finding.summary, /2 nodes here \(node pools default\)/);
    assert.deepEqual(finding.nextActions, [
      `kubectl patch ec2nodeclass apps --type merge --patch '{"spec":{"kubelet":{"maxPods":98}}}'  # m7g.medium: 6 prefixes of 16 addresses; in YAML: spec: { kubelet: { maxPods: 98 } }`,
    ]);
    assert.equal(taken(snapshot) - taken(healthy), 4, 'two each: one in use, one spare');
  });

  test('a node class whose name is not known is looked for', () => {
    const [first] = nodes;
    assert.ok(first);
    const unnamed = withNodes({ ...first, labels: { 'karpenter.sh/nodepool': 'default' } });
    assert.deepEqual(named(unnamed, 'CLUSTER.KARPENTER').nextActions, [
      'kubectl get ec2nodeclasses  # in the one of default: spec: { kubelet: { maxPods: 110 } } (vCPU cap 110)',
    ]);
  });

  test('EC2 nodes of nobody are told as such', () => {
    const stranger = aNode({ name: 'by-hand', nodegroupName: null });
    assert.deepEqual(brief(findingsOf(withNodes(stranger))), ['advice CLUSTER.SELF_MANAGED_NODES by-hand']);
  });
});

describe('another CNI', () => {
  const nowhere = { generation: 1, observedGeneration: 1, desired: 0, updated: 0, available: 0, unavailable: 0 };
  const absent = aVpcCni({ managedBy: 'absent', addon: null, version: null, env: {}, rollout: null });
  const rows: [string, ClusterSnapshot['vpcCni'], Workload[], string[]][] = [
    [
      'Cilium without aws-node',
      absent,
      [daemonSet('kube-system', 'cilium', 5)],
      ['blocking CNI.OTHER_CNI kube-system/cilium'],
    ],
    [
      'Calico, and an aws-node that runs nowhere',
      aVpcCni({ rollout: nowhere }),
      [daemonSet('calico-system', 'calico-node', 5)],
      ['blocking CNI.OTHER_CNI calico-system/calico-node'],
    ],
    [
      'an aws-node that runs nowhere, and nothing else',
      aVpcCni({ rollout: nowhere }),
      [],
      ['blocking CNI.OTHER_CNI aws-node'],
    ],
    ['no CNI at all that is known', absent, [], ['blocking CNI.NOT_EKS_ADDON vpc-cni']],
    [
      'a DaemonSet without pods',
      absent,
      [daemonSet('kube-system', 'cilium', 0)],
      ['blocking CNI.NOT_EKS_ADDON vpc-cni'],
    ],
    [
      'Cilium on top of aws-node',
      aVpcCni(),
      [daemonSet('kube-system', 'cilium', 5)],
      ['advice CNI.CHAINED kube-system/cilium'],
    ],
    ['Calico beside aws-node, for policies', aVpcCni(), [daemonSet('kube-system', 'calico-node', 5)], []],
  ];
  for (const [name, vpcCni, workloads, expected] of rows) {
    test(name, () => {
      const snapshot = aSnapshot({ vpcCni, workloads: [...healthy.workloads, ...workloads] });
      const found = brief(findingsOf(snapshot)).filter((one) => /CNI\.(OTHER|NOT_EKS|CHAINED)/.test(one));
      assert.deepEqual(found, expected);
    });
  }
  test('nobody is told to change an aws-node that runs nowhere', () => {
    const vpcCni = aVpcCni({ rollout: nowhere, managedBy: 'self-managed', addon: null });
    const workloads = [...healthy.workloads, daemonSet('calico-system', 'calico-node', 5)];
    const found = brief(findingsOf(aSnapshot({ vpcCni, workloads }))).filter((one) => one.includes('CNI.'));
    assert.deepEqual(found, ['blocking CNI.OTHER_CNI calico-system/calico-node']);
  });
  test('nobody is told where there is nothing to do', () => {
    const snapshot = aSnapshot({ vpcCni: absent, workloads: [daemonSet('kube-system', 'cilium', 5)], nodegroups: [] });
    assert.deepEqual(
      brief(findingsOf(snapshot)).filter((one) => one.includes('CNI.')),
      [],
    );
  });
});
