import type { Finding } from '../domain/finding.ts';
import type { SkippedNodegroup } from '../domain/scope.ts';
import type { Check } from './check.ts';

/** Node groups whose instance types cannot use prefixes. One that nobody asked for is only left out. */
export const instanceType: Check = {
  codes: [
    { code: 'INSTANCE.NOT_NITRO', meaning: 'Prefixes need Nitro or bare metal instances.', canBeAllowed: false },
    { code: 'INSTANCE.UNKNOWN', meaning: 'EC2 does not describe the instance type.', canBeAllowed: false },
  ],
  run: (_snapshot, { skipped }) =>
    skipped.flatMap((group): Finding[] => {
      if (group.reason === 'not-nitro') return [notNitro(group)];
      return group.reason === 'unknown-type' ? [unknownType(group)] : [];
    }),
};

const notNitro = ({ nodegroupName, detail, requested }: SkippedNodegroup): Finding => ({
  code: 'INSTANCE.NOT_NITRO',
  severity: requested ? 'blocking' : 'warning',
  subject: nodegroupName,
  summary: `Node group ${nodegroupName}: ${detail}.`,
  why: 'On other instances the VPC CNI stays in secondary IP mode without an error, and a higher maxPods leaves pods without address.',
  nextActions: [
    `Create a node group like ${nodegroupName} with Nitro types (such as m5, c5, r5, t3 or newer) and move its pods`,
    'Leave this node group out: name the others with --nodegroup',
  ],
});

const unknownType = ({ nodegroupName, detail, requested }: SkippedNodegroup): Finding => ({
  code: 'INSTANCE.UNKNOWN',
  severity: requested ? 'blocking' : 'warning',
  subject: nodegroupName,
  summary: `Node group ${nodegroupName}: ${detail}.`,
  why: 'Without the number of interfaces and addresses maxPods cannot be calculated.',
  nextActions: ['aws ec2 describe-instance-types --instance-types TYPE'],
});
