import type { AuditFacts, NodeAudit, ReasonCode } from '../../domain/audit.ts';
import { hasReason } from '../../domain/audit.ts';
import type { Finding } from '../../domain/finding.ts';
import type { FindingCode } from '../check.ts';

/** One question to a running cluster. Pure. Severity decides the exit code: advice is no fault, everything else is. */
export interface AuditCheck {
  codes: FindingCode[];
  run(facts: AuditFacts): Finding[];
}

/** A code of `audit`, which has no plan that could be allowed to go on. */
export const auditCode = (code: string, meaning: string): FindingCode => ({ code, meaning, canBeAllowed: false });

/** The nodes with one of the reasons, by their group; nodes of no group by their own names. */
export function byGroup({ nodes }: AuditFacts, ...codes: ReasonCode[]): { subject: string; nodes: NodeAudit[] }[] {
  const groups = Map.groupBy(
    nodes.filter((node) => hasReason(node, ...codes)),
    (node) => node.group ?? node.name,
  );
  return [...groups].map(([subject, found]) => ({ subject, nodes: found }));
}

/** How to name the nodes of one group: `Node group apps`, `Node pool default`, `Node ip-10-0-1-10`. */
export function titleOf({ subject, nodes: [node] }: { subject: string; nodes: NodeAudit[] }): string {
  if (node === undefined || node.group === null) return `Node ${subject}`;
  return `${node.karpenter ? 'Node pool' : 'Node group'} ${subject}`;
}

/** `29`, or `29 to 58` */
export function range(numbers: readonly number[]): string {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  return least === most ? String(least) : `${least} to ${most}`;
}
