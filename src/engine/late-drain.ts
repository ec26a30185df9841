import type { AnyStep, StepParams } from '../domain/plan.ts';

/** What is not empty by then is gone on with by the next run; so a deletion that does not end is told of in time. */
const longestSeconds = 60 * 60;

/**
 * A step that deletes a node group, with the drain of nodes that come to it late: an autoscaler adds one, Auto Scaling replaces
 * one, EKS was about to. They are emptied as `drain` says, in time of their own.
 */
export function withLateDrain(step: AnyStep, drain: StepParams['drain-source'] | undefined): AnyStep {
  if (drain === undefined) return step;
  const timeoutSeconds = Math.min(drain.timeoutSeconds, longestSeconds);
  const from = (nodegroupName: string, replacementName: string): StepParams['drain-source'] => ({
    ...drain,
    timeoutSeconds,
    nodegroupNames: [nodegroupName],
    replacementNames: [replacementName],
  });
  if (step.kind === 'delete-source') {
    const { params } = step;
    const late = from(params.nodegroupName, params.replacementName);
    return { ...step, params: { ...params, drain: late, timeoutSeconds: params.timeoutSeconds + timeoutSeconds } };
  }
  if (step.kind === 'delete-replacement') {
    const { params } = step;
    const late = from(params.nodegroupName, params.source);
    return { ...step, params: { ...params, drain: late, timeoutSeconds: params.timeoutSeconds + timeoutSeconds } };
  }
  return step;
}
