/** Auto Scaling groups, of EKS or of somebody's own: keep `desired` instances, one activity per launch and termination. */
import type { SimClock } from '../types.ts';
import type { Ec2, Instance, Tags } from './ec2.ts';
import { AwsError } from './errors.ts';
import type { Ids } from './ids.ts';
import type { InstanceType } from './instance-types.ts';
import type { XmlTree } from './query.ts';

export interface AutoScalingGroup {
  name: string;
  arn: string;
  minSize: number;
  maxSize: number;
  desired: number;
  subnetIds: string[];
  /** Subnet to its zone. */
  zones: Record<string, string>;
  launchTemplate: { id: string; name: string; version: string };
  /** What an instance starts from. */
  launch: { types: InstanceType[]; spot: boolean; imageId: string; userData: string; groups: string[]; tags: Tags };
  /** Process -> when somebody suspended it, epoch milliseconds. */
  suspended: Map<string, number>;
  members: Member[];
  /** Newest first. */
  activities: Activity[];
  createdAt: number;
  tags: Tags;
  /** Not of EKS: what its owner said it starts from. */
  own?: OwnLaunch;
  status?: 'Delete in progress';
}

export interface OwnLaunch {
  launchConfiguration?: string;
  /** Of a mixed instances policy. */
  mixed?: {
    overrides: readonly XmlTree[];
    onDemandPercent: number;
  };
}

export interface Member {
  instance: Instance;
  lifecycle: 'Pending' | 'InService' | 'Terminating:Wait' | 'Terminating';
}

export interface Activity {
  id: string;
  description: string;
  cause: string;
  startedAt: number;
  endedAt: number | undefined;
  status: 'InProgress' | 'Successful' | 'Failed';
  message: string | undefined;
}

export interface AutoScaling {
  groups: Map<string, AutoScalingGroup>;
  create(
    spec: Pick<
      AutoScalingGroup,
      'name' | 'arn' | 'minSize' | 'maxSize' | 'subnetIds' | 'zones' | 'launchTemplate' | 'launch' | 'tags' | 'own'
    >,
  ): AutoScalingGroup;
  /** Sets sizes and starts what that needs. */
  resize(
    group: AutoScalingGroup,
    size: { minSize?: number | undefined; maxSize?: number | undefined; desired?: number | undefined },
    cause: string,
  ): void;
  /** One more instance, at once; throws when there is no room in any subnet. */
  launch(group: AutoScalingGroup, launchedAt?: number): Instance;
  /** Its instances go first, which only `force` allows. */
  remove(group: AutoScalingGroup, force: boolean): void;
  terminate(instanceId: string, decrement: boolean): { group: AutoScalingGroup; activity: Activity };
  suspend(group: AutoScalingGroup, processes: readonly string[]): void;
  /** What was held back happens now. */
  resume(group: AutoScalingGroup, processes: readonly string[]): void;
  /** An instance goes without being asked: nobody drains its node. */
  lose(instanceId: string): void;
  /** The instance runs and has joined. */
  inService(instanceId: string): void;
  /** The instance is gone. */
  left(instanceId: string): void;
  findByInstance(instanceId: string): { group: AutoScalingGroup; member: Member } | undefined;
}

export interface AutoScalingHooks {
  launched(group: AutoScalingGroup, instance: Instance): void;
  /** The terminate hook: drains, then shuts down and reports `left`. */
  terminating(group: AutoScalingGroup, instance: Instance): void;
  /** The instance is shutting down already. */
  lost(group: AutoScalingGroup, instance: Instance): void;
  launchFailed(group: AutoScalingGroup, error: AwsError): void;
}

