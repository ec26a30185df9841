import { runChecks } from '../../checks/index.ts';
import { withCallersFlags } from '../../cli/callers-flags.ts';
import type { Io } from '../../cli/io.ts';
import { type ConnectionOptions, connect, loadTemplates, type Ports, writePlanFolder } from '../../composition.ts';
import { plainJson } from '../../domain/canonical-json.ts';
import { isBare } from '../../domain/evictable.ts';
import { blockers } from '../../domain/finding.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { inParallel } from '../../domain/parallel.ts';
import type { MigrationPlan, PlanRequest } from '../../domain/plan.ts';
import { renderPlan } from '../../domain/plan-id.ts';
import type { Scope } from '../../domain/scope.ts';
import type { BarePod, ClusterSnapshot, EvictionRehearsal } from '../../domain/snapshot.ts';
import { barePodFile, barePodYaml } from '../../exports/bare-pod.ts';
import { eksctlYaml } from '../../exports/eksctl.ts';
import { makePlan } from '../../planning/plan.ts';
import { scopeOf } from '../../planning/scope.ts';
import { planHtml } from '../../reporting/formats/plan-html.ts';
import { planMarkdown } from '../../reporting/formats/plan-markdown.ts';
import { planText } from '../../reporting/formats/plan-text.ts';
import { subnetSection } from '../../reporting/formats/subnet-section.ts';
import { withoutControlCharacters } from '../../reporting/text.ts';
import { rehearseEvictions } from '../../survey/rehearse-evictions.ts';
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
  nodes: 'same' | 'fit' | number;
  surge?: string[] | undefined;
  'wait-for-jobs': number;
  'rehearse-evictions': boolean;
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
    nodes: flags.nodes,
    surge: [...new Set(flags.surge)],
    waitForJobsSeconds: flags['wait-for-jobs'],
    rehearseEvictions: flags['rehearse-evictions'],
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

/** Survey, checks, plan, folder, result. Changes nothing but the folder. Exit code 4 when findings block the plan. */
export async function planCluster(options: PlanOptions, io: Io): Promise<ExitCode> {
  const { request } = options;
  const ports = await connect(options.connection);
  await refuseOtherKubeconfig(request.clusterName, ports);
  const { clusterName, subnetIds } = request;
  const onProgress = (what: string) => io.progress(`  ${withoutControlCharacters(what)}`);
  const surveyed = await survey(ports, { clusterName, subnetIds }, onProgress);
  const scope = scopeOf(surveyed, request);
  for (const { nodegroupName, detail } of scope.skipped) {
    onProgress(`${nodegroupName} stays as it is: ${detail}`);
  }
  const manifests = await keepBarePods(ports, scope, onProgress);
  const snapshot: ClusterSnapshot = {
    ...surveyed,
    ...(manifests.length === 0 ? {} : { barePods: manifests.map(({ barePod }) => barePod) }),
    evictionRehearsal: await rehearsalOf(ports, scope, onProgress),
  };
  const plan = makePlan({
    snapshot,
    request,
    findings: runChecks(snapshot, request, scope),
    toolVersion: options.toolVersion,
    templates: await loadTemplates(options.root),
  });
  if (options.folder !== null) await writeFolder(options.folder, plan, snapshot, manifests);
  await appendStepSummary(() => planMarkdown(withoutControlCharacters(plan)), io);
  io.result(rendered(plan, snapshot, options, io));
  return blockers(plan.findings).length > 0 ? ExitCode.blockingFindings : ExitCode.done;
}

async function rehearsalOf(
  ports: Ports,
  { request, movingPods }: Scope,
  onProgress: (doing: string) => void,
): Promise<EvictionRehearsal | null> {
  if (!request.rehearseEvictions || movingPods.length === 0) return null;
  return rehearseEvictions(ports, movingPods, onProgress);
}

interface KeptManifest {
  barePod: BarePod;
  yaml: string;
}

/** What creates the bare pods again, read while they are there. One that cannot be read is named, and missing. */
async function keepBarePods(
  { kubernetes }: Ports,
  { movingPods }: Scope,
  onProgress: (doing: string) => void,
): Promise<KeptManifest[]> {
  const kept = await inParallel(4, movingPods.filter(isBare), async ({ namespace, name }) => {
    try {
      const found = await kubernetes.podManifest(namespace, name);
      if (found === undefined) return [];
      const { manifest, redacted } = found;
      const barePod: BarePod = { namespace, name, file: barePodFile(namespace, name), redacted };
      return [{ barePod, yaml: barePodYaml(manifest, redacted) }];
    } catch (error) {
      if (!(error instanceof MigrateError)) throw error;
      onProgress(`the manifest of pod ${namespace}/${name} is not kept: ${error.message} ${error.why}`);
      return [];
    }
  });
  return kept.flat();
}

async function writeFolder(
  folder: string,
  plan: MigrationPlan,
  snapshot: ClusterSnapshot,
  manifests: readonly KeptManifest[],
): Promise<void> {
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
    ...Object.fromEntries(manifests.map(({ barePod, yaml }) => [barePod.file, yaml])),
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
          hasBarePods: (snapshot.barePods ?? []).length > 0,
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
