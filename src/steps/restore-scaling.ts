import type { Nodegroup, Scaling } from '../domain/snapshot.ts';
import { scalingBefore, scalingsBefore } from './cap-source.ts';
import { notUpdated } from './conflict.ts';
import type { StepContext, StepHandler } from './step-handler.ts';
import { mayStillShow } from './undoing.ts';

const updateName = 'its old maxSize';

/**
 * Gives a capped source the maxSize back that the journal says it had. minSize and the desired size were never changed, so
 * they stay as they are now. When somebody has set another maxSize since, that is left.
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
    const before = beforeCap(group, recordedBy, state);
    if (before === undefined && mayStillShow(id, ports, context)) {
      return { kind: 'in-progress', detail: `a cap of ${nodegroupName} was asked for, and may still come` };
    }
    if (before === undefined) return { kind: 'satisfied', detail: asItIs(group, scalingsBefore(state, recordedBy)) };
    const detail = `maxSize of ${nodegroupName} is ${group.scaling.maxSize} and was ${before.maxSize}`;
    const updateId = state.steps[id]?.updates[updateName];
    if (updateId === undefined) return { kind: 'actionable', detail };
    return (await notUpdated(clusterName, nodegroupName, updateId, ports)) ?? { kind: 'in-progress', detail };
  },

  async act({ params: { clusterName, nodegroupName, recordedBy } }, ports, run) {
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    const before = group && beforeCap(group, recordedBy, run.state);
    if (before === undefined || run.signal.aborted) return;
    const { maxSize } = before;
    const id = await ports.eks.updateNodegroupScaling(clusterName, nodegroupName, { maxSize }, run.token);
    await run.progress({ kind: 'update-requested', what: updateName, id });
  },

  describeCall: ({ params }) => `eks:UpdateNodegroupConfig ${params.nodegroupName}: maxSize as recorded`,

  undo: () => undefined,

  deadlineSeconds: () => 15 * 60,
};

/** Undefined when the group does not have the maxSize that we gave it. */
const beforeCap = ({ nodegroupName, scaling }: Nodegroup, recordedBy: string, state: StepContext['state']) =>
  scalingBefore(state, recordedBy, nodegroupName, scaling.maxSize);

function asItIs({ nodegroupName, scaling: { maxSize } }: Nodegroup, records: readonly Scaling[]): string {
  if (records.length === 0) return `${nodegroupName} was never capped`;
  return records.some((before) => before.maxSize === maxSize)
    ? `${nodegroupName} has maxSize ${maxSize} as before`
    : `somebody else has set maxSize of ${nodegroupName} to ${maxSize} since it was capped: it stays so`;
}
