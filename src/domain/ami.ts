/** The families of images. Each has its own form of user data, but for `custom`, whose nodes tell (`node-image.ts`), and `unknown`. */
export type AmiFamily = 'al2023' | 'al2' | 'bottlerocket' | 'windows' | 'custom' | 'unknown';

/** Families that can be given user data. Ubuntu images for EKS start kubelet as Amazon Linux 2 does, and count as `al2`. */
export const supportedAmiFamilies = ['al2023', 'al2', 'bottlerocket'] as const satisfies readonly AmiFamily[];
export type SupportedAmiFamily = (typeof supportedAmiFamilies)[number];

/** The family of an EKS `amiType` (EKS API, `AMITypes`); one that is new to this program is `unknown` unless its name tells. */
export function amiFamilyOf(amiType: string): AmiFamily {
  if (amiType.startsWith('AL2023_')) return 'al2023';
  if (amiType.startsWith('AL2_')) return 'al2';
  if (amiType.startsWith('BOTTLEROCKET_')) return 'bottlerocket';
  if (amiType.startsWith('WINDOWS_')) return 'windows';
  return amiType === 'CUSTOM' ? 'custom' : 'unknown';
}

export const isSupportedFamily = (family: AmiFamily): family is SupportedAmiFamily =>
  supportedAmiFamilies.some((supported) => supported === family);

/** The family of the system that a node names in `status.nodeInfo.osImage`: `Amazon Linux 2023.9.20260801`; null: another one. */
export function familyOfSystem(osImage: string): SupportedAmiFamily | null {
  if (/^Amazon Linux 2023\b/.test(osImage)) return 'al2023';
  if (/^(Amazon Linux 2|Ubuntu [\d.]+)\b/.test(osImage)) return 'al2';
  return /^Bottlerocket\b/.test(osImage) ? 'bottlerocket' : null;
}
