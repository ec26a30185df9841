import type { Finding } from '../domain/finding.ts';
import { isGivenToEveryNode } from '../domain/node-labels.ts';
import type { ClusterNode, Nodegroup, Pod } from '../domain/snapshot.ts';
import { indexWorkloads, nameOf, ownerOf } from '../domain/workloads.ts';
import { type Check, count, planAgain } from './check.ts';

/** Pods that demand a label which only the nodes of the source have: nothing would run them elsewhere. */
export const podSelectsSource: Check = {
  codes: [
    {
      code: 'POD.SELECTS_SOURCE',
      meaning: 'A pod demands a node label that the replacement will not have.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    const { sources, movingPods } = scope;
    const nodes = new Map(snapshot.nodes.map((node) => [node.name, node]));
    const sourceByName = new Map(sources.map((source) => [source.nodegroupName, source]));
    const staying = snapshot.nodes.filter(
      ({ nodegroupName, unschedulable }) =>
        !unschedulable && !(nodegroupName !== null && sourceByName.has(nodegroupName)),
    );
    const workloads = indexWorkloads(snapshot.workloads);
    const groups = new Map<string, { pod: Pod; label: string; pods: number }>();
    for (const pod of movingPods) {
      const node = nodes.get(pod.nodeName ?? '');
      const source = sourceByName.get(node?.nodegroupName ?? '');
      if (node === undefined || source === undefined) continue;
      const label = lostLabel(pod, node, source);
      if (label === undefined || staying.some((other) => carriesAll(other, pod.nodeSelector))) continue;
      const owner = ownerOf(pod, workloads);
      const key = `${owner === null ? nameOf(pod) : nameOf(owner)} ${label}`;
      groups.set(key, { pod, label, pods: (groups.get(key)?.pods ?? 0) + 1 });
    }
    return [...groups.values()].map(({ pod, label, pods }): Finding => {
      const owner = ownerOf(pod, workloads);
      const subject = owner === null ? nameOf(pod) : nameOf(owner);
      return {
        code: 'POD.SELECTS_SOURCE',
        severity: 'blocking',
        subject,
        summary: `${count(pods, 'pod')} of ${subject}: nodeSelector ${label} fits the old nodes only.`,
        why: 'The replacement has another name and does not carry this label, so that they would stay Pending.',
        nextActions: [
          `kubectl -n ${pod.namespace} edit ${owner === null ? 'pod' : owner.kind.toLowerCase()}/${owner?.name ?? pod.name}  # select a label of the node group instead`,
          `${planAgain(scope, { allow: ['POD.SELECTS_SOURCE'] })}  # when you will change it during the drain`,
        ],
      };
    });
  },
};

/** The first label the pod demands that its node has now and a node of the replacement will not have. */
function lostLabel(pod: Pod, node: ClusterNode, source: Nodegroup): string | undefined {
  const lost = Object.entries(pod.nodeSelector ?? {}).find(
    ([key, value]) => node.labels[key] === value && source.labels[key] !== value && !isGivenToEveryNode(key),
  );
  return lost?.join('=');
}

const carriesAll = (node: ClusterNode, selector: Record<string, string>): boolean =>
  Object.entries(selector).every(([key, value]) => node.labels[key] === value);
