import type { Finding } from '../domain/finding.ts';
import { nodesOf } from '../domain/nodegroups.ts';
import type { Pod } from '../domain/snapshot.ts';
import { type Check, count, listed } from './check.ts';

/** Pods that a node starts by itself. The images of EKS have none. */
export const podStatic: Check = {
  codes: [
    {
      code: 'POD.STATIC',
      meaning: 'A pod comes from a file on the old node itself, and the new nodes may not have that file.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { sources }) {
    const groups = new Map(
      sources.flatMap(({ nodegroupName }) =>
        nodesOf(snapshot, nodegroupName).map(({ name }) => [name, nodegroupName] as const),
      ),
    );
    const found = snapshot.pods.filter((pod) => pod.mirror && groups.has(pod.nodeName ?? ''));
    return [...Map.groupBy(found, subjectOf)].map(([subject, pods]): Finding => {
      const [first] = pods;
      const names = [...new Set(pods.map(({ nodeName }) => groups.get(nodeName ?? '') ?? ''))];
      return {
        code: 'POD.STATIC',
        severity: 'advice',
        subject,
        summary: `${count(pods.length, 'static pod')} ${subject} on the nodes of ${listed(names)} will not be on the new nodes, unless their user data or image makes ${pods.length === 1 ? 'it' : 'them'}.`,
        why: 'The kubelet starts a static pod from a file of its own node; no controller creates it elsewhere, and the images of EKS come without any.',
        nextActions: [`kubectl -n ${first?.namespace} get pod ${first?.name} -o yaml`],
      };
    });
  },
};

/** The kubelet adds the name of its node to the one in the file. */
function subjectOf({ namespace, name, nodeName }: Pod): string {
  const suffix = `-${nodeName}`;
  return `${namespace}/${name.endsWith(suffix) ? name.slice(0, -suffix.length) : name}`;
}
