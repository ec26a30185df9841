import type { Finding } from './finding.ts';
import type { NodeMemory } from './node-memory.ts';
import type { NodegroupTaint, Scaling, VpcCniOwner } from './snapshot.ts';

export const phases = ['prepare', 'create', 'verify', 'cordon', 'drain', 'soak', 'delete', 'cleanup'] as const;
export type Phase = (typeof phases)[number];

/**
 * safe-flip: the old nodes stay in service while the VPC CNI is switched, and attach prefixes too. cordon-first: they are
 * cordoned before, so that they attach none, and can start no pod until the replacement is there.
 */
export const orders = ['safe-flip', 'cordon-first'] as const;
export type Order = (typeof orders)[number];

/** additive: takes nothing away. disruptive: moves pods. destructive: cannot be undone. */
export type Impact = 'additive' | 'disruptive' | 'destructive';

export const creationModes = ['api', 'eksctl', 'external'] as const;
export type CreationMode = (typeof creationModes)[number];

/** Who made a node group and will miss it, or make it again, when something else deletes it. */
export interface NodegroupOwner {
  tool:
    | 'nobody'
    | 'eksctl'
    | 'cloudformation'
    | 'terraform'
    | 'pulumi'
    | 'crossplane'
    | 'cluster-api'
    | 'rancher'
    | 'ack';
  /** stack, workspace, object: `eksctl-demo-nodegroup-apps`; null where it is not known */
  name: string | null;
  /** what gave it away: `tag aws:cloudformation:stack-name` */
  evidence: string;
}

/** One field in which a replacement is not as its source, and why. Null: not set. */
export interface Difference {
  /** `maxPods`, `launchTemplate.MetadataOptions.HttpTokens`, `tags.eksctl.io/owner` */
  field: string;
  source: string | null;
  replacement: string | null;
  reason: string;
}

/** What the person asked, validated, defaults filled once. Durations in seconds. */
export interface PlanRequest {
  clusterName: string;
  /** empty: every managed group that gains from it */
  nodegroups: string[];
  maxPods?: number;
  warmPrefixTarget?: number;
  warmIpTarget?: number;
  minimumIpTarget?: number;
  /** when the sources are cordoned: `auto` chooses */
  order: Order | 'auto';
  /** subnets of the replacements; empty: those of each source */
  subnetIds: string[];
  /** reserve ranges for prefixes where that helps, before anything else */
  reserveSubnetCidr: boolean;
  /** pods that prove addresses on each new node when no other pod does; 17 need a second prefix */
  canaryPods: number;
  /** image of those pods; default: one that the node has already */
  canaryImage?: string;
  /** who makes the replacements: this program, eksctl run by it, or somebody else whom it waits for */
  createWith: CreationMode;
  /** of the replacements; empty: those of each source */
  instanceTypes: string[];
  /** of the replacements; absent: that of each source */
  amiType?: string;
  /** size of the replacements: as the source, as many nodes as its pods need, or a number for each */
  nodes: 'same' | 'fit' | number;
  /** Deployments of one pod, `shop/cart`, that are rolled over instead of evicted: the new pod is Ready before the old one goes */
  surge: string[];
  /** so long pods of Jobs may run on before they are evicted */
  waitForJobsSeconds: number;
  /** so long a pod may take to end, where its own terminationGracePeriodSeconds is longer; absent: as long as it wants */
  podGracePeriodSeconds?: number;
  /** each old node is ended as soon as it is empty, so that its addresses come back while others are drained; absent: with its group */
  releaseNodes?: true;
  /** ask the API server about each eviction when the plan is made (dry run) */
  rehearseEvictions: boolean;
  /** codes of blocking findings that the person accepts */
  allow: string[];
  /** default: from the forecast, at least 30 minutes */
  drainTimeoutSeconds?: number;
  soakSeconds: number;
  expiresInSeconds: number;
}

/** A request in which nothing was asked for. */
export const plainRequest = (clusterName: string): PlanRequest => ({
  clusterName,
  nodegroups: [],
  order: 'auto',
  subnetIds: [],
  createWith: 'api',
  instanceTypes: [],
  reserveSubnetCidr: false,
  canaryPods: 1,
  nodes: 'same',
  surge: [],
  waitForJobsSeconds: 0,
  rehearseEvictions: true,
  allow: [],
  soakSeconds: 600,
  expiresInSeconds: 86_400,
});

