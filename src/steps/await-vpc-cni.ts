import { ownerText, pairs } from '../domain/cni-owner.ts';
import { formatDuration } from '../domain/duration.ts';
import type { Step } from '../domain/plan.ts';
import { differing, liveDaemonSet, neverRolled, whatIsBehind } from './aws-node-rollout.ts';
import { sameAgain, stoppedPartWay } from './conflict.ts';
import { daemonSetGone } from './patch-vpc-cni.ts';
import type { StepHandler } from './step-handler.ts';
import { isToldIn } from './told.ts';

type AwaitStep = Step<'await-vpc-cni'>;

/**
 * Waits until somebody else who owns aws-node has changed it, because whatever we changed would be turned back. Changes
 * nothing: its act tells the journal, and with it everybody who watches, what has to be done.
 */
export const awaitVpcCni: StepHandler<'await-vpc-cni'> = {
  title: ({ params }) => `wait until ${ownerText(params.owner)} sets ${pairs(params.env, ', ')}`,

  async observe(step, ports, context) {
    const { env, owner } = step.params;
    const live = await liveDaemonSet(ports);
    if (live === undefined) return daemonSetGone(context.clusterName);
    const missing = differing(env, live.env);
    if (missing.length === 0) {
      const behind = await whatIsBehind(env, ports);
      if (behind === null) return { kind: 'satisfied', detail: 'every aws-node pod runs with the new settings' };
      const what = `The settings of ${ownerText(owner)}`;
      return {
        kind: 'in-progress',
        detail: behind,
        tooLate: neverRolled(what, behind, 'The DaemonSet has them, but its pods do not all run with them.'),
      };
    }
    const waiting = `${ownerText(owner)} has to set ${pairs(env, ', ')} (now ${missing.join(', ')})`;
    if (!isToldIn(context, step)) return { kind: 'actionable', detail: waiting };
    return { kind: 'in-progress', detail: waiting, tooLate: notChanged(step, missing) };
  },

  async act({ params }, _ports, run) {
    const limit = formatDuration(params.timeoutSeconds);
    const first = `${ownerText(params.owner)} owns aws-node: waiting up to ${limit} for this change there`;
    for (const message of [first, ...params.instructions]) await run.progress({ kind: 'note', message });
  },

  describeCall: ({ params }) =>
    `none: waits up to ${formatDuration(params.timeoutSeconds)} for ${ownerText(params.owner)}, which has to do: ${params.instructions.join('; ')}`,

  /** Nothing was done that could be undone: the owner of aws-node has the old values in its history. */
  undo: () => undefined,

  deadlineSeconds: ({ params }) => params.timeoutSeconds,
};

const notChanged = ({ params }: AwaitStep, missing: readonly string[]) =>
  stoppedPartWay({
    code: 'CNI.OWNER_DID_NOT_CHANGE',
    message: `${ownerText(params.owner)} did not set ${pairs(params.env, ', ')} within ${formatDuration(params.timeoutSeconds)}. aws-node has ${missing.join(', ')}.`,
    why: `It owns aws-node (${params.owner.evidence}) and would turn back what anybody else changes. Nothing was changed by this step.`,
    nextActions: [...params.instructions, sameAgain],
  });
