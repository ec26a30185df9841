import { amiFamilyOf, familyOfSystem, isSupportedFamily, type SupportedAmiFamily } from './ami.ts';
import { nodesOf, replacementAmiType, templateOf } from './nodegroups.ts';
import type { PlanRequest } from './plan.ts';
import type { ClusterSnapshot, Nodegroup } from './snapshot.ts';
import { userDataLimit } from './user-data.ts';

/** What the nodes of a replacement start from. */
export interface NodeImage {
  family: SupportedAmiFamily;
  /** of the source's launch template; null: an image of EKS */
  imageId: string | null;
}

/** Why nodes of a replacement cannot be given their settings. */
export type ImageObstacle =
  | 'windows'
  | 'type-unknown'
  | 'custom-without-image'
  | 'system-unknown'
  | 'system-not-seen'
  | 'template-not-seen'
  | 'user-data-missing'
  | 'user-data-compressed'
  | 'user-data-unknown'
  | 'user-data-too-long'
  | 'user-data-of-another-family'
  | 'bootstrap-script';

/** The shortest of ours, a NodeConfig part with its delimiter. */
const leastAdded = 150;

/** The image of a source's replacement, or what is in the way of giving it settings. */
export function imageOfReplacement(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  request: Pick<PlanRequest, 'amiType'>,
): NodeImage | { obstacle: ImageObstacle } {
  const template = templateOf(snapshot, source);
  if (source.launchTemplate !== null && template === undefined) return { obstacle: 'template-not-seen' };
  const image = imageOf(snapshot, source, replacementAmiType(source, request), template?.imageId ?? null);
  if ('obstacle' in image) return image;
  const { family, imageId } = image;
  if ((template?.userDataHash ?? null) === null) {
    // Amazon Linux 2 and Ubuntu join by a script, and nobody here knows the arguments that it needs
    return imageId !== null && family === 'al2' ? { obstacle: 'user-data-missing' } : image;
  }
  const facts = template?.userData;
  // of a snapshot that does not have them: it is seen when the two are joined
  if (facts === undefined) return image;
  const { form, bytes, hasBootstrap, hasNodeConfig } = facts;
  if (form === 'compressed') return { obstacle: 'user-data-compressed' };
  if (form === 'unknown' || form === 'powershell') return { obstacle: 'user-data-unknown' };
  if ((form === 'toml') !== (family === 'bottlerocket')) return { obstacle: 'user-data-of-another-family' };
  if (request.amiType !== undefined && amiFamilyOf(source.amiType) !== family) {
    if (family === 'al2023' && hasBootstrap) return { obstacle: 'bootstrap-script' };
    if (family === 'al2' && hasNodeConfig) return { obstacle: 'user-data-of-another-family' };
  }
  return bytes + leastAdded > userDataLimit ? { obstacle: 'user-data-too-long' } : image;
}

function imageOf(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  amiType: string,
  imageId: string | null,
): NodeImage | { obstacle: ImageObstacle } {
  const family = amiFamilyOf(amiType);
  if (isSupportedFamily(family)) return { family, imageId: null };
  if (family === 'windows') return { obstacle: 'windows' };
  if (family === 'unknown') return { obstacle: 'type-unknown' };
  if (imageId === null) return { obstacle: 'custom-without-image' };
  const systems = systemsOf(snapshot, source);
  const families = [...new Set(systems.map(familyOfSystem))];
  const [only] = families;
  if (only === undefined) return { obstacle: 'system-not-seen' };
  return only === null || families.length > 1 ? { obstacle: 'system-unknown' } : { family: only, imageId };
}

/** What the nodes of a group say that they run: `Ubuntu 22.04.5 LTS`. */
export const systemsOf = (snapshot: ClusterSnapshot, { nodegroupName }: Nodegroup): string[] => [
  ...new Set(nodesOf(snapshot, nodegroupName).flatMap(({ osImage }) => osImage ?? [])),
];
