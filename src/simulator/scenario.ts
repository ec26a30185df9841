import type { XmlTree } from './aws/query.ts';

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
  /** Systems of images that are somebody's own; Amazon Linux 2023 unless told. */
  images?: Record<string, 'al2023' | 'al2' | 'ubuntu' | 'bottlerocket'>;
  /** Auto Scaling groups of somebody's own: EKS knows nothing of them, their nodes join by themselves. */
  autoScalingGroups?: AutoScalingGroupSpec[];
  /** Where the roles of nodes stand that may join: access entries unless told; with aws-auth there are no others. */
  nodeRolesIn?: 'access-entries' | 'aws-auth';
  /** Somebody runs Karpenter: its objects and nodes, not what it does. */
  karpenter?: KarpenterSpec;
  /** CloudFormation stacks that have made node groups. */
  stacks?: StackSpec[];
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
  /** How groups that are created after the start end when they are to have nodes: at once, or when they grow from none. */
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

export interface StackSpec {
  name: string;
  /** Goes with the stack. */
  nodegroup: string;
  terminationProtection?: boolean;
  /** It has made the node role, too, which others may use. */
  ownsRole?: boolean;
  /** Something of it cannot be deleted. */
  deletionFails?: { logicalId: string; reason: string };
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
  /**
   * A launch template of somebody's own: LaunchTemplateData in the element names of EC2's answers, with the user data as text,
   * in which `{endpoint}` and `{certificateAuthority}` stand for those of the cluster.
   */
  launchTemplate?: { name: string; data: XmlTree; userData?: string };
  /** What somebody has annotated its first nodes with, by hand. */
  nodeAnnotations?: Record<string, string>;
  /** Auto Scaling processes that somebody has suspended. */
  suspendedProcesses?: string[];
  /** What EKS gave its nodes when the group was created; unless told, what it would calculate at the start of the world. */
  maxPods?: number;
}

export interface AutoScalingGroupSpec {
  name: string;
  /** Of its launch template, which it names by `$Latest`. */
  instanceType: string;
  /** Types of a mixed instances policy, or what it asks of types instead. */
  overrides?: string[];
  requirements?: { vcpus: [number, number]; memoryMib: [number, number] };
  /** Of that policy, above a base of none; 100 unless told. */
  onDemandPercent?: number;
  /** A launch configuration in place of the template. */
  launchConfiguration?: string;
  scaling: { minSize: number; maxSize: number; desiredSize: number };
  subnetIds: string[];
  /** What its user data tells the kubelet. */
  labels?: Record<string, string>;
  taints?: { key: string; value: string; effect: 'NO_SCHEDULE' | 'NO_EXECUTE' | 'PREFER_NO_SCHEDULE' }[];
  maxPods?: number;
  tags?: Record<string, string>;
  /** Name of the role in its instance profile; that of the managed node groups unless told. */
  role?: string;
}

export interface KarpenterSpec {
  nodeClasses: { name: string; amiFamily?: string; maxPods?: number }[];
  nodePools: { name: string; nodeClass: string; nodes: number; instanceType: string; subnetIds: string[] }[];
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
