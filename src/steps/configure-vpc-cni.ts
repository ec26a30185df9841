import { canonicalJson } from '../domain/canonical-json.ts';
import type { StepParams } from '../domain/plan.ts';
import type { EksUpdate } from '../ports/eks.ts';
import type { DaemonSet } from '../ports/kubernetes.ts';
import type { Ports } from '../ports/ports.ts';
import { applyAgain, conflict, failedForGood, stoppedPartWay } from './conflict.ts';
import type { Observation, StepHandler } from './step-handler.ts';

type Params = StepParams['configure-vpc-cni'];

const namespace = 'kube-system';
const daemonSetName = 'aws-node';
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
    const behind = isWanted ? await whatIsBehind(params, ports) : null;
    if (isWanted && behind === null)
      return { kind: 'satisfied', detail: 'every aws-node pod runs with the new configuration' };

    const updateId = state.steps[id]?.updates[updateName];
    if (updateId !== undefined) {
      const update = await ports.eks.describeUpdate(clusterName, updateId, { addonName });
      if (update?.status === 'Failed' || update?.status === 'Cancelled') {
        const live = await ports.kubernetes.getDaemonSet(namespace, daemonSetName, daemonSetName);
        return updateFailed(params, update, live);
      }
      if (!isWanted && !sameConfiguration(addon.configurationValues, params.before))
        return changedByOthers(params, addon.configurationValues);
      return {
        kind: 'in-progress',
        detail: behind ?? `update ${updateId} of add-on ${addonName} is ${update?.status ?? 'not visible yet'}`,
        tooLate: neverRolled(params, behind ?? `update ${updateId} did not end`),
      };
    }
    if (isWanted && addon.status === 'ACTIVE') {
      return { kind: 'in-progress', detail: behind ?? 'rollout', tooLate: neverRolled(params, behind ?? 'rollout') };
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

  /** The old configuration. Nodes keep the prefixes that they have in use. */
  undo: (step) => {
    const { before, configurationValues, env } = step.params;
    const oldEnv = envOf(before);
    const known = Object.keys(env).filter((name) => name in oldEnv);
    return {
      ...step,
      id: `undo/${step.id}`,
      dependsOn: [],
      summary: 'Give the vpc-cni add-on its old configuration back',
      params: {
        ...step.params,
        before: configurationValues,
        configurationValues: before ?? '{}',
        env: {
          ENABLE_PREFIX_DELEGATION: 'false',
          ...Object.fromEntries(known.map((name) => [name, String(oldEnv[name])])),
        },
      },
    };
  },

  deadlineSeconds: () => 30 * 60,
};

/** What is not yet as wanted, in one line; null when all is. */
async function whatIsBehind({ env }: Params, ports: Ports): Promise<string | null> {
  const live = await ports.kubernetes.getDaemonSet(namespace, daemonSetName, daemonSetName);
  if (live === undefined) return `DaemonSet ${namespace}/${daemonSetName} is not there`;
  const wrong = differing(env, live.env);
  if (wrong.length > 0) return `DaemonSet ${daemonSetName} has ${wrong.join(', ')}`;
  const { generation, observedGeneration, desired, updated, unavailable } = live.rollout;
  if (observedGeneration < generation) return `the rollout of ${daemonSetName} has not begun`;
  if (updated < desired || unavailable > 0) {
    return `rollout of ${daemonSetName}: ${updated} of ${desired} pods updated, ${unavailable} unavailable`;
  }
  const pods = await ports.kubernetes.podEnvironments(namespace, `k8s-app=${daemonSetName}`, daemonSetName);
  const old = Object.keys(pods).filter((name) => differing(env, pods[name] ?? {}).length > 0);
  return old.length === 0
    ? null
    : `${old.length} pods of ${daemonSetName} run with the old environment, such as ${old[0]}`;
}

/** `NAME=found` for each variable that is not as wanted. */
function differing(wanted: Record<string, string>, found: Record<string, string | null>): string[] {
  return Object.keys(wanted)
    .filter((name) => found[name] !== wanted[name])
    .map((name) => `${name}=${found[name] ?? '(not set)'}`);
}

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

function envOf(values: string | null): Record<string, unknown> {
  const document = parsed(values);
  if (typeof document !== 'object' || document === null || !('env' in document)) return {};
  const { env } = document;
  return typeof env === 'object' && env !== null ? { ...env } : {};
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
      applyAgain,
    ],
  });
}

function neverRolled({ clusterName, addonName }: Params, behind: string) {
  return stoppedPartWay({
    code: 'CNI.NOT_ROLLED_OUT',
    message: `The new configuration of add-on ${addonName} did not reach every node: ${behind}.`,
    why: 'EKS took the configuration, but the aws-node pods do not all run with it. A node that is not Ready holds up the rollout; some old add-on builds never write a value into the DaemonSet.',
    nextActions: [
      `kubectl -n ${namespace} rollout status daemonset/${daemonSetName}`,
      `kubectl -n ${namespace} get pods -l k8s-app=${daemonSetName} -o wide`,
      `aws eks describe-addon --cluster-name ${clusterName} --addon-name ${addonName}`,
      applyAgain,
    ],
  });
}
