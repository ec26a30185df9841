/**
 * What looks like success and is none, what looks like failure and is none: each row has its world, in which the step must
 * be neither fooled nor alarmed.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeReport } from '../../src/commands/actions/audit-cluster.ts';
import type { Node, Pod } from '../../src/simulator/kubernetes/objects.ts';
import { deployment, nodegroup } from '../../src/simulator/scenarios/parts.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import type { World } from '../../src/simulator/world.ts';
import { survey } from '../../src/survey/survey.ts';
import { startProcess } from './migration.ts';
import {
  aCluster,
  agent,
  type ClusterSpec,
  canaries,
  delegated,
  editAwsNode,
  interfacesOf,
  nodesOf,
  restartAwsNode,
  setEnv,
  spoilt,
  verify,
  wide,
} from './verification.ts';

/** The step stopped with this code (exit 6), has proven nothing, and left no canary; its error. */
async function refused(
  world: World,
  code: string,
  ...more: Parameters<typeof verify> extends [World, ...infer R] ? R : never
) {
  const { exitCode, error, nodes } = await verify(world, ...more);
  assert.equal(error?.code, code, error?.message);
  assert.equal(exitCode, 6);
  assert.deepEqual(nodes, []);
  assert.deepEqual(canaries(world), []);
  assert.ok(error);
  for (const text of [error.message, error.why, ...error.nextActions])
    assert.doesNotMatch(text, /\b[A-Z]{4,}\b(?!_|=| )|undefined|null/);
  return error;
}

/** The step passed, and left no canary; what it took for proof on each node. */
async function passed(world: World, ...more: Parameters<typeof verify> extends [World, ...infer R] ? R : never) {
  const verified = await verify(world, ...more);
  assert.equal(verified.exitCode, 0, verified.error?.message);
  assert.deepEqual(canaries(world), []);
  return { ...verified, evidence: verified.nodes.map(({ evidence }) => evidence) };
}

const byCanary = /^kube-system\/prefix-migrate-canary-\w+-0 has 10\.[\d.]+, out of 10\.[\d.]+\/28/;
const secondaryMode: ClusterSpec = { env: {} };

