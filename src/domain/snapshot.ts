import type { MissingRight } from './missing-right.ts';
import type { UserDataFacts } from './user-data.ts';

/**
 * Everything observed at one time, as plain serialisable data in the words of the domain. Holds no secret: user data of
 * launch templates appears only as a hash, and values of variables and annotations only where something reads them.
 */
export interface ClusterSnapshot {
  formatVersion: 1;
  /** ISO 8601 */
  observedAt: string;
  cluster: Cluster;
  nodegroups: Nodegroup[];
  autoScalingGroups: AutoScalingGroup[];
  launchTemplates: LaunchTemplateVersion[];
  vpcCni: VpcCni;
  instanceTypes: InstanceType[];
  subnets: Subnet[];
  networkInterfaces: NetworkInterface[];
  nodes: ClusterNode[];
  pods: Pod[];
  workloads: Workload[];
  podDisruptionBudgets: PodDisruptionBudget[];
  /** custom networking: where pods of a node get their addresses; empty when the cluster has none */
  eniConfigs: EniConfig[];
  jobs: Job[];
  /** persistent volume claims, with the volume that each is bound to */
  volumeClaims: VolumeClaim[];
  csiNodes: CsiNode[];
  /** admission webhooks that are asked when a pod is created */
  podWebhooks: PodWebhook[];
  services: Service[];
  resourceQuotas: ResourceQuota[];
  /** of what the API server offers: `karpenter.sh`, `apps` */
  apiGroups: string[];
  /** what the API server would have answered to each eviction of the drain; null when it was not asked */
  evictionRehearsal: EvictionRehearsal | null;
  /** pods that have to move and that nothing creates again, as they are kept in the plan folder */
  barePods?: BarePod[];
  /** what Karpenter makes nodes from; absent where it is not installed */
  karpenter?: Karpenter;
  /** role ARNs that aws-auth or an access entry of type EC2_LINUX lets join; absent: not known */
  joinRoles?: { accessEntries: string[] | null; awsAuth: string[] | null };
  /** rights that the steps of a plan need and the caller was seen not to have; absent: nobody asked */
  missingRights?: MissingRight[];
  /** what could not be looked at, though a check would want to know */
  notSeen: NotSeen[];
}

/** Node pools and node classes of Karpenter (karpenter.sh, karpenter.k8s.aws). */
export interface Karpenter {
  nodePools: { name: string; nodeClass: string | null }[];
  /** `apiVersion` as served: `karpenter.k8s.aws/v1`; maxPods null: not set there */
  nodeClasses: { name: string; apiVersion: string; maxPods: number | null; amiFamily: string | null }[];
}

/** What a plan is compared with while it is carried out: of the node groups those that were asked about and exist. */
export type ClusterFacts = Pick<ClusterSnapshot, 'nodegroups' | 'vpcCni' | 'eniConfigs'> & {
  cluster: Omit<Cluster, 'callerArn'>;
};

/** A bare pod's manifest in the plan folder. */
export interface BarePod {
  namespace: string;
  name: string;
  /** path in the plan folder */
  file: string;
  /** where a secret may stand, which was taken out: `spec.containers[app].env[DB_PASSWORD]` */
  redacted: string[];
}

/** Something that the caller may not read, or that this cluster does not offer. */
export interface NotSeen {
  /** `resourcequotas`, as kubectl names it */
  resource: string;
  /** what the API server said */
  why: string;
}

export interface Cluster {
  name: string;
  arn: string;
  region: string;
  accountId: string;
  status: string;
  /** `1.33` */
  kubernetesVersion: string;
  platformVersion: string;
  endpoint: string;
  /** SHA-256 of the certificate authority data, hex */
  certificateAuthorityHash: string;
  ipFamily: 'ipv4' | 'ipv6';
  vpcId: string;
  subnetIds: string[];
  clusterSecurityGroupId: string | null;
  authenticationMode: string | null;
  autoMode: boolean;
  /** range of Services, `10.100.0.0/16`; absent: not known */
  serviceCidr?: string;
  outpost: boolean;
  /** who looked, from GetCallerIdentity */
  callerArn: string;
}

