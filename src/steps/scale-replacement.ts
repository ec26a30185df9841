import { mustMove } from '../domain/evictable.ts';
import { sourceTag } from '../domain/nodegroups.ts';
import type { StepParams } from '../domain/plan.ts';
import type { Nodegroup } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { isCanary } from './canary.ts';
import { conflict, isRecovering, issueText, sameAgain, statusText, stoppedPartWay, updateFailed } from './conflict.ts';
import type { Observation, StepHandler } from './step-handler.ts';
import { explainNotReady } from './verify-problems.ts';

type Params = StepParams['scale-replacement'];

const updateName = 'node group scaling';

/**
 * Lets a replacement grow to its planned size. More nodes than planned (an autoscaler) are no reason to shrink it; only a
 * group that is to have none gives up the node that was verified, unless pods have come to need it.
 */
export const scaleReplacement: StepHandler<'scale-replacement'> = {
  title: ({ params }) => `scale ${params.nodegroupName} to ${params.scaling.desiredSize} nodes`,

  async observe({ id, params }, ports, { state }) {
    const { clusterName, nodegroupName, scaling } = params;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    if (group?.status === 'UPDATING') return { kind: 'in-progress', detail: `node group ${nodegroupName} is UPDATING` };
    if (group !== undefined && isRecovering(group)) return { kind: 'in-progress', detail: statusText(group) };
    if (group?.status !== 'ACTIVE') return await notActive(params, group, ports);
    const updateId = state.steps[id]?.updates[updateName];
    const isSpare = scaling.desiredSize === 0 && updateId === undefined && !(await runsPods(nodegroupName, ports));
    if (!isScaled(group, params, isSpare)) {
      return updateId === undefined
        ? { kind: 'actionable', detail: `node group ${nodegroupName} has size ${group.scaling.desiredSize}` }
        : await afterUpdate(params, updateId, group, ports);
    }
    const ready = (await ports.kubernetes.listNodes(nodegroupName)).filter((node) => node.ready).length;
    const detail = `${ready} of ${scaling.desiredSize} nodes of ${nodegroupName} are Ready`;
    return ready >= scaling.desiredSize ? { kind: 'satisfied', detail } : { kind: 'in-progress', detail };
  },

  async act({ params }, ports, run) {
    const { clusterName, nodegroupName, scaling } = params;
    const id = await ports.eks.updateNodegroupScaling(clusterName, nodegroupName, scaling, run.token);
    await run.progress({ kind: 'update-requested', what: updateName, id });
  },

  describeCall: ({ params: { nodegroupName, scaling } }) =>
    `eks:UpdateNodegroupConfig ${nodegroupName}: min ${scaling.minSize}, desired ${scaling.desiredSize}, max ${scaling.maxSize}`,

  /** Its size at creation is not among its parameters; deleting the group undoes both. */
  undo: () => undefined,

  deadlineSeconds: ({ params }) => params.timeoutSeconds,

  async explainDeadline({ params: { clusterName, nodegroupName, scaling } }, ports) {
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    const source = group?.tags[sourceTag] ?? '';
    return explainNotReady({ clusterName, nodegroupName, source, nodes: scaling.desiredSize }, ports);
  },
};

const isScaled = ({ scaling: found }: Nodegroup, { scaling }: Params, isSpare: boolean): boolean =>
  (isSpare ? found.desiredSize === scaling.desiredSize : found.desiredSize >= scaling.desiredSize) &&
  found.minSize === scaling.minSize &&
  found.maxSize === scaling.maxSize;

/** Pods that would have to move again, were the nodes taken away. */
async function runsPods(nodegroupName: string, ports: Ports): Promise<boolean> {
  const nodes = await ports.kubernetes.listNodes(nodegroupName);
  const pods = await Promise.all(nodes.map(({ name }) => ports.kubernetes.listPods({ nodeName: name })));
  return pods.flat().some((pod) => mustMove(pod) && !isCanary(pod));
}

async function afterUpdate(params: Params, updateId: string, group: Nodegroup, ports: Ports): Promise<Observation> {
  const { clusterName, nodegroupName, scaling } = params;
  const failed = await updateFailed(clusterName, nodegroupName, updateId, ports);
  if (failed !== null) return failed;
  return {
    kind: 'in-progress',
    detail: `node group ${nodegroupName} has size ${group.scaling.desiredSize}, asked for ${scaling.desiredSize}`,
    tokenSpent: true,
    tooLate: stoppedPartWay({
      code: 'NODEGROUP.SIZE_TAKEN_BACK',
      message: `Node group ${nodegroupName} was asked to grow to ${scaling.desiredSize} nodes, but has size ${group.scaling.desiredSize}.`,
      why: 'Something else sets its size: Cluster Autoscaler removes nodes that are still empty.',
      nextActions: [
        'stop the autoscaler for the time of the migration: kubectl -n kube-system scale deployment/cluster-autoscaler --replicas=0',
        `aws eks update-nodegroup-config --cluster-name ${clusterName} --nodegroup-name ${nodegroupName} --scaling-config minSize=${scaling.minSize},maxSize=${scaling.maxSize},desiredSize=${scaling.desiredSize}`,
        sameAgain,
      ],
    }),
  };
}

async function notActive({ clusterName, nodegroupName }: Params, group: Nodegroup | undefined, ports: Ports) {
  const names = group?.autoScalingGroupNames ?? [];
  const activities = await Promise.all(names.map((name) => ports.autoScaling.failedActivities(name)));
  const issues = group?.healthIssues.map(issueText).join('; ') ?? '';
  return conflict({
    code: 'NODEGROUP.NOT_ACTIVE',
    message: `Node group ${nodegroupName} is ${group?.status ?? 'gone'}${issues && `: ${issues}`}`,
    why: ['A replacement must be healthy before pods move to it.', ...activities.flat().slice(0, 3)].join(' '),
    nextActions: [
      `aws eks describe-nodegroup --cluster-name ${clusterName} --nodegroup-name ${nodegroupName}`,
      `remove the cause, ${sameAgain}`,
    ],
  });
}
