import { type InterfaceSettings, slots } from './max-pods.ts';
import type { PlanRequest } from './plan.ts';
import type { PoolSettings } from './prefix-pool.ts';
import type { InstanceType, VpcCni } from './snapshot.ts';
import { isAtLeast, vpcCniSince } from './version.ts';

/** Environment variables of aws-node that a migration deals with (README of amazon-vpc-cni-k8s). */
export const settingNames = [
  'ENABLE_PREFIX_DELEGATION',
  'WARM_PREFIX_TARGET',
  'WARM_IP_TARGET',
  'MINIMUM_IP_TARGET',
  'WARM_ENI_TARGET',
  'MAX_ENI',
] as const;

/** Finding, and with `--allow` the consent to take over what was set past the add-on. */
export const conflictCode = 'CNI.CONFIG_CONFLICT';

type Env = Readonly<Record<string, string | null>>;

/** A target: a positive integer, or 0 for not set (the VPC CNI ignores what it cannot read, and what is negative). */
export function target(env: Env, name: string): number {
  const text = env[name] ?? '';
  return wholeNumber.test(text) ? Number(text) : 0;
}

/** Whether a target has a value that the VPC CNI cannot read or takes for 0, as `1.5`, `-1` or ` 5`. */
export const isNotANumber = (env: Env, name: string): boolean => !/^(\+?\d+)?$/.test(env[name] ?? '');

/** What Go reads with strconv.Atoi and strconv.ParseBool, as the VPC CNI does. */
const wholeNumber = /^\+?\d+$/;
const truths = new Set(['1', 't', 'T', 'true', 'True', 'TRUE']);

export const isOn = (env: Env, name: string): boolean => truths.has(env[name] ?? '');

export const prefixDelegationIsOn = (env: Env): boolean => isOn(env, 'ENABLE_PREFIX_DELEGATION');

export const interfaceSettings = (env: Env): InterfaceSettings => ({
  customNetworking: isOn(env, 'AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG'),
  podEni: isOn(env, 'ENABLE_POD_ENI'),
  maxEni: target(env, 'MAX_ENI') || null,
});

/**
 * What must stand in the environment of aws-node after the switch: prefix delegation and the targets that were asked for.
 * Without IP targets, asked for or in place, it keeps one spare prefix per node unless a number is set already.
 */
export function wantedEnv(env: Env, request: PlanRequest): Record<string, string> {
  const asked = {
    WARM_PREFIX_TARGET: request.warmPrefixTarget,
    WARM_IP_TARGET: request.warmIpTarget,
    MINIMUM_IP_TARGET: request.minimumIpTarget,
  };
  const wanted: Record<string, string> = { ENABLE_PREFIX_DELEGATION: 'true' };
  for (const [name, value] of Object.entries(asked)) if (value !== undefined) wanted[name] = String(value);
  if (!hasIpTargets({ ...env, ...wanted }))
    wanted['WARM_PREFIX_TARGET'] ??= String(target(env, 'WARM_PREFIX_TARGET') || 1);
  return wanted;
}

/** IP targets, once set, make the VPC CNI ignore WARM_PREFIX_TARGET. */
export const hasIpTargets = (env: Env): boolean =>
  target(env, 'WARM_IP_TARGET') > 0 || target(env, 'MINIMUM_IP_TARGET') > 0;

/** The whole environment as it will be. */
export const envAfter = (vpcCni: VpcCni, request: PlanRequest): Env => ({
  ...vpcCni.env,
  ...wantedEnv(vpcCni.env, request),
});

/** How the VPC CNI fills nodes of this type. */
export const poolSettings = (env: Env, version: string | null, type: InstanceType, maxPods: number): PoolSettings => ({
  warmPrefixTarget: target(env, 'WARM_PREFIX_TARGET'),
  warmIpTarget: target(env, 'WARM_IP_TARGET'),
  minimumIpTarget: target(env, 'MINIMUM_IP_TARGET'),
  maxPods,
  slots: slots(type, interfaceSettings(env)),
  stopsAtMaxPods: isAtLeast(version, vpcCniSince.stopsAtMaxPods),
});

/** Version of the running image, else of the add-on. */
export const vpcCniVersion = (vpcCni: VpcCni): string | null => vpcCni.version ?? vpcCni.addon?.version ?? null;

type Document = Readonly<Record<string, unknown>>;

/** The variables that an add-on's configuration document sets. */
export function configuredEnv(document: Document): Record<string, string> {
  const env = document['env'];
  if (typeof env !== 'object' || env === null) return {};
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]));
}

/** The document with `env` laid over its own variables; everything else stays as it is. */
export const withEnv = (document: Document, env: Record<string, string>): Document => ({
  ...document,
  env: { ...configuredEnv(document), ...env },
});
