import { dnsPods, onlyMoving } from '../domain/first-to-move.ts';
import { shellWord } from '../domain/shell-word.ts';
import { type Check, count } from './check.ts';
import { selectorText } from './moving.ts';

/** The cluster's name service, when all of it has to move. */
export const corednsOnlyOnSource: Check = {
  codes: [
    {
      code: 'COREDNS.ONLY_ON_SOURCE',
      meaning: 'All pods of CoreDNS are on the old nodes: they move first.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { movingPods }) {
    const dns = dnsPods(snapshot);
    const pods = onlyMoving([dns], snapshot.pods, new Set(movingPods)).get(dns) ?? [];
    if (pods.length === 0) return [];
    return [
      {
        code: 'COREDNS.ONLY_ON_SOURCE',
        severity: 'advice',
        subject: `${dns.namespace}/${dns.name}`,
        summary: `The only ${count(pods.length, 'Ready pod')} of CoreDNS ${pods.length === 1 ? 'is' : 'are'} on the nodes to be drained.`,
        why: 'Without CoreDNS no name is found in the cluster. The drain moves it first, and goes on when one of its pods is Ready elsewhere.',
        nextActions: [
          `kubectl -n ${dns.namespace} get pods -l ${shellWord(selectorText(dns.selector.matchLabels))} -o wide`,
        ],
      },
    ];
  },
};
