import { selects } from './label-selector.ts';
import type { LabelSelector, Pod } from './snapshot.ts';

interface Selecting {
  namespace: string;
  selector: LabelSelector | null;
}

/** Things that select pods, by namespace and one label that they demand (none: any pod may be theirs). */
export type SelectorIndex<T extends Selecting> = ReadonlyMap<string, T[]>;

/** To find what selects a pod without asking everything in its namespace. */
export function indexSelectors<T extends Selecting>(things: readonly T[]): SelectorIndex<T> {
  const index = new Map<string, T[]>();
  for (const thing of things) {
    for (const key of keysOf(thing)) {
      const found = index.get(key);
      if (found === undefined) index.set(key, [thing]);
      else found.push(thing);
    }
  }
  return index;
}

/** All whose selector selects the pod. */
export const selectingPod = <T extends Selecting>({ namespace, labels }: Pod, index: SelectorIndex<T>): T[] =>
  [undefined, ...Object.entries(labels ?? {})]
    .flatMap((label) => index.get(keyOf(namespace, label)) ?? [])
    .filter(({ selector }) => selects(selector, labels));

/** The pods that each of these selects; what selects none has no entry. */
export function podsBySelector<T extends Selecting>(things: readonly T[], pods: readonly Pod[]): Map<T, Pod[]> {
  const index = indexSelectors(things);
  const found = new Map<T, Pod[]>();
  for (const pod of pods) {
    for (const thing of selectingPod(pod, index)) {
      const selected = found.get(thing);
      if (selected === undefined) found.set(thing, [pod]);
      else selected.push(pod);
    }
  }
  return found;
}

/** One label that every selected pod has; of an `In` expression each value, of which a pod has one at most. */
function keysOf({ namespace, selector }: Selecting): string[] {
  const label = Object.entries(selector?.matchLabels ?? {})[0];
  if (label !== undefined) return [keyOf(namespace, label)];
  const oneOf = (selector?.matchExpressions ?? []).find(({ operator }) => operator === 'In');
  if (oneOf === undefined) return [keyOf(namespace, undefined)];
  return [...new Set(oneOf.values)].map((value) => keyOf(namespace, [oneOf.key, value]));
}

const keyOf = (namespace: string, label: [string, string] | undefined): string =>
  label === undefined ? namespace : `${namespace} ${label[0]}=${label[1]}`;
