import type { ClusterNode } from '../domain/snapshot.ts';
import { nodesOf } from './cordon-source.ts';
import { cordonedBy, shortPlanId } from './ownership.ts';
import type { StepContext, StepHandler } from './step-handler.ts';

/**
 * Lets pods onto the nodes again that this plan has cordoned. What others cordoned stays so; a node that others have opened
 * only loses our mark.
 */
export const uncordonSource: StepHandler<'uncordon-source'> = {
  title: ({ params }) => `uncordon the nodes of ${params.nodegroupNames.join(', ')}`,

  async observe({ params }, ports, context) {
    const nodes = await nodesOf(params.nodegroupNames, ports);
    const open = nodes.filter((node) => isOurCordon(node, context));
    if (open.length > 0) return { kind: 'actionable', detail: `${open.length} of ${nodes.length} nodes to uncordon` };
    const marked = nodes.filter((node) => isOurMark(node, context));
    if (marked.length > 0) {
      return { kind: 'actionable', detail: `somebody uncordoned ${namesOf(marked)}: our mark is still there` };
    }
    const others = nodes.filter(({ unschedulable }) => unschedulable);
    const left = others.length === 0 ? '' : `; ${namesOf(others)} stays cordoned, which somebody else did`;
    return {
      kind: 'satisfied',
      detail: `no node of ${params.nodegroupNames.join(', ')} is cordoned by this plan${left}`,
    };
  },

  async act({ params }, ports, run) {
    for (const node of await nodesOf(params.nodegroupNames, ports)) {
      if (run.signal.aborted) return;
      if (isOurCordon(node, run)) await ports.kubernetes.uncordon(node.name, cordonedBy);
      else if (isOurMark(node, run)) await ports.kubernetes.annotateNode(node.name, node.uid, { [cordonedBy]: null });
    }
  },

  describeCall: ({ params }) =>
    `PATCH spec.unschedulable off the nodes of ${params.nodegroupNames.join(', ')} that this plan cordoned`,

  undo: () => undefined,

  deadlineSeconds: () => 15 * 60,
};

const isOurMark = ({ annotations }: ClusterNode, { planId }: StepContext): boolean =>
  annotations[cordonedBy] === shortPlanId(planId);

/** By its mark; or by the journal, when somebody took the mark off and put no other on. */
function isOurCordon(node: ClusterNode, context: StepContext): boolean {
  const isKnown = node.annotations[cordonedBy] === undefined && context.state.cordonedNodes[node.uid] !== undefined;
  return node.unschedulable && (isKnown || isOurMark(node, context));
}

const namesOf = (nodes: readonly ClusterNode[]): string => {
  const names = nodes.slice(0, 5).map(({ name }) => name);
  return nodes.length <= 5 ? names.join(', ') : `${names.join(', ')} and ${nodes.length - 5} more`;
};