export type TaintEffect = 'NO_SCHEDULE' | 'NO_EXECUTE' | 'PREFER_NO_SCHEDULE';
export interface NodegroupTaint {
  key: string;
  value: string | null;
  effect: TaintEffect;
}
export interface Scaling {
  minSize: number;
  maxSize: number;
  desiredSize: number;
}
export interface HealthIssue {
  code: string;
  message: string;
  resourceIds: string[];
}

/** How the name of a node group begins that is a self-managed Auto Scaling group: EKS allows no `/` in its own names. */
export const selfManagedPrefix = 'asg/';

/** An EKS managed node group as DescribeNodegroup shows it; or a self-managed Auto Scaling group in the same words. */
export interface Nodegroup {
  /** of a self-managed one `asg/` and the name of the Auto Scaling group */
  nodegroupName: string;
  arn: string;
  status: string;
  kubernetesVersion: string | null;
  releaseVersion: string | null;
  capacityType: string;
  scaling: Scaling;
  /** empty when the types come from the launch template */
  instanceTypes: string[];
  subnetIds: string[];
  amiType: string;
  nodeRole: string;
  diskSize: number | null;
  labels: Record<string, string>;
  taints: NodegroupTaint[];
  tags: Record<string, string>;
  autoScalingGroupNames: string[];
  launchTemplate: { id: string; name: string | null; version: string } | null;
  updateConfig: { maxUnavailable?: number; maxUnavailablePercentage?: number; updateStrategy?: string } | null;
  /** as EKS gives them: `{ enabled: true }` */
  nodeRepairConfig: Record<string, unknown> | null;
  warmPoolConfig?: Record<string, unknown> | null;
  remoteAccess: { ec2SshKey: string | null; sourceSecurityGroups: string[] } | null;
  healthIssues: HealthIssue[];
  /** members of the answer that this version does not know: reported, never dropped in silence */
  unknownFields: string[];
}

export interface AutoScalingGroup {
  name: string;
  desiredCapacity: number;
  minSize: number;
  maxSize: number;
  instanceIds: string[];
  suspendedProcesses: string[];
  /** `Delete in progress`; absent otherwise */
  status?: string;
  /** of the group or of its mixed instances policy; the version a number as text, `$Latest` resolved */
  launchTemplate?: { id: string; name: string | null; version: string } | null;
  launchConfiguration?: string;
  /** of a mixed instances policy; those that match its InstanceRequirements included */
  instanceTypes?: string[];
  /** share of On-Demand instances above the base, in percent; absent without such a policy */
  onDemandPercent?: number;
  subnetIds?: string[];
  tags?: Record<string, string>;
}

/** One version of a launch template that a source uses. `data` is EC2's LaunchTemplateData without UserData. */
export interface LaunchTemplateVersion {
  launchTemplateId: string;
  version: string;
  name: string;
  imageId: string | null;
  instanceType: string | null;
  /** SHA-256 of the decoded user data, hex; null when there is none */
  userDataHash: string | null;
  /** members that this version does not know: `NewSettings`; absent: none */
  unknownMembers?: string[];
  /** absent: there is none, it is binary, or nobody has looked */
  userData?: UserDataFacts;
  data: Record<string, unknown>;
}

/** An ENIConfig of custom networking (crd.k8s.amazonaws.com/v1alpha1). */
export interface EniConfig {
  name: string;
  /** null when it names none, so that no interface can be made from it */
  subnetId: string | null;
  securityGroups: string[];
}

/** Whose word on the settings of aws-node is last: a change past its owner is undone sooner or later. */
export interface VpcCniOwner {
  tool: 'eks' | 'cloudformation' | 'helm' | 'argo-cd' | 'flux' | 'terraform' | 'nobody';
  /** release, application or stack, `kube-system/aws-vpc-cni`; null where there is none or it is not known */
  name: string | null;
  /** what gave it away: `annotation meta.helm.sh/release-name`, `tag aws:cloudformation:stack-name` */
  evidence: string;
  /** of a Helm release, where its label tells it */
  chartVersion?: string;
}

