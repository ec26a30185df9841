import { runAuditChecks } from '../../checks/audit/index.ts';
import { withCallersFlags } from '../../cli/callers-flags.ts';
import type { Io } from '../../cli/io.ts';
import { type ConnectionOptions, connect } from '../../composition.ts';
import { type AuditReport, auditFacts, isHealthy } from '../../domain/audit.ts';
import { plainJson } from '../../domain/canonical-json.ts';
import { prefixDelegationIsOn, vpcCniVersion } from '../../domain/cni-settings.ts';
import { ExitCode } from '../../domain/migrate-error.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { auditMarkdown } from '../../reporting/formats/audit-markdown.ts';
import { auditText } from '../../reporting/formats/audit-text.ts';
import { withoutControlCharacters } from '../../reporting/text.ts';
import { survey } from '../../survey/survey.ts';
import { refuseOtherKubeconfig } from './refusals.ts';

export interface AuditOptions {
  clusterName: string;
  minFreePrefixes: number;
  allNodes: boolean;
  format: 'text' | 'json' | 'markdown';
  toolVersion: string;
  connection: ConnectionOptions;
}

/** Survey and judgement; changes nothing. Exit code 4 when something is wrong. */
export async function auditCluster(options: AuditOptions, io: Io): Promise<ExitCode> {
  const { clusterName } = options;
  const ports = await connect(options.connection);
  await refuseOtherKubeconfig(clusterName, ports);
  const snapshot = await survey(ports, { clusterName }, (what) => io.progress(`  ${what}`));
  const report = makeReport(snapshot, options);
  io.result(rendered(report, options, io));
  return report.healthy ? ExitCode.done : ExitCode.blockingFindings;
}

/** Pure: the same snapshot gives the same report. */
export function makeReport(
  snapshot: ClusterSnapshot,
  { minFreePrefixes, toolVersion }: Pick<AuditOptions, 'minFreePrefixes' | 'toolVersion'>,
): AuditReport {
  const facts = auditFacts(snapshot, { minFreePrefixes });
  const findings = runAuditChecks(facts);
  const { cluster, vpcCni } = snapshot;
  return {
    formatVersion: 1,
    toolVersion,
    observedAt: snapshot.observedAt,
    cluster: {
      name: cluster.name,
      region: cluster.region,
      accountId: cluster.accountId,
      kubernetesVersion: cluster.kubernetesVersion,
      ipFamily: cluster.ipFamily,
      prefixDelegation: prefixDelegationIsOn(vpcCni.env),
      vpcCni: { managedBy: vpcCni.managedBy, version: vpcCniVersion(vpcCni) },
    },
    healthy: isHealthy(findings),
    minFreePrefixes,
    nodes: facts.nodes,
    subnets: facts.subnets,
    findings,
  };
}

function rendered(report: AuditReport, { format, allNodes }: AuditOptions, io: Io): string {
  const offered = (text: string): string => withCallersFlags(text, io.commandLine);
  switch (format) {
    case 'text':
      return offered(auditText(withoutControlCharacters(report), { allNodes, colour: io.colour.stdout }));
    case 'markdown':
      return offered(auditMarkdown(withoutControlCharacters(report), { allNodes }));
    case 'json':
      return `${plainJson(report, 2)}\n`;
  }
}
