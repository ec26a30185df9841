import { unlessAborted } from '../../cli/signals.ts';
import type { Ports } from '../../composition.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { ExitCode, lacksCredentials, MigrateError } from '../../domain/migrate-error.ts';
import { resizeCommand } from '../../domain/nodegroup-commands.ts';
import type { MigrationPlan, Phase } from '../../domain/plan.ts';
import { planCommand } from '../../domain/plan-command.ts';
import type { RunState } from '../../domain/run-state.ts';
import { isSelfManaged } from '../../domain/self-managed.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { driftOf, groupPath, nodegroupsInUse } from '../../planning/drift.ts';
import type { Deviation } from '../../planning/expectations.ts';
import { jsonLine } from '../../reporting/text.ts';
import { surveyFacts } from '../../survey/survey-facts.ts';

export interface DriftWatch {
  plan: MigrationPlan;
  /** plan folder, as the person named it */
  folder: string;
  ports: Ports;
  /** the command line that goes on */
  command: string;
  /** aborts when the person or the system asks for a stop */
  signal: AbortSignal;
  warn: (message: string) => void;
  pollIntervalMilliseconds: number;
}

/** AWS answers reads from before a change for some seconds: what differs is looked at so often before it counts. */
const looks = 4;

/** Phases that change nothing that could be wrong by now: one waits, the other clears away what is left over. */
const calmPhases: readonly Phase[] = ['soak', 'cleanup'];

/**
 * A look before each phase at what the plan relies on. What the plan does not survive stops the run, and is told with then
 * and now; what it survives is told once. A look that fails is told, too, and does not stop: the steps look for themselves.
 *
 * @returns what rejects with PLAN.DRIFTED (exit 5), and when the credentials have ended
 */
export function driftWatch(watch: DriftWatch): (phase: Phase, state: RunState) => Promise<void> {
  const told = new Set<string>();
  const tellOnce = (message: string): void => {
    if (!told.has(message)) watch.warn(message);
    told.add(message);
  };
  return async (phase, state) => {
    if (calmPhases.includes(phase)) return;
    const changes = await unlessAborted(watch.signal, lasting(watch, state)).catch((error: unknown) => {
      if (!(error instanceof MigrateError) || lacksCredentials(error) || watch.signal.aborted) throw error;
      tellOnce(`whether the plan still holds could not be looked at, the run goes on: ${error.message} ${error.why}`);
      return [];
    });
    const harmful = changes.filter(({ whenChanged }) => whenChanged === 'replan');
    if (harmful.length > 0) throw drifted(watch, phase, state, harmful);
    for (const change of changes) tellOnce(`${changeInWords(change)}; the plan holds in spite of it`);
  };
}

/** What differs at the last of several looks; at the first one already, when nothing of it would stop the run. */
async function lasting(
  { plan, ports, signal, pollIntervalMilliseconds }: DriftWatch,
  state: RunState,
): Promise<Deviation[]> {
  const look = async (): Promise<Deviation[]> =>
    driftOf(plan, state, await surveyFacts(ports, optionsFor(plan, state)));
  let changes = await look();
  for (let count = 1; count < looks && changes.some(({ whenChanged }) => whenChanged === 'replan'); count += 1) {
    await ports.clock.sleep(pollIntervalMilliseconds, signal);
    changes = await look();
  }
  return changes;
}

const optionsFor = (plan: MigrationPlan, state: RunState) => ({
  clusterName: plan.cluster.name,
  nodegroupNames: nodegroupsInUse(plan, state),
  eniConfigs: plan.expectations.some(({ path }) => path.startsWith('eniConfigs.')),
});

function drifted(
  { plan, folder, command }: DriftWatch,
  phase: Phase,
  state: RunState,
  changes: readonly Deviation[],
): MigrateError {
  const isBegun = Object.values(state.steps).some(({ status }) => status !== 'pending');
  const meanings = new Set(changes.map(({ path }) => meaningOf(plan, path)));
  return new MigrateError({
    code: 'PLAN.DRIFTED',
    message: `Somebody changed what the plan relies on, so phase ${phase} was not begun.\n${changes.map(changeInWords).join('\n')}`,
    why: [...meanings].join(' '),
    nextActions: [
      ...wayBack(plan, changes),
      `${command}   # goes on when it is as it was`,
      ...(isBegun ? [`prefix-migrate rollback ${shellWord(folder)}   # or takes back what was done`] : []),
      `${planCommand(plan.request)} --out NEW_DIR   # or a new plan, which starts from what is there now`,
    ],
    exitCode: ExitCode.stalePlan,
  });
}

