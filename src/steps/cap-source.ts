import type { StepParams } from '../domain/plan.ts';
import { undoPrefix } from '../domain/run-state.ts';
import type { Nodegroup, Scaling } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { sizeOf } from './nodegroup-size.ts';
import { attempt, optional } from './optional.ts';
import type { StepContext, StepHandler } from './step-handler.ts';

const updateName = 'a cap of the node group';

/**
 * Lowers maxSize of a source to the size that it has, so that the cluster autoscaler adds no old nodes while pods move.
 * Only maxSize is sent: a desired size that moves in between is never pulled back, which would end a node. What the size
 * was is in the journal before the request, under what was asked for, so that it can be told apart from changes of others.
 * It only spares work, so it never stops a run: what AWS refuses, or takes and does not do, is told, and the run goes on.
 * Where empty nodes are ended one by one (`releaseNodes`), minSize is lowered to 0 in the same request.
 */
export const capSource: StepHandler<'cap-source'> = {
  title: ({ params }) => `keep ${params.nodegroupName} from growing${params.releaseNodes ? ', and let it shrink' : ''}`,

  async observe({ id, params }, ports, { state }) {
    const { clusterName, nodegroupName } = params;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    if (group === undefined || group.status === 'DELETING') {
      return { kind: 'satisfied', detail: `node group ${nodegroupName} is ${group?.status ?? 'gone'}` };
    }
    if (group.status === 'UPDATING') return { kind: 'in-progress', detail: `node group ${nodegroupName} is UPDATING` };
    const { minSize, maxSize } = group.scaling;
    const size = await capOf(group, ports);
    const isCapped = maxSize <= size || scalingBefore(state, id, nodegroupName, maxSize) !== undefined;
    const mayShrink = !params.releaseNodes || minSize === 0;
    if (isCapped && mayShrink) {
      const shrinks = params.releaseNodes ? ', and may shrink to nothing' : '';
      return { kind: 'satisfied', detail: `${nodegroupName} cannot grow: maxSize is ${maxSize}${shrinks}` };
    }
    const { notedIn = null, updates = {} } = state.steps[id] ?? {};
    // asked for once, whatever came of it
    const updateId = updates[updateName];
    if (notedIn !== null) return { kind: 'satisfied', detail: notCapped(params) };
    if (updateId !== undefined) {
      const update = await optional(ports.eks.describeUpdate(clusterName, updateId, { nodegroupName }));
      const errors = update?.errors.map(({ code, message }) => ` ${code}: ${message}`) ?? [];
      const asked = `${nodegroupName} was asked to stay at ${size} ${size === 1 ? 'node' : 'nodes'}, and its maxSize is ${maxSize}`;
      const means = [...(isCapped ? [] : [meaning]), ...(mayShrink ? [] : [meaningOfMinimum])].join(' ');
      const lowest = mayShrink ? '' : `, its minSize ${minSize}`;
      return { kind: 'satisfied', detail: `${asked}${lowest}: ${means}${errors.join(';')}` };
    }
    const sizes = `${nodegroupName} has ${size} nodes and may grow to ${maxSize}`;
    return { kind: 'actionable', detail: mayShrink ? sizes : `${sizes}, and not shrink below ${minSize}` };
  },

  async act({ params }, ports, run) {
    const { clusterName, nodegroupName, releaseNodes } = params;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    // the next look tells
    if (group === undefined) return;
    const maxSize = Math.min(group.scaling.maxSize, await capOf(group, ports));
    const change = {
      ...(maxSize < group.scaling.maxSize && { maxSize }),
      ...(releaseNodes && group.scaling.minSize > 0 && { minSize: 0 }),
    };
    if (Object.keys(change).length === 0) return;
    await run.progress({ kind: 'recorded', what: recordName(nodegroupName, maxSize), value: group.scaling });
    if (run.signal.aborted) return;
    const asked = await attempt(ports.eks.updateNodegroupScaling(clusterName, nodegroupName, change, run.token));
    await run.progress(
      'refusal' in asked
        ? { kind: 'note', message: `${notCapped(params)} ${asked.refusal}` }
        : { kind: 'update-requested', what: updateName, id: asked.answer },
    );
  },

  describeCall: ({ params }) =>
    `eks:UpdateNodegroupConfig ${params.nodegroupName}: maxSize as many as it has then${params.releaseNodes ? ', minSize 0' : ''}`,

  /** The scaling as it was, from the journal. Needless when the group is deleted. */
  undo: ({ id, phase, impact, params: { clusterName, nodegroupName, releaseNodes } }) => ({
    id: `${undoPrefix}${id}`,
    kind: 'restore-scaling',
    phase,
    impact,
    dependsOn: [],
    summary: `let ${nodegroupName} grow as before`,
    params: { clusterName, nodegroupName, recordedBy: id, ...(releaseNodes && { releaseNodes }) },
  }),

  deadlineSeconds: () => 15 * 60,
};

const meaning =
  'while it stays so, the cluster autoscaler may add old nodes while pods move, and their pods have to move as well.';

const meaningOfMinimum =
  'Auto Scaling ends no node that its minSize keeps: such nodes stay until their group is deleted.';

const notCapped = ({ nodegroupName, releaseNodes }: StepParams['cap-source']): string =>
  `${nodegroupName} was not kept from growing, and the run goes on without: ${meaning}${releaseNodes ? ` ${meaningOfMinimum}` : ''}`;

/** Never below what anybody says that it has, and EKS takes no maxSize of 0. */
const capOf = async (group: Nodegroup, ports: Ports): Promise<number> =>
  Math.max(1, group.scaling.desiredSize, await sizeOf(group, ports));

const recordName = (nodegroupName: string, maxSize: number): string =>
  `scaling of ${nodegroupName} (asked to have maxSize ${maxSize})`;

/** The scaling right before step `id` set this maxSize; undefined when it did not. */
export function scalingBefore(
  state: StepContext['state'],
  id: string,
  nodegroupName: string,
  maxSize: number,
): Scaling | undefined {
  const value = state.steps[id]?.recorded[recordName(nodegroupName, maxSize)];
  return isScaling(value) ? value : undefined;
}

/** Every scaling that step `id` has changed. */
export const scalingsBefore = (state: StepContext['state'], id: string): Scaling[] =>
  Object.values(state.steps[id]?.recorded ?? {}).filter(isScaling);

const isScaling = (value: unknown): value is Scaling =>
  typeof value === 'object' &&
  value !== null &&
  'maxSize' in value &&
  typeof value.maxSize === 'number' &&
  'minSize' in value &&
  'desiredSize' in value;