describe('looks like success, and is none', () => {
  test('the variable has a name that does not exist', async () => {
    const world = aCluster({ ...secondaryMode, setByHand: { AWS_VPC_K8S_CNI_ENABLE_PREFIX_DELEGATION: 'true' } });
    const { message } = await refused(world, 'CNI.SWITCHED_BACK');
    assert.match(message, /^DaemonSet aws-node has ENABLE_PREFIX_DELEGATION=/);
  });

  test('only the init container has the variable', async () => {
    const world = aCluster(secondaryMode);
    editAwsNode(world, ({ spec }) => setEnv(spec.template.spec.initContainers?.[0], delegated));
    const { why } = await refused(world, 'CNI.SWITCHED_BACK');
    assert.match(why, /Its init container has the variable, which does not read it/);
  });

  test('the rollout of aws-node is never finished: the pod on the node is named', async () => {
    const world = aCluster(secondaryMode);
    editAwsNode(world, ({ spec }) => {
      spec.updateStrategy = { type: 'OnDelete' };
      setEnv(spec.template.spec.containers[0], delegated);
    });
    const { why, nextActions } = await refused(world, 'VERIFY.NO_PREFIX');
    assert.match(why, /kube-system\/aws-node-\w+ on the node runs without ENABLE_PREFIX_DELEGATION=true/);
    assert.match(nextActions.join('\n'), /kubectl -n kube-system delete pod aws-node-\w+/);
  });

  test('the rollout of aws-node is not finished: the node waits for it, and is not refused', async () => {
    const world = aCluster(secondaryMode);
    editAwsNode(world, ({ spec }) => {
      spec.updateStrategy = { type: 'OnDelete' };
      setEnv(spec.template.spec.containers[0], delegated);
    });
    const { evidence, seconds } = await passed(world, {}, { 200: () => restartAwsNode(world) });
    assert.match(evidence.join(), byCanary);
    assert.ok(seconds > 200);
  });

  test('one node of a mixed group is not Nitro: aws-node says nothing, the type does', async () => {
    const world = aCluster({
      nodes: 2,
      group: { instanceTypes: ['m5.large', 't2.medium'], capacityType: 'SPOT' },
      workloads: [agent()],
    });
    const types = world.store
      .list<Node>('nodes')
      .map(({ metadata }) => metadata.labels?.['node.kubernetes.io/instance-type']);
    assert.deepEqual(new Set(types), new Set(['m5.large', 't2.medium']));
    const { error, exitCode } = await verify(world, { nodes: 2 });
    assert.equal(exitCode, 6);
    assert.equal(error?.code, 'VERIFY.NOT_NITRO');
    assert.match(error.message, /of apps-pd is a t2\.medium, which cannot use prefixes/);
    assert.match(error.nextActions.join(), /prefix-migrate plan --cluster demo --nodegroup apps$/);
  });

  test('allocatable 110 without prefixes: the cap of EKS is the same in both modes', async () => {
    const world = aCluster({ ...secondaryMode, group: { instanceTypes: ['m5.4xlarge'] }, workloads: [agent()] });
    assert.equal(world.store.list<Node>('nodes')[0]?.status.allocatable?.['pods'], '110');
    await refused(world, 'CNI.SWITCHED_BACK');
  });

  for (const [type, found] of [
    ['m5.large', 29],
    ['m5.xlarge', 58],
  ] as const) {
    test(`prefixes attached, but allocatable ${found}: the group is from before the switch`, async () => {
      const world = aCluster({ group: { instanceTypes: [type], maxPods: found }, workloads: [agent()] });
      const { message, why, nextActions } = await refused(world, 'VERIFY.WRONG_MAX_PODS');
      assert.match(message, new RegExp(`takes ${found} pods, but the plan says 110`));
      assert.match(why, new RegExp(`${found} is what ${type} takes in secondary IP mode`));
      assert.match(nextActions.join('\n'), new RegExp(`plan --cluster demo --nodegroup apps --max-pods ${found}`));
    });
  }

  test('prefixes attached, and the number is that of EKS for this type', async () => {
    const world = aCluster({ workloads: [agent()] });
    const { why } = await refused(world, 'VERIFY.WRONG_MAX_PODS', { maxPods: 200 });
    assert.match(why, /110 is what EKS computes for m5.large with prefixes: its own value went over/);
  });

  test('prefixes attached, and a number of nobody: the image or the kubelet', async () => {
    const world = aCluster({ group: { maxPods: 64 }, workloads: [agent()] });
    const { why } = await refused(world, 'VERIFY.WRONG_MAX_PODS');
    assert.match(why, /64 is neither what m5.large takes in secondary IP mode \(29\) nor with prefixes \(110\)/);
  });

  test('a prefix on an old node is no proof for the new ones', async () => {
    const world = aCluster({
      subnet: spoilt(0),
      others: [nodegroup('apps', 2, [wide])],
      workloads: [agent()],
    });
    for (const name of nodesOf(world, 'apps')) assert.ok((interfacesOf(world, name)[0]?.prefixes.length ?? 0) > 0);
    await refused(world, 'VERIFY.NO_PREFIX');
  });

  test('Ready, 110, zero prefixes: the subnet has no free block, and its spoilers are named', async () => {
    const world = aCluster({ subnet: spoilt(0) });
    const { message, why, nextActions } = await refused(world, 'VERIFY.NO_PREFIX');
    assert.match(message, /of apps-pd is Ready, but has got no prefix in 5 minutes/);
    assert.match(
      why,
      /Subnet subnet-0bbbb000000000002 \(10\.0\.32\.0\/24, us-west-2b\) has \d+ free addresses, but no free \/28/,
    );
    assert.match(why, /load balancers 1\d/);
    assert.match(nextActions.join('\n'), /prefix-migrate audit --cluster demo/);
    assert.match(nextActions.join('\n'), /Make a new \/2\d subnet in us-west-2b and plan with --subnet/);
  });

  test('blocks that come free with the old nodes are advised to be kept', async () => {
    const subnet = { ...wide, subnetId: 'subnet-0dddd000000000004', cidr: '10.0.32.0/26' };
    const world = aCluster({
      ...secondaryMode,
      subnet,
      others: [nodegroup('apps', 2, [subnet], { labels: { role: 'apps' } })],
      workloads: [deployment('shop', 'web', 18, { nodeSelector: { role: 'apps' } })],
    });
    editAwsNode(world, ({ spec }) => setEnv(spec.template.spec.containers[0], delegated));
    const { why, nextActions } = await refused(world, 'VERIFY.NO_PREFIX');
    assert.match(why, /spoilt by single addresses: .*old nodes \d.* \d come free when the nodes of apps are gone/);
    assert.match(
      nextActions.join('\n'),
      /aws ec2 create-subnet-cidr-reservation --region us-west-2 --subnet-id subnet-0dddd000000000004 --reservation-type prefix --cidr 10\.0\.32\.\d+\/2\d/,
    );
  });

  const noWitness: [string, (world: World, pod: Pod, node: string) => void][] = [
    ['a pod on the host network has the address of its node', () => undefined],
    [
      'a pod with a branch interface has one of its own',
      (world, pod, node) => {
        const eni = world.ec2.createEni({
          subnetId: wide.subnetId,
          description: 'aws-k8s-branch-eni',
          groups: [],
          interfaceType: 'branch',
        });
        assert.ok(node);
        change(world, pod, eni.primary, { 'vpc.amazonaws.com/pod-eni': '[]' });
      },
    ],
    [
      'a pod may keep a secondary address from before',
      (world, pod, node) => {
        const [eni] = interfacesOf(world, node);
        assert.ok(eni);
        const [address] = world.ec2.assignAddresses(eni, 1);
        change(world, pod, address ?? '');
      },
    ],
  ];
  for (const [name, play] of noWitness) {
    test(`no witness: ${name}`, async () => {
      const hostNetwork = name.includes('host network');
      const world = aCluster({ workloads: [agent({ hostNetwork })] });
      const [node = ''] = nodesOf(world);
      const pod = world.store.podsOnNode<Pod>(node).find(({ metadata }) => metadata.namespace === 'monitoring');
      assert.ok(pod);
      play(world, pod, node);
      const { evidence } = await passed(world);
      assert.equal(evidence.length, 1);
      assert.match(evidence.join(), byCanary);
    });
  }

  test('only DaemonSets on the host network are no evidence at all: a canary is', async () => {
    const world = aCluster({ nodes: 3 });
    assert.ok(world.store.list<Pod>('pods').every(({ spec }) => spec.hostNetwork));
    const { evidence } = await passed(world, { nodes: 3 });
    assert.equal(evidence.length, 3);
    for (const text of evidence) assert.match(text, byCanary);
  });

  test('a pod whose address is in no prefix and on no interface: alarm', async () => {
    const world = aCluster({ workloads: [agent()] });
    const lost = loseAddress(world);
    const { message, nextActions } = await refused(world, 'VERIFY.STRAY_ADDRESS');
    assert.match(
      message,
      new RegExp(`Pod monitoring/${lost.name} \\(${lost.ip}\\) on ip-\\S+ has an address that is in no prefix`),
    );
    assert.match(nextActions.join('\n'), new RegExp(`kubectl -n monitoring delete pod ${lost.name}`));
  });
});

