/**
 * What a plan has to look like before anything of it is used. Names that end up in commands to paste, in addresses of calls
 * or in paths are held to the letters that AWS and Kubernetes allow there.
 */
import type { Finding } from './finding.ts';
import {
  type Capacity,
  creationModes,
  type Difference,
  type Expectation,
  type Forecast,
  type ForecastGroup,
  type Impact,
  type KarpenterPlan,
  type MigrationPlan,
  type NodegroupOwner,
  type NodegroupPlan,
  type OrderPlan,
  orders,
  type PlanRequest,
  type RehearsalSummary,
  type ReplacementParts,
  type StepKind,
  type StepParams,
  type SubnetPlan,
  stages,
  type UserDataMerge,
  type VpcCniPlan,
  type VpcCniSetting,
} from './plan.ts';
import {
  anything,
  either,
  flag,
  listOf,
  type Members,
  number,
  object,
  oneOf,
  optional,
  orNull,
  recordOf,
  type Shape,
  text,
  textLike,
  time,
  whole,
} from './shape.ts';
import type { NodegroupTaint, Scaling, VpcCniOwner } from './snapshot.ts';

const texts = listOf(text);
const strings = recordOf(text);
const environment = recordOf(orNull(text));
const textOrNull = orNull(text);

/** Of clusters, node groups, launch templates, Auto Scaling groups and Kubernetes objects. */
const name = textLike('a name', /^\w[\w.-]{0,254}$/);
const names = listOf(name);
/** Of a source: a managed node group, or `asg/NAME`. */
const sourceName = textLike('the name of a node group', /^(asg\/)?[\w@%+=:,.-][\w@%+=:,./-]{0,254}$/);
const sourceNames = listOf(sourceName);
/** Nothing that a shell reads otherwise. */
const word = textLike('a word', /^[\w@%+=:,./-]+$/);
const region = textLike('a region like eu-west-1', /^[a-z0-9-]*$/);
const cidr = textLike('a range like 10.0.1.64/26', /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/);
const file = textLike('a path in the plan folder', /^(?!.*\.\.)[\w-][\w./-]*$/);
/** `0.2.0`, `0.2.0-rc.1` */
export const versionShape = textLike('a version like 0.2.0', /^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/);

/** Seconds of a wait: no clock counts further. */
const longestWait = 100 * 366 * 86_400;
const seconds: Shape<number> = {
  mismatch: (value) =>
    number.mismatch(value) ??
    (Number(value) >= 0 && Number(value) <= longestWait
      ? undefined
      : { path: '', expected: 'a number of seconds', found: 'another number' }),
};

const taint = object<NodegroupTaint>({
  key: text,
  value: textOrNull,
  effect: oneOf('NO_SCHEDULE', 'NO_EXECUTE', 'PREFER_NO_SCHEDULE'),
});
const scaling = object<Scaling>({ minSize: whole, maxSize: whole, desiredSize: whole });
const owner = object<VpcCniOwner>({
  tool: oneOf('eks', 'cloudformation', 'helm', 'argo-cd', 'flux', 'terraform', 'nobody'),
  name: textOrNull,
  evidence: text,
  chartVersion: optional(text),
});
export const nodegroupOwner = object<NodegroupOwner>({
  tool: oneOf(
    'nobody',
    'eksctl',
    'cloudformation',
    'terraform',
    'pulumi',
    'crossplane',
    'cluster-api',
    'rancher',
    'ack',
  ),
  name: textOrNull,
  evidence: text,
});
const updateConfig = object<NonNullable<StepParams['create-nodegroup']['updateConfig']>>({
  maxUnavailable: optional(number),
  maxUnavailablePercentage: optional(number),
  updateStrategy: optional(text),
});
const processes: Members<StepParams['suspend-processes']> = {
  nodegroupName: sourceName,
  autoScalingGroupNames: names,
  processes: names,
};
const reservation: Members<StepParams['release-subnet-cidr']> = { subnetId: name, cidr, region, tags: strings };

const drainSource: Members<StepParams['drain-source']> = {
  nodegroupNames: sourceNames,
  replacementNames: names,
  timeoutSeconds: seconds,
  unbudgetedPercent: number,
  allowEmptyDir: flag,
  allowBarePods: flag,
  first: listOf(
    object<StepParams['drain-source']['first'][number]>({ name: text, namespace: text, selector: strings }),
  ),
  surge: listOf(object<StepParams['drain-source']['surge'][number]>({ namespace: text, name: text })),
  waitForJobsSeconds: seconds,
  podGracePeriodSeconds: optional(seconds),
  releaseNodes: optional(oneOf(true)),
};

