import { parse } from 'yaml';
import { isJudged } from '../../domain/audit.ts';
import { addonInstructions, daemonSetInstructions, pairs } from '../../domain/cni-owner.ts';
import {
  hasIpTargets,
  isNotANumber,
  prefixDelegationIsOn,
  settingNames,
  target,
  withEnv,
} from '../../domain/cni-settings.ts';
import type { Finding } from '../../domain/finding.ts';
import { prefixSize } from '../../domain/max-pods.ts';
import { shellWord } from '../../domain/shell-word.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { onInitContainer, unknownSettings } from '../vpc-cni-unknown-setting.ts';
import { type AuditCheck, auditCode } from './audit-check.ts';

/**
 * The settings that aws-node runs with now. The checks of `plan` with the same codes judge what they will be after the
 * switch; here they are judged as they are, in either mode.
 */
export const settings: AuditCheck = {
  codes: [
    auditCode('AUDIT.SETTING_NOT_A_NUMBER', 'A target of the VPC CNI is no positive integer, so that it is ignored.'),
    auditCode('AUDIT.WARM_TARGET_COST', 'Warm targets keep more than one prefix spare on every node.'),
  ],
  run(facts) {
    const { snapshot } = facts;
    if (!facts.nodes.some(isJudged)) return [];
    return [
      ...unknownSettings(snapshot.vpcCni),
      ...onInitContainer(snapshot.vpcCni),
      ...notNumbers(snapshot),
      ...minimumAlone(snapshot),
      ...(prefixDelegationIsOn(snapshot.vpcCni.env)
        ? [...noTarget(snapshot), ...overridden(snapshot), ...cost(snapshot)]
        : []),
    ];
  },
};

/** How to set variables: through whoever owns aws-node, since it would undo anything else. */
export function howToSet({ cluster, vpcCni }: ClusterSnapshot, env: Record<string, string>): string[] {
  if (vpcCni.managedBy !== 'eks-addon') return daemonSetInstructions(vpcCni.owner, env);
  const values = merged(vpcCni.addon?.configurationValues ?? null, env);
  if (values === undefined) {
    return [
      `aws eks describe-addon --cluster-name ${cluster.name} --addon-name vpc-cni --query addon.configurationValues  # add ${pairs(env)} to its env`,
    ];
  }
  return [
    `aws eks update-addon --cluster-name ${cluster.name} --addon-name vpc-cni --resolve-conflicts NONE --configuration-values ${shellWord(values)}`,
    ...addonInstructions(vpcCni.owner, values),
  ];
}

/** The whole configuration, because an update replaces all of it; undefined when what is there cannot be read. */
function merged(configurationValues: string | null, env: Record<string, string>): string | undefined {
  try {
    const document: unknown = parse(configurationValues ?? '', { logLevel: 'error' }) ?? {};
    const isMapping = typeof document === 'object' && document !== null && !Array.isArray(document);
    return isMapping ? JSON.stringify(withEnv({ ...document }, env)) : undefined;
  } catch {
    return undefined;
  }
}

/** Targets, and a value that is right in most clusters; 0 is as if not set. */
const usual = {
  WARM_PREFIX_TARGET: '1',
  WARM_IP_TARGET: '5',
  MINIMUM_IP_TARGET: '16',
  WARM_ENI_TARGET: '1',
  MAX_ENI: '0',
};
const numbers = settingNames.filter((name) => name !== 'ENABLE_PREFIX_DELEGATION');

const notNumbers = (snapshot: ClusterSnapshot): Finding[] =>
  numbers.flatMap((name): Finding[] => {
    const text = snapshot.vpcCni.env[name];
    if (!isNotANumber(snapshot.vpcCni.env, name)) return [];
    return [
      {
        code: 'AUDIT.SETTING_NOT_A_NUMBER',
        severity: 'blocking',
        subject: `aws-node ${name}`,
        summary: `${name} is "${text}", which is no whole number of 0 or more: the VPC CNI takes it for not set.`,
        why: 'Whoever set it believes in an effect that is not there.',
        nextActions: howToSet(snapshot, { [name]: usual[name] }),
      },
    ];
  });

