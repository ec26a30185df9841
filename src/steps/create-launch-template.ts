import { sha256Hex } from '../domain/canonical-json.ts';
import type { MigrateError } from '../domain/migrate-error.ts';
import type { StepParams } from '../domain/plan.ts';
import { undoPrefix } from '../domain/run-state.ts';
import type { Ports } from '../ports/ports.ts';
import { conflict, sameAgain, stoppedPartWay } from './conflict.ts';
import { isOurs } from './ownership.ts';
import type { Observation, StepHandler } from './step-handler.ts';
import { fillClusterValues, mergeUserData } from './user-data.ts';

type Params = StepParams['create-launch-template'];

/** The version that creation makes, and the only one that is ours. */
export const ownVersion = '1';

/** Creates the launch template of a replacement, found again by its name. User data of the source is fetched only now. */
export const createLaunchTemplate: StepHandler<'create-launch-template'> = {
  title: ({ params }) => `create launch template ${params.launchTemplateName}`,

  async observe({ params }, ports) {
    const { launchTemplateName: name, tags } = params;
    const found = await ports.ec2.findLaunchTemplate(name);
    const change = await sourceChange(params, ports);
    if (found === undefined) {
      if (change !== null) return change;
      // said now when the two cannot be joined, before anything is made
      await userData(params, ports);
      return { kind: 'actionable', detail: `there is no launch template ${name} yet` };
    }
    if (!isOurs(tags, found.tags)) return takenByOthers(name);
    if (change !== null) return change;
    const version = await ports.ec2.describeLaunchTemplateVersion(found.launchTemplateId, ownVersion);
    if (version === undefined) return notVisible(name);
    if (version.userDataHash !== sha256Hex(await userData(params, ports))) return takenByOthers(name);
    return { kind: 'satisfied', detail: `${name} is ${found.launchTemplateId}` };
  },

  async act({ params }, ports, run) {
    const { launchTemplateName: name, data, tags } = params;
    await ports.ec2.createLaunchTemplate({ name, data, userData: await userData(params, ports), tags }, run.token);
  },

  describeCall: ({ params }) => `ec2:CreateLaunchTemplate ${params.launchTemplateName}`,

  undo: ({ id, params: { launchTemplateName, tags } }) => ({
    id: `${undoPrefix}${id}`,
    kind: 'delete-launch-template',
    phase: 'delete',
    impact: 'destructive',
    dependsOn: [],
    summary: `delete launch template ${launchTemplateName}`,
    params: { launchTemplateName, tags },
  }),

  deadlineSeconds: () => 5 * 60,
};

/** Conflict when the source's template is not the one that the plan was made from. */
async function sourceChange({ sourceTemplate }: Params, ports: Ports): Promise<Observation | null> {
  if (sourceTemplate === null) return null;
  const { launchTemplateId, version, userDataHash } = sourceTemplate;
  const found = await ports.ec2.describeLaunchTemplateVersion(launchTemplateId, version);
  if (found !== undefined && found.userDataHash === userDataHash) return null;
  return conflict({
    code: 'TEMPLATE.SOURCE_CHANGED',
    message: `Launch template ${launchTemplateId} version ${version} of the source is ${found === undefined ? 'gone' : 'not the one that the plan was made from'}.`,
    why: 'The replacement must start with the same user data as the source; what would be copied now is something else.',
    nextActions: [
      `aws ec2 describe-launch-template-versions --launch-template-id ${launchTemplateId}`,
      'make a new plan: prefix-migrate plan --cluster CLUSTER',
    ],
  });
}

/** May hold secrets: goes from EC2 to EC2 and nowhere else. */
async function userData({ sourceTemplate, userData: ours, merge }: Params, ports: Ports): Promise<string> {
  const cluster = merge?.valuesOfCluster;
  const filled = cluster === undefined ? ours : fillClusterValues(ours, await ports.eks.describeCluster(cluster));
  const hasOwn = sourceTemplate !== null && sourceTemplate.userDataHash !== null;
  const source = hasOwn
    ? await ports.ec2.launchTemplateUserData(sourceTemplate.launchTemplateId, sourceTemplate.version)
    : null;
  return mergeUserData(source, filled, merge);
}

/** EC2 may show the template before its version. */
function notVisible(name: string): Observation {
  const detail = `version ${ownVersion} of launch template ${name} is not visible yet`;
  return { kind: 'in-progress', detail, tooLate: nameTaken(name) };
}

const takenByOthers = (name: string): Observation => ({ kind: 'conflict', error: nameTaken(name) });

function nameTaken(name: string): MigrateError {
  return stoppedPartWay({
    code: 'TEMPLATE.NAME_TAKEN',
    message: `There is a launch template ${name} already that this plan did not make. It was left as it is.`,
    why: 'It has not the tags of this plan, or not the user data that was planned.',
    nextActions: [
      `aws ec2 describe-launch-template-versions --launch-template-name ${name}`,
      `when nothing uses it: aws ec2 delete-launch-template --launch-template-name ${name}`,
      sameAgain,
    ],
  });
}
