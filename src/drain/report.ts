/** What the state of a drain means to a person. Reads the whole state: called now and then, never per event. */
import { formatDuration } from '../domain/duration.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { shortName } from '../domain/short-name.ts';
import type { DrainStatus } from '../ports/reporter.ts';
import { cycleSeconds, etaOf } from './eta.ts';
import { type Explanation, explain, explainBrake, isOverdue } from './explain.ts';
import { closedGate } from './first.ts';
import { head, isNotRecreated } from './group.ts';
import { allowance, type DrainPod, type DrainState, type First, type Group, needsAPerson, podKey } from './state.ts';

const seconds = 1000;
/** a group that sent nothing for so long, or for so many of its cycles, is called waiting */
const quietSeconds = 10;
const quietCycles = 1.5;
const maxWaits = 4;
const maxNamed = 5;

/** Milliseconds between two live pictures: each reads every group, so of thousands they come less often. */
export const statusPause = ({ groups }: Readonly<DrainState>): number => 1000 * Math.max(1, groups.size / 500);

/** The live picture: what stops all or cannot move first, what concerns all, then what waits longer than usual, what moves. */
export function drainStatus(state: Readonly<DrainState>, now: number): DrainStatus {
  const held = [...state.held];
  const [people, others] = [true, false].map((does) => held.filter(({ hold }) => needsAPerson.has(hold) === does));
  const overdue = [...state.leaving].filter((pod) => isOverdue(pod, now));
  const ending = new Set([...state.leaving].flatMap((pod) => (isOverdue(pod, now) ? [] : (pod.group ?? []))));
  const groups = Object.groupBy(state.groups.values(), (group) =>
    group.queued > 0 ? standingOf(group, state, now) : ending.has(group) ? 'moving' : 'held',
  );
  const waiting = new Set(
    [people, headsOf(groups.stuck), others, overdue, headsOf(groups.waiting), [...state.late]].flatMap(
      (pods) => pods ?? [],
    ),
  );
  const explained = [...waiting].slice(0, maxWaits).map((pod) => ({ pod, ...explain(pod, state, now) }));
  const brake = explainBrake(state);
  return {
    nodesEmpty: state.nodesEmpty,
    nodesTotal: state.nodesTotal,
    podsGone: state.podsGone,
    podsTotal: state.podsGone + state.podsLeft,
    ...etaOf(state, now),
    lines: [
      ...(brake === null ? [] : [`stops ${brake.reason}`]),
      ...explained.map(({ pod, reason }) => `waits ${placeOf(pod)}: ${reason}`),
      ...linesOfAll(state, now),
    ],
    nextAction: brake?.nextAction ?? explained[0]?.nextAction ?? null,
    moreWait: waiting.size - explained.length,
    moving: (groups.moving ?? []).map(({ name, left }) => ({ name, left })),
  };
}

function standingOf(group: Group, state: Readonly<DrainState>, now: number): 'stuck' | 'waiting' | 'moving' {
  const isStuck =
    allowance(group, state.settings) === 0 || group.budget?.status.syncFailure != null || isNotRecreated(group, state);
  if (isStuck) return 'stuck';
  const usual = group.lastEvictionAt === 0 ? 0 : quietCycles * cycleSeconds(group);
  const quiet = now - Math.max(group.lastEvictionAt, state.begunAt);
  return quiet > Math.max(quietSeconds, usual) * seconds ? 'waiting' : 'moving';
}

/** What concerns the whole drain, and does not stop it. */
function linesOfAll(state: Readonly<DrainState>, now: number): string[] {
  const gate = closedGate(state);
  const passed = state.first.filter((each) => each.gate === 'passed' && isDown(each));
  return [
    ...(gate === undefined ? [] : [`first ${gate.name}: the others wait until it is Ready elsewhere`]),
    ...passed.map(({ name }) => `first ${name}: it does not move, and the others no longer wait for it`),
    ...speedLine(state, now),
  ];
}

const isDown = ({ pods }: First): boolean => ![...pods].some(({ on, ready }) => on === null && ready);

