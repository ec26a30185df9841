import { envAfter, hasIpTargets, interfaceSettings, target } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { type Check, planAgain } from './check.ts';

/** Targets that were tuned for secondary IP mode, or that do not work together. */
export const vpcCniWarmTargets: Check = {
  codes: [
    {
      code: 'CNI.IP_TARGETS_WIN',
      meaning: 'IP targets make the VPC CNI ignore WARM_PREFIX_TARGET.',
      canBeAllowed: false,
    },
    {
      code: 'CNI.NO_WARM_TARGET',
      meaning: 'No target is left, so that a node attaches and releases prefixes all the time.',
      canBeAllowed: true,
    },
    {
      code: 'CNI.CUSTOM_NETWORKING',
      meaning: 'Pods get their addresses from subnets of ENIConfig objects, which are not judged.',
      canBeAllowed: false,
    },
  ],
  run({ vpcCni }, scope) {
    if (scope.sources.length === 0) return [];
    const { request } = scope;
    const env = envAfter(vpcCni, request);
    const findings: Finding[] = [];
    const ipTargets = ['WARM_IP_TARGET', 'MINIMUM_IP_TARGET'].filter((name) => target(env, name) > 0);
    if (hasIpTargets(env) && request.warmIpTarget === undefined && request.minimumIpTarget === undefined) {
      findings.push({
        code: 'CNI.IP_TARGETS_WIN',
        severity: 'warning',
        subject: `aws-node ${ipTargets.join(', ')}`,
        summary: `${ipTargets.map((name) => `${name}=${env[name]}`).join(', ')} stays in force; WARM_PREFIX_TARGET is ignored.`,
        why: 'Values chosen for single addresses often hold more prefixes per node than needed, or too few.',
        nextActions: [planAgain(scope, '--warm-ip-target 5 --minimum-ip-target 16')],
      });
    }
    if (!hasIpTargets(env) && target(env, 'WARM_PREFIX_TARGET') === 0) {
      findings.push({
        code: 'CNI.NO_WARM_TARGET',
        severity: 'blocking',
        subject: 'aws-node WARM_PREFIX_TARGET',
        summary: 'WARM_PREFIX_TARGET=0 without IP targets is not supported by the VPC CNI.',
        why: 'A node would attach a prefix for a pod, release it, and attach it again.',
        nextActions: [planAgain(scope, '--warm-prefix-target 1')],
      });
    }
    if (interfaceSettings(env).customNetworking) {
      findings.push({
        code: 'CNI.CUSTOM_NETWORKING',
        severity: 'warning',
        subject: 'aws-node AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG',
        summary: 'Custom networking is on: prefixes come from the subnets of ENIConfig objects.',
        why: 'This version counts free /28 blocks in the subnets of the node groups only.',
        nextActions: ['kubectl get eniconfigs.crd.k8s.amazonaws.com -o yaml  # check those subnets by hand'],
      });
    }
    return findings;
  },
};
