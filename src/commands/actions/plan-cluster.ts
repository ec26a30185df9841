import { dirname } from 'node:path';
import { runChecks } from '../../checks/index.ts';
import { withCallersFlags } from '../../cli/callers-flags.ts';
import type { Io } from '../../cli/io.ts';
import {
  type ConnectionOptions,
  connect,
  loadTemplates,
  type Ports,
  readFromPlanFolder,
  readInputFile,
  realClock,
  writePlanFolder,
} from '../../composition.ts';
import { plainJson } from '../../domain/canonical-json.ts';
import { isBare } from '../../domain/evictable.ts';
import { blockers } from '../../domain/finding.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import type { MissingRight } from '../../domain/missing-right.ts';
import { inParallel } from '../../domain/parallel.ts';
import { parseSnapshot } from '../../domain/parse-snapshot.ts';
import type { CreationMode, MigrationPlan, PlanRequest } from '../../domain/plan.ts';
import { renderPlan } from '../../domain/plan-id.ts';
import { replacementPartsOf } from '../../domain/replacement-parts.ts';
import type { Scope } from '../../domain/scope.ts';
import type { BarePod, ClusterSnapshot, EvictionRehearsal } from '../../domain/snapshot.ts';
import { barePodFile, barePodYaml } from '../../exports/bare-pod.ts';
import { eksctlYaml } from '../../exports/eksctl.ts';
import { type ExportFormat, exportFormats } from '../../exports/index.ts';
import { makePlan } from '../../planning/plan.ts';
import { scopeOf } from '../../planning/scope.ts';
import { planHtml } from '../../reporting/formats/plan-html.ts';
import { planMarkdown } from '../../reporting/formats/plan-markdown.ts';
import { planText } from '../../reporting/formats/plan-text.ts';
import { subnetSection } from '../../reporting/formats/subnet-section.ts';
import { withoutControlCharacters } from '../../reporting/text.ts';
import { rehearseEvictions } from '../../survey/rehearse-evictions.ts';
import { survey } from '../../survey/survey.ts';
import { missingRights } from './missing-rights.ts';
import { refuseOtherKubeconfig } from './refusals.ts';
import { sceneOf } from './rights-of-plan.ts';
import { appendStepSummary } from './step-summary.ts';

/** Its own, and those of other tools. */
export type PlanFormat = 'text' | 'markdown' | ExportFormat;

export interface PlanOptions {
  request: PlanRequest;
  /** planned from in place of a look at the cluster; null or absent: it is looked at */
  recorded?: Recorded | null;
  /** where the plan folder is written; null for a dry run */
  folder: string | null;
  format: PlanFormat;
  toolVersion: string;
  /** folder of the program */
  root: string;
  connection: ConnectionOptions;
}

/** A snapshot of a plan folder, which may hold manifests besides. */
export interface Recorded {
  path: string;
  snapshot: ClusterSnapshot;
}

export interface PlanFlags {
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
  'create-with': CreationMode;
  'instance-type'?: string[] | undefined;
  'ami-type'?: string | undefined;
  'reserve-subnet-cidr': boolean;
  'canary-pods': number;
  'canary-image'?: string | undefined;
  nodes: 'same' | 'fit' | number;
  surge?: string[] | undefined;
  'wait-for-jobs': number;
  'pod-grace-period'?: number | undefined;
  'release-nodes'?: boolean | undefined;
  'rehearse-evictions': boolean;
}

