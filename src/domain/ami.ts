/** The families of images; each has its own form of user data. */
export type AmiFamily = 'al2023' | 'al2' | 'bottlerocket' | 'windows' | 'custom';

/** Families that this version can give user data to. */
export const supportedAmiFamilies = ['al2023'] as const satisfies readonly AmiFamily[];
export type SupportedAmiFamily = (typeof supportedAmiFamilies)[number];

/** The family of an EKS `amiType`; types that are not known count as custom. */
export function amiFamilyOf(amiType: string): AmiFamily {
  if (amiType.startsWith('AL2023_')) return 'al2023';
  if (amiType.startsWith('AL2_')) return 'al2';
  if (amiType.startsWith('BOTTLEROCKET_')) return 'bottlerocket';
  if (amiType.startsWith('WINDOWS_')) return 'windows';
  return 'custom';
}

export const isSupportedFamily = (family: AmiFamily): family is SupportedAmiFamily =>
  supportedAmiFamilies.some((supported) => supported === family);
