import type { StepParams } from '../domain/plan.ts';
import type { Nodegroup, Scaling } from '../domain/snapshot.ts';
import { scalingBefore, scalingsBefore } from './cap-source.ts';
import { notUpdated } from './conflict.ts';
import type { StepContext, StepHandler } from './step-handler.ts';
import { mayStillShow } from './undoing.ts';

const updateName = 'its old maxSize';

/**
 * Gives a capped source the maxSize back that the journal says it had, and the minSize where that was lowered to end empty
 * nodes. When somebody has set another one since, that is left. The desired size is raised only where the minSize needs it.
 */
export const restoreScaling: StepHandler<'restore-scaling'> = {
  title: ({ params }) => `let ${params.nodegroupName} grow as before`,

  async observe({ id, params }, ports, context) {
    const { state } = context;
    const { clusterName, nodegroupName, recordedBy } = params;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    if (group === undefined || group.status === 'DELETING') {
      return { kind: 'satisfied', detail: `node group ${nodegroupName} is ${group?.status ?? 'gone'}` };
    }
    if (group.status === 'UPDATING') return { kind: 'in-progress', detail: `node group ${nodegroupName} is UPDATING` };
    const { minSize, maxSize } = toRestore(group, params, state);
    const isAsBefore = minSize === undefined && maxSize === undefined;
    if (isAsBefore && mayStillShow(id, ports, context)) {
      return { kind: 'in-progress', detail: `a cap of ${nodegroupName} was asked for, and may still come` };
    }
    if (isAsBefore) return { kind: 'satisfied', detail: asItIs(group, scalingsBefore(state, recordedBy)) };
    const detail = [
      ...(maxSize === undefined ? [] : [`maxSize of ${nodegroupName} is ${group.scaling.maxSize} and was ${maxSize}`]),
      ...(minSize === undefined ? [] : [`minSize of ${nodegroupName} is ${group.scaling.minSize} and was ${minSize}`]),
    ].join(', ');
    const updateId = state.steps[id]?.updates[updateName];
    if (updateId === undefined) return { kind: 'actionable', detail };
    return (await notUpdated(clusterName, nodegroupName, updateId, ports)) ?? { kind: 'in-progress', detail };
  },

  async act({ params }, ports, run) {
    const { clusterName, nodegroupName } = params;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    const change = group === undefined ? {} : toRestore(group, params, run.state);
    if (Object.keys(change).length === 0 || run.signal.aborted) return;
    const id = await ports.eks.updateNodegroupScaling(clusterName, nodegroupName, change, run.token);
    await run.progress({ kind: 'update-requested', what: updateName, id });
  },

  describeCall: ({ params }) =>
    `eks:UpdateNodegroupConfig ${params.nodegroupName}: maxSize${params.releaseNodes ? ' and minSize' : ''} as recorded`,

  undo: () => undefined,

  deadlineSeconds: () => 15 * 60,
};

/** A maxSize only when the group has the one that we gave it, a minSize only when it is still 0. */
function toRestore(
  { nodegroupName, scaling: { minSize, maxSize, desiredSize } }: Nodegroup,
  { recordedBy, releaseNodes }: StepParams['restore-scaling'],
  state: StepContext['state'],
): Partial<Scaling> {
  const max = scalingBefore(state, recordedBy, nodegroupName, maxSize)?.maxSize ?? maxSize;
  const lowered = releaseNodes && minSize === 0 ? scalingsBefore(state, recordedBy) : [];
  const min = Math.max(minSize, ...lowered.map((before) => before.minSize));
  return {
    ...(max !== maxSize && { maxSize: max }),
    // EKS takes no minSize above the desired size
    ...(min !== minSize && { minSize: min, ...(desiredSize < min && { desiredSize: min }) }),
  };
}

function asItIs({ nodegroupName, scaling: { maxSize } }: Nodegroup, records: readonly Scaling[]): string {
  if (records.length === 0) return `${nodegroupName} was never capped`;
  return records.some((before) => before.maxSize === maxSize)
    ? `${nodegroupName} has maxSize ${maxSize} as before`
    : `somebody else has set maxSize of ${nodegroupName} to ${maxSize} since it was capped: it stays so`;
}
