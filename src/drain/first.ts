/** What other pods need to start leaves first, and the others wait until it is up again elsewhere. */
import type { DrainPod, DrainSettings, DrainState, First } from './state.ts';

/** Others go on when it does not get any further for so long. */
export const patienceSeconds = 300;

export const createFirsts = (settings: DrainSettings): First[] =>
  settings.first.map(({ name, namespace, selector }) => ({
    name: `${namespace}/${name}`,
    namespace,
    selector,
    pods: new Set(),
    gate: 'closed',
    mark: '',
    markedAt: 0,
  }));

/** What the pod is a part of. */
export const firstOf = (pod: Pick<DrainPod, 'namespace' | 'labels'>, firsts: readonly First[]): First | null =>
  firsts.find(
    ({ namespace, selector }) =>
      namespace === pod.namespace && Object.entries(selector).every(([key, value]) => pod.labels[key] === value),
  ) ?? null;

/** The first thing that the others wait for. */
export const closedGate = ({ first }: Pick<DrainState, 'first'>): First | undefined =>
  first.find(({ gate }) => gate === 'closed');

/**
 * Opens the gate when a pod of it is Ready on a node that stays, when none has to move, or when nothing has moved for
 * `patienceSeconds`; it does not close again. Says what became of it.
 */
export function lookAt(first: First, nodes: DrainState['nodes'], now: number): First['gate'] | 'further' {
  const pods = [...first.pods].filter(({ finished }) => !finished);
  const elsewhere = pods.filter(({ nodeName }) => nodeName !== null && nodes.get(nodeName)?.source === false);
  const toMove = pods.filter(({ on }) => on !== null);
  const leaving = toMove.filter(({ state }) => state === 'leaving').length;
  const mark = `${toMove.length} to move, ${leaving} on their way, ${elsewhere.length > 0}`;
  const isUp = elsewhere.some(({ ready, deletedAt }) => ready && deletedAt === null);
  if (toMove.length === 0 || isUp) first.gate = 'ready';
  else if (mark !== first.mark) {
    first.mark = mark;
    first.markedAt = now;
    return 'further';
  } else if (now - first.markedAt >= patienceSeconds * 1000) first.gate = 'passed';
  return first.gate;
}
