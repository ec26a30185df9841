import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { evictionThresholdMiB, kubeReservedMemoryMiB, recommendedMaxPods } from '../domain/max-pods.ts';
import { allocatableAfter } from '../domain/node-memory.ts';
import { maxPodsBefore } from '../domain/nodegroup-pods.ts';
import { desiredNodes, nodesOf, podsToMove, replacementTypeNames, replacementTypesOf } from '../domain/nodegroups.ts';
import { planCommand } from '../domain/plan-command.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { sum } from '../domain/sum.ts';
import { type Check, count, planAgain } from './check.ts';

const bytesPerMiB = 1024 * 1024;

/** Whether the pods of a source still fit the memory of as many nodes, now that each sets more of it aside. */
export const nodegroupMemory: Check = {
  codes: [
    {
      code: 'NODEGROUP.NO_MEMORY',
      meaning: 'So much memory is set aside for so many pods that a node has none left for them.',
      canBeAllowed: true,
    },
    {
      code: 'NODEGROUP.MEMORY_SHORT',
      meaning: 'The pods request more memory than the same number of replacement nodes will offer.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) =>
    scope.sources.flatMap((source) => {
      const none = noMemory(snapshot, scope, source);
      return none.length > 0 || isSurelyShort(scope, source) ? none : memoryShort(snapshot, scope, source);
    }),
};

/** Another finding says so then. */
const isSurelyShort = ({ capacity, nodes }: Scope, { nodegroupName, scaling }: Nodegroup): boolean =>
  (capacity.get(nodegroupName)?.atLeast ?? 0) > Math.max(scaling.maxSize, nodes.get(nodegroupName) ?? 0);

/** Less than the DaemonSets of a node request, or nothing at all: kubelet would not start its own system pods. */
function noMemory(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, scope.request));
  const { known } = replacementTypesOf(snapshot, source, scope.request);
  const maxPods = scope.request.maxPods ?? recommendedMaxPods(known, settings).value;
  const { daemonsMiB } = demandOf(snapshot, source);
  const least = (value: number): number =>
    Math.min(
      ...known
        .filter(({ memoryMiB }) => memoryMiB > 0)
        .map(({ memoryMiB }) => memoryMiB - kubeReservedMemoryMiB(value) - evictionThresholdMiB),
      ...nodesOf(snapshot, nodegroupName)
        .filter(
          ({ allocatable, instanceType }) =>
            allocatable.memoryBytes > 0 && !hasOtherTypes(snapshot, scope, source, instanceType),
        )
        .map((node) => allocatableAfter(snapshot, source, node, value)),
    );
  const leavesRoom = (value: number): boolean => least(value) >= Math.max(1, daemonsMiB);
  if (leavesRoom(maxPods)) return [];
  const most = largestFitting(1, maxPods - 1, leavesRoom);
  const gains = most !== undefined && most > maxPodsBefore(snapshot, source, settings);
  const others = scope.sources.map((other) => other.nodegroupName).filter((name) => name !== nodegroupName);
  const smallest = known.filter(({ memoryMiB }) => memoryMiB > 0).toSorted((a, b) => a.memoryMiB - b.memoryMiB)[0];
  const reserved = kubeReservedMemoryMiB(maxPods) + evictionThresholdMiB;
  return [
    {
      code: 'NODEGROUP.NO_MEMORY',
      severity: 'blocking',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: maxPods ${maxPods} sets ${reserved}${smallest === undefined ? '' : ` of ${smallest.memoryMiB}`} MiB aside${smallest === undefined ? '' : ` on ${smallest.instanceType}`} and leaves ${Math.max(0, least(maxPods))} MiB for pods; the DaemonSets of a node request ${daemonsMiB}.`,
      why: `EKS images reserve 255 MiB and 11 MiB per possible pod, and ${evictionThresholdMiB} MiB are kept free. ${most === undefined ? 'No maxPods leaves room.' : `maxPods ${most} is the largest that leaves room${gains ? '' : ', and no more than the nodes have now'}.`} This is an estimate.`,
      nextActions: [
        ...(gains ? [planCommand({ ...scope.request, nodegroups: [nodegroupName], maxPods: most })] : []),
        ...(others.length === 0
          ? []
          : [`${planCommand({ ...scope.request, nodegroups: others })}  # without ${nodegroupName}`]),
        `${planAgain(scope, { allow: ['NODEGROUP.NO_MEMORY'] })}  # when user data of your own reserves less`,
      ],
    },
  ];
}

