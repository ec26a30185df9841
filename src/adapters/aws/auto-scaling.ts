import type * as Sdk from '@aws-sdk/client-auto-scaling';
import { MigrateError } from '../../domain/migrate-error.ts';
import { chunks } from '../../domain/parallel.ts';
import type { AutoScalingGroup } from '../../domain/snapshot.ts';
import type { AutoScalingPort } from '../../ports/auto-scaling.ts';
import type { Ec2Port } from '../../ports/ec2.ts';
import { cleanText } from '../clean-text.ts';
import { createPageGuard } from '../readable.ts';
import type { Operation } from './errors.ts';
import { autoScalingServer } from './servers.ts';
import { causeName, type Session } from './session.ts';

/** EC2 Auto Scaling takes at most 50 names, or instances, in one call. */
const namesPerCall = 50;
const messagesShown = 10;

type Client = Awaited<ReturnType<Session['autoScaling']>>;
type Http = { abortSignal: AbortSignal };

const operation = (name: string, resource: string): Operation => ({ service: 'autoscaling', name, resource });

/** EC2 Auto Scaling through the AWS SDK. EC2 says what templates and requirements of a group come to. */
export function createAutoScalingPort(session: Session, ec2: Ec2Port): AutoScalingPort {
  /** Reads, and changes that have the same effect twice. */
  const call = <T>(name: string, resource: string, send: (autoScaling: Client, http: Http) => Promise<T>): Promise<T> =>
    session.call(operation(name, resource), { repeatable: true }, async (http) =>
      send(await session.autoScaling(), http),
    );

  async function pages<Page extends { NextToken?: string | undefined }, Item>(
    name: string,
    resource: string,
    send: (autoScaling: Client, page: { NextToken?: string }, http: Http) => Promise<Page>,
    items: (page: Page) => Item[] | undefined,
  ): Promise<Item[]> {
    const all: Item[] = [];
    let token: string | undefined;
    const guard = createPageGuard(autoScalingServer, resource);
    do {
      const next = token === undefined ? {} : { NextToken: token };
      const page = await call(name, resource, (autoScaling, http) => send(autoScaling, next, http));
      all.push(...(items(page) ?? []));
      token = page.NextToken || undefined;
      guard(token);
    } while (token !== undefined);
    return all;
  }

  async function rawGroups(names: string[]): Promise<Sdk.AutoScalingGroup[]> {
    const groups: Sdk.AutoScalingGroup[] = [];
    for (const part of chunks([...new Set(names)], namesPerCall)) {
      const found = await pages(
        'DescribeAutoScalingGroups',
        `Auto Scaling groups ${part.join(', ')}`,
        ({ sdk, client }, page, http) =>
          client.send(new sdk.DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: part, ...page }), http),
        (page) => page.AutoScalingGroups,
      );
      groups.push(...found);
    }
    return groups;
  }

  const instancesOf = (ids: string[]): Promise<Sdk.AutoScalingInstanceDetails[]> =>
    pages(
      'DescribeAutoScalingInstances',
      `${ids.length} instances`,
      ({ sdk, client }, page, http) =>
        client.send(new sdk.DescribeAutoScalingInstancesCommand({ InstanceIds: ids, ...page }), http),
      (page) => page.AutoScalingInstances,
    );

  /** `$Latest` and `$Default` as the number that they are now; nothing where EC2 does not tell. */
  async function templateOf(group: Sdk.AutoScalingGroup): Promise<Pick<AutoScalingGroup, 'launchTemplate'>> {
    const found = group.LaunchTemplate ?? group.MixedInstancesPolicy?.LaunchTemplate?.LaunchTemplateSpecification;
    if (found == null) return { launchTemplate: null };
    const { LaunchTemplateId: id, LaunchTemplateName: name = null, Version: version = '$Default' } = found;
    if (id === undefined) return {};
    if (/^\d+$/.test(version)) return { launchTemplate: { id, name, version } };
    const resolved = await unlessRefused(ec2.describeLaunchTemplateVersion(id, version));
    return resolved === undefined ? {} : { launchTemplate: { id, name, version: resolved.version } };
  }

  /** Of the overrides; where they say requirements instead, every type that meets them, or those that run. */
  async function instanceTypesOf(group: Sdk.AutoScalingGroup): Promise<Pick<AutoScalingGroup, 'instanceTypes'>> {
    const overrides = group.MixedInstancesPolicy?.LaunchTemplate?.Overrides ?? [];
    if (overrides.length === 0) return {};
    const running = [...new Set((group.Instances ?? []).flatMap((instance) => instance.InstanceType ?? []))];
    const types: string[] = [];
    for (const { InstanceType: type, InstanceRequirements: requirements } of overrides) {
      if (type !== undefined) types.push(type);
      else if (requirements !== undefined) {
        types.push(...((await unlessRefused(typesThatMeet({ ...requirements }, running))) ?? running));
      }
    }
    return { instanceTypes: [...new Set(types)] };
  }

  /** The image decides the architecture, and with it what runs. */
  async function typesThatMeet(requirements: Record<string, unknown>, running: string[]): Promise<string[]> {
    const known = await ec2.describeInstanceTypes(running);
    const found = known.flatMap((type) => type.architectures).filter((name) => name === 'arm64' || name === 'x86_64');
    const architectures = [...new Set(found)];
    return ec2.instanceTypesThatMeet(requirements, architectures.length === 0 ? ['x86_64'] : architectures);
  }

  return {
    async describeGroups(names) {
      const groups: AutoScalingGroup[] = [];
      for (const group of await rawGroups(names)) {
        groups.push({ ...toGroup(group), ...(await templateOf(group)), ...(await instanceTypesOf(group)) });
      }
      return groups.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },

    async groupsOfInstances(instanceIds) {
      const groups: Record<string, string> = {};
      for (const part of chunks([...new Set(instanceIds)], namesPerCall)) {
        for (const { InstanceId: id, AutoScalingGroupName: name } of await instancesOf(part))
          if (id && name) groups[id] = name;
      }
      return groups;
    },

    async failedActivities(groupName) {
      const page = await call('DescribeScalingActivities', `Auto Scaling group ${groupName}`, ({ sdk, client }, http) =>
        client.send(new sdk.DescribeScalingActivitiesCommand({ AutoScalingGroupName: groupName }), http),
      );
      return (page.Activities ?? [])
        .filter((activity) => activity.StatusCode === 'Failed')
        .toSorted((a, b) => (b.StartTime?.getTime() ?? 0) - (a.StartTime?.getTime() ?? 0))
        .slice(0, messagesShown)
        .map((activity) => cleanText(activity.StatusMessage || activity.Cause));
    },

    async suspendProcesses(groupName, processes) {
      const input = { AutoScalingGroupName: groupName, ScalingProcesses: processes };
      await call('SuspendProcesses', `Auto Scaling group ${groupName}`, ({ sdk, client }, http) =>
        client.send(new sdk.SuspendProcessesCommand(input), http),
      );
    },

    async resumeProcesses(groupName, processes) {
      const input = { AutoScalingGroupName: groupName, ScalingProcesses: processes };
      await call('ResumeProcesses', `Auto Scaling group ${groupName}`, ({ sdk, client }, http) =>
        client.send(new sdk.ResumeProcessesCommand(input), http),
      );
    },

    async resizeGroup(groupName, { minSize, maxSize, desiredSize }) {
      const input: Sdk.UpdateAutoScalingGroupCommandInput = {
        AutoScalingGroupName: groupName,
        ...(minSize === undefined ? {} : { MinSize: minSize }),
        ...(maxSize === undefined ? {} : { MaxSize: maxSize }),
        ...(desiredSize === undefined ? {} : { DesiredCapacity: desiredSize }),
      };
      await call('UpdateAutoScalingGroup', `Auto Scaling group ${groupName}`, ({ sdk, client }, http) =>
        client.send(new sdk.UpdateAutoScalingGroupCommand(input), http),
      );
    },

    async terminateInstance(instanceId) {
      // a second request would lower the desired size once more
      const found = await unlessRefused(instancesOf([instanceId]));
      if (found?.some(({ LifecycleState: state }) => state?.startsWith('Terminat'))) return 'going';
      const input = { InstanceId: instanceId, ShouldDecrementDesiredCapacity: true };
      await session.call(
        operation('TerminateInstanceInAutoScalingGroup', `instance ${instanceId}`),
        { repeatable: false },
        async (http) => {
          const { sdk, client } = await session.autoScaling();
          return client.send(new sdk.TerminateInstanceInAutoScalingGroupCommand(input), http);
        },
      );
      return 'asked';
    },

    async deleteGroup(groupName) {
      try {
        await call('DeleteAutoScalingGroup', `Auto Scaling group ${groupName}`, ({ sdk, client }, http) =>
          client.send(
            new sdk.DeleteAutoScalingGroupCommand({ AutoScalingGroupName: groupName, ForceDelete: true }),
            http,
          ),
        );
      } catch (error) {
        // one that is not there is a ValidationError, one that is being deleted is busy with that
        if (!/^(ValidationError|ResourceInUse|ScalingActivityInProgress)/.test(causeName(error))) throw error;
        const [group] = await rawGroups([groupName]);
        if (group !== undefined && group.Status === undefined) throw error;
      }
    },
  };
}

