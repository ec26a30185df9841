import type { Finding } from '../../domain/finding.ts';
import { count } from '../check.ts';
import { type AuditCheck, auditCode, byGroup, range, titleOf } from './audit-check.ts';
import { planFor } from './node-prefixes.ts';

/** Nodes whose maxPods is not what it could be, or more than there are addresses. */
export const nodeMaxPods: AuditCheck = {
  codes: [
    auditCode('AUDIT.MAX_PODS_OLD', 'Nodes take as few pods as in secondary IP mode although they could use prefixes.'),
    auditCode('AUDIT.MAX_PODS_ABOVE_ADDRESSES', 'Nodes accept more pods than there can be addresses.'),
    auditCode('AUDIT.MAX_PODS_LOWER', 'Nodes take fewer pods than EKS would compute, by a limit set elsewhere.'),
  ],
  run(facts) {
    const { name: clusterName } = facts.snapshot.cluster;
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
          nextActions: [`lower maxPods of ${group.subject}, or let its nodes use prefixes`],
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
          nextActions: [
            group.nodes[0]?.karpenter
              ? `Set spec.kubelet.maxPods of the EC2NodeClass to ${group.nodes[0]?.expectedMaxPods}`
              : planFor(clusterName, group),
          ],
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
