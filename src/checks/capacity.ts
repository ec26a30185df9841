import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { kubeReservedMemoryMiB, recommendedMaxPods } from '../domain/max-pods.ts';
import { maxPodsBefore } from '../domain/nodegroup-pods.ts';
import { replacementTypesOf } from '../domain/nodegroups.ts';
import { planCommand } from '../domain/plan-command.ts';
import { amountText } from '../domain/scheduling.ts';
import type { Scope, TooBig } from '../domain/scope.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, listed, planAgain } from './check.ts';
import { memoryShort } from './nodegroup-memory.ts';

/** Whether the nodes of a replacement hold what moves there. */
export const capacity: Check = {
  codes: [
    {
      code: 'CAPACITY.TOO_FEW_NODES',
      meaning: 'The pods that move need more nodes than the replacement will have.',
      canBeAllowed: true,
    },
    {
      code: 'CAPACITY.POD_TOO_BIG',
      meaning: 'A pod requests more than any node of the replacement has.',
      canBeAllowed: true,
    },
  ],
  run: (snapshot, scope) =>
    scope.sources.flatMap((source) => [...tooBig(snapshot, scope, source), ...tooFewNodes(snapshot, scope, source)]),
};

function tooBig(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  const byOwner = Map.groupBy(scope.capacity.get(nodegroupName)?.tooBig ?? [], ({ owner }) => owner);
  return [...byOwner].map(([owner, found]) => {
    const largest = found.reduce((a, b) => (b.needs > a.needs ? b : a));
    const { resource, needs, has } = largest;
    const pods = found.flatMap((one) => one.pods);
    const maxPods = maxPodsFor(snapshot, scope, source, largest);
    return {
      code: 'CAPACITY.POD_TOO_BIG',
      severity: 'blocking',
      subject: owner,
      summary: `${count(pods.length, 'pod')} of ${owner} ${pods.length === 1 ? 'requests' : 'request'} ${amountText(resource, needs)}, and a new node of ${nodegroupName} has ${amountText(resource, has)} for pods: ${listed(pods.map(nameOf))}.`,
      why: `What kubelet keeps for itself and what the DaemonSets of a node request is taken off${resource === 'memory' ? '; with more pods per node kubelet keeps more memory' : ''}. No number of such nodes helps: the pods would stay Pending.`,
      nextActions: [
        ...(maxPods === undefined ? [] : [planCommand({ ...scope.request, nodegroups: [nodegroupName], maxPods })]),
        `kubectl -n ${owner.split('/')[0]} get pod ${pods[0]?.name} -o yaml  # does it need so much?`,
        `${planAgain(scope, { allow: ['CAPACITY.POD_TOO_BIG'] })}  # when you will change it during the drain`,
      ],
    };
  });
}

/** The most pods per node that leave it enough memory, when that is more than now; each costs 11 MiB. */
function maxPodsFor(
  snapshot: ClusterSnapshot,
  { request }: Scope,
  source: Nodegroup,
  { resource, needs, has }: TooBig,
): number | undefined {
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  const { known } = replacementTypesOf(snapshot, source, request);
  const now = request.maxPods ?? recommendedMaxPods(known, settings).value;
  const perPod = (kubeReservedMemoryMiB(1) - kubeReservedMemoryMiB(0)) * 1024 * 1024;
  const value = now - Math.ceil((needs - has) / perPod);
  return resource === 'memory' && value > maxPodsBefore(snapshot, source, settings) ? value : undefined;
}

/** Told elsewhere, with what helps there. */
const toldElsewhere = /^(anti-affinity of|host port|volumes of) /;

function tooFewNodes(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const { nodegroupName, scaling } = source;
  const found = scope.capacity.get(nodegroupName);
  const nodes = scope.nodes.get(nodegroupName) ?? 0;
  if (found === undefined || found.nodesNeeded <= nodes) return [];
  const { nodesNeeded, limitedBy, atLeast, atLeastFor } = found;
  const maxSize = Math.max(scaling.maxSize, nodes);
  const isSure = atLeast > maxSize;
  if (!isSure && (toldElsewhere.test(limitedBy) || memoryShort(snapshot, scope, source).length > 0)) return [];
  return [
    {
      code: 'CAPACITY.TOO_FEW_NODES',
      severity: isSure ? 'blocking' : 'warning',
      subject: nodegroupName,
      summary: isSure
        ? `Node group ${nodegroupName}: its pods need at least ${count(atLeast, 'new node')} by the sum of their requests (${atLeastFor}), and the replacement can have ${maxSize}.`
        : `Node group ${nodegroupName}: its pods need ${count(nodesNeeded, 'new node')}, and there will be ${nodes}.`,
      why: `${isSure ? '' : `Packed with the largest first, what fills the nodes is: ${limitedBy}. This is an estimate, the scheduler places differently. `}Kubelet's share and the DaemonSets of each node are taken off, other nodes are not counted on. Pods without room stay Pending, and the drain waits for them.`,
      nextActions: [
        planAgain(scope, { nodes: 'fit' }),
        ...(isSure
          ? [`${planAgain(scope, { allow: ['CAPACITY.TOO_FEW_NODES'] })}  # when other nodes will take them`]
          : [planAgain(scope, { nodes: nodesNeeded })]),
      ],
    },
  ];
}
