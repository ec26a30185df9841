import { interfaceSettings } from '../domain/cni-settings.ts';
import { annotationKey } from '../domain/eni-config.ts';
import { envSchemaOf } from '../domain/env-schema.ts';
import { inParallel } from '../domain/parallel.ts';
import type {
  Cluster,
  ClusterNode,
  ClusterSnapshot,
  LaunchTemplateVersion,
  NetworkInterface,
  Nodegroup,
  NotSeen,
} from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { surveyInstanceTypes } from './instance-types.ts';
import { surveyJoinRoles, surveySelfManaged } from './self-managed.ts';
import { vpcCniOf } from './vpc-cni.ts';

/** Told before each stretch of reading, in a few words. */
export type SurveyProgress = (doing: string) => void;

export interface SurveyOptions {
  clusterName: string;
  /** subnets that replacements shall be in */
  subnetIds?: readonly string[];
  /** types that replacements shall have */
  instanceTypes?: readonly string[];
  /** `comparison` with a plan: without what only checks want to know */
  purpose?: 'plan' | 'comparison';
}

/** EKS allows a handful of calls a second for each account. */
const parallelCalls = 4;

/**
 * Looks at everything that a migration depends on. Reads only; everything in the snapshot is sorted, so that two looks at
 * the same cluster differ in `observedAt` alone. Subnets and instance types are those that matter: of the node groups, of
 * the nodes, and of the ENIConfigs under custom networking; when `subnetIds` are given, those too that exist of them, and
 * those of the cluster, which replacements could be in.
 *
 * What surrounds the workloads (jobs, volumes, webhooks, services, quotas) may be refused: then it is missing, and in
 * `notSeen`.
 *
 * @throws MigrateError as the ports do: a snapshot with other holes would make a wrong plan.
 */
export async function survey(
  ports: Ports,
  { clusterName, subnetIds: wanted, instanceTypes: askedTypes = [], purpose = 'plan' }: SurveyOptions,
  onProgress: SurveyProgress = () => undefined,
): Promise<ClusterSnapshot> {
  const { eks, ec2, autoScaling, kubernetes, clock } = ports;
  const observedAt = new Date(clock.now()).toISOString();

  onProgress(`cluster ${clusterName} and its node groups`);
  const [cluster, managed, addon] = await Promise.all([
    surveyCluster(ports, clusterName),
    surveyNodegroups(ports, clusterName),
    eks.describeAddon(clusterName, 'vpc-cni'),
  ]);

  onProgress('nodes, pods, workloads and budgets');
  const [allNodes, pods, workloads, podDisruptionBudgets, daemonSet] = await Promise.all([
    kubernetes.listNodes(),
    kubernetes.listPods(),
    kubernetes.listWorkloads(),
    kubernetes.listPodDisruptionBudgets(),
    kubernetes.getDaemonSet('kube-system', 'aws-node', 'aws-node'),
  ]);

  const surroundings = purpose === 'plan' ? await surveySurroundings(ports, onProgress) : noSurroundings();

  onProgress('Auto Scaling groups and launch templates');
  const missed: NotSeen[] = [];
  const onMissed = (one: NotSeen): void => void missed.push(one);
  const selfManaged = await surveySelfManaged(ports, clusterName, allNodes, onMissed);
  const nodes = selfManaged.nodes;
  const nodegroups = [...managed, ...selfManaged.nodegroups];
  const joinRoles = await surveyJoinRoles(ports, cluster, nodegroups, onMissed);
  const [autoScalingGroups, launchTemplates, eniConfigs, schema] = await Promise.all([
    autoScaling.describeGroups(sortedUnique(nodegroups.flatMap((group) => group.autoScalingGroupNames))),
    surveyLaunchTemplates(ports, nodegroups),
    interfaceSettings(daemonSet?.env ?? {}).customNetworking ? kubernetes.listEniConfigs() : [],
    addon === undefined ? null : eks.addonConfigurationSchema(addon.addonName, addon.version),
  ]);

  onProgress('instances and their network interfaces');
  const instanceIds = sortedUnique(nodes.flatMap((node) => node.instanceId ?? []));
  const [attached, instanceTypes] = await Promise.all([
    ec2.networkInterfacesOfInstances(instanceIds),
    surveyInstanceTypes(ec2, sortedUnique([...typesInUse(nodegroups, nodes, launchTemplates), ...askedTypes])),
  ]);

  onProgress('subnets');
  const subnetIds = sortedUnique([
    ...nodegroups.flatMap((group) => group.subnetIds),
    ...attached.map((eni) => eni.subnetId),
  ]);
  const further = sortedUnique([
    ...eniConfigs.flatMap(({ subnetId }) => subnetId ?? []),
    ...(wanted === undefined ? [] : [...wanted, ...cluster.subnetIds]),
  ]).filter((id) => !subnetIds.includes(id));
  const [ofNodes, ofOthers, inSubnets] = await Promise.all([
    ec2.describeSubnets(subnetIds),
    // a check names those that are not there
    ec2.describeSubnets(further, { unknown: 'leave-out' }),
    ec2.networkInterfacesOfSubnets([...subnetIds, ...further]),
  ]);

  const eniConfigKey = annotationKey(daemonSet?.env ?? {});
  return {
    formatVersion: 1,
    observedAt,
    cluster,
    nodegroups: sortedBy(nodegroups, (group) => group.nodegroupName),
    autoScalingGroups: sortedBy(autoScalingGroups, (group) => group.name),
    launchTemplates: sortedBy(launchTemplates, (template) => `${template.launchTemplateId} ${template.version}`),
    vpcCni: vpcCniOf(addon, daemonSet, envSchemaOf(schema)),
    instanceTypes: sortedBy(instanceTypes, (type) => type.instanceType),
    subnets: sortedBy([...ofNodes, ...ofOthers], (subnet) => subnet.subnetId),
    networkInterfaces: mergedInterfaces(attached, inSubnets),
    nodes: sortedBy(nodes, (node) => node.name).map((node) => ({ ...node, ...annotationsOf(node, eniConfigKey) })),
    pods: sortedBy(pods, (pod) => `${pod.namespace}/${pod.name}`),
    workloads: sortedBy(workloads, (workload) => `${workload.kind} ${workload.namespace}/${workload.name}`),
    podDisruptionBudgets: sortedBy(podDisruptionBudgets, (budget) => `${budget.namespace}/${budget.name}`),
    eniConfigs: sortedBy(eniConfigs, (config) => config.name),
    ...surroundings,
    ...joinRoles,
    evictionRehearsal: null,
    notSeen: sortedBy([...surroundings.notSeen, ...missed], ({ resource }) => resource),
  };
}