export function createAutoScaling(deps: { ec2: Ec2; clock: SimClock; ids: Ids; hooks: AutoScalingHooks }): AutoScaling {
  const { ec2, clock, ids, hooks } = deps;
  const groups = new Map<string, AutoScalingGroup>();
  const byInstance = new Map<string, { group: AutoScalingGroup; member: Member; activity: Activity }>();
  /** Groups that could not launch for want of addresses: they try again when some come free. */
  const short = new Set<AutoScalingGroup>();

  ec2.onSpaceFreed((subnetId) => {
    for (const group of short) {
      if (!group.subnetIds.includes(subnetId)) continue;
      short.delete(group);
      clock.after(retryAfter, () => reconcile(group, 'an instance was missing'));
    }
  });

  const staying = (group: AutoScalingGroup): Member[] =>
    group.members.filter(({ lifecycle }) => !lifecycle.startsWith('Terminating'));

  /** The emptiest zone first, in the order of the subnets. */
  function subnetsByNeed(group: AutoScalingGroup): string[] {
    const count = (subnetId: string): number =>
      staying(group).filter(({ instance }) => instance.subnetId === subnetId).length;
    return group.subnetIds.toSorted((a, b) => count(a) - count(b));
  }

  function start(group: AutoScalingGroup, description: string, cause: string): Activity {
    const activity: Activity = {
      id: ids.uuid(),
      description,
      cause: `At ${new Date(clock.now()).toISOString()} ${cause}.`,
      startedAt: clock.now(),
      endedAt: undefined,
      status: 'InProgress',
      message: undefined,
    };
    group.activities.unshift(activity);
    return activity;
  }

  function end(activity: Activity, status: Activity['status'], message?: string): void {
    Object.assign(activity, { status, message, endedAt: clock.now() });
  }

  function launch(group: AutoScalingGroup, launchedAt = clock.now(), cause = 'an instance was started'): Instance {
    const activity = start(group, 'Launching a new EC2 instance', cause);
    const { types, spot, imageId, userData, groups: securityGroups, tags } = group.launch;
    // On-demand groups of EKS take the first type that can be had; spot groups use them all.
    const type = spot ? types[group.activities.length % types.length] : types[0];
    if (!type) throw new Error(`group ${group.name} has no instance type`);
    let failure: AwsError | undefined;
    for (const subnetId of subnetsByNeed(group)) {
      try {
        const instance = ec2.runInstance({
          type,
          subnetId,
          spot,
          imageId,
          userData,
          groups: securityGroups,
          tags,
          launchedAt,
        });
        const member: Member = { instance, lifecycle: 'Pending' };
        group.members.push(member);
        byInstance.set(instance.id, { group, member, activity });
        activity.description = `Launching a new EC2 instance: ${instance.id}`;
        return instance;
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        failure ??= error;
      }
    }
    const error = failure ?? new AwsError('ValidationError', `group ${group.name} has no subnet`);
    end(activity, 'Failed', `${error.message} Launching EC2 instance failed.`);
    throw error;
  }

  function beginTermination(group: AutoScalingGroup, member: Member, cause: string): Activity {
    const { instance } = member;
    member.lifecycle = 'Terminating:Wait';
    const activity = start(group, `Terminating EC2 instance: ${instance.id}`, cause);
    byInstance.set(instance.id, { group, member, activity });
    hooks.terminating(group, instance);
    return activity;
  }

  /** From the fullest subnet, the oldest instance. */
  function victim(group: AutoScalingGroup): Member | undefined {
    const fullest = subnetsByNeed(group).toReversed();
    const members = staying(group);
    return members.toSorted(
      (a, b) =>
        fullest.indexOf(a.instance.subnetId) - fullest.indexOf(b.instance.subnetId) ||
        a.instance.launchedAt - b.instance.launchedAt,
    )[0];
  }

  function reconcile(group: AutoScalingGroup, cause: string): void {
    if (groups.get(group.name) !== group) return;
    while (staying(group).length < group.desired && !group.suspended.has('Launch')) {
      try {
        hooks.launched(group, launch(group, clock.now(), cause));
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        short.add(group);
        hooks.launchFailed(group, error);
        return;
      }
    }
    while (staying(group).length > group.desired && !group.suspended.has('Terminate')) {
      const member = victim(group);
      if (!member) return;
      beginTermination(group, member, cause);
    }
  }

  return {
    groups,
    launch,
    create(spec) {
      const group: AutoScalingGroup = {
        ...spec,
        desired: 0,
        suspended: new Map(),
        members: [],
        activities: [],
        createdAt: clock.now(),
      };
      groups.set(group.name, group);
      return group;
    },
    resize(group, { minSize = group.minSize, maxSize = group.maxSize, desired }, cause) {
      group.minSize = minSize;
      group.maxSize = maxSize;
      group.desired = desired ?? Math.min(Math.max(group.desired, minSize), maxSize);
      reconcile(group, cause);
    },
    remove(group, force) {
      if (group.members.length === 0) {
        groups.delete(group.name);
        return;
      }
      if (!force) {
        throw new AwsError(
          'ResourceInUse',
          'You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.',
        );
      }
      Object.assign(group, { status: 'Delete in progress', minSize: 0, maxSize: 0, desired: 0 });
      for (const member of staying(group))
        beginTermination(group, member, 'a user request deleted the AutoScalingGroup');
    },
    terminate(instanceId, decrement) {
      const found = byInstance.get(instanceId);
      if (!found)
        throw new AwsError(
          'ValidationError',
          `Instance Id not found - No managed instance found for instance ID: ${instanceId}`,
        );
      const { group, member } = found;
      if (decrement && group.desired - 1 < group.minSize) {
        throw new AwsError(
          'ValidationError',
          "Currently, desiredSize equals minSize. Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.",
        );
      }
      if (member.lifecycle.startsWith('Terminating')) return found;
      if (decrement) group.desired -= 1;
      const activity = beginTermination(
        group,
        member,
        'instance was taken out of service in response to a user request',
      );
      reconcile(group, 'an instance was started in response to a difference between desired and actual capacity');
      return { group, activity };
    },
    suspend(group, processes) {
      for (const process of processes) if (!group.suspended.has(process)) group.suspended.set(process, clock.now());
    },
    resume(group, processes) {
      for (const process of processes) group.suspended.delete(process);
      reconcile(
        group,
        'an instance was started or terminated in response to a difference between desired and actual capacity',
      );
    },
    lose(instanceId) {
      const found = byInstance.get(instanceId);
      if (!found || found.member.lifecycle.startsWith('Terminating')) return;
      const { group, member } = found;
      member.lifecycle = 'Terminating';
      const cause =
        'an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped';
      const activity = start(group, `Terminating EC2 instance: ${instanceId}`, cause);
      byInstance.set(instanceId, { group, member, activity });
      hooks.lost(group, member.instance);
    },
    inService(instanceId) {
      const found = byInstance.get(instanceId);
      if (found?.member.lifecycle !== 'Pending') return;
      found.member.lifecycle = 'InService';
      end(found.activity, 'Successful');
    },
    left(instanceId) {
      const found = byInstance.get(instanceId);
      if (!found) return;
      byInstance.delete(instanceId);
      found.group.members = found.group.members.filter((member) => member !== found.member);
      end(found.activity, 'Successful');
      if (found.group.status && found.group.members.length === 0) groups.delete(found.group.name);
      reconcile(found.group, 'an instance was started in response to a difference between desired and actual capacity');
    },
    findByInstance: (instanceId) => byInstance.get(instanceId),
  };
}

const retryAfter = 30_000;
