import type { ClusterNode } from '../domain/snapshot.ts';
import { shortPlanId } from './ownership.ts';
import { protectedBy, scaleDownDisabled } from './protect-replacement.ts';
import type { StepContext, StepHandler } from './step-handler.ts';

/** Takes off what this plan put on, as it was before; what others put on or changed since stays. */
export const unprotectReplacement: StepHandler<'unprotect-replacement'> = {
  title: ({ params }) => `leave the nodes of ${params.nodegroupName} to the autoscaler again`,

  async observe({ params: { nodegroupName } }, ports, context) {
    const marked = (await ports.kubernetes.listNodes(nodegroupName)).filter((node) => isOurs(node, context));
    if (marked[0] === undefined) {
      return { kind: 'satisfied', detail: `no node of ${nodegroupName} has a protection of this plan` };
    }
    const more = marked.length === 1 ? '' : ` (and ${marked.length - 1} more)`;
    return { kind: 'actionable', detail: `${marked[0].name} is still protected${more}` };
  },

  async act({ params }, ports, run) {
    for (const node of await ports.kubernetes.listNodes(params.nodegroupName)) {
      if (run.signal.aborted) return;
      if (!isOurs(node, run)) continue;
      const isAsWeLeftIt = node.annotations[scaleDownDisabled] === 'true';
      const annotations = { [protectedBy]: null, ...(isAsWeLeftIt && { [scaleDownDisabled]: valueBefore(node, run) }) };
      await ports.kubernetes.annotateNode(node.name, node.uid, annotations);
    }
  },

  describeCall: ({ params }) =>
    `PATCH annotation ${scaleDownDisabled} off the nodes of ${params.nodegroupName} that this plan annotated`,

  undo: () => undefined,

  deadlineSeconds: () => 15 * 60,
};

const isOurs = ({ annotations }: ClusterNode, { planId }: StepContext): boolean =>
  annotations[protectedBy]?.split('/', 1)[0] === shortPlanId(planId);

/** Null when there was none. */
function valueBefore({ annotations }: ClusterNode, { planId }: StepContext): string | null {
  const mark = annotations[protectedBy] ?? '';
  const short = shortPlanId(planId);
  return mark === short ? null : mark.slice(short.length + 1);
}
