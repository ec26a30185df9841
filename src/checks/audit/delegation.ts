import { isJudged } from '../../domain/audit.ts';
import { prefixDelegationIsOn, vpcCniVersion } from '../../domain/cni-settings.ts';
import type { Finding } from '../../domain/finding.ts';
import { sum } from '../../domain/sum.ts';
import { vpcCniSince } from '../../domain/version.ts';
import { count } from '../check.ts';
import { type AuditCheck, auditCode, byGroup, range, titleOf } from './audit-check.ts';

/** Is prefix delegation on at all, and does this version of the VPC CNI know it? */
export const delegation: AuditCheck = {
  codes: [
    auditCode('AUDIT.DELEGATION_OFF', 'Prefix delegation is off; nothing is wrong, and some nodes may gain from it.'),
    auditCode('AUDIT.PREFIX_WHILE_OFF', 'Nodes hold prefixes although prefix delegation is off.'),
  ],
  run(facts) {
    const { cluster, vpcCni } = facts.snapshot;
    const judged = facts.nodes.filter(isJudged);
    if (judged.length === 0) return [];
    if (prefixDelegationIsOn(vpcCni.env)) {
      const old = facts.nodes.filter(({ why }) => why.some(({ code }) => code === 'cni-too-old'));
      if (old.length === 0) return [];
      return [
        {
          code: 'CNI.TOO_OLD',
          severity: 'blocking',
          subject: 'vpc-cni',
          summary: `VPC CNI ${vpcCniVersion(vpcCni)} ignores ENABLE_PREFIX_DELEGATION on ${count(old.length, 'node')}.`,
          why: `Prefix delegation needs ${vpcCniSince.prefixDelegation}, on bare metal ${vpcCniSince.prefixDelegationOnBareMetal}; older versions ignore it without an error.`,
          nextActions: [
            `aws eks describe-addon-versions --addon-name vpc-cni --kubernetes-version ${cluster.kubernetesVersion}`,
          ],
        },
      ];
    }
    const gaining = judged.filter(({ maxPods, maxPodsWithPrefixes }) => (maxPodsWithPrefixes ?? 0) > maxPods);
    const off: Finding = {
      code: 'AUDIT.DELEGATION_OFF',
      severity: 'advice',
      subject: cluster.name,
      summary:
        gaining.length === 0
          ? 'Prefix delegation is off, and no node would take more pods with it.'
          : `Prefix delegation is off. With it ${gaining.length} of ${count(judged.length, 'node')} could take ` +
            `${range(gaining.map((node) => node.maxPodsWithPrefixes ?? 0))} pods in place of ${range(gaining.map(({ maxPods }) => maxPods))}.`,
      why: 'That is no fault: secondary IP mode is the default of the VPC CNI.',
      nextActions: gaining.length === 0 ? [] : [`prefix-migrate plan --cluster ${cluster.name}`],
    };
    const left = byGroup(facts, 'prefix-while-off').map(
      (group): Finding => ({
        code: 'AUDIT.PREFIX_WHILE_OFF',
        severity: 'warning',
        subject: group.subject,
        summary: `${titleOf(group)}: ${count(group.nodes.length, 'node')} with ${sum(group.nodes.map(({ prefixes }) => prefixes))} prefixes while prefix delegation is off.`,
        why: 'Pods keep addresses of the prefixes; new pods get single addresses, and there are far fewer of them than maxPods may promise.',
        nextActions: [
          `kubectl -n kube-system get daemonset aws-node -o yaml  # who switched it off?`,
          'Replace these nodes, or switch prefix delegation on again',
        ],
      }),
    );
    return [off, ...left];
  },
};
