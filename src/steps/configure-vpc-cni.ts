import { canonicalJson } from '../domain/canonical-json.ts';
import type { StepParams } from '../domain/plan.ts';
import type { EksUpdate } from '../ports/eks.ts';
import type { DaemonSet } from '../ports/kubernetes.ts';
import { awsNode, liveDaemonSet, neverRolled, whatIsBehind } from './aws-node-rollout.ts';
import { applyAgain, conflict, failedForGood } from './conflict.ts';
import type { Observation, StepHandler } from './step-handler.ts';

type Params = StepParams['configure-vpc-cni'];

const { namespace, name: daemonSetName } = awsNode;
const updateName = 'add-on configuration';

/**
 * Sets the configuration of the vpc-cni add-on, and is done when every aws-node pod runs with it: EKS calls an update
 * successful before the DaemonSet has rolled, and some add-on builds accepted values that never reached it.
 * Conflicts are never overwritten: NONE makes EKS name who else set a value.
 */
export const configureVpcCni: StepHandler<'configure-vpc-cni'> = {
  title: () => 'configure the vpc-cni add-on for prefix delegation',

  async observe({ id, params }, ports, { state }) {
    const { clusterName, addonName } = params;
    const addon = await ports.eks.describeAddon(clusterName, addonName);
    if (addon === undefined) return addonGone(params);
    if (['CREATING', 'UPDATING', 'DELETING'].includes(addon.status)) {
      return { kind: 'in-progress', detail: `add-on ${addonName} is ${addon.status}` };
    }
    const isWanted = sameConfiguration(addon.configurationValues, params.configurationValues);
    const behind = isWanted ? await whatIsBehind(params.env, ports) : null;
    if (isWanted && behind === null)
      return { kind: 'satisfied', detail: 'every aws-node pod runs with the new configuration' };

    const updateId = state.steps[id]?.updates[updateName];
    if (updateId !== undefined) {
      const update = await ports.eks.describeUpdate(clusterName, updateId, { addonName });
      if (update?.status === 'Failed' || update?.status === 'Cancelled') {
        const live = await liveDaemonSet(ports);
        return updateFailed(params, update, live);
      }
      if (!isWanted && !sameConfiguration(addon.configurationValues, params.before))
        return changedByOthers(params, addon.configurationValues);
      return {
        kind: 'in-progress',
        detail: behind ?? `update ${updateId} of add-on ${addonName} is ${update?.status ?? 'not visible yet'}`,
        tooLate: notRolled(params, behind ?? `update ${updateId} did not end`),
      };
    }
    if (isWanted && addon.status === 'ACTIVE') {
      return { kind: 'in-progress', detail: behind ?? 'rollout', tooLate: notRolled(params, behind ?? 'rollout') };
    }
    if (isWanted || sameConfiguration(addon.configurationValues, params.before)) {
      const what = isWanted ? `is ${addon.status} with the new configuration` : 'has its old configuration';
      return { kind: 'actionable', detail: `add-on ${addonName} ${what}` };
    }
    return changedByOthers(params, addon.configurationValues);
  },

  async act({ params }, ports, run) {
    const { clusterName, addonName, configurationValues } = params;
    const request = { clusterName, addonName, configurationValues, resolveConflicts: 'NONE' as const };
    const id = await ports.eks.updateAddon(request, run.token);
    await run.progress({ kind: 'update-requested', what: updateName, id });
  },

  describeCall: ({ params }) =>
    `eks:UpdateAddon ${params.addonName} of cluster ${params.clusterName}, resolveConflicts NONE, configurationValues ${params.configurationValues}`,

  /** The old configuration, with what it took over from others: they still hold to it. Nodes keep the prefixes in use. */
  undo: (step) => {
    const { configurationValues, undoValues, env, envBefore } = step.params;
    return {
      ...step,
      id: `undo/${step.id}`,
      dependsOn: [],
      summary: 'Give the vpc-cni add-on its old configuration back',
      params: {
        ...step.params,
        before: configurationValues,
        configurationValues: undoValues,
        undoValues: configurationValues,
        env: envBefore,
        envBefore: env,
      },
    };
  },

  deadlineSeconds: () => 30 * 60,
};

