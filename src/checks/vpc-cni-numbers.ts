import { envAfter, hasIpTargets, isNotANumber } from '../domain/cni-settings.ts';
import type { PlanRequest } from '../domain/plan.ts';
import { type Check, planAgain } from './check.ts';

/** The targets that count in prefix mode, and what to ask for in their place. */
const remedies: Record<string, Partial<PlanRequest> | null> = {
  WARM_PREFIX_TARGET: { warmPrefixTarget: 1 },
  WARM_IP_TARGET: { warmIpTarget: 5 },
  MINIMUM_IP_TARGET: { minimumIpTarget: 16 },
  MAX_ENI: null,
};

/** Targets that the VPC CNI cannot read: it goes on as if they were not set, without a word. */
export const vpcCniNumbers: Check = {
  codes: [
    {
      code: 'CNI.SETTING_NOT_A_NUMBER',
      meaning: 'A target of the VPC CNI is no whole number of 0 or more, so that it is ignored.',
      canBeAllowed: true,
    },
  ],
  run({ vpcCni }, scope) {
    if (scope.sources.length === 0) return [];
    const env = envAfter(vpcCni, scope.request);
    return Object.entries(remedies)
      .filter(([name]) => isNotANumber(env, name) && !(name === 'WARM_PREFIX_TARGET' && hasIpTargets(env)))
      .map(([name, remedy]) => ({
        code: 'CNI.SETTING_NOT_A_NUMBER',
        severity: 'blocking',
        subject: `aws-node ${name}`,
        summary: `${name} is "${env[name]}", which is no whole number of 0 or more: the VPC CNI takes it for not set.`,
        why: 'Whoever set it believes in an effect that is not there, and the plan counts without it.',
        nextActions: [
          ...(remedy === null ? [] : [planAgain(scope, remedy)]),
          `kubectl -n kube-system set env daemonset/aws-node --containers aws-node ${name}-`,
          `${planAgain(scope, { allow: ['CNI.SETTING_NOT_A_NUMBER'] })}  # as it is`,
        ],
      }));
  },
};
