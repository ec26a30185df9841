import { replacementAmiType, replacementTypeNames, sourceTag } from '../domain/nodegroups.ts';
import type { NodegroupPlan, PlanRequest, StepParams } from '../domain/plan.ts';
import type { ClusterSnapshot, Nodegroup, Scaling } from '../domain/snapshot.ts';
import { launchTemplateData, withoutTagsOfOwners } from './launch-template.ts';

/** By these the plan knows what it has made. `hash`: of the names of what it makes. */
export const replacementTags = ({ nodegroupName }: Nodegroup, hash: string): Record<string, string> => ({
  'prefix-migrate/plan': hash,
  [sourceTag]: nodegroupName,
});

/** What is made in place of a source, whoever makes it. */
export interface Replacement {
  /** EC2 LaunchTemplateData without user data */
  template: Record<string, unknown>;
  /** at its full size */
  nodegroup: StepParams['create-nodegroup'];
}

/** The replacement of a source: a copy of it, but for what the request changes, what EKS refuses, and names. */
export function replacementOf(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  plan: Pick<NodegroupPlan, 'replacement' | 'subnetIds' | 'nodes'>,
  request: PlanRequest,
  hash: string,
): Replacement {
  const tags = replacementTags(source, hash);
  const amiType = replacementAmiType(source, request);
  return {
    template: launchTemplateData(snapshot, source, request, tags),
    nodegroup: {
      clusterName: snapshot.cluster.name,
      nodegroupName: plan.replacement,
      source: source.nodegroupName,
      launchTemplateName: plan.replacement,
      instanceTypes: replacementTypeNames(snapshot, source, request),
      amiType,
      capacityType: source.capacityType,
      nodeRole: source.nodeRole,
      subnetIds: plan.subnetIds,
      scaling: fullScaling(source, plan),
      labels: Object.fromEntries(Object.entries(source.labels).filter(([key]) => labelLeftOut(key) === null)),
      taints: source.taints,
      tags: { ...withoutTagsOfOwners(source.tags), ...tags },
      // an image of the user's own decides it, and EKS refuses both together
      kubernetesVersion: amiType === 'CUSTOM' ? null : source.kubernetesVersion,
      updateConfig: source.updateConfig,
      nodeRepairConfig: source.nodeRepairConfig,
      ...(source.warmPoolConfig === undefined ? {} : { warmPoolConfig: source.warmPoolConfig }),
    },
  };
}

/** The limits of the source, widened where the replacement has another size. */
export const fullScaling = (
  { scaling: { minSize, maxSize } }: Nodegroup,
  { nodes }: Pick<NodegroupPlan, 'nodes'>,
): Scaling => ({
  minSize: Math.min(minSize, nodes.replacement),
  maxSize: Math.max(maxSize, nodes.replacement),
  desiredSize: nodes.replacement,
});

/** Why a label of the source is not asked for; null: it is. */
export const labelLeftOut = (key: string): string | null =>
  key.startsWith('eks.amazonaws.com/') ? 'EKS sets its own labels, and refuses them from others' : null;
