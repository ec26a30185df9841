import type { Finding } from '../domain/finding.ts';
import { nodesOf, podsToMove } from '../domain/nodegroups.ts';
import { volumesOfDriver } from '../domain/scheduling.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { claimsByName } from '../domain/volumes.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, planAgain } from './check.ts';

/** More pods on a node can mean more volumes than can be attached to it. */
export const volumeAttachLimit: Check = {
  codes: [
    {
      code: 'VOLUME.ATTACH_LIMIT',
      meaning: 'The pods that move have more volumes than the new nodes can attach.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) => scope.sources.flatMap((source) => tooMany(snapshot, scope, source)),
};

function tooMany(snapshot: ClusterSnapshot, scope: Scope, { nodegroupName }: Nodegroup): Finding[] {
  const kinds = scope.replacements.filter(({ source }) => source === nodegroupName);
  const nodes = scope.nodes.get(nodegroupName) ?? 0;
  const capacity = scope.capacity.get(nodegroupName);
  const claims = claimsByName(snapshot);
  const volumes = new Map<string, Set<string>>();
  for (const { namespace, persistentVolumeClaims } of podsToMove(snapshot, [nodegroupName])) {
    for (const name of persistentVolumeClaims.map((claim) => nameOf({ namespace, name: claim }))) {
      const driver = claims.get(name)?.driver ?? null;
      if (driver !== null) volumes.set(driver, (volumes.get(driver) ?? new Set()).add(name));
    }
  }
  return [...volumes].flatMap(([driver, found]) => {
    const resource = volumesOfDriver(driver);
    const limits = kinds.flatMap(({ room }) => room[resource] ?? []);
    if (limits.length === 0) return [];
    const limit = Math.min(...limits);
    const isShort = capacity?.limitedBy === resource && capacity.nodesNeeded > nodes;
    if (found.size <= limit * nodes && !isShort) return [];
    const [node] = nodesOf(snapshot, nodegroupName);
    return [
      {
        code: 'VOLUME.ATTACH_LIMIT',
        severity: 'warning' as const,
        subject: nodegroupName,
        summary: `Node group ${nodegroupName}: its pods have ${count(found.size, 'volume')} of ${driver}, and ${count(nodes, 'new node')} can attach ${limit} each; ${capacity?.nodesNeeded ?? Math.ceil(found.size / Math.max(1, limit))} would be enough.`,
        why: 'The driver tells this limit of the old nodes. Pods whose volume finds no node stay Pending, and the drain waits.',
        nextActions: [
          planAgain(scope, { nodes: 'fit' }),
          ...(node === undefined ? [] : [`kubectl get csinode ${node.name} -o yaml`]),
        ],
      },
    ];
  });
}
