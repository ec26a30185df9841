/** The Auto Scaling query API, version 2011-01-01. Shapes: botocore autoscaling service model. */
import type { AutoScaling, AutoScalingGroup } from './auto-scaling.ts';
import { AwsError } from './errors.ts';
import { isoTime, listOf, type ParamTree, pageOf, stringsOf, textOf, treeOf, type XmlTree } from './query.ts';

interface Operation {
  parameters: readonly string[];
  run(params: ParamTree, scaling: AutoScaling): XmlTree | undefined;
}

const pageNames = { max: 'MaxRecords', token: 'NextToken' };
const paging = ['MaxRecords', 'NextToken'];

const operations: Record<string, Operation> = {
  DescribeAutoScalingGroups: {
    parameters: ['AutoScalingGroupNames', 'Filters', 'IncludeInstances', ...paging],
    run(params, { groups }) {
      const names = members(params, 'AutoScalingGroupNames');
      const all = [...groups.values()].filter((group) => names.length === 0 || names.includes(group.name));
      const found = all.filter((group) => matches(group, params));
      const { items, nextToken } = pageOf(found, params, { names: pageNames, min: 1, max: 100, standard: 50 });
      return { AutoScalingGroups: items.map(groupItem), NextToken: nextToken };
    },
  },
  DescribeAutoScalingInstances: {
    parameters: ['InstanceIds', ...paging],
    run(params, { groups }) {
      const ids = members(params, 'InstanceIds');
      const all = [...groups.values()].flatMap((group) =>
        instanceItems(group).map((item): XmlTree & { InstanceId: string } => ({
          ...item,
          AutoScalingGroupName: group.name,
        })),
      );
      const found = all.filter((item) => ids.length === 0 || ids.includes(item.InstanceId));
      const { items, nextToken } = pageOf(found, params, { names: pageNames, min: 1, max: 50 });
      return { AutoScalingInstances: items, NextToken: nextToken };
    },
  },
  DescribeScalingActivities: {
    parameters: ['AutoScalingGroupName', 'ActivityIds', 'IncludeDeletedGroups', ...paging],
    run(params, { groups }) {
      const name = textOf(params['AutoScalingGroupName']);
      const ids = members(params, 'ActivityIds');
      const all = (name === undefined ? [...groups.values()] : [groupOf(groups, name)]).flatMap((group) =>
        group.activities.map((activity) => activityItem(group, activity)),
      );
      const found = all.filter((item) => ids.length === 0 || ids.includes(item.ActivityId));
      const { items, nextToken } = pageOf(found, params, { names: pageNames, min: 1, max: 100 });
      return { Activities: items, NextToken: nextToken };
    },
  },
  DescribeLifecycleHooks: {
    parameters: ['AutoScalingGroupName', 'LifecycleHookNames'],
    run(params, { groups }) {
      const group = groupOf(groups, textOf(params['AutoScalingGroupName']));
      const names = members(params, 'LifecycleHookNames');
      const hook = (LifecycleHookName: string, transition: string): XmlTree & { LifecycleHookName: string } => ({
        LifecycleHookName,
        AutoScalingGroupName: group.name,
        LifecycleTransition: `autoscaling:EC2_INSTANCE_${transition}`,
        HeartbeatTimeout: 1800,
        GlobalTimeout: 172_800,
        DefaultResult: 'CONTINUE',
      });
      const hooks = [hook('Launch-LC-Hook', 'LAUNCHING'), hook('Terminate-LC-Hook', 'TERMINATING')];
      return {
        LifecycleHooks: hooks.filter(({ LifecycleHookName: name }) => names.length === 0 || names.includes(name)),
      };
    },
  },
  SuspendProcesses: {
    parameters: ['AutoScalingGroupName', 'ScalingProcesses'],
    run(params, scaling) {
      const group = groupOf(scaling.groups, textOf(params['AutoScalingGroupName']));
      scaling.suspend(group, processesOf(params));
      return undefined;
    },
  },
  ResumeProcesses: {
    parameters: ['AutoScalingGroupName', 'ScalingProcesses'],
    run(params, scaling) {
      const group = groupOf(scaling.groups, textOf(params['AutoScalingGroupName']));
      scaling.resume(group, processesOf(params));
      return undefined;
    },
  },
  SetDesiredCapacity: {
    parameters: ['AutoScalingGroupName', 'DesiredCapacity', 'HonorCooldown'],
    run(params, scaling) {
      const group = groupOf(scaling.groups, textOf(params['AutoScalingGroupName']));
      const desired = number(params, 'DesiredCapacity');
      if (desired === undefined)
        throw validation("Value null at 'desiredCapacity' failed to satisfy constraint: Member must not be null");
      if (desired > group.maxSize)
        throw validation(
          `New SetDesiredCapacity value ${desired} is above max value ${group.maxSize} for the AutoScalingGroup.`,
        );
      if (desired < group.minSize)
        throw validation(
          `New SetDesiredCapacity value ${desired} is below min value ${group.minSize} for the AutoScalingGroup.`,
        );
      const why = `a user request explicitly set group desired capacity changing the desired capacity from ${group.desired} to ${desired}`;
      scaling.resize(group, { desired }, why);
      return undefined;
    },
  },
  TerminateInstanceInAutoScalingGroup: {
    parameters: ['InstanceId', 'ShouldDecrementDesiredCapacity'],
    run(params, scaling) {
      const decrement = textOf(params['ShouldDecrementDesiredCapacity']);
      if (decrement === undefined)
        throw validation(
          "Value null at 'shouldDecrementDesiredCapacity' failed to satisfy constraint: Member must not be null",
        );
      const { group, activity } = scaling.terminate(textOf(params['InstanceId']) ?? '', decrement === 'true');
      return { Activity: activityItem(group, activity) };
    },
  },
  UpdateAutoScalingGroup: {
    parameters: ['AutoScalingGroupName', 'MinSize', 'MaxSize', 'DesiredCapacity'],
    run(params, scaling) {
      const group = groupOf(scaling.groups, textOf(params['AutoScalingGroupName']));
      const size = {
        minSize: number(params, 'MinSize'),
        maxSize: number(params, 'MaxSize'),
        desired: number(params, 'DesiredCapacity'),
      };
      const { minSize = group.minSize, maxSize = group.maxSize, desired } = size;
      if (group.status) {
        throw new AwsError('ScalingActivityInProgress', `AutoScalingGroup ${group.name} is being deleted`);
      }
      if (minSize > maxSize)
        throw validation(`Max bound, ${maxSize}, must be greater than or equal to min bound, ${minSize}`);
      if (desired !== undefined && (desired < minSize || desired > maxSize)) {
        throw validation(
          `Desired capacity:${desired} must be between the specified min size:${minSize} and max size:${maxSize}`,
        );
      }
      scaling.resize(group, size, 'a user request update of AutoScalingGroup constraints');
      return undefined;
    },
  },
  DeleteAutoScalingGroup: {
    parameters: ['AutoScalingGroupName', 'ForceDelete'],
    run(params, scaling) {
      const group = groupOf(scaling.groups, textOf(params['AutoScalingGroupName']));
      if (group.status) {
        throw new AwsError(
          'ScalingActivityInProgress',
          `You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.`,
        );
      }
      scaling.remove(group, textOf(params['ForceDelete']) === 'true');
      return undefined;
    },
  },
};

