import { amiFamilies, type UserDataTemplates } from '../ami-families/index.ts';
import { type OwnImage, registeredTaints } from '../ami-families/renderer.ts';
import { imageOfReplacement } from '../domain/node-image.ts';
import { templateOf } from '../domain/nodegroups.ts';
import type { NodegroupPlan, PlanRequest, StepParams, UserDataMerge } from '../domain/plan.ts';
import { type ClusterSnapshot, type Nodegroup, selfManagedPrefix } from '../domain/snapshot.ts';

/** Whether the replacement of a source can be given user data; if not, a finding says why. */
export const canRender = (snapshot: ClusterSnapshot, source: Nodegroup, request: PlanRequest): boolean =>
  !('obstacle' in imageOfReplacement(snapshot, source, request));

/** Of the file in the plan folder. */
export function userDataExtension(snapshot: ClusterSnapshot, source: Nodegroup, request: PlanRequest): string {
  const image = imageOfReplacement(snapshot, source, request);
  return 'obstacle' in image ? 'txt' : amiFamilies[image.family].extension;
}

/** What the replacement adds to the user data of its source, and how the two are joined. The source must be one of `canRender`. */
export function userDataOf(
  snapshot: ClusterSnapshot,
  request: PlanRequest,
  source: Nodegroup,
  { replacement, maxPods: { value: maxPods } }: Pick<NodegroupPlan, 'replacement' | 'maxPods'>,
  templates: UserDataTemplates,
): Pick<StepParams['create-launch-template'], 'userData' | 'merge'> {
  const image = imageOfReplacement(snapshot, source, request);
  if ('obstacle' in image) throw new Error(`no user data for ${source.nodegroupName}: ${image.obstacle}`);
  const { family, imageId } = image;
  const renderer = amiFamilies[family];
  const hasUserData = (templateOf(snapshot, source)?.userDataHash ?? null) !== null;
  const own: OwnImage | undefined =
    imageId === null
      ? undefined
      : { nodegroupName: replacement, imageId, taints: source.taints, isComplete: !hasUserData };
  const userData = renderer.render(templates[family], { maxPods, ...(own === undefined ? {} : { own }) });
  const taints = own === undefined || family !== 'al2023' ? undefined : registeredTaints(own.taints);
  const merge: UserDataMerge = {
    format: renderer.format,
    position: renderer.position,
    maxPods,
    ...(taints === undefined || own?.isComplete ? {} : { taints }),
    replace: renamed(source.nodegroupName, replacement),
    ...(own?.isComplete ? { valuesOfCluster: snapshot.cluster.name } : {}),
  };
  return hasUserData || own?.isComplete ? { userData, merge } : { userData };
}

/** By this label of its nodes a node group is known, and user data of an image of one's own sets it. */
const renamed = (source: string, replacement: string): UserDataMerge['replace'] =>
  source.startsWith(selfManagedPrefix)
    ? []
    : [{ from: `eks.amazonaws.com/nodegroup=${source}`, to: `eks.amazonaws.com/nodegroup=${replacement}` }];
