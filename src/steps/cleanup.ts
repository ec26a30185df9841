import { canaryNamespace, findCanaries, removeCanaries } from './canary.ts';
import type { StepHandler } from './step-handler.ts';

/**
 * Removes what helped this plan. What it was made for stays: the replacements, the launch templates they need, reserved
 * ranges. Of a plan that is taken back nothing stays but what is named.
 */
export const cleanup: StepHandler<'cleanup'> = {
  title: () => 'clean up',

  async observe({ params: { reserved, stays: left } }, ports) {
    const canaries = await findCanaries(ports);
    if (canaries.length > 0) return { kind: 'actionable', detail: `${canaries.length} canary pods are still there` };
    if (left !== undefined) {
      return { kind: 'satisfied', detail: ['no canary pod is left', ...left.map((one) => `stays: ${one}`)].join('; ') };
    }
    const made = ['the replacement node groups', 'their launch templates'];
    const stays = reserved.length === 0 ? made : [...made, `the ranges reserved for prefixes (${reserved.join(', ')})`];
    return {
      kind: 'satisfied',
      detail: `nothing of this plan is left but ${stays.slice(0, -1).join(', ')} and ${stays.at(-1)}`,
    };
  },

  async act(_step, ports) {
    await removeCanaries(await findCanaries(ports), ports);
  },

  describeCall: () => `DELETE canary pods in ${canaryNamespace}`,
  undo: () => undefined,
  deadlineSeconds: () => 10 * 60,
};
