import type { Stage, SubnetPlan } from './plan.ts';

/** When each stage is, as the end of a sentence. */
export const stageMoments: Record<Stage, string> = {
  switch: 'when prefix delegation is switched on',
  'first-node': 'when the first replacement node starts',
  'full-size': 'when the replacement grows to full size',
  drain: 'when the pods move to the replacement',
};

/** The first stage at which a subnet has too few /28 blocks; undefined when it suffices. */
export const firstShort = ({ timeline }: Pick<SubnetPlan, 'timeline'>): SubnetPlan['timeline'][number] | undefined =>
  timeline.find(({ left }) => left < 0);

/** So many /28 blocks too few at the worst moment. */
export const missingBlocks = ({ peakDemand, freePrefixes, timeline }: SubnetPlan): number =>
  Math.max(peakDemand - freePrefixes, ...timeline.map(({ left }) => -left));
