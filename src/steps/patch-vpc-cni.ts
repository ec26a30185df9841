import { pairs } from '../domain/cni-owner.ts';
import { awsNode, liveDaemonSet, neverRolled, type Wanted, whatIsBehind } from './aws-node-rollout.ts';
import { conflict } from './conflict.ts';
import type { Observation, StepHandler } from './step-handler.ts';

/**
 * Sets variables of a DaemonSet that nobody else manages, and is done when every aws-node pod runs with them. A variable
 * that is neither as it was nor as it should be was changed by somebody since the plan, and is left alone.
 */
export const patchVpcCni: StepHandler<'patch-vpc-cni'> = {
  title: () => 'configure DaemonSet aws-node for prefix delegation',

  async observe({ params: { env, before } }, ports, { clusterName }) {
    const live = await liveDaemonSet(ports);
    if (live === undefined) return daemonSetGone(clusterName);
    const value = (name: string): string | null => live.env[name] ?? null;
    const open = Object.keys(env).filter((name) => value(name) !== env[name]);
    const changed = open.filter((name) => value(name) !== (before[name] ?? null));
    if (changed.length > 0) return changedByOthers(clusterName, changed, live.env, live.envManagers, env);
    if (open.length > 0) return { kind: 'actionable', detail: `DaemonSet ${awsNode.name} has its old settings` };
    const behind = await whatIsBehind(env, ports);
    return behind === null
      ? { kind: 'satisfied', detail: 'every aws-node pod runs with the new settings' }
      : { kind: 'in-progress', detail: behind, tooLate: notRolled(behind) };
  },

  /** What came in between is seen by the look that follows. */
  async act({ params }, ports) {
    await ports.kubernetes.setEnvironment(awsNode.namespace, awsNode.name, awsNode.name, params);
  },

  describeCall: ({ params }) =>
    `patch DaemonSet ${awsNode.namespace}/${awsNode.name}, container ${awsNode.name}, env ${pairs(params.env, ', ')}`,

  /** The old values; what was not set is removed again. Nodes keep the prefixes that they have in use. */
  undo: (step) => ({
    ...step,
    id: `undo/${step.id}`,
    dependsOn: [],
    summary: 'Give DaemonSet aws-node its old settings back',
    params: { env: step.params.before, before: step.params.env },
  }),

  deadlineSeconds: () => 30 * 60,
};

const notRolled = (behind: string) =>
  neverRolled(
    'The new settings of DaemonSet aws-node',
    behind,
    'The DaemonSet has them, but its pods do not all run with them.',
  );

export const daemonSetGone = (clusterName: string): Observation =>
  conflict({
    code: 'CNI.DAEMON_SET_GONE',
    message: `Cluster ${clusterName} has no DaemonSet ${awsNode.namespace}/${awsNode.name} any more.`,
    why: 'The plan was made for a cluster whose pods get their addresses from the VPC CNI.',
    nextActions: [`make a new plan: prefix-migrate plan --cluster ${clusterName}`],
  });

function changedByOthers(
  clusterName: string,
  names: readonly string[],
  live: Wanted,
  managers: Readonly<Record<string, string>>,
  env: Wanted,
): Observation {
  const found = names.map(
    (name) => `${name}=${live[name] ?? '(not set)'}${managers[name] === undefined ? '' : ` by ${managers[name]}`}`,
  );
  return conflict({
    code: 'CNI.SETTING_CHANGED',
    message: `Somebody changed DaemonSet ${awsNode.name} since the plan was made: ${found.join(', ')}. It was left as it is.`,
    why: `The plan would set ${pairs(env, ', ')}, and was made for other values.`,
    nextActions: [
      `make a new plan, which looks at the change: prefix-migrate plan --cluster ${clusterName}`,
      `or see who sets what: kubectl -n ${awsNode.namespace} get daemonset ${awsNode.name} -o yaml --show-managed-fields`,
    ],
  });
}
