import { mustMove } from '../domain/evictable.ts';
import { sourceTag } from '../domain/nodegroups.ts';
import type { StepParams } from '../domain/plan.ts';
import type { Nodegroup, Scaling } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { isCanary } from './canary.ts';
import { conflict, isRecovering, issueText, sameAgain, statusText } from './conflict.ts';
import { askForSize, sizeOf, sizeUpdate, wrongSize } from './nodegroup-size.ts';
import type { StepHandler } from './step-handler.ts';
import { switchedBack } from './switched-back.ts';
import { explainNotReady } from './verify-problems.ts';

type Params = StepParams['scale-replacement'];

/**
 * Lets a replacement grow: to one node, and to its planned size when that one is verified. More nodes than planned (an
 * autoscaler) are no reason to shrink it; only a group that is to have none gives up the node that was verified, unless pods
 * have come to need it.
 */
export const scaleReplacement: StepHandler<'scale-replacement'> = {
  title: ({ params: { nodegroupName, scaling } }) => `scale ${nodegroupName} to ${nodeCount(scaling.desiredSize)}`,

  async observe({ id, params }, ports, context) {
    const { clusterName, nodegroupName, scaling } = params;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    if (group?.status === 'UPDATING') return { kind: 'in-progress', detail: `node group ${nodegroupName} is UPDATING` };
    if (group !== undefined && isRecovering(group)) return { kind: 'in-progress', detail: statusText(group) };
    if (group?.status !== 'ACTIVE') return await notActive(params, group, ports);
    const wasAsked = sizeUpdate(id, context) !== undefined;
    const isSpare = scaling.desiredSize === 0 && !wasAsked && !(await runsPods(nodegroupName, ports));
    const ready = (await ports.kubernetes.listNodes(nodegroupName)).filter((node) => node.ready).length;
    const isThere = ready >= scaling.desiredSize;
    if (!isScaled(group, params, isSpare) || (!isThere && (await sizeOf(group, ports)) < scaling.desiredSize)) {
      // new nodes would start without prefixes
      const grows = !wasAsked && scaling.desiredSize > group.scaling.desiredSize;
      const error = grows ? await switchedBack(clusterName, ports) : null;
      if (error !== null) return { kind: 'conflict', error };
      return await wrongSize(id, scaling.desiredSize, clusterName, group, ports, context);
    }
    const detail = `${ready} of ${scaling.desiredSize} nodes of ${nodegroupName} are Ready`;
    return { kind: isThere ? 'satisfied' : 'in-progress', detail };
  },

  act: ({ params: { clusterName, nodegroupName, scaling } }, ports, run) =>
    askForSize(clusterName, nodegroupName, scaling, ports, run),

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

const nodeCount = (count: number): string => (count === 1 ? '1 node' : `${count} nodes`);

const isScaled = ({ scaling: found }: Nodegroup, { scaling }: Params, isSpare: boolean): boolean =>
  isAhead(found, scaling) ||
  ((isSpare ? found.desiredSize === scaling.desiredSize : found.desiredSize >= scaling.desiredSize) &&
    found.minSize === scaling.minSize &&
    found.maxSize === scaling.maxSize);

/** It has grown past this step: somebody has made it larger from the start. */
const isAhead = (found: Scaling, wanted: Scaling): boolean =>
  wanted.desiredSize > 0 && found.desiredSize > wanted.desiredSize && found.minSize >= wanted.minSize;

/** Pods that would have to move again, were the nodes taken away. */
async function runsPods(nodegroupName: string, ports: Ports): Promise<boolean> {
  const nodes = await ports.kubernetes.listNodes(nodegroupName);
  const pods = await Promise.all(nodes.map(({ name }) => ports.kubernetes.listPods({ nodeName: name })));
  return pods.flat().some((pod) => mustMove(pod) && !isCanary(pod));
}

async function notActive({ clusterName, nodegroupName, scaling }: Params, group: Nodegroup | undefined, ports: Ports) {
  const names = group?.autoScalingGroupNames ?? [];
  const activities = await Promise.all(names.map((name) => ports.autoScaling.failedActivities(name)));
  const issues = group?.healthIssues.map(issueText).join('; ') ?? '';
  const hasIssue = (name: string): boolean => group?.healthIssues.some(({ code }) => code === name) ?? false;
  const isJoinFailure = hasIssue('NodeCreationFailure');
  const isLaunchFailure = hasIssue('AsgInstanceLaunchFailures');
  const source = group?.tags[sourceTag] ?? '';
  const target = { clusterName, nodegroupName, source, nodes: scaling.desiredSize };
  const notReady = isJoinFailure ? await explainNotReady(target, ports) : null;
  return conflict({
    code: 'NODEGROUP.NOT_ACTIVE',
    message: `Node group ${nodegroupName} is ${group?.status ?? 'gone'}${issues && `: ${issues}`}`,
    why: [
      'A replacement must be healthy before pods move to it; none has moved to this one.',
      ...activities.flat().slice(0, 3),
      ...(notReady === null ? [] : [notReady.why]),
    ].join(' '),
    nextActions: [
      `aws eks describe-nodegroup --cluster-name ${clusterName} --nodegroup-name ${nodegroupName}`,
      ...(notReady?.nextActions ?? []).filter((action) => action !== sameAgain),
      `remove the cause, ${sameAgain}`,
      ...(isLaunchFailure && source !== ''
        ? [
            `or another type, once this plan is taken back: prefix-migrate plan --cluster ${clusterName} --nodegroup ${source} --instance-type TYPE --out NEW_DIR`,
          ]
        : []),
    ],
  });
}
