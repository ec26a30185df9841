import type { AuditFacts } from '../../domain/audit.ts';
import type { Finding } from '../../domain/finding.ts';
import type { AuditCheck } from './audit-check.ts';
import { cluster } from './cluster.ts';
import { delegation } from './delegation.ts';
import { nodeMaxPods } from './node-max-pods.ts';
import { nodePrefixes } from './node-prefixes.ts';
import { podAddresses } from './pod-addresses.ts';
import { settings } from './settings.ts';
import { subnets } from './subnets.ts';

/** In the order in which people should read their findings. */
export const auditChecks: AuditCheck[] = [
  cluster,
  delegation,
  settings,
  podAddresses,
  nodePrefixes,
  nodeMaxPods,
  subnets,
];

/** All findings about a running cluster. */
export const runAuditChecks = (facts: AuditFacts): Finding[] => auditChecks.flatMap((check) => check.run(facts));
