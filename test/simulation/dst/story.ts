/**
 * A story is everything that a seed decides, as plain data: the cluster, what is asked for, what goes wrong and when. So it
 * can be told again, and told without some of its events.
 */
import type { Phase, PlanRequest } from '../../../src/domain/plan.ts';
import type { FaultRule } from '../../../src/simulator/faults.ts';
import { createRandom } from '../../../src/simulator/random.ts';
import type { Scenario } from '../../../src/simulator/scenario.ts';
import type { Random } from '../../../src/simulator/types.ts';
import { drawCluster } from './cluster.ts';
import type { Blow, Place } from './process.ts';

/** one: one process after the other. two: two at once on one cluster, and little else. */
export const profiles = ['one', 'two'] as const;
export type Profile = (typeof profiles)[number];

/** What somebody else does. */
export interface Incident {
  kind: IncidentKind;
  /** once the journal has so many lines, or one that begins so; and some seconds later */
  after: number | string;
  seconds: number;
  /** which node, pod or group of those that there are */
  pick: number;
}

export const incidentKinds = [
  'lose-source-node',
  'lose-replacement-node',
  'uncordon-source-node',
  'cordon-other-node',
  'cordon-replacement-node',
  'scale-source-up',
  'set-other-variable',
  'set-our-variable',
  'delete-pod',
  'add-bare-pod',
  'debug-source-node',
  'add-harmless-budget',
  'add-blocking-budget',
  'add-second-budget',
  'delete-canary',
  'tag-source',
] as const;
export type IncidentKind = (typeof incidentKinds)[number];

/** Something between the processes and the world, for a while. Seconds since the first run began. */
export interface Trouble {
  kind: 'fault' | 'not-found-after-create';
  from: number;
  seconds: number;
  /** of `fault` */
  rule?: Omit<FaultRule, 'during'>;
}

/** One start of the program. The last one of an operator stands for all that follow, without its blows. */
export interface Start {
  waitSeconds: number;
  /** 0 or 1: a process on the same host knows at once that another has ended */
  host: number;
  until?: Phase;
  blows: Blow[];
}

export interface Operator {
  starts: Start[];
  /** from this start on the plan is taken back; absent: never */
  rollbackFrom?: number;
  /** works on a plan of its own, up to its phase `prepare` */
  hasOtherPlan?: boolean;
}

export interface Story {
  seed: number;
  profile: Profile;
  scenario: Scenario;
  request: Partial<PlanRequest>;
  /** so many seconds each host's clock is off */
  skews: number[];
  troubles: Trouble[];
  incidents: Incident[];
  operators: Operator[];
}

export function drawStory(seed: number, profile: Profile): Story {
  const random = createRandom(seed).fork(`story ${profile}`);
  const { scenario, request } = drawCluster(seed, random.fork('cluster'), profile);
  const isTwo = profile === 'two';
  const wild = isTwo ? 0.4 : 1;
  return {
    seed,
    profile,
    scenario,
    request,
    skews: [0, random.next() < 0.2 ? random.int(-90, 90) : 0],
    troubles: several(random, wild * 0.65, 4, () => drawTrouble(random)),
    incidents: several(random, wild * 0.5, 3, () => drawIncident(random)),
    operators: isTwo ? drawTwo(random) : [drawOperator(random.fork('operator'), random.next() < 0.3)],
  };
}

/** None, or from one to `most` of them. */
function several<T>(random: Random, chance: number, most: number, draw: () => T): T[] {
  return random.next() < chance ? Array.from({ length: random.int(1, most) }, draw) : [];
}

function drawOperator(random: Random, isRolledBack: boolean): Operator {
  const starts = several(random, isRolledBack ? 1 : 0.8, 3, () => drawStart(random));
  return {
    starts,
    ...(isRolledBack && { rollbackFrom: random.int(1, Math.max(1, starts.length)) }),
  };
}

