import { isJudged } from '../../domain/audit.ts';
import { hasIpTargets, prefixDelegationIsOn, settingNames, target } from '../../domain/cni-settings.ts';
import type { Finding } from '../../domain/finding.ts';
import { prefixSize } from '../../domain/max-pods.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { vpcCniUnknownSetting } from '../vpc-cni-unknown-setting.ts';
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
      ...vpcCniUnknownSetting.run(snapshot, { ...nothing(snapshot) }),
      ...notNumbers(snapshot),
      ...minimumAlone(snapshot),
      ...(prefixDelegationIsOn(snapshot.vpcCni.env)
        ? [...noTarget(snapshot), ...overridden(snapshot), ...cost(snapshot)]
        : []),
    ];
  },
};

/** A check that looks at settings only needs no sources. */
const nothing = ({ cluster }: ClusterSnapshot) => ({
  request: { clusterName: cluster.name, nodegroups: [], allow: [], soakSeconds: 0, expiresInSeconds: 0 },
  sources: [],
  skipped: [],
  subnets: [],
  movingPods: [],
});

/** How to set variables: through the add-on where it owns aws-node, since it would undo anything else. */
export function howToSet({ cluster, vpcCni }: ClusterSnapshot, env: Record<string, string>): string[] {
  const pairs = Object.entries(env);
  if (vpcCni.managedBy !== 'eks-addon')
    return [
      `kubectl -n kube-system set env daemonset/aws-node --containers aws-node ${pairs.map((pair) => pair.join('=')).join(' ')}`,
    ];
  return [
    `aws eks describe-addon --cluster-name ${cluster.name} --addon-name vpc-cni --query addon.configurationValues`,
    `aws eks update-addon --cluster-name ${cluster.name} --addon-name vpc-cni --configuration-values '${JSON.stringify({ env })}'  # merged with the values above`,
  ];
}

/** `WARM_ENI_TARGET` and the switch itself are read in other ways. */
const numbers = settingNames.filter((name) => name !== 'ENABLE_PREFIX_DELEGATION');

const notNumbers = (snapshot: ClusterSnapshot): Finding[] =>
  numbers.flatMap((name): Finding[] => {
    const text = snapshot.vpcCni.env[name] ?? '';
    if (text === '' || /^\d+$/.test(text)) return [];
    return [
      {
        code: 'AUDIT.SETTING_NOT_A_NUMBER',
        severity: 'blocking',
        subject: `aws-node ${name}`,
        summary: `${name} is "${text}", which is no whole number of 0 or more: the VPC CNI takes it for not set.`,
        why: 'Whoever set it believes in an effect that is not there.',
        nextActions: howToSet(snapshot, { [name]: 'NUMBER' }),
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
