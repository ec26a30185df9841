import type { MigrationPlan, Step } from '../domain/plan.ts';
import { shellWord } from '../domain/shell-word.ts';
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
import { yamlText } from './yaml.ts';

type Data = Record<string, unknown>;

/**
 * The replacements and the add-on as resources of a CloudFormation template. The only functions in it are Ref, Fn::GetAtt,
 * Fn::Base64 and Fn::Join, in their long form, so that no text of the plan is taken for more than text.
 *
 * @throws MigrateError EXPORT.NOT_POSSIBLE (exit 2) for groups of eksctl, and text that CloudFormation would replace
 */
export function cloudformationYaml(plan: MigrationPlan): string {
  if (plan.request.createWith === 'eksctl') throw ofEksctl(plan);
  const groups = plannedGroups(plan);
  if (/\{\{resolve:/.test(JSON.stringify(groups.map(({ group, template }) => ({ group, template })))))
    throw resolved(plan);
  if (plan.steps.length === 0) return yamlText({ Resources: {} }, { head: [titleOf(plan), nothingToCreate] });
  const isMadeHere = plan.request.createWith === 'external';
  const ids = logicalIds(groups.map(({ plan: { replacement } }) => replacement));
  const change = addonStepOf(plan);
  const named = groups.map((one, index) => ({ one, id: ids[index] ?? '' }));
  const parameters = Object.assign({}, ...named.map(({ one, id }) => parametersOf(one, id)));
  const resources = {
    ...(change === undefined || isMadeHere ? {} : { VpcCni: addon(change) }),
    ...Object.assign({}, ...named.map(({ one, id }) => resourcesOf(one, id))),
  };
  return yamlText(
    {
      AWSTemplateFormatVersion: '2010-09-09',
      ...(Object.keys(parameters).length === 0 ? {} : { Parameters: parameters }),
      Resources: isMadeHere ? resources : retained(resources),
    },
    {
      head: [
        titleOf(plan),
        '',
        ...(isMadeHere ? orderWhenMadeHere(plan) : orderWhenTakenOver(plan, named)),
        ...vpcCniInstructions(plan),
        ...(change === undefined || !isMadeHere ? [] : addonRemark(change)),
      ],
      above: named.flatMap(({ one, id }) => remarks(one, id)),
      foot: ['What becomes of the old node groups, once their pods have moved:', ...removalOfSources(plan)],
    },
  );
}

const orderWhenMadeHere = (plan: MigrationPlan): string[] => [
  '1. Add these resources to a stack of their own, or to that of the old node groups, which stay in it for now.',
  `2. ${applyCommand(plan)}`,
  '   switches the VPC CNI, and says when it waits for the node groups below. Then create or update the stack. The run finds',
  '   the groups by their names, which must stay as they are, verifies them, and moves the pods.',
  '3. When the pods have moved, remove the old node groups from their stack, in an update of its own.',
];

const orderWhenTakenOver = (plan: MigrationPlan, named: readonly { one: PlannedGroup; id: string }[]): string[] => [
  'prefix-migrate makes the node groups below; with this file a stack takes them over.',
  `1. ${applyCommand(plan)}`,
  '2. Import them: aws cloudformation create-change-set --change-set-type IMPORT, with these identifiers:',
  ...named.flatMap(({ one: { group, template }, id }) => [
    `   ${id}: Id ${group.clusterName}/${group.nodegroupName}`,
    `   ${id}Template: LaunchTemplateId of ${template.launchTemplateName}`,
  ]),
  ...(addonStepOf(plan) === undefined
    ? []
    : [
        `   VpcCni: ClusterName ${plan.cluster.name}, AddonName vpc-cni. Leave it out where it belongs to a stack already; there set`,
        '   the same configuration.',
      ]),
  '3. When the pods have moved, remove the old node groups from their stack, in an update of its own.',
];

const addonRemark = ({ params }: Step<'configure-vpc-cni'>): string[] => [
  'The add-on vpc-cni is there already, and prefix-migrate sets it. Where it belongs to a stack (AWS::EKS::Addon), set there:',
  `  ConfigurationValues: ${params.configurationValues}`,
];

/** A resource that is imported has to say what becomes of it with its stack. */
const retained = (resources: Record<string, Data>): Record<string, Data> =>
  Object.fromEntries(
    Object.entries(resources).map(([id, { Type, ...rest }]) => [id, { Type, DeletionPolicy: 'Retain', ...rest }]),
  );

/** Letters and digits alone, each once: `AppsPd01234567`. */
function logicalIds(names: readonly string[]): string[] {
  const taken = new Map<string, number>();
  return names.map((name) => {
    const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
    const id = `Nodes${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}`;
    const before = taken.get(id) ?? 0;
    taken.set(id, before + 1);
    return before === 0 ? id : `${id}x${before + 1}`;
  });
}

const addon = ({ params }: Step<'configure-vpc-cni'>): Data => ({
  Type: 'AWS::EKS::Addon',
  Properties: {
    ClusterName: params.clusterName,
    AddonName: params.addonName,
    AddonVersion: params.addonVersion,
    ConfigurationValues: params.configurationValues,
    ResolveConflicts: 'NONE',
  },
});

function resourcesOf({ group, template }: PlannedGroup, id: string): Record<string, Data> {
  return {
    [`${id}Template`]: {
      Type: 'AWS::EC2::LaunchTemplate',
      Properties: {
        LaunchTemplateName: template.launchTemplateName,
        LaunchTemplateData: { ...template.data, UserData: { 'Fn::Base64': userData(template, id) } },
        TagSpecifications: [
          {
            ResourceType: 'launch-template',
            Tags: Object.entries(template.tags).map(([Key, Value]) => ({ Key, Value })),
          },
        ],
      },
    },
    [id]: {
      Type: 'AWS::EKS::Nodegroup',
      Properties: {
        ClusterName: group.clusterName,
        NodegroupName: group.nodegroupName,
        NodeRole: group.nodeRole,
        Subnets: group.subnetIds,
        CapacityType: group.capacityType,
        InstanceTypes: group.instanceTypes,
        // the image of the template decides them
        ...(group.amiType === 'CUSTOM' ? {} : { AmiType: group.amiType }),
        ...(group.kubernetesVersion === null ? {} : { Version: group.kubernetesVersion }),
        LaunchTemplate: {
          Id: { Ref: `${id}Template` },
          Version: { 'Fn::GetAtt': [`${id}Template`, 'LatestVersionNumber'] },
        },
        ScalingConfig: inCapitals(group.scaling),
        ...(Object.keys(group.labels).length === 0 ? {} : { Labels: group.labels }),
        ...(group.taints.length === 0
          ? {}
          : {
              Taints: group.taints.map(({ key, value, effect }) => ({
                Key: key,
                ...(value === null ? {} : { Value: value }),
                Effect: effect,
              })),
            }),
        Tags: group.tags,
        ...(group.updateConfig === null ? {} : { UpdateConfig: inCapitals(group.updateConfig) }),
        ...(group.nodeRepairConfig === null ? {} : { NodeRepairConfig: inCapitals(group.nodeRepairConfig) }),
        ...(group.warmPoolConfig == null ? {} : { WarmPoolConfig: inCapitals(group.warmPoolConfig) }),
      },
    },
  };
}

/** An object of the EKS API as CloudFormation has it, which begins its members with a capital. */
function inCapitals(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inCapitals);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key.charAt(0).toUpperCase() + key.slice(1), inCapitals(member)]),
  );
}

