import { amiFamilies, type UserDataTemplates } from '../ami-families/index.ts';
import { amiFamilyOf, isSupportedFamily } from '../domain/ami.ts';
import { desiredNodes, instanceTypeNames, sourceTag, templateOf } from '../domain/nodegroups.ts';
import type {
  AnyStep,
  Impact,
  NodegroupPlan,
  Order,
  Phase,
  PlanRequest,
  Step,
  StepKind,
  StepParams,
} from '../domain/plan.ts';
import type { SubnetReservation } from '../domain/reservation.ts';
import type { ClusterSnapshot, Nodegroup, Scaling } from '../domain/snapshot.ts';
import { isOurs, launchTemplateData } from './launch-template.ts';
import { vpcCniSteps } from './vpc-cni.ts';

const minutes = 60;

/** Longest waits. EKS gives up on a node that does not join after 15 minutes; each wave of further nodes gets some more. */
const timeouts = {
  firstNode: 20 * minutes,
  scale: (nodes: number) => (20 + Math.ceil(nodes / 10)) * minutes,
  verifyAll: (nodes: number) => (15 + Math.ceil(nodes / 10)) * minutes,
  deletion: (nodes: number) => (30 + Math.ceil(nodes / 10)) * minutes,
};

const shortestDrain = 30 * minutes;

/** At most this share of a workload without a budget is down at a time, in percent. */
export const unbudgetedPercent = 25;

export interface StepInputs {
  snapshot: ClusterSnapshot;
  request: PlanRequest;
  /** of the names of what the plan creates, and of its tags */
  hash: string;
  sources: readonly { nodegroup: Nodegroup; plan: NodegroupPlan }[];
  order: Order;
  /** made before anything takes a prefix */
  reservations: readonly SubnetReservation[];
  expectedDrainSeconds: number;
  userData: UserDataTemplates;
}

/**
 * All steps in the order of the story: ranges for prefixes reserved, the switch once, each replacement with one node and
 * then in full size, one cordon and one drain over all sources, soak, one deletion each. With `cordon-first` the sources are
 * cordoned right before the switch, when all else is prepared, and nodes that came to them meanwhile before the drain. No
 * steps when some source cannot be given user data or the VPC CNI cannot be switched: a finding says why.
 */
export function planSteps(inputs: StepInputs): AnyStep[] {
  const { snapshot, request, sources, order } = inputs;
  if (
    sources.length === 0 ||
    snapshot.vpcCni.managedBy === 'absent' ||
    !sources.every(({ nodegroup }) => canRender(snapshot, nodegroup))
  ) {
    return [];
  }
  const reserved = reserveSubnetCidrs(inputs);
  const templates = sources.map(({ plan }) => `create-launch-template/${plan.source}`);
  const cordonedFirst = order === 'cordon-first' ? [cordonSources(inputs, [...idsOf(reserved), ...templates])] : [];
  const switched = vpcCniSteps(snapshot, request, idsOf([...reserved, ...cordonedFirst]));
  const replacements = sources.map(({ nodegroup, plan }) =>
    replace(inputs, nodegroup, plan, idsOf([...reserved, ...cordonedFirst, ...switched])),
  );
  const created = replacements.flat();
  const verified = idsOf(replacements.flatMap((steps) => steps.slice(-1)));
  const cordon =
    order === 'cordon-first'
      ? cordonNewNodes(inputs, [...idsOf(cordonedFirst), ...verified])
      : cordonSources(inputs, verified);
  const drain = drainSources(inputs, [cordon.id]);
  const soaked = request.soakSeconds > 0 ? [soak(request.soakSeconds, [drain.id])] : [];
  const deletions = sources.map(({ plan }) => deleteSource(snapshot, plan, [soaked[0]?.id ?? drain.id]));
  return [
    ...reserved,
    ...(order === 'cordon-first' ? [] : switched),
    ...byPhase(created, 'prepare'),
    ...cordonedFirst,
    ...(order === 'cordon-first' ? switched : []),
    ...byPhase(created, 'create'),
    ...byPhase(created, 'verify'),
    cordon,
    drain,
    ...soaked,
    ...deletions,
    cleanup(inputs, idsOf(deletions)),
  ];
}

/** A template with an image or user data of its own cannot be joined with ours. */
export function canRender(snapshot: ClusterSnapshot, nodegroup: Nodegroup): boolean {
  const template = templateOf(snapshot, nodegroup);
  const isPlain =
    template === undefined
      ? nodegroup.launchTemplate === null
      : template.imageId === null && template.userDataHash === null;
  return isPlain && isSupportedFamily(amiFamilyOf(nodegroup.amiType));
}

