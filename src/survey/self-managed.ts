import { MigrateError } from '../domain/migrate-error.ts';
import { inParallel } from '../domain/parallel.ts';
import { autoScalingGroupsUnseen, isSelfManaged, mayBeSelfManaged } from '../domain/self-managed.ts';
import type { Cluster, ClusterNode, ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import type { OnMissed } from '../ports/kubernetes.ts';
import type { Ports } from '../ports/ports.ts';

export interface SelfManaged {
  nodegroups: Nodegroup[];
  /** all nodes; of no group those whose group could not be looked at */
  nodes: ClusterNode[];
}

/**
 * The Auto Scaling groups that nodes say they are of and that EKS does not manage. None where AWS does not tell about them:
 * that keeps nobody from moving the managed ones.
 */
export async function surveySelfManaged(
  { eks, autoScaling }: Pick<Ports, 'eks' | 'autoScaling'>,
  clusterName: string,
  nodes: readonly ClusterNode[],
  onMissed: OnMissed,
): Promise<SelfManaged> {
  const missed = missedBy(onMissed, autoScalingGroupsUnseen);
  const names = [...new Set(nodes.flatMap(({ nodegroupName }) => nodegroupName ?? []))].filter(isSelfManaged);
  const described = inParallel(4, names.toSorted(), (name) => eks.describeNodegroup(clusterName, name));
  const found = (await described.catch(missed)) ?? [];
  // a managed group whose nodes have lost the label of it is none of these
  const nodegroups = found.filter((group) => group !== undefined).filter(({ tags }) => !('eks:nodegroup-name' in tags));
  const there = new Set(nodegroups.map(({ nodegroupName }) => nodegroupName));
  const placed = nodes.map((node) =>
    isSelfManaged(node.nodegroupName ?? '') && !there.has(node.nodegroupName ?? '')
      ? { ...node, nodegroupName: null }
      : node,
  );
  const alone = names.length > 0 ? [] : placed.filter(mayBeSelfManaged);
  if (alone.length > 0) await autoScaling.groupsOfInstances(alone.map(({ instanceId }) => instanceId)).catch(missed);
  return { nodegroups, nodes: placed };
}

/** Who lets nodes join; asked only where nodes join that EKS does not manage. What may not be read is null. */
export async function surveyJoinRoles(
  { eks, kubernetes }: Pick<Ports, 'eks' | 'kubernetes'>,
  { name, authenticationMode }: Cluster,
  nodegroups: readonly Nodegroup[],
  onMissed: OnMissed,
): Promise<Pick<ClusterSnapshot, 'joinRoles'>> {
  if (!nodegroups.some(({ nodegroupName }) => isSelfManaged(nodegroupName))) return {};
  const [accessEntries, awsAuth] = await Promise.all([
    authenticationMode === 'CONFIG_MAP'
      ? []
      : eks.accessEntriesOfNodes(name).catch(missedBy(onMissed, 'access entries')),
    authenticationMode === 'API' ? [] : kubernetes.rolesOfAwsAuth(onMissed),
  ]);
  return { joinRoles: { accessEntries: accessEntries ?? null, awsAuth } };
}

/** Tells of a refusal, which is then no failure. */
const missedBy =
  (onMissed: OnMissed, resource: string) =>
  (error: unknown): undefined => {
    if (!(error instanceof MigrateError) || error.retryable) throw error;
    onMissed({ resource, why: `${error.message} ${error.why}` });
  };
