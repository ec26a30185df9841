import type { PlanRequest, SubnetPlan } from './plan.ts';
import type { Nodegroup, Pod } from './snapshot.ts';

/** Why a node group is not a source. `no-gain` and `already-done` are good news, `going` is being deleted or never came up, the others name what is in the way. */
export type SkipReason = 'no-gain' | 'already-done' | 'not-nitro' | 'unknown-type' | 'ipv6' | 'going';

export interface SkippedNodegroup {
  nodegroupName: string;
  reason: SkipReason;
  /** the reason in a sentence, with its numbers */
  detail: string;
  /** named by the person, so that leaving it out in silence would be wrong */
  requested: boolean;
}

/** What a plan is about: made once from snapshot and request, read by the checks and by planning. */
export interface Scope {
  request: PlanRequest;
  sources: Nodegroup[];
  skipped: SkippedNodegroup[];
  subnets: SubnetPlan[];
  /** pods that have to leave the sources' nodes */
  movingPods: Pod[];
}