/** Values of the cluster that a template cannot look up; the names are those of parameters. */
const clusterParameters: Record<string, { name: string; query: string }> = {
  clusterCertificateAuthority: { name: 'ClusterCertificateAuthority', query: 'certificateAuthority.data' },
  clusterServiceCidr: { name: 'ClusterServiceCidr', query: 'kubernetesNetworkConfig.serviceIpv4Cidr' },
  clusterEndpoint: { name: 'ClusterEndpoint', query: 'endpoint' },
  clusterDnsIp: {
    name: 'ClusterDnsIp',
    query: 'kubernetesNetworkConfig.serviceIpv4Cidr (the tenth address of this range)',
  },
};

const userDataParameter = (id: string): string => `${id}UserData`;

function userData(template: PlannedGroup['template'], id: string): unknown {
  if (hasUserDataOfSource(template)) return { Ref: userDataParameter(id) };
  const parts = userDataParts(template);
  if (parts.length === 1) return template.userData;
  const filled = parts.map((part, index) => {
    const parameter = index % 2 === 0 ? undefined : clusterParameters[part];
    if (parameter !== undefined) return { Ref: parameter.name };
    return part === 'clusterName' && index % 2 === 1 ? (template.merge?.valuesOfCluster ?? '') : part;
  });
  return { 'Fn::Join': ['', filled] };
}

