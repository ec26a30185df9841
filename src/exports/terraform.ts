import type { MigrationPlan, Step } from '../domain/plan.ts';
import { shellWord } from '../domain/shell-word.ts';
import { type HclBlock, type HclExpression, type HclItem, type HclValue, hclText, interpolated } from './hcl.ts';
import { notPossible } from './not-possible.ts';
import {
  addonStepOf,
  applyCommand,
  hasUserDataOfSource,
  mergeInstructions,
  nothingToCreate,
  type PlannedGroup,
  plannedGroups,
  quotedLines,
  reasonsOf,
  removalOfSources,
  titleOf,
  userDataParts,
  vpcCniInstructions,
} from './replacements.ts';
import { launchTemplateItems } from './terraform-launch-template.ts';

/**
 * The replacements and the add-on as Terraform has them (provider hashicorp/aws). Of a plan that waits for its groups it is
 * what their owner applies; of others what takes over the groups that this program has made.
 *
 * @throws MigrateError EXPORT.NOT_POSSIBLE (exit 2) for a setting that the provider has no word for, and groups of eksctl
 */
export function terraformText(plan: MigrationPlan): string {
  if (plan.request.createWith === 'eksctl') throw ofEksctl(plan);
  const groups = plannedGroups(plan);
  const lacks = groups.flatMap((one) =>
    launchTemplateItems(one.template.data).lacks.map(
      (setting) => `${setting} of launch template ${one.plan.replacement}`,
    ),
  );
  if (lacks.length > 0) {
    throw notPossible(plan, {
      format: 'terraform',
      why: `aws_launch_template has no word for ${lacks.join(', ')}, as far as this version knows.`,
      others: ['cloudformation'],
    });
  }
  if (plan.steps.length === 0) return hclText([titleOf(plan), nothingToCreate], []);
  const isMadeHere = plan.request.createWith === 'external';
  const step = addonStepOf(plan);
  return hclText(
    [
      titleOf(plan),
      '',
      ...(isMadeHere ? orderWhenMadeHere(plan) : orderWhenTakenOver(plan)),
      ...vpcCniInstructions(plan),
    ],
    [
      ...(step === undefined ? [] : addonBlocks(step)),
      ...(groups.some(({ template }) => userDataParts(template).length > 1) ? [clusterBlock(plan)] : []),
      ...groups.flatMap((one) => groupBlocks(one, isMadeHere)),
    ],
    ['What becomes of the old node groups, once their pods have moved:', ...removalOfSources(plan)],
  );
}

const orderWhenMadeHere = (plan: MigrationPlan): string[] => [
  '1. Put this file beside the configuration of the old node groups. Their blocks stay: removed in the same change, they',
  '   would be gone before a pod has moved.',
  `2. ${applyCommand(plan)}`,
  '   switches the VPC CNI, and says when it waits for the node groups below.',
  '3. Then: terraform apply. It must add, and neither change nor destroy what is there. The run finds the groups by their',
  '   names, which must stay as they are, verifies them, and moves the pods.',
  '4. When the pods have moved, remove the blocks of the old node groups, in a change of its own.',
];

const orderWhenTakenOver = (plan: MigrationPlan): string[] => [
  'prefix-migrate makes the node groups below; with this file Terraform (1.6 or newer) takes them over.',
  `1. ${applyCommand(plan)}`,
  '2. Put this file beside the configuration of the old node groups. terraform plan must show imports, and neither destroy nor',
  '   replace anything. Then: terraform apply.',
  '3. When the pods have moved, remove the blocks of the old node groups, in a change of its own.',
];

/** An identifier made from a name. Names of node groups differ in more than what is changed here. */
const labelOf = (name: string): string => name.replaceAll(/[^\w-]/g, '_').replace(/^(?=[\d-])/, '_');

const reference = (expression: string): HclExpression => ({ expression });

const attribute = (name: string, value: HclValue, comment: readonly string[] = []): HclItem => ({
  name,
  value,
  comment,
});

const importBlock = (to: string, id: HclValue, comment: readonly string[] = []): HclBlock => ({
  type: 'import',
  comment,
  body: [attribute('to', reference(to)), attribute('id', id)],
});

const ignoring = (...fields: string[]): HclItem => ({
  type: 'lifecycle',
  body: [attribute('ignore_changes', fields.map(reference))],
});

