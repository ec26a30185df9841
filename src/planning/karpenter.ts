import { nodeClassMaxPods } from '../domain/karpenter.ts';
import type { KarpenterPlan, PlanRequest } from '../domain/plan.ts';
import type { ClusterSnapshot } from '../domain/snapshot.ts';

/** What node classes of Karpenter should say in prefix mode; undefined where Karpenter was not seen. */
export function karpenterPlan(snapshot: ClusterSnapshot, request: PlanRequest): KarpenterPlan | undefined {
  const { karpenter } = snapshot;
  if (karpenter === undefined) return undefined;
  return {
    nodeClasses: karpenter.nodeClasses.map(({ name, apiVersion, maxPods }) => {
      const { value, limitedBy } = nodeClassMaxPods(snapshot, request, name);
      return {
        name,
        apiVersion,
        nodePools: karpenter.nodePools.filter(({ nodeClass }) => nodeClass === name).map((pool) => pool.name),
        maxPodsBefore: maxPods,
        maxPods: value,
        limitedBy,
      };
    }),
  };
}
