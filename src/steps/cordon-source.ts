import { undoPrefix } from '../domain/run-state.ts';
import type { ClusterNode } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { cordonedBy, shortPlanId } from './ownership.ts';
import type { StepContext, StepHandler } from './step-handler.ts';

/** The VPC CNI looks at this taint, which the node controller sets some moments after the cordon. */
const unschedulableTaint = 'node.kubernetes.io/unschedulable';

/**
 * Cordons every node of the sources, so that each pod moves once. The annotation tells our cordons from others', which are
 * left as they are.
 */
export const cordonSource: StepHandler<'cordon-source'> = {
  title: ({ params }) => `cordon the nodes of ${params.nodegroupNames.join(', ')}`,

  async observe({ params }, ports, context) {
    const nodes = await nodesOf(params.nodegroupNames, ports);
    const open = nodes.filter((node) => !node.unschedulable || isUnrecorded(node, context));
    if (open.length > 0) return { kind: 'actionable', detail: `${open.length} of ${nodes.length} nodes to cordon` };
    const untainted = nodes.filter((node) => !node.taints.some(({ key }) => key === unschedulableTaint));
    if (untainted.length > 0) {
      const have = untainted.length === 1 ? 'node has' : 'nodes have';
      return { kind: 'in-progress', detail: `${untainted.length} ${have} no taint yet` };
    }
    return { kind: 'satisfied', detail: `${nodes.length} nodes are cordoned` };
  },

  async act({ params }, ports, run) {
    const annotation = { key: cordonedBy, value: shortPlanId(run.planId) };
    for (const node of await nodesOf(params.nodegroupNames, ports)) {
      if (run.signal.aborted) return;
      if (node.unschedulable && !isUnrecorded(node, run)) {
        if (!isMarked(node, run)) {
          const message = `${node.name} was cordoned by somebody else; it stays as it is`;
          await run.progress({ kind: 'note', message });
        }
        continue;
      }
      const now = node.unschedulable ? node : await ports.kubernetes.cordon(node.name, node.uid, annotation);
      if (now !== undefined) await run.progress({ kind: 'cordoned', node: now.name, uid: now.uid });
    }
  },

  describeCall: ({ params }) => `PATCH spec.unschedulable=true on every node of ${params.nodegroupNames.join(', ')}`,

  undo: ({ id, phase, params: { nodegroupNames } }) => ({
    id: `${undoPrefix}${id}`,
    kind: 'uncordon-source',
    phase,
    impact: 'additive',
    dependsOn: [],
    summary: `new pods on the nodes of ${nodegroupNames.join(', ')} again`,
    params: { nodegroupNames },
  }),

  deadlineSeconds: () => 15 * 60,
};

export async function nodesOf(nodegroupNames: string[], ports: Ports): Promise<ClusterNode[]> {
  const lists = await Promise.all(nodegroupNames.map((name) => ports.kubernetes.listNodes(name)));
  return lists.flat();
}

const isMarked = (node: ClusterNode, { planId }: StepContext): boolean =>
  node.annotations[cordonedBy] === shortPlanId(planId);

/** Cordoned by us, but cut off before that was written down. */
const isUnrecorded = (node: ClusterNode, context: StepContext): boolean =>
  isMarked(node, context) && context.state.cordonedNodes[node.uid] === undefined;
