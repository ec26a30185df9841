import type { AuditFacts, NodeAudit } from '../../domain/audit.ts';
import type { Finding } from '../../domain/finding.ts';
import { supportsPrefixes } from '../../domain/max-pods.ts';
import { count } from '../check.ts';
import { type AuditCheck, auditCode, byGroup, range, titleOf } from './audit-check.ts';
import { planFor } from './node-prefixes.ts';

/** Whether all instance types of the nodes are Nitro; types that nobody knows are taken for it. */
const canUsePrefixes = ({ snapshot }: AuditFacts, nodes: readonly NodeAudit[]): boolean =>
  snapshot.instanceTypes
    .filter(({ instanceType }) => nodes.some((node) => node.instanceType === instanceType))
    .every(supportsPrefixes);

/** Nodes whose maxPods is not what it could be, or more than there are addresses. */
export const nodeMaxPods: AuditCheck = {
  codes: [
    auditCode('AUDIT.MAX_PODS_OLD', 'Nodes take as few pods as in secondary IP mode although they could use prefixes.'),
    auditCode('AUDIT.MAX_PODS_ABOVE_ADDRESSES', 'Nodes accept more pods than there can be addresses.'),
    auditCode('AUDIT.MAX_PODS_LOWER', 'Nodes take fewer pods than EKS would compute, by a limit set elsewhere.'),
  ],
  run(facts) {
    const sayable = (code: 'old-max-pods' | 'lower-max-pods' | 'max-pods-above-addresses') =>
      byGroup(facts, code).map((group) => ({
        group,
        title: `${titleOf(group)}: ${count(group.nodes.length, 'node')}`,
        now: range(group.nodes.map(({ maxPods }) => maxPods)),
        expected: range(group.nodes.map(({ expectedMaxPods }) => expectedMaxPods ?? 0)),
      }));
    return [
      ...sayable('max-pods-above-addresses').map(
        ({ group, title, now }): Finding => ({
          code: 'AUDIT.MAX_PODS_ABOVE_ADDRESSES',
          severity: 'warning',
          subject: group.subject,
          summary: `${title} with maxPods ${now}, but ${group.nodes[0]?.why.find(({ code }) => code === 'max-pods-above-addresses')?.text}.`,
          why: 'Kubernetes will place pods there that never get an address (FailedCreatePodSandBox).',
          nextActions: [
            canUsePrefixes(facts, group.nodes)
              ? `Lower maxPods of ${group.subject}, or let its nodes use prefixes`
              : `Lower maxPods of ${group.subject}: its instances are not Nitro, and cannot use prefixes`,
          ],
        }),
      ),
      ...sayable('old-max-pods').map(
        ({ group, title, now, expected }): Finding => ({
          code: 'AUDIT.MAX_PODS_OLD',
          severity: 'warning',
          subject: group.subject,
          summary: `${title} with maxPods ${now}; with prefixes ${expected} pods fit.`,
          why: group.nodes[0]?.karpenter
            ? 'Karpenter computes maxPods without prefixes until the EC2NodeClass says it.'
            : 'maxPods is fixed when a group is created, and this one was created before the switch, or as if there were no prefixes.',
          nextActions: group.nodes[0]?.karpenter
            ? [`Set spec.kubelet.maxPods of the EC2NodeClass to ${group.nodes[0]?.expectedMaxPods}`]
            : planFor(facts.snapshot, group),
        }),
      ),
      ...sayable('lower-max-pods').map(
        ({ group, title, now, expected }): Finding => ({
          code: 'AUDIT.MAX_PODS_LOWER',
          severity: 'advice',
          subject: group.subject,
          summary: `${title} with maxPods ${now}; EKS would compute ${expected}.`,
          why: 'Somebody set it: in the launch template, in a NodeConfig, or in another tool. That may be on purpose.',
          nextActions: [],
        }),
      ),
    ];
  },
};