/** The plan. Frozen once made; `planId` is the SHA-256 (hex) of the canonical JSON of all other fields. */
export interface MigrationPlan {
  formatVersion: 1;
  toolVersion: string;
  planId: string;
  /** ISO 8601: the snapshot's observedAt plus the request's expiry */
  expiresAt: string;
  cluster: {
    name: string;
    region: string;
    accountId: string;
    kubernetesVersion: string;
    ipFamily: 'ipv4' | 'ipv6';
    endpoint: string;
    arn: string;
  };
  request: PlanRequest;
  expectations: Expectation[];
  findings: Finding[];
  order: OrderPlan;
  vpcCni: VpcCniPlan;
  nodegroups: NodegroupPlan[];
  subnets: SubnetPlan[];
  steps: AnyStep[];
  forecast: Forecast;
  rehearsal: RehearsalSummary;
  /** absent where Karpenter was not seen; nothing of it is carried out */
  karpenter?: KarpenterPlan;
}

/** What node classes of Karpenter (EC2NodeClass) should say in prefix mode. */
export interface KarpenterPlan {
  nodeClasses: {
    name: string;
    /** as served: `karpenter.k8s.aws/v1` */
    apiVersion: string;
    nodePools: string[];
    /** spec.kubelet.maxPods; null: not set */
    maxPodsBefore: number | null;
    maxPods: number;
    limitedBy: string;
  }[];
}

/** A fact the plan relies on. `path` is unique, such as `nodegroups.apps.amiType`; values are compared as canonical JSON. */
export interface Expectation {
  path: string;
  value: unknown;
  whenChanged: 'replan' | 'warn';
}

export interface MaxPods {
  value: number;
  source: 'requested' | 'calculated' | 'set-by-eks';
  /** what decided: `vCPU cap 110`, `m7g.medium: 6 prefixes of 16 addresses`, ... */
  limitedBy: string;
}

export interface NodegroupPlan {
  source: string;
  replacement: string;
  instanceTypes: string[];
  /** of the replacement */
  subnetIds: string[];
  nodes: { source: number; replacement: number };
  maxPods: MaxPods;
  /** allocatable.pods of the source's nodes today (the smallest) */
  maxPodsBefore: number;
  prefixesPerNode: { idle: number; expected: number; full: number };
  memory: NodeMemory;
  /** pods that will be evicted from the source */
  pods: number;
  /** how many nodes of the replacement hold what moves */
  capacity: Capacity;
  /** path of the rendered user data in the plan folder */
  userDataFile: string;
  /** of the source */
  owner: NodegroupOwner;
  /** field by field, what the replacement does not have as its source has it */
  differences: Difference[];
}

/** Moments of a plan at which a subnet can run short, in their order. */
export const stages = ['switch', 'first-node', 'full-size', 'drain'] as const;
export type Stage = (typeof stages)[number];

/** How the old nodes go out of service, and why so. */
export interface OrderPlan {
  order: Order;
  /** one or two sentences with the numbers that decided */
  reason: string;
  /** every order that was looked at: where it runs short, at which stage first, and by how many blocks at worst */
  considered: { order: Order; fits: boolean; short: { subnetId: string; stage: Stage; blocks: number }[] }[];
}

/** Who has the last word on aws-node, and what the plan does to its settings. */
export interface VpcCniPlan {
  owner: VpcCniOwner;
  version: string | null;
  how: 'update-addon' | 'patch-daemon-set' | 'wait-for-owner' | 'nothing';
  /** what changes first */
  settings: VpcCniSetting[];
  /** the whole configuration of the add-on as it will be, JSON; null when it stays */
  configurationValues: string | null;
  /** what has to be changed in the source of somebody else who has the last word; empty when nobody has */
  instructions: string[];
}

