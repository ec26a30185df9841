import type { Pod } from './snapshot.ts';
import { sum } from './sum.ts';

/**
 * Durations taken where a snapshot shows none. Real ones differ by image, probes and volumes: what is expected is an
 * estimate, corrected by what the drain sees. Once pods show how long they took to be Ready, the lower bound counts on
 * that alone, since nothing shows how soon they end.
 */
export const assumptions = {
  /** creation of a pod to Ready: schedule, pull, start, probe */
  readySeconds: 30,
  /** a pod that gets its signal ends after so long, or after its grace period when that is shorter */
  terminationSeconds: 30,
  /** detach and attach of a volume that moves with its pod */
  volumeSeconds: 20,
  /** controllers, watches and requests, per cycle */
  lagSeconds: 1,
};

/** Who gives a pod longer than is usual has a reason: half of that is expected, and all of it fits into the deadline. */
export const expectedTerminationSeconds = ({ terminationGracePeriodSeconds: grace }: Pod): number =>
  Math.max(Math.min(grace, assumptions.terminationSeconds), grace / 2);

/** How long pods took to be Ready, where that was seen. */
export const startupsOf = (pods: readonly Pod[]): number[] =>
  pods.flatMap(({ startupSeconds }) => startupSeconds ?? []);

export function expectedStartupSeconds(pods: readonly Pod[]): number {
  const seen = startupsOf(pods);
  return seen.length === 0 ? assumptions.readySeconds : sum(seen) / seen.length;
}

/** A StatefulSet starts a pod when its predecessor has ended. */
export const isInOrder = (pods: readonly Pod[]): boolean =>
  pods.some(({ controller }) => controller?.kind === 'StatefulSet');

export const volumeSeconds = (pods: readonly Pod[]): number =>
  pods.some(({ persistentVolumeClaims }) => persistentVolumeClaims.length > 0) ? assumptions.volumeSeconds : 0;

/** From an eviction until a pod is Ready in the other's place. */
export const expectedCycleSeconds = (pods: readonly Pod[]): number =>
  expectedStartupSeconds(pods) +
  (isInOrder(pods) ? Math.max(0, ...pods.map(expectedTerminationSeconds)) : 0) +
  volumeSeconds(pods);
