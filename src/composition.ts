/** The only file that constructs adapters: what the rest of the program gets of the outside. */
import { join, relative } from 'node:path';
import { type AwsOptions, createAwsPorts } from './adapters/aws/aws-ports.ts';
import { createRealClock } from './adapters/clock/real-clock.ts';
import { createScaledClock } from './adapters/clock/scaled-clock.ts';
import { isHolderGone } from './adapters/files/host.ts';
import { fileJournalStore, fileLock, readPlanFolder, readTemplates } from './adapters/files/plan-folder.ts';
import { createKubernetesPort } from './adapters/kubernetes/kubernetes-port.ts';
import { createLeaseLock } from './adapters/kubernetes/lease-lock.ts';
import type { SupportedAmiFamily } from './domain/ami.ts';
import type { MigrationPlan } from './domain/plan.ts';
import { parsePlan } from './domain/plan-id.ts';
import type { Clock } from './ports/clock.ts';
import type { JournalStore } from './ports/journal-store.ts';
import type { Ports } from './ports/ports.ts';
import type { RunLock } from './ports/run-lock.ts';

export { isHolderGone, newHolderId } from './adapters/files/host.ts';
export { writePlanFolder } from './adapters/files/plan-folder.ts';
export {
  appendTextFile,
  listFolder,
  readTextFile,
  removeFolder,
  writePrivateFile,
  writeTemporaryFile,
} from './adapters/files/private-files.ts';
export { sameCluster } from './adapters/kubernetes/same-cluster.ts';
export type { Ports } from './ports/ports.ts';

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
  /** in place of the SDK's own chain: for the embedded world */
  aws?: Pick<AwsOptions, 'endpoint' | 'credentials'> | undefined;
}

/**
 * Ports to one cluster. The kubeconfig is used when it was asked for (flag, KUBECONFIG or context); without, the address
 * comes from DescribeCluster and the token from the AWS credentials, so that a forgotten current context cannot mislead.
 */
export async function connect(options: ConnectionOptions): Promise<Ports> {
  const { clusterName, region, profile, context, signal, clock = createRealClock() } = options;
  const kubeconfig = options.kubeconfig ?? process.env['KUBECONFIG'];
  const aws = createAwsPorts({ clock, region, profile, signal, env: process.env, ...options.aws });
  const { eks, ec2, autoScaling, identity } = aws;
  const kubernetes = await createKubernetesPort({
    clock,
    signal,
    ...(kubeconfig !== undefined || context !== undefined
      ? { kubeconfig, context }
      : { cluster: await clusterAccess(aws, clusterName) }),
  });
  return { eks, ec2, autoScaling, identity, kubernetes, clock };
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
  return { userData: { al2023: textFor('al2023') } };
}

/** A plan with its journal and lock. `target` is the folder or the plan.json in it. */
export interface PlanFolder {
  /** as the person named it, for messages */
  path: string;
  plan: MigrationPlan;
  journal: JournalStore;
  lock: RunLock;
}

/** @throws MigrateError PLAN.NOT_FOUND, PLAN.DAMAGED, PLAN.VERSION, FILES.* (all exit 2) */
export async function openPlanFolder(target: string): Promise<PlanFolder> {
  const { dir, planText } = await readPlanFolder(target);
  const path = relative('.', dir);
  return {
    path: path === '' ? '.' : path.startsWith('..') ? dir : path,
    plan: parsePlan(planText),
    journal: fileJournalStore(dir),
    lock: fileLock(dir),
  };
}

/** One run at a time: per plan folder and per cluster. */
export function clusterLock(ports: Ports, folder: PlanFolder, onWarning: (message: string) => void): RunLock {
  const { kubernetes, clock } = ports;
  const clusterName = folder.plan.cluster.name;
  return bothLocks(folder.lock, createLeaseLock({ kubernetes, clock, clusterName, isHolderGone, onWarning }));
}

/** Both locks, the first one first. */
function bothLocks(folder: RunLock, cluster: RunLock): RunLock {
  return {
    async acquire(holder, signal) {
      const outer = await folder.acquire(holder, signal);
      try {
        const inner = await cluster.acquire(holder, signal);
        return {
          lost: AbortSignal.any([outer.lost, inner.lost]),
          async release() {
            await inner.release();
            await outer.release();
          },
        };
      } catch (error) {
        await outer.release();
        throw error;
      }
    },
  };
}
