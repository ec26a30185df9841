/** A region with a cluster whose kubelets do the least: aws-node on each node, and a node is Ready when that is. */
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { EC2Client } from '@aws-sdk/client-ec2';
import { EKSClient } from '@aws-sdk/client-eks';
import { STSClient } from '@aws-sdk/client-sts';
import { type Aws, type AwsOptions, createAws } from '../../../src/simulator/aws/index.ts';
import { createVirtualClock, type VirtualClock } from '../../../src/simulator/clock.ts';
import type { DaemonSet, Node, Pod } from '../../../src/simulator/kubernetes/objects.ts';
import { createStore } from '../../../src/simulator/kubernetes/store.ts';
import { createRandom } from '../../../src/simulator/random.ts';
import { defaultTimings, type Scenario } from '../../../src/simulator/scenario.ts';
import type { KubeStore } from '../../../src/simulator/types.ts';
import { InProcessHandler } from '../../support/in-process.ts';

export const subnetA = 'subnet-0aaaaaaaaaaaaaaaa';
export const subnetB = 'subnet-0bbbbbbbbbbbbbbbb';
export const nodeRole = 'arn:aws:iam::111122223333:role/demo-node';

export function scenario(more: Partial<Scenario> = {}): Scenario {
  return {
    name: 'test',
    title: 'one group on two subnets',
    cluster: { name: 'demo', region: 'us-west-2', accountId: '111122223333', version: '1.33', vpcId: 'vpc-0123' },
    subnets: [
      { subnetId: subnetA, cidr: '10.0.0.0/22', availabilityZone: 'us-west-2a' },
      { subnetId: subnetB, cidr: '10.0.4.0/22', availabilityZone: 'us-west-2b' },
    ],
    vpcCni: { managedBy: 'eks-addon', version: 'v1.19.2-eksbuild.1' },
    nodegroups: [
      {
        name: 'old',
        instanceTypes: ['m5.large'],
        amiType: 'AL2023_x86_64_STANDARD',
        capacityType: 'ON_DEMAND',
        scaling: { minSize: 1, maxSize: 5, desiredSize: 2 },
        subnetIds: [subnetA, subnetB],
      },
    ],
    workloads: [],
    budgets: [],
    timings: defaultTimings,
    ...more,
  };
}

export interface Region {
  aws: Aws;
  clock: VirtualClock;
  store: KubeStore;
  eks: EKSClient;
  ec2: EC2Client;
  autoScaling: AutoScalingClient;
  sts: STSClient;
  /** Names of pods that no eviction may take. */
  protectedPods: Set<string>;
  seconds: (count: number) => void;
  /** A pod on a node with an address from its ipamd; the address, or the error. */
  runPod: (nodeName: string, name: string) => string;
  stopPod: (nodeName: string, name: string) => void;
  nodes: (nodegroup?: string) => Node[];
}

export function createRegion(
  given: Scenario = scenario(),
  options: Partial<AwsOptions> & { seed?: number } = {},
): Region {
  const { seed = 7, ...more } = options;
  const clock = createVirtualClock(Date.parse('2026-03-01T00:00:00Z'));
  const random = createRandom(seed);
  const store = createStore(clock, random.fork('store'));
  const aws = createAws({ scenario: given, clock, random: random.fork('aws'), ...more });
  const protectedPods = new Set<string>();
  let restarts = 0;

  const stopPod = (nodeName: string, name: string): void => {
    const pod = store.remove('pods', 'default', name);
    if (pod) aws.network.detach(nodeName, pod.metadata.uid);
  };
  const startAwsNode = (nodeName: string): void => {
    const daemonSet = store.get<DaemonSet>('daemonsets', 'kube-system', 'aws-node');
    if (!daemonSet || !store.get('nodes', undefined, nodeName)) return;
    restarts += 1;
    store.create<Pod>('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `aws-node-${restarts}`,
        namespace: 'kube-system',
        labels: { 'k8s-app': 'aws-node' },
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'aws-node', uid: daemonSet.metadata.uid, controller: true },
        ],
      },
      spec: { ...daemonSet.spec.template.spec, nodeName },
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    });
    store.update<Node>('nodes', undefined, nodeName, (draft) => {
      draft.status.conditions = [{ type: 'Ready', status: 'True' }];
    });
  };
  store.subscribe<Node>('nodes', ({ type, object }) => {
    const { name } = object.metadata;
    if (type === 'ADDED') startAwsNode(name);
    if (type === 'DELETED')
      for (const pod of store.podsOnNode<Pod>(name)) store.remove('pods', pod.metadata.namespace, pod.metadata.name);
    const taints = object.spec.taints ?? [];
    const tainted = taints.some(({ key }) => key === 'node.kubernetes.io/unschedulable');
    if (type === 'MODIFIED' && object.spec.unschedulable && !tainted) {
      store.update<Node>('nodes', undefined, name, (draft) => {
        draft.spec.taints = [...taints, { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }];
      });
    }
  });
  store.subscribe<DaemonSet>('daemonsets', ({ type }) => {
    if (type !== 'MODIFIED') return;
    for (const pod of store.list<Pod>('pods', 'kube-system')) {
      store.remove('pods', 'kube-system', pod.metadata.name);
      clock.after(given.timings.awsNodeRestart * 1000, () => startAwsNode(pod.spec.nodeName ?? ''));
    }
  });

  aws.boot({
    store,
    evict(namespace, podName) {
      const pod = store.get<Pod>('pods', namespace, podName);
      if (!pod || protectedPods.has(podName)) return false;
      stopPod(pod.spec.nodeName ?? '', podName);
      return true;
    },
    deletePod: (namespace, podName) => void store.remove('pods', namespace, podName),
  });
  aws.goLive();

  const client = {
    region: given.cluster.region,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts: 1,
    requestHandler: new InProcessHandler(aws.handle),
  };
  return {
    aws,
    clock,
    store,
    protectedPods,
    stopPod,
    eks: new EKSClient(client),
    ec2: new EC2Client(client),
    autoScaling: new AutoScalingClient(client),
    sts: new STSClient(client),
    seconds: (count) => clock.advance(count * 1000),
    runPod(nodeName, name) {
      const pod = store.create<Pod>('pods', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default' },
        spec: { containers: [{ name: 'app' }], nodeName },
        status: { phase: 'Running' },
      });
      const answer = aws.network.attach(nodeName, { namespace: 'default', name, uid: pod.metadata.uid });
      return 'ip' in answer ? answer.ip : answer.error;
    },
    nodes: (nodegroup) =>
      store
        .list<Node>('nodes')
        .filter(
          ({ metadata }) => nodegroup === undefined || metadata.labels?.['eks.amazonaws.com/nodegroup'] === nodegroup,
        ),
  };
}
