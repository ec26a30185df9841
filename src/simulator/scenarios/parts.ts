/** What scenarios are put together from. */
import type { BudgetSpec, NodegroupSpec, Scenario, SubnetSpec, VpcCniSpec, WorkloadSpec } from '../scenario.ts';
import { defaultTimings } from '../scenario.ts';

/** A cluster `demo` with VPC CNI as EKS add-on in secondary IP mode and the workloads that EKS brings itself. */
export function demoCluster(
  scenario: Pick<Scenario, 'name' | 'title' | 'subnets' | 'nodegroups'> & Partial<Scenario>,
): Scenario {
  return {
    cluster: {
      name: 'demo',
      region: 'us-west-2',
      accountId: '111122223333',
      version: '1.33',
      vpcId: 'vpc-0d3a0c1b2f4e5a697',
    },
    vpcCni: { managedBy: 'eks-addon', version: 'v1.19.2-eksbuild.1' },
    timings: defaultTimings,
    ...scenario,
    workloads: [...systemWorkloads(), ...(scenario.workloads ?? [])],
    budgets: [...systemBudgets(), ...(scenario.budgets ?? [])],
  };
}

/** A small cluster whose VPC CNI is what matters. `maxPods`: of the nodes that are there. */
export function threeNodes({
  maxPods,
  vpcCni,
  ...scenario
}: Pick<Scenario, 'name' | 'title'> & { vpcCni: Partial<VpcCniSpec>; maxPods?: number }): Scenario {
  const subnets = threeSubnets();
  return demoCluster({
    ...scenario,
    subnets,
    vpcCni: { managedBy: 'eks-addon', version: 'v1.19.2-eksbuild.1', ...vpcCni },
    nodegroups: [nodegroup('general', 3, subnets, maxPods === undefined ? {} : { maxPods })],
    workloads: [deployment('shop', 'web', 9), deployment('shop', 'api', 6)],
    budgets: [budget('shop', 'web', { maxUnavailable: 1 })],
  });
}

/** One subnet in each of the zones a, b and c: `10.0.0.0/20`, `10.0.16.0/20`, ... */
export function threeSubnets(): SubnetSpec[] {
  return ['a', 'b', 'c'].map((zone, index) => ({
    subnetId: `subnet-0${String(index + 1).repeat(4)}f00d${zone.repeat(8)}`,
    cidr: `10.0.${index * 16}.0/20`,
    availabilityZone: `us-west-2${zone}`,
  }));
}

/** A group of `size` On-Demand m5.large nodes with Amazon Linux 2023, a quarter of its size (at least one) below its maximum. */
export function nodegroup(
  name: string,
  size: number,
  subnets: readonly SubnetSpec[],
  more: Partial<NodegroupSpec> = {},
): NodegroupSpec {
  return {
    name,
    instanceTypes: ['m5.large'],
    amiType: 'AL2023_x86_64_STANDARD',
    capacityType: 'ON_DEMAND',
    scaling: { minSize: 1, maxSize: size + Math.ceil(size / 4), desiredSize: size },
    subnetIds: subnets.map(({ subnetId }) => subnetId),
    diskSize: 20,
    ...more,
  };
}

/** A small service: 100m CPU, Ready ten seconds after its start, gone three seconds after the signal to stop. */
export function deployment(
  namespace: string,
  name: string,
  replicas: number,
  more: Partial<WorkloadSpec> = {},
): WorkloadSpec {
  return {
    kind: 'Deployment',
    namespace,
    name,
    replicas,
    cpu: '100m',
    memory: '128Mi',
    readySeconds: 10,
    terminationSeconds: 3,
    ...more,
  };
}

export function statefulSet(
  namespace: string,
  name: string,
  replicas: number,
  more: Partial<WorkloadSpec> = {},
): WorkloadSpec {
  return deployment(namespace, name, replicas, {
    kind: 'StatefulSet',
    readySeconds: 20,
    terminationSeconds: 10,
    ...more,
  });
}

/** A budget for the pods of the workload of the same name. */
export function budget(namespace: string, name: string, limit: Partial<BudgetSpec>): BudgetSpec {
  return { namespace, name, selector: { app: name }, ...limit };
}

/** As its example manifest for Auto-Discovery runs it. */
export function clusterAutoscaler(clusterName: string): WorkloadSpec {
  const tags = ['enabled', clusterName].map((tag) => `k8s.io/cluster-autoscaler/${tag}`).join(',');
  return deployment('kube-system', 'cluster-autoscaler', 1, {
    image: 'registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.0',
    command: ['./cluster-autoscaler', '--cloud-provider=aws', `--node-group-auto-discovery=asg:tag=${tags}`],
    memory: '600Mi',
  });
}

const toleratesAll = [{ operator: 'Exists' }];

/** What EKS brings besides aws-node (which its add-on installs), with the requests of those add-ons. */
function systemWorkloads(): WorkloadSpec[] {
  const system = 'kube-system';
  const daemon: Partial<WorkloadSpec> = {
    kind: 'DaemonSet',
    readySeconds: 2,
    terminationSeconds: 1,
    tolerations: toleratesAll,
    hostNetwork: true,
  };
  return [
    deployment(system, 'kube-proxy', 0, { ...daemon, memory: '0', labels: { 'k8s-app': 'kube-proxy' } }),
    deployment(system, 'coredns', 2, {
      memory: '70Mi',
      labels: { 'k8s-app': 'kube-dns' },
      tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
    }),
  ];
}

function systemBudgets(): BudgetSpec[] {
  return [{ namespace: 'kube-system', name: 'coredns', selector: { 'k8s-app': 'kube-dns' }, maxUnavailable: 1 }];
}
