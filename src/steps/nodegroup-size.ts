/** How large a node group is, and asking for more: once, and anew when something has taken the size back. */
import type { MigrateError } from '../domain/migrate-error.ts';
import type { Nodegroup, Scaling } from '../domain/snapshot.ts';
import { sum } from '../domain/sum.ts';
import type { Ports } from '../ports/ports.ts';
import { notUpdated, sameAgain, stoppedPartWay } from './conflict.ts';
import { optional } from './optional.ts';
import type { Observation, StepContext, StepRun } from './step-handler.ts';

/** What the update is called in the journal. */
const updateName = 'node group scaling';

/** Nodes that a group has or is getting: an autoscaler changes its Auto Scaling groups, of which EKS hears later. */
export async function sizeOf({ scaling, autoScalingGroupNames }: Nodegroup, { autoScaling }: Ports): Promise<number> {
  const groups = (await optional(autoScaling.describeGroups(autoScalingGroupNames))) ?? [];
  return groups.length === 0 ? scaling.desiredSize : sum(groups.map(({ desiredCapacity }) => desiredCapacity));
}

/** The id of the update that step `id` has asked for with its token. */
export const sizeUpdate = (id: string, { state }: StepContext): string | undefined =>
  state.steps[id]?.updates[updateName];

/**
 * What a step sees that wants `nodes` of a group whose size is another: it may ask for them; when it has asked and that was
 * done, something has taken them back, and it may ask anew.
 */
export async function wrongSize(
  id: string,
  nodes: number,
  clusterName: string,
  group: Nodegroup,
  ports: Ports,
  context: StepContext,
): Promise<Observation> {
  const { nodegroupName } = group;
  const size = await sizeOf(group, ports);
  const detail = `node group ${nodegroupName} has size ${size}, and ${count(nodes)} ${nodes === 1 ? 'is' : 'are'} wanted`;
  const updateId = sizeUpdate(id, context);
  if (updateId === undefined) return { kind: 'actionable', detail };
  const open = await notUpdated(clusterName, nodegroupName, updateId, ports);
  return open ?? { kind: 'actionable', detail, takenBack: sizeTakenBack(nodes, size, group) };
}

/** Asks for a size; once with the token of `run`. */
export async function askForSize(
  clusterName: string,
  nodegroupName: string,
  scaling: Partial<Scaling>,
  ports: Ports,
  run: StepRun,
): Promise<void> {
  const id = await ports.eks.updateNodegroupScaling(clusterName, nodegroupName, scaling, run.token);
  await run.progress({ kind: 'update-requested', what: updateName, id });
}

/** At least so many nodes; the maximum is raised only where it is too low. */
export const atLeast = (nodes: number, { scaling }: Nodegroup): Partial<Scaling> => ({
  desiredSize: nodes,
  ...(scaling.maxSize < nodes && { maxSize: nodes }),
});

export const count = (nodes: number): string => (nodes === 1 ? '1 node' : `${nodes} nodes`);

const sizeTakenBack = (nodes: number, size: number, group: Nodegroup): MigrateError =>
  stoppedPartWay({
    code: 'NODEGROUP.SIZE_TAKEN_BACK',
    message: `Node group ${group.nodegroupName} was asked to have ${count(nodes)}, and its size is ${size} again.`,
    why: 'Something else sets its size each time: Cluster Autoscaler removes nodes that are still empty.',
    nextActions: [
      ...group.autoScalingGroupNames
        .slice(0, 1)
        .map(
          (name) =>
            `aws autoscaling describe-scaling-activities --auto-scaling-group-name ${name} --max-items 5   # says who`,
        ),
      'stop the autoscaler for the time of the migration: kubectl -n kube-system scale deployment/cluster-autoscaler --replicas=0',
      sameAgain,
    ],
  });