/** `labels of node group apps: team was "web", is nothing now`: of objects, what differs in them. */
export function changeInWords({ path, planned, now }: Deviation): string {
  if (!isRecord(planned) || !isRecord(now)) {
    return `${inWords(path)} was ${show(planned, path)}, is ${show(now, path)} now`;
  }
  const list = differing(planned, now).map((key) => `${key} was ${show(planned[key])}, is ${show(now[key])} now`);
  return `${inWords(path)}: ${list.join('; ')}`;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const differing = (a: Record<string, unknown>, b: Record<string, unknown>): string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((key) => canonicalJson(a[key] ?? null) !== canonicalJson(b[key] ?? null))
    .toSorted();

const show = (value: unknown, path = ''): string =>
  value === null || value === undefined ? (path.endsWith('.status') ? 'gone' : 'nothing') : jsonLine(value);

const clusterWords: Readonly<Record<string, string>> = {
  'cluster.arn': 'the cluster',
  'cluster.endpoint': 'address of the API server',
  'cluster.certificateAuthorityHash': 'certificate authority of the cluster (its hash)',
  'cluster.status': 'status of the cluster',
  'cluster.kubernetesVersion': 'Kubernetes version of the cluster',
  'vpcCni.managedBy': 'how the VPC CNI is installed',
  'vpcCni.owner': 'who manages aws-node',
  'vpcCni.version': 'version of aws-node',
  'vpcCni.addon.version': 'version of add-on vpc-cni',
  'vpcCni.addon.configurationValues': 'configuration of add-on vpc-cni',
};

const groupWords: Readonly<Record<string, string>> = {
  amiType: 'AMI type',
  capacityType: 'capacity type',
  instanceTypes: 'instance types',
  subnetIds: 'subnets',
  nodeRole: 'node role',
  diskSize: 'disk size',
  launchTemplate: 'launch template',
  'launchTemplate.version': 'launch template version',
  remoteAccess: 'remote access',
  kubernetesVersion: 'Kubernetes version',
  updateConfig: 'update settings',
  nodeRepairConfig: 'node repair',
  warmPoolConfig: 'warm pool',
  'scaling.limits': 'size limits',
  'scaling.desiredSize': 'number of nodes wanted',
  scaling: 'size',
};

/** `labels of node group apps` */
function inWords(path: string): string {
  const [, group, field = ''] = groupPath(path);
  if (group !== undefined) return `${groupWords[field] ?? field} of node group ${group}`;
  const [, variable] = /^vpcCni\.env\.(.+)$/.exec(path) ?? [];
  if (variable !== undefined) return `${variable} of aws-node`;
  const [, eniConfig] = /^eniConfigs\.(.+)\.subnetId$/.exec(path) ?? [];
  if (eniConfig !== undefined) return `subnet of ENIConfig ${eniConfig}`;
  return clusterWords[path] ?? path;
}

function meaningOf({ nodegroups }: MigrationPlan, path: string): string {
  const [, group] = groupPath(path);
  if (nodegroups.some(({ replacement }) => replacement === group))
    return `${group} is not what was made and verified, and pods are to run there.`;
  if (group !== undefined) return `${group} is not what its replacement was made to be like.`;
  if (path.startsWith('cluster.')) return 'The cluster is not what the plan was made for.';
  return 'New nodes get their addresses by these settings of the VPC CNI; with others, pods may find none.';
}

/** Commands that make it as it was, where one does. */
function wayBack({ cluster }: MigrationPlan, changes: readonly Deviation[]): string[] {
  const where = `--region ${cluster.region} --cluster-name ${cluster.name}`;
  const isConfigured = changes.some(({ path }) => path === 'vpcCni.addon.configurationValues');
  return changes.flatMap(({ path, planned, now }): string[] => {
    const [, group = '', field] = groupPath(path);
    if (field === 'scaling.desiredSize' && typeof planned === 'number') {
      return [resizeCommand({ clusterName: cluster.name, region: cluster.region }, group, { desiredSize: planned })];
    }
    // the labels of its nodes are in user data
    if (isSelfManaged(group)) return [];
    const update = `aws eks update-nodegroup-config ${where} --nodegroup-name ${group}`;
    if (field === 'labels' && isRecord(planned) && isRecord(now)) {
      const keys = differing(planned, now);
      const removeLabels = keys.filter((key) => !Object.hasOwn(planned, key));
      const addOrUpdateLabels = Object.fromEntries(
        keys.filter((key) => Object.hasOwn(planned, key)).map((key) => [key, planned[key]]),
      );
      return [`${update} --labels ${shellWord(jsonLine({ addOrUpdateLabels, removeLabels }))}`];
    }
    if (path === 'vpcCni.addon.configurationValues') {
      const values = shellWord(typeof planned === 'string' ? planned : jsonLine(planned));
      return [
        `aws eks update-addon ${where} --addon-name vpc-cni --resolve-conflicts PRESERVE --configuration-values ${values}`,
      ];
    }
    const [, variable] = /^vpcCni\.env\.(.+)$/.exec(path) ?? [];
    // the configuration brings its variables along
    if (variable === undefined || isConfigured) return [];
    const setting = typeof planned === 'string' ? shellWord(`${variable}=${planned}`) : `${variable}-`;
    return [`kubectl -n kube-system set env daemonset/aws-node --containers aws-node ${setting}`];
  });
}