function speedLine({ bucket, limited }: Readonly<DrainState>, now: number): string[] {
  const rate = Number(bucket.ratePerSecond().toPrecision(2));
  if (bucket.isSlowed(now)) return [`slow ${rate} evictions a second: the API server asked to slow down`];
  return limited ? [`slow ${rate} evictions a second: our own limit`] : [];
}

const headsOf = (groups: readonly Group[] = []): DrainPod[] => groups.flatMap((group) => head(group) ?? []);

/** The deadline has passed, or nothing that is left can move without a person. */
export function stuckError(
  state: Readonly<DrainState>,
  now: number,
  cause: { deadlineSeconds: number } | 'needs-a-person',
): MigrateError {
  const causes = stuckCauses(state, now);
  const more = state.podsLeft - causes.reduce((sum, { pods }) => sum + pods.length, 0);
  const left = state.podsLeft === 1 ? '1 pod is' : `${state.podsLeft} pods are`;
  const late = cause === 'needs-a-person' ? null : formatDuration(cause.deadlineSeconds);
  return new MigrateError({
    code: late === null ? 'DRAIN.STUCK' : 'DRAIN.DEADLINE',
    message:
      late === null
        ? `The drain cannot go on: ${left} left on the nodes that are drained that only you can move.`
        : `The drain did not finish within ${late}: ${left} left on the nodes that are drained.`,
    why: [
      ...causes.flatMap(({ pods: [pod, ...others], reason }) => [
        ...(pod === undefined ? [] : [`${placeOf(pod)}: ${reason}`]),
        ...(others.length === 0 ? [] : [`  the same: ${placesOf(others)}`]),
      ]),
      ...(more > 0 ? [`and ${more} more`] : []),
    ].join('\n'),
    nextActions: [
      ...new Set(
        causes.flatMap(({ nextAction, otherActions = [] }) => [nextAction, ...otherActions].slice(0, maxNamed)),
      ),
      'then run the same command again: it goes on where it stopped',
    ],
    exitCode: ExitCode.stoppedPartWay,
  });
}

interface StuckCause extends Explanation {
  pods: DrainPod[];
}

/** What holds what is left, each cause once with its pods. */
function stuckCauses(state: Readonly<DrainState>, now: number): StuckCause[] {
  const heads = headsOf([...state.groups.values()]);
  const overdue = [...state.leaving].filter((pod) => isOverdue(pod, now));
  const others = [...state.pods.values()].filter((pod) => pod.on !== null);
  const left = [...new Set([...state.held, ...overdue, ...heads, ...others])];
  const causes = new Map<string, StuckCause>();
  for (const pod of left) {
    const found = explain(pod, state, now);
    const key = ofAll.has(found.state) ? found.state : `${found.state} ${pod.group?.key ?? pod.owner?.key ?? pod.uid}`;
    const known = causes.get(key);
    if (known === undefined) causes.set(key, { ...found, pods: [pod] });
    else {
      known.pods.push(pod);
      if (ofEach.has(found.state)) known.otherActions = [...(known.otherActions ?? []), found.nextAction];
    }
  }
  const firstOfEach = Array.from(Map.groupBy(causes.values(), (cause) => cause.state).values(), ([first]) => first);
  return [...new Set([...firstOfEach, ...causes.values()])].filter((cause) => cause !== undefined).slice(0, maxNamed);
}

/** These hold everybody for the same reason. */
const ofAll: ReadonlySet<Explanation['state']> = new Set(['no-room', 'no-network', 'waits-for-first']);

/** These leave by hand, each with a command of its own. */
const ofEach: ReadonlySet<Explanation['state']> = new Set(['bare-pod', 'emptydir', 'terminating-too-long']);

const placeOf = (pod: DrainPod): string => `${podKey(pod)} on ${shortName(pod.nodeName)}`;

function placesOf(pods: readonly DrainPod[]): string {
  const more = pods.length - maxNamed;
  return `${pods.slice(0, maxNamed).map(placeOf).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
