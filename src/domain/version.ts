export type Version = readonly [major: number, minor: number, patch: number];

/** Reads `v1.19.2-eksbuild.1`, `1.9.0`, `1.33`; null when there is no version in it. */
export function parseVersion(text: string | null): Version | null {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+].*)?$/.exec(text ?? '');
  return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/** True when `version` is `wanted` or newer; a version that cannot be read is not. */
export function isAtLeast(version: string | null, wanted: string): boolean {
  const [a, b] = [parseVersion(version), parseVersion(wanted)];
  if (a === null || b === null) return false;
  const differing = ([0, 1, 2] as const).find((part) => a[part] !== b[part]);
  return differing === undefined || a[differing] > b[differing];
}

/** Releases of amazon-vpc-cni-k8s from which on something holds (its changelog). */
export const vpcCniSince = {
  prefixDelegation: '1.9.0',
  prefixDelegationOnBareMetal: '1.11.0',
  /** AWS_MANAGE_ENIS_NON_SCHEDULABLE is known */
  servesCordonedNodes: '1.12.6',
  /** what nodes with Amazon Linux 2023 need (EKS user guide, "Upgrade from Amazon Linux 2 to Amazon Linux 2023") */
  al2023: '1.16.2',
  /** with custom networking aws-node does not come up while the pool of its node is empty (pull request 2354) */
  needsPoolToStart: '1.13.0',
  /** attaches no further prefix once the node has maxPods addresses (pull request 2745) */
  stopsAtMaxPods: '1.17.1',
  /** in prefix mode the address of a pod of before stays with its node when the pod goes (commit 76931664d) */
  keepsSecondaryAddresses: '1.20.0',
  /** places further interfaces in any subnet tagged for it, the one with most free addresses first */
  subnetDiscovery: '1.18.0',
} as const;
