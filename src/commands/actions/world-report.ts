/** What a `simulate` process tells about its world, beside the paths of AWS. */
export const worldPath = '/_world';
/** PUT `{iam, rbac}`, as `policy --format json` prints them, and the caller of the world may do no more than that. */
export const worldRightsPath = '/_world/rights';

export interface WorldReport {
  scenario: string;
  speed: number;
  /** epoch milliseconds of the world's clock */
  now: number;
  /** what the world saw by itself, not what the program says of it */
  observed: Observed;
}

export interface Observed {
  /** how often a voluntary disruption broke a budget */
  budgetViolations: number;
  /** how often a pod had to move, for the workload that suffered most */
  evictionsPerPod: number;
  readyPods: number;
  /** /28 blocks on interfaces */
  prefixes: number;
}
