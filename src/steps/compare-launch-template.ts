import type { StepParams } from '../domain/plan.ts';
import type { Nodegroup } from '../domain/snapshot.ts';
import { maxPodsIn } from '../domain/user-data-max-pods.ts';
import type { Ports } from '../ports/ports.ts';
import { conflict } from './conflict.ts';
import { optional } from './optional.ts';
import type { Observation, StepHandler } from './step-handler.ts';

type Params = StepParams['compare-launch-template'];

/**
 * Reads what EKS has made of the launch template while there is no node yet: nodes start from a copy of it, to which EKS adds
 * its own user data. What says that our setting is lost stops the run; what is only unclear is left to the first node. Where
 * that may not be read, it is left to the first node, too. Changes nothing.
 */
export const compareLaunchTemplate: StepHandler<'compare-launch-template'> = {
  title: ({ params }) => `compare EKS's own launch template of ${params.nodegroupName}`,

  async observe({ params }, ports) {
    const { clusterName, nodegroupName } = params;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    const copy = group === undefined ? null : await copyOf(group, ports);
    if (copy === null) {
      return {
        kind: 'satisfied',
        detail: `EKS's own launch template of ${nodegroupName} cannot be read: the first node tells`,
      };
    }
    if (params.imageId !== null && copy.imageId !== null && copy.imageId !== params.imageId) {
      return otherImage(params, copy);
    }
    return judge(params, copy);
  },

  act: async () => undefined,

  describeCall: ({ params }) =>
    `reads only: autoscaling:DescribeAutoScalingGroups, ec2:DescribeLaunchTemplateVersions of node group ${params.nodegroupName}`,

  /** It changes nothing. */
  undo: () => undefined,

  deadlineSeconds: () => 5 * 60,
};

interface Copy {
  launchTemplateId: string;
  version: string;
  imageId: string | null;
  /** numbers of pods in its user data, in order; null: not readable */
  maxPods: number[] | null;
}

/** The template that the group's Auto Scaling group launches from; null where that is not told. Its user data stays here. */
async function copyOf({ autoScalingGroupNames }: Nodegroup, { autoScaling, ec2 }: Ports): Promise<Copy | null> {
  if (autoScalingGroupNames.length === 0) return null;
  const groups = await optional(autoScaling.describeGroups(autoScalingGroupNames));
  const template = groups?.map(({ launchTemplate }) => launchTemplate).find((one) => one != null);
  if (template == null) return null;
  const { id: launchTemplateId, version } = template;
  const found = await optional(ec2.describeLaunchTemplateVersion(launchTemplateId, version));
  const userData =
    found === undefined ? undefined : await optional(ec2.launchTemplateUserData(launchTemplateId, version));
  if (found === undefined || userData === undefined) return null;
  return { launchTemplateId, version, imageId: found.imageId, maxPods: userData === null ? [] : maxPodsIn(userData) };
}

function judge(params: Params, copy: Copy): Observation {
  const { maxPods: planned, nodegroupName } = params;
  const { maxPods: found } = copy;
  if (found === null) {
    return { kind: 'satisfied', detail: `the user data of ${nodegroupName} is compressed: the first node tells` };
  }
  if (!found.includes(planned)) return lost(params, copy);
  const others = [...new Set(found.filter((one) => one !== planned))].join(' and ');
  if (found.at(-1) !== planned) {
    const detail = `warning: the user data of ${nodegroupName} says maxPods ${planned}, and EKS also sets ${others} after it: the first node decides`;
    return { kind: 'satisfied', detail };
  }
  const before =
    others === '' ? '' : `; EKS also sets ${others} before it, which counts less: the first node is the proof`;
  return { kind: 'satisfied', detail: `maxPods ${planned} is in EKS's copy of the launch template${before}` };
}

function lost(params: Params, copy: Copy): Observation {
  const { nodegroupName, maxPods } = params;
  const found = copy.maxPods?.join(', ') ?? '';
  return conflict({
    code: 'TEMPLATE.MAX_PODS_LOST',
    message: `EKS's own launch template of ${nodegroupName} does not say maxPods ${maxPods}${found === '' ? '' : `, but ${found}`}. No node was made.`,
    why: 'Nodes start from that copy, not from the template of the plan: they would take another number of pods.',
    nextActions: [
      `aws ec2 describe-launch-template-versions --launch-template-id ${copy.launchTemplateId} --versions ${copy.version} --query 'LaunchTemplateVersions[0].LaunchTemplateData.UserData' --output text | base64 -d`,
      planAgain(params),
    ],
  });
}

function otherImage(params: Params, copy: Copy): Observation {
  return conflict({
    code: 'TEMPLATE.IMAGE_LOST',
    message: `EKS's own launch template of ${params.nodegroupName} has image ${copy.imageId}, not ${params.imageId}. No node was made.`,
    why: 'Nodes start from that copy: they would not be like those of the source.',
    nextActions: [
      `aws ec2 describe-launch-template-versions --launch-template-id ${copy.launchTemplateId} --versions ${copy.version}`,
      planAgain(params),
    ],
  });
}

const planAgain = ({ clusterName }: Params): string =>
  `make a new plan, when the cause is gone: prefix-migrate plan --cluster ${clusterName}`;
