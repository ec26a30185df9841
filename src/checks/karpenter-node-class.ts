import { prefixDelegationIsOn } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { nodeClassMaxPods } from '../domain/karpenter.ts';
import { planFolder } from '../domain/plan-command.ts';
import type { Scope } from '../domain/scope.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { ClusterSnapshot, Karpenter } from '../domain/snapshot.ts';
import { type Check, listed } from './check.ts';

type NodeClass = Karpenter['nodeClasses'][number];

/** Node classes of Karpenter whose nodes do not hold the pods that prefixes have addresses for. Nothing is changed there. */
export const karpenterNodeClass: Check = {
  codes: [
    {
      code: 'KARPENTER.NODECLASS',
      meaning: 'Nodes of a Karpenter EC2NodeClass do not gain from prefixes until its maxPods says so.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope): Finding[] {
    const usesPrefixes = scope.sources.length > 0 || prefixDelegationIsOn(snapshot.vpcCni.env);
    const low = usesPrefixes
      ? (snapshot.karpenter?.nodeClasses ?? []).filter((one) => isLow(snapshot, scope, one))
      : [];
    if (low.length === 0) return [];
    const now = low.map(({ name, maxPods }) => `${name} (${maxPods === null ? 'not set' : maxPods})`);
    return [
      {
        code: 'KARPENTER.NODECLASS',
        severity: 'advice',
        subject: listed(
          low.map(({ name }) => name),
          3,
        ),
        summary: `spec.kubelet.maxPods of EC2NodeClass ${listed(now)} keeps new nodes of Karpenter from holding as many pods as prefixes have addresses for.`,
        why: 'Where it is not set, Karpenter reckons with the addresses that a node has without prefixes. Nothing is changed there by this plan: Karpenter replaces its nodes by itself once the class says so.',
        nextActions: [
          `prefix-migrate export ${shellWord(planFolder(snapshot.cluster.name))} --format nodeclass  # the change, to apply yourself`,
          `kubectl get ec2nodeclasses ${low.map(({ name }) => name).join(' ')} -o yaml`,
        ],
      },
    ];
  },
};

/** Compared with what its nodes of today could have; without any, with what EKS recommends for small ones. */
const isLow = (snapshot: ClusterSnapshot, { request }: Scope, { name, maxPods }: NodeClass): boolean =>
  maxPods === null || maxPods < nodeClassMaxPods(snapshot, request, name).value;
