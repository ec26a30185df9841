import { runChecks } from '../../checks/index.ts';
import { withCallersFlags } from '../../cli/callers-flags.ts';
import type { Io } from '../../cli/io.ts';
import { type ConnectionOptions, connect, loadTemplates, writePlanFolder } from '../../composition.ts';
import { plainJson } from '../../domain/canonical-json.ts';
import { blockers } from '../../domain/finding.ts';
import { ExitCode } from '../../domain/migrate-error.ts';
import type { MigrationPlan, PlanRequest } from '../../domain/plan.ts';
import { renderPlan } from '../../domain/plan-id.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { eksctlYaml } from '../../exports/eksctl.ts';
import { makePlan } from '../../planning/plan.ts';
import { scopeOf } from '../../planning/scope.ts';
import { planHtml } from '../../reporting/formats/plan-html.ts';
import { planMarkdown } from '../../reporting/formats/plan-markdown.ts';
import { planText } from '../../reporting/formats/plan-text.ts';
import { subnetSection } from '../../reporting/formats/subnet-section.ts';
import { withoutControlCharacters } from '../../reporting/text.ts';
import { survey } from '../../survey/survey.ts';
import { refuseOtherKubeconfig } from './refusals.ts';
import { appendStepSummary } from './step-summary.ts';

export interface PlanOptions {
  request: PlanRequest;
  /** where the plan folder is written; null for a dry run */
  folder: string | null;
  format: 'text' | 'json' | 'markdown' | 'eksctl';
  toolVersion: string;
  /** folder of the program */
  root: string;
  connection: ConnectionOptions;
}

export interface PlanFlags {
  cluster: string;
  nodegroup?: string[] | undefined;
  'max-pods'?: number | undefined;
  'warm-prefix-target'?: number | undefined;
  'warm-ip-target'?: number | undefined;
  'minimum-ip-target'?: number | undefined;
  allow?: string[] | undefined;
  'drain-timeout'?: number | undefined;
  soak: number;
  'expires-in': number;
  order: 'safe-flip' | 'cordon-first' | 'auto';
  subnet?: string[] | undefined;
  'reserve-subnet-cidr': boolean;
  'canary-pods': number;
  'canary-image'?: string | undefined;
}

/** What the person asked, as data. A flag that was not given leaves no field. */
export function planRequest(flags: PlanFlags): PlanRequest {
  const given = {
    maxPods: flags['max-pods'],
    warmPrefixTarget: flags['warm-prefix-target'],
    warmIpTarget: flags['warm-ip-target'],
    minimumIpTarget: flags['minimum-ip-target'],
    drainTimeoutSeconds: flags['drain-timeout'],
    canaryImage: flags['canary-image'],
  };
  return {
    clusterName: flags.cluster,
    nodegroups: flags.nodegroup ?? [],
    allow: flags.allow ?? [],
    soakSeconds: flags.soak,
    expiresInSeconds: flags['expires-in'],
    order: flags.order,
    subnetIds: [...new Set(flags.subnet)],
    reserveSubnetCidr: flags['reserve-subnet-cidr'],
    canaryPods: flags['canary-pods'],
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

/** Survey, checks, plan, folder, result. Changes nothing but the folder. Exit code 4 when findings block the plan. */
export async function planCluster(options: PlanOptions, io: Io): Promise<ExitCode> {
  const { request } = options;
  const ports = await connect(options.connection);
  await refuseOtherKubeconfig(request.clusterName, ports);
  const { clusterName, subnetIds } = request;
  const snapshot = await survey(ports, { clusterName, subnetIds }, (what) => io.progress(`  ${what}`));
  const scope = scopeOf(snapshot, request);
  for (const { nodegroupName, detail } of scope.skipped) {
    io.progress(withoutControlCharacters(`  ${nodegroupName} stays as it is: ${detail}`));
  }
  const plan = makePlan({
    snapshot,
    request,
    findings: runChecks(snapshot, request, scope),
    toolVersion: options.toolVersion,
    templates: await loadTemplates(options.root),
  });
  if (options.folder !== null) await writeFolder(options.folder, plan, snapshot);
  await appendStepSummary(() => planMarkdown(withoutControlCharacters(plan)), io);
  io.result(rendered(plan, snapshot, options, io));
  return blockers(plan.findings).length > 0 ? ExitCode.blockingFindings : ExitCode.done;
}

async function writeFolder(folder: string, plan: MigrationPlan, snapshot: ClusterSnapshot): Promise<void> {
  const userData = plan.nodegroups.flatMap((group) => {
    const step = plan.steps.find(({ id }) => id === `create-launch-template/${group.source}`);
    return step?.kind === 'create-launch-template' ? [[group.userDataFile, step.params.userData] as const] : [];
  });
  await writePlanFolder(folder, {
    'plan.json': renderPlan(plan),
    'snapshot.json': `${plainJson(snapshot, 2)}\n`,
    'cluster.eksctl.yaml': eksctlYaml(plan),
    'plan.md': planMarkdown(withoutControlCharacters(plan)),
    'report.html': planHtml(plan, snapshot),
    ...Object.fromEntries(userData),
  });
}

function rendered(
  plan: MigrationPlan,
  snapshot: ClusterSnapshot,
  { format, folder }: PlanOptions,
  { colour: { stdout: colour }, commandLine }: Io,
): string {
  // the plan says what is asked for; where it was asked, only the command line knows
  const offered = (text: string): string => withCallersFlags(text, commandLine);
  switch (format) {
    case 'text':
      return offered(
        planText(withoutControlCharacters(plan), {
          folder,
          colour,
          subnetMaps: subnetSection(snapshot, plan, colour),
          command: commandLine.startsWith('prefix-migrate plan ') ? commandLine.replace(' --dry-run', '') : undefined,
        }),
      );
    case 'json':
      return renderPlan(plan);
    case 'markdown':
      return offered(planMarkdown(withoutControlCharacters(plan)));
    case 'eksctl':
      return eksctlYaml(plan);
  }
}