const toGroup = (group: Sdk.AutoScalingGroup): AutoScalingGroup => ({
  name: group.AutoScalingGroupName ?? '',
  desiredCapacity: group.DesiredCapacity ?? 0,
  minSize: group.MinSize ?? 0,
  maxSize: group.MaxSize ?? 0,
  instanceIds: (group.Instances ?? []).flatMap((each) => each.InstanceId ?? []).toSorted(),
  suspendedProcesses: (group.SuspendedProcesses ?? []).flatMap((each) => each.ProcessName ?? []).toSorted(),
  subnetIds: (group.VPCZoneIdentifier ?? '')
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '')
    .toSorted(),
  tags: Object.fromEntries((group.Tags ?? []).flatMap(({ Key, Value }) => (Key ? [[Key, Value ?? '']] : []))),
  ...(group.Status ? { status: cleanText(group.Status) } : {}),
  ...(group.LaunchConfigurationName ? { launchConfiguration: group.LaunchConfigurationName } : {}),
  ...(group.MixedInstancesPolicy == null
    ? {}
    : // Auto Scaling takes On-Demand instances only, unless told otherwise
      {
        onDemandPercent: group.MixedInstancesPolicy.InstancesDistribution?.OnDemandPercentageAboveBaseCapacity ?? 100,
      }),
});

/** The answer of a read that can be done without: undefined when it is refused. */
async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof MigrateError && !error.retryable) return undefined;
    throw error;
  }
}