/** Two that begin at about the same time; the one that is killed or held is watched by the other. */
function drawTwo(random: Random): Operator[] {
  const hostOfB = random.next() < 0.8 ? 1 : 0;
  const starts = (host: number): Start[] =>
    Array.from({ length: random.int(1, 4) }, (): Start => {
      const { blows, waitSeconds } = drawStart(random, random.next() < 0.4);
      return { waitSeconds: random.next() < 0.5 ? random.next() * 3 : waitSeconds, host, blows };
    });
  const isRolledBack = random.next() < 0.2;
  const hasOtherPlan = !isRolledBack && random.next() < 0.3;
  return [
    { starts: starts(0), ...(isRolledBack && { rollbackFrom: 1 }) },
    { starts: starts(hostOfB), ...(hasOtherPlan && { hasOtherPlan }), ...(isRolledBack && { rollbackFrom: 2 }) },
  ];
}

const untils: Phase[] = ['prepare', 'create', 'verify', 'cordon', 'drain', 'soak', 'delete'];

function drawStart(random: Random, isHeld = false): Start {
  return {
    waitSeconds: random.pick([0, 1, 5, 30, 61, 90, 300]),
    host: random.next() < 0.6 ? 0 : 1,
    blows: Array.from({ length: random.pick([1, 1, 1, 2]) }, () => drawBlow(random, isHeld)),
    ...(random.next() < 0.2 && { until: random.pick(untils) }),
  };
}

function drawBlow(random: Random, isHeld = false): Blow {
  const at = drawPlace(random);
  const dice = isHeld ? 0.7 + 0.18 * random.next() : random.next();
  if (dice < 0.55) return { kind: 'crash', at };
  if (dice < 0.7) return { kind: 'terminate', at };
  if (dice < 0.8)
    return { kind: 'stop', at: drawBusyPlace(random), seconds: random.pick([3, 20, 38, 45, 62, 130, 400]) };
  if (dice < 0.88) return { kind: 'sleep', at: drawBusyPlace(random), seconds: random.pick([20, 45, 70, 300, 4000]) };
  return { kind: 'disk', nth: random.int(1, 60), half: random.next() < 0.5 };
}

/** Places that are passed seldom, and matter most. */
const rarePlaces = [
  'eks:CreateNodegroup',
  'eks:UpdateAddon',
  'eks:UpdateNodegroupConfig',
  'eks:DeleteNodegroup',
  'ec2:CreateLaunchTemplate',
  'ec2:DeleteLaunchTemplate',
  'ec2:CreateSubnetCidrReservation',
  'ec2:DeleteSubnetCidrReservation',
  'autoscaling:SuspendProcesses',
  'autoscaling:ResumeProcesses',
  'k8s:patch nodes',
  'k8s:patch daemonsets',
  'k8s:create pods',
  'k8s:delete pods',
  'k8s:create pods/eviction',
  'k8s:update leases',
];
const rareLines = [
  'run-started',
  'approval',
  'step-started',
  'step-progress',
  'step-succeeded',
  'step-failed',
  'run-paused',
  'run-finished',
];

function drawPlace(random: Random): Place {
  const dice = random.next();
  if (dice < 0.55) return { nth: random.int(1, 700) };
  if (dice < 0.75)
    return { name: `${random.pick(['before', 'after'])} ${random.pick(rarePlaces)}`, nth: random.pick([1, 1, 2, 3]) };
  return {
    name: `${random.pick(['before', 'in the middle of', 'after'])} ${random.pick(rareLines)}`,
    nth: Math.ceil(16 ** random.next()),
  };
}

/** Where an act is under way, and what follows it would be done by a process that has stood still. */
const busyPlaces = [
  'step-started',
  'step-progress',
  'k8s:list nodes',
  'k8s:list pods',
  'k8s:get daemonsets',
  'k8s:patch nodes',
  'k8s:create pods',
  'k8s:create pods/eviction',
  'eks:DescribeNodegroup',
  'ec2:DescribeLaunchTemplates',
];

