import { blockers } from '../../domain/finding.ts';
import type {
  Forecast,
  MigrationPlan,
  NodegroupPlan,
  OrderPlan,
  Stage,
  SubnetPlan,
  VpcCniPlan,
  VpcCniSetting,
} from '../../domain/plan.ts';
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

/** How long draining takes and why; empty when no pod has to move. */
export function drainSentence({ criticalWorkload, expectedSeconds, lowerBoundSeconds }: Forecast): string {
  if (criticalWorkload === null) return '';
  const [expected, least] = [roughly(expectedSeconds), roughly(lowerBoundSeconds)];
  return `about ${expected} (estimate)${expected === least ? '' : `, at least ${least}`}; ${criticalWorkload} takes longest.`;
}

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
