/** The only file that constructs adapters: what the rest of the program gets of the outside. */
import { join, relative } from 'node:path';
import { type AwsOptions, createAwsPorts } from './adapters/aws/aws-ports.ts';
import { refuseBadEndpoints } from './adapters/aws/endpoint-variables.ts';
import { createRealClock } from './adapters/clock/real-clock.ts';
import { createScaledClock } from './adapters/clock/scaled-clock.ts';
import { isGone, isHolderGone, thisProcess } from './adapters/files/host.ts';
import {
  fileJournalStore,
  fileLock,
  readFileLock,
  readPlanFolder,
  readTemplates,
  removeFileLock,
} from './adapters/files/plan-folder.ts';
import { configMapJournal, configMapsOf } from './adapters/kubernetes/configmap-journal.ts';
import { createKubernetesPort } from './adapters/kubernetes/kubernetes-port.ts';
import { createLeaseLock, isFresh, type OwnJournal, readLeaseLock } from './adapters/kubernetes/lease-lock.ts';
import { openBucket } from './adapters/s3/bucket.ts';
import { s3Journal } from './adapters/s3/s3-journal.ts';
import { withSelfManagedGroups } from './adapters/self-managed.ts';
import { createToolsPort } from './adapters/tools.ts';
import { refuseUnverifiedTls } from './adapters/verified-tls.ts';
import type { SupportedAmiFamily } from './domain/ami.ts';
import { MigrateError } from './domain/migrate-error.ts';
import type { MigrationPlan } from './domain/plan.ts';
import { parsePlan } from './domain/plan-id.ts';
import { shellWord } from './domain/shell-word.ts';
import { type StateLocation, stateText } from './domain/state-location.ts';
import type { Clock } from './ports/clock.ts';
import type { JournalStore } from './ports/journal-store.ts';
import type { Ports } from './ports/ports.ts';
import type { HeldLock, RunLock } from './ports/run-lock.ts';

export { isHolderGone, newHolderId } from './adapters/files/host.ts';
export { readInputFile } from './adapters/files/input-file.ts';
export { writeOutputFile } from './adapters/files/output-file.ts';
export { readFromPlanFolder, writePlanFolder } from './adapters/files/plan-folder.ts';
export {
  appendTextFile,
  listFolder,
  readTextFile,
  removeFolder,
  writePrivateFile,
  writeTemporaryFile,
} from './adapters/files/private-files.ts';
export { leaseName } from './adapters/kubernetes/lease-lock.ts';
export { sameCluster } from './adapters/kubernetes/same-cluster.ts';
export type { StateLocation } from './domain/state-location.ts';
export type { JournalStore } from './ports/journal-store.ts';
export type { Ports } from './ports/ports.ts';
export type { RunLock } from './ports/run-lock.ts';

export const scaledClock = createScaledClock;
export const realClock: () => Clock = createRealClock;

export interface ConnectionOptions {
  clusterName: string;
  region?: string | undefined;
  profile?: string | undefined;
  /** path; KUBECONFIG stands in for it */
  kubeconfig?: string | undefined;
  context?: string | undefined;
  /** the machine's unless told */
  clock?: Clock | undefined;
  /** ends every call under way and every wait */
  signal?: AbortSignal | undefined;
  /** gets what programs of others write, line by line */
  log?: ((line: string) => void) | undefined;
  /** in place of the SDK's own chain: for the embedded world */
  aws?: Pick<AwsOptions, 'endpoint' | 'credentials'> | undefined;
}

/**
 * Ports to one cluster. The kubeconfig is used when it was asked for (flag, KUBECONFIG or context); without, the address
 * comes from DescribeCluster and the token from the AWS credentials, so that a forgotten current context cannot mislead.
 */
export async function connect(options: ConnectionOptions): Promise<Ports> {
  const { clusterName, region, profile, context, signal, clock = createRealClock() } = options;
  refuseUnverifiedTls(process.env);
  refuseBadEndpoints(process.env);
  const kubeconfig = options.kubeconfig ?? process.env['KUBECONFIG'];
  const aws = createAwsPorts({ clock, region, profile, signal, env: process.env, ...options.aws });
  const { eks, ec2, autoScaling, cloudFormation, iam, identity } = aws;
  const tools = createToolsPort(process.env, options.log ?? (() => undefined));
  const kubernetes = await createKubernetesPort({
    clock,
    signal,
    env: process.env,
    ...(kubeconfig !== undefined || context !== undefined
      ? { kubeconfig, context }
      : { cluster: await clusterAccess(aws, clusterName) }),
  });
  return withSelfManagedGroups({
    eks,
    ec2,
    autoScaling,
    cloudFormation,
    iam,
    identity,
    kubernetes,
    tools,
    clock,
  });
}