describe('looks like failure, and is none', () => {
  test('a strange address that heals in time is no alarm', async () => {
    const world = aCluster({ workloads: [agent()] });
    const lost = loseAddress(world);
    const { evidence } = await passed(world, {}, { 100: () => world.store.remove('pods', 'monitoring', lost.name) });
    assert.match(evidence.join(), /^monitoring\/agent-\w+ has 10\./);
  });

  test('secondary addresses on a new node are noted, and go when aws-node starts again', async () => {
    const world = aCluster({ ...secondaryMode, version: 'v1.20.1-eksbuild.1', workloads: [agent()] });
    const [node = ''] = nodesOf(world);
    // it started before aws-node had the settings; pods keep their addresses
    editAwsNode(world, ({ spec }) => setEnv(spec.template.spec.containers[0], delegated));
    const { notes, evidence } = await passed(world);
    assert.match(notes.join(), new RegExp(`${node} also holds 1 secondary addresses`));
    assert.match(evidence.join(), byCanary);
    for (const pod of world.store.list<Pod>('pods', 'monitoring'))
      world.store.remove('pods', 'monitoring', pod.metadata.name);
    world.clock.advance(120_000);
    assert.equal(secondaries(world, node), 1, 'this version of the CNI leaves it attached');
    restartAwsNode(world);
    world.clock.advance(120_000);
    assert.equal(secondaries(world, node), 0);
  });

  test('fewer prefixes than WARM_PREFIX_TARGET are enough', async () => {
    const world = aCluster({ subnet: spoilt(1), env: { ...delegated, WARM_PREFIX_TARGET: '3' }, workloads: [agent()] });
    const { nodes } = await passed(world);
    assert.equal(nodes[0]?.prefixes.length, 1);
  });

  test('a block that comes free is taken two minutes after the refusal', async () => {
    const world = aCluster({ subnet: spoilt(0) });
    const { seconds, evidence } = await passed(
      world,
      {},
      { 100: () => restartAwsNode(world), 130: () => freeBlock(world) },
    );
    assert.match(evidence.join(), byCanary);
    assert.ok(seconds > 220 && seconds < 300, String(seconds));
  });
});

