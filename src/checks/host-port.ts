import type { Pod } from '../domain/snapshot.ts';
import { type Check, count, listed } from './check.ts';
import { byWorkload } from './moving.ts';
import { createNodesAfter } from './nodes-after.ts';

/** Pods with one port of the host are never two on a node. */
export const hostPort: Check = {
  codes: [
    {
      code: 'PLACEMENT.HOST_PORT',
      meaning: 'More pods want the same port of their node than there will be nodes for them.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const after = createNodesAfter(snapshot, scope);
    const byPort = new Map<string, Set<Pod>>();
    for (const pod of scope.movingPods) {
      for (const { port, protocol } of pod.hostPorts ?? []) {
        const key = `${port}/${protocol}`;
        byPort.set(key, (byPort.get(key) ?? new Set()).add(pod));
      }
    }
    return [...byPort].flatMap(([port, found]) => {
      const pods = [...found];
      const nodes = Math.max(0, ...pods.map((pod) => after(pod).count));
      if (nodes === 0 || pods.length <= nodes) return [];
      const owners = byWorkload(pods, snapshot);
      const [first] = owners;
      return [
        {
          code: 'PLACEMENT.HOST_PORT',
          severity: 'warning' as const,
          subject: owners.length === 1 && first !== undefined ? first.subject : port,
          summary: `${count(pods.length, 'pod')} want port ${port} of their node (${listed(owners.map(({ subject }) => subject))}), and there will be ${count(nodes, 'node')} for them.`,
          why: `A node has each port once: ${count(pods.length - nodes, 'pod')} would stay Pending, and the drain would wait.`,
          nextActions: owners
            .slice(0, 3)
            .map(({ namespace, owner, pods: [pod] }) =>
              owner === null
                ? `kubectl -n ${namespace} get pod ${pod.name} -o yaml`
                : `kubectl -n ${namespace} get ${owner.kind.toLowerCase()}/${owner.name} -o yaml  # does it need hostPort ${port}?`,
            ),
        },
      ];
    });
  },
};
