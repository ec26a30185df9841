import type { Finding } from '../domain/finding.ts';
import { nodesOf } from '../domain/nodegroups.ts';
import { isPutByController } from '../domain/scheduling.ts';
import type { Scope } from '../domain/scope.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { ClusterSnapshot, Nodegroup, Placement } from '../domain/snapshot.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, listed } from './check.ts';
import { byWorkload } from './moving.ts';

/** What the old nodes have from somebody else than their node group, so that new nodes do not get it from there. */
export const placementLost: Check = {
  codes: [
    {
      code: 'PLACEMENT.LABEL_LOST',
      meaning: 'Pods demand a label that a controller put on the old nodes; it has to label the new ones, too.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) => scope.sources.flatMap((source) => lostLabels(snapshot, scope, source)),
};

/** Of each of these labels who demands it: workloads with pods on the nodes of the source, and templates of pods anywhere. */
export function demandersOf(
  snapshot: ClusterSnapshot,
  { movingPods }: Scope,
  { nodegroupName }: Nodegroup,
  keys: ReadonlySet<string>,
): [key: string, names: Set<string>][] {
  const names = new Set(nodesOf(snapshot, nodegroupName).map(({ name }) => name));
  const owners = new Map<string, Set<string>>();
  const note = (placement: Placement, name: string): void => {
    for (const key of demandedKeys(placement)) {
      if (keys.has(key)) owners.set(key, (owners.get(key) ?? new Set()).add(name));
    }
  };
  for (const { subject, pods } of byWorkload(
    movingPods.filter(({ nodeName }) => names.has(nodeName ?? '')),
    snapshot,
  ))
    for (const pod of pods) note(pod, subject);
  for (const one of [...snapshot.workloads, ...snapshot.jobs])
    if (one.template !== undefined && one.controller === null && one.kind !== 'DaemonSet')
      note(one.template, nameOf(one));
  return [...owners].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function lostLabels(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  const keys = new Set(
    nodesOf(snapshot, nodegroupName).flatMap(({ labels }) =>
      Object.keys(labels).filter((key) => isPutByController(key) && !(key in source.labels)),
    ),
  );
  if (keys.size === 0) return [];
  return demandersOf(snapshot, scope, source, keys).map(([key, found]) => ({
    code: 'PLACEMENT.LABEL_LOST',
    severity: 'warning',
    subject: nodegroupName,
    summary: `Label ${key} is on nodes of ${nodegroupName}, not on the node group; ${count(found.size, 'workload')} ${found.size === 1 ? 'demands' : 'demand'} it: ${listed([...found])}.`,
    why: 'By its name a controller such as a device plugin or a driver puts it on nodes. Until that has labelled the new nodes, these pods stay Pending.',
    nextActions: [
      `kubectl get nodes -L ${shellWord(key)}  # once the first new node is there`,
      `kubectl get daemonsets -A  # what labels the nodes has to run on new nodes of ${nodegroupName}`,
    ],
  }));
}

const demandedKeys = ({ nodeSelector, nodeAffinity }: Placement): string[] => [
  ...Object.keys(nodeSelector ?? {}),
  ...(nodeAffinity ?? []).flatMap(({ expressions }) =>
    expressions.filter(({ operator }) => operator !== 'NotIn' && operator !== 'DoesNotExist').map(({ key }) => key),
  ),
];