function drawBusyPlace(random: Random): Place {
  return random.next() < 0.3
    ? drawPlace(random)
    : { name: `after ${random.pick(busyPlaces)}`, nth: Math.ceil(25 ** random.next()) };
}

const aws = ['eks:*', 'ec2:*', 'autoscaling:*', 'eks:DescribeNodegroup', 'ec2:DescribeInstances'];
const anything = [...aws, 'k8s:*', 'k8s:list *', 'k8s:patch *', 'k8s:create *', '*'];

function drawTrouble(random: Random): Trouble {
  const from = random.int(0, 15 * 60);
  const seconds = random.pick([5, 20, 60, 60, 240, 600]);
  const probability = random.pick([0.1, 0.3, 0.6, 1]);
  const fault = (rule: Omit<FaultRule, 'during'>): Trouble => ({ kind: 'fault', from, seconds, rule });
  const dice = random.int(1, 13);
  if (dice <= 2) return fault({ kind: 'throttle', operation: random.pick(anything), probability });
  if (dice === 3) return fault({ kind: 'server-error', operation: random.pick(anything), probability });
  if (dice === 4) return fault({ kind: 'reset-before', operation: random.pick(anything), probability });
  if (dice === 5) return fault({ kind: 'reset-after', operation: random.pick(anything), probability });
  if (dice === 6) {
    const stalled = { operation: random.pick(anything), seconds: random.pick([2, 10, 30, 45]) };
    return fault({ kind: 'stall', ...stalled, probability: Math.min(probability, 0.3) });
  }
  if (dice === 7) return fault({ kind: 'stale-read', operation: random.pick(aws), probability, seconds: 20 });
  if (dice === 8) return { kind: 'not-found-after-create', from: 0, seconds: random.pick([3, 10, 25]) };
  if (dice === 9) return fault({ kind: 'expired-token', operation: random.pick(['*', '*', 'k8s:*', 'eks:*']) });
  if (dice === 10)
    return fault({ kind: 'watch-cut', operation: 'k8s:watch *', events: random.int(1, 12), probability });
  if (dice === 11)
    return fault({ kind: 'gone', operation: random.pick(['k8s:watch *', 'k8s:watch pods']), probability });
  if (dice === 12) return fault({ kind: 'webhook-denial', operation: 'k8s:create pods', probability });
  return fault({ kind: 'webhook-denial', operation: 'k8s:create pods/eviction', probability });
}

const turningPoints = [
  'step-succeeded verify-replacement',
  'step-succeeded cordon-source',
  'step-started drain-source',
  'step-succeeded drain-source',
  'step-succeeded soak',
  'step-started delete-source',
];

function drawIncident(random: Random): Incident {
  return {
    kind: random.pick(incidentKinds),
    after: random.next() < 0.6 ? random.int(1, 45) : random.pick(turningPoints),
    seconds: random.next() < 0.5 ? random.int(0, 5) : random.int(0, 240),
    pick: random.int(0, 1000),
  };
}

/** Every event of a story has a name, so that it can be left out. */
export function eventsOf(story: Story): string[] {
  return [
    ...story.troubles.map((_, index) => `trouble${index}`),
    ...story.incidents.map((_, index) => `incident${index}`),
    ...story.operators.flatMap(({ starts }, operator) => starts.map((_, index) => `start${operator}.${index}`)),
  ];
}

/** The same story without some of its events; a start that is left out is one that nothing befalls. */
export function without(story: Story, names: readonly string[]): Story {
  return {
    ...story,
    troubles: story.troubles.filter((_, index) => !names.includes(`trouble${index}`)),
    incidents: story.incidents.filter((_, index) => !names.includes(`incident${index}`)),
    operators: story.operators.map((operator, number) => ({
      ...operator,
      starts: operator.starts.map((start, index) =>
        names.includes(`start${number}.${index}`)
          ? { waitSeconds: start.waitSeconds, host: start.host, blows: [] }
          : start,
      ),
    })),
  };
}