/** Short of memory by the nodes that there are now: how many more would do, and which maxPods. */
export function memoryShort(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  // of other types the packing tells
  if (nodesOf(snapshot, nodegroupName).some(({ instanceType }) => hasOtherTypes(snapshot, scope, source, instanceType)))
    return [];
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, scope.request));
  const { known } = replacementTypesOf(snapshot, source, scope.request);
  const maxPods = scope.request.maxPods ?? recommendedMaxPods(known, settings).value;
  const demand = demandOf(snapshot, source);
  const wanted = scope.nodes.get(nodegroupName) ?? desiredNodes(snapshot, source);
  const rooms = roomsWith(snapshot, source, demand, maxPods);
  const needed = nodesNeeded(demand.pods, rooms);
  if (rooms.length === 0 || demand.pods.length === 0 || needed === null || needed <= wanted) return [];
  const before = maxPodsBefore(snapshot, source, settings);
  const fitting = largestFitting(before + 1, maxPods - 1, (value) => {
    const nodes = nodesNeeded(demand.pods, roomsWith(snapshot, source, demand, value));
    return nodes !== null && nodes <= wanted;
  });
  const smallest = Math.min(...rooms);
  const requested = Math.ceil(sum(demand.pods));
  const whole = requested <= wanted * smallest ? ` ${wholePods(demand.pods, smallest)}` : '';
  return [
    {
      code: 'NODEGROUP.MEMORY_SHORT',
      severity: 'warning',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: its pods request ${requested} MiB, and ${count(wanted, 'new node')} will have ${smallest} MiB each for them at least; ${needed} would be enough.`,
      why: `With maxPods ${maxPods} each node sets ${kubeReservedMemoryMiB(maxPods)} MiB aside, and its DaemonSets request ${demand.daemonsMiB}. Pods without room stay Pending, and the drain waits.${whole} This is an estimate: by requests, largest first.`,
      nextActions: [
        planAgain(scope, { nodes: 'fit' }),
        ...(fitting === undefined
          ? []
          : [planCommand({ ...scope.request, nodegroups: [nodegroupName], maxPods: fitting })]),
      ],
    },
  ];
}

/** Whether types were asked for, and not this one: then an old node says nothing about a new one. */
const hasOtherTypes = (
  snapshot: ClusterSnapshot,
  { request }: Scope,
  source: Nodegroup,
  instanceType: string | null,
): boolean =>
  request.instanceTypes.length > 0 && !replacementTypeNames(snapshot, source, request).includes(instanceType ?? '');

/** Why they do not fit although the sum of their requests would. */
function wholePods(pods: readonly number[], room: number): string {
  const largest = pods.reduce((a, b) => Math.max(a, b));
  const most = Math.floor(room / largest);
  return `Their sum would fit, but a pod cannot be split: of the largest, ${Math.ceil(largest)} MiB each, ${most} ${most === 1 ? 'fits' : 'fit'} on a node.`;
}

interface Demand {
  /** MiB that each pod requests that has to move, and that requests any */
  pods: number[];
  /** MiB that the pods request which stay with their node, on average */
  daemonsMiB: number;
}

function demandOf(snapshot: ClusterSnapshot, { nodegroupName }: Nodegroup): Demand {
  const moving = podsToMove(snapshot, [nodegroupName]);
  const isMoving = new Set(moving);
  const nodes = new Set(nodesOf(snapshot, nodegroupName).map(({ name }) => name));
  const staying = snapshot.pods.filter(
    (pod) =>
      pod.nodeName !== null &&
      nodes.has(pod.nodeName) &&
      !isMoving.has(pod) &&
      pod.phase !== 'Succeeded' &&
      pod.phase !== 'Failed',
  );
  const memory = ({ requests }: (typeof moving)[number]) => requests.memoryBytes / bytesPerMiB;
  return {
    pods: moving.map(memory).filter((requested) => requested > 0),
    daemonsMiB: Math.ceil(sum(staying.map(memory)) / Math.max(1, nodes.size)),
  };
}

/** MiB for pods that move on each of the group's nodes, were it started anew with this maxPods. */
const roomsWith = (snapshot: ClusterSnapshot, source: Nodegroup, { daemonsMiB }: Demand, maxPods: number): number[] =>
  nodesOf(snapshot, source.nodegroupName).map((node) =>
    Math.max(0, allocatableAfter(snapshot, source, node, maxPods) - daemonsMiB),
  );

/** Nodes that take all pods, the largest pod first; more than there are now are as the smallest. Null when a pod fits none. */
function nodesNeeded(pods: readonly number[], rooms: readonly number[]): number | null {
  const smallest = Math.min(...rooms);
  const left: number[] = [];
  const unused = rooms.toSorted((a, b) => b - a);
  const sizes = Map.groupBy(pods, (size) => size);
  for (const [size, alike] of [...sizes].toSorted(([a], [b]) => b - a)) {
    let waiting = alike.length;
    // a node that is opened is looked at next: there is always one more while pods wait
    for (let at = 0; waiting > 0; at += 1) {
      const room = left[at] ?? unused.shift() ?? smallest;
      if (at >= left.length && room < size) return null;
      const placed = Math.min(waiting, Math.floor(room / size));
      left[at] = room - placed * size;
      waiting -= placed;
    }
  }
  return left.length;
}

/** The largest number for which it holds, if it holds for all smaller ones. */
function largestFitting(least: number, most: number, fits: (value: number) => boolean): number | undefined {
  let [low, high] = [least - 1, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low < least ? undefined : low;
}
