/** What all formats say of a plan: its replacements, and in comments the reasons. */
import type { MigrationPlan, NodegroupPlan, ReplacementParts, Step, StepParams } from '../domain/plan.ts';
import { planFolder } from '../domain/plan-command.ts';
import { replacementPartsOf } from '../domain/replacement-parts.ts';
import { shellWord } from '../domain/shell-word.ts';

export interface PlannedGroup extends ReplacementParts {
  plan: NodegroupPlan;
}

/** Of a plan without steps none. */
export const plannedGroups = (plan: MigrationPlan): PlannedGroup[] =>
  plan.nodegroups.flatMap((nodegroup) => {
    const parts = replacementPartsOf(plan, nodegroup.source);
    return parts === undefined ? [] : [{ plan: nodegroup, ...parts }];
  });

/** What makes the node groups, or waits for them. */
export const applyCommand = ({ cluster }: Pick<MigrationPlan, 'cluster'>): string =>
  `prefix-migrate apply ${shellWord(planFolder(cluster.name))}`;

export const titleOf = ({ planId, cluster }: MigrationPlan): string =>
  `Plan ${planId.slice(0, 8)}: ${cluster.name} to prefix delegation.`;

/** In place of the description of a plan that creates nothing. */
export const nothingToCreate = 'The plan has no steps: there is nothing to create.';

/** Why a part of a replacement is not as its source has it; empty: it is. `fields`: of Difference.field. */
export const reasonsOf = ({ differences }: NodegroupPlan, fields: RegExp): string[] => [
  ...new Set(
    differences
      .filter(({ field }) => fields.test(field))
      .map(({ field, source, replacement, reason }) => {
        if (replacement === null) return `without ${field}: ${reason}`;
        return source === null || source.length > 60 ? `${field}: ${reason}` : `${field} was ${source}: ${reason}`;
      }),
  ),
];

type Template = StepParams['create-launch-template'];

/** User data of the source, which no file of a plan may hold. */
export const hasUserDataOfSource = ({ sourceTemplate }: Template): boolean =>
  (sourceTemplate?.userDataHash ?? null) !== null;

/** Our user data, cut where values of the cluster are missing in it: text and names (`clusterEndpoint`) in turn. */
export const userDataParts = ({ userData, merge }: Pick<Template, 'userData' | 'merge'>): string[] =>
  merge?.valuesOfCluster === undefined ? [userData] : userData.split(/\{\{(cluster\w+)\}\}/);

/** How to join ours with the user data of the source, for whoever has to do it by hand. */
export function mergeInstructions({ plan, template: { sourceTemplate, merge } }: PlannedGroup): string[] {
  const { launchTemplateId: id, version } = sourceTemplate ?? { launchTemplateId: '', version: '' };
  const { format = 'mime', position = 'last', replace = [], taints } = merge ?? {};
  const how =
    format === 'toml'
      ? `set in it what ${plan.userDataFile} of the plan folder says (TOML)`
      : `add the part of ${plan.userDataFile} of the plan folder as its ${position} part (MIME)`;
  return [
    `The nodes of ${plan.source} have user data of their own, which may hold secrets and is in no plan. To join it with ours:`,
    `  aws ec2 describe-launch-template-versions --launch-template-id ${id} --versions ${version} --query 'LaunchTemplateVersions[0].LaunchTemplateData.UserData' --output text | base64 -d`,
    `  ${how}`,
    ...replace.map(({ from, to }) => `  where it says ${from}, write ${to}`),
    ...(taints === undefined
      ? []
      : [`  unless it does already, register the taints: kubelet flag --register-with-taints=${taints}`]),
  ];
}

/** What becomes of the sources, each after its pods have moved. */
export const removalOfSources = ({ steps }: MigrationPlan): string[] =>
  steps.flatMap((step) => {
    if (step.kind === 'hand-over-source') {
      const { nodegroupName, instructions } = step.params;
      return [`${nodegroupName}, once drained, is yours to delete:`, ...instructions.map((line) => `  - ${line}`)];
    }
    return step.kind === 'delete-source' ? [`${step.params.nodegroupName} is deleted by prefix-migrate.`] : [];
  });

/** The step that sets the add-on, unless another tool has it and will say the last word. */
export const addonStepOf = ({ steps, vpcCni }: MigrationPlan): Step<'configure-vpc-cni'> | undefined =>
  vpcCni.owner.tool === 'eks' ? steps.find((step) => step.kind === 'configure-vpc-cni') : undefined;

/** The VPC CNI, where `addonStepOf` has nothing: what has to be set, and how; empty: nothing. */
export function vpcCniInstructions(plan: MigrationPlan): string[] {
  return plan.steps.flatMap((step) => {
    if (step.kind === 'configure-vpc-cni' && addonStepOf(plan) === undefined) {
      return [
        'prefix-migrate sets the add-on vpc-cni, which belongs to another tool:',
        ...plan.vpcCni.instructions.map((line) => `  ${line}`),
      ];
    }
    if (step.kind === 'patch-vpc-cni') {
      const values = Object.entries(step.params.env).map(([name, value]) => `${name}=${value ?? '(not set)'}`);
      return [
        `The VPC CNI is no EKS add-on: prefix-migrate sets ${values.join(', ')} on DaemonSet kube-system/aws-node.`,
      ];
    }
    if (step.kind !== 'await-vpc-cni') return [];
    return ['The VPC CNI is set where it is managed:', ...step.params.instructions.map((line) => `  ${line}`)];
  });
}

/** User data as lines of a comment. */
export const quotedLines = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `  | ${line}`.trimEnd());
