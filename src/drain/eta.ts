/** How long the rest will take, from what was seen so far. */

import { assumptions } from '../domain/pod-times.ts';
import { isOverdue } from './explain.ts';
import { isNotRecreated, meanOr, sharesInUse } from './group.ts';
import { isAlone } from './owners.ts';
import { allowance, type DrainPod, type DrainState, type Group, needsAPerson } from './state.ts';

/** How long an eviction takes up its share of the allowance: seen here, or else as its pods started up before. */
export const cycleSeconds = ({ cycle, startup }: Group): number =>
  meanOr(cycle, meanOr(startup, assumptions.readySeconds));

/** A group that sends nothing for so much longer than a share was in use stands still. */
const muchLonger = 5;
const longSeconds = 300;

/** Seconds that a group takes from a standstill: its waves but the last one, and the end of the last pod. */
export const workSeconds = (group: Group, atOnce: number): number =>
  (Math.ceil(group.queued / atOnce) - 1) * cycleSeconds(group) +
  meanOr(group.termination, assumptions.terminationSeconds);

const terminationSeconds = (group: Group): number =>
  meanOr(group.termination, Math.min(assumptions.terminationSeconds, cycleSeconds(group)));

export interface Eta {
  /** seconds until the last pod has left; null while something stands still that has no end in sight */
  etaSeconds: number | null;
  /** of what can move, besides that; null when nothing can */
  restSeconds: number | null;
}

/** Reads every group. */
export function etaOf(state: Readonly<DrainState>, now: number): Eta {
  const held = [...state.held];
  const endless = held.some(
    ({ hold, owner }) =>
      needsAPerson.has(hold) ||
      hold === 'not-cordoned' ||
      (hold === 'surging' && now - Date.parse(owner?.surge?.at ?? '') > longSeconds * 1000),
  );
  if (state.withoutRoom.size > 0) return { etaSeconds: null, restSeconds: null };
  let isStuck = endless || [...state.leaving].some((pod) => isOverdue(pod, now));
  const isHeld = (hold: string): boolean => held.some((pod) => pod.hold === hold);
  let queued = 0;
  let longest = Math.max(
    isHeld('job-running') ? (state.jobsUntil - now) / 1000 + assumptions.terminationSeconds : 0,
    isHeld('surging') ? assumptions.readySeconds : 0,
  );
  for (const pod of state.leaving) longest = Math.max(longest, untilGone(pod, now));
  const lanes = new Map<string, number>();
  for (const group of state.groups.values()) {
    const rest = restSeconds(group, state, now);
    if (rest === null) {
      isStuck = true;
      continue;
    }
    if (rest > longest) longest = rest;
    queued += group.queued;
    if (group.owner === null || !isAlone(group) || group.queued === 0) continue;
    const lane = (lanes.get(group.owner.namespace) ?? 0) + cycleSeconds(group);
    lanes.set(group.owner.namespace, lane);
  }
  for (const [namespace, lane] of lanes) {
    const holders = Array.from(state.lanes.get(namespace)?.holders ?? [], ({ group }) => group);
    longest = Math.max(
      longest,
      lane + Math.max(0, ...holders.map((group) => (group === null ? 0 : untilFree(group, now)))),
    );
  }
  const seconds = Math.round(Math.max(longest, queued / state.bucket.ratePerSecond()));
  return { etaSeconds: isStuck ? null : seconds, restSeconds: seconds > 0 ? seconds : null };
}

/** As long as usual, and who takes longer is expected to need as long again, within its grace period. */
function untilGone({ group, since, deletedAt }: DrainPod, now: number): number {
  if (group === null) return 0;
  const usual = terminationSeconds(group);
  const so = (now - since) / 1000;
  return so < usual ? usual - so : Math.max(0, Math.min(so, ((deletedAt ?? now) - now) / 1000));
}

/** Waves that are still to come, the rest of the one under way, and the end of the last pod. */
function restSeconds(group: Group, state: Readonly<DrainState>, now: number): number | null {
  const { queued, inUseSince, left } = group;
  if (left === 0 || (queued === 0 && group.inFlight === 0)) return 0;
  const termination = terminationSeconds(group);
  if (queued === 0) return termination;
  const atOnce = allowance(group, state.settings);
  if (atOnce === 0 || isNotRecreated(group, state)) return null;
  const quiet = (now - Math.max(group.lastEvictionAt, state.begunAt)) / 1000;
  const isQuiet = quiet > longSeconds && quiet > muchLonger * cycleSeconds(group);
  if (isQuiet && sharesInUse(group, state.settings, now) >= atOnce) return null;
  const oldest = inUseSince[0] === undefined ? 0 : (now - inUseSince[0]) / 1000;
  const cycle = Math.max(cycleSeconds(group), oldest);
  const free = Math.max(0, atOnce - inUseSince.length);
  const waves = Math.ceil(Math.max(0, queued - free) / atOnce);
  return (waves === 0 ? 0 : (waves - 1) * cycle + (inUseSince.length > 0 ? cycle - oldest : cycle)) + termination;
}

function untilFree(group: Group, now: number): number {
  const [since] = group.inUseSince;
  return since === undefined ? 0 : Math.max(0, cycleSeconds(group) - (now - since) / 1000);
}