export interface VpcCni {
  managedBy: 'eks-addon' | 'self-managed' | 'absent';
  owner: VpcCniOwner;
  /** version of the running aws-node image, `1.19.2`; null when it cannot be read */
  version: string | null;
  addon: {
    version: string;
    status: string;
    /** as given, JSON or YAML; null when never set */
    configurationValues: string | null;
    healthIssues: HealthIssue[];
    /** what its version takes as environment; absent where EKS does not tell */
    envSchema?: EnvSchema;
  } | null;
  /** environment of container aws-node in DaemonSet kube-system/aws-node; null: from a reference, or of a variable that is not the VPC CNI's */
  env: Record<string, string | null>;
  /** field manager of each variable, where the API server tells it; of several owners one that is not EKS */
  envManagers: Record<string, string>;
  /** environment of its init containers, null likewise */
  initEnv: Record<string, string | null>;
  rollout: DaemonSetRollout | null;
}

/** Environment that a version of the add-on can be configured with, from its JSON schema. */
export interface EnvSchema {
  /** whether it takes variables that are not among `variables` */
  takesOthers: boolean;
  variables: Record<string, { type?: string[]; format?: string; enum?: string[]; pattern?: string }>;
}

export interface DaemonSetRollout {
  generation: number;
  observedGeneration: number;
  desired: number;
  updated: number;
  available: number;
  unavailable: number;
}

export interface InstanceType {
  instanceType: string;
  /** `ec2`: EC2 described it; else facts shipped with this program, because EC2 did not, or the caller may not ask it */
  origin: 'ec2' | 'not-described' | 'not-allowed';
  /** absent on bare metal */
  hypervisor: 'nitro' | 'xen' | null;
  bareMetal: boolean;
  /** the default of the type: CpuOptions of a launch template are counted neither by EKS nor here; 0: not known */
  vcpus: number;
  /** 0: not known */
  memoryMiB: number;
  /** ENIs of the default network card, the only one that serves pods */
  enis: number;
  ipv4PerEni: number;
  /** pods with security groups of their own that a node can hold; 0: it has no trunk interface; null: not known */
  branchInterfaces: number | null;
  architectures: string[];
}

export interface Subnet {
  subnetId: string;
  vpcId: string;
  ownerId: string;
  availabilityZone: string;
  cidr: string;
  availableIpAddressCount: number;
  reservations: { id: string; cidr: string; type: 'prefix' | 'explicit' }[];
  tags: Record<string, string>;
}

export interface NetworkInterface {
  networkInterfaceId: string;
  subnetId: string;
  interfaceType: string;
  description: string;
  requesterManaged: boolean;
  status: string;
  instanceId: string | null;
  deviceIndex: number | null;
  /** every private IPv4 address, the primary one first */
  addresses: string[];
  /** attached /28 blocks, `10.0.1.16/28` */
  prefixes: string[];
}

export interface NodeTaint {
  key: string;
  value: string | null;
  effect: string;
}

export interface ClusterNode {
  name: string;
  uid: string;
  /** from spec.providerID, `i-0abc`; null for nodes that are no EC2 instance */
  instanceId: string | null;
  instanceType: string | null;
  availabilityZone: string | null;
  /** label eks.amazonaws.com/nodegroup */
  nodegroupName: string | null;
  labels: Record<string, string>;
  /** those that decide about its addresses or are of a plan: others may hold anything */
  annotations: Record<string, string>;
  /** keys of all others, so that what a person has put there is not lost unseen */
  otherAnnotations?: string[];
  /** `Amazon Linux 2023.9.20260801` */
  osImage?: string;
  taints: NodeTaint[];
  unschedulable: boolean;
  ready: boolean;
  createdAt: string;
  capacityPods: number;
  allocatable: {
    pods: number;
    cpuMillis: number;
    memoryBytes: number;
    /** `ephemeral-storage` in bytes, `nvidia.com/gpu` in pieces; absent where the node tells none */
    others?: Record<string, number>;
  };
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
}