/** What the person asked, as data. A flag that was not given leaves no field. */
export function planRequest(clusterName: string, flags: PlanFlags): PlanRequest {
  const given = {
    maxPods: flags['max-pods'],
    warmPrefixTarget: flags['warm-prefix-target'],
    warmIpTarget: flags['warm-ip-target'],
    minimumIpTarget: flags['minimum-ip-target'],
    drainTimeoutSeconds: flags['drain-timeout'],
    canaryImage: flags['canary-image'],
    podGracePeriodSeconds: flags['pod-grace-period'],
    amiType: flags['ami-type'],
    releaseNodes: flags['release-nodes'] || undefined,
  };
  return {
    clusterName,
    nodegroups: flags.nodegroup ?? [],
    allow: flags.allow ?? [],
    soakSeconds: flags.soak,
    expiresInSeconds: flags['expires-in'],
    order: flags.order,
    subnetIds: [...new Set(flags.subnet)],
    createWith: flags['create-with'],
    instanceTypes: [...new Set(flags['instance-type'])],
    reserveSubnetCidr: flags['reserve-subnet-cidr'],
    canaryPods: flags['canary-pods'],
    nodes: flags.nodes,
    surge: [...new Set(flags.surge)],
    waitForJobsSeconds: flags['wait-for-jobs'],
    rehearseEvictions: flags['rehearse-evictions'],
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

/** Larger than that of a cluster of 100,000 pods. */
const mostSnapshotBytes = 256 * 2 ** 20;

/** @throws MigrateError SNAPSHOT.NOT_FOUND, SNAPSHOT.DAMAGED, SNAPSHOT.VERSION, FILES.* (exit 2) */
export async function readRecorded(path: string): Promise<Recorded> {
  const text = await readInputFile(path, mostSnapshotBytes);
  if (text !== undefined) return { path, snapshot: parseSnapshot(text) };
  throw new MigrateError({
    code: 'SNAPSHOT.NOT_FOUND',
    message: `There is no snapshot ${path}.`,
    why: '--snapshot takes the snapshot.json of a plan folder.',
    nextActions: ['give its path, or leave --snapshot out to look at the cluster now'],
    exitCode: ExitCode.invalidInput,
  });
}

/** Name of the cluster that is planned for. */
export function clusterOf(asked: string | undefined, recorded: Recorded | null): string {
  const found = recorded?.snapshot.cluster.name ?? asked;
  if (found === undefined) {
    throw new MigrateError({
      code: 'INPUT.USAGE',
      message: 'Missing: --cluster NAME.',
      why: 'Only a snapshot (--snapshot FILE) tells by itself which cluster it is of.',
      nextActions: ['prefix-migrate plan --help', 'aws eks list-clusters'],
      exitCode: ExitCode.invalidInput,
    });
  }
  if (recorded === null || asked === undefined || asked === found) return found;
  throw new MigrateError({
    code: 'SNAPSHOT.OTHER_CLUSTER',
    message: `${recorded.path} is of cluster ${found}, and --cluster says "${asked}".`,
    why: 'A plan is made from what was seen in one cluster, and fits no other.',
    nextActions: ['leave --cluster out, or give the snapshot of that cluster'],
    exitCode: ExitCode.invalidInput,
  });
}

/** Survey, checks, plan, folder, result. Changes nothing but the folder. Exit code 4 when findings block the plan. */
export async function planCluster(options: PlanOptions, io: Io): Promise<ExitCode> {
  const { request, recorded } = options;
  const onProgress = (what: string) => io.progress(`  ${withoutControlCharacters(what)}`);
  const scene = recorded
    ? await recordedScene(recorded, request, onProgress)
    : await surveyedScene(options, onProgress);
  const { scope, manifests } = scene;
  const templates = await loadTemplates(options.root);
  const planOf = (seen: ClusterSnapshot): MigrationPlan =>
    makePlan({
      snapshot: seen,
      request,
      findings: runChecks(seen, request, scope),
      toolVersion: options.toolVersion,
      templates,
    });
  const first = planOf(scene.snapshot);
  // only a plan tells which rights are needed, and what is missing belongs to its findings
  const missing = await scene.missingRights(first);
  const snapshot = missing.length === 0 ? scene.snapshot : { ...scene.snapshot, missingRights: missing };
  const plan = missing.length === 0 ? first : planOf(snapshot);
  if (recorded && Date.parse(plan.expiresAt) <= realClock().now()) {
    onProgress(`this plan has expired: ${recorded.path} is of ${snapshot.observedAt}; --expires-in can be longer`);
  }
  // a format that has no words for it leaves no folder behind
  const result = rendered(plan, snapshot, options, io);
  if (options.folder !== null) await writeFolder(options.folder, plan, snapshot, manifests);
  await appendStepSummary(() => planMarkdown(withoutControlCharacters(plan)), io);
  io.result(result);
  return blockers(plan.findings).length > 0 ? ExitCode.blockingFindings : ExitCode.done;
}

/** What a plan is made from. */
interface Scene {
  snapshot: ClusterSnapshot;
  scope: Scope;
  manifests: KeptManifest[];
  /** of the caller, that the steps need */
  missingRights: (plan: MigrationPlan) => Promise<MissingRight[]>;
}

async function surveyedScene({ connection, request }: PlanOptions, onProgress: Tell): Promise<Scene> {
  const ports = await connect(connection);
  await refuseOtherKubeconfig(request.clusterName, ports);
  const { clusterName, subnetIds, instanceTypes } = request;
  const surveyed = await survey(ports, { clusterName, subnetIds, instanceTypes }, onProgress);
  const scope = scopeOf(surveyed, request);
  tellSkipped(scope, onProgress);
  const manifests = await keepBarePods(ports, scope, onProgress);
  const snapshot: ClusterSnapshot = {
    ...surveyed,
    ...(manifests.length === 0 ? {} : { barePods: manifests.map(({ barePod }) => barePod) }),
    evictionRehearsal: await rehearsalOf(ports, scope, onProgress),
  };
  return {
    snapshot,
    scope,
    manifests,
    async missingRights(plan) {
      if (plan.steps.length === 0) return [];
      onProgress('rights of the caller');
      const here = sceneOf(plan, { kind: 'file' });
      return missingRights(ports, surveyed.cluster.callerArn, here, plan.steps, { dryRuns: false });
    },
  };
}

/** The same without a cluster. A rehearsal counts when it was one of the same pods. */
async function recordedScene(recorded: Recorded, request: PlanRequest, onProgress: Tell): Promise<Scene> {
  const { snapshot } = recorded;
  const scope = scopeOf(snapshot, request);
  tellSkipped(scope, onProgress);
  const moving = new Set(scope.movingPods.map(({ uid }) => uid));
  const rehearsal = snapshot.evictionRehearsal;
  const isOfThese =
    rehearsal?.pods === scope.movingPods.length && rehearsal.refusals.every(({ uid }) => moving.has(uid));
  const evictionRehearsal = request.rehearseEvictions && isOfThese ? rehearsal : null;
  const manifests = await keptManifests(recorded, onProgress);
  const { missingRights: missing = [] } = snapshot;
  return {
    snapshot: { ...snapshot, evictionRehearsal },
    scope,
    manifests,
    missingRights: () => Promise.resolve(missing),
  };
}

/** The manifests beside the snapshot. */
async function keptManifests({ path, snapshot }: Recorded, onProgress: Tell): Promise<KeptManifest[]> {
  const kept = await inParallel(4, snapshot.barePods ?? [], async (barePod) => {
    const { namespace, name, file } = barePod;
    const isOurs = file === barePodFile(namespace, name);
    const yaml = isOurs ? await readFromPlanFolder(dirname(path), file) : undefined;
    if (yaml !== undefined) return [{ barePod, yaml }];
    onProgress(`the manifest of pod ${namespace}/${name} is not beside ${path}`);
    return [];
  });
  return kept.flat();
}

type Tell = (what: string) => void;

function tellSkipped({ skipped }: Scope, onProgress: Tell): void {
  for (const { nodegroupName, detail } of skipped) onProgress(`${nodegroupName} stays as it is: ${detail}`);
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
    const parts = replacementPartsOf(plan, group.source);
    return parts === undefined ? [] : [[group.userDataFile, parts.template.userData] as const];
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
  if (format === 'text') {
    return offered(
      planText(withoutControlCharacters(plan), {
        folder,
        colour,
        subnetMaps: subnetSection(snapshot, plan, colour),
        hasBarePods: (snapshot.barePods ?? []).length > 0,
        command: commandLine.startsWith('prefix-migrate plan ') ? commandLine.replace(' --dry-run', '') : undefined,
      }),
    );
  }
  return format === 'markdown' ? offered(planMarkdown(withoutControlCharacters(plan))) : exportFormats[format](plan);
}
