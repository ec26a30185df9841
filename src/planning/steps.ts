import { amiFamilies, type UserDataTemplates } from '../ami-families/index.ts';
import { amiFamilyOf, isSupportedFamily } from '../domain/ami.ts';
import { clusterAutoscalerOf } from '../domain/autoscalers.ts';
import { formatDuration } from '../domain/duration.ts';
import { firstToMove } from '../domain/first-to-move.ts';
import { instanceTypeNames, podsToMove, sourceTag, templateOf } from '../domain/nodegroups.ts';
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
 * cordoned right before the switch, when all else is prepared, and nodes that came to them meanwhile before the drain. What
 * could add or end nodes by itself meanwhile is held back: old nodes right before the first cordon, new ones as they come.
 * No steps when some source cannot be given user data or the VPC CNI cannot be switched: a finding says why.
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
  const heldFirst = order === 'cordon-first' ? holdSources(inputs, [...idsOf(reserved), ...templates]) : [];
  const cordonedFirst =
    order === 'cordon-first'
      ? [...heldFirst, cordonSources(inputs, [...idsOf(reserved), ...templates, ...idsOf(heldFirst)])]
      : [];
  const switched = vpcCniSteps(snapshot, request, idsOf([...reserved, ...cordonedFirst]));
  const replacements = sources.map(({ nodegroup, plan }) =>
    replace(inputs, nodegroup, plan, idsOf([...reserved, ...cordonedFirst, ...switched])),
  );
  const created = replacements.flat();
  const verified = idsOf(replacements.flatMap((steps) => steps.slice(-1)));
  const held = order === 'cordon-first' ? [] : holdSources(inputs, verified);
  const cordon =
    order === 'cordon-first'
      ? cordonNewNodes(inputs, [...idsOf(cordonedFirst), ...verified])
      : cordonSources(inputs, [...verified, ...idsOf(held)]);
  const drain = drainSources(inputs, [cordon.id]);
  const soaked = request.soakSeconds > 0 ? [soak(request.soakSeconds, [drain.id])] : [];
  const deletions = sources.map(({ plan }) => deleteSource(snapshot, plan, [soaked[0]?.id ?? drain.id]));
  const unprotected = unprotectReplacements(inputs, created, idsOf(deletions));
  return [
    ...reserved,
    ...(order === 'cordon-first' ? [] : switched),
    ...byPhase(created, 'prepare'),
    ...cordonedFirst,
    ...(order === 'cordon-first' ? switched : []),
    ...byPhase(created, 'create'),
    ...byPhase(created, 'verify'),
    ...held,
    cordon,
    drain,
    ...soaked,
    ...deletions,
    ...unprotected,
    cleanup(inputs, [...idsOf(deletions), ...idsOf(unprotected)]),
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

/** Template, group with one node, that node verified, full size, all nodes verified; with an autoscaler each kept as it comes. */
function replace(inputs: StepInputs, source: Nodegroup, plan: NodegroupPlan, switched: string[]): AnyStep[] {
  const { snapshot, hash, request } = inputs;
  const clusterName = snapshot.cluster.name;
  const [name, nodegroupName, pods] = [source.nodegroupName, plan.replacement, plan.maxPods.value];
  const tags = { 'prefix-migrate/plan': hash, [sourceTag]: name };
  const scaling = fullScaling(source, plan);
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
  const autoscaler = clusterAutoscalerOf(snapshot);
  const kept =
    autoscaler === null || scaling.desiredSize === 0
      ? []
      : [
          step(
            'protect-replacement',
            name,
            ['verify', 'additive'],
            [group.id],
            `${autoscaler.namespace}/${autoscaler.name} is to leave new nodes of ${nodegroupName} alone`,
            {
              nodegroupName,
              nodes: scaling.desiredSize,
              timeoutSeconds: timeouts.firstNode + timeouts.scale(scaling.desiredSize),
            },
          ),
        ];
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
    [grown.id, ...idsOf(kept)],
    `all ${scaling.desiredSize} nodes of ${nodegroupName}`,
    // density is a question of type and subnet: the first node has answered it
    {
      ...verification,
      nodes: scaling.desiredSize,
      canaryPods: 1,
      timeoutSeconds: timeouts.verifyAll(scaling.desiredSize),
    },
  );
  return [template, group, ...kept, first, grown, all];
}

