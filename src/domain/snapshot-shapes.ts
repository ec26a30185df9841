/** What each part of a snapshot has to look like, whoever says it: AWS, the API server, or a file. */
import { parseCidr } from './addresses.ts';
import {
  anything,
  either,
  flag,
  keyText,
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
import type {
  AutoScalingGroup,
  Cluster,
  ClusterNode,
  ClusterSnapshot,
  CsiNode,
  DaemonSetRollout,
  EniConfig,
  EnvSchema,
  EvictionRehearsal,
  HealthIssue,
  InstanceType,
  Job,
  Karpenter,
  LabelSelector,
  LaunchTemplateVersion,
  NetworkInterface,
  Nodegroup,
  NodegroupTaint,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  OwnerReference,
  Placement,
  Pod,
  PodAffinityTerm,
  PodDisruptionBudget,
  PodWebhook,
  ResourceQuota,
  Service,
  Subnet,
  Toleration,
  TopologySpread,
  VolumeClaim,
  VpcCni,
  VpcCniOwner,
  Workload,
} from './snapshot.ts';
import type { UserDataFacts } from './user-data.ts';

const texts = listOf(text);
const textByName = recordOf(text);
const textOrNull = orNull(text);
const timeOrEmpty = textLike('a time, or empty', (value) => value === '' || time.mismatch(value) === undefined);
const few = (most: number): Shape<number> => ({
  mismatch: (value) =>
    whole.mismatch(value) ??
    (Number(value) <= most ? undefined : { path: '', expected: `at most ${most}`, found: 'more' }),
});
/** Nodes of a group, pods of a workload: more than any cluster has would be counted for ever. */
const manyAtMost = few(1_000_000);

/** Of clusters and node groups: EKS takes no others. */
export const eksName = textLike('a name that EKS allows', /^[0-9A-Za-z][\w-]{0,127}$/);
/** Of pods, nodes, namespaces and most other objects (Kubernetes: RFC 1123 subdomain). */
const objectName = textLike(
  'a name that Kubernetes allows',
  /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
);
/** Of what a plan can do without: there it may be missing. */
const objectNameOrEmpty = either(oneOf(''), objectName);
const awsId = textLike('an id that AWS gives', /^[\w.-]{1,255}$/);
/** Of what ends up in commands to paste. */
export const word = textLike('a word of letters, digits and @%+=:,./-', /^[\w@%+=:,./-]{1,255}$/);
export const wordOrEmpty = textLike('a word of letters, digits and @%+=:,./-', /^[\w@%+=:,./-]{0,255}$/);
const labelKey = /^([a-z0-9][-a-z0-9.]{0,252}\/)?[A-Za-z0-9][\w.-]{0,62}$/;
const labelValue = /^[\w.-]{0,63}$/;
/** As the API server and EKS let them be: labels, and what selects by them for equality. */
const labels: Shape<Record<string, string>> = {
  mismatch: (value) =>
    textByName.mismatch(value) ??
    (Object.entries(value ?? {}).every(([key, label]) => labelKey.test(key) && labelValue.test(String(label)))
      ? undefined
      : { path: '', expected: 'labels that Kubernetes allows', found: 'others' }),
};
/** `/16` is the largest that a VPC can have. Empty: a subnet for IPv6 alone. */
const subnetRange = textLike('an IPv4 range from /16 to /28, or empty', (value) => {
  if (value === '') return true;
  const size = parseCidr(value)?.size ?? 0;
  return size >= 16 && size <= 65_536;
});

const taint = object<NodegroupTaint>({
  key: wordOrEmpty,
  value: orNull(wordOrEmpty),
  effect: oneOf('NO_SCHEDULE', 'NO_EXECUTE', 'PREFER_NO_SCHEDULE'),
});
export const healthIssuesShape = listOf(object<HealthIssue>({ code: text, message: text, resourceIds: texts }));
const updateConfig = object<NonNullable<Nodegroup['updateConfig']>>({
  maxUnavailable: optional(number),
  maxUnavailablePercentage: optional(number),
  updateStrategy: optional(text),
});

const clusterMembers = {
  name: eksName,
  arn: text,
  region: textLike('a region', /^[a-z0-9-]{1,63}$/),
  accountId: textLike('an account id', /^\d{0,12}$/),
  status: text,
  kubernetesVersion: wordOrEmpty,
  platformVersion: wordOrEmpty,
  endpoint: text,
  certificateAuthorityHash: text,
  ipFamily: oneOf('ipv4', 'ipv6'),
  vpcId: wordOrEmpty,
  subnetIds: listOf(awsId),
  clusterSecurityGroupId: orNull(word),
  authenticationMode: textOrNull,
  autoMode: flag,
  serviceCidr: optional(text),
  outpost: flag,
};
export const clusterShape = object<Omit<Cluster, 'callerArn'>>(clusterMembers);
const surveyedCluster = object<Cluster>({ ...clusterMembers, callerArn: text });

/** Of a managed node group, or `asg/NAME`: Auto Scaling takes more letters, but none that a shell reads otherwise are taken here. */
const nodegroupName = either(eksName, textLike('asg/ and a name', /^asg\/[\w@%+=:,.-][\w@%+=:,./-]{0,254}$/));

export const nodegroupShape = object<Nodegroup>({
  nodegroupName,
  arn: text,
  status: text,
  kubernetesVersion: textOrNull,
  releaseVersion: textOrNull,
  capacityType: text,
  scaling: object({ minSize: manyAtMost, maxSize: manyAtMost, desiredSize: manyAtMost }),
  instanceTypes: listOf(word),
  subnetIds: listOf(awsId),
  amiType: wordOrEmpty,
  nodeRole: text,
  diskSize: orNull(number),
  labels,
  taints: listOf(taint),
  tags: textByName,
  autoScalingGroupNames: listOf(word),
  launchTemplate: orNull(object({ id: wordOrEmpty, name: textOrNull, version: wordOrEmpty })),
  updateConfig: orNull(updateConfig),
  nodeRepairConfig: orNull(recordOf(anything)),
  warmPoolConfig: optional(orNull(recordOf(anything))),
  remoteAccess: orNull(object({ ec2SshKey: textOrNull, sourceSecurityGroups: listOf(word) })),
  healthIssues: healthIssuesShape,
  unknownFields: texts,
});

export const autoScalingGroupShape = object<AutoScalingGroup>({
  name: word,
  desiredCapacity: manyAtMost,
  minSize: manyAtMost,
  maxSize: manyAtMost,
  instanceIds: listOf(awsId),
  suspendedProcesses: listOf(word),
  status: optional(text),
  launchTemplate: optional(orNull(object({ id: wordOrEmpty, name: textOrNull, version: wordOrEmpty }))),
  launchConfiguration: optional(text),
  instanceTypes: optional(listOf(word)),
  onDemandPercent: optional(number),
  subnetIds: optional(listOf(awsId)),
  tags: optional(textByName),
});

export const launchTemplateShape = object<LaunchTemplateVersion>({
  launchTemplateId: wordOrEmpty,
  version: wordOrEmpty,
  name: text,
  imageId: textOrNull,
  instanceType: orNull(word),
  userDataHash: textOrNull,
  userData: optional(
    object<UserDataFacts>({
      bytes: whole,
      form: oneOf('multipart', 'single', 'text', 'toml', 'compressed', 'powershell', 'unknown'),
      hasBootstrap: flag,
      hasNodeConfig: flag,
    }),
  ),
  unknownMembers: optional(listOf(text)),
  data: recordOf(anything),
});

export const eniConfigShape = object<EniConfig>({
  name: objectNameOrEmpty,
  subnetId: orNull(wordOrEmpty),
  securityGroups: texts,
});

const rollout = object<DaemonSetRollout>({
  generation: whole,
  observedGeneration: whole,
  desired: whole,
  updated: whole,
  available: whole,
  unavailable: whole,
});
const environment = recordOf(textOrNull);
const vpcCni = object<VpcCni>({
  managedBy: oneOf('eks-addon', 'self-managed', 'absent'),
  owner: object<VpcCniOwner>({
    tool: oneOf('eks', 'cloudformation', 'helm', 'argo-cd', 'flux', 'terraform', 'nobody'),
    name: textOrNull,
    evidence: text,
    chartVersion: optional(text),
  }),
  version: textOrNull,
  addon: orNull(
    object<NonNullable<VpcCni['addon']>>({
      version: text,
      status: text,
      configurationValues: textOrNull,
      healthIssues: healthIssuesShape,
      envSchema: optional(
        object<EnvSchema>({
          takesOthers: flag,
          variables: recordOf(
            object<EnvSchema['variables'][string]>({
              type: optional(texts),
              format: optional(text),
              enum: optional(texts),
              pattern: optional(text),
            }),
          ),
        }),
      ),
    }),
  ),
  env: environment,
  envManagers: textByName,
  initEnv: environment,
  rollout: orNull(rollout),
});

export const daemonSetRolloutShape = rollout;
export const environmentShape = environment;

export const instanceTypeShape = object<InstanceType>({
  instanceType: word,
  origin: oneOf('ec2', 'not-described', 'not-allowed'),
  hypervisor: orNull(oneOf('nitro', 'xen')),
  bareMetal: flag,
  vcpus: few(100_000),
  memoryMiB: number,
  enis: few(1000),
  ipv4PerEni: few(1000),
  branchInterfaces: orNull(few(10_000)),
  architectures: texts,
});

export const subnetReservationMembers = { id: word, cidr: text, type: oneOf('prefix', 'explicit') };

export const subnetShape = object<Subnet>({
  subnetId: awsId,
  vpcId: wordOrEmpty,
  ownerId: wordOrEmpty,
  availabilityZone: wordOrEmpty,
  cidr: subnetRange,
  availableIpAddressCount: whole,
  reservations: listOf(object(subnetReservationMembers)),
  tags: textByName,
});

export const networkInterfaceShape = object<NetworkInterface>({
  networkInterfaceId: word,
  subnetId: wordOrEmpty,
  interfaceType: text,
  description: text,
  requesterManaged: flag,
  status: text,
  instanceId: orNull(wordOrEmpty),
  deviceIndex: orNull(number),
  addresses: texts,
  prefixes: texts,
});

export const nodeShape = object<ClusterNode>({
  name: objectName,
  uid: keyText,
  instanceId: orNull(word),
  instanceType: orNull(wordOrEmpty),
  availabilityZone: orNull(wordOrEmpty),
  nodegroupName: orNull(wordOrEmpty),
  labels,
  annotations: textByName,
  otherAnnotations: optional(texts),
  osImage: optional(text),
  taints: listOf(object({ key: wordOrEmpty, value: orNull(wordOrEmpty), effect: wordOrEmpty })),
  unschedulable: flag,
  ready: flag,
  createdAt: timeOrEmpty,
  capacityPods: manyAtMost,
  allocatable: object<ClusterNode['allocatable']>({
    pods: manyAtMost,
    cpuMillis: number,
    memoryBytes: number,
    others: optional(recordOf(number)),
  }),
});

const controller = orNull(
  object<OwnerReference>({ apiVersion: text, kind: wordOrEmpty, name: wordOrEmpty, uid: keyText }),
);
const requirements = listOf(
  object<NodeSelectorRequirement>({
    key: text,
    operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'),
    values: texts,
  }),
);
export const nodeTermsShape = listOf(object<NodeSelectorTerm>({ expressions: requirements, fields: requirements }));
const selector = object<LabelSelector>({
  matchLabels: optional(textByName),
  matchExpressions: optional(
    listOf(
      object<NonNullable<LabelSelector['matchExpressions']>[number]>({
        key: text,
        operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'),
        values: optional(texts),
      }),
    ),
  ),
});
const podTerms = listOf(
  object<PodAffinityTerm>({
    topologyKey: text,
    selector: orNull(selector),
    namespaces: texts,
    anyNamespace: optional(oneOf(true)),
  }),
);
const placement: Members<Placement> = {
  nodeSelector: labels,
  tolerations: listOf(
    object<Toleration>({
      key: optional(text),
      operator: optional(text),
      value: optional(text),
      effect: optional(text),
    }),
  ),
  nodeAffinity: optional(nodeTermsShape),
  podAffinity: optional(podTerms),
  podAntiAffinity: optional(podTerms),
  topologySpread: optional(
    listOf(
      object<TopologySpread>({
        topologyKey: text,
        maxSkew: whole,
        minDomains: optional(whole),
        selector: orNull(selector),
        honorsTaints: optional(oneOf(true)),
      }),
    ),
  ),
  hostPorts: optional(listOf(object({ port: whole, protocol: wordOrEmpty, hostIp: wordOrEmpty }))),
};

export const podShape = object<Pod>({
  ...placement,
  namespace: objectName,
  name: objectName,
  uid: keyText,
  nodeName: orNull(objectName),
  phase: wordOrEmpty,
  ready: flag,
  startupSeconds: optional(orNull(number)),
  warmupSeconds: optional(orNull(number)),
  createdAt: timeOrEmpty,
  deletionTimestamp: orNull(time),
  controller,
  labels,
  annotations: textByName,
  hostNetwork: flag,
  podIp: orNull(wordOrEmpty),
  mirror: flag,
  emptyDirVolumes: texts,
  emptyDirLimits: optional(textByName),
  hostPaths: optional(texts),
  persistentVolumeClaims: listOf(wordOrEmpty),
  requests: object<Pod['requests']>({ cpuMillis: number, memoryBytes: number, others: optional(recordOf(number)) }),
  priorityClassName: optional(word),
  finalizers: optional(texts),
  terminationGracePeriodSeconds: number,
  trouble: textOrNull,
});

const template = object<NonNullable<Workload['template']>>({ ...placement, labels });

export const workloadShape = object<Workload>({
  kind: oneOf('Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet'),
  namespace: objectName,
  name: objectName,
  uid: keyText,
  controller,
  replicas: manyAtMost,
  readyReplicas: manyAtMost,
  images: optional(texts),
  template: optional(template),
  rollout: optional(object({ maxSurge: number, maxUnavailable: number })),
});

export const jobShape = object<Job>({
  kind: oneOf('Job', 'CronJob'),
  namespace: objectNameOrEmpty,
  name: objectNameOrEmpty,
  uid: keyText,
  controller,
  active: whole,
  startedAt: orNull(time),
  activeDeadlineSeconds: orNull(number),
  backoffLimit: orNull(number),
  onDisruption: orNull(oneOf('Ignore', 'FailJob', 'Count', 'FailIndex')),
  suspended: flag,
  template,
});

export const volumeClaimShape = object<VolumeClaim>({
  namespace: objectNameOrEmpty,
  name: objectNameOrEmpty,
  volumeName: orNull(word),
  storageClass: orNull(word),
  accessModes: texts,
  driver: textOrNull,
  nodeAffinity: nodeTermsShape,
});

export const csiNodeShape = object<CsiNode>({
  nodeName: objectNameOrEmpty,
  drivers: listOf(object({ name: text, count: orNull(number) })),
});

export const podWebhookShape = object<PodWebhook>({
  kind: oneOf('validating', 'mutating'),
  configuration: objectNameOrEmpty,
  name: wordOrEmpty,
  failurePolicy: oneOf('Fail', 'Ignore'),
  service: orNull(object({ namespace: objectNameOrEmpty, name: objectName })),
  intercepts: listOf(oneOf('pods', 'pods/eviction')),
  namespaceSelector: orNull(selector),
  isNarrowed: optional(oneOf(true)),
});

export const serviceShape = object<Service>({
  namespace: objectNameOrEmpty,
  name: objectNameOrEmpty,
  type: wordOrEmpty,
  selector: orNull(labels),
  externalTrafficPolicy: orNull(oneOf('Cluster', 'Local')),
});

export const resourceQuotaShape = object<ResourceQuota>({
  namespace: objectNameOrEmpty,
  name: objectNameOrEmpty,
  hard: recordOf(number),
  used: recordOf(number),
  isScoped: flag,
});

const countOrShare = orNull(either(number, text));
export const podDisruptionBudgetShape = object<PodDisruptionBudget>({
  namespace: objectName,
  name: objectName,
  uid: keyText,
  generation: whole,
  selector: orNull(selector),
  minAvailable: countOrShare,
  maxUnavailable: countOrShare,
  unhealthyPodEvictionPolicy: orNull(oneOf('IfHealthyBudget', 'AlwaysAllow')),
  status: object({
    observedGeneration: whole,
    disruptionsAllowed: number,
    currentHealthy: whole,
    desiredHealthy: whole,
    expectedPods: whole,
    disruptedPods: textByName,
    syncFailure: textOrNull,
  }),
});

const rehearsal = object<EvictionRehearsal>({
  pods: whole,
  asked: whole,
  partBecause: textOrNull,
  accepted: whole,
  refusals: listOf(
    object({
      namespace: objectName,
      name: objectName,
      uid: keyText,
      kind: oneOf(
        'budget-exhausted',
        'budget-unprocessed',
        'multiple-budgets',
        'namespace-terminating',
        'refused',
        'no-answer',
      ),
      detail: text,
    }),
  ),
});

export const nodePoolMembers = { name: objectName, nodeClass: orNull(objectName) };
export const nodeClassShape = object<Karpenter['nodeClasses'][number]>({
  name: objectName,
  apiVersion: word,
  maxPods: orNull(number),
  amiFamily: textOrNull,
});

export const snapshotShape = object<ClusterSnapshot>({
  formatVersion: oneOf(1),
  observedAt: time,
  cluster: surveyedCluster,
  nodegroups: listOf(nodegroupShape),
  autoScalingGroups: listOf(autoScalingGroupShape),
  launchTemplates: listOf(launchTemplateShape),
  vpcCni,
  instanceTypes: listOf(instanceTypeShape),
  subnets: listOf(subnetShape),
  networkInterfaces: listOf(networkInterfaceShape),
  nodes: listOf(nodeShape),
  pods: listOf(podShape),
  workloads: listOf(workloadShape),
  podDisruptionBudgets: listOf(podDisruptionBudgetShape),
  eniConfigs: listOf(eniConfigShape),
  jobs: listOf(jobShape),
  volumeClaims: listOf(volumeClaimShape),
  csiNodes: listOf(csiNodeShape),
  podWebhooks: listOf(podWebhookShape),
  services: listOf(serviceShape),
  resourceQuotas: listOf(resourceQuotaShape),
  apiGroups: texts,
  evictionRehearsal: orNull(rehearsal),
  missingRights: optional(
    listOf(
      object({
        right: text,
        on: orNull(text),
        neededBy: listOf(text),
        toldBy: oneOf('kubernetes', 'ec2', 'iam'),
      }),
    ),
  ),
  barePods: optional(listOf(object({ namespace: objectName, name: objectName, file: text, redacted: texts }))),
  karpenter: optional(
    object<Karpenter>({
      nodePools: listOf(object<Karpenter['nodePools'][number]>(nodePoolMembers)),
      nodeClasses: listOf(nodeClassShape),
    }),
  ),
  joinRoles: optional(
    object<NonNullable<ClusterSnapshot['joinRoles']>>({ accessEntries: orNull(texts), awsAuth: orNull(texts) }),
  ),
  notSeen: listOf(object({ resource: text, why: text })),
});
