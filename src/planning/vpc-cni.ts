import { parse } from 'yaml';
import { manifestEnv, notConfigurable } from '../domain/cni-names.ts';
import { addonInstructions, daemonSetInstructions, ownerText, pairs } from '../domain/cni-owner.ts';
import {
  configuredEnv,
  conflictCode,
  isOn,
  settingNames,
  vpcCniVersion,
  wantedEnv,
  withEnv,
} from '../domain/cni-settings.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { AnyStep, PlanRequest, Step, StepParams, VpcCniPlan, VpcCniSetting } from '../domain/plan.ts';
import type { ClusterSnapshot, VpcCni } from '../domain/snapshot.ts';

type Env = Readonly<Record<string, string>>;

/** How long a run waits for somebody else to change aws-node; it can be resumed afterwards. */
const ownerTimeoutSeconds = 2 * 3600;

/**
 * What the plan does to aws-node, setting by setting. `isNeeded`: there are node groups to migrate. Throws
 * CNI.CONFIG_UNREADABLE (exit 2) rather than replace a configuration that it cannot read.
 */
export function vpcCniPlan(snapshot: ClusterSnapshot, request: PlanRequest, isNeeded: boolean): VpcCniPlan {
  const { cluster, vpcCni } = snapshot;
  const document = parseConfiguration(vpcCni.addon?.configurationValues ?? null, cluster.name);
  const configured = configuredEnv(document);
  const wanted = isNeeded ? wantedEnv(vpcCni.env, request) : {};
  const how = howOf(vpcCni, wanted, configured);
  const updates = how === 'update-addon';
  const settings = diff(vpcCni, bare(wanted), bare(configured), {
    updates,
    adopts: request.allow.includes(conflictCode),
  });
  const configurationValues = updates ? JSON.stringify(withEnv(document, { ...wanted, ...adoptedIn(settings) })) : null;
  return {
    owner: vpcCni.owner,
    version: vpcCniVersion(vpcCni),
    how,
    settings,
    configurationValues,
    instructions: updates
      ? addonInstructions(vpcCni.owner, configurationValues ?? '')
      : how === 'wait-for-owner'
        ? daemonSetInstructions(vpcCni.owner, wanted)
        : [],
  };
}

/** The one step that brings the settings about; none when they are there already and will stay. */
export function vpcCniSteps(snapshot: ClusterSnapshot, request: PlanRequest, dependsOn: string[]): AnyStep[] {
  const { cluster, vpcCni } = snapshot;
  const { how, owner, settings, configurationValues, instructions } = vpcCniPlan(snapshot, request, true);
  const wanted = wantedEnv(vpcCni.env, request);
  const common = { phase: 'prepare', impact: 'additive', dependsOn } as const;
  if (how === 'update-addon' && vpcCni.addon !== null && configurationValues !== null) {
    const adopted = adoptedIn(settings);
    const env = { ...wanted, ...adopted };
    const before = vpcCni.addon.configurationValues;
    const document = parseConfiguration(before, cluster.name);
    const params: StepParams['configure-vpc-cni'] = {
      clusterName: cluster.name,
      addonName: 'vpc-cni',
      addonVersion: vpcCni.addon.version,
      before,
      configurationValues,
      env,
      // what the DaemonSet lacks the add-on brings back
      envBefore: asItIs({ ...vpcCni, env: { ...manifestOf(vpcCni), ...vpcCni.env } }, env),
      undoValues: Object.keys(adopted).length > 0 ? JSON.stringify(withEnv(document, adopted)) : (before ?? '{}'),
    };
    const kind = 'configure-vpc-cni';
    return [{ ...common, id: kind, kind, summary: `vpc-cni: ${pairs(wanted, ', ')}`, params }];
  }
  if (how === 'patch-daemon-set') {
    const kind = 'patch-vpc-cni';
    const params = { env: wanted, before: asItIs(vpcCni, wanted) };
    return [{ ...common, id: kind, kind, summary: `DaemonSet aws-node: ${pairs(wanted, ', ')}`, params }];
  }
  if (how === 'wait-for-owner') {
    const kind = 'await-vpc-cni';
    const step: Step<typeof kind> = {
      ...common,
      id: kind,
      kind,
      summary: `wait until ${ownerText(owner)} sets ${pairs(wanted, ', ')}`,
      params: { owner, env: wanted, instructions, timeoutSeconds: ownerTimeoutSeconds },
    };
    return [step];
  }
  return [];
}

const asItIs = ({ env }: VpcCni, names: Env): Record<string, string | null> =>
  Object.fromEntries(Object.keys(names).map((name) => [name, env[name] ?? null]));

/** What the add-on sets of itself. */
const manifestOf = (vpcCni: VpcCni): Env =>
  vpcCni.managedBy === 'eks-addon' ? manifestEnv(vpcCniVersion(vpcCni)) : {};

const adoptedIn = (settings: readonly VpcCniSetting[]): Record<string, string> =>
  Object.fromEntries(
    settings.flatMap(({ name, live, change }) => (change === 'adopt' && live !== null ? [[name, live]] : [])),
  );

/** Without what every object has: a variable may be called `constructor`. */
const bare = <T>(values: Readonly<Record<string, T>>): Record<string, T> => Object.assign(Object.create(null), values);

