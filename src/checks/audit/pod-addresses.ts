import { hasReason } from '../../domain/audit.ts';
import type { Finding } from '../../domain/finding.ts';
import { sum } from '../../domain/sum.ts';
import { count, listed } from '../check.ts';
import { type AuditCheck, auditCode } from './audit-check.ts';

/** Pods whose address is not one of their node. */
export const podAddresses: AuditCheck = {
  codes: [
    auditCode('AUDIT.POD_ADDRESS_STRAY', 'The address of a pod belongs to no prefix and no interface of its node.'),
    auditCode('AUDIT.PODS_WITHOUT_ADDRESS', 'Pods have been on their node for minutes and have no address.'),
  ],
  run({ nodes, strayPods }) {
    const findings: Finding[] = [];
    if (strayPods.length > 0) {
      findings.push({
        code: 'AUDIT.POD_ADDRESS_STRAY',
        severity: 'blocking',
        subject: listed(
          strayPods.map(({ namespace, name }) => `${namespace}/${name}`),
          3,
        ),
        summary: `${count(strayPods.length, 'pod')} with an address that no interface of the node has.`,
        why: 'EC2 may give such an address to somebody else: the VPC CNI has let go of a prefix that was in use (amazon-vpc-cni-k8s issue 3824). (A pod that was just starting or stopping looks the same: audit again.)',
        nextActions: strayPods
          .slice(0, 3)
          .map(
            ({ namespace, name }) =>
              `kubectl -n ${namespace} delete pod ${name}  # when it stays so: the next one gets a new address`,
          ),
      });
    }
    const waiting = nodes.filter((node) => hasReason(node, 'pods-without-address'));
    if (waiting.length > 0) {
      findings.push({
        code: 'AUDIT.PODS_WITHOUT_ADDRESS',
        severity: 'advice',
        subject: listed(
          waiting.map(({ name }) => name),
          3,
        ),
        summary: `${count(sum(waiting.map(({ pods }) => pods.without)), 'pod')} on ${count(waiting.length, 'node')} without an address for minutes.`,
        why: 'Either there is no address for them, or a volume or an image of theirs cannot be had: their events tell.',
        nextActions: ['kubectl get events -A --field-selector reason=FailedCreatePodSandBox'],
      });
    }
    return findings;
  },
};
