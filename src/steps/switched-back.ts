import { isOn } from '../domain/cni-settings.ts';
import type { MigrateError } from '../domain/migrate-error.ts';
import type { DaemonSet } from '../ports/kubernetes.ts';
import type { Ports } from '../ports/ports.ts';
import { awsNode, liveDaemonSet } from './aws-node-rollout.ts';
import { sameAgain, stoppedPartWay } from './conflict.ts';
import { optional } from './optional.ts';

const variable = 'ENABLE_PREFIX_DELEGATION';

/**
 * Whether somebody has switched prefix delegation off again after the switch had been made: new nodes would then have more
 * maxPods than addresses, and no waiting heals it. Null when it is on, or cannot be seen. Reads only.
 */
export async function switchedBack(clusterName: string, ports: Ports): Promise<MigrateError | null> {
  const live = await optional(liveDaemonSet(ports));
  if (live === undefined || isOn(live.env, variable)) return null;
  const addon = await optional(ports.eks.describeAddon(clusterName, 'vpc-cni'));
  const setBy = live.envManagers[variable];
  return stoppedPartWay({
    code: 'CNI.SWITCHED_BACK',
    message: `DaemonSet ${awsNode.name} has ${variable}=${live.env[variable] ?? '(not set)'}${setBy === undefined ? '' : `, set by ${setBy}`}: prefix delegation is switched off again.`,
    why: `New nodes get no prefixes so, and have more maxPods than addresses. ${whoCould(live)}Nothing was changed by this run since it was seen.`,
    nextActions: [
      ...wayBack(clusterName, addon?.configurationValues ?? null, addon !== undefined),
      `see who set it: kubectl -n ${awsNode.namespace} get daemonset ${awsNode.name} -o yaml --show-managed-fields`,
      sameAgain,
      `or make a new plan, which switches it on: prefix-migrate plan --cluster ${clusterName}`,
    ],
  });
}

const whoCould = ({ initEnv }: DaemonSet): string =>
  isOn(initEnv, variable) ? 'Its init container has the variable, which does not read it. ' : '';

function wayBack(clusterName: string, configuration: string | null, isAddon: boolean): string[] {
  if (isAddon && !configuration?.includes(variable)) {
    return [
      `aws eks describe-addon --cluster-name ${clusterName} --addon-name vpc-cni --query addon.configurationValues  # it is not in there: put it back with aws eks update-addon`,
    ];
  }
  return [
    `kubectl -n ${awsNode.namespace} set env daemonset/${awsNode.name} --containers ${awsNode.name} ${variable}=true  # where a tool manages aws-node, change it there`,
  ];
}
