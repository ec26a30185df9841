import { isBare } from '../domain/evictable.ts';
import type { BarePod, Pod } from '../domain/snapshot.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, listed, planAgain } from './check.ts';

/** Pods of which commands are shown; more would hide the rest. */
const shown = 3;

/** Pods that nothing creates anew. */
export const podBare: Check = {
  codes: [
    {
      code: 'POD.BARE',
      meaning: 'A pod without a controller is gone for good when it is evicted.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    const bare = scope.movingPods.filter(isBare);
    if (bare.length === 0) return [];
    const kept = new Map((snapshot.barePods ?? []).map((pod) => [nameOf(pod), pod]));
    return [
      {
        code: 'POD.BARE',
        severity: 'blocking',
        subject: listed(bare.map(nameOf), 3),
        summary: `${count(bare.length, 'pod')} without a controller on the nodes to be drained: ${listed(bare.map(nameOf))}.`,
        why: `Nothing creates them again on another node.${keptWords([...kept.values()])}`,
        nextActions: [
          ...bare.slice(0, shown).map((pod) => keep(pod, kept.get(nameOf(pod)))),
          `${planAgain(scope, { allow: ['POD.BARE'] })}  # accepts that they end`,
        ],
      },
    ];
  },
};

function keptWords(kept: readonly BarePod[]): string {
  if (kept.length === 0) return '';
  const redacted = kept.filter((pod) => pod.redacted.length > 0);
  const missing =
    redacted.length === 0
      ? ''
      : ` From ${redacted.length === kept.length ? 'them' : listed(redacted.map(nameOf), 3)} values are left out that may be secret.`;
  return ` The plan folder keeps ${count(kept.length, 'manifest')} in bare-pods/.${missing}`;
}

/** How to have it again, from the plan folder where its manifest is whole there. */
function keep({ namespace, name }: Pod, kept: BarePod | undefined): string {
  return kept !== undefined && kept.redacted.length === 0
    ? `kubectl create -f ${kept.file}  # creates it again; in the plan folder`
    : `kubectl -n ${namespace} get pod ${name} -o yaml > ${namespace}_${name}.yaml  # keeps it whole; remove spec.nodeName from it before it is created again`;
}