/** One variable of aws-node that differs somewhere, or that the plan sets. Null: not set there. */
export interface VpcCniSetting {
  name: string;
  /** in the configuration of the add-on; always null without one */
  configured: string | null;
  /** set there, to a value that is not ours to see: from a reference, or of a variable that is not the VPC CNI's */
  isHidden?: boolean;
  /** on the DaemonSet now, and the field manager that set it there */
  live: string | null;
  setBy: string | null;
  /** after the plan */
  target: string | null;
  /** `adopt`: set by hand, and taken into the configuration as it is; `conflict`: EKS would refuse it */
  change: 'none' | 'set' | 'adopt' | 'conflict';
}

export interface SubnetPlan {
  subnetId: string;
  availabilityZone: string;
  cidr: string;
  freeAddresses: number;
  freePrefixes: number;
  freePrefixesAfter: number;
  peakDemand: number;
  fits: boolean;
  /** blocks taken at each stage compared with the survey (below 0: given back), and how many are then left (below 0: short) */
  timeline: { stage: Stage; taken: number; left: number }[];
  /** one character per /28 block in address order, as surveyed (domain/subnet-symbols.ts): `.` and `R` are free */
  map: string;
}

/** What a packing of the pods that move says about the replacement. An estimate: the scheduler places differently. */
export interface Capacity {
  /** nodes that are enough, DaemonSets and what the kubelet keeps for itself taken off */
  nodesNeeded: number;
  /** what fills them first: `memory`, `cpu`, `pods`, `anti-affinity of shop/search`, ... */
  limitedBy: string;
  /** pods that no number of such nodes can take, with the reason: `shop/search-0: needs 9 GiB, a node has 6.9 GiB` */
  unplaced: string[];
  /** how many pods those are; absent: one for each reason */
  unplacedPods?: number;
}

export interface Forecast {
  lowerBoundSeconds: number;
  expectedSeconds: number;
  /** `shop/search`, the group that ends last, and so decides; those that never end do not count; null when none ends */
  criticalWorkload: string | null;
  /** what the longest wait is for: the budgets, our own limit of evictions a second, or one slow pod */
  limitedBy: 'budget' | 'rate' | 'termination' | 'nothing';
  /** pods that share an allowance, the longest first; the shortest of many are left out */
  groups: ForecastGroup[];
  groupsLeftOut: number;
}

/** Pods that share one allowance, and what it means for time. Seconds, from the first eviction on. */
export interface ForecastGroup {
  /** `shop/search`: the workload when the group has one, else the budget or the namespace */
  name: string;
  /** `surge`: a Deployment that is rolled over instead */
  kind: 'budget' | 'owner' | 'singletons' | 'bare' | 'surge';
  /** `shop/search`; null without PodDisruptionBudget */
  budget: string | null;
  /** pods that have to move */
  pods: number;
  /** evictions allowed at once when all is healthy; 0: never any */
  atOnce: number;
  /** until an allowance is free again after an eviction */
  cycleSeconds: number;
  /** how long its slowest pod is expected to take to end, and may take at most */
  terminationSeconds: number;
  graceSeconds: number;
  /** until enough is healthy for the first eviction */
  startSeconds: number;
  /** null: it never ends */
  lowerBoundSeconds: number | null;
  /** when its last pod is expected to be moved; null: never */
  expectedSeconds: number | null;
  /** what one more replica would take off the lower bound */
  savedByOneMoreReplicaSeconds: number;
  /** what a budget that lets one more go at once would take off it */
  savedByOneMoreAtOnceSeconds: number;
}

/** What the API server said to evictions as a dry run when the plan was made. */
export interface RehearsalSummary {
  pods: number;
  asked: number;
  accepted: number;
  refused: number;
  /** asked about in vain; absent: none */
  unanswered?: number;
  /** why not all were asked about, or none; null when all were */
  partBecause: string | null;
}

