import { canonicalJson } from '../domain/canonical-json.ts';
import { manifestEnv } from '../domain/cni-names.ts';
import { pairs } from '../domain/cni-owner.ts';
import type { Step, StepParams } from '../domain/plan.ts';
import { undoPrefix } from '../domain/run-state.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { Addon, EksUpdate } from '../ports/eks.ts';
import type { DaemonSet } from '../ports/kubernetes.ts';
import type { Ports } from '../ports/ports.ts';
import { awsNode, liveDaemonSet, neverRolled, whatIsBehind } from './aws-node-rollout.ts';
import { conflict, failedForGood, sameAgain } from './conflict.ts';
import { optional } from './optional.ts';
import type { Observation, StepContext, StepHandler } from './step-handler.ts';
import { mayHaveActed, mayStillShow, undoneId } from './undoing.ts';

type Params = StepParams['configure-vpc-cni'];

const { namespace, name: daemonSetName } = awsNode;
const updateName = 'add-on configuration';

/**
 * Sets the configuration of the vpc-cni add-on, and is done when every aws-node pod runs with it: EKS calls an update
 * successful before the DaemonSet has rolled, and some add-on builds accepted values that never reached it.
 * Conflicts are never overwritten: NONE makes EKS name who else set a value.
 */
export const configureVpcCni: StepHandler<'configure-vpc-cni'> = {
  title: ({ params }) =>
    params.undoOf === undefined
      ? 'configure the vpc-cni add-on for prefix delegation'
      : 'give the vpc-cni add-on its old configuration back',

  async observe(step, ports, context) {
    if (step.params.undoOf !== undefined) return observeUndo(step, step.params.undoOf, ports, context);
    const { id, params } = step;
    const { state } = context;
    const { clusterName, addonName } = params;
    const addon = await ports.eks.describeAddon(clusterName, addonName);
    if (addon === undefined) return addonGone(params);
    if (isBusy(addon)) return { kind: 'in-progress', detail: `add-on ${addonName} is ${addon.status}` };
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
    const { clusterName, addonName } = params;
    const live = params.undoOf && (await ports.eks.describeAddon(clusterName, addonName))?.configurationValues;
    const isOthers = live !== undefined && !sameConfiguration(live, params.before);
    const configurationValues = (isOthers ? withoutOurs(live, params) : null) ?? params.configurationValues;
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
      id: `${undoPrefix}${step.id}`,
      impact: 'disruptive',
      dependsOn: [],
      summary: `give the vpc-cni add-on its old configuration back: ${pairs(envBefore, ', ')}`,
      params: {
        ...step.params,
        undoOf: { configurationValues: step.params.before },
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

const isBusy = ({ status }: Addon): boolean => ['CREATING', 'UPDATING', 'DELETING'].includes(status);

/**
 * What it gives back is its own only: of a configuration that others have changed since, the variables that still have the
 * values of the plan. As with the plan, it is done when every aws-node pod runs with what was asked for.
 */
async function observeUndo(
  { id, params }: Step<'configure-vpc-cni'>,
  { configurationValues: found }: { configurationValues: string | null },
  ports: Ports,
  context: StepContext,
): Promise<Observation> {
  const { clusterName, addonName } = params;
  const { steps } = context.state;
  const forward = undoneId(id);
  if (!mayHaveActed(context.state, forward)) {
    return { kind: 'satisfied', detail: `add-on ${addonName} was not changed by this plan` };
  }
  const addon = await ports.eks.describeAddon(clusterName, addonName);
  if (addon === undefined) {
    return {
      kind: 'satisfied',
      detail: `cluster ${clusterName} has no EKS add-on ${addonName} any more: nothing to give back`,
    };
  }
  if (isBusy(addon)) return { kind: 'in-progress', detail: `add-on ${addonName} is ${addon.status}` };
  const underWay = await updateUnderWay(params, steps[forward]?.updates[updateName], ports);
  if (underWay !== null) return { kind: 'in-progress', detail: `${underWay} of this plan is still InProgress` };

  const live = addon.configurationValues;
  if (sameConfiguration(live, params.configurationValues) || sameConfiguration(live, found)) {
    const isAsked = mayHaveActed(context.state, id);
    if (!isAsked && mayStillShow(id, ports, context)) {
      return { kind: 'in-progress', detail: `a change of add-on ${addonName} was asked for, and may still come` };
    }
    const { behind, left } = isAsked ? await givingBack(params.env, params, ports) : { behind: null, left: '' };
    if (behind !== null) return { kind: 'in-progress', detail: behind, tooLate: notRolled(params, behind) };
    const detail = `add-on ${addonName} has the configuration that it had: ${live ?? 'none'}${left}`;
    return { kind: 'satisfied', detail };
  }
  if (!sameConfiguration(live, params.before) && withoutOurs(live, params) === null) {
    const isAsked = mayHaveActed(context.state, id);
    const wanted = givenBack(live, params);
    const { behind, left } = isAsked ? await givingBack(wanted, params, ports) : { behind: null, left: '' };
    if (behind !== null) return { kind: 'in-progress', detail: behind, tooLate: notRolled(params, behind) };
    const detail = `somebody else has changed the configuration of add-on ${addonName} since this plan did: it stays so (${live ?? 'not set'}); before the plan it was ${found ?? 'not set'}${left}`;
    return { kind: 'satisfied', detail };
  }
  const updateId = steps[id]?.updates[updateName];
  if (updateId === undefined) {
    return { kind: 'actionable', detail: `add-on ${addonName} has the configuration of this plan` };
  }
  const update = await ports.eks.describeUpdate(clusterName, updateId, { addonName });
  if (update?.status === 'Failed' || update?.status === 'Cancelled') {
    return updateFailed(params, update, await liveDaemonSet(ports));
  }
  const detail = `update ${updateId} of add-on ${addonName} is ${update?.status ?? 'not visible yet'}`;
  return { kind: 'in-progress', detail, tooLate: notRolled(params, `update ${updateId} did not end`) };
}

/**
 * The configuration as others have made it, with the old values of the variables that still have those of the plan, JSON.
 * Null when there are none, or when it is no JSON.
 */
function withoutOurs(live: string | null, { before, configurationValues }: Params): string | null {
  const [document, ours, old] = [parsed(live), envOf(before), envOf(configurationValues)];
  if (!isRecord(document)) return null;
  const env = envOf(live);
  const names = Object.keys(ours).filter((name) => ours[name] !== old[name] && env[name] === ours[name]);
  if (names.length === 0) return null;
  const kept = Object.entries(env).flatMap(([name, value]) => {
    if (!names.includes(name)) return [[name, value]];
    return old[name] === undefined ? [] : [[name, old[name]]];
  });
  const { env: _, ...rest } = document;
  return JSON.stringify(kept.length === 0 ? rest : { ...rest, env: Object.fromEntries(kept) });
}

/** What aws-node is to run with again: without what others have set to something else. */
function givenBack(live: string | null, { env, configurationValues }: Params): Params['env'] {
  const [now, old] = [envOf(live), envOf(configurationValues)];
  return Object.fromEntries(Object.entries(env).filter(([name]) => now[name] === old[name]));
}

/** What of `wanted` aws-node does not run with yet; and what others have changed or taken out, which nobody waits for. */
async function givingBack(
  wanted: Params['env'],
  { envBefore: ours }: Params,
  ports: Ports,
): Promise<{ behind: string | null; left: string }> {
  const live = (await liveDaemonSet(ports))?.env ?? ours;
  const value = (name: string): string | null => live[name] ?? null;
  const others = Object.keys(wanted).filter((name) => ![wanted[name], ours[name] ?? null].includes(value(name)));
  const rest = Object.fromEntries(Object.entries(wanted).filter(([name]) => !others.includes(name)));
  const changes = others.map(
    (name) => `${name} (now ${value(name) ?? 'not set'}, before the plan ${wanted[name] ?? 'not set'})`,
  );
  return {
    behind: await whatIsBehind(rest, ports),
    left: others.length === 0 ? '' : `; somebody else has changed ${changes.join(', ')} on aws-node: left to them`,
  };
}

function envOf(values: string | null): Record<string, unknown> {
  const document = parsed(values);
  return isRecord(document) && isRecord(document['env']) ? document['env'] : {};
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function updateUnderWay(
  { clusterName, addonName }: Params,
  updateId: string | undefined,
  { eks }: Ports,
): Promise<string | null> {
  if (updateId === undefined) return null;
  const update = await optional(eks.describeUpdate(clusterName, updateId, { addonName }));
  return update?.status === 'InProgress' ? `update ${updateId} of add-on ${addonName}` : null;
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
  const { clusterName, addonName, configurationValues, env, undoOf } = params;
  const text = update.errors.map(({ code, message }) => `${code}: ${message}`).join('; ') || update.status;
  const resolve = (how: string): string =>
    `aws eks update-addon --cluster-name ${clusterName} --addon-name ${addonName} --resolve-conflicts ${how} --configuration-values ${shellWord(configurationValues)}`;
  if (!update.errors.some(({ code }) => code === 'ConfigurationConflict')) {
    return failedForGood({
      code: 'CNI.UPDATE_FAILED',
      message: `EKS could not update add-on ${addonName}: ${text}`,
      why: `Update ${update.id} ended as ${update.status}.`,
      nextActions: [
        `aws eks describe-update --name ${clusterName} --addon-name ${addonName} --update-id ${update.id}`,
        `remove the cause, ${sameAgain}`,
      ],
    });
  }
  const names = [...new Set([...text.matchAll(/env\[name="([^"]+)"\]/g)].map((match) => match[1] ?? ''))];
  const written: Record<string, unknown> = { ...manifestEnv(params.addonVersion), ...envOf(configurationValues) };
  const had: Record<string, unknown> = { ...written, ...(undoOf === undefined ? params.envBefore : env) };
  // another value would be in conflict again, and one that the plan changes would be taken for the plan's by a rollback
  const back = names.map((name) =>
    typeof written[name] === 'string' && written[name] === had[name] ? `${name}=${written[name]}` : `${name}-`,
  );
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
        ? `take the edit back: kubectl -n ${namespace} set env daemonset/${daemonSetName} --containers ${daemonSetName} ${back.map(shellWord).join(' ')}`
        : `take the edit back: kubectl -n ${namespace} edit daemonset/${daemonSetName}`,
      // kept beside what the rollback sets, unless it is what the rollback has to set
      ...(undoOf !== undefined && names.length > 0 && !names.some((name) => name in env)
        ? [`or keep the edit: ${resolve('PRESERVE')}`]
        : []),
      `or let EKS overwrite it: ${resolve('OVERWRITE')}${alsoLost(live, [...names, ...Object.keys(written)])}`,
      ...(undoOf === undefined
        ? [`or plan again and keep it: prefix-migrate plan --cluster ${clusterName} --allow CNI.CONFIG_CONFLICT`]
        : []),
      sameAgain,
    ],
  });
}

/** A remark on what else others have set on aws-node, besides `known`: EKS may drop it when it overwrites. */
function alsoLost(live: DaemonSet | undefined, known: readonly string[]): string {
  const managers = Object.entries(live?.envManagers ?? {});
  if (managers.length === 0) return '  # may also take variables off aws-node that others have set, such as a proxy';
  const lost = managers.flatMap(([name, manager]) => (manager === 'eks' || known.includes(name) ? [] : [name]));
  return lost.length === 0 ? '' : `  # may also take ${lost.join(', ')} off aws-node, which others have set`;
}

const notRolled = ({ clusterName, addonName }: Params, behind: string) =>
  neverRolled(
    `The configuration of add-on ${addonName}`,
    behind,
    'EKS took the configuration, but the aws-node pods do not all run with it. Some old add-on builds never write a value into the DaemonSet.',
    [`aws eks describe-addon --cluster-name ${clusterName} --addon-name ${addonName}`],
  );
