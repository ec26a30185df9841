import type { AutoScalingGroup, Scaling } from '../domain/snapshot.ts';

/** EC2 Auto Scaling, in domain words. */
export interface AutoScalingPort {
  /** Groups that do not exist are not in the answer. */
  describeGroups(names: string[]): Promise<AutoScalingGroup[]>;
  /** Name of the group of each instance; instances of no group are not in the answer. */
  groupsOfInstances(instanceIds: string[]): Promise<Record<string, string>>;
  /** Messages of failed scaling activities, newest first, at most ten. */
  failedActivities(groupName: string): Promise<string[]>;
  /** Suspends processes such as `AZRebalance`; those that are suspended already stay so. */
  suspendProcesses(groupName: string, processes: string[]): Promise<void>;
  resumeProcesses(groupName: string, processes: string[]): Promise<void>;
  /** Members that are left out stay as they are. */
  resizeGroup(groupName: string, scaling: Partial<Scaling>): Promise<void>;
  /**
   * Ends an instance and lowers the desired size of its group by one, so that no other comes in its place. `going`: it is on
   * its way out already, and nothing was asked for.
   *
   * @throws MigrateError also when Auto Scaling refuses it: the group may not be smaller, or has scaling activities
   */
  terminateInstance(instanceId: string): Promise<'asked' | 'going'>;
  /** Deletes the group and ends its instances at once. Deleting what is gone or being deleted is success. */
  deleteGroup(groupName: string): Promise<void>;
}
