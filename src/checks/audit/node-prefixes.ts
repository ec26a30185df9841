import type { AuditFacts, NodeAudit } from '../../domain/audit.ts';
import { usesCustomNetworking } from '../../domain/eni-config.ts';
import type { Finding } from '../../domain/finding.ts';
import { sourceTag } from '../../domain/nodegroups.ts';
import { planFolder } from '../../domain/plan-command.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { sum } from '../../domain/sum.ts';
import { count, listed } from '../check.ts';
import { type AuditCheck, auditCode, byGroup, range, titleOf } from './audit-check.ts';

/** Nodes that silently do not use prefixes although prefix delegation is on. */
export const nodePrefixes: AuditCheck = {
  codes: [
    auditCode('AUDIT.NODE_WITHOUT_PREFIX', 'A node holds no prefix although prefix delegation is on.'),
    auditCode('AUDIT.OLDER_THAN_SWITCH', 'Nodes from before the switch still use secondary addresses.'),
    auditCode('AUDIT.SECONDARY_LEFT', 'Nodes of a new group hold secondary addresses besides their prefixes.'),
    auditCode('AUDIT.CORDONED', 'Cordoned nodes are as from before the switch, and attach no prefixes.'),
  ],
  run(facts) {
    const notNitro = byGroup(facts, 'not-nitro').map(
      (group): Finding => ({
        code: 'INSTANCE.NOT_NITRO',
        severity: 'warning',
        subject: group.subject,
        summary: `${titleOf(group)}: ${count(group.nodes.length, 'node')} of ${listed([...new Set(group.nodes.map(({ instanceType }) => instanceType ?? ''))])} cannot use prefixes.`,
        why: 'Prefixes need Nitro or bare metal instances. On others the VPC CNI falls back to secondary IP mode without an error.',
        nextActions: ['Replace the group by one with Nitro types (such as m5, c5, r5, t3 or newer)'],
      }),
    );
    const without = byGroup(facts, 'no-free-prefix', 'no-prefix', 'rolling').map((group): Finding => {
      const bare = group.nodes.filter(({ mode }) => mode === 'none').length;
      return {
        code: 'AUDIT.NODE_WITHOUT_PREFIX',
        severity: 'blocking',
        subject: group.subject,
        summary: `${titleOf(group)}: ${count(group.nodes.length, 'node')} without a prefix${bare > 0 ? `, ${bare} without any address for pods` : ''}.`,
        why: `${reasonsOf(group.nodes)}. ${whatFollows(facts)}`,
        nextActions: [...new Set(group.nodes.flatMap((node) => lookAt(node, facts.snapshot.cluster.region)))].slice(
          0,
          4,
        ),
      };
    });
    const old = byGroup(facts, 'older-than-switch', 'no-slot').map(
      (group): Finding => ({
        code: 'AUDIT.OLDER_THAN_SWITCH',
        severity: 'warning',
        subject: group.subject,
        summary:
          `${titleOf(group)}: ${count(group.nodes.length, 'node')} from before the switch, ` +
          `maxPods ${range(group.nodes.map(({ maxPods }) => maxPods))}, ` +
          `${count(sum(group.nodes.map(({ pods }) => pods.secondary)), 'pod')} still on secondary addresses.`,
        why: 'Pods keep the address they have, and maxPods of a running node does not change. Only new nodes of a new group do.',
        nextActions: planFor(facts.snapshot, group),
      }),
    );
    const left = byGroup(facts, 'secondary-left').map(
      (group): Finding => ({
        code: 'AUDIT.SECONDARY_LEFT',
        severity: 'warning',
        subject: group.subject,
        summary: `${titleOf(group)}: ${count(group.nodes.length, 'node')} with ${sum(group.nodes.map(({ secondaryAddresses }) => secondaryAddresses))} secondary addresses besides their prefixes.`,
        why: 'They started before their aws-node had the settings. Addresses that no pod has go when aws-node restarts there; until then they take slots and spoil /28 blocks.',
        nextActions: group.nodes
          .slice(0, 3)
          .map(
            ({ name }) =>
              `kubectl -n kube-system delete pod -l k8s-app=aws-node --field-selector spec.nodeName=${name}`,
          ),
      }),
    );
    const cordoned = byGroup(facts, 'cordoned').map(
      (group): Finding => ({
        code: 'AUDIT.CORDONED',
        severity: 'advice',
        subject: group.subject,
        summary: `${titleOf(group)}: ${count(group.nodes.length, 'cordoned node')} as from before the switch.`,
        why: 'The VPC CNI attaches no prefixes to cordoned nodes, and maxPods of a running node does not change. That is as it should be while they are drained.',
        nextActions: [],
      }),
    );
    return [...without, ...notNitro, ...old, ...left, ...cordoned];
  },
};

/** Where the cause of a missing prefix shows. */
function lookAt({ name, subnetId, why }: NodeAudit, region: string): string[] {
  if (why.some(({ code }) => code === 'rolling')) return ['kubectl -n kube-system rollout status daemonset/aws-node'];
  if (why.some(({ code }) => code === 'no-free-prefix'))
    return [
      `aws ec2 describe-network-interfaces --region ${region} --filters Name=subnet-id,Values=${subnetId} --query 'NetworkInterfaces[].[PrivateIpAddress,InterfaceType,Description]' --output text  # who is in its blocks`,
    ];
  return [
    'kubectl -n kube-system get events --field-selector reason=MissingIAMPermissions',
    `kubectl -n kube-system get pods -l k8s-app=aws-node --field-selector spec.nodeName=${name} -o yaml  # does container aws-node set ENABLE_PREFIX_DELEGATION?`,
  ];
}

const whatFollows = ({ snapshot: { vpcCni } }: AuditFacts): string =>
  usesCustomNetworking(vpcCni.env)
    ? 'With custom networking aws-node does not come up on such a node: pods keep the addresses that they have, new ones get none, and a new node does not become Ready.'
    : 'Such a node stays Ready, but new pods on it get no address.';

const reasonsOf = (nodes: readonly { why: { text: string }[] }[]): string =>
  listed([...new Set(nodes.map(({ why }) => why[0]?.text ?? ''))], 3);

/** A plan for the group, or to go on with the one that replaces it already. */
export function planFor(
  { cluster, nodegroups }: ClusterSnapshot,
  { nodes: [node] }: { nodes: { nodegroupName: string | null }[] },
): string[] {
  const name = node?.nodegroupName;
  if (!name) return ['Replace these nodes by new ones with the maxPods that their type allows'];
  const replacement = nodegroups.find(({ tags }) => tags[sourceTag] === name);
  if (replacement === undefined) return [`prefix-migrate plan --cluster ${cluster.name} --nodegroup ${name}`];
  return [
    `prefix-migrate status ${planFolder(cluster.name)}  # the plan under way: ${replacement.nodegroupName} replaces ${name}`,
    `prefix-migrate apply ${planFolder(cluster.name)}  # goes on with it; give the folder that the plan was written to`,
  ];
}
