import { chunks } from '../../domain/parallel.ts';
import type { AutoScalingGroup } from '../../domain/snapshot.ts';
import type { AutoScalingPort } from '../../ports/auto-scaling.ts';
import { cleanText } from '../clean-text.ts';
import { createPageGuard } from '../readable.ts';
import { autoScalingServer } from './servers.ts';
import type { Session } from './session.ts';

/** EC2 Auto Scaling takes at most 50 names in one call. */
const namesPerCall = 50;
const messagesShown = 10;

/** EC2 Auto Scaling through the AWS SDK. */
export function createAutoScalingPort(session: Session): AutoScalingPort {
  return {
    async describeGroups(names) {
      const groups: AutoScalingGroup[] = [];
      for (const part of chunks([...new Set(names)], namesPerCall)) {
        const resource = `Auto Scaling groups ${part.join(', ')}`;
        let token: string | undefined;
        const guard = createPageGuard(autoScalingServer, resource);
        do {
          const page = await session.call(
            { service: 'autoscaling', name: 'DescribeAutoScalingGroups', resource },
            { repeatable: true },
            async (http) => {
              const { sdk, client } = await session.autoScaling();
              const input = { AutoScalingGroupNames: part, ...(token === undefined ? {} : { NextToken: token }) };
              return client.send(new sdk.DescribeAutoScalingGroupsCommand(input), http);
            },
          );
          for (const group of page.AutoScalingGroups ?? []) {
            groups.push({
              name: group.AutoScalingGroupName ?? '',
              desiredCapacity: group.DesiredCapacity ?? 0,
              minSize: group.MinSize ?? 0,
              maxSize: group.MaxSize ?? 0,
              instanceIds: (group.Instances ?? []).flatMap((each) => each.InstanceId ?? []).toSorted(),
              suspendedProcesses: (group.SuspendedProcesses ?? []).flatMap((each) => each.ProcessName ?? []).toSorted(),
            });
          }
          token = page.NextToken || undefined;
          guard(token);
        } while (token !== undefined);
      }
      return groups.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },

    async failedActivities(groupName) {
      const page = await session.call(
        { service: 'autoscaling', name: 'DescribeScalingActivities', resource: `Auto Scaling group ${groupName}` },
        { repeatable: true },
        async (http) => {
          const { sdk, client } = await session.autoScaling();
          return client.send(new sdk.DescribeScalingActivitiesCommand({ AutoScalingGroupName: groupName }), http);
        },
      );
      return (page.Activities ?? [])
        .filter((activity) => activity.StatusCode === 'Failed')
        .toSorted((a, b) => (b.StartTime?.getTime() ?? 0) - (a.StartTime?.getTime() ?? 0))
        .slice(0, messagesShown)
        .map((activity) => cleanText(activity.StatusMessage || activity.Cause));
    },

    async suspendProcesses(groupName, processes) {
      await session.call(
        { service: 'autoscaling', name: 'SuspendProcesses', resource: `Auto Scaling group ${groupName}` },
        { repeatable: true },
        async (http) => {
          const { sdk, client } = await session.autoScaling();
          const input = { AutoScalingGroupName: groupName, ScalingProcesses: processes };
          return client.send(new sdk.SuspendProcessesCommand(input), http);
        },
      );
    },

    async resumeProcesses(groupName, processes) {
      await session.call(
        { service: 'autoscaling', name: 'ResumeProcesses', resource: `Auto Scaling group ${groupName}` },
        { repeatable: true },
        async (http) => {
          const { sdk, client } = await session.autoScaling();
          const input = { AutoScalingGroupName: groupName, ScalingProcesses: processes };
          return client.send(new sdk.ResumeProcessesCommand(input), http);
        },
      );
    },
  };
}
