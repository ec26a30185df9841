import { pairs } from '../domain/cni-owner.ts';
import type { Step, StepParams } from '../domain/plan.ts';
import { undoPrefix } from '../domain/run-state.ts';
import type { DaemonSet } from '../ports/kubernetes.ts';
import type { Ports } from '../ports/ports.ts';
import { awsNode, liveDaemonSet, neverRolled, type Wanted, whatIsBehind } from './aws-node-rollout.ts';
import { conflict } from './conflict.ts';
import type { Observation, StepContext, StepHandler } from './step-handler.ts';
import { mayHaveActed, undoneId } from './undoing.ts';

/**
 * Sets variables of a DaemonSet that nobody else manages, and is done when every aws-node pod runs with them. A variable
 * that is neither as it was nor as it should be was changed by somebody since the plan, and is left alone.
 */
export const patchVpcCni: StepHandler<'patch-vpc-cni'> = {
  title: ({ params }) =>
    params.isUndo
      ? 'give DaemonSet aws-node its old settings back'
      : 'configure DaemonSet aws-node for prefix delegation',

  async observe(step, ports, context) {
    if (step.params.isUndo) return observeUndo(step, ports, context);
    const { env, before } = step.params;
    const { clusterName } = context;
    const live = await liveDaemonSet(ports);
    if (live === undefined) return daemonSetGone(clusterName);
    const value = (name: string): string | null => live.env[name] ?? null;
    const open = Object.keys(env).filter((name) => value(name) !== env[name]);
    const changed = open.filter((name) => value(name) !== (before[name] ?? null));
    if (changed.length > 0) return changedByOthers(clusterName, changed, live, env);
    if (open.length > 0) return { kind: 'actionable', detail: `DaemonSet ${awsNode.name} has its old settings` };
    const behind = await whatIsBehind(env, ports);
    return behind === null
      ? { kind: 'satisfied', detail: 'every aws-node pod runs with the new settings' }
      : { kind: 'in-progress', detail: behind, tooLate: notRolled(behind) };
  },

  /** What came in between is seen by the look that follows. */
  async act({ params }, ports) {
    const live = params.isUndo ? await liveDaemonSet(ports) : undefined;
    const env = live === undefined ? params.env : only(params.env, stillOurs(params, live.env));
    await ports.kubernetes.setEnvironment(awsNode.namespace, awsNode.name, awsNode.name, {
      env,
      before: params.before,
    });
  },

  describeCall: ({ params }) =>
    `patch DaemonSet ${awsNode.namespace}/${awsNode.name}, container ${awsNode.name}, env ${pairs(params.env, ', ')}`,

  /** The old values; what was not set is removed again. Nodes keep the prefixes that they have in use. */
  undo: (step) => ({
    ...step,
    id: `${undoPrefix}${step.id}`,
    impact: 'disruptive',
    dependsOn: [],
    summary: `give DaemonSet aws-node its old settings back: ${pairs(step.params.before, ', ')}`,
    params: { env: step.params.before, before: step.params.env, isUndo: true },
  }),

  deadlineSeconds: () => 30 * 60,
};

/** Of variables that others have changed since, none is touched; the rest gets its old values. */
async function observeUndo(
  { id, params }: Step<'patch-vpc-cni'>,
  ports: Ports,
  { state }: StepContext,
): Promise<Observation> {
  const { env, before } = params;
  if (!mayHaveActed(state, undoneId(id))) {
    return { kind: 'satisfied', detail: `DaemonSet ${awsNode.name} was not changed by this plan` };
  }
  const live = await liveDaemonSet(ports);
  if (live === undefined) return { kind: 'satisfied', detail: `there is no DaemonSet ${awsNode.name} any more` };
  if (stillOurs(params, live.env).length > 0) {
    return { kind: 'actionable', detail: `DaemonSet ${awsNode.name} has the settings of this plan` };
  }
  const others = Object.keys(env).filter((name) => ![env[name], before[name]].includes(live.env[name] ?? null));
  const old = only(
    env,
    Object.keys(env).filter((name) => !others.includes(name)),
  );
  const behind = mayHaveActed(state, id) ? await whatIsBehind(old, ports) : null;
  if (behind !== null) return { kind: 'in-progress', detail: behind, tooLate: notRolled(behind) };
  const left = others.length === 0 ? '' : `; somebody else has changed ${found(others, live)} since: it stays so`;
  return { kind: 'satisfied', detail: `DaemonSet ${awsNode.name} has the settings that it had${left}` };
}

/** Variables that have the value of the plan, and should have another. */
const stillOurs = ({ env, before }: StepParams['patch-vpc-cni'], live: Wanted): string[] =>
  Object.keys(env).filter((name) => {
    const value = live[name] ?? null;
    return value !== env[name] && value === (before[name] ?? null);
  });

const only = (env: Wanted, names: readonly string[]): Record<string, string | null> =>
  Object.fromEntries(names.map((name) => [name, env[name] ?? null]));

/** `NAME=value by manager` */
const found = (names: readonly string[], { env, envManagers }: Pick<DaemonSet, 'env' | 'envManagers'>): string =>
  names
    .map(
      (name) =>
        `${name}=${env[name] ?? '(not set)'}${envManagers[name] === undefined ? '' : ` by ${envManagers[name]}`}`,
    )
    .join(', ');

const notRolled = (behind: string) =>
  neverRolled(
    'The settings of DaemonSet aws-node',
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

function changedByOthers(clusterName: string, names: readonly string[], live: DaemonSet, env: Wanted): Observation {
  return conflict({
    code: 'CNI.SETTING_CHANGED',
    message: `Somebody changed DaemonSet ${awsNode.name} since the plan was made: ${found(names, live)}. It was left as it is.`,
    why: `The plan would set ${pairs(env, ', ')}, and was made for other values.`,
    nextActions: [
      `make a new plan, which looks at the change: prefix-migrate plan --cluster ${clusterName}`,
      `or see who sets what: kubectl -n ${awsNode.namespace} get daemonset ${awsNode.name} -o yaml --show-managed-fields`,
    ],
  });
}
