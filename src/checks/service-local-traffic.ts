import type { Finding } from '../domain/finding.ts';
import { onlyMoving } from '../domain/first-to-move.ts';
import { shellWord } from '../domain/shell-word.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count } from './check.ts';
import { selectorText } from './moving.ts';

/** Services that only nodes with one of their pods answer for, when all those pods move. */
export const serviceLocalTraffic: Check = {
  codes: [
    {
      code: 'SERVICE.LOCAL_TRAFFIC',
      meaning: 'A Service with externalTrafficPolicy Local has all its pods on the old nodes.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { movingPods }) {
    const local = snapshot.services.flatMap(({ namespace, name, type, selector, externalTrafficPolicy }) =>
      externalTrafficPolicy === 'Local' && selector !== null && ['LoadBalancer', 'NodePort'].includes(type)
        ? [{ namespace, name, type, selector: { matchLabels: selector } }]
        : [],
    );
    return [...onlyMoving(local, snapshot.pods, new Set(movingPods))].map(
      ([{ namespace, name, type, selector }, pods]): Finding => ({
        code: 'SERVICE.LOCAL_TRAFFIC',
        severity: 'advice',
        subject: nameOf({ namespace, name }),
        summary: `Service ${nameOf({ namespace, name })} (${type}, externalTrafficPolicy Local): its ${count(pods.length, 'Ready pod')} ${pods.length === 1 ? 'is' : 'are'} on the nodes to be drained.`,
        why: 'Only nodes with a Ready pod of it pass the health check. While pods move, a load balancer sends traffic to nodes that have none any more, until it notices.',
        nextActions: [
          `kubectl -n ${namespace} get pods -l ${shellWord(selectorText(selector.matchLabels))} -o wide`,
          `kubectl -n ${namespace} patch service ${name} -p '{"spec":{"externalTrafficPolicy":"Cluster"}}'  # for the time of the drain; the client's address is not seen then`,
        ],
      }),
    );
  },
};
