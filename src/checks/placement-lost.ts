import type { Finding } from '../domain/finding.ts';
import { nodesOf } from '../domain/nodegroups.ts';
import { isPutByController, taintText } from '../domain/scheduling.ts';
import type { Scope } from '../domain/scope.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { ClusterSnapshot, Nodegroup, NodeTaint, Placement, TaintEffect } from '../domain/snapshot.ts';
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
    {
      code: 'PLACEMENT.TAINT_LOST',
      meaning:
        'All nodes of a source have a taint that their node group does not have, so that new nodes come without it.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) => [
    ...scope.sources.flatMap((source) => lostLabels(snapshot, scope, source)),
    ...scope.sources.flatMap((source) => lostTaints(snapshot, source)),
  ],
};

function lostLabels(snapshot: ClusterSnapshot, { movingPods }: Scope, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  const nodes = nodesOf(snapshot, nodegroupName);
  const names = new Set(nodes.map(({ name }) => name));
  const keys = new Set(
    nodes.flatMap(({ labels }) =>
      Object.keys(labels).filter((key) => isPutByController(key) && !(key in source.labels)),
    ),
  );
  if (keys.size === 0) return [];
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
  return [...owners]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, found]) => ({
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

/** As EKS writes effects. */
const effects: Record<string, TaintEffect> = { NoSchedule: 'NO_SCHEDULE', NoExecute: 'NO_EXECUTE' };

/** Taints that come and go with the state of a node, and of those who start, watch and end nodes. */
const ofState =
  /^(node\.kubernetes\.io|node\.cloudprovider\.kubernetes\.io|karpenter\.sh)\/|not-ready$|^aws-node-termination-handler\/|ByClusterAutoscaler$/;

const isSame = (a: NodeTaint, b: NodeTaint): boolean => taintText(a) === taintText(b);

function lostTaints(snapshot: ClusterSnapshot, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  const [first, ...rest] = nodesOf(snapshot, nodegroupName);
  const lost = (first?.taints ?? []).filter(
    (taint) =>
      effects[taint.effect] !== undefined &&
      !ofState.test(taint.key) &&
      rest.every(({ taints }) => taints.some((other) => isSame(other, taint))) &&
      !source.taints.some(({ key, effect }) => key === taint.key && effect === effects[taint.effect]),
  );
  if (lost.length === 0) return [];
  const { cluster } = snapshot;
  const asArguments = lost.map(
    ({ key, value, effect }) => `{key=${key}${value ? `,value=${value}` : ''},effect=${effects[effect]}}`,
  );
  return [
    {
      code: 'PLACEMENT.TAINT_LOST',
      severity: 'warning',
      subject: nodegroupName,
      summary: `All nodes of ${nodegroupName} have ${lost.map(taintText).join(', ')}, the node group does not: new nodes come without.`,
      why: 'Somebody put the taint on the nodes. Without it pods that it kept away can come to the new nodes, and take the room of those that move.',
      nextActions: [
        `aws eks update-nodegroup-config --region ${cluster.region} --cluster-name ${cluster.name} --nodegroup-name ${nodegroupName} --taints ${shellWord(`addOrUpdateTaints=[${asArguments.join(',')}]`)}  # then plan again: the replacement gets the taints of the group`,
      ],
    },
  ];
}
