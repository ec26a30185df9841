import { formatDuration } from '../domain/duration.ts';
import { mismatches, otherRole } from '../domain/nodegroup-match.ts';
import { nodegroupOwnerText } from '../domain/nodegroup-owner.ts';
import type { Step, StepParams } from '../domain/plan.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { Nodegroup } from '../domain/snapshot.ts';
import { conflict, isRecovering, issueText, sameAgain, statusText, stoppedPartWay } from './conflict.ts';
import type { Observation, StepContext, StepHandler } from './step-handler.ts';
import { isToldIn } from './told.ts';

type AwaitStep = Step<'await-nodegroup'>;
type Params = StepParams['await-nodegroup'];

/**
 * Waits until somebody else has made a replacement: Terraform, GitOps, a person. Its act tells the journal, and with it
 * everybody who watches, what has to be made; what then appears must be what the plan wants, field by field.
 */
export const awaitNodegroup: StepHandler<'await-nodegroup'> = {
  title: ({ params }) => `wait until node group ${params.group.nodegroupName} is made`,

  async observe(step, ports, context) {
    const { clusterName, nodegroupName } = step.params.group;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    if (group !== undefined && (group.status === 'ACTIVE' || !isOnItsWay(group))) return judge(step.params, group);
    const waiting = group === undefined ? `there is no node group ${nodegroupName} yet` : statusText(group);
    if (!isToldIn(context, step)) return { kind: 'actionable', detail: waiting };
    return { kind: 'in-progress', detail: waiting, tooLate: notMade(step, context) };
  },

  async act({ params }, _ports, run) {
    const limit = formatDuration(params.timeoutSeconds);
    const first = `waiting up to ${limit} for node group ${params.group.nodegroupName}, which is not made by this program:`;
    for (const message of [first, ...instructions(params, run)]) await run.progress({ kind: 'note', message });
  },

  describeCall: ({ params }) =>
    `none: waits up to ${formatDuration(params.timeoutSeconds)} for node group ${params.group.nodegroupName}, made by somebody else`,

  /** It made nothing: whoever made the group takes it away. */
  undo: () => undefined,

  deadlineSeconds: ({ params }) => params.timeoutSeconds,
};

const isOnItsWay = (group: Nodegroup): boolean =>
  ['CREATING', 'UPDATING', 'DELETING'].includes(group.status) || isRecovering(group);

function judge(params: Params, group: Nodegroup): Observation {
  const { clusterName, nodegroupName } = params.group;
  const look = `aws eks describe-nodegroup --cluster-name ${clusterName} --nodegroup-name ${nodegroupName}`;
  if (group.status !== 'ACTIVE') {
    return conflict({
      code: 'NODEGROUP.NOT_ACTIVE',
      message: `Node group ${nodegroupName} is ${group.status}: ${group.healthIssues.map(issueText).join('; ') || 'EKS gives no reason'}`,
      why: 'A replacement must be healthy before pods move to it. Nothing was moved or deleted.',
      nextActions: [look, `remove the cause where the group was made, ${sameAgain}`],
    });
  }
  const wrong = mismatches(params.group, group);
  if (wrong.length > 0) {
    return conflict({
      code: 'NODEGROUP.NOT_AS_PLANNED',
      message: `Node group ${nodegroupName} is there, but not as the plan wants it: ${wrong.map(({ field, wanted, found }) => `${field} is ${found}, wanted ${wanted}`).join('; ')}.`,
      why: 'Pods of the source need the same of their new nodes. Nothing was moved or deleted.',
      nextActions: [look, `change it where it was made, ${sameAgain}`],
    });
  }
  const role = otherRole(params.group, group)
    ? `; warning: its node role is ${group.nodeRole}, that of ${params.group.source} is ${params.group.nodeRole}: pods that use the rights of the node have others there`
    : '';
  return { kind: 'satisfied', detail: `node group ${nodegroupName} is ACTIVE, and as the plan wants it${role}` };
}

/** What has to be made, where, and from what. */
function instructions({ group, owner }: Params, { folder = 'DIR' }: Pick<StepContext, 'folder'>): string[] {
  const file = (format: string): string => `prefix-migrate export ${shellWord(folder)} --format ${format}`;
  const name = group.nodegroupName;
  switch (owner.tool) {
    case 'eksctl':
      return [
        `${file('eksctl')} > ${name}.yaml`,
        `eksctl create nodegroup --config-file ${name}.yaml --include ${name}`,
      ];
    case 'cloudformation':
      return [
        `${file('cloudformation')}   # node group ${name} as a resource for a template`,
        'add it to a stack of your own, and update that stack',
      ];
    case 'nobody':
    case 'terraform':
      return [
        `${file('terraform')}   # node group ${name} as resources for Terraform`,
        `add them beside those of ${group.source}, which stay for now; then: terraform apply`,
      ];
    case 'ack':
    case 'cluster-api':
    case 'crossplane':
    case 'pulumi':
    case 'rancher':
      return [
        `${file('terraform')}   # shows node group ${name} field by field`,
        `make it so in ${nodegroupOwnerText(owner)}, beside ${group.source}, which stays for now`,
      ];
  }
}

function notMade(step: AwaitStep, context: StepContext) {
  const { group, timeoutSeconds } = step.params;
  return stoppedPartWay({
    code: 'NODEGROUP.NOT_MADE',
    message: `Node group ${group.nodegroupName} was not made within ${formatDuration(timeoutSeconds)}.`,
    why: 'The plan leaves that to another tool (--create-with external). Nothing was changed by this step.',
    nextActions: [...instructions(step.params, context), sameAgain],
  });
}