const createLaunchTemplate: Members<StepParams['create-launch-template']> = {
  launchTemplateName: name,
  data: recordOf(anything),
  userData: text,
  tags: strings,
  sourceTemplate: orNull(
    object<NonNullable<StepParams['create-launch-template']['sourceTemplate']>>({
      launchTemplateId: name,
      version: word,
      userDataHash: textOrNull,
    }),
  ),
  merge: optional(
    object<UserDataMerge>({
      format: oneOf('mime', 'toml'),
      position: oneOf('first', 'last'),
      maxPods: optional(whole),
      taints: optional(text),
      replace: listOf(object<UserDataMerge['replace'][number]>({ from: text, to: text })),
      valuesOfCluster: optional(name),
    }),
  ),
};
const createNodegroup: Members<StepParams['create-nodegroup']> = {
  clusterName: name,
  nodegroupName: name,
  source: sourceName,
  launchTemplateName: name,
  instanceTypes: names,
  amiType: name,
  capacityType: name,
  nodeRole: text,
  subnetIds: names,
  scaling,
  labels: strings,
  taints: listOf(taint),
  tags: strings,
  kubernetesVersion: textOrNull,
  updateConfig: orNull(updateConfig),
  nodeRepairConfig: orNull(recordOf(anything)),
  warmPoolConfig: optional(orNull(recordOf(anything))),
};
const replacementParts: Members<ReplacementParts> = {
  group: object<StepParams['create-nodegroup']>(createNodegroup),
  template: object<StepParams['create-launch-template']>(createLaunchTemplate),
};

/** The parameters of each kind of step. A newer version may have more: what is not here would be passed over. */
export const paramMembers: { [K in StepKind]: Members<StepParams[K]> } = {
  'reserve-subnet-cidr': { ...reservation, prefixes: whole, description: text },
  'release-subnet-cidr': reservation,
  'configure-vpc-cni': {
    clusterName: name,
    addonName: oneOf('vpc-cni'),
    addonVersion: text,
    before: textOrNull,
    configurationValues: text,
    env: environment,
    envBefore: environment,
    undoValues: text,
    undoOf: optional(object<{ configurationValues: string | null }>({ configurationValues: textOrNull })),
  },
  'patch-vpc-cni': { env: environment, before: environment, isUndo: optional(oneOf(true)) },
  'await-vpc-cni': { owner, env: strings, instructions: texts, timeoutSeconds: seconds },
  'create-launch-template': createLaunchTemplate,
  'create-nodegroup': createNodegroup,
  'await-nodegroup': { ...replacementParts, owner: nodegroupOwner, timeoutSeconds: seconds },
  'create-with-eksctl': { ...replacementParts, region, maxPods: whole, timeoutSeconds: seconds },
  'compare-launch-template': { clusterName: name, nodegroupName: name, maxPods: whole, imageId: orNull(name) },
  'verify-replacement': {
    clusterName: name,
    nodegroupName: name,
    source: sourceName,
    nodes: whole,
    maxPods: whole,
    taints: listOf(taint),
    canaryPods: whole,
    canaryImage: textOrNull,
    timeoutSeconds: seconds,
  },
  'scale-replacement': { clusterName: name, nodegroupName: name, scaling, timeoutSeconds: seconds },
  'protect-replacement': { nodegroupName: name, nodes: whole, timeoutSeconds: seconds },
  'unprotect-replacement': { nodegroupName: name },
  'cap-source': { clusterName: name, nodegroupName: sourceName, releaseNodes: optional(oneOf(true)) },
  'restore-scaling': {
    clusterName: name,
    nodegroupName: sourceName,
    recordedBy: text,
    releaseNodes: optional(oneOf(true)),
  },
  'suspend-processes': processes,
  'resume-processes': { ...processes, recordedBy: text },
  'cordon-source': { nodegroupNames: sourceNames },
  'drain-source': drainSource,
  soak: { seconds },
  'delete-source': {
    clusterName: name,
    nodegroupName: sourceName,
    replacementName: name,
    stack: optional(name),
    stackTemplate: optional(name),
    drain: optional(object<StepParams['drain-source']>(drainSource)),
    timeoutSeconds: seconds,
  },
  'hand-over-source': {
    clusterName: name,
    nodegroupName: sourceName,
    replacementName: name,
    owner: nodegroupOwner,
    instructions: texts,
  },
  cleanup: {
    clusterName: name,
    reserved: texts,
    stays: optional(texts),
    subnetIds: optional(names),
    launchTemplateNames: optional(names),
  },
  'uncordon-source': { nodegroupNames: sourceNames },
  'scale-source': {
    clusterName: name,
    nodegroupName: sourceName,
    replacementName: name,
    nodes: whole,
    timeoutSeconds: seconds,
  },
  'delete-replacement': {
    clusterName: name,
    nodegroupName: name,
    source: sourceName,
    tags: strings,
    stack: optional(name),
    drain: optional(object<StepParams['drain-source']>(drainSource)),
    timeoutSeconds: seconds,
  },
  'delete-launch-template': { launchTemplateName: name, tags: strings },
};

