import { usesVpcCni } from './nodegroups.ts';
import type { ClusterSnapshot, Workload } from './snapshot.ts';

/** DaemonSets that give pods their addresses in place of aws-node, or work on top of it. */
const cniDaemonSets: Record<string, string> = {
  cilium: 'Cilium',
  'calico-node': 'Calico',
  canal: 'Canal',
  'kube-flannel': 'Flannel',
  'kube-flannel-ds': 'Flannel',
  'antrea-agent': 'Antrea',
  'weave-net': 'Weave Net',
  'kube-router': 'kube-router',
  'ovnkube-node': 'OVN-Kubernetes',
};

export interface RunningCni {
  /** `Cilium`; null when aws-node is away from the nodes and nothing known is in its place */
  product: string | null;
  daemonSet: Pick<Workload, 'namespace' | 'name' | 'replicas'> | null;
}

/** The first DaemonSet of another CNI that has pods to run. */
const runningCni = ({ workloads }: ClusterSnapshot): RunningCni | undefined =>
  workloads.flatMap(({ kind, namespace, name, replicas }): RunningCni[] => {
    const product = cniDaemonSets[name];
    if (kind !== 'DaemonSet' || replicas === 0 || product === undefined) return [];
    return [{ product, daemonSet: { namespace, name, replicas } }];
  })[0];

/**
 * What gives the pods of the EC2 nodes their addresses where aws-node does not: it is not installed, or is wanted on no node
 * although there are some. Undefined when aws-node does, or when it is missing and nothing is known to be in its place.
 */
export function otherCni(snapshot: ClusterSnapshot): RunningCni | undefined {
  const { managedBy, rollout } = snapshot.vpcCni;
  if ((rollout?.desired ?? 0) > 0 || !snapshot.nodes.some(usesVpcCni)) return undefined;
  return runningCni(snapshot) ?? (managedBy === 'absent' ? undefined : { product: null, daemonSet: null });
}

/** Cilium on the addresses of aws-node. Calico beside aws-node enforces network policies only. */
export function chainedCni(snapshot: ClusterSnapshot): RunningCni | undefined {
  if ((snapshot.vpcCni.rollout?.desired ?? 0) === 0) return undefined;
  const running = runningCni(snapshot);
  return running?.product === 'Cilium' ? running : undefined;
}
