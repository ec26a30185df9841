import { vpcCniVersion } from '../domain/cni-settings.ts';
import { instanceTypesOf } from '../domain/nodegroups.ts';
import { isAtLeast, parseVersion, vpcCniSince } from '../domain/version.ts';
import type { Check } from './check.ts';

/** Does the running VPC CNI know prefix delegation, on bare metal too where that is needed? */
export const vpcCniVersionCheck: Check = {
  codes: [
    { code: 'CNI.TOO_OLD', meaning: 'The VPC CNI is older than prefix delegation.', canBeAllowed: false },
    { code: 'CNI.VERSION_UNKNOWN', meaning: 'The version of the VPC CNI cannot be read.', canBeAllowed: false },
  ],
  run(snapshot, { sources }) {
    const { vpcCni, cluster } = snapshot;
    if (vpcCni.managedBy === 'absent' || sources.length === 0) return [];
    const version = vpcCniVersion(vpcCni);
    if (parseVersion(version) === null) {
      return [
        {
          code: 'CNI.VERSION_UNKNOWN',
          severity: 'warning',
          subject: 'vpc-cni',
          summary: `The version of the VPC CNI cannot be read${version === null ? '' : ` from "${version}"`}.`,
          why: `Prefix delegation needs ${vpcCniSince.prefixDelegation} or later.`,
          nextActions: ['kubectl -n kube-system get daemonset aws-node -o wide'],
        },
      ];
    }
    const onMetal = sources.some((source) =>
      instanceTypesOf(snapshot, source).known.some(({ bareMetal }) => bareMetal),
    );
    const needed = onMetal ? vpcCniSince.prefixDelegationOnBareMetal : vpcCniSince.prefixDelegation;
    if (isAtLeast(version, needed)) return [];
    return [
      {
        code: 'CNI.TOO_OLD',
        severity: 'blocking',
        subject: 'vpc-cni',
        summary: `VPC CNI ${version} is too old: prefix delegation${onMetal ? ' on bare metal' : ''} needs ${needed}.`,
        why: 'An older version ignores ENABLE_PREFIX_DELEGATION without an error.',
        nextActions: [
          `aws eks describe-addon-versions --addon-name vpc-cni --kubernetes-version ${cluster.kubernetesVersion}`,
          `aws eks update-addon --cluster-name ${cluster.name} --addon-name vpc-cni --addon-version VERSION  # one minor version at a time`,
        ],
      },
    ];
  },
};
