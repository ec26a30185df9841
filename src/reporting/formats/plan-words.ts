import { cannotUndo } from '../../domain/cannot-undo.ts';
import { formatDuration } from '../../domain/duration.ts';
import { blockers } from '../../domain/finding.ts';
import type {
  Forecast,
  ForecastGroup,
  MigrationPlan,
  NodegroupPlan,
  OrderPlan,
  RehearsalSummary,
  Stage,
  SubnetPlan,
  VpcCniPlan,
  VpcCniSetting,
} from '../../domain/plan.ts';
import { shellWord } from '../../domain/shell-word.ts';
import type { VpcCniOwner } from '../../domain/snapshot.ts';
import { firstShort, stageMoments } from '../../domain/stages.ts';
import { count, roughly } from '../text.ts';

/** What a plan says in sentences: the same in text, Markdown and HTML. */

/** Findings of a cluster that cannot be moved, whatever is asked for. */
const hopeless = ['CLUSTER.OUTPOST', 'CNI.OTHER_CNI', 'CNI.NOT_EKS_ADDON'];

/** `Cannot be moved (CNI.OTHER_CNI).`; empty for a cluster that can. The plan has nothing else to say then but its findings. */
export function impossibleSentence({ findings }: MigrationPlan): string {
  const found = blockers(findings).find(({ code }) => hopeless.includes(code));
  return found === undefined ? '' : `Cannot be moved (${found.code}).`;
}

/** What stands in place of a move where there is none. */
export const nothingSentence = ({ findings }: MigrationPlan): string =>
  findings.some(({ code }) => code === 'INSTANCE.UNKNOWN')
    ? 'Nothing to move, as far as can be judged (INSTANCE.UNKNOWN).'
    : 'Nothing to move.';

const tools: Record<VpcCniOwner['tool'], string> = {
  eks: 'EKS add-on',
  cloudformation: 'CloudFormation',
  helm: 'Helm',
  'argo-cd': 'Argo CD',
  flux: 'Flux',
  terraform: 'Terraform',
  nobody: 'self-managed',
};

/** Who owns aws-node, and how much of it will be changed how. */
export function vpcCniSentence(vpcCni: VpcCniPlan): string {
  const { owner, version, how } = vpcCni;
  const by = [tools[owner.tool], owner.name].filter((part) => part !== null).join(' ');
  const conflicts = vpcCni.settings.filter(({ change: kind }) => kind === 'conflict').length;
  const changing = settingRows(vpcCni).length - conflicts;
  const settings = `${changing} of ${count(vpcCni.settings.length, 'setting')}`;
  const change = changing === 1 || vpcCni.settings.length === 1 ? 'changes' : 'change';
  const ways: Record<VpcCniPlan['how'], string> = {
    'update-addon': `${settings} ${change}${conflicts === 0 ? '' : `, ${conflicts} in conflict`}`,
    'patch-daemon-set': `${settings} ${change}, on the DaemonSet`,
    'wait-for-owner': `apply waits until its owner has changed ${settings}`,
    nothing: 'stays as it is',
  };
  return `aws-node ${version ?? 'of unknown version'} (${by}): ${ways[how]}.`;
}

export interface SettingRow {
  name: string;
  configured: string;
  live: string;
  target: string;
  setBy: string;
  note: string;
}

const notes: Record<VpcCniSetting['change'], string> = {
  none: '',
  set: '',
  adopt: 'taken over',
  conflict: 'CONFLICT',
};

const shown = (value: string | null): string => (value === null ? '-' : value === '' ? '""' : value);

/** The settings that change or are in conflict. */
export function settingRows({ settings }: VpcCniPlan): SettingRow[] {
  const told = settings.filter(({ change, live, target }) => change !== 'none' || live !== target);
  return told.map(({ name, configured, live, isHidden, target, setBy, change }) => ({
    name,
    configured: shown(configured),
    live: isHidden ? '(not shown)' : shown(live),
    target: shown(target),
    setBy: shown(setBy),
    note: notes[change],
  }));
}

/** What the table means where settings are in conflict; empty when none is. */
export const conflictSentence = ({ settings }: VpcCniPlan): string =>
  settings.some(({ change }) => change === 'conflict')
    ? 'CONFLICT: EKS would set AFTER, and refuses to. The plan counts with LIVE.'
    : '';

/** What stands above the instructions for the owner of aws-node. */
export const instructionsTitle = ({ how: way }: VpcCniPlan): string =>
  way === 'wait-for-owner'
    ? 'Make this change there; apply waits for it:'
    : 'Change its source as well, or it will be undone from there:';

export const stageTitles: Record<Stage, string> = {
  switch: 'Switch',
  'first-node': 'First new node',
  'full-size': 'All new nodes',
  drain: 'Pods moved',
};