export interface Toleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
}

export interface NodeSelectorRequirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  values: string[];
}

/** All of it must hold: `expressions` of labels, `fields` of the node (only `metadata.name` exists). An empty term matches no node. */
export interface NodeSelectorTerm {
  expressions: NodeSelectorRequirement[];
  fields: NodeSelectorRequirement[];
}

/** Of required pod affinity or anti-affinity: pods it speaks of, and how far away is away. */
export interface PodAffinityTerm {
  topologyKey: string;
  /** null selects nothing */
  selector: LabelSelector | null;
  /** empty: the pod's own, unless `anyNamespace` (a namespaceSelector, which is not evaluated) */
  namespaces: string[];
  anyNamespace?: true;
}

/** A spread constraint with `whenUnsatisfiable: DoNotSchedule`. */
export interface TopologySpread {
  topologyKey: string;
  maxSkew: number;
  minDomains?: number;
  selector: LabelSelector | null;
  /** `nodeTaintsPolicy: Honor`: nodes that are cordoned, or whose taints the pod does not tolerate, do not count */
  honorsTaints?: true;
}

/** What a pod, or the template of one, demands of the node that it runs on. Absent: nothing. */
export interface Placement {
  nodeSelector: Record<string, string>;
  tolerations: Toleration[];
  /** required node affinity: one of the terms must hold */
  nodeAffinity?: NodeSelectorTerm[];
  podAffinity?: PodAffinityTerm[];
  podAntiAffinity?: PodAffinityTerm[];
  topologySpread?: TopologySpread[];
  hostPorts?: { port: number; protocol: string; hostIp: string }[];
}

export interface Pod extends Placement {
  namespace: string;
  name: string;
  uid: string;
  nodeName: string | null;
  phase: string;
  ready: boolean;
  /** from being bound to its node to Ready; null or absent when that cannot be told, such as after a restart */
  startupSeconds?: number | null;
  /** of that, from the start of its last container on: what a start can hardly do without; null or absent likewise */
  warmupSeconds?: number | null;
  createdAt: string;
  /** null unless it is being deleted */
  deletionTimestamp: string | null;
  /** the controller, or null for a bare pod */
  controller: OwnerReference | null;
  labels: Record<string, string>;
  /** those that the VPC CNI and its controllers set, and those that say it should not be moved */
  annotations: Record<string, string>;
  hostNetwork: boolean;
  podIp: string | null;
  mirror: boolean;
  /** names of volumes of type emptyDir */
  emptyDirVolumes: string[];
  /** of those that say it: `Memory, at most 64Mi`, by name of the volume */
  emptyDirLimits?: Record<string, string>;
  /** paths of volumes of type hostPath */
  hostPaths?: string[];
  persistentVolumeClaims: string[];
  requests: {
    cpuMillis: number;
    memoryBytes: number;
    /** `ephemeral-storage` in bytes, `nvidia.com/gpu` in pieces */
    others?: Record<string, number>;
  };
  /** `system-cluster-critical` */
  priorityClassName?: string;
  finalizers?: string[];
  terminationGracePeriodSeconds: number;
  /** why it is not running well, from conditions and container states: `Unschedulable: 0/6 nodes ...`; null when well */
  trouble: string | null;
}

/** A controller of pods. `replicas` is what it wants, not what there is. */
export interface Workload {
  kind: 'Deployment' | 'ReplicaSet' | 'StatefulSet' | 'DaemonSet';
  namespace: string;
  name: string;
  uid: string;
  controller: OwnerReference | null;
  replicas: number;
  readyReplicas: number;
  /** images of its containers */
  images?: string[];
  /** of its pods */
  template?: Placement & { labels: Record<string, string> };
  /** of a Deployment: pods that a rollout may have too many and too few, absolute; absent with strategy Recreate */
  rollout?: { maxSurge: number; maxUnavailable: number };
}

