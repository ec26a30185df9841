import type { MigrateError } from '../domain/migrate-error.ts';
import type { DaemonSet } from '../ports/kubernetes.ts';
import type { Ports } from '../ports/ports.ts';
import { sameAgain, stoppedPartWay } from './conflict.ts';

/** DaemonSet of the VPC CNI, its container and the label of its pods have one name. */
export const awsNode = { namespace: 'kube-system', name: 'aws-node' };

/** Variables and what they should be; null: not set. */
export type Wanted = Readonly<Record<string, string | null>>;

export const liveDaemonSet = ({ kubernetes }: Ports): Promise<DaemonSet | undefined> =>
  kubernetes.getDaemonSet(awsNode.namespace, awsNode.name, awsNode.name);

/** What is not yet as wanted on DaemonSet and pods, in one line; null when all is. */
export async function whatIsBehind(wanted: Wanted, ports: Ports): Promise<string | null> {
  const { namespace, name } = awsNode;
  const live = await liveDaemonSet(ports);
  if (live === undefined) return `DaemonSet ${namespace}/${name} is not there`;
  const wrong = differing(wanted, live.env);
  if (wrong.length > 0) return `DaemonSet ${name} has ${wrong.join(', ')}`;
  const { generation, observedGeneration, desired, updated, unavailable } = live.rollout;
  if (observedGeneration < generation) return `the rollout of ${name} has not begun`;
  if (updated < desired || unavailable > 0) {
    return `rollout of ${name}: ${updated} of ${desired} pods updated, ${unavailable} unavailable`;
  }
  const pods = await ports.kubernetes.podEnvironments(namespace, `k8s-app=${name}`, name);
  const old = await onNodes(
    Object.keys(pods).filter((pod) => differing(wanted, pods[pod] ?? {}).length > 0),
    ports,
  );
  return old.length === 0 ? null : `${old.length} pods of ${name} run with the old environment, such as ${old[0]}`;
}

/** Those of nodes that are still there: others stay for a minute, until they are collected. */
async function onNodes(names: readonly string[], { kubernetes }: Ports): Promise<readonly string[]> {
  if (names.length === 0) return names;
  const { namespace, name } = awsNode;
  const [pods, nodes] = await Promise.all([
    kubernetes.listPods({ namespace, labelSelector: `k8s-app=${name}` }),
    kubernetes.listNodes(),
  ]);
  const there = new Set(nodes.map((node) => node.name));
  const gone = new Set(pods.filter(({ nodeName }) => nodeName !== null && !there.has(nodeName)).map((pod) => pod.name));
  return names.filter((pod) => !gone.has(pod));
}

/** `NAME=found` for each variable that is not as wanted. */
export const differing = (wanted: Wanted, found: Wanted): string[] =>
  Object.keys(wanted)
    .filter((name) => (found[name] ?? null) !== wanted[name])
    .map((name) => `${name}=${found[name] ?? '(not set)'}`);

/** The settings are asked for, and do not arrive everywhere. `why` begins with who took them. */
export const neverRolled = (what: string, behind: string, why: string, look: string[] = []): MigrateError =>
  stoppedPartWay({
    code: 'CNI.NOT_ROLLED_OUT',
    message: `${what} did not reach every node: ${behind}.`,
    why: `${why} A node that is not Ready holds up the rollout, and a DaemonSet with update strategy OnDelete replaces no pod by itself.`,
    nextActions: [
      `kubectl -n ${awsNode.namespace} rollout status daemonset/${awsNode.name}`,
      `kubectl -n ${awsNode.namespace} get pods -l k8s-app=${awsNode.name} -o wide`,
      ...look,
      sameAgain,
    ],
  });
