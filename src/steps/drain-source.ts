import { mustMove } from '../domain/evictable.ts';
import { stateOf } from '../drain/core.ts';
import { drain } from '../drain/drain.ts';
import { stuckError } from '../drain/report.ts';
import { nothingEarlier } from '../drain/state.ts';
import { cordonedBy, shortPlanId } from './ownership.ts';
import { mayRelease, releaseNode } from './release-node.ts';
import type { StepHandler } from './step-handler.ts';

/** The drain names what is left when its own deadline passes; the engine's comes only if that does not happen. */
const slackSeconds = 60;

/** Moves every evictable pod off the source nodes; with `releaseNodes` each of them is ended once it is empty. */
export const drainSource: StepHandler<'drain-source'> = {
  title: ({ params }) => `drain ${params.nodegroupNames.join(', ')}`,

  async observe({ params }, { kubernetes }, { state }) {
    const [nodes, pods] = await Promise.all([
      Promise.all(params.nodegroupNames.map((name) => kubernetes.listNodes(name))),
      kubernetes.listPods(),
    ]);
    const sources = new Set(nodes.flat().map((node) => node.name));
    const left = pods.filter((pod) => pod.nodeName !== null && sources.has(pod.nodeName) && mustMove(pod));
    const where = params.nodegroupNames.join(', ');
    if (left.length === 0) {
      const empty = params.releaseNodes ? nodes.flat().filter((node) => mayRelease(node, state)) : [];
      return empty.length === 0
        ? { kind: 'satisfied', detail: `no evictable pod is left on ${where}` }
        : {
            kind: 'actionable',
            detail: `${empty.length} empty ${empty.length === 1 ? 'node' : 'nodes'} of ${where} to end`,
          };
    }
    return { kind: 'actionable', detail: `${left.length} ${left.length === 1 ? 'pod' : 'pods'} to move off ${where}` };
  },

  act: ({ id, params }, ports, run) =>
    drain(params, ports, {
      ...run,
      stepId: id,
      async cordon({ name, uid }) {
        // what we cordoned and is open now was opened by somebody who had a reason
        if (run.state.cordonedNodes[uid] !== undefined) return;
        const node = await ports.kubernetes.cordon(name, uid, { key: cordonedBy, value: shortPlanId(run.planId) });
        if (node !== undefined) await run.progress({ kind: 'cordoned', node: node.name, uid: node.uid });
      },
      ...(params.releaseNodes && { release: (node) => releaseNode(node.uid, params.nodegroupNames, ports, run) }),
    }),

  describeCall: ({ params }) =>
    `POST /api/v1/namespaces/NAMESPACE/pods/POD/eviction for every evictable pod on the nodes of ${params.nodegroupNames.join(', ')}${
      params.releaseNodes
        ? '; autoscaling:TerminateInstanceInAutoScalingGroup with ShouldDecrementDesiredCapacity for each node that is empty'
        : ''
    }`,

  /** Pods do not move back by themselves: uncordoning only lets the scheduler use the nodes again. */
  undo: () => undefined,

  deadlineSeconds: ({ params }) => params.timeoutSeconds + slackSeconds,

  async explainDeadline({ params }, { kubernetes, clock }) {
    const [nodes, pods, podDisruptionBudgets] = await Promise.all([
      kubernetes.listNodes(),
      kubernetes.listPods(),
      kubernetes.listPodDisruptionBudgets(),
    ]);
    const now = clock.now();
    const state = stateOf(params, { nodes, pods, podDisruptionBudgets }, nothingEarlier, now);
    return state.podsLeft === 0 ? null : stuckError(state, now, { deadlineSeconds: params.timeoutSeconds });
  },
};