type Surroundings = Pick<
  ClusterSnapshot,
  | 'jobs'
  | 'volumeClaims'
  | 'csiNodes'
  | 'podWebhooks'
  | 'services'
  | 'resourceQuotas'
  | 'apiGroups'
  | 'karpenter'
  | 'notSeen'
>;

async function surveySurroundings({ kubernetes }: Ports, onProgress: SurveyProgress): Promise<Surroundings> {
  onProgress('jobs, volumes, webhooks, services and quotas');
  const notSeen: NotSeen[] = [];
  const onMissed = (missed: NotSeen): void => void notSeen.push(missed);
  const [jobs, volumeClaims, csiNodes, podWebhooks, services, resourceQuotas, apiGroups] = await Promise.all([
    kubernetes.listJobs(onMissed),
    kubernetes.listVolumeClaims(onMissed),
    kubernetes.listCsiNodes(onMissed),
    kubernetes.listPodWebhooks(onMissed),
    kubernetes.listServices(onMissed),
    kubernetes.listResourceQuotas(onMissed),
    kubernetes.apiGroups(onMissed),
  ]);
  const karpenter = apiGroups.some((group) => group.startsWith('karpenter.'))
    ? await kubernetes.karpenter(onMissed)
    : undefined;
  return {
    jobs: sortedBy(jobs, (job) => `${job.kind} ${job.namespace}/${job.name}`),
    volumeClaims: sortedBy(volumeClaims, (claim) => `${claim.namespace}/${claim.name}`),
    csiNodes: sortedBy(csiNodes, (node) => node.nodeName),
    podWebhooks: sortedBy(podWebhooks, (webhook) => `${webhook.kind} ${webhook.configuration} ${webhook.name}`),
    services: sortedBy(services, (service) => `${service.namespace}/${service.name}`),
    resourceQuotas: sortedBy(resourceQuotas, (quota) => `${quota.namespace}/${quota.name}`),
    apiGroups: apiGroups.toSorted(),
    ...(karpenter === undefined ? {} : { karpenter }),
    notSeen: sortedBy(notSeen, ({ resource }) => resource),
  };
}