function step<K extends StepKind>(
  kind: K,
  subject: string | null,
  [phase, impact]: [Phase, Impact],
  dependsOn: string[],
  summary: string,
  params: StepParams[K],
): Step<K> {
  return { id: subject === null ? kind : `${kind}/${subject}`, kind, phase, impact, dependsOn, summary, params };
}

const idsOf = (steps: readonly AnyStep[]): string[] => steps.map(({ id }) => id);
const byPhase = (steps: readonly AnyStep[], phase: Phase): AnyStep[] => steps.filter((one) => one.phase === phase);

const reserveSubnetCidrs = ({ snapshot: { cluster }, hash, reservations }: StepInputs): AnyStep[] =>
  reservations.flatMap(({ subnetId, ranges }) =>
    ranges.map(({ cidr, prefixes, when }) =>
      step(
        'reserve-subnet-cidr',
        `${subnetId}/${cidr}`,
        ['prepare', 'additive'],
        [],
        `${cidr} of ${subnetId} for prefixes: ${prefixes} free block${prefixes === 1 ? '' : 's'}${when === 'now' ? '' : ' when the old nodes are gone'}`,
        {
          subnetId,
          cidr,
          region: cluster.region,
          prefixes,
          description: `Prefixes of cluster ${cluster.name}`,
          tags: { 'prefix-migrate/plan': hash },
        },
      ),
    ),
  );

/** Template, group with one node, that node verified, full size, all nodes verified. */
function replace(inputs: StepInputs, source: Nodegroup, plan: NodegroupPlan, switched: string[]): AnyStep[] {
  const { snapshot, hash, request } = inputs;
  const clusterName = snapshot.cluster.name;
  const [name, nodegroupName, pods] = [source.nodegroupName, plan.replacement, plan.maxPods.value];
  const tags = { 'prefix-migrate/plan': hash, [sourceTag]: name };
  const scaling = fullScaling(snapshot, source);
  const verification = {
    clusterName,
    nodegroupName,
    source: name,
    maxPods: pods,
    taints: source.taints,
    canaryImage: request.canaryImage ?? null,
  };
  const addresses = request.canaryPods === 1 ? 'an address' : `${request.canaryPods} addresses`;

  const template = step(
    'create-launch-template',
    name,
    ['prepare', 'additive'],
    [],
    `launch template ${nodegroupName} with maxPods ${pods}`,
    {
      launchTemplateName: nodegroupName,
      data: launchTemplateData(snapshot, source, tags),
      userData: userDataOf(inputs, source, plan),
      tags,
      sourceTemplate: sourceTemplate(snapshot, source),
    },
  );
  const group = step(
    'create-nodegroup',
    name,
    ['create', 'additive'],
    [...switched, template.id],
    `node group ${nodegroupName} for ${name}, with one node first`,
    {
      clusterName,
      nodegroupName,
      source: name,
      launchTemplateName: nodegroupName,
      instanceTypes: instanceTypeNames(snapshot, source),
      amiType: source.amiType,
      capacityType: source.capacityType,
      nodeRole: source.nodeRole,
      subnetIds: plan.subnetIds,
      scaling: { minSize: Math.min(1, scaling.minSize), maxSize: scaling.maxSize, desiredSize: 1 },
      labels: withoutKeys(source.labels, (key) => !key.startsWith('eks.amazonaws.com/')),
      taints: source.taints,
      tags: { ...withoutKeys(source.tags, isOurs), ...tags },
      kubernetesVersion: source.kubernetesVersion,
      updateConfig: source.updateConfig,
      nodeRepairEnabled: source.nodeRepairEnabled,
    },
  );
  const first = step(
    'verify-replacement',
    `${name}/first`,
    ['verify', 'additive'],
    [group.id],
    `first node of ${nodegroupName}: prefixes, ${pods} pods, ${addresses} from ${request.canaryPods > 16 ? 'prefixes' : 'a prefix'}`,
    { ...verification, nodes: 1, canaryPods: request.canaryPods, timeoutSeconds: timeouts.firstNode },
  );
  const grown = step(
    'scale-replacement',
    name,
    ['verify', 'additive'],
    [first.id],
    `${nodegroupName} to ${scaling.desiredSize} nodes (${scaling.minSize} to ${scaling.maxSize})`,
    { clusterName, nodegroupName, scaling, timeoutSeconds: timeouts.scale(scaling.desiredSize) },
  );
  const all = step(
    'verify-replacement',
    name,
    ['verify', 'additive'],
    [grown.id],
    `all ${scaling.desiredSize} nodes of ${nodegroupName}`,
    // density is a question of type and subnet: the first node has answered it
    {
      ...verification,
      nodes: scaling.desiredSize,
      canaryPods: 1,
      timeoutSeconds: timeouts.verifyAll(scaling.desiredSize),
    },
  );
  return [template, group, first, grown, all];
}