function sameConfiguration(a: string | null, b: string | null): boolean {
  return a === b || canonicalJson(parsed(a)) === canonicalJson(parsed(b));
}

/** What was never set is the same as nothing; text that is no JSON (EKS takes YAML, too) stands for itself. */
function parsed(values: string | null): unknown {
  if (values === null || values.trim() === '') return {};
  try {
    return JSON.parse(values);
  } catch {
    return values;
  }
}

function addonGone({ clusterName, addonName }: Params): Observation {
  return conflict({
    code: 'CNI.ADDON_GONE',
    message: `Cluster ${clusterName} has no EKS add-on ${addonName} any more.`,
    why: 'The plan was made for a VPC CNI that is managed as an EKS add-on.',
    nextActions: [`make a new plan: prefix-migrate plan --cluster ${clusterName}`],
  });
}

function changedByOthers({ clusterName, addonName, configurationValues }: Params, found: string | null): Observation {
  return conflict({
    code: 'CNI.CONFIG_CHANGED',
    message: `Somebody changed the configuration of add-on ${addonName} since the plan was made. It was left as it is.`,
    why: `It is now ${found ?? 'not set'}; the plan would replace all of it by ${configurationValues}.`,
    nextActions: [
      `make a new plan, which keeps the change: prefix-migrate plan --cluster ${clusterName}`,
      `or see what is set: aws eks describe-addon --cluster-name ${clusterName} --addon-name ${addonName}`,
    ],
  });
}

/** EKS names the fields in conflict like `containers[name="aws-node"].env[name="WARM_IP_TARGET"].value`. */
function updateFailed(params: Params, update: EksUpdate, live: DaemonSet | undefined): Observation {
  const { clusterName, addonName, configurationValues } = params;
  const text = update.errors.map(({ code, message }) => `${code}: ${message}`).join('; ') || update.status;
  const overwrite = `aws eks update-addon --cluster-name ${clusterName} --addon-name ${addonName} --resolve-conflicts OVERWRITE --configuration-values '${configurationValues}'`;
  if (!update.errors.some(({ code }) => code === 'ConfigurationConflict')) {
    return failedForGood({
      code: 'CNI.UPDATE_FAILED',
      message: `EKS could not update add-on ${addonName}: ${text}`,
      why: `Update ${update.id} ended as ${update.status}.`,
      nextActions: [
        `aws eks describe-update --name ${clusterName} --addon-name ${addonName} --update-id ${update.id}`,
        `remove the cause, ${applyAgain}`,
      ],
    });
  }
  const names = [...new Set([...text.matchAll(/env\[name="([^"]+)"\]/g)].map((match) => match[1] ?? ''))];
  const setBy = names.map((name) => {
    const manager = live?.envManagers[name];
    return manager === undefined ? name : `${name} (set by ${manager})`;
  });
  return failedForGood({
    code: 'CNI.CONFIG_CONFLICT',
    message: `EKS refused the new configuration of add-on ${addonName}: ${setBy.join(', ') || 'a field of DaemonSet aws-node'} was set by hand.`,
    why: `Values on DaemonSet ${daemonSetName} that others set are never overwritten in silence. EKS says: ${text}`,
    nextActions: [
      names.length > 0
        ? `remove the edit: kubectl -n ${namespace} set env daemonset/${daemonSetName} ${names.map((name) => `${name}-`).join(' ')}`
        : `remove the edit: kubectl -n ${namespace} edit daemonset/${daemonSetName}`,
      `or let EKS overwrite it: ${overwrite}`,
      `or plan again and keep it: prefix-migrate plan --cluster ${clusterName} --allow CNI.CONFIG_CONFLICT`,
      applyAgain,
    ],
  });
}

const notRolled = ({ clusterName, addonName }: Params, behind: string) =>
  neverRolled(
    `The new configuration of add-on ${addonName}`,
    behind,
    'EKS took the configuration, but the aws-node pods do not all run with it. Some old add-on builds never write a value into the DaemonSet.',
    [`aws eks describe-addon --cluster-name ${clusterName} --addon-name ${addonName}`],
  );
