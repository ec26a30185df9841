import { inParallel } from '../domain/parallel.ts';
import type { ClusterFacts } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { vpcCniOf } from './vpc-cni.ts';

export interface FactsOptions {
  clusterName: string;
  nodegroupNames: readonly string[];
  /** custom networking: where new nodes get their addresses */
  eniConfigs: boolean;
}

/**
 * A short look between two phases: a handful of calls, none of which grows with pods or nodes. Reads only. A node group that
 * does not exist is missing from the answer.
 *
 * @throws MigrateError as the ports do
 */
export async function surveyFacts(
  { eks, kubernetes }: Ports,
  { clusterName, nodegroupNames, eniConfigs: wanted }: FactsOptions,
): Promise<ClusterFacts> {
  const [found, nodegroups, addon, daemonSet, eniConfigs] = await Promise.all([
    eks.describeCluster(clusterName),
    inParallel(4, nodegroupNames, (name) => eks.describeNodegroup(clusterName, name)),
    eks.describeAddon(clusterName, 'vpc-cni'),
    kubernetes.getDaemonSet('kube-system', 'aws-node', 'aws-node'),
    wanted ? kubernetes.listEniConfigs() : [],
  ]);
  const { certificateAuthorityData: _onlyItsHashIsCompared, ...cluster } = found;
  return {
    cluster,
    nodegroups: nodegroups.filter((group) => group !== undefined),
    vpcCni: vpcCniOf(addon, daemonSet),
    eniConfigs,
  };
}
