import type { Pod } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { canaryNamespace, canarySelector } from './ownership.ts';
import type { StepContext, StepHandler } from './step-handler.ts';

/** Removes what helped this plan. What it was made for stays: the replacements, and the launch templates they need. */
export const cleanup: StepHandler<'cleanup'> = {
  title: () => 'clean up',

  async observe(_step, ports, context) {
    const canaries = await findCanaries(ports, context);
    if (canaries.length > 0) return { kind: 'actionable', detail: `${canaries.length} canary pods are still there` };
    return {
      kind: 'satisfied',
      detail: 'nothing of this plan is left but the replacement node groups and their launch templates',
    };
  },

  async act(_step, ports, run) {
    for (const { namespace, name, uid } of await findCanaries(ports, run)) {
      await ports.kubernetes.deletePod(namespace, name, uid);
    }
  },

  describeCall: () => `DELETE canary pods of this plan in ${canaryNamespace}`,
  undo: () => undefined,
  deadlineSeconds: () => 10 * 60,
};

const findCanaries = (ports: Ports, { planId }: StepContext): Promise<Pod[]> =>
  ports.kubernetes.listPods({ namespace: canaryNamespace, labelSelector: canarySelector(planId) });
