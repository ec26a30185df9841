import type { Karpenter } from '../../domain/snapshot.ts';
import { cleanText } from '../clean-text.ts';
import type { WireNodeClass, WireNodePool } from './wire.ts';

/** A NodePool; `maxPods` where it says it itself, as it does until v1beta1. */
export type NodePool = Karpenter['nodePools'][number] & { maxPods: number | null };
export type NodeClass = Karpenter['nodeClasses'][number];

export const toNodePool = ({ metadata, spec }: WireNodePool): NodePool => ({
  name: metadata?.name ?? '',
  nodeClass: spec?.template?.spec?.nodeClassRef?.name || null,
  maxPods: spec?.template?.spec?.kubelet?.maxPods ?? null,
});

/** The family is that of the alias, `al2023` of `al2023@latest`, where no other is named. */
export const toNodeClass = ({ metadata, spec }: WireNodeClass, apiVersion: string): NodeClass => {
  const alias = (spec?.amiSelectorTerms ?? []).flatMap((term) => term.alias?.split('@')[0] ?? []);
  const amiFamily = spec?.amiFamily || alias[0];
  return {
    name: metadata?.name ?? '',
    apiVersion,
    maxPods: spec?.kubelet?.maxPods ?? null,
    amiFamily: amiFamily === undefined ? null : cleanText(amiFamily),
  };
};

/** What the node pools of a class say counts for it, where they all say the same. Undefined when there is neither. */
export function karpenterOf(nodePools: readonly NodePool[], nodeClasses: readonly NodeClass[]): Karpenter | undefined {
  if (nodePools.length === 0 && nodeClasses.length === 0) return undefined;
  const ofPools = (nodeClass: string): number | null => {
    const said = nodePools.filter((pool) => pool.nodeClass === nodeClass).map(({ maxPods }) => maxPods);
    const numbers = said.filter((maxPods) => maxPods !== null);
    return numbers.length === 0 || numbers.length < said.length ? null : Math.min(...numbers);
  };
  return {
    nodePools: nodePools.map(({ name, nodeClass }) => ({ name, nodeClass })).toSorted(byName),
    nodeClasses: nodeClasses.map((one) => ({ ...one, maxPods: one.maxPods ?? ofPools(one.name) })).toSorted(byName),
  };
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