/** `45s`, `4m30s`, `31 min`: of short times every second counts. */
export const howLong = (seconds: number): string =>
  seconds < 600 ? formatDuration(Math.round(seconds)) : roughly(seconds);

/** How long draining takes, what decides it and what would shorten it; empty when no pod has to move. */
export function drainSentence(forecast: Forecast): string {
  if (forecast.criticalWorkload === null && forecast.groups.length === 0) return '';
  return [lengthSentence(forecast), decidingSentence(forecast), savingSentence(forecast)]
    .filter((said) => said !== '')
    .join(' ');
}

function lengthSentence({ expectedSeconds, lowerBoundSeconds }: Forecast): string {
  const [expected, least] = [
    howLong(expectedSeconds),
    howLong(lowerBoundSeconds < 600 ? lowerBoundSeconds : lowerBoundSeconds - (lowerBoundSeconds % 60)),
  ];
  const bound = expected === least || lowerBoundSeconds < 1 ? '' : `, at least ${least}`;
  return `about ${expected} (estimate)${bound}.`;
}

/** The group that takes longest; undefined when nothing ends, or nothing moves. */
export const criticalGroup = ({ groups }: Forecast): ForecastGroup | undefined =>
  groups.find(({ expectedSeconds }) => expectedSeconds !== null);

/** Who takes longest, in numbers: `shop/search decides: 9 pods, 1 at once, 140 s each.` */
function decidingSentence(forecast: Forecast): string {
  const { groups, limitedBy } = forecast;
  const never = groups.filter(({ expectedSeconds }) => expectedSeconds === null).map(({ name }) => name);
  const stuck = never.length === 0 ? '' : `${listed(never)} can never move, as budgets are now.`;
  const critical = criticalGroup(forecast);
  if (critical === undefined) {
    const { criticalWorkload } = forecast;
    return [stuck, criticalWorkload === null ? '' : `${criticalWorkload} takes longest.`].join(' ').trim();
  }
  const { name, kind, pods, cycleSeconds, graceSeconds } = critical;
  const last = kind === 'singletons' ? 'one after the other, the last of which' : 'which';
  const decides =
    limitedBy === 'rate'
      ? 'The number of pods decides: only so many are evicted in a second.'
      : limitedBy === 'termination'
        ? `${name} decides: ${count(pods, 'pod')}, ${last} may take up to ${formatDuration(graceSeconds)} to end.`
        : `${name} decides: ${count(pods, 'pod')}, ${pace(critical)}, ${howLong(cycleSeconds)} each.`;
  return [stuck, decides].filter((said) => said !== '').join(' ');
}

/** `2 at once` */
export const pace = ({ kind, atOnce }: ForecastGroup): string =>
  kind === 'singletons' ? 'one after the other' : `${atOnce} at once`;

/** What cannot be undone, in sentences; empty for a plan that does nothing. */
export const lostForGood = (plan: MigrationPlan): string[] => (plan.steps.length === 0 ? [] : cannotUndo(plan));

/** How to take back what can be. */
export const rollbackSentence = ({ steps }: Pick<MigrationPlan, 'steps'>): string =>
  steps.some(({ kind }) => kind === 'delete-source')
    ? 'Until the deletion of the first old node group, all else can be taken back:'
    : 'All else can be taken back, as long as the old nodes are there:';
export const rollbackCommand = (folder: string | null): string =>
  `prefix-migrate rollback ${folder === null ? 'DIR' : shellWord(folder)}`;

/** What would shorten the whole drain: no more than the next group leaves. */
function savingSentence(forecast: Forecast): string {
  const critical = criticalGroup(forecast);
  if (critical?.expectedSeconds == null || forecast.limitedBy !== 'budget') return '';
  const { name, kind, atOnce, budget, savedByOneMoreReplicaSeconds: byReplica } = critical;
  const saved = byReplica > 0 ? byReplica : critical.savedByOneMoreAtOnceSeconds;
  if (saved < 1 || (byReplica <= 0 && kind !== 'budget')) return '';
  const change =
    byReplica > 0 ? `One more replica of ${name}` : `A budget ${budget} that lets ${atOnce + 1} go at once`;
  const next = forecast.groups.find((group) => group !== critical && group.expectedSeconds !== null);
  const room = critical.expectedSeconds - (next?.expectedSeconds ?? 0);
  if (next === undefined || saved <= room) return `${change} saves ${howLong(saved)}.`;
  if (room < 1) return `${change} saves nothing by itself: ${next.name} takes as long.`;
  return `${change} saves ${howLong(room)}; then ${next.name} decides.`;
}

