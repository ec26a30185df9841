/**
 * What a world starts as: plain typed values, no behaviour. The world builder boots it to a settled state
 * (nodes Ready, pods running with addresses of their node's ENIs) before the first request is answered.
 */
export interface Scenario {
  name: string;
  /** One line for `simulate` without a name. */
  title: string;
  cluster: {
    name: string;
    region: string;
    accountId: string;
    /** Kubernetes minor version, `1.33` */
    version: string;
    vpcId: string;
    /** ipv4 unless told. In an IPv6 cluster only the settings say so: addresses stay IPv4. */
    ipFamily?: 'ipv4' | 'ipv6';
  };
  subnets: SubnetSpec[];
  vpcCni: VpcCniSpec;
  /** ENIConfig objects of custom networking; `AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG` of the VPC CNI makes them count. */
  eniConfigs?: EniConfigSpec[];
  nodegroups: NodegroupSpec[];
  workloads: WorkloadSpec[];
  budgets: BudgetSpec[];
  quotas?: QuotaSpec[];
  services?: ServiceSpec[];
  /** There once the workloads of the start run. */
  webhooks?: WebhookSpec[];
  /** The EBS CSI driver is installed: classes `gp3` and `local-path`, and how many volumes a node says it can attach. */
  ebsCsi?: { attachLimit: number };
  /** Somebody runs the cluster autoscaler: `clusterAutoscalerDeployment` is among the workloads. */
  clusterAutoscaler?: ClusterAutoscalerSpec;
  timings: Timings;
  /** How CreateNodegroup ends for groups created after the start, when not well. */
  createFailure?: { code: string; message: string; afterSeconds: number };
  /** Whether EKS enforces its own maxPods over a NodeConfig of the launch template (sources disagree; default false). */
  eksMaxPodsWins?: boolean;
}

export interface SubnetSpec {
  subnetId: string;
  cidr: string;
  availabilityZone: string;
  /** Addresses held by things that are not nodes, for fragmentation; each becomes an ENI of its own. */
  foreignAddresses?: { kind: 'network_load_balancer' | 'vpc_endpoint' | 'lambda' | 'interface'; address: string }[];
  reservations?: { cidr: string; type: 'prefix' | 'explicit' }[];
}

export interface EniConfigSpec {
  name: string;
  subnetId: string;
  /** Those of the primary interface unless told. */
  securityGroups?: string[];
}

export interface VpcCniSpec {
  /** helm: release aws-vpc-cni in kube-system; self-managed: the copy that EKS put there when the cluster was made */
  managedBy: 'eks-addon' | 'self-managed' | 'helm';
  /** `v1.19.2-eksbuild.1` */
  version: string;
  configurationValues?: string;
  /** Environment of container aws-node that somebody set with `kubectl set env` (field manager kubectl-set). */
  setByHand?: Record<string, string>;
  /** Of the add-on. */
  tags?: Record<string, string>;
  /** What another tool that owns the DaemonSet leaves on it. */
  marks?: { labels?: Record<string, string>; annotations?: Record<string, string>; fieldManager?: string };
}

export interface NodegroupSpec {
  name: string;
  instanceTypes: string[];
  amiType: string;
  capacityType: 'ON_DEMAND' | 'SPOT';
  scaling: { minSize: number; maxSize: number; desiredSize: number };
  subnetIds: string[];
  labels?: Record<string, string>;
  taints?: { key: string; value: string; effect: 'NO_SCHEDULE' | 'NO_EXECUTE' | 'PREFER_NO_SCHEDULE' }[];
  tags?: Record<string, string>;
  diskSize?: number;
  /** What somebody has annotated its first nodes with, by hand. */
  nodeAnnotations?: Record<string, string>;
  /** Auto Scaling processes that somebody has suspended. */
  suspendedProcesses?: string[];
  /** What EKS gave its nodes when the group was created; unless told, what it would calculate at the start of the world. */
  maxPods?: number;
}

export interface WorkloadSpec {
  kind: 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'Pod' | 'Job';
  namespace: string;
  name: string;
  /** Ignored for DaemonSet and Pod; completions of a Job, all at a time. */
  replicas: number;
  cpu: string;
  memory: string;
  readySeconds: number;
  terminationSeconds: number;
  /** Labels beyond `app: <name>`. */
  labels?: Record<string, string>;
  nodeSelector?: Record<string, string>;
  tolerations?: { key?: string; operator?: string; value?: string; effect?: string }[];
  hostNetwork?: boolean;
  emptyDir?: boolean;
  neverReady?: boolean;
  /** Pods per node at most 1 (required anti-affinity on the hostname). */
  onePerNode?: boolean;
  terminationGracePeriodSeconds?: number;
  /** `registry.example.com/NAME:1.0.0` unless told. */
  image?: string;
  command?: string[];
  /** Of its pods. */
  annotations?: Record<string, string>;
  finalizers?: string[];
  /** StorageClass of a volume: one for each pod of a StatefulSet, one for all pods of anything else. */
  volume?: 'gp3' | 'local-path';
  /** DoNotSchedule, maxSkew 1 */
  spreadOver?: 'topology.kubernetes.io/zone' | 'kubernetes.io/hostname';
  hostPort?: number;
  /** Each container fails so long after it became Ready. */
  crashAfterSeconds?: number;
  /** Of a Job: how long each pod works. */
  runSeconds?: number;
  backoffLimit?: number;
  activeDeadlineSeconds?: number;
  /** Of a Job: evictions do not count as failures. */
  ignoresDisruption?: boolean;
}

export interface QuotaSpec {
  namespace: string;
  name: string;
  /** `{ pods: '4', 'requests.cpu': '2' }` */
  hard: Record<string, string>;
}

export interface ServiceSpec {
  namespace: string;
  name: string;
  selector: Record<string, string>;
  port?: number;
}

/** An admission webhook for the creation of pods, behind a Service. */
export interface WebhookSpec {
  kind: 'Validating' | 'Mutating';
  /** Of the configuration. */
  name: string;
  service: { namespace: string; name: string; path?: string };
  failurePolicy?: 'Fail' | 'Ignore';
  /** Namespaces whose pods it does not look at. */
  exceptNamespaces?: string[];
}

export interface ClusterAutoscalerSpec {
  /** How long a node must be empty before it goes; 600 unless told. */
  unneededSeconds?: number;
  /** Between two looks; 10 unless told. */
  scanSeconds?: number;
}

export interface BudgetSpec {
  namespace: string;
  name: string;
  /** matchLabels of the selector */
  selector: Record<string, string>;
  minAvailable?: number | string;
  maxUnavailable?: number | string;
  unhealthyPodEvictionPolicy?: 'IfHealthyBudget' | 'AlwaysAllow';
}

/** Durations in seconds, the medians of what is known of EKS; the world adds no jitter of its own unless a fault says so. */
export interface Timings {
  updateAddon: number;
  awsNodeRestart: number;
  instanceBoot: number;
  createNodegroup: number;
  updateNodegroupConfig: number;
  deleteNodegroup: number;
  prefixAttach: number;
  eniAttach: number;
  /** PodDisruptionBudget status after a change of its pods */
  disruptionController: number;
}

export const defaultTimings: Timings = {
  updateAddon: 45,
  awsNodeRestart: 8,
  instanceBoot: 60,
  createNodegroup: 150,
  updateNodegroupConfig: 20,
  deleteNodegroup: 240,
  prefixAttach: 0.5,
  eniAttach: 6,
  disruptionController: 0.5,
};
