/**
 * What each request has to be allowed to do, and on what: actions, resource types and condition keys of the service
 * authorization reference, and what EKS asks in the name of whoever creates a node group (EKS user guide, "Launch templates",
 * "Node IAM role"). What is not here is asked about `*`.
 */
import type { AutoScaling } from './auto-scaling.ts';
import type { Ec2 } from './ec2.ts';
import type { JsonObject } from './eks-body.ts';
import type { Nodegroups } from './nodegroups.ts';
import type { Authorization } from './policy.ts';
import { listOf, type ParamTree, stringsOf, tagsOf, textOf, treeOf } from './query.ts';

export interface Region {
  region: string;
  accountId: string;
  clusterName: string;
  ec2: Ec2;
  scaling: AutoScaling;
  nodegroups: Nodegroups;
  vpcCniArn: string;
}

const tagContext = (kind: 'RequestTag' | 'ResourceTag', tags: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:${kind}/${key}`, value]));

/** Of a request in a form: EC2, Auto Scaling, CloudFormation, IAM. */
export function formAuthorizations(service: string, action: string, params: ParamTree, world: Region): Authorization[] {
  const global = { 'aws:RequestedRegion': world.region };
  const on = (name: string, resource: string, context: Record<string, string> = {}): Authorization => ({
    action: `${service}:${name}`,
    resource,
    context: { ...global, ...context },
  });
  const ec2Arn = (rest: string): string => `arn:aws:ec2:${world.region}:${world.accountId}:${rest}`;
  /** The creation, and its tags. */
  const created = (resource: string, isNamed = true): Authorization[] => {
    const given = listOf(params['TagSpecification']).flatMap((one) => Object.entries(tagsOf(treeOf(one)['Tag'])));
    const tags = tagContext('RequestTag', Object.fromEntries(given));
    const tagging = on('CreateTags', resource, { ...tags, 'ec2:CreateAction': action });
    return [on(action, isNamed ? resource : '*', tags), ...(given.length > 0 ? [tagging] : [])];
  };
  switch (`${service}:${action}`) {
    case 'ec2:CreateLaunchTemplate':
      return created(ec2Arn('launch-template/*'));
    case 'ec2:CreateSubnetCidrReservation':
      return created(ec2Arn('subnet-cidr-reservation/*'), false);
    case 'ec2:DeleteLaunchTemplate':
    case 'ec2:CreateLaunchTemplateVersion':
    case 'ec2:DeleteLaunchTemplateVersions': {
      const [id, name] = [textOf(params['LaunchTemplateId']), textOf(params['LaunchTemplateName'])];
      const found = [...world.ec2.launchTemplates.values()].find((one) => one.id === id || one.name === name);
      const tags = tagContext('ResourceTag', found?.tags ?? {});
      return [on(action, ec2Arn(`launch-template/${found?.id ?? id ?? '*'}`), tags)];
    }
    case 'ec2:CreateTags':
    case 'ec2:DeleteTags':
      return stringsOf(params['ResourceId']).map((id) =>
        on(action, ec2Arn(`${id.startsWith('lt-') ? 'launch-template' : '*'}/${id}`), {
          ...tagContext('ResourceTag', world.ec2.tagsOf(id) ?? {}),
        }),
      );
    default:
      break;
  }
  if (service === 'autoscaling' && !action.startsWith('Describe')) {
    const instanceId = textOf(params['InstanceId']);
    const group = [...world.scaling.groups.values()].find(
      ({ name, members }) =>
        name === textOf(params['AutoScalingGroupName']) || members.some(({ instance }) => instance.id === instanceId),
    );
    return [on(action, group?.arn ?? '*', tagContext('ResourceTag', group?.tags ?? {}))];
  }
  if (service === 'cloudformation') {
    const name = textOf(params['StackName']);
    const arn = `arn:aws:cloudformation:${world.region}:${world.accountId}:stack/${name}/0`;
    return [on(action, name === undefined ? '*' : name.startsWith('arn:') ? name : arn)];
  }
  if (service === 'iam') {
    const iamArn = (rest: string): string => `arn:aws:iam::${world.accountId}:${rest}`;
    const [role, profile] = [textOf(params['RoleName']), textOf(params['InstanceProfileName'])];
    const source = textOf(params['PolicySourceArn']);
    return [
      on(action, source ?? (role ? iamArn(`role/${role}`) : profile ? iamArn(`instance-profile/${profile}`) : '*')),
    ];
  }
  return [on(action, '*')];
}

/** Of a request to EKS: the route, its path parameters, the query and the body. */
export function eksAuthorizations(
  route: string,
  path: readonly string[],
  query: URLSearchParams,
  body: JsonObject,
  world: Region,
): Authorization[] {
  const { region, accountId, clusterName, nodegroups, vpcCniArn } = world;
  const global = { 'aws:RequestedRegion': region };
  const on = (action: string, resource: string, context: Record<string, string> = {}): Authorization => ({
    action,
    resource,
    context: { ...global, ...context },
  });
  const arn = (rest: string): string => `arn:aws:eks:${region}:${accountId}:${rest}`;
  const cluster = arn(`cluster/${path[0] ?? clusterName}`);
  const group = (name: string): Authorization => {
    const found = nodegroups.all.get(name);
    const resource = found?.arn ?? arn(`nodegroup/${path[0] ?? clusterName}/${name}/*`);
    return on(`eks:${route}`, resource, tagContext('ResourceTag', found?.tags ?? {}));
  };
  switch (route) {
    case 'ListClusters':
    case 'DescribeAddonConfiguration':
    case 'DescribeAddonVersions':
      return [on(`eks:${route}`, '*')];
    case 'DescribeNodegroup':
    case 'DeleteNodegroup':
    case 'UpdateNodegroupConfig':
    case 'UpdateNodegroupVersion':
      return [group(path[1] ?? '')];
    case 'DescribeAddon':
    case 'UpdateAddon':
      return [on(`eks:${route}`, path[1] === 'vpc-cni' ? vpcCniArn : arn(`addon/${path[0]}/${path[1]}/*`))];
    case 'DescribeUpdate':
    case 'ListUpdates': {
      const [nodegroup, addon] = [query.get('nodegroupName'), query.get('addonName')];
      return [
        on(`eks:${route}`, cluster),
        ...(nodegroup === null ? [] : [group(nodegroup)]),
        ...(addon === null ? [] : [on(`eks:${route}`, vpcCniArn)]),
      ];
    }
    case 'DescribeAccessEntry':
      return [on('eks:DescribeAccessEntry', arn(`access-entry/${path[0]}/role/${accountId}/${path[1]}/0`))];
    case 'TagResource':
    case 'UntagResource':
    case 'ListTagsForResource':
      return [on(`eks:${route}`, path[0] ?? '*')];
    case 'CreateNodegroup':
      return [on('eks:CreateNodegroup', cluster), ...onCreation(body, world, on, arn)];
    default:
      return [on(`eks:${route}`, cluster)];
  }
}

type On = (action: string, resource: string, context?: Record<string, string>) => Authorization;

/** EKS hands the role on, and tries the launch template, as whoever calls it. */
function onCreation(body: JsonObject, world: Region, on: On, arn: (rest: string) => string): Authorization[] {
  const { nodegroupName, nodeRole, launchTemplate, tags } = body;
  const name = typeof nodegroupName === 'string' ? nodegroupName : '*';
  const role = typeof nodeRole === 'string' ? nodeRole : '*';
  const hasTags = typeof tags === 'object' && tags !== null && Object.keys(tags).length > 0;
  const ofRole = ['iam:PassRole', 'iam:GetRole', 'iam:ListAttachedRolePolicies'].map((action) => on(action, role));
  const created = { 'ec2:CreateAction': 'RunInstances' };
  const instances = `arn:aws:ec2:${world.region}:${world.accountId}:instance/*`;
  return [
    ...(hasTags ? [on('eks:TagResource', arn(`nodegroup/${world.clusterName}/${name}/*`))] : []),
    ...ofRole,
    ...(launchTemplate ? [on('ec2:RunInstances', '*'), on('ec2:CreateTags', instances, created)] : []),
  ];
}
