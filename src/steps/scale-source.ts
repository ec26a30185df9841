import { showCommand } from '../domain/nodegroup-commands.ts';
import type { StepParams } from '../domain/plan.ts';
import { isSelfManaged } from '../domain/self-managed.ts';
import { conflict, sameAgain, stoppedPartWay } from './conflict.ts';
import { askForSize, atLeast, count, sizeOf, wrongSize } from './nodegroup-size.ts';
import { optional } from './optional.ts';
import type { Observation, StepHandler } from './step-handler.ts';

type Params = StepParams['scale-source'];

/**
 * Gives a source that shrank since it was cordoned as many nodes again as it had, before its pods come back: an autoscaler
 * removes nodes that are empty, and so do people in a soak. Only ever raises sizes.
 */
export const scaleSource: StepHandler<'scale-source'> = {
  title: ({ params }) => `see that ${params.nodegroupName} has its ${count(params.nodes)} again`,

  async observe({ id, params }, ports, context) {
    const { clusterName, nodegroupName, nodes } = params;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    if (group === undefined) return gone(params);
    if (group.status === 'DELETING' || group.status === 'DELETE_FAILED') return tooLate(params, group.status);
    if (group.status === 'UPDATING') return { kind: 'in-progress', detail: `node group ${nodegroupName} is UPDATING` };
    if ((await sizeOf(group, ports)) < nodes) return await wrongSize(id, nodes, clusterName, group, ports, context);
    const ready = (await ports.kubernetes.listNodes(nodegroupName)).filter((node) => node.ready).length;
    const detail = `${ready} of ${nodes} nodes of ${nodegroupName} are Ready`;
    return ready >= nodes ? { kind: 'satisfied', detail } : { kind: 'in-progress', detail };
  },

  async act({ params: { clusterName, nodegroupName, nodes } }, ports, run) {
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    // the next look tells
    if (group === undefined || (await sizeOf(group, ports)) >= nodes) return;
    await askForSize(clusterName, nodegroupName, atLeast(nodes, group), ports, run);
  },

  describeCall: ({ params: { nodegroupName, nodes } }) =>
    `eks:UpdateNodegroupConfig ${nodegroupName}: desired ${nodes}, and max ${nodes} if it is lower; no call when it is as large`,

  undo: () => undefined,

  deadlineSeconds: ({ params }) => params.timeoutSeconds,

  async explainDeadline({ params }, ports) {
    const { clusterName, nodegroupName, nodes } = params;
    const found = await ports.kubernetes.listNodes(nodegroupName);
    const waiting = found.filter(({ ready }) => !ready).map(({ name }) => name);
    const ready = found.length - waiting.length;
    if (ready >= nodes) return null;
    const names =
      (await optional(ports.eks.describeNodegroup(clusterName, nodegroupName)))?.autoScalingGroupNames ?? [];
    const failed = await Promise.all(names.map((name) => optional(ports.autoScaling.failedActivities(name))));
    const why = failed.flatMap((activities) => activities ?? []).slice(0, 3);
    return stoppedPartWay({
      code: 'NODEGROUP.NOT_READY',
      message: `${ready} of ${nodes} nodes of ${nodegroupName} are Ready; its pods need ${nodes} to come back.`,
      why:
        waiting.length > 0
          ? `${waiting.length} of its nodes joined and are not Ready, such as ${waiting[0]}.`
          : ['The others did not join.', ...why].join(' '),
      nextActions: [
        ...waiting.slice(0, 3).map((name) => `kubectl describe node ${name}`),
        showCommand({ clusterName }, nodegroupName),
        sameAgain,
      ],
    });
  },
};

/** The pods stay where they are, and nodes that the rollback has cordoned there shall take new ones again. */
const stay = ({ replacementName }: Params): string =>
  `to stay on the replacement, which runs its pods: kubectl uncordon -l eks.amazonaws.com/nodegroup=${replacementName}`;

function gone(params: Params): Observation {
  const { clusterName, nodegroupName, replacementName } = params;
  return conflict({
    code: 'ROLLBACK.SOURCE_GONE',
    message: `Node group ${nodegroupName} is gone since this rollback began: its pods cannot come back.`,
    why: 'Somebody else deleted it. A rollback moves pods back to nodes that are there; it makes no node groups.',
    nextActions: [
      stay(params),
      `aws eks describe-nodegroup --cluster-name ${clusterName} --nodegroup-name ${replacementName}`,
      `or make ${nodegroupName} again (its settings are in snapshot.json of the plan folder), ${sameAgain}`,
    ],
  });
}

function tooLate(params: Params, status: string): Observation {
  const { clusterName, nodegroupName } = params;
  const wait = isSelfManaged(nodegroupName)
    ? 'wait until it is gone'
    : `wait until it is gone (aws eks wait nodegroup-deleted --cluster-name ${clusterName} --nodegroup-name ${nodegroupName})`;
  return conflict({
    code: 'ROLLBACK.TOO_LATE',
    message: `Node group ${nodegroupName} is ${status} since this rollback began: its pods cannot come back.`,
    why: 'Somebody else has begun to delete it, and AWS cannot stop a deletion.',
    nextActions: [
      stay(params),
      showCommand({ clusterName }, nodegroupName),
      `or ${wait} and make it again (its settings are in snapshot.json of the plan folder), ${sameAgain}`,
    ],
  });
}