/** The limits of the source, widened where the replacement has another size. */
const fullScaling = ({ scaling: { minSize, maxSize } }: Nodegroup, { nodes }: NodegroupPlan): Scaling => ({
  minSize: Math.min(minSize, nodes.replacement),
  maxSize: Math.max(maxSize, nodes.replacement),
  desiredSize: nodes.replacement,
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

/** A cluster autoscaler adds no nodes to the sources, and Auto Scaling ends none to even out zones, while pods move. */
function holdSources({ snapshot, sources, order }: StepInputs, dependsOn: string[]): AnyStep[] {
  const phase = order === 'cordon-first' ? 'prepare' : 'cordon';
  const clusterName = snapshot.cluster.name;
  return sources.flatMap(({ nodegroup }): AnyStep[] => {
    const { nodegroupName } = nodegroup;
    const autoScalingGroupNames = rebalanced(snapshot, nodegroup);
    const suspended =
      autoScalingGroupNames.length === 0
        ? []
        : [
            step(
              'suspend-processes',
              nodegroupName,
              [phase, 'disruptive'],
              dependsOn,
              `no node of ${nodegroupName} is ended to even out its zones`,
              { nodegroupName, autoScalingGroupNames, processes: ['AZRebalance'] },
            ),
          ];
    const capped =
      clusterAutoscalerOf(snapshot) === null
        ? []
        : [
            step(
              'cap-source',
              nodegroupName,
              [phase, 'disruptive'],
              dependsOn,
              `${nodegroupName} does not grow any more`,
              { clusterName, nodegroupName },
            ),
          ];
    return [...suspended, ...capped];
  });
}

/** Auto Scaling groups of the source that may end a node because its zones differ, and nobody has told them not to. */
function rebalanced(snapshot: ClusterSnapshot, { subnetIds, autoScalingGroupNames }: Nodegroup): string[] {
  const zones = new Set(
    snapshot.subnets
      .filter(({ subnetId }) => subnetIds.includes(subnetId))
      .map(({ availabilityZone }) => availabilityZone),
  );
  if (zones.size < 2) return [];
  return snapshot.autoScalingGroups
    .filter(
      ({ name, desiredCapacity, suspendedProcesses }) =>
        autoScalingGroupNames.includes(name) && desiredCapacity > 1 && !suspendedProcesses.includes('AZRebalance'),
    )
    .map(({ name }) => name);
}

const unprotectReplacements = ({ sources }: StepInputs, created: readonly AnyStep[], dependsOn: string[]): AnyStep[] =>
  sources
    .filter(({ plan }) => created.some(({ id }) => id === `protect-replacement/${plan.source}`))
    .map(({ plan: { source, replacement } }) =>
      step(
        'unprotect-replacement',
        source,
        ['cleanup', 'additive'],
        dependsOn,
        `nodes of ${replacement} are left to the autoscaler again`,
        { nodegroupName: replacement },
      ),
    );

function drainSources(inputs: StepInputs, dependsOn: string[]): AnyStep {
  const { request, sources, expectedDrainSeconds } = inputs;
  const pods = sources.reduce((sum, { plan }) => sum + plan.pods, 0);
  const timeoutSeconds =
    request.drainTimeoutSeconds ??
    Math.max(shortestDrain, 2 * Math.ceil(expectedDrainSeconds)) + request.waitForJobsSeconds;
  const first = firstToMove(inputs.snapshot, podsToMove(inputs.snapshot, namesOf(inputs)));
  return step(
    'drain-source',
    null,
    ['drain', 'disruptive'],
    dependsOn,
    `evict ${pods} pods from ${namesOf(inputs).join(', ')} as their budgets allow${drainNotes(request, first)}`,
    {
      nodegroupNames: namesOf(inputs),
      replacementNames: sources.map(({ plan }) => plan.replacement),
      timeoutSeconds,
      unbudgetedPercent,
      allowEmptyDir: request.allow.includes('POD.EMPTY_DIR'),
      allowBarePods: request.allow.includes('POD.BARE'),
      first,
      surge: request.surge.map(deploymentOf),
      waitForJobsSeconds: request.waitForJobsSeconds,
    },
  );
}

/** `shop/cart`, as the flag was checked to be */
function deploymentOf(text: string): { namespace: string; name: string } {
  const [namespace = '', name = ''] = text.split('/');
  return { namespace, name };
}

/** How the drain differs from evicting one pod after another. */
function drainNotes({ surge, waitForJobsSeconds }: PlanRequest, first: readonly { name: string }[]): string {
  const notes = [
    ...(first.length > 0 ? [`first ${first.map(({ name }) => name).join(', ')}`] : []),
    ...(surge.length > 0 ? [`${surge.join(', ')} rolled over instead`] : []),
    ...(waitForJobsSeconds > 0 ? [`pods of Jobs may run on for ${formatDuration(waitForJobsSeconds)}`] : []),
  ];
  return notes.map((note) => `; ${note}`).join('');
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
