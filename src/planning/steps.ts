import { amiFamilies, type UserDataTemplates } from '../ami-families/index.ts';
import { amiFamilyOf, isSupportedFamily } from '../domain/ami.ts';
import { runsAsWanted } from '../domain/cni-settings.ts';
import { desiredNodes, instanceTypeNames, templateOf } from '../domain/nodegroups.ts';
import type { AnyStep, Impact, NodegroupPlan, Phase, PlanRequest, Step, StepKind, StepParams } from '../domain/plan.ts';
import type { ClusterSnapshot, Nodegroup, Scaling } from '../domain/snapshot.ts';
import { isOurs, launchTemplateData } from './launch-template.ts';
import { vpcCniChange } from './vpc-cni.ts';

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
  expectedDrainSeconds: number;
  userData: UserDataTemplates;
}

/**
 * All steps in the order of the story: the switch once, each replacement with one node and then in full size, one cordon
 * and one drain over all sources, soak, one deletion each. No steps when some source cannot be given user data or the VPC
 * CNI cannot be switched: a finding says why.
 */
export function planSteps(inputs: StepInputs): AnyStep[] {
  const { snapshot, request, sources } = inputs;
  if (
    sources.length === 0 ||
    !canSwitch(snapshot, request) ||
    !sources.every(({ nodegroup }) => canRender(snapshot, nodegroup))
  ) {
    return [];
  }
  const change = vpcCniChange(snapshot, request);
  const switched = change === undefined ? [] : [configureVpcCni(change)];
  const replacements = sources.map(({ nodegroup, plan }) => replace(inputs, nodegroup, plan, idsOf(switched)));
  const created = replacements.flat();
  const verified = idsOf(replacements.flatMap((steps) => steps.slice(-1)));
  const cordon = cordonSources(inputs, verified);
  const drain = drainSources(inputs, [cordon.id]);
  const soaked = request.soakSeconds > 0 ? [soak(request.soakSeconds, [drain.id])] : [];
  const deletions = sources.map(({ plan }) => deleteSource(snapshot, plan, [soaked[0]?.id ?? drain.id]));
  return [
    ...switched,
    ...byPhase(created, 'prepare'),
    ...byPhase(created, 'create'),
    ...byPhase(created, 'verify'),
    cordon,
    drain,
    ...soaked,
    ...deletions,
    cleanup(snapshot, idsOf(deletions)),
  ];
}

/** Without an add-on that we may change, aws-node has to run with the wanted settings already. */
const canSwitch = ({ vpcCni }: ClusterSnapshot, request: PlanRequest): boolean =>
  vpcCni.managedBy === 'eks-addon'
    ? vpcCni.addon !== null
    : vpcCni.managedBy !== 'absent' && runsAsWanted(vpcCni, request);

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

function configureVpcCni(params: StepParams['configure-vpc-cni']): AnyStep {
  const settings = Object.entries(params.env).map(([name, value]) => `${name}=${value}`);
  return step('configure-vpc-cni', null, ['prepare', 'additive'], [], `vpc-cni: ${settings.join(', ')}`, params);
}

/** Template, group with one node, that node verified, full size, all nodes verified. */
function replace(inputs: StepInputs, source: Nodegroup, plan: NodegroupPlan, switched: string[]): AnyStep[] {
  const { snapshot, hash } = inputs;
  const clusterName = snapshot.cluster.name;
  const [name, nodegroupName, pods] = [source.nodegroupName, plan.replacement, plan.maxPods.value];
  const tags = { 'prefix-migrate/plan': hash, 'prefix-migrate/source': name };
  const scaling = fullScaling(snapshot, source);
  const verification = { clusterName, nodegroupName, maxPods: pods, taints: source.taints };

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
      subnetIds: source.subnetIds,
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
    `first node of ${nodegroupName}: prefixes, ${pods} pods, an address from a prefix`,
    { ...verification, nodes: 1, timeoutSeconds: timeouts.firstNode },
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
    { ...verification, nodes: scaling.desiredSize, timeoutSeconds: timeouts.verifyAll(scaling.desiredSize) },
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
  return step('cordon-source', null, ['cordon', 'disruptive'], dependsOn, summary, { nodegroupNames });
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

const cleanup = ({ cluster }: ClusterSnapshot, dependsOn: string[]): AnyStep =>
  step('cleanup', null, ['cleanup', 'additive'], dependsOn, 'remove what the run left behind', {
    clusterName: cluster.name,
  });
