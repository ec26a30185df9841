import { envAfter, interfaceSettings } from './cni-settings.ts';
import { type PodLimit, podCap, recommendedMaxPods } from './max-pods.ts';
import type { PlanRequest } from './plan.ts';
import type { ClusterSnapshot } from './snapshot.ts';

/**
 * maxPods of an EC2NodeClass in prefix mode: as many as the nodes that it has today could all hold, since one number is for all
 * types; without any, what EKS recommends for small ones.
 */
export function nodeClassMaxPods(snapshot: ClusterSnapshot, request: PlanRequest, name: string): PodLimit {
  const nodes = snapshot.nodes.filter(({ labels }) => labels['karpenter.k8s.aws/ec2nodeclass'] === name);
  const used = new Set(nodes.map(({ instanceType }) => instanceType));
  const types = snapshot.instanceTypes.filter(({ instanceType }) => used.has(instanceType));
  if (types.length === 0)
    return { value: podCap(0), limitedBy: `vCPU cap ${podCap(0)}; it has no node to tell a type` };
  const { value, limitedBy } = recommendedMaxPods(types, interfaceSettings(envAfter(snapshot.vpcCni, request)));
  return {
    value,
    limitedBy: `${limitedBy}, of ${types
      .map(({ instanceType }) => instanceType)
      .toSorted()
      .join(', ')}`,
  };
}
