import { inParallel } from '../domain/parallel.ts';
import { isSelfManaged } from '../domain/self-managed.ts';
import type { ClusterNode, Nodegroup } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { conflict, sameAgain } from './conflict.ts';
import { optional } from './optional.ts';
import type { Observation } from './step-handler.ts';

interface Target {
  clusterName: string;
  nodegroupName: string;
}

/** Calls about node groups, at a time. */
const parallelCalls = 8;

/**
 * Conflict when the deletion would lock other nodes out: with the last managed node group of a role EKS takes the role out of
 * ConfigMap aws-auth, and nodes of the same role that it does not manage go NotReady. What may not be asked is no obstacle.
 * https://docs.aws.amazon.com/eks/latest/userguide/delete-managed-node-group.html
 */
export async function sharedRole(target: Target, group: Nodegroup, ports: Ports): Promise<Observation | null> {
  const { clusterName, nodegroupName } = target;
  const { nodeRole } = group;
  if (isSelfManaged(nodegroupName)) return null;
  const outside = (await ports.kubernetes.listNodes()).filter(isUnmanaged);
  if (outside.length === 0) return null;
  const cluster = await optional(ports.eks.describeCluster(clusterName));
  if (cluster?.authenticationMode === 'API') return null;
  const inAwsAuth = await optional(ports.kubernetes.rolesOfAwsAuth());
  if (inAwsAuth != null && !inAwsAuth.includes(nodeRole)) return null;
  if ((await optional(ports.eks.accessEntriesOfNodes(clusterName)))?.includes(nodeRole)) return null;
  if (await isUsedElsewhere(target, nodeRole, ports)) return null;
  const affected = await withRole(outside, nodeRole, clusterName, ports);
  if (affected.length === 0) return null;
  const names = affected.slice(0, 5).map(({ name }) => name);
  const more = affected.length > names.length ? ` and ${affected.length - names.length} more` : '';
  const isConfigMapOnly = (cluster?.authenticationMode ?? 'CONFIG_MAP') === 'CONFIG_MAP';
  return conflict({
    code: 'DELETE.ROLE_SHARED',
    message: `Node group ${nodegroupName} was not deleted: it is the last managed one with role ${nodeRole}, and ${names.join(', ')}${more} may have joined with that role.`,
    why: 'EKS takes the role of a managed node group out of ConfigMap kube-system/aws-auth when no other one uses it. Nodes that EKS does not manage, and that join with it, go NotReady then.',
    nextActions: [
      ...(isConfigMapOnly
        ? [
            `aws eks update-cluster-config --name ${clusterName} --access-config authenticationMode=API_AND_CONFIG_MAP   # access entries beside aws-auth; there is no way back`,
          ]
        : []),
      `aws eks create-access-entry --cluster-name ${clusterName} --principal-arn ${nodeRole} --type EC2_LINUX   # lets its nodes join without aws-auth`,
      sameAgain,
      `or delete it yourself: aws eks delete-nodegroup --cluster-name ${clusterName} --nodegroup-name ${nodegroupName}; and put the role back at once: eksctl create iamidentitymapping --cluster ${clusterName} --arn ${nodeRole} --group system:bootstrappers --group system:nodes --username 'system:node:{{EC2PrivateDNSName}}'`,
    ],
  });
}

/** EC2 nodes that no managed node group has made: self-managed ones, and those of Karpenter. */
const isUnmanaged = ({ nodegroupName, instanceId }: ClusterNode): boolean =>
  instanceId !== null && (nodegroupName === null || isSelfManaged(nodegroupName));

async function isUsedElsewhere({ clusterName, nodegroupName }: Target, nodeRole: string, { eks }: Ports) {
  const names = (await optional(eks.listNodegroups(clusterName))) ?? [];
  const others = await inParallel(
    parallelCalls,
    names.filter((name) => name !== nodegroupName),
    (name) => optional(eks.describeNodegroup(clusterName, name)),
  );
  return others.some((group) => group?.nodeRole === nodeRole && group.status !== 'DELETING');
}

/** Those whose role is this one, or is not known. */
async function withRole(nodes: readonly ClusterNode[], nodeRole: string, clusterName: string, { eks }: Ports) {
  const groupNames = [...new Set(nodes.flatMap(({ nodegroupName }) => nodegroupName ?? []))];
  const groups = await inParallel(parallelCalls, groupNames, (name) =>
    optional(eks.describeNodegroup(clusterName, name)),
  );
  const roles = new Map(groupNames.map((name, index) => [name, groups[index]?.nodeRole || null]));
  return nodes.filter(({ nodegroupName }) => {
    const role = nodegroupName === null ? null : (roles.get(nodegroupName) ?? null);
    return role === null || role === nodeRole;
  });
}