/** What the drain's numbers rest on. */
export const drainAssumptions =
  'Estimates: a pod takes as long to be Ready as it took where it runs now (30 s where that was not seen), ends within 30 s ' +
  '(or half of a longer grace period), and a volume takes 20 s to move. The least counts on the shortest time to Ready that ' +
  'was seen. Groups run side by side.';

/** `Asked the API server about 57 evictions (dry run): 55 allowed now, 2 refused.`; empty when there was nothing to ask. */
export function rehearsalSentence(summary: RehearsalSummary): string {
  const { pods, asked, accepted, refused, unanswered = 0, partBecause } = summary;
  if (asked === 0) return partBecause === null ? '' : `The API server was not asked about evictions: ${partBecause}`;
  const rest = partBecause === null || asked >= pods ? '' : ` Not about the other ${pods - asked}: ${partBecause}`;
  const no = refused === 0 ? '' : `, ${refused} refused`;
  const silent = unanswered === 0 ? '' : `, ${unanswered} without an answer`;
  const see = refused + unanswered === 0 ? '' : ' (see the findings)';
  return `Asked the API server about ${count(asked, 'eviction')} (dry run): ${accepted} allowed now${no}${silent}${see}.${rest}`;
}

/** `6 nodes, 4 are enough (memory)`; empty when nothing moves to it. */
export function capacityWords({ nodes: { replacement }, capacity }: NodegroupPlan): string {
  const { nodesNeeded, limitedBy, unplaced, unplacedPods = unplaced.length } = capacity;
  const homeless = unplacedPods === 0 ? '' : `; ${count(unplacedPods, 'pod')} would fit on none`;
  if (nodesNeeded === 0) return homeless === '' ? '' : `${count(replacement, 'node')}${homeless}`;
  const verb = nodesNeeded === 1 ? 'is' : 'are';
  const enough =
    nodesNeeded < replacement
      ? `${nodesNeeded} ${verb} enough (${limitedBy})`
      : nodesNeeded === replacement
        ? `no fewer would do (${limitedBy})`
        : `${nodesNeeded} ${verb} needed (${limitedBy})`;
  return `${count(replacement, 'node')}, ${enough}${homeless}`;
}

/** `a, b, c and 4 more` */
export const listed = (items: readonly string[]): string =>
  items.length > 4 ? `${items.slice(0, 3).join(', ')} and ${items.length - 3} more` : items.join(', ');

/** The order of cordon and switch, with its reason. */
export const orderSentence = ({ order, reason }: OrderPlan): string => `${order} (${orderWords[order]}). ${reason}`;

const orderWords: Record<OrderPlan['order'], string> = {
  'safe-flip': 'old nodes stay in service until the new ones are verified',
  'cordon-first': 'old nodes are cordoned before prefix delegation is switched on',
};

/** When a subnet runs short, by how much, and until when; empty when it never does. */
export function shortageSentence(subnet: SubnetPlan): string {
  const first = firstShort(subnet);
  if (first === undefined) return '';
  const later = subnet.timeline.slice(subnet.timeline.indexOf(first) + 1);
  const worst = later.reduce((least, one) => (one.left < least.left ? one : least), first);
  const again = later.find(({ left }) => left >= 0);
  return (
    `${subnet.subnetId} is ${count(-first.left, 'block')} short ${stageMoments[first.stage]}` +
    (worst === first ? '' : `, ${-worst.left} ${stageMoments[worst.stage]}`) +
    (again === undefined ? '.' : `; there is room again ${stageMoments[again.stage]}.`)
  );
}

/** What is reserved for prefixes before anything else, `10.0.1.64/26 in subnet-0aa1`. */
export const reservedRanges = ({ steps }: MigrationPlan): string[] =>
  steps.flatMap((step) =>
    step.kind === 'reserve-subnet-cidr' ? [`${step.params.cidr} in ${step.params.subnetId}`] : [],
  );

/** What each node of a group will be like: what limits its pods, and its prefixes. */
export const nodeSentence = ({ maxPods, prefixesPerNode: { idle, expected, full } }: NodegroupPlan): string =>
  `${maxPods.value} pods (${maxPods.limitedBy}); prefixes ${idle} idle, ${expected} with its pods, ${full} full.`;

const gib = (mib: number): string => (mib / 1024).toFixed(1);

/** What a node of the group has for pods, `6.9 -> 6.1 GiB`; empty when more pods cost no memory. */
export function memoryWords({ memory }: NodegroupPlan): string {
  const { reservedBeforeMiB, reservedAfterMiB, allocatableBeforeMiB: before, allocatableAfterMiB: after } = memory;
  if (reservedAfterMiB <= reservedBeforeMiB) return '';
  return before === null || after === null
    ? `${reservedAfterMiB - reservedBeforeMiB} MiB less`
    : `${gib(before)} -> ${gib(after)} GiB`;
}