/** What each kind of step does to the cluster, which decides about consent; null: it belongs to a rollback, not to a plan. */
export const impactOf: Readonly<Record<StepKind, Impact | null>> = {
  'reserve-subnet-cidr': 'additive',
  'release-subnet-cidr': null,
  'configure-vpc-cni': 'additive',
  'patch-vpc-cni': 'additive',
  'await-vpc-cni': 'additive',
  'create-launch-template': 'additive',
  'create-nodegroup': 'additive',
  'await-nodegroup': 'additive',
  'create-with-eksctl': 'additive',
  'compare-launch-template': 'additive',
  'verify-replacement': 'additive',
  'scale-replacement': 'additive',
  'protect-replacement': 'additive',
  'unprotect-replacement': 'additive',
  'cap-source': 'disruptive',
  'restore-scaling': null,
  'suspend-processes': 'disruptive',
  'resume-processes': null,
  'cordon-source': 'disruptive',
  'drain-source': 'disruptive',
  soak: 'additive',
  'delete-source': 'destructive',
  'hand-over-source': 'additive',
  cleanup: 'additive',
  'uncordon-source': null,
  'scale-source': null,
  'delete-replacement': null,
  'delete-launch-template': null,
};

export const isStepKind = (kind: string): kind is StepKind => Object.hasOwn(paramMembers, kind);

/** A step of any kind, known or not. */
interface Raw {
  id: string;
  kind: string;
  phase: string;
  impact: Impact;
  dependsOn: string[];
  summary: string;
  params: Record<string, unknown>;
}

const rawStep = object<Raw>({
  id: textLike('the id of a step', /^(?!undo\/)[\w./-]+$/),
  kind: text,
  phase: text,
  impact: oneOf('additive', 'disruptive', 'destructive'),
  dependsOn: texts,
  summary: text,
  params: recordOf(anything),
});

const request = object<PlanRequest>({
  clusterName: name,
  nodegroups: texts,
  maxPods: optional(whole),
  warmPrefixTarget: optional(whole),
  warmIpTarget: optional(whole),
  minimumIpTarget: optional(whole),
  order: oneOf(...orders, 'auto'),
  subnetIds: texts,
  createWith: oneOf(...creationModes),
  instanceTypes: names,
  amiType: optional(name),
  reserveSubnetCidr: flag,
  canaryPods: whole,
  canaryImage: optional(text),
  nodes: either(oneOf('same', 'fit'), whole),
  surge: texts,
  waitForJobsSeconds: seconds,
  podGracePeriodSeconds: optional(seconds),
  releaseNodes: optional(oneOf(true)),
  rehearseEvictions: flag,
  allow: texts,
  drainTimeoutSeconds: optional(seconds),
  soakSeconds: seconds,
  expiresInSeconds: seconds,
});

const finding = object<Finding>({
  code: text,
  severity: oneOf('blocking', 'warning', 'advice'),
  subject: text,
  summary: text,
  why: text,
  nextActions: texts,
  allowed: optional(flag),
  canBeAllowed: optional(oneOf(false)),
});

const order = object<OrderPlan>({
  order: oneOf(...orders),
  reason: text,
  considered: listOf(
    object<OrderPlan['considered'][number]>({
      order: oneOf(...orders),
      fits: flag,
      short: listOf(
        object<OrderPlan['considered'][number]['short'][number]>({
          subnetId: name,
          stage: oneOf(...stages),
          blocks: number,
        }),
      ),
    }),
  ),
});

