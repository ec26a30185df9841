import type { UserDataTemplates } from '../ami-families/index.ts';
import { clusterAutoscalerOf } from '../domain/autoscalers.ts';
import { formatDuration } from '../domain/duration.ts';
import { eksctlLacks, eksctlStack } from '../domain/eksctl-nodegroup.ts';
import { firstToMove } from '../domain/first-to-move.ts';
import { handOverInstructions, nodegroupOwnerText, removalOf } from '../domain/nodegroup-owner.ts';
import { podsToMove, templateOf } from '../domain/nodegroups.ts';
import type {
  AnyStep,
  CreationMode,
  Impact,
  NodegroupPlan,
  Order,
  Phase,
  PlanRequest,
  ReplacementParts,
  Step,
  StepKind,
  StepParams,
} from '../domain/plan.ts';
import type { SubnetReservation } from '../domain/reservation.ts';
import type { ClusterSnapshot, Nodegroup, Scaling } from '../domain/snapshot.ts';
import { replacementOf, replacementTags } from './replacement.ts';
import { canRender, userDataOf } from './user-data.ts';
import { vpcCniSteps } from './vpc-cni.ts';

const minutes = 60;

/** Longest waits. EKS gives up on a node that does not join after 15 minutes; each wave of further nodes gets some more. */
const timeouts = {
  firstNode: 20 * minutes,
  eksctl: 60 * minutes,
  external: 120 * minutes,
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
 * then in full size, one cordon and one drain over all sources, soak, one deletion (or handing over) each. With `cordon-first` the sources are
 * cordoned right before the switch, when all else is prepared, and nodes that came to them meanwhile before the drain. What
 * could add or end nodes by itself meanwhile is held back: old nodes right before the first cordon, new ones as they come.
 * No steps when some source cannot be given user data, eksctl has no words for it, or the VPC CNI cannot be switched: a
 * finding says why.
 */
export function planSteps(inputs: StepInputs): AnyStep[] {
  const { snapshot, request, sources, order } = inputs;
  if (
    sources.length === 0 ||
    snapshot.vpcCni.managedBy === 'absent' ||
    !sources.every(({ nodegroup }) => canRender(snapshot, nodegroup, request)) ||
    (request.createWith === 'eksctl' &&
      sources.some(({ nodegroup }) => eksctlLacks(snapshot, nodegroup, request).length > 0))
  ) {
    return [];
  }
  const reserved = reserveSubnetCidrs(inputs);
  const templates =
    request.createWith === 'api' ? sources.map(({ plan }) => `create-launch-template/${plan.source}`) : [];
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
  const deletions = sources.map(({ plan }) => removeSource(inputs, plan, [soaked[0]?.id ?? drain.id]));
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

/** The group without a node, one node, that node verified, full size, all nodes verified; with an autoscaler each kept as it comes. */
function replace(inputs: StepInputs, source: Nodegroup, plan: NodegroupPlan, switched: string[]): AnyStep[] {
  const { snapshot, request } = inputs;
  const clusterName = snapshot.cluster.name;
  const [name, nodegroupName, pods] = [source.nodegroupName, plan.replacement, plan.maxPods.value];
  const parts = partsOf(inputs, source, plan);
  const { scaling } = parts.group;
  const made = makers[request.createWith](inputs, plan, parts, switched);
  const there = idsOf(made.slice(-1));
  const verification = {
    clusterName,
    nodegroupName,
    source: name,
    maxPods: pods,
    taints: source.taints,
    canaryImage: request.canaryImage ?? null,
  };
  const addresses = request.canaryPods === 1 ? 'an address' : `${request.canaryPods} addresses`;

  // somebody else's group has its nodes when it is there
  const isScaledByUs = request.createWith !== 'external';
  const scale = (to: Scaling, subject: string, dependsOn: string[], summary: string): AnyStep[] =>
    isScaledByUs
      ? [
          step('scale-replacement', subject, ['verify', 'additive'], dependsOn, summary, {
            clusterName,
            nodegroupName,
            scaling: to,
            timeoutSeconds: timeouts.scale(to.desiredSize),
          }),
        ]
      : [];

  const autoscaler = clusterAutoscalerOf(snapshot);
  const kept =
    autoscaler === null || scaling.desiredSize === 0
      ? []
      : [
          step(
            'protect-replacement',
            name,
            ['verify', 'additive'],
            there,
            `${autoscaler.namespace}/${autoscaler.name} is to leave new nodes of ${nodegroupName} alone`,
            {
              nodegroupName,
              nodes: scaling.desiredSize,
              timeoutSeconds: 2 * timeouts.firstNode + timeouts.scale(scaling.desiredSize),
            },
          ),
        ];
  const oneNode = { minSize: Math.min(1, scaling.minSize), maxSize: Math.max(1, scaling.maxSize), desiredSize: 1 };
  const begun = scale(oneNode, `${name}/first`, there, `${nodegroupName} to one node`);
  const first = step(
    'verify-replacement',
    `${name}/first`,
    ['verify', 'additive'],
    begun.length > 0 ? idsOf(begun) : there,
    `first node of ${nodegroupName}: prefixes, ${pods} pods, ${addresses} from ${request.canaryPods > 16 ? 'prefixes' : 'a prefix'}`,
    {
      ...verification,
      nodes: isScaledByUs ? 1 : Math.min(1, scaling.desiredSize),
      canaryPods: request.canaryPods,
      timeoutSeconds: timeouts.firstNode,
    },
  );
  const grown = scale(
    scaling,
    name,
    [first.id],
    `${nodegroupName} to ${scaling.desiredSize} nodes (${scaling.minSize} to ${scaling.maxSize})`,
  );
  const all = step(
    'verify-replacement',
    name,
    ['verify', 'additive'],
    [...idsOf(grown.length > 0 ? grown : [first]), ...idsOf(kept)],
    `all ${scaling.desiredSize} nodes of ${nodegroupName}`,
    // density is a question of type and subnet: the first node has answered it
    {
      ...verification,
      nodes: scaling.desiredSize,
      canaryPods: 1,
      timeoutSeconds: timeouts.verifyAll(scaling.desiredSize),
    },
  );
  return [...made, ...kept, ...begun, first, ...grown, all];
}

/** Template and group of a replacement at its full size. */
function partsOf(inputs: StepInputs, source: Nodegroup, plan: NodegroupPlan): ReplacementParts {
  const { snapshot, request, hash } = inputs;
  const { template, nodegroup } = replacementOf(snapshot, source, plan, request, hash);
  // eksctl sets its own
  const labels = Object.entries(nodegroup.labels).filter(([key]) => !key.startsWith('alpha.eksctl.io/'));
  return {
    group: request.createWith === 'api' ? nodegroup : { ...nodegroup, labels: Object.fromEntries(labels) },
    template: {
      launchTemplateName: plan.replacement,
      data: template,
      ...userDataOf(snapshot, request, source, plan, inputs.userData),
      tags: replacementTags(source, hash),
      sourceTemplate: sourceTemplate(snapshot, source),
    },
  };
}

type Maker = (inputs: StepInputs, plan: NodegroupPlan, parts: ReplacementParts, switched: string[]) => AnyStep[];

/** Steps until a replacement is there; what comes next waits for the last of them. */
const makers: Record<CreationMode, Maker> = {
  api: (_inputs, plan, parts, switched) => {
    const { source, replacement, maxPods } = plan;
    const template = step(
      'create-launch-template',
      source,
      ['prepare', 'additive'],
      [],
      `launch template ${replacement} with maxPods ${maxPods.value}`,
      parts.template,
    );
    const group = step(
      'create-nodegroup',
      source,
      ['create', 'additive'],
      [...switched, template.id],
      `node group ${replacement} for ${source}, empty at first`,
      withoutNodes(parts).group,
    );
    return [template, group, compare(plan, parts, group.id)];
  },
  eksctl: ({ snapshot: { cluster } }, plan, parts, switched) => {
    const { source, replacement, maxPods } = plan;
    const group = step(
      'create-with-eksctl',
      source,
      ['create', 'additive'],
      switched,
      `node group ${replacement} for ${source}, made by eksctl, empty at first`,
      {
        ...withoutNodes(parts),
        region: cluster.region,
        maxPods: maxPods.value,
        timeoutSeconds: timeouts.eksctl,
      },
    );
    return [group, compare(plan, parts, group.id)];
  },
  external: (_inputs, { source, replacement, owner }, parts, switched) => [
    step(
      'await-nodegroup',
      source,
      ['create', 'additive'],
      switched,
      `wait until somebody else has made node group ${replacement} for ${source}, with its ${parts.group.scaling.desiredSize} nodes`,
      { ...parts, owner, timeoutSeconds: timeouts.external },
    ),
  ],
};

/** No node starts before EKS's own launch template has been read. */
const withoutNodes = ({ group, template }: ReplacementParts): ReplacementParts => ({
  group: { ...group, scaling: { minSize: 0, maxSize: Math.max(1, group.scaling.maxSize), desiredSize: 0 } },
  template,
});

const compare = (
  { source, replacement: nodegroupName, maxPods: { value: maxPods } }: NodegroupPlan,
  { group: { clusterName }, template: { data } }: ReplacementParts,
  dependsOn: string,
): AnyStep =>
  step(
    'compare-launch-template',
    source,
    ['create', 'additive'],
    [dependsOn],
    `EKS's own launch template of ${nodegroupName} says maxPods ${maxPods}`,
    {
      clusterName,
      nodegroupName,
      maxPods,
      imageId: typeof data['ImageId'] === 'string' ? data['ImageId'] : null,
    },
  );

function sourceTemplate(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
): StepParams['create-launch-template']['sourceTemplate'] {
  if (source.launchTemplate === null) return null;
  const { id, version } = source.launchTemplate;
  return { launchTemplateId: id, version, userDataHash: templateOf(snapshot, source)?.userDataHash ?? null };
}

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

/**
 * A cluster autoscaler adds no nodes to the sources, and Auto Scaling ends none to even out zones, while pods move. Where
 * empty nodes are ended one by one, the sources may become smaller than their minSize.
 */
function holdSources({ snapshot, request, sources, order }: StepInputs, dependsOn: string[]): AnyStep[] {
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
      clusterAutoscalerOf(snapshot) === null && !request.releaseNodes
        ? []
        : [
            step(
              'cap-source',
              nodegroupName,
              [phase, 'disruptive'],
              dependsOn,
              `${nodegroupName} does not grow any more${request.releaseNodes ? ', and may shrink to nothing' : ''}`,
              { clusterName, nodegroupName, ...(request.releaseNodes && { releaseNodes: true }) },
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
      ...(request.podGracePeriodSeconds !== undefined && { podGracePeriodSeconds: request.podGracePeriodSeconds }),
      ...(request.releaseNodes && { releaseNodes: true }),
    },
  );
}

/** `shop/cart`, as the flag was checked to be */
function deploymentOf(text: string): { namespace: string; name: string } {
  const [namespace = '', name = ''] = text.split('/');
  return { namespace, name };
}

/** How the drain differs from evicting one pod after another. */
function drainNotes(
  { surge, waitForJobsSeconds, podGracePeriodSeconds, releaseNodes }: PlanRequest,
  first: readonly { name: string }[],
): string {
  const notes = [
    ...(first.length > 0 ? [`first ${first.map(({ name }) => name).join(', ')}`] : []),
    ...(surge.length > 0 ? [`${surge.join(', ')} rolled over instead`] : []),
    ...(podGracePeriodSeconds === undefined
      ? []
      : [`at most ${formatDuration(podGracePeriodSeconds)} to end for each`]),
    ...(releaseNodes ? ['each node is ended once it is empty'] : []),
    ...(waitForJobsSeconds > 0 ? [`pods of Jobs may run on for ${formatDuration(waitForJobsSeconds)}`] : []),
  ];
  return notes.map((note) => `; ${note}`).join('');
}

const soak = (seconds: number, dependsOn: string[]): AnyStep =>
  step('soak', null, ['soak', 'additive'], dependsOn, `wait ${seconds} s and watch`, { seconds });

function removeSource(
  { snapshot: { cluster }, request, sources }: StepInputs,
  plan: NodegroupPlan,
  dependsOn: string[],
): AnyStep {
  const { source: nodegroupName, replacement: replacementName, owner } = plan;
  const target = { clusterName: cluster.name, nodegroupName, replacementName };
  const removal = removalOf(owner, request.allow);
  if (removal === 'hand-over') {
    return step(
      'hand-over-source',
      nodegroupName,
      ['delete', 'additive'],
      dependsOn,
      `leave ${nodegroupName} to ${nodegroupOwnerText(owner)}, drained and cordoned`,
      {
        ...target,
        owner,
        instructions: handOverInstructions(owner, plan, {
          clusterName: cluster.name,
          isMadeByUs: request.createWith !== 'external',
        }),
      },
    );
  }
  const stack = removal === 'delete-stack' ? (owner.name ?? eksctlStack(cluster.name, nodegroupName)) : undefined;
  const group = sources.find(({ nodegroup }) => nodegroup.nodegroupName === nodegroupName)?.nodegroup;
  const template = stack === undefined ? undefined : group?.launchTemplate?.id;
  return step(
    'delete-source',
    nodegroupName,
    ['delete', 'destructive'],
    dependsOn,
    `delete node group ${nodegroupName} with its ${plan.nodes.source} nodes${stack === undefined ? '' : ` and its stack ${stack}`}`,
    {
      ...target,
      ...(stack === undefined ? {} : { stack }),
      ...(template === undefined ? {} : { stackTemplate: template }),
      timeoutSeconds: timeouts.deletion(plan.nodes.source),
    },
  );
}

const cleanup = ({ snapshot, request, sources, reservations }: StepInputs, dependsOn: string[]): AnyStep =>
  step('cleanup', null, ['cleanup', 'additive'], dependsOn, 'remove what the run left behind', {
    clusterName: snapshot.cluster.name,
    reserved: reservations.flatMap(({ subnetId, ranges }) => ranges.map(({ cidr }) => `${cidr} of ${subnetId}`)),
    subnetIds: [
      ...new Set([
        ...sources.flatMap(({ nodegroup, plan }) => [...nodegroup.subnetIds, ...plan.subnetIds]),
        ...snapshot.eniConfigs.flatMap(({ subnetId }) => subnetId ?? []),
      ]),
    ].toSorted(),
    launchTemplateNames: request.createWith === 'api' ? sources.map(({ plan }) => plan.replacement) : [],
  });