function minimumAlone(snapshot: ClusterSnapshot): Finding[] {
  const { env } = snapshot.vpcCni;
  const minimum = target(env, 'MINIMUM_IP_TARGET');
  if (minimum === 0 || target(env, 'WARM_IP_TARGET') > 0) return [];
  const cap = prefixDelegationIsOn(env) ? Math.ceil(minimum / prefixSize) * prefixSize : minimum;
  return [
    {
      code: 'CNI.MINIMUM_CAPS_NODE',
      severity: 'blocking',
      subject: 'aws-node MINIMUM_IP_TARGET',
      summary: `MINIMUM_IP_TARGET=${minimum} without WARM_IP_TARGET gives a node ${cap} addresses and never more.`,
      why: 'The VPC CNI adds addresses beyond the minimum only to keep WARM_IP_TARGET spare ones. Further pods wait for ever.',
      nextActions: howToSet(snapshot, { WARM_IP_TARGET: '5' }),
    },
  ];
}

function noTarget(snapshot: ClusterSnapshot): Finding[] {
  const { env } = snapshot.vpcCni;
  if (hasIpTargets(env) || target(env, 'WARM_PREFIX_TARGET') > 0) return [];
  return [
    {
      code: 'CNI.NO_WARM_TARGET',
      severity: 'blocking',
      subject: 'aws-node WARM_PREFIX_TARGET',
      summary: `WARM_PREFIX_TARGET is ${env['WARM_PREFIX_TARGET'] ?? 'not set'}, and no IP target is set: the VPC CNI does not support that.`,
      why: 'A node whose prefixes are full attaches one, finds it unused, and releases it again, over and over.',
      nextActions: howToSet(snapshot, { WARM_PREFIX_TARGET: '1' }),
    },
  ];
}

/** No fault: the add-on sets WARM_PREFIX_TARGET=1 by itself. */
function overridden(snapshot: ClusterSnapshot): Finding[] {
  const { env } = snapshot.vpcCni;
  const inForce = ['WARM_IP_TARGET', 'MINIMUM_IP_TARGET'].filter((name) => target(env, name) > 0);
  if (inForce.length === 0 || target(env, 'WARM_PREFIX_TARGET') <= 1) return [];
  return [
    {
      code: 'CNI.IP_TARGETS_WIN',
      severity: 'advice',
      subject: 'aws-node WARM_PREFIX_TARGET',
      summary: `WARM_PREFIX_TARGET=${env['WARM_PREFIX_TARGET']} is ignored: ${inForce.map((name) => `${name}=${env[name]}`).join(', ')} counts.`,
      why: 'One IP target above 0 is enough to switch WARM_PREFIX_TARGET off.',
      nextActions: howToSet(snapshot, { WARM_PREFIX_TARGET: '1' }),
    },
  ];
}

function cost(snapshot: ClusterSnapshot): Finding[] {
  const { env } = snapshot.vpcCni;
  const [name, least] = hasIpTargets(env)
    ? (['WARM_IP_TARGET', prefixSize] as const)
    : (['WARM_PREFIX_TARGET', 2] as const);
  if (target(env, name) < least) return [];
  return [
    {
      code: 'AUDIT.WARM_TARGET_COST',
      severity: 'advice',
      subject: `aws-node ${name}`,
      summary: `${name}=${env[name]} keeps a whole prefix or more spare on every node.`,
      why: `With ${name}=${name === 'WARM_IP_TARGET' ? '5' : '1'} a node holds fewer /28 blocks; attaching one takes a second or so.`,
      nextActions: howToSet(snapshot, { [name]: name === 'WARM_IP_TARGET' ? '5' : '1' }),
    },
  ];
}