const setting = object<VpcCniSetting>({
  name: text,
  configured: textOrNull,
  isHidden: optional(flag),
  live: textOrNull,
  setBy: textOrNull,
  target: textOrNull,
  change: oneOf('none', 'set', 'adopt', 'conflict'),
});

const vpcCni = object<VpcCniPlan>({
  owner,
  version: textOrNull,
  how: oneOf('update-addon', 'patch-daemon-set', 'wait-for-owner', 'nothing'),
  settings: listOf(setting),
  configurationValues: textOrNull,
  instructions: texts,
});

const capacity = object<Capacity>({
  nodesNeeded: whole,
  limitedBy: text,
  unplaced: texts,
  unplacedPods: optional(whole),
});

const nodegroup = object<NodegroupPlan>({
  source: sourceName,
  replacement: name,
  instanceTypes: names,
  subnetIds: names,
  nodes: object<NodegroupPlan['nodes']>({ source: whole, replacement: whole }),
  maxPods: object<NodegroupPlan['maxPods']>({
    value: whole,
    source: oneOf('requested', 'calculated', 'set-by-eks'),
    limitedBy: text,
  }),
  maxPodsBefore: number,
  prefixesPerNode: object<NodegroupPlan['prefixesPerNode']>({ idle: number, expected: number, full: number }),
  memory: object<NodegroupPlan['memory']>({
    reservedBeforeMiB: number,
    reservedAfterMiB: number,
    allocatableBeforeMiB: orNull(number),
    allocatableAfterMiB: orNull(number),
  }),
  pods: whole,
  capacity,
  userDataFile: file,
  owner: nodegroupOwner,
  differences: listOf(object<Difference>({ field: text, source: textOrNull, replacement: textOrNull, reason: text })),
});

const subnet = object<SubnetPlan>({
  subnetId: name,
  availabilityZone: text,
  cidr,
  freeAddresses: number,
  freePrefixes: number,
  freePrefixesAfter: number,
  peakDemand: number,
  fits: flag,
  timeline: listOf(object<SubnetPlan['timeline'][number]>({ stage: oneOf(...stages), taken: number, left: number })),
  map: text,
});

const forecastGroup = object<ForecastGroup>({
  name: text,
  kind: oneOf('budget', 'owner', 'singletons', 'bare', 'surge'),
  budget: textOrNull,
  pods: whole,
  atOnce: number,
  cycleSeconds: number,
  terminationSeconds: number,
  graceSeconds: number,
  startSeconds: number,
  lowerBoundSeconds: orNull(number),
  expectedSeconds: orNull(number),
  savedByOneMoreReplicaSeconds: number,
  savedByOneMoreAtOnceSeconds: number,
});

const forecast = object<Forecast>({
  lowerBoundSeconds: number,
  expectedSeconds: number,
  criticalWorkload: textOrNull,
  limitedBy: oneOf('budget', 'rate', 'termination', 'nothing'),
  groups: listOf(forecastGroup),
  groupsLeftOut: whole,
});

const karpenter = object<KarpenterPlan>({
  nodeClasses: listOf(
    object<KarpenterPlan['nodeClasses'][number]>({
      name,
      apiVersion: word,
      nodePools: names,
      maxPodsBefore: orNull(whole),
      maxPods: whole,
      limitedBy: text,
    }),
  ),
});

/** Everything but the parameters of the steps, which depend on their kinds. */
export const planShape = object<Omit<MigrationPlan, 'steps'> & { steps: Raw[] }>({
  formatVersion: oneOf(1),
  toolVersion: versionShape,
  planId: textLike('64 hexadecimal digits', /^[0-9a-f]{64}$/),
  expiresAt: time,
  cluster: object<MigrationPlan['cluster']>({
    name,
    region,
    accountId: textLike('an account number', /^\d*$/),
    kubernetesVersion: text,
    ipFamily: oneOf('ipv4', 'ipv6'),
    endpoint: text,
    arn: text,
  }),
  request,
  expectations: listOf(
    object<Expectation>({ path: text, value: optional(anything), whenChanged: oneOf('replan', 'warn') }),
  ),
  findings: listOf(finding),
  order,
  vpcCni,
  nodegroups: listOf(nodegroup),
  subnets: listOf(subnet),
  steps: listOf(rawStep),
  forecast,
  rehearsal: object<RehearsalSummary>({
    pods: whole,
    asked: whole,
    accepted: whole,
    refused: whole,
    unanswered: optional(whole),
    partBecause: textOrNull,
  }),
  karpenter: optional(karpenter),
});