const noSurroundings = (): Surroundings => ({
  jobs: [],
  volumeClaims: [],
  csiNodes: [],
  podWebhooks: [],
  services: [],
  resourceQuotas: [],
  apiGroups: [],
  notSeen: [],
});

const scaleDownDisabled = 'cluster-autoscaler.kubernetes.io/scale-down-disabled';

/** Of Kubernetes, its drivers, CNIs and autoscalers: new nodes get them, too. */
const isOfController = (key: string): boolean =>
  /^([a-z0-9.-]+\.)?(kubernetes\.io|k8s\.io|k8s\.aws|karpenter\.sh|projectcalico\.org|cilium\.io|flannel\.com)\/|^(vpc|eks)\.amazonaws\.com\/|\.csi\.|^csi\./.test(
    key,
  );

/** Those that are read: others may hold anything, such as the manifest that was applied last, with its secrets. */
function annotationsOf(
  { annotations }: ClusterNode,
  eniConfigKey: string,
): Pick<ClusterNode, 'annotations' | 'otherAnnotations'> {
  const isRead = (key: string): boolean =>
    key === eniConfigKey || key === scaleDownDisabled || key.startsWith('prefix-migrate/');
  const others = Object.keys(annotations).filter((key) => !isRead(key) && !isOfController(key));
  return {
    annotations: Object.fromEntries(Object.entries(annotations).filter(([key]) => isRead(key))),
    ...(others.length === 0 ? {} : { otherAnnotations: others.toSorted() }),
  };
}

async function surveyCluster({ eks, identity }: Ports, clusterName: string): Promise<Cluster> {
  const [found, caller] = await Promise.all([eks.describeCluster(clusterName), identity.caller()]);
  const { certificateAuthorityData: _onlyItsHashIsKept, ...cluster } = found;
  return { ...cluster, accountId: cluster.accountId || caller.accountId, callerArn: caller.arn };
}

async function surveyNodegroups({ eks }: Ports, clusterName: string): Promise<Nodegroup[]> {
  const names = await eks.listNodegroups(clusterName);
  const found = await inParallel(parallelCalls, names, (name) => eks.describeNodegroup(clusterName, name));
  // one that was deleted after it was listed
  return found.filter((group) => group !== undefined);
}

/** The template versions that node groups name, each once. One that was deleted is missing: a check tells. */
async function surveyLaunchTemplates(
  { ec2 }: Ports,
  nodegroups: readonly Nodegroup[],
): Promise<LaunchTemplateVersion[]> {
  const wanted = new Map(
    nodegroups.flatMap(({ launchTemplate }) =>
      launchTemplate === null ? [] : [[`${launchTemplate.id} ${launchTemplate.version}`, launchTemplate]],
    ),
  );
  const found = await inParallel(parallelCalls, [...wanted.values()], ({ id, version }) =>
    ec2.describeLaunchTemplateVersion(id, version),
  );
  return found.filter((template) => template !== undefined);
}

/** Types that groups ask for, that their templates name, and of the EC2 nodes there are. */
function typesInUse(
  nodegroups: readonly Nodegroup[],
  nodes: readonly ClusterNode[],
  launchTemplates: readonly LaunchTemplateVersion[],
): string[] {
  return sortedUnique([
    ...nodegroups.flatMap((group) => group.instanceTypes),
    ...launchTemplates.flatMap((template) => template.instanceType ?? []),
    ...nodes.flatMap((node) => (node.instanceId === null ? [] : (node.instanceType ?? []))),
  ]);
}

/**
 * The two reads overlap and happen one after the other, so of an interface in both the later look counts. One that is in
 * the first alone was deleted in between.
 */
function mergedInterfaces(attached: NetworkInterface[], inSubnets: NetworkInterface[]): NetworkInterface[] {
  const looked = new Set(inSubnets.map((eni) => eni.subnetId));
  const only = attached.filter((eni) => !looked.has(eni.subnetId));
  const all = new Map([...only, ...inSubnets].map((eni) => [eni.networkInterfaceId, eni]));
  return sortedBy([...all.values()], (eni) => eni.networkInterfaceId);
}

const sortedUnique = (items: readonly string[]): string[] => [...new Set(items)].toSorted();

/** By code units, not by the locale of the machine. */
function sortedBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, key: key(item) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ item }) => item);
}
