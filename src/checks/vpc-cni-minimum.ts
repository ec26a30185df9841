import { envAfter, target } from '../domain/cni-settings.ts';
import { prefixSize } from '../domain/max-pods.ts';
import { type Check, planAgain } from './check.ts';

/** MINIMUM_IP_TARGET without WARM_IP_TARGET is not a minimum: it is all that a node ever gets. */
export const vpcCniMinimum: Check = {
  codes: [
    {
      code: 'CNI.MINIMUM_CAPS_NODE',
      meaning: 'MINIMUM_IP_TARGET without WARM_IP_TARGET caps the pods of every node.',
      canBeAllowed: true,
    },
  ],
  run({ vpcCni }, scope) {
    const env = envAfter(vpcCni, scope.request);
    const minimum = target(env, 'MINIMUM_IP_TARGET');
    if (minimum === 0 || target(env, 'WARM_IP_TARGET') > 0 || scope.sources.length === 0) return [];
    const cap = Math.ceil(minimum / prefixSize) * prefixSize;
    return [
      {
        code: 'CNI.MINIMUM_CAPS_NODE',
        severity: 'blocking',
        subject: 'aws-node MINIMUM_IP_TARGET',
        summary: `MINIMUM_IP_TARGET=${minimum} without WARM_IP_TARGET gives a node ${cap} addresses and never more.`,
        why: 'The VPC CNI adds addresses beyond the minimum only to keep WARM_IP_TARGET spare ones.',
        nextActions: [planAgain(scope, { warmIpTarget: 5, minimumIpTarget: minimum })],
      },
    ];
  },
};