async function clusterAccess({ eks, kubernetesToken: token }: ReturnType<typeof createAwsPorts>, name: string) {
  const { endpoint, certificateAuthorityData } = await eks.describeCluster(name);
  return { name, endpoint, certificateAuthorityData, token };
}

/** The texts that the plan renders, from the folder `templates` of the program. */
export async function loadTemplates(root: string): Promise<{ userData: Record<SupportedAmiFamily, string> }> {
  const texts = Object.entries(await readTemplates(join(root, 'templates')));
  const textFor = (family: SupportedAmiFamily): string => {
    const text = texts.find(([path]) => path.startsWith(`user-data/${family}.`))?.[1];
    if (text === undefined) throw new Error(`templates/user-data has nothing for ${family}`);
    return text;
  };
  return { userData: { al2023: textFor('al2023'), al2: textFor('al2'), bottlerocket: textFor('bottlerocket') } };
}

/** A plan with its lock. `target` is the folder or the plan.json in it. */
export interface PlanFolder {
  /** as the person named it, for messages */
  path: string;
  /** absolute */
  dir: string;
  plan: MigrationPlan;
  lock: RunLock;
}

/**
 * The journal of a plan, wherever it is. `outside` is how it is reached when it is not in the folder: `kubernetes` needs the
 * ports of the plan's cluster, `s3` the caller's AWS (the region of the cluster unless the bucket says otherwise).
 */
export function openJournal(
  { dir, plan }: PlanFolder,
  state: StateLocation,
  outside: { ports?: Pick<Ports, 'kubernetes'>; connection?: Omit<ConnectionOptions, 'clusterName'> } | null,
): JournalStore {
  const { cluster, planId } = plan;
  switch (state.kind) {
    case 'file':
      return fileJournalStore(dir);
    case 'kubernetes': {
      if (outside?.ports === undefined) throw new Error('a journal in the cluster needs its ports');
      return configMapJournal({ kubernetes: outside.ports.kubernetes, clusterName: cluster.name, planId });
    }
    case 's3': {
      const { region = cluster.region, profile, clock = createRealClock(), aws } = outside?.connection ?? {};
      // no signal: the last lines are written when everything else has to stop
      const objects = openBucket(state.bucket, { clock, region, profile, env: process.env, ...aws });
      return s3Journal({ objects, ...state, planId });
    }
  }
}

/** @throws MigrateError PLAN.NOT_FOUND, PLAN.DAMAGED, PLAN.VERSION, FILES.* (all exit 2) */
export async function openPlanFolder(target: string): Promise<PlanFolder> {
  const { dir, planText } = await readPlanFolder(target);
  const short = relative('.', dir);
  const path = short === '' ? '.' : short.startsWith('..') ? dir : short;
  return {
    path,
    dir,
    plan: parsePlan(planText, path),
    lock: fileLock(dir),
  };
}

/** What a run needs besides the ports: its lock, and its journal, which says to others where it is before it is written. */
export interface Locked {
  lock: RunLock;
  journal: JournalStore;
  /** @throws MigrateError STATE.ELSEWHERE: this journal is empty, and the plan's last run wrote to another; LOCK.HELD when it still does */
  refuseElsewhere: () => Promise<void>;
}

export interface LockedOptions {
  ports: Pick<Ports, 'kubernetes' | 'clock'>;
  folder: PlanFolder;
  state: StateLocation;
  journal: JournalStore;
  /** command line, for messages */
  command: string;
  onWarning: (message: string) => void;
  /** a holder that does not count any more, besides processes of this machine that have ended */
  brokenHolder?: string | undefined;
}