function howOf({ managedBy, owner, env, envManagers }: VpcCni, wanted: Env, configured: Env): VpcCniPlan['how'] {
  const isLive = ([name, value]: [string, string]) => env[name] === value;
  const isKept = (entry: [string, string]) =>
    isLive(entry) && (configured[entry[0]] === entry[1] || envManagers[entry[0]] === 'eks');
  switch (managedBy) {
    case 'absent':
      return 'nothing';
    case 'eks-addon':
      return Object.entries(wanted).every(isKept) ? 'nothing' : 'update-addon';
    case 'self-managed':
      if (Object.entries(wanted).every(isLive)) return 'nothing';
      return owner.tool === 'nobody' ? 'patch-daemon-set' : 'wait-for-owner';
  }
}

/** Switches that decide about addresses: worth a look when they are not as the manifest has them. */
const switches = [
  'AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG',
  'AWS_MANAGE_ENIS_NON_SCHEDULABLE',
  'DISABLE_NETWORK_RESOURCE_PROVISIONING',
  'ENABLE_IPv6',
  'ENABLE_MULTI_NIC',
  'ENABLE_POD_ENI',
];

const changeRank: Record<VpcCniSetting['change'], number> = { conflict: 0, set: 1, adopt: 2, none: 3 };

/**
 * The add-on's configuration, the live environment and the target, variable by variable. With resolveConflicts NONE, EKS
 * refuses an update when a value that it would write, from its manifest or from the configuration, was changed by somebody
 * else; what it would not write stays as it is. (EKS API reference, UpdateAddon)
 */
function diff(
  vpcCni: VpcCni,
  wanted: Env,
  configured: Env,
  { updates, adopts }: { updates: boolean; adopts: boolean },
): VpcCniSetting[] {
  const { managedBy } = vpcCni;
  const [env, envManagers] = [bare(vpcCni.env), bare(vpcCni.envManagers)];
  const manifest = bare(manifestOf(vpcCni));
  const written: Env = bare({ ...manifest, ...configured, ...wanted });

  /** a value that the snapshot does not hold cannot be compared */
  const differs = (name: string): boolean => env[name] !== null && env[name] !== configured[name];

  function isSetByOthers(name: string): boolean {
    if (managedBy !== 'eks-addon' || !(name in env)) return false;
    const manager = envManagers[name];
    // without a manager only what was configured can be known to be different
    return manager === undefined ? name in configured && differs(name) : manager !== 'eks';
  }

  function setting(name: string): VpcCniSetting {
    const live = env[name] ?? null;
    const isHidden = name in env && live === null;
    const target = wanted[name] ?? (updates && !isHidden ? configured[name] : undefined) ?? live;
    const facts = {
      name,
      configured: configured[name] ?? null,
      live,
      setBy: envManagers[name] ?? null,
      ...(isHidden && { isHidden }),
    };
    if (!updates || !isSetByOthers(name) || !(name in written))
      return { ...facts, target, change: target === live ? 'none' : 'set' };
    if (live === written[name])
      return { ...facts, target, change: name in wanted && configured[name] !== live ? 'adopt' : 'none' };
    return adopts && !(name in wanted) && live !== null && !notConfigurable.has(name)
      ? { ...facts, target: live, change: 'adopt' }
      : { ...facts, target: written[name] ?? null, change: 'conflict' };
  }

  const names = [
    ...settingNames.filter((name) => name in env || name in wanted),
    ...Object.keys(wanted),
    ...switches.filter((name) => isOn(env, name)),
    ...Object.keys(configured).filter(differs),
    ...Object.keys(env).filter((name) => isSetByOthers(name) && env[name] !== manifest[name]),
  ];
  return [...new Set(names)].map(setting).toSorted((a, b) => changeRank[a.change] - changeRank[b.change]);
}

/** The add-on's configuration is JSON or YAML; YAML reads both. */
function parseConfiguration(text: string | null, clusterName: string): Record<string, unknown> {
  const document = parseYaml(text ?? '');
  if (document === null || document === undefined) return {};
  const problem = configurationProblem(document);
  if (problem === undefined && typeof document === 'object') return { ...document };
  throw new MigrateError({
    code: 'CNI.CONFIG_UNREADABLE',
    message: 'The configuration values of add-on vpc-cni cannot be read.',
    why: `${problem}, and an update would replace all of them.`,
    nextActions: [
      `aws eks describe-addon --cluster-name ${clusterName} --addon-name vpc-cni --query addon.configurationValues`,
      'correct them with aws eks update-addon, then plan again',
    ],
    exitCode: ExitCode.invalidInput,
  });
}

function configurationProblem(document: unknown): string | undefined {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    return 'They are neither JSON nor YAML with a mapping at the top';
  if (!('env' in document)) return undefined;
  const { env } = document;
  if (env === null) return 'Their "env" is there but empty (null), where the VPC CNI wants a mapping';
  if (typeof env !== 'object' || Array.isArray(env))
    return `Their "env" is ${Array.isArray(env) ? 'a list' : `a ${typeof env}`}, where the VPC CNI wants a mapping from names to values`;
  const nested = Object.entries(env).find(([, value]) => typeof value === 'object');
  return nested === undefined ? undefined : `Their "env.${nested[0]}" has no plain value`;
}

function parseYaml(text: string): unknown {
  try {
    // the warnings of the library quote the text on the terminal as it is
    return parse(text, { logLevel: 'error' });
  } catch {
    return 'unreadable';
  }
}