function parametersOf({ plan, group, template }: PlannedGroup, id: string): Data {
  if (hasUserDataOfSource(template)) {
    const Description = `User data of ${template.launchTemplateName}, not encoded: that of ${plan.source} joined with ours`;
    return { [userDataParameter(id)]: { Type: 'String', NoEcho: true, Description } };
  }
  const names = userDataParts(template).filter((_part, index) => index % 2 === 1);
  return Object.fromEntries(
    names.flatMap((part) => {
      const parameter = clusterParameters[part];
      if (parameter === undefined) return [];
      const Description = `aws eks describe-cluster --name ${group.clusterName} --query cluster.${parameter.query}`;
      return [[parameter.name, { Type: 'String', Description }]];
    }),
  );
}

function remarks(one: PlannedGroup, id: string): { path: string[]; lines: string[] }[] {
  const { plan, template } = one;
  const { maxPods, maxPodsBefore } = plan;
  const data = ['Resources', `${id}Template`, 'Properties', 'LaunchTemplateData'];
  const group = ['Resources', id, 'Properties'];
  return [
    {
      path: ['Parameters', userDataParameter(id)],
      lines: [
        ...mergeInstructions(one),
        `This is ${plan.userDataFile}:`,
        ...quotedLines(template.userData),
        'CloudFormation takes 4096 characters for a parameter: longer user data belongs in place of the Ref below.',
      ],
    },
    {
      path: ['Resources', `${id}Template`],
      lines: [
        `Takes the place of ${plan.source}.`,
        ...reasonsOf(plan, /^launchTemplate\.(?!UserData|TagSpecifications)/),
      ],
    },
    {
      path: [...data, 'UserData'],
      lines: [`maxPods ${maxPods.value}; ${maxPodsBefore} before; ${maxPods.limitedBy}.`],
    },
    { path: [...group, 'InstanceTypes'], lines: reasonsOf(plan, /^instanceTypes$/) },
    { path: [...group, 'Subnets'], lines: reasonsOf(plan, /^subnetIds$/) },
    { path: [...group, 'AmiType'], lines: reasonsOf(plan, /^amiType$/) },
    { path: [...group, 'ScalingConfig'], lines: reasonsOf(plan, /^scaling/) },
    { path: [...group, 'Labels'], lines: reasonsOf(plan, /^labels\./) },
    { path: [...group, 'Tags'], lines: reasonsOf(plan, /^tags\.(?!prefix-migrate\/)/) },
  ];
}

const ofEksctl = (plan: MigrationPlan) =>
  notPossible(plan, {
    format: 'cloudformation',
    why: 'The plan lets eksctl make the groups (--create-with eksctl), each in a CloudFormation stack of its own.',
    others: ['eksctl'],
    advice: [`prefix-migrate plan --cluster ${shellWord(plan.cluster.name)} --create-with external`],
  });

const resolved = (plan: MigrationPlan) =>
  notPossible(plan, {
    format: 'cloudformation',
    why: 'A text in it begins with {{resolve:, which CloudFormation would replace by a secret or parameter, wherever it stands.',
    others: ['terraform'],
  });