/** Parameters of each kind of step: all it needs, rendered at plan time. */
export interface StepParams {
  'reserve-subnet-cidr': {
    subnetId: string;
    /** `10.0.1.64/26`, of which no single address is given out any more */
    cidr: string;
    region: string;
    /** free /28 blocks in it, counted when the plan was made */
    prefixes: number;
    description: string;
    tags: Record<string, string>;
  };
  'release-subnet-cidr': { subnetId: string; cidr: string; region: string; tags: Record<string, string> };
  'configure-vpc-cni': {
    clusterName: string;
    addonName: 'vpc-cni';
    addonVersion: string;
    /** configurationValues as they were; null when never set */
    before: string | null;
    /** the whole merged document, JSON */
    configurationValues: string;
    /** what must be in the environment of aws-node afterwards; null: not set */
    env: Record<string, string | null>;
    /** the same variables as they will be after an undo */
    envBefore: Record<string, string | null>;
    /** the configuration after an undo: as it was, but for values of others that were taken over */
    undoValues: string;
    /** of an undo: what the forward step found; there or changed by others meanwhile means nothing to do */
    undoOf?: { configurationValues: string | null };
  };
  'patch-vpc-cni': {
    /** what must be in the environment of aws-node afterwards; null: not set */
    env: Record<string, string | null>;
    /** the same variables as they were */
    before: Record<string, string | null>;
    /** of an undo: what others have changed meanwhile is left to them */
    isUndo?: true;
  };
  'await-vpc-cni': {
    owner: VpcCniOwner;
    /** what the owner has to set */
    env: Record<string, string>;
    /** how, in the words of its tool */
    instructions: string[];
    timeoutSeconds: number;
  };
  'create-launch-template': {
    launchTemplateName: string;
    /** EC2 LaunchTemplateData without user data */
    data: Record<string, unknown>;
    /** what we put into the user data, not encoded */
    userData: string;
    tags: Record<string, string>;
    /** the source's template, when it has one: checked against the hash before its user data is used */
    sourceTemplate: { launchTemplateId: string; version: string; userDataHash: string | null } | null;
    /** absent in plans of older versions: a MIME part behind those of the source */
    merge?: UserDataMerge;
  };
  'create-nodegroup': {
    clusterName: string;
    nodegroupName: string;
    source: string;
    launchTemplateName: string;
    instanceTypes: string[];
    amiType: string;
    capacityType: string;
    nodeRole: string;
    subnetIds: string[];
    /** size at creation: no node, so that EKS's own launch template can be read before there is one */
    scaling: Scaling;
    labels: Record<string, string>;
    taints: NodegroupTaint[];
    tags: Record<string, string>;
    kubernetesVersion: string | null;
    updateConfig: { maxUnavailable?: number; maxUnavailablePercentage?: number; updateStrategy?: string } | null;
    nodeRepairConfig: Record<string, unknown> | null;
    warmPoolConfig?: Record<string, unknown> | null;
  };
  /** made by somebody else; sizes are those that it has to have in the end */
  'await-nodegroup': ReplacementParts & { owner: NodegroupOwner; timeoutSeconds: number };
  'create-with-eksctl': ReplacementParts & { region: string; maxPods: number; timeoutSeconds: number };
  'compare-launch-template': {
    clusterName: string;
    nodegroupName: string;
    /** what the user data has to say */
    maxPods: number;
    /** null: that of EKS */
    imageId: string | null;
  };
  'verify-replacement': {
    clusterName: string;
    nodegroupName: string;
    /** the node group that it replaces */
    source: string;
    /** at least this many nodes must pass */
    nodes: number;
    /** allocatable.pods that each node must report */
    maxPods: number;
    taints: NodegroupTaint[];
    /** pods that prove addresses: 1 only where no other pod does; more are made on every node */
    canaryPods: number;
    /** null: one that the node has already */
    canaryImage: string | null;
    timeoutSeconds: number;
  };
  'scale-replacement': { clusterName: string; nodegroupName: string; scaling: Scaling; timeoutSeconds: number };
  /** `nodes`: so many are to come, each is protected as soon as it is there */
  'protect-replacement': { nodegroupName: string; nodes: number; timeoutSeconds: number };
  'unprotect-replacement': { nodegroupName: string };
  /** `releaseNodes`: it may shrink to nothing, too */
  'cap-source': { clusterName: string; nodegroupName: string; releaseNodes?: true };
  /** `recordedBy`: id of the step in whose journal stands how it was */
  'restore-scaling': { clusterName: string; nodegroupName: string; recordedBy: string; releaseNodes?: true };
  'suspend-processes': { nodegroupName: string; autoScalingGroupNames: string[]; processes: string[] };
  'resume-processes': StepParams['suspend-processes'] & { recordedBy: string };
  'cordon-source': { nodegroupNames: string[] };
  'drain-source': {
    nodegroupNames: string[];
    replacementNames: string[];
    timeoutSeconds: number;
    /** at most this share of a workload without budget is down at a time, in percent; at least one pod */
    unbudgetedPercent: number;
    /** consent recorded in the plan */
    allowEmptyDir: boolean;
    allowBarePods: boolean;
    /** evicted before all others, which wait until a pod of each is Ready elsewhere: what other pods need to start */
    first: { name: string; namespace: string; selector: Record<string, string> }[];
    /** Deployments that are rolled over instead of evicted */
    surge: { namespace: string; name: string }[];
    /** so long pods of Jobs may run on */
    waitForJobsSeconds: number;
    /** pods that may take longer to end get so long; absent: each its own time */
    podGracePeriodSeconds?: number;
    /** a node that is empty is ended, and its group gets no other for it; absent: nodes stay until their group is deleted */
    releaseNodes?: true;
  };
  soak: { seconds: number };
  'delete-source': {
    clusterName: string;
    nodegroupName: string;
    replacementName: string;
    /** CloudFormation stack that the group belongs to, and goes with; absent: none */
    stack?: string;
    /** id of its launch template, which CloudFormation deletes in the name of the caller */
    stackTemplate?: string;
    /** how nodes are emptied that came when the drain was over; the run puts in how the plan drains */
    drain?: StepParams['drain-source'];
    timeoutSeconds: number;
  };
  /** the group belongs to another tool, which deletes it */
  'hand-over-source': {
    clusterName: string;
    nodegroupName: string;
    replacementName: string;
    owner: NodegroupOwner;
    /** what to do there, in its words */
    instructions: string[];
  };
  cleanup: {
    clusterName: string;
    /** ranges that the plan reserved, and that stay: `10.0.1.64/26 of subnet-0abc` */
    reserved: string[];
    /** of a rollback: nothing that the plan made stays, but what is named here */
    stays?: string[];
    /** where interfaces of nodes that are gone may be left */
    subnetIds?: string[];
    /** of the replacements */
    launchTemplateNames?: string[];
  };
  /** the steps below are those of a rollback only */
  'uncordon-source': { nodegroupNames: string[] };
  /** at least so many nodes again, as many as the source had when the plan was made */
  'scale-source': {
    clusterName: string;
    nodegroupName: string;
    replacementName: string;
    nodes: number;
    timeoutSeconds: number;
  };
  'delete-replacement': {
    clusterName: string;
    nodegroupName: string;
    /** the node group that takes its pods back */
    source: string;
    /** ours only with these */
    tags: Record<string, string>;
    /** CloudFormation stack that it goes with, when there is one of this name */
    stack?: string;
    /** how nodes are emptied that came when the drain was over; absent: a person has to move their pods */
    drain?: StepParams['drain-source'];
    timeoutSeconds: number;
  };
  'delete-launch-template': { launchTemplateName: string; tags: Record<string, string> };
}

