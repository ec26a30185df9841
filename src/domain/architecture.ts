import type { InstanceType } from './snapshot.ts';

export type Architecture = 'x86_64' | 'arm64';

/** That an EKS AMI type is made for, as its name says; null: it does not say, such as CUSTOM. */
export function architectureOfAmi(amiType: string): Architecture | null {
  if (/_ARM_64(_|$)/.test(amiType)) return 'arm64';
  return /_x86_64(_|$)/.test(amiType) ? 'x86_64' : null;
}

/** Those of these types that images for Kubernetes nodes are made for; empty: not known. */
export const architecturesOf = (types: readonly InstanceType[]): Architecture[] =>
  (['x86_64', 'arm64'] as const).filter((one) => types.some(({ architectures }) => architectures.includes(one)));

/** AMI types that there are for both, but for this part of their names. */
const forBoth = /^(AL2|AL2023|BOTTLEROCKET)_(x86_64|ARM_64)(_STANDARD|_NVIDIA|_FIPS|_NVIDIA_FIPS)?$/;

/** The same AMI type for the other architecture; null: there is none. */
export const sameAmiFor = (amiType: string, architecture: Architecture): string | null =>
  forBoth.test(amiType) ? amiType.replace(/x86_64|ARM_64/, architecture === 'arm64' ? 'ARM_64' : 'x86_64') : null;
