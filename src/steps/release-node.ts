import { mustMove } from '../domain/evictable.ts';
import type { NodeRelease } from '../domain/journal-entry.ts';
import { lacksCredentials, MigrateError } from '../domain/migrate-error.ts';
import type { ClusterNode } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { nodesOf } from './cordon-source.ts';
import { podsOfNodes } from './pods-of-nodes.ts';
import type { StepContext, StepRun } from './step-handler.ts';

type State = StepContext['state'];

const runOf = ({ runs }: State): string | undefined => runs.at(-1)?.runId;

/** Without the right nothing more is asked for in the same run. */
const isDenied = (state: State): boolean =>
  Object.values(state.releasedNodes).some(({ outcome, runId }) => outcome === 'denied' && runId === runOf(state));

/**
 * Whether a source node may be ended as far as the node itself decides: we have cordoned it and nobody has opened it since,
 * and nobody has answered yet. A node whose request has no answer is asked for again: the port sees when it is going already.
 */
export function mayRelease({ uid, unschedulable, instanceId }: ClusterNode, state: State): boolean {
  const asked = state.releasedNodes[uid]?.outcome;
  const isOpen = asked === undefined || asked === 'intent' || asked === 'denied';
  return unschedulable && instanceId !== null && state.cordonedNodes[uid] !== undefined && isOpen && !isDenied(state);
}

/**
 * Ends a source node that is empty, and lowers the desired size of its group with it. Looks at the node and its pods right
 * before; intent and answer are in the journal. A node that Auto Scaling keeps stays until its group is deleted: that is told,
 * and the run goes on. `later`: it has pods.
 *
 * @throws what the look at nodes and pods throws, and what says that nobody was asked: no lock, no credentials
 */
export async function releaseNode(
  uid: string,
  nodegroupNames: string[],
  ports: Ports,
  run: StepRun,
): Promise<'settled' | 'later'> {
  const { node, isEmpty } = await look(uid, nodegroupNames, ports);
  if (node === undefined || node.instanceId === null || !mayRelease(node, run.state)) return 'settled';
  if (!isEmpty || run.signal.aborted) return 'later';
  const { name, instanceId } = node;
  await run.progress({ kind: 'node-release-intent', node: name, uid, instanceId });
  if (run.signal.aborted) return 'later';
  const { outcome, detail } = await terminate(instanceId, ports);
  await run.progress({
    kind: 'node-release-outcome',
    node: name,
    uid,
    outcome,
    ...(detail !== undefined && { detail }),
  });
  return 'settled';
}

async function look(
  uid: string,
  nodegroupNames: string[],
  ports: Ports,
): Promise<{ node: ClusterNode | undefined; isEmpty: boolean }> {
  const node = (await nodesOf(nodegroupNames, ports)).find((one) => one.uid === uid);
  if (node === undefined) return { node, isEmpty: true };
  const pods = (await podsOfNodes([node], ports)).get(node.name) ?? [];
  return { node, isEmpty: !pods.some(mustMove) };
}

async function terminate(
  instanceId: string,
  { autoScaling }: Ports,
): Promise<{ outcome: NodeRelease; detail?: string }> {
  try {
    return { outcome: await autoScaling.terminateInstance(instanceId) };
  } catch (error) {
    if (!(error instanceof MigrateError && error.code.startsWith('AWS.')) || lacksCredentials(error)) throw error;
    const outcome = error.code === 'AWS.ACCESS_DENIED' ? 'denied' : 'refused';
    return { outcome, detail: `${error.message} ${error.why}` };
  }
}
