import {
  type ConnectionOptions,
  connect,
  type PlanFolder,
  type Ports,
  readTextFile,
  realClock,
  sameCluster,
} from '../../composition.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { parseSnapshot } from '../../domain/parse-snapshot.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import type { Seen } from '../../reporting/formats/explain-text.ts';

export type PodEvents = Awaited<ReturnType<Ports['kubernetes']['podEvents']>>;

/** What is known of the cluster, from itself or from the snapshot. */
export interface Sight extends Pick<ClusterSnapshot, 'nodes' | 'pods' | 'podDisruptionBudgets' | 'workloads' | 'jobs'> {
  seen: Seen;
  /** the last ones first; none when the cluster was not reached or does not let us read them */
  eventsOf(pod: { namespace: string; name: string }): Promise<PodEvents>;
}

/** A person waits for the answer: the snapshot is better than a minute of silence. */
const longestLookSeconds = 30;

/** Reads only: nodes, pods, budgets. When the cluster cannot be reached, or is another one, what the snapshot says. */
export async function look(
  folder: PlanFolder,
  snapshot: ClusterSnapshot | undefined,
  connection: Omit<ConnectionOptions, 'clusterName'>,
): Promise<Sight> {
  const { plan } = folder;
  const clock = connection.clock ?? realClock();
  const isOver = new AbortController();
  const isLate = new AbortController();
  const alarm = clock.sleep(longestLookSeconds * 1000, isOver.signal).then(
    () => isLate.abort(tooLate()),
    () => undefined,
  );
  try {
    const ports = await connect({
      ...connection,
      region: connection.region ?? plan.cluster.region,
      clusterName: plan.cluster.name,
      signal: isLate.signal,
    });
    await refuseOther(plan, ports);
    const { kubernetes } = ports;
    const [nodes, pods, podDisruptionBudgets] = await Promise.all([
      kubernetes.listNodes(),
      kubernetes.listPods(),
      kubernetes.listPodDisruptionBudgets(),
    ]);
    return {
      seen: { from: 'cluster', at: new Date(clock.now()).toISOString(), why: null },
      nodes,
      pods,
      podDisruptionBudgets,
      // names and scale of controllers hardly change, and their lists are long
      workloads: snapshot?.workloads ?? [],
      jobs: snapshot?.jobs ?? [],
      eventsOf: ({ namespace, name }) => kubernetes.podEvents(namespace, name).catch(none),
    };
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error;
    return fromSnapshot(plan, snapshot, error.message);
  } finally {
    isOver.abort();
    await alarm;
  }
}

/** Narrow permissions are no failure: events are an extra. */
function none(error: unknown): PodEvents {
  if (error instanceof MigrateError) return [];
  throw error;
}

export const fromSnapshot = (
  plan: MigrationPlan,
  snapshot: ClusterSnapshot | undefined,
  why: string | null,
): Sight => ({
  seen: { from: why === null ? 'plan' : 'snapshot', at: snapshot?.observedAt ?? madeAt(plan), why },
  nodes: snapshot?.nodes ?? [],
  pods: snapshot?.pods ?? [],
  podDisruptionBudgets: snapshot?.podDisruptionBudgets ?? [],
  workloads: snapshot?.workloads ?? [],
  jobs: snapshot?.jobs ?? [],
  eventsOf: async () => [],
});

const madeAt = ({ expiresAt, request }: MigrationPlan): string =>
  new Date(Date.parse(expiresAt) - request.expiresInSeconds * 1000).toISOString();

/** The `snapshot.json` of a plan folder; undefined when it is missing or not readable. */
export async function readSnapshot(folder: PlanFolder): Promise<ClusterSnapshot | undefined> {
  const text = await readTextFile(`${folder.path}/snapshot.json`);
  if (text === undefined) return undefined;
  try {
    return parseSnapshot(text);
  } catch (error) {
    if (error instanceof MigrateError) return undefined;
    throw error;
  }
}

async function refuseOther({ cluster }: MigrationPlan, { kubernetes, eks }: Ports): Promise<void> {
  if (sameCluster(kubernetes, { endpoint: cluster.endpoint, certificateAuthorityData: '' })) return;
  const found = await eks.describeCluster(cluster.name);
  if (found.arn === cluster.arn && sameCluster(kubernetes, found)) return;
  throw new MigrateError({
    code: 'CLUSTER.KUBECONFIG_MISMATCH',
    message: `the kubeconfig leads to another cluster (${kubernetes.serverUrl()}).`,
    why: '',
    nextActions: [],
    exitCode: ExitCode.invalidInput,
  });
}

const tooLate = (): MigrateError =>
  new MigrateError({
    code: 'KUBERNETES.UNREACHABLE',
    message: `it did not answer within ${longestLookSeconds} s.`,
    why: '',
    nextActions: [],
    exitCode: ExitCode.invalidInput,
  });
