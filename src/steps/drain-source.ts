import { mustMove } from '../domain/evictable.ts';
import { drain } from '../drain/drain.ts';
import type { StepHandler } from './step-handler.ts';

/** The drain names what is left when its own deadline passes; the engine's comes only if that does not happen. */
const slackSeconds = 60;

/** Moves every evictable pod off the source nodes. */
export const drainSource: StepHandler<'drain-source'> = {
  title: ({ params }) => `drain ${params.nodegroupNames.join(', ')}`,

  async observe({ params }, { kubernetes }) {
    const [nodes, pods] = await Promise.all([
      Promise.all(params.nodegroupNames.map((name) => kubernetes.listNodes(name))),
      kubernetes.listPods(),
    ]);
    const sources = new Set(nodes.flat().map((node) => node.name));
    const left = pods.filter((pod) => pod.nodeName !== null && sources.has(pod.nodeName) && mustMove(pod));
    const where = params.nodegroupNames.join(', ');
    if (left.length === 0) return { kind: 'satisfied', detail: `no evictable pod is left on ${where}` };
    return { kind: 'actionable', detail: `${left.length} ${left.length === 1 ? 'pod' : 'pods'} to move off ${where}` };
  },

  act: ({ params }, ports, run) => drain(params, ports, run),

  describeCall: ({ params }) =>
    `POST /api/v1/namespaces/NAMESPACE/pods/POD/eviction for every evictable pod on the nodes of ${params.nodegroupNames.join(', ')}`,

  /** Pods do not move back by themselves: uncordoning only lets the scheduler use the nodes again. */
  undo: () => undefined,

  deadlineSeconds: ({ params }) => params.timeoutSeconds + slackSeconds,
};