describe('the same worlds in an audit', () => {
  test('a pod whose address is in no prefix and on no interface: alarm', async () => {
    const world = aCluster({ workloads: [agent()] });
    const { name } = loseAddress(world);
    const { findings, healthy } = await audit(world);
    const stray = findings.find(({ code }) => code === 'AUDIT.POD_ADDRESS_STRAY');
    assert.equal(stray?.subject, `monitoring/${name}`);
    assert.equal(healthy, false);
  });

  test('an Auto Mode node with a prefix is not judged: it always has one', async () => {
    const world = aCluster({ workloads: [agent()], group: { maxPods: 64 } });
    const [name = ''] = nodesOf(world);
    const judged = await audit(world);
    assert.deepEqual([judged.nodes[0]?.verdict, judged.nodes[0]?.prefixes], ['noted', 2]);
    world.store.update<Node>('nodes', undefined, name, ({ metadata }) => {
      metadata.labels = { ...metadata.labels, 'eks.amazonaws.com/compute-type': 'auto' };
    });
    const { nodes, findings } = await audit(world);
    assert.deepEqual([nodes[0]?.verdict, nodes[0]?.prefixes], ['not-judged', 2]);
    assert.ok(findings.every(({ severity }) => severity === 'advice'));
  });

  test('prefixes attached, but allocatable 29: the group is from before the switch', async () => {
    const { findings } = await audit(aCluster({ group: { maxPods: 29 }, workloads: [agent()] }));
    const old = findings.find(({ code }) => code === 'AUDIT.MAX_PODS_OLD');
    assert.match(old?.summary ?? '', /maxPods 29; with prefixes 110 pods fit/);
  });

  test('Ready, 110, zero prefixes', async () => {
    const world = aCluster({ subnet: spoilt(0) });
    world.clock.advance(300_000);
    const { findings, healthy } = await audit(world);
    assert.equal(healthy, false);
    const bare = findings.find(({ code }) => code === 'AUDIT.NODE_WITHOUT_PREFIX');
    assert.match(bare?.why ?? '', /no free \/28 in subnet-0bbbb000000000002/);
  });

  test('secondary addresses on a new node are named, with the restart that heals it', async () => {
    const world = aCluster({ ...secondaryMode, workloads: [agent()] });
    editAwsNode(world, ({ spec }) => setEnv(spec.template.spec.containers[0], delegated));
    world.clock.advance(120_000);
    const { findings } = await audit(world);
    const left = findings.find(({ code }) => code === 'AUDIT.SECONDARY_LEFT');
    assert.match(left?.nextActions.join() ?? '', /delete pod -l k8s-app=aws-node --field-selector spec\.nodeName=ip-/);
  });
});

async function audit(world: World) {
  const { ports } = await startProcess(world);
  const snapshot = await drive(world.clock, survey(ports, { clusterName: world.cluster.name }));
  return makeReport(snapshot, { minFreePrefixes: 1, toolVersion: '0.0.0-test' });
}

function change(world: World, pod: Pod, ip: string, annotations: Record<string, string> = {}): void {
  world.store.update<Pod>('pods', pod.metadata.namespace, pod.metadata.name, (draft) => {
    draft.metadata.annotations = { ...draft.metadata.annotations, ...annotations };
    draft.status.podIP = ip;
    draft.status.podIPs = [{ ip }];
  });
}

/** The CNI lets go of a prefix that a pod has its address from (amazon-vpc-cni-k8s issue 3824); another one stays. */
function loseAddress(world: World): { name: string; ip: string } {
  const [node = ''] = nodesOf(world);
  const pod = world.store.podsOnNode<Pod>(node).find(({ metadata }) => metadata.namespace === 'monitoring');
  const [eni] = interfacesOf(world, node);
  const ip = pod?.status.podIP;
  assert.ok(pod && eni && ip);
  const prefix = eni.prefixes.find((text) => ip.startsWith(text.replace(/\d+\/28$/, '')) && inside(ip, text));
  assert.ok(prefix);
  world.ec2.unassign(eni, { prefixes: [prefix] });
  assert.ok(eni.prefixes.length > 0);
  return { name: pod.metadata.name, ip };
}

const last = (address: string): number => Number(address.split('.').at(-1)?.replace('/28', ''));
const inside = (ip: string, prefix: string): boolean => last(ip) >= last(prefix) && last(ip) < last(prefix) + 16;

const secondaries = (world: World, node: string): number =>
  interfacesOf(world, node).reduce((sum, eni) => sum + eni.secondaries.length, 0);

const block = (address: string): number => Math.floor(last(address) / 16);

/** A load balancer goes that had a block for itself. */
function freeBlock(world: World): void {
  const all = [...world.ec2.enis.values()];
  const alone = all.find(
    (eni) =>
      eni.interfaceType.includes('load') &&
      all.filter((other) => block(other.primary) === block(eni.primary)).length === 1,
  );
  assert.ok(alone);
  world.ec2.deleteEni(alone);
}