function addonBlocks({ params }: Step<'configure-vpc-cni'>): HclBlock[] {
  const { clusterName, addonName, addonVersion, configurationValues } = params;
  return [
    importBlock('aws_eks_addon.vpc_cni', `${clusterName}:${addonName}`, [
      'prefix-migrate sets this, and here Terraform keeps it. Where your configuration has the add-on already, change its',
      'configuration_values to these, and leave these two blocks out.',
    ]),
    {
      type: 'resource',
      labels: ['aws_eks_addon', 'vpc_cni'],
      body: [
        attribute('cluster_name', clusterName),
        attribute('addon_name', addonName),
        attribute('addon_version', addonVersion),
        attribute('configuration_values', configurationValues),
        attribute('resolve_conflicts_on_update', 'NONE', ['refuse rather than overwrite what somebody else set']),
        {
          ...ignoring('service_account_role_arn', 'pod_identity_association'),
          comment: ['As it is: the role of the add-on is no part of the plan.'],
        },
      ],
    },
  ];
}

const clusterBlock = ({ cluster }: MigrationPlan): HclBlock => ({
  type: 'data',
  labels: ['aws_eks_cluster', 'prefix_migrate'],
  comment: ['Nodes with an image of your own need values of the cluster to join.'],
  body: [attribute('name', cluster.name)],
});

function groupBlocks(one: PlannedGroup, isMadeHere: boolean): HclBlock[] {
  const { plan, group, template } = one;
  const label = labelOf(plan.replacement);
  const variable: HclBlock[] =
    isMadeHere && hasUserDataOfSource(template)
      ? [
          {
            type: 'variable',
            labels: [`${label}_user_data`],
            comment: [...mergeInstructions(one), `This is ${plan.userDataFile}:`, ...quotedLines(template.userData)],
            body: [
              attribute('description', `User data of launch template ${template.launchTemplateName}, not encoded`),
              attribute('type', reference('string')),
              attribute('sensitive', true),
            ],
          },
        ]
      : [];
  const taken: HclBlock[] = isMadeHere
    ? []
    : [
        {
          type: 'data',
          labels: ['aws_launch_template', label],
          comment: ['Its id is known once prefix-migrate has made it.'],
          body: [attribute('name', template.launchTemplateName)],
        },
        importBlock(`aws_launch_template.${label}`, reference(`data.aws_launch_template.${label}.id`)),
        importBlock(`aws_eks_node_group.${label}`, `${group.clusterName}:${group.nodegroupName}`),
      ];
  return [...variable, ...taken, launchTemplate(one, label, isMadeHere), nodegroup(one, label)];
}

function launchTemplate(one: PlannedGroup, label: string, isMadeHere: boolean): HclBlock {
  const { plan, template } = one;
  const { maxPods, maxPodsBefore } = plan;
  return {
    type: 'resource',
    labels: ['aws_launch_template', label],
    comment: [
      `Takes the place of ${plan.source}.`,
      ...reasonsOf(plan, /^launchTemplate\.(?!UserData|TagSpecifications)/),
    ],
    body: [
      attribute('name', template.launchTemplateName),
      ...launchTemplateItems(template.data).items,
      attribute('user_data', userData(one, label, isMadeHere), [
        `maxPods ${maxPods.value}; ${maxPodsBefore} before; ${maxPods.limitedBy}.`,
      ]),
      tags(template.tags),
    ],
  };
}

/** Of a template that was made already with user data that is in no plan: as it is. */
function userData({ template }: PlannedGroup, label: string, isMadeHere: boolean): HclValue {
  if (hasUserDataOfSource(template)) {
    return reference(
      isMadeHere ? `base64encode(var.${label}_user_data)` : `data.aws_launch_template.${label}.user_data`,
    );
  }
  return {
    before: String.raw`base64encode(join("\n", `,
    lines: template.userData.split('\n').map((line) => withValues(userDataParts({ ...template, userData: line }))),
    after: '))',
  };
}

const clusterExpressions: Record<string, string> = {
  clusterName: 'name',
  clusterEndpoint: 'endpoint',
  clusterCertificateAuthority: 'certificate_authority[0].data',
  clusterServiceCidr: 'kubernetes_network_config[0].service_ipv4_cidr',
};

