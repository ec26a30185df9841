import { interfaceSettings, isOn, prefixDelegationIsOn, vpcCniVersion } from '../domain/cni-settings.ts';
import { usesCustomNetworking } from '../domain/eni-config.ts';
import { usesPoolAddress } from '../domain/evictable.ts';
import type { Finding } from '../domain/finding.ts';
import { supportsPrefixes } from '../domain/max-pods.ts';
import { usesVpcCni } from '../domain/nodegroups.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterNode, ClusterSnapshot, InstanceType, NetworkInterface } from '../domain/snapshot.ts';
import { isAtLeast, parseVersion, vpcCniSince } from '../domain/version.ts';
import { type Check, count, listed, planAgain } from './check.ts';

/** Custom networking: which subnets count, and whether aws-node comes up again on the old nodes once prefixes are on. */
export const customNetworking: Check = {
  codes: [
    {
      code: 'CNI.CUSTOM_NETWORKING',
      meaning: 'Pods get their addresses from the subnets of ENIConfigs: those are judged.',
      canBeAllowed: false,
    },
    {
      code: 'CNI.STARTS_EMPTY',
      meaning: 'With custom networking aws-node would not come up again on nodes that can attach no prefix.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    if (scope.sources.length === 0 || !usesCustomNetworking(snapshot.vpcCni.env)) return [];
    return [whatIsJudged(snapshot, scope), ...startsEmpty(snapshot, scope)];
  },
};

function whatIsJudged({ eniConfigs }: ClusterSnapshot, { subnets }: Scope): Finding {
  const judged = eniConfigs.flatMap(({ name, subnetId }) => {
    const plan = subnets.find((subnet) => subnet.subnetId === subnetId);
    if (plan === undefined) return [];
    return [`${name}: ${plan.subnetId}`];
  });
  return {
    code: 'CNI.CUSTOM_NETWORKING',
    severity: 'advice',
    subject: 'aws-node AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG',
    summary:
      `AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG is on: pods get their addresses from the subnets of ${count(eniConfigs.length, 'ENIConfig')}. ${listed(judged)}`.trim(),
    why: 'The first interface of a node serves no pods: its subnet gives one address for each node, and maxPods is computed with one interface less.',
    nextActions: ['kubectl get eniconfigs.crd.k8s.amazonaws.com -o yaml'],
  };
}

/**
 * When aws-node starts with prefix delegation on, only prefixes count as its pool. On a node that cannot attach one it ends
 * with "Failed to attach any ENIs for custom networking" (nodeInit in amazon-vpc-cni-k8s, pkg/ipamd/ipamd.go), and the
 * rollout of the DaemonSet stops there.
 */
function startsEmpty(snapshot: ClusterSnapshot, scope: Scope): Finding[] {
  const { sources, order } = scope;
  const { env } = snapshot.vpcCni;
  const version = vpcCniVersion(snapshot.vpcCni);
  const isOlder = parseVersion(version) !== null && !isAtLeast(version, vpcCniSince.needsPoolToStart);
  if (prefixDelegationIsOn(env) || isOlder) return [];
  const types = new Map(snapshot.instanceTypes.map((type) => [type.instanceType, type]));
  const interfaces = Map.groupBy(snapshot.networkInterfaces, ({ instanceId }) => instanceId);
  const held = new Set(snapshot.pods.filter(usesPoolAddress).flatMap(({ podIp }) => podIp ?? []));
  const cordonedFirst = new Set(
    order.order === 'cordon-first' ? sources.map(({ nodegroupName }) => nodegroupName) : [],
  );
  const cordoned: ClusterNode[] = [];
  const full: ClusterNode[] = [];
  for (const node of snapshot.nodes.filter(usesVpcCni)) {
    const type = types.get(node.instanceType ?? '');
    const own = interfaces.get(node.instanceId) ?? [];
    if (type === undefined || !supportsPrefixes(type) || own.some(({ prefixes }) => prefixes.length > 0)) continue;
    const isCordoned = node.unschedulable || cordonedFirst.has(node.nodegroupName ?? '');
    if (isCordoned && !isOn(env, 'AWS_MANAGE_ENIS_NON_SCHEDULABLE')) cordoned.push(node);
    else if (!hasRoom(own, type, held, snapshot)) full.push(node);
  }
  return [
    ...(cordoned.length === 0 ? [] : [finding(cordoned, 'cordoned', scope)]),
    ...(full.length === 0 ? [] : [finding(full, 'full', scope)]),
  ];
}

/** Whether one more interface, or one more prefix on an interface, finds a place once unused addresses are given back. */
function hasRoom(
  own: readonly NetworkInterface[],
  type: InstanceType,
  held: ReadonlySet<string>,
  { vpcCni }: ClusterSnapshot,
): boolean {
  const { maxEni, podEni } = interfaceSettings(vpcCni.env);
  const forPods = own.filter(({ deviceIndex, interfaceType }) => deviceIndex !== 0 && interfaceType === 'interface');
  if (forPods.length < Math.min(type.enis, maxEni ?? Infinity) - 1 - (podEni ? 1 : 0)) return true;
  const inUse = ({ addresses }: NetworkInterface) => addresses.slice(1).filter((address) => held.has(address)).length;
  return forPods.some((one) => inUse(one) < type.ipv4PerEni - 1);
}

function finding(nodes: readonly ClusterNode[], cause: 'cordoned' | 'full', scope: Scope): Finding {
  const names = nodes.map(({ name }) => name);
  const [first = ''] = names;
  return {
    code: 'CNI.STARTS_EMPTY',
    severity: 'blocking',
    subject: listed(names, 3),
    summary:
      cause === 'cordoned'
        ? `${count(nodes.length, 'node')} would be cordoned at the switch, and aws-node would not come up again there.`
        : `On ${count(nodes.length, 'node')} pods hold every address that the interfaces have room for: aws-node would not come up again there.`,
    why:
      'With custom networking aws-node ends with an error when it starts without a prefix and cannot attach one' +
      (cause === 'cordoned' ? ', which it does not do on cordoned nodes' : '') +
      '. Pods that run there keep their addresses, but new ones get none, and the rollout of aws-node to the other nodes stops.',
    nextActions:
      cause === 'cordoned'
        ? [
            `kubectl uncordon ${first}${names.length > 1 ? `  # and ${names.length - 1} more` : ''}`,
            planAgain(scope, { order: 'safe-flip' }),
          ]
        : [
            `kubectl get pods --all-namespaces -o wide --field-selector spec.nodeName=${first}  # delete one that has an address and may start elsewhere${names.length > 1 ? `, on ${names.length - 1} more nodes too` : ''}`,
            planAgain(scope),
          ],
  };
}