export const autoScalingNamespace = 'http://autoscaling.amazonaws.com/doc/2011-01-01/';

export function callAutoScaling(scaling: AutoScaling, action: string, params: ParamTree): XmlTree | undefined {
  const operation = Object.hasOwn(operations, action) ? operations[action] : undefined;
  if (!operation) throw new AwsError('InvalidAction', `Could not find operation ${action} for version 2011-01-01`);
  const unknown = Object.keys(params).find((name) => !['Action', 'Version', ...operation.parameters].includes(name));
  if (unknown) throw validation(`The parameter ${unknown} is not recognized`);
  return operation.run(params, scaling);
}

const processes = [
  'Launch',
  'Terminate',
  'AddToLoadBalancer',
  'AlarmNotification',
  'AZRebalance',
  'HealthCheck',
  'InstanceRefresh',
  'ReplaceUnhealthy',
  'ScheduledActions',
];

function processesOf(params: ParamTree): string[] {
  const given = members(params, 'ScalingProcesses');
  const unknown = given.find((name) => !processes.includes(name));
  if (unknown) throw validation(`${unknown} is not a valid scaling process`);
  return given.length > 0 ? given : processes;
}

function matches(group: AutoScalingGroup, params: ParamTree): boolean {
  return listOf(treeOf(params['Filters'])['member'])
    .map(treeOf)
    .every((filter) => {
      const name = textOf(filter['Name']) ?? '';
      const values = members(filter, 'Values');
      if (name.startsWith('tag:')) return values.includes(group.tags[name.slice(4)] ?? '');
      if (name === 'tag-key') return values.some((key) => Object.hasOwn(group.tags, key));
      if (name === 'tag-value') return values.some((value) => Object.values(group.tags).includes(value));
      throw validation(`Filter name ${name} is invalid`);
    });
}

