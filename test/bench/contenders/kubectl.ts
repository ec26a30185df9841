/**
 * Model of `kubectl drain --selector ... --ignore-daemonsets --delete-emptydir-data --force`, nodes cordoned already.
 * Written after kubernetes/kubectl at dee3483a3d.
 */
import type { Clock } from '../../../src/ports/clock.ts';
import { type Client, createClient, type PodObject, podsOfNode, withoutDaemons } from '../client.ts';
import type { Contender, Run } from '../rig.ts';

/** Neither the command nor client-go sets a limit: 5 a second, 10 at once, for each API group. */
const limit = { qps: 5, burst: 10, perGroup: true };
/** https://github.com/kubernetes/kubectl/blob/dee3483a3d/pkg/cmd/drain/drain.go#L155 */
const retryMs = 5_000;
/** https://github.com/kubernetes/kubectl/blob/dee3483a3d/pkg/drain/drain.go#L359 */
const pollMs = 1_000;

export const kubectl: Contender = {
  name: 'kubectl drain',
  run: (run) => drainNodes(run, run.nodes(), true),
};

/** Before 1.35 it tried again without a look at the pod in between: one request less for each refusal, and the same otherwise. */
export const kubectlBefore135: Contender = {
  name: 'kubectl drain before 1.35',
  run: (run) => drainNodes(run, run.nodes(), false),
};

export const kubectlPerNode: Contender = {
  name: 'kubectl drain, one per node',
  async run(run) {
    const errors = await Promise.all(run.nodes().map((node) => drainNodes(run, [node], true)));
    return errors.find((error) => error !== null) ?? null;
  },
};

/** RunDrain, https://github.com/kubernetes/kubectl/blob/dee3483a3d/pkg/cmd/drain/drain.go#L325-L363 */
async function drainNodes(
  { process, cordonLate }: Run,
  nodes: readonly string[],
  looks: boolean,
): Promise<string | null> {
  const client = createClient(process, limit);
  await client.get('/api/v1/nodes?limit=500');
  cordonLate();
  let failure: string | null = null;
  // One after the other; a node that fails is left behind.
  for (const node of nodes) failure = (await drainNode(client, process.clock, node, looks)) ?? failure;
  return failure;
}

async function drainNode(client: Client, clock: Clock, node: string, looks: boolean): Promise<string | null> {
  const { status, items, message } = await client.get(podsOfNode(node));
  if (status !== 200) return message;
  const pods = await withoutDaemons(client, items);
  if (pods.length === 0) return null;
  await client.get('/api/v1'); // CheckEvictionSupport
  const errors = await Promise.all(pods.map((pod) => evict(client, clock, pod, looks)));
  return errors.find((error) => error !== null) ?? null;
}

/** One goroutine a pod, https://github.com/kubernetes/kubectl/blob/dee3483a3d/pkg/drain/drain.go#L298-L375 */
async function evict(client: Client, clock: Clock, first: PodObject, looks: boolean): Promise<string | null> {
  let pod = first;
  for (;;) {
    const { status, message } = await client.evict(pod, {});
    if (status === 201) break;
    if (status === 404) return null;
    if (status !== 429) return `error when evicting pods/"${pod.metadata.name}": ${message}`;
    await clock.sleep(retryMs);
    // Whoever has the name now is evicted next. L346-L349
    if (looks) pod = (await client.get(pathOf(pod))).pod ?? pod;
  }
  // waitForDelete, https://github.com/kubernetes/kubectl/blob/dee3483a3d/pkg/drain/drain.go#L435-L473
  for (;;) {
    const next = clock.now() + pollMs;
    const { status, message, pod: now } = await client.get(pathOf(pod));
    if (status === 404 || (now && now.metadata.uid !== pod.metadata.uid)) return null;
    if (status !== 200) return `error when waiting for pod "${pod.metadata.name}" to terminate: ${message}`;
    await clock.sleep(Math.max(0, next - clock.now()));
  }
}

const pathOf = ({ metadata }: PodObject): string => `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