/** One run at a time: per cluster by a Lease, and per plan folder where the journal is in it. */
export function locked({ ports, folder, state, journal, command, onWarning, brokenHolder }: LockedOptions): Locked {
  const { kubernetes, clock } = ports;
  const { planId, cluster } = folder.plan;
  const own: OwnJournal = {
    planId,
    state: state.kind === 'file' ? `file://${thisProcess().host}${folder.dir}` : stateText(state),
    isEmpty: async () => (await journal.read()).lines.length === 0,
    title: journalTitle(state, folder.plan),
    actionsElsewhere: (found) => actionsElsewhere(found, folder, command),
    actionsGone: [`put it back from a backup, then: ${command}`, planAnew(folder)],
  };
  const flag = state.kind === 'file' ? '' : ` --state ${shellWord(stateText(state))}`;
  const lease = createLeaseLock({
    kubernetes,
    clock,
    clusterName: cluster.name,
    isHolderGone: (holder) => holder === brokenHolder || isHolderGone(holder),
    onWarning,
    journal: own,
    unlockCommand: `prefix-migrate unlock ${shellWord(folder.path)}${flag} --reason 'WHY'`,
  });
  return {
    // with the journal elsewhere the folder is only read, perhaps by several at a time
    lock: state.kind === 'file' ? bothLocks(folder.lock, lease, onWarning) : lease,
    journal: {
      read: () => journal.read(),
      append: async (at, entry) => {
        await lease.noteJournal();
        const line = await journal.append(at, entry);
        lease.journalBegun();
        return line;
      },
    },
    refuseElsewhere: () => lease.refuseElsewhere(),
  };
}

/** Who holds the lock of a cluster, or of a plan folder. */
export interface LockHolder {
  /** as `newHolderId` made it */
  id: string;
  command: string;
  /** ISO 8601; null: not known */
  since: string | null;
  /** ISO 8601; null: never */
  renewedAt: string | null;
  /** it is a process of this machine that runs, or has renewed its lock of late */
  looksAlive: boolean;
}

/** Of the cluster's lock, then of the folder's when that is somebody else. */
export async function lockHolders(
  { kubernetes, clock }: Pick<Ports, 'kubernetes' | 'clock'>,
  { plan, dir }: PlanFolder,
  state: StateLocation,
): Promise<LockHolder[]> {
  const holders: LockHolder[] = [];
  const lease = await readLeaseLock(kubernetes, plan.cluster.name);
  if (lease !== undefined && lease.holder !== '') {
    const { holder: id, description: command, acquiredAt, renewedAt } = lease;
    const looksAlive = !isHolderGone(id) && isFresh(lease, clock.now());
    holders.push({ id, command, since: acquiredAt || null, renewedAt: renewedAt || null, looksAlive });
  }
  const file = state.kind === 'file' ? await readFileLock(dir) : undefined;
  if (file !== undefined && file.id !== holders[0]?.id) {
    const { id, command, since, host } = file;
    // of a living one on another machine the Lease would tell
    holders.push({ id, command, since, renewedAt: null, looksAlive: host === thisProcess().host && !isGone(file) });
  }
  return holders;
}

/** Takes the lock of the folder from whoever has it. */
export const breakFolderLock = ({ dir }: PlanFolder): Promise<void> => removeFileLock(dir);

/** As people find it; of one in a folder nobody but its own machine can say that it is gone. */
function journalTitle(state: StateLocation, { cluster, planId }: MigrationPlan): string | null {
  if (state.kind === 'file') return null;
  return state.kind === 's3' ? stateText(state) : configMapsOf(cluster.name, planId);
}

const planAnew = ({ plan: { cluster } }: PlanFolder): string =>
  `or, when that journal is lost, plan anew: prefix-migrate plan --cluster ${cluster.name} --out NEW_DIR`;

function actionsElsewhere(found: string, folder: PlanFolder, command: string): string[] {
  const anew = planAnew(folder);
  const [, host, dir] = /^file:\/\/([^/]*)(\/.*)$/.exec(found) ?? [];
  if (host === undefined || dir === undefined) {
    return [`${command.replace(/ --state(=| )('[^']*'|\S+)/, '')} --state ${shellWord(found)}`, anew];
  }
  return [`copy journal.ndjson from ${dir} on ${host} into ${folder.path}, or go on there; then: ${command}`, anew];
}

/** Both locks, the first one first. */
function bothLocks(folder: RunLock, cluster: RunLock, onWarning: (message: string) => void): RunLock {
  // one that stays behind is taken over when its process has ended: that must not hide how the run ended
  const giveBack = (lock: HeldLock): Promise<void> =>
    lock.release().catch((error: unknown) => {
      if (!(error instanceof MigrateError)) throw error;
      onWarning(`${error.message} ${error.why}`);
    });

  return {
    async acquire(holder, signal) {
      const outer = await folder.acquire(holder, signal);
      try {
        const inner = await cluster.acquire(holder, signal);
        return {
          lost: AbortSignal.any([outer.lost, inner.lost]),
          async confirm() {
            await outer.confirm();
            await inner.confirm();
          },
          async release() {
            await inner.release();
            await giveBack(outer);
          },
        };
      } catch (error) {
        await giveBack(outer);
        throw error;
      }
    },
  };
}