/** A Job that is not finished, or a CronJob (`template` is that of its Jobs' pods). */
export interface Job {
  kind: 'Job' | 'CronJob';
  namespace: string;
  name: string;
  uid: string;
  controller: OwnerReference | null;
  /** pods that run now */
  active: number;
  startedAt: string | null;
  activeDeadlineSeconds: number | null;
  /** failed pods after which it gives up */
  backoffLimit: number | null;
  /** what its podFailurePolicy does with a pod that is evicted (condition DisruptionTarget); null: nothing is said */
  onDisruption: 'Ignore' | 'FailJob' | 'Count' | 'FailIndex' | null;
  suspended: boolean;
  template: Placement & { labels: Record<string, string> };
}

export interface VolumeClaim {
  namespace: string;
  /** of the claim */
  name: string;
  /** null: not bound */
  volumeName: string | null;
  storageClass: string | null;
  accessModes: string[];
  /** CSI driver, or `local`, `hostPath`, `nfs`, ...; null when not bound, or when the volume was not seen */
  driver: string | null;
  /** required node affinity of the volume: one of the terms must hold; empty: any node will do */
  nodeAffinity: NodeSelectorTerm[];
}

export interface CsiNode {
  nodeName: string;
  /** volumes of a driver that the node can have at once; null: no limit is told */
  drivers: { name: string; count: number | null }[];
}

/** A webhook that is called when a pod is created (or evicted), and where its pods are. */
export interface PodWebhook {
  kind: 'validating' | 'mutating';
  configuration: string;
  name: string;
  failurePolicy: 'Fail' | 'Ignore';
  /** null: an address outside the cluster */
  service: { namespace: string; name: string } | null;
  intercepts: ('pods' | 'pods/eviction')[];
  /** as kubectl shows it; null: every namespace */
  namespaceSelector: LabelSelector | null;
  /** asked about some pods only: it has an objectSelector or matchConditions */
  isNarrowed?: true;
}

export interface Service {
  namespace: string;
  name: string;
  type: string;
  /** null: endpoints that something else writes */
  selector: Record<string, string> | null;
  externalTrafficPolicy: 'Cluster' | 'Local' | null;
}

/** Of quotas for pods and what they request, the entries `pods`, `requests.cpu`, ...: CPU in millis, memory in bytes. */
export interface ResourceQuota {
  namespace: string;
  name: string;
  hard: Record<string, number>;
  used: Record<string, number>;
  /** scopes or a scopeSelector: it counts some pods only */
  isScoped: boolean;
}

/** Evictions with `dryRun=All`: each is judged as if it were the only one, and charges nothing. */
export interface EvictionRehearsal {
  /** pods that have to move, how many of them were asked about, and why not all */
  pods: number;
  asked: number;
  partBecause: string | null;
  accepted: number;
  /** every answer but `accepted` and `gone` */
  refusals: RehearsedRefusal[];
}

export interface RehearsedRefusal {
  namespace: string;
  name: string;
  uid: string;
  kind:
    | 'budget-exhausted'
    | 'budget-unprocessed'
    | 'multiple-budgets'
    | 'namespace-terminating'
    | 'refused'
    | 'no-answer';
  /** the API server's words: `The disruption budget search needs 3 healthy pods and has 3 currently` */
  detail: string;
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'; values?: string[] }[];
}

export interface PodDisruptionBudget {
  namespace: string;
  name: string;
  uid: string;
  generation: number;
  /** null selects nothing, {} every pod of the namespace (policy/v1) */
  selector: LabelSelector | null;
  minAvailable: number | string | null;
  maxUnavailable: number | string | null;
  unhealthyPodEvictionPolicy: 'IfHealthyBudget' | 'AlwaysAllow' | null;
  status: {
    observedGeneration: number;
    disruptionsAllowed: number;
    currentHealthy: number;
    desiredHealthy: number;
    expectedPods: number;
    /** pods evicted of late that the controller has not yet seen go: name -> time */
    disruptedPods: Record<string, string>;
    /** message of condition DisruptionAllowed when its reason is SyncFailed */
    syncFailure: string | null;
  };
}