const withValues = (parts: readonly string[]): HclValue =>
  parts.length === 1
    ? (parts[0] ?? '')
    : interpolated(parts.map((part, index) => (index % 2 === 0 ? part : clusterValue(part))));

function clusterValue(name: string): HclExpression {
  const cluster = 'data.aws_eks_cluster.prefix_migrate';
  // EKS gives the tenth address of the range to the DNS of the cluster
  if (name === 'clusterDnsIp')
    return reference(`cidrhost(${cluster}.kubernetes_network_config[0].service_ipv4_cidr, 10)`);
  return reference(`${cluster}.${clusterExpressions[name] ?? name}`);
}

function nodegroup({ plan, group }: PlannedGroup, label: string): HclBlock {
  const { scaling, updateConfig } = group;
  const hasOwnImage = group.amiType === 'CUSTOM';
  return {
    type: 'resource',
    labels: ['aws_eks_node_group', label],
    comment: [`Takes the place of ${plan.source}.`],
    body: [
      attribute('cluster_name', group.clusterName),
      attribute('node_group_name', group.nodegroupName),
      attribute('node_role_arn', group.nodeRole),
      attribute('subnet_ids', group.subnetIds, reasonsOf(plan, /^subnetIds$/)),
      attribute('capacity_type', group.capacityType),
      attribute('instance_types', group.instanceTypes, reasonsOf(plan, /^instanceTypes$/)),
      ...(hasOwnImage ? [] : [attribute('ami_type', group.amiType, reasonsOf(plan, /^amiType$/))]),
      ...(group.kubernetesVersion === null ? [] : [attribute('version', group.kubernetesVersion)]),
      ...(Object.keys(group.labels).length === 0
        ? []
        : [attribute('labels', { map: group.labels }, reasonsOf(plan, /^labels\./))]),
      tags(group.tags, reasonsOf(plan, /^tags\.(?!prefix-migrate\/)/)),
      {
        type: 'launch_template',
        body: [
          attribute('id', reference(`aws_launch_template.${label}.id`)),
          attribute('version', reference(`aws_launch_template.${label}.latest_version`)),
        ],
      },
      {
        type: 'scaling_config',
        comment: reasonsOf(plan, /^scaling/),
        body: [
          attribute('desired_size', scaling.desiredSize),
          attribute('min_size', scaling.minSize),
          attribute('max_size', scaling.maxSize),
        ],
      },
      ...group.taints.map(
        ({ key, value, effect }): HclItem => ({
          type: 'taint',
          body: [
            attribute('key', key),
            ...(value === null ? [] : [attribute('value', value)]),
            attribute('effect', effect),
          ],
        }),
      ),
      ...blockOf('update_config', updateConfig),
      ...blockOf('node_repair_config', group.nodeRepairConfig),
      ...blockOf('warm_pool_config', group.warmPoolConfig),
      { ...ignoring('scaling_config[0].desired_size'), comment: ['Autoscalers change it.'] },
    ],
  };
}

const tags = (values: Readonly<Record<string, string>>, comment: readonly string[] = []): HclItem =>
  attribute('tags', { map: values }, comment);

/** An object of the EKS API as a block: the provider names members alike, but for underscores. */
function blockOf(type: string, value: object | null | undefined): HclItem[] {
  if (value == null) return [];
  const body = Object.entries(value).flatMap(([key, member]: [string, unknown]): HclItem[] => {
    const name = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (Array.isArray(member)) return member.flatMap((one: unknown) => (isObject(one) ? blockOf(name, one) : []));
    if (isObject(member)) return blockOf(name, member);
    if (typeof member === 'string' || typeof member === 'number' || typeof member === 'boolean') {
      return [attribute(name, member)];
    }
    return [];
  });
  return body.length === 0 ? [] : [{ type, body }];
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const ofEksctl = (plan: MigrationPlan) =>
  notPossible(plan, {
    format: 'terraform',
    why: 'The plan lets eksctl make the groups (--create-with eksctl). They belong to its CloudFormation stacks, and cannot belong to Terraform, too.',
    others: ['eksctl'],
    advice: [`prefix-migrate plan --cluster ${shellWord(plan.cluster.name)} --create-with external`],
  });
