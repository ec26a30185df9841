import type { RunSummary } from './journal-entry.ts';
import { nodegroupOwnerText } from './nodegroup-owner.ts';
import type { MigrationPlan } from './plan.ts';
import type { RunState } from './run-state.ts';
import { sum } from './sum.ts';

/**
 * What moved so far. Pods per node are those of the smallest node group, before and after. `plan` is what is run: of a
 * rollback the one that takes it back, whose summary tells what moved back, to the sources that are not gone.
 */
export function summarize(plan: MigrationPlan, state: Readonly<RunState>): RunSummary {
  const { rollback } = state;
  const isDrained = plan.steps.every(
    ({ id, kind }) => kind !== 'drain-source' || state.steps[id]?.status === 'succeeded',
  );
  // A run that was cut off may not have written that a pod went; once all are gone, so is each that was asked to.
  const gone = new Set([...state.podsGone, ...(isDrained ? Object.keys(state.evictions) : [])]);
  const isEvicted = ([uid, { outcome }]: [string, { outcome: string }]): boolean =>
    outcome === 'accepted' || (outcome === 'intent' && gone.has(uid));
  const groups = plan.nodegroups.filter(({ source }) => !rollback?.kept.includes(source));
  const old = {
    nodes: sum(groups.map(({ nodes }) => nodes.source)),
    maxPods: smallest(groups.map(({ maxPodsBefore }) => maxPodsBefore)),
  };
  const replacing = {
    nodes: sum(groups.map(({ nodes }) => nodes.replacement)),
    maxPods: smallest(groups.map(({ maxPods }) => maxPods.value)),
  };
  const left = plan.steps.flatMap((step) =>
    step.kind === 'hand-over-source' && state.steps[step.id]?.status === 'succeeded'
      ? [
          {
            nodegroup: step.params.nodegroupName,
            owner: nodegroupOwnerText(step.params.owner),
            instructions: step.params.instructions,
          },
        ]
      : [],
  );
  const [before, after] = rollback === null ? [old, replacing] : [replacing, old];
  return {
    nodesBefore: before.nodes,
    nodesAfter: after.nodes,
    podsMoved: gone.size,
    evictions: Object.entries(state.evictions).filter(isEvicted).length,
    evictionsRefused: state.evictionsRefused,
    prefixesAttached:
      rollback === null ? sum(Object.values(state.verifiedNodes).map((node) => node.prefixes.length)) : 0,
    maxPodsBefore: before.maxPods,
    maxPodsAfter: after.maxPods,
    ...(left.length === 0 ? {} : { leftToOwners: left }),
  };
}

const smallest = (values: number[]): number => (values.length === 0 ? 0 : Math.min(...values));
