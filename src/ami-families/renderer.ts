import type { NodegroupTaint } from '../domain/snapshot.ts';

export interface NodeSettings {
  maxPods: number;
  /** absent: an image of EKS, which adds what nodes need to join */
  own?: OwnImage;
}

/** A node group with an image of the user's own: EKS adds nothing, and applies labels and taints when nodes have joined. */
export interface OwnImage {
  nodegroupName: string;
  imageId: string;
  taints: readonly NodegroupTaint[];
  /** the source has no user data, so that all that is needed to join is ours, too */
  isComplete: boolean;
}

/** How one family of images is told its settings. */
export interface AmiFamilyRenderer {
  /** of the file in the plan folder */
  extension: string;
  format: 'mime' | 'toml';
  /** where its part has to stand among those of the source */
  position: 'first' | 'last';
  /** User data, not encoded. Names of `clusterValues` stay in it, to be filled in when nodes are about to be made. */
  render(template: string, settings: NodeSettings): string;
}

/** Values of the cluster as they stand in a rendered text until they are known (EKS API, DescribeCluster). */
export const clusterValues = {
  name: '{{clusterName}}',
  endpoint: '{{clusterEndpoint}}',
  certificateAuthority: '{{clusterCertificateAuthority}}',
  serviceCidr: '{{clusterServiceCidr}}',
  dnsIp: '{{clusterDnsIp}}',
};

/**
 * Fills every `{{name}}` of a template; lines for one that stands alone, none of them: its line is left out. Throws when the
 * template asks for a name that is not there: a bug in one of the two.
 */
export function fillTemplate(
  template: string,
  values: Readonly<Record<string, string | number | readonly string[]>>,
): string {
  const known = (name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the template asks for {{${name}}}, which is not known`);
    return value;
  };
  return template
    .replaceAll(/^\{\{(\w+)\}\}\n/gm, (_whole, name: string) =>
      [known(name)]
        .flat()
        .map((line) => `${line}\n`)
        .join(''),
    )
    .replaceAll(/\{\{(\w+)\}\}/g, (whole, name: string) =>
      Object.values(clusterValues).includes(whole) ? whole : String(known(name)),
    );
}

const effects = { NO_SCHEDULE: 'NoSchedule', NO_EXECUTE: 'NoExecute', PREFER_NO_SCHEDULE: 'PreferNoSchedule' } as const;

/** Effect in the words of Kubernetes. */
export const kubernetesEffect = ({ effect }: NodegroupTaint): string => effects[effect];

/** Value of kubelet's `--register-with-taints`: `role=memory:NoSchedule,...`; undefined without taints. */
export const registeredTaints = (taints: readonly NodegroupTaint[]): string | undefined =>
  taints.length === 0
    ? undefined
    : taints.map((taint) => `${taint.key}=${taint.value ?? ''}:${kubernetesEffect(taint)}`).join(',');

/** Labels that EKS gives to nodes with its own images, and by which nodes are known as those of their group. */
export const groupLabels = ({ nodegroupName, imageId }: OwnImage): Record<string, string> => ({
  'eks.amazonaws.com/nodegroup': nodegroupName,
  // `resolve:ssm:...` is no value of a label
  ...(/^ami-\w+$/.test(imageId) ? { 'eks.amazonaws.com/nodegroup-image': imageId } : {}),
});