const fullScaling = (snapshot: ClusterSnapshot, source: Nodegroup): Scaling => ({
  ...source.scaling,
  desiredSize: desiredNodes(snapshot, source),
});

function userDataOf({ userData }: StepInputs, source: Nodegroup, plan: NodegroupPlan): string {
  const family = amiFamilyOf(source.amiType);
  if (!isSupportedFamily(family)) throw new Error(`no user data for ${source.amiType}`);
  return amiFamilies[family].render(userData[family], { maxPods: plan.maxPods.value });
}

function sourceTemplate(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
): StepParams['create-launch-template']['sourceTemplate'] {
  if (source.launchTemplate === null) return null;
  const { id, version } = source.launchTemplate;
  return { launchTemplateId: id, version, userDataHash: templateOf(snapshot, source)?.userDataHash ?? null };
}

const withoutKeys = (record: Record<string, string>, isKept: (key: string) => boolean): Record<string, string> =>
  Object.fromEntries(Object.entries(record).filter(([key]) => isKept(key)));

const namesOf = ({ sources }: StepInputs): string[] => sources.map(({ plan }) => plan.source);

function cordonSources(inputs: StepInputs, dependsOn: string[]): AnyStep {
  const nodegroupNames = namesOf(inputs);
  const summary = `no new pods on the nodes of ${nodegroupNames.join(', ')}`;
  const phase = inputs.order === 'cordon-first' ? 'prepare' : 'cordon';
  return step('cordon-source', null, [phase, 'disruptive'], dependsOn, summary, { nodegroupNames });
}

/** An autoscaler that sees pods wait adds nodes to the sources, and those come up in service. */
function cordonNewNodes(inputs: StepInputs, dependsOn: string[]): AnyStep {
  const nodegroupNames = namesOf(inputs);
  const summary = `no new pods on nodes that came to ${nodegroupNames.join(', ')} meanwhile`;
  return step('cordon-source', 'new-nodes', ['cordon', 'disruptive'], dependsOn, summary, { nodegroupNames });
}

function drainSources(inputs: StepInputs, dependsOn: string[]): AnyStep {
  const { request, sources, expectedDrainSeconds } = inputs;
  const pods = sources.reduce((sum, { plan }) => sum + plan.pods, 0);
  const timeoutSeconds = request.drainTimeoutSeconds ?? Math.max(shortestDrain, 2 * Math.ceil(expectedDrainSeconds));
  return step(
    'drain-source',
    null,
    ['drain', 'disruptive'],
    dependsOn,
    `evict ${pods} pods from ${namesOf(inputs).join(', ')} as their budgets allow`,
    {
      nodegroupNames: namesOf(inputs),
      replacementNames: sources.map(({ plan }) => plan.replacement),
      timeoutSeconds,
      unbudgetedPercent,
      allowEmptyDir: request.allow.includes('POD.EMPTY_DIR'),
      allowBarePods: request.allow.includes('POD.BARE'),
    },
  );
}

const soak = (seconds: number, dependsOn: string[]): AnyStep =>
  step('soak', null, ['soak', 'additive'], dependsOn, `wait ${seconds} s and watch`, { seconds });

function deleteSource({ cluster }: ClusterSnapshot, plan: NodegroupPlan, dependsOn: string[]): AnyStep {
  return step(
    'delete-source',
    plan.source,
    ['delete', 'destructive'],
    dependsOn,
    `delete node group ${plan.source} with its ${plan.nodes.source} nodes`,
    {
      clusterName: cluster.name,
      nodegroupName: plan.source,
      replacementName: plan.replacement,
      timeoutSeconds: timeouts.deletion(plan.nodes.source),
    },
  );
}

const cleanup = ({ snapshot: { cluster }, reservations }: StepInputs, dependsOn: string[]): AnyStep =>
  step('cleanup', null, ['cleanup', 'additive'], dependsOn, 'remove what the run left behind', {
    clusterName: cluster.name,
    reserved: reservations.flatMap(({ subnetId, ranges }) => ranges.map(({ cidr }) => `${cidr} of ${subnetId}`)),
  });
