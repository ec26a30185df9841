import type { RunSummary } from './journal-entry.ts';
import type { MigrationPlan } from './plan.ts';
import type { RunState } from './run-state.ts';
import { sum } from './sum.ts';

/** What moved so far. Pods per node are those of the smallest node group, before and after. */
export function summarize(plan: MigrationPlan, state: Readonly<RunState>): RunSummary {
  const isDrained = plan.steps.every(
    ({ id, kind }) => kind !== 'drain-source' || state.steps[id]?.status === 'succeeded',
  );
  // A run that was cut off may not have written that a pod went; once all are gone, so is each that was asked to.
  const gone = new Set([...state.podsGone, ...(isDrained ? Object.keys(state.evictions) : [])]);
  const isEvicted = ([uid, { outcome }]: [string, { outcome: string }]): boolean =>
    outcome === 'accepted' || (outcome === 'intent' && gone.has(uid));
  return {
    nodesBefore: sum(plan.nodegroups.map(({ nodes }) => nodes.source)),
    nodesAfter: sum(plan.nodegroups.map(({ nodes }) => nodes.replacement)),
    podsMoved: gone.size,
    evictions: Object.entries(state.evictions).filter(isEvicted).length,
    evictionsRefused: state.evictionsRefused,
    prefixesAttached: sum(Object.values(state.verifiedNodes).map(({ prefixes }) => prefixes.length)),
    maxPodsBefore: smallest(plan.nodegroups.map(({ maxPodsBefore }) => maxPodsBefore)),
    maxPodsAfter: smallest(plan.nodegroups.map(({ maxPods }) => maxPods.value)),
  };
}
const smallest = (values: number[]): number => (values.length === 0 ? 0 : Math.min(...values));