function members(params: ParamTree, name: string): string[] {
  return stringsOf(treeOf(params[name])['member']);
}

function number(params: ParamTree, name: string): number | undefined {
  const text = textOf(params[name]);
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw validation(`Value '${text}' at '${name}' is not a whole number`);
  return Number(text);
}

function validation(message: string): AwsError {
  return new AwsError('ValidationError', message);
}

function groupOf(groups: ReadonlyMap<string, AutoScalingGroup>, name: string | undefined): AutoScalingGroup {
  const group = groups.get(name ?? '');
  if (!group) throw validation(`AutoScalingGroup name not found - AutoScalingGroup '${name ?? ''}' not found`);
  return group;
}

function instanceItems(group: AutoScalingGroup): (XmlTree & { InstanceId: string })[] {
  return group.members.map(({ instance, lifecycle }) => ({
    InstanceId: instance.id,
    InstanceType: instance.type.name,
    AvailabilityZone: group.zones[instance.subnetId],
    LifecycleState: lifecycle,
    HealthStatus: 'Healthy',
    LaunchTemplate: template(group),
    ProtectedFromScaleIn: false,
  }));
}

function template({ launchTemplate: { id, name, version } }: AutoScalingGroup): XmlTree {
  return { LaunchTemplateId: id, LaunchTemplateName: name, Version: version };
}

/** How a group says what it starts: EKS makes a mixed instances policy for each of its own. */
function launchItem(group: AutoScalingGroup): XmlTree {
  const { own } = group;
  if (!own) {
    const Overrides = group.launch.types.map((type) => ({ InstanceType: type.name }));
    return { MixedInstancesPolicy: { LaunchTemplate: { LaunchTemplateSpecification: template(group), Overrides } } };
  }
  if (own.launchConfiguration !== undefined) return { LaunchConfigurationName: own.launchConfiguration };
  const latest = { ...template(group), Version: '$Latest' };
  if (!own.mixed) return { LaunchTemplate: latest };
  return {
    MixedInstancesPolicy: {
      LaunchTemplate: { LaunchTemplateSpecification: latest, Overrides: own.mixed.overrides },
      InstancesDistribution: {
        OnDemandAllocationStrategy: 'lowest-price',
        OnDemandBaseCapacity: 0,
        OnDemandPercentageAboveBaseCapacity: own.mixed.onDemandPercent,
        SpotAllocationStrategy: 'price-capacity-optimized',
      },
    },
  };
}

function groupItem(group: AutoScalingGroup): XmlTree {
  return {
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: group.arn,
    ...launchItem(group),
    Status: group.status,
    MinSize: group.minSize,
    MaxSize: group.maxSize,
    DesiredCapacity: group.desired,
    DefaultCooldown: 300,
    HealthCheckType: 'EC2',
    HealthCheckGracePeriod: 15,
    Instances: instanceItems(group),
    CreatedTime: isoTime(group.createdAt),
    SuspendedProcesses: [...group.suspended].map(([ProcessName, at]) => ({
      ProcessName,
      SuspensionReason: `User suspended at ${new Date(at).toISOString().slice(0, 19)}Z`,
    })),
    AvailabilityZones: [...new Set(Object.values(group.zones))],
    VPCZoneIdentifier: group.subnetIds.join(','),
    Tags: Object.entries(group.tags).map(([Key, Value]) => ({
      ResourceId: group.name,
      ResourceType: 'auto-scaling-group',
      Key,
      Value,
      PropagateAtLaunch: true,
    })),
    TerminationPolicies: ['AllocationStrategy', 'OldestLaunchTemplate', 'OldestInstance'],
    CapacityRebalance: true,
  };
}

function activityItem(
  group: AutoScalingGroup,
  activity: AutoScalingGroup['activities'][number],
): XmlTree & { ActivityId: string } {
  return {
    ActivityId: activity.id,
    AutoScalingGroupName: group.name,
    Description: activity.description,
    Cause: activity.cause,
    StartTime: isoTime(activity.startedAt),
    EndTime: activity.endedAt === undefined ? undefined : isoTime(activity.endedAt),
    StatusCode: activity.status,
    StatusMessage: activity.message,
    Progress: activity.status === 'InProgress' ? 50 : 100,
    AutoScalingGroupARN: group.arn,
  };
}
