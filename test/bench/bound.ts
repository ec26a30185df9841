/**
 * The time that no program can beat, from what the world is made of; the product's own forecast is no part of it.
 *
 * A workload has `n` pods to move, of which its budget lets `a` be down at a time. The first `a` go at once; each further
 * pod has to wait until a replacement is up, a cycle of `c` seconds; the last one is gone `t` seconds after it was told to:
 *
 *     (ceil(n / a) - 1) * c + t
 *
 * A pod of a Deployment is replaced at once, so c is the time to start. A stateful pod has the name of its predecessor,
 * which must be gone first: c is t and the time to start. To start takes the sandbox and the containers (0.5 s in the
 * simulator) and then `readySeconds`.
 *
 * Left out, so that the bound holds for everybody: requests and watches on their way, the reaction of controllers and of
 * the scheduler (10 ms each), and the lag of the disruption controller, which is anything up to 0.5 s: it works in rounds
 * that a change of any other budget may have begun. Workloads move side by side, so the longest decides, or the speed limit.
 */
import type { BudgetSpec, Scenario, WorkloadSpec } from '../../src/simulator/scenario.ts';

const startSeconds = 0.5;
/** What one program should ask of an API server: 50 evictions a second, 10 at once. */
const evictionsPerSecond = 50;
const evictionsAtOnce = 10;

export interface Bound {
  seconds: number;
  /** pods that can never leave */
  stays: number;
}

export interface BoundOptions {
  /** share of a workload without budget that may be down at a time */
  unbudgetedPercent?: number;
  /** pods of a workload that come later: how many, and when (seconds) */
  late?: Record<string, { pods: number; at: number }>;
  /**
   * Somebody deletes a pod of each stateful set meanwhile, and asks no budget: it ends while another one does, but starts
   * after it, since a stateful set starts its pods one after the other. That is one end less.
   */
  oneDeleted?: boolean;
}

export function boundOf(
  { workloads, budgets }: Pick<Scenario, 'workloads' | 'budgets'>,
  { unbudgetedPercent = 25, late = {}, oneDeleted = false }: BoundOptions = {},
): Bound {
  let seconds = 0;
  let stays = 0;
  let moves = 0;
  let shortest = Number.POSITIVE_INFINITY;
  for (const workload of workloads) {
    const { kind, name, namespace, replicas, readySeconds, terminationSeconds: end } = workload;
    if (kind === 'DaemonSet') continue;
    const more = late[name] ?? { pods: 0, at: 0 };
    const pods = replicas + more.pods;
    const its = budgets.filter((budget) => budget.namespace === namespace && selects(budget, workload));
    const atOnce = its.length > 1 ? 0 : allowed(workload, its[0], pods, unbudgetedPercent);
    if (atOnce === 0) {
      stays += pods;
      continue;
    }
    const up = startSeconds + readySeconds;
    const cycle = kind === 'StatefulSet' ? end + up : up;
    const spared = oneDeleted && kind === 'StatefulSet' ? end : 0;
    seconds = Math.max(seconds, (Math.ceil(pods / atOnce) - 1) * cycle + end - spared, more.at + end);
    moves += pods;
    shortest = Math.min(shortest, end);
  }
  const byRate = Math.max(0, moves - evictionsAtOnce) / evictionsPerSecond + (moves > 0 ? shortest : 0);
  return { seconds: Math.max(seconds, byRate), stays };
}

const selects = ({ selector }: BudgetSpec, { name, labels }: WorkloadSpec): boolean =>
  Object.entries(selector).every(([key, value]) => ({ app: name, ...labels })[key] === value);

/** How many of its pods may be down at a time. */
function allowed(
  workload: WorkloadSpec,
  budget: BudgetSpec | undefined,
  pods: number,
  unbudgetedPercent: number,
): number {
  const { neverReady } = workload;
  if (!budget) return neverReady ? pods : Math.max(1, Math.floor((pods * unbudgetedPercent) / 100));
  // A pod that is not up takes nothing from a budget that says so; from another one it has nothing to take.
  if (neverReady) return budget.unhealthyPodEvictionPolicy === 'AlwaysAllow' ? pods : 0;
  const { minAvailable, maxUnavailable } = budget;
  if (maxUnavailable !== undefined) return Math.min(pods, part(maxUnavailable, pods));
  return Math.max(0, pods - part(minAvailable ?? 0, pods));
}

/** Percentages round up. */
const part = (value: number | string, of: number): number =>
  typeof value === 'number' ? value : Math.ceil((Number.parseFloat(value) / 100) * of);
