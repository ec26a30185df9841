import { undoPrefix } from '../domain/run-state.ts';
import type { ClusterNode } from '../domain/snapshot.ts';
import { unlessRefused } from './optional.ts';
import { shortPlanId } from './ownership.ts';
import type { StepHandler } from './step-handler.ts';

/** The cluster autoscaler leaves a node alone that has this annotation with the value `true`. */
export const scaleDownDisabled = 'cluster-autoscaler.kubernetes.io/scale-down-disabled';
/** Our mark next to it: the short id of the plan, and after a slash what the annotation was before, when it was anything. */
export const protectedBy = 'prefix-migrate/scale-down-disabled';

/**
 * Keeps the cluster autoscaler from removing nodes of a replacement that are still empty (after ten minutes, as it comes).
 * Each node is annotated as soon as it is there, beside the steps that verify and scale the group. A node that was
 * protected before stays as it is. Nodes that come after the step is done are not protected: they came because pods wait
 * for them, or for a node that was lost. It only spares work, so a refusal is told, and the run goes on.
 * https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md
 */
export const protectReplacement: StepHandler<'protect-replacement'> = {
  title: ({ params }) => `keep the autoscaler from removing nodes of ${params.nodegroupName}`,

  async observe({ id, params: { nodegroupName, nodes } }, ports, { state }) {
    if ((state.steps[id]?.notedIn ?? null) !== null) return { kind: 'satisfied', detail: notProtected(nodegroupName) };
    const found = await ports.kubernetes.listNodes(nodegroupName);
    const open = found.filter((node) => !isProtected(node));
    // the node is named, so that the next one is seen to be news
    if (open[0] !== undefined) {
      const more = open.length === 1 ? '' : ` (and ${open.length - 1} more)`;
      return { kind: 'actionable', detail: `the autoscaler may remove ${open[0].name}${more}` };
    }
    const detail = `${found.length} of ${nodes} nodes of ${nodegroupName} are there and protected from scale-down`;
    return { kind: found.length >= nodes ? 'satisfied' : 'in-progress', detail };
  },

  async act({ params }, ports, run) {
    for (const node of await ports.kubernetes.listNodes(params.nodegroupName)) {
      if (run.signal.aborted) return;
      if (isProtected(node)) continue;
      const before = node.annotations[scaleDownDisabled];
      const mark = [shortPlanId(run.planId), ...(before === undefined ? [] : [before])].join('/');
      const annotations = { [scaleDownDisabled]: 'true', [protectedBy]: mark };
      const asked = await unlessRefused(ports.kubernetes.annotateNode(node.name, node.uid, annotations));
      if ('answer' in asked) continue;
      await run.progress({ kind: 'note', message: `${notProtected(params.nodegroupName)} ${asked.refusal}` });
      return;
    }
  },

  describeCall: ({ params }) => `PATCH annotation ${scaleDownDisabled}=true on every node of ${params.nodegroupName}`,

  undo: ({ id, phase, impact, params: { nodegroupName } }) => ({
    id: `${undoPrefix}${id}`,
    kind: 'unprotect-replacement',
    phase,
    impact,
    dependsOn: [],
    summary: `leave the nodes of ${nodegroupName} to the autoscaler again`,
    params: { nodegroupName },
  }),

  deadlineSeconds: ({ params }) => params.timeoutSeconds,
};

const notProtected = (nodegroupName: string): string =>
  `the nodes of ${nodegroupName} were not protected from scale-down, and the run goes on without: the cluster autoscaler may remove those that are still empty, and pods wait until it has added others.`;

const isProtected = ({ annotations }: ClusterNode): boolean => annotations[scaleDownDisabled] === 'true';