/** What a replacement is to be like that somebody else makes. */
export interface ReplacementParts {
  group: StepParams['create-nodegroup'];
  template: StepParams['create-launch-template'];
}

/** How ours is laid over the user data of a source, which is fetched when it is needed and stays out of plan and journal. */
export interface UserDataMerge {
  format: 'mime' | 'toml';
  /** of MIME parts: a NodeConfig counts when it comes last, a script that prepares others comes first */
  position: 'first' | 'last';
  /** what ours says, so that nothing of the source can say otherwise */
  maxPods?: number;
  /** of a node group with an image of its own: `role=memory:NoSchedule,...`, for kubelet to register with */
  taints?: string;
  /** literals of the source that would be wrong in the replacement, such as a label with the old name */
  replace: { from: string; to: string }[];
  /** cluster whose values are filled into ours before: `{{clusterEndpoint}}` */
  valuesOfCluster?: string;
}

export type StepKind = keyof StepParams;

export interface Step<K extends StepKind> {
  /** unique in the plan: `create-nodegroup/apps` */
  id: string;
  kind: K;
  phase: Phase;
  impact: Impact;
  dependsOn: string[];
  summary: string;
  params: StepParams[K];
}

export type AnyStep = { [K in StepKind]: Step<K> }[StepKind];
