import { eksctlLacksOf, eksctlNodegroup, eksctlNodegroupOfTemplate } from '../domain/eksctl-nodegroup.ts';
import type { CreationMode, MigrationPlan, Step } from '../domain/plan.ts';
import { notPossible } from './not-possible.ts';
import {
  hasUserDataOfSource,
  mergeInstructions,
  nothingToCreate,
  type PlannedGroup,
  plannedGroups,
  reasonsOf,
  titleOf,
  vpcCniInstructions,
} from './replacements.ts';
import { yamlText } from './yaml.ts';

/**
 * The replacement groups and the setting of the VPC CNI as an eksctl ClusterConfig (eksctl.io/v1alpha5), for review and for
 * people who create their node groups with eksctl. Comments give the reason of each change. A group of which eksctl has to
 * be told by a launch template is in a comment, because eksctl takes its id, which is known once the template is there.
 */
export function eksctlYaml(plan: MigrationPlan): string {
  const change = plan.steps.find((step) => step.kind === 'configure-vpc-cni');
  const groups = plannedGroups(plan).map((one) => ({ ...one, lacks: eksctlLacksOf(one) }));
  const inWords = groups.filter(({ lacks }) => lacks.template.length + lacks.group.length === 0);
  const others = groups.filter((one) => !inWords.includes(one));
  return yamlText(
    {
      apiVersion: 'eksctl.io/v1alpha5',
      kind: 'ClusterConfig',
      metadata: { name: plan.cluster.name, region: plan.cluster.region, version: plan.cluster.kubernetesVersion },
      ...(change === undefined ? {} : { addons: [addon(change)] }),
      ...(inWords.length === 0
        ? {}
        : { managedNodeGroups: inWords.map((one) => eksctlNodegroup(one, one.plan.maxPods.value)) }),
    },
    {
      head: [
        titleOf(plan),
        ...(plan.steps.length === 0 ? [nothingToCreate] : purposes[plan.request.createWith]),
        ...vpcCniInstructions(plan),
      ],
      above: [
        { path: ['addons'], lines: ['One switch for the whole cluster: aws-node attaches /28 prefixes from then on.'] },
        ...inWords.flatMap((one, index) =>
          remarks(one).map(([key, lines]) => ({ path: ['managedNodeGroups', index, key], lines })),
        ),
      ],
      foot: others.flatMap((one, index) => [...(index === 0 ? [] : ['']), ...ofTemplate(plan, one)]),
    },
  );
}

/** The same for somebody who has asked for it: what eksctl cannot be told at all is refused. @throws EXPORT.NOT_POSSIBLE */
export function eksctlExport(plan: MigrationPlan): string {
  const refused = plannedGroups(plan).flatMap((one) => {
    const { group } = eksctlLacksOf(one);
    return group.length === 0 ? [] : [`${one.plan.replacement}: ${group.join(', ')}`];
  });
  if (refused.length === 0) return eksctlYaml(plan);
  throw notPossible(plan, {
    format: 'eksctl',
    why: `eksctl has no words for ${refused.join('; ')}, with a launch template neither.`,
    others: plan.request.createWith === 'eksctl' ? [] : ['terraform', 'cloudformation'],
  });
}

const purposes: Record<CreationMode, string[]> = {
  api: ['For review. prefix-migrate creates the same through the EKS API.'],
  eksctl: ['For review. prefix-migrate lets eksctl create the groups from a file like this.'],
  external: ['prefix-migrate waits for these groups: eksctl create nodegroup --config-file FILE', atThatMoment()],
};

function atThatMoment(): string {
  return 'Run it when prefix-migrate apply says that it waits: the nodes come up in prefix mode only once the VPC CNI is switched.';
}

const addon = ({ params }: Step<'configure-vpc-cni'>) => ({
  name: params.addonName,
  version: params.addonVersion,
  // refuse rather than overwrite what somebody else set
  resolveConflicts: 'none',
  configurationValues: params.configurationValues,
});

/** Why a member of a group is as it is. */
function remarks({ plan, template }: PlannedGroup): [key: string, lines: string[]][] {
  const hasImage = template.data['ImageId'] !== undefined;
  const maxPods = `${plan.maxPodsBefore} before; ${plan.maxPods.limitedBy}.`;
  return [
    ['name', [`Takes the place of ${plan.source}.`]],
    ['ami', [`With an image of one's own eksctl takes no maxPodsPerNode: it stands below. ${maxPods}`]],
    ['amiFamily', reasonsOf(plan, /^amiType$/)],
    ['instanceTypes', reasonsOf(plan, /^instanceTypes$/)],
    ['minSize', reasonsOf(plan, /^scaling/)],
    ['subnets', reasonsOf(plan, /^subnetIds$/)],
    ['maxPodsPerNode', [maxPods]],
    [
      'overrideBootstrapCommand',
      [`${hasImage ? 'For nodeadm, which' : 'nodeadm'} sizes this reservation for secondary IP mode.`],
    ],
    ['volumeSize', reasonsOf(plan, /^launchTemplate\.BlockDeviceMappings/)],
    ['disableIMDSv1', reasonsOf(plan, /^launchTemplate\.MetadataOptions/)],
    ['labels', reasonsOf(plan, /^labels\./)],
    ['tags', reasonsOf(plan, /^tags\.(?!prefix-migrate\/)/)],
  ];
}

/** A group with a launch template, to be taken out of the comment when that is there. */
function ofTemplate(plan: MigrationPlan, one: PlannedGroup & { lacks: ReturnType<typeof eksctlLacksOf> }): string[] {
  const { source, replacement } = one.plan;
  const { template, group } = one.lacks;
  const lacks = [...template, ...group].join(', ');
  const title = `Not above: ${replacement}, which takes the place of ${source}. eksctl has no words for ${lacks}`;
  if (group.length > 0) return [`${title}, with a launch template neither: see --format terraform or cloudformation.`];
  const entry = yamlText({ managedNodeGroups: [eksctlNodegroupOfTemplate(one)] }, { head: [] });
  return [
    `${title}.`,
    'eksctl can make it from a launch template, which it takes by its id, and that is known once the template is there.',
    ...(plan.request.createWith === 'external'
      ? [
          `Make launch template ${replacement} first: --format terraform and cloudformation show all of it.`,
          ...(hasUserDataOfSource(one.template) ? mergeInstructions(one) : []),
        ]
      : [`prefix-migrate apply makes launch template ${replacement} in phase prepare.`]),
    'Its id:',
    `  aws ec2 describe-launch-templates --region ${plan.cluster.region} --launch-template-names ${replacement} --query 'LaunchTemplates[].LaunchTemplateId' --output text`,
    'Then this entry, with launchTemplate in it: that id, and version "1".',
    ...entry.trimEnd().split('\n'),
  ];
}
