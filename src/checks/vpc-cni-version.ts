import { envAfter, hasIpTargets, target, vpcCniVersion } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { replacementAmiType, replacementTypesOf } from '../domain/nodegroups.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot } from '../domain/snapshot.ts';
import { isAtLeast, parseVersion, vpcCniSince } from '../domain/version.ts';
import { type Check, count, listed } from './check.ts';

/** Does the running VPC CNI know prefix delegation, and what does its version do with it? */
export const vpcCniVersionCheck: Check = {
  codes: [
    { code: 'CNI.TOO_OLD', meaning: 'The VPC CNI is older than prefix delegation.', canBeAllowed: false },
    { code: 'CNI.VERSION_UNKNOWN', meaning: 'The version of the VPC CNI cannot be read.', canBeAllowed: false },
    {
      code: 'CNI.OLD_FOR_AL2023',
      meaning: 'The VPC CNI is older than AWS asks for on Amazon Linux 2023.',
      canBeAllowed: false,
    },
    {
      code: 'CNI.NO_STOP_AT_MAX_PODS',
      meaning: 'This version of the VPC CNI attaches spare prefixes to full nodes, too.',
      canBeAllowed: false,
    },
    {
      code: 'CNI.KEEPS_ADDRESSES',
      meaning: 'This version of the VPC CNI does not give back single addresses of pods that go.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const { vpcCni } = snapshot;
    const { sources } = scope;
    if (vpcCni.managedBy === 'absent' || sources.length === 0) return [];
    const version = vpcCniVersion(vpcCni);
    if (parseVersion(version) === null) return [versionUnknown(version)];
    const onMetal = sources.some((source) =>
      replacementTypesOf(snapshot, source, scope.request).known.some(({ bareMetal }) => bareMetal),
    );
    const needed = onMetal ? vpcCniSince.prefixDelegationOnBareMetal : vpcCniSince.prefixDelegation;
    if (!isAtLeast(version, needed))
      return [tooOld(snapshot, `prefix delegation${onMetal ? ' on bare metal' : ''} needs ${needed}`)];
    return [...oldForAl2023(snapshot, scope), ...noStop(snapshot, scope), ...keepsAddresses(snapshot)];
  },
};

const versionUnknown = (version: string | null): Finding => ({
  code: 'CNI.VERSION_UNKNOWN',
  severity: 'warning',
  subject: 'vpc-cni',
  summary: `The version of the VPC CNI cannot be read${version === null ? '' : ` from "${version}"`}.`,
  why: `Prefix delegation needs ${vpcCniSince.prefixDelegation} or later.`,
  nextActions: ['kubectl -n kube-system get daemonset aws-node -o wide'],
});

const tooOld = (snapshot: ClusterSnapshot, what: string): Finding => ({
  code: 'CNI.TOO_OLD',
  severity: 'blocking',
  subject: 'vpc-cni',
  summary: `VPC CNI ${vpcCniVersion(snapshot.vpcCni)} is too old: ${what}.`,
  why: 'An older version ignores ENABLE_PREFIX_DELEGATION without an error.',
  nextActions: updateVpcCni(snapshot),
});

/** How to update it: AWS asks for one minor version at a time. */
export function updateVpcCni({ cluster, vpcCni }: ClusterSnapshot): string[] {
  if (vpcCni.managedBy === 'eks-addon') {
    const versions = `aws eks describe-addon-versions --addon-name vpc-cni --kubernetes-version ${cluster.kubernetesVersion}`;
    const usual =
      "--query 'addons[0].addonVersions[?compatibilities[?defaultVersion]].addonVersion | [0]' --output text";
    return [
      `${versions} --query 'addons[].addonVersions[].addonVersion'  # AWS advises one minor version at a time`,
      `aws eks update-addon --cluster-name ${cluster.name} --addon-name vpc-cni --addon-version "$(${versions} ${usual})"`,
    ];
  }
  return [
    'https://github.com/aws/amazon-vpc-cni-k8s/releases  # one minor version at a time',
    'kubectl -n kube-system get daemonset aws-node -o wide',
  ];
}

function oldForAl2023(snapshot: ClusterSnapshot, { sources, request }: Scope): Finding[] {
  const version = vpcCniVersion(snapshot.vpcCni);
  const names = sources
    .filter((source) => replacementAmiType(source, request).startsWith('AL2023'))
    .map(({ nodegroupName }) => nodegroupName);
  if (names.length === 0 || isAtLeast(version, vpcCniSince.al2023)) return [];
  return [
    {
      code: 'CNI.OLD_FOR_AL2023',
      severity: 'warning',
      subject: 'vpc-cni',
      summary: `VPC CNI ${version} on Amazon Linux 2023 (${listed(names)}): AWS asks for ${vpcCniSince.al2023} or later there.`,
      why: 'The nodes of today run with it, so the replacements should; the first of them is checked before any pod is moved.',
      nextActions: updateVpcCni(snapshot),
    },
  ];
}

/** At most as many more as are kept spare. */
function noStop(snapshot: ClusterSnapshot, { request, sources }: Scope): Finding[] {
  const version = vpcCniVersion(snapshot.vpcCni);
  if (isAtLeast(version, vpcCniSince.stopsAtMaxPods)) return [];
  const env = envAfter(snapshot.vpcCni, request);
  const spare = hasIpTargets(env) ? Math.ceil(target(env, 'WARM_IP_TARGET') / 16) : target(env, 'WARM_PREFIX_TARGET');
  if (spare === 0) return [];
  return [
    {
      code: 'CNI.NO_STOP_AT_MAX_PODS',
      severity: 'advice',
      subject: 'vpc-cni',
      summary: `VPC CNI ${version} keeps ${count(spare, 'spare prefix', 'spare prefixes')} on a node that can take no more pods, too.`,
      why: `From ${vpcCniSince.stopsAtMaxPods} on a node attaches none beyond its maxPods. The numbers of this plan have the spare ones in them: ${count(spare, 'block')} more on each full node of ${listed(sources.map(({ nodegroupName }) => nodegroupName))}.`,
      nextActions: updateVpcCni(snapshot),
    },
  ];
}

function keepsAddresses(snapshot: ClusterSnapshot): Finding[] {
  const version = vpcCniVersion(snapshot.vpcCni);
  if (!isAtLeast(version, vpcCniSince.keepsSecondaryAddresses)) return [];
  return [
    {
      code: 'CNI.KEEPS_ADDRESSES',
      severity: 'advice',
      subject: 'vpc-cni',
      summary: `VPC CNI ${version}: single addresses of pods that leave the old nodes stay with those nodes.`,
      why: `Since ${vpcCniSince.keepsSecondaryAddresses} it does not give them back in prefix mode, so that draining an old node frees no /28 block; only its termination does. The plan counts them so.`,
      nextActions: [],
    },
  ];
}
