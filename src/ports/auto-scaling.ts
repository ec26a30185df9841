import type { AutoScalingGroup } from '../domain/snapshot.ts';

/** EC2 Auto Scaling, in domain words. */
export interface AutoScalingPort {
  describeGroups(names: string[]): Promise<AutoScalingGroup[]>;
  /** Messages of failed scaling activities, newest first, at most ten. */
  failedActivities(groupName: string): Promise<string[]>;
  /** Suspends processes such as `AZRebalance`; those that are suspended already stay so. */
  suspendProcesses(groupName: string, processes: string[]): Promise<void>;
  resumeProcesses(groupName: string, processes: string[]): Promise<void>;
}
