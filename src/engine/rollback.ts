import { ownerText, pairs } from '../domain/cni-owner.ts';
import { isOn } from '../domain/cni-settings.ts';
import type { RollbackScope } from '../domain/journal-entry.ts';
import type {
  AnyStep,
  Impact,
  MigrationPlan,
  NodegroupPlan,
  Phase,
  Step,
  StepKind,
  StepParams,
} from '../domain/plan.ts';
import { type RunState, undoPrefix } from '../domain/run-state.ts';
import type { Ports } from '../ports/ports.ts';
import type { Handlers } from '../steps/index.ts';
import { mayHaveActed } from '../steps/undoing.ts';
import { handlerOf } from './advance.ts';
import { withLateDrain } from './late-drain.ts';

/**
 * The plan with the steps that take it back, in their order: sources open and large enough again, replacements closed, the
 * VPC CNI as it was, pods back by the same drain, then all that was made deleted. A source in `scope.kept` is gone: its
 * replacement stays, and what that needs. No steps when none was begun.
 *
 * A function of the plan, of what the journal says of the plan's own steps, and of the scope: none of them changes once a
 * rollback has begun.
 */
export function rollbackOf(
  plan: MigrationPlan,
  state: Readonly<RunState>,
  scope: RollbackScope,
  handlers: Handlers,
): MigrationPlan {
  const back = whatGoesBack(plan, state, scope, handlers);
  const { made, kept, replacements } = back;
  if (back.begun.length === 0) return { ...plan, steps: [] };

  const opened = openSources(back);
  const closed = replacements.length > 0 ? closeReplacements(back, idsOf(opened)) : [];
  const switches = kept.length > 0 ? [] : [...back.of('configure-vpc-cni'), ...back.of('patch-vpc-cni')];
  const early = switchesLate(plan) ? [] : back.undo(switches, ['prepare', 'disruptive'], idsOf([...opened, ...closed]));
  const canaries = back.of('verify-replacement').length > 0 ? [removeCanaries(plan)] : [];
  // a replacement that never worked would hold the rollout up: only pods that moved are worth waiting for
  const awaited = back.of('drain-source').length > 0 ? early : [];
  const drained = replacements.length > 0 ? drainBack(back, idsOf([...closed, ...canaries, ...awaited])) : [];

  const deleted = back
    .undo(
      made.filter((one) => back.isBack({ params: groupOf(one) })),
      ['delete', 'destructive'],
      idsOf(drained),
    )
    .map((one) => withLateDrain(one, drained[0]?.params));
  const late = switchesLate(plan) ? back.undo(switches, ['delete', 'disruptive'], idsOf([...opened, ...deleted])) : [];
  const templates = back
    .of('create-launch-template')
    .filter(({ params }) => back.groups.some(({ replacement }) => replacement === params.launchTemplateName));
  const ranges = back.of('reserve-subnet-cidr').filter(({ params }) => !isNeeded(params.subnetId, back));
  const steps = [
    ...opened,
    ...closed,
    ...early,
    ...canaries,
    ...drained,
    ...deleted,
    ...late,
    ...back.undo(ranges, ['delete', 'additive'], idsOf(deleted)),
    ...leaveToAutoscaler(back, opened, idsOf([...opened, ...drained, ...deleted])),
  ];
  const last = cleanup(back, idsOf(steps));
  return { ...plan, steps: [...steps, last, ...back.undo(templates, ['cleanup', 'additive'], [last.id])] };
}

/**
 * What a rollback can no longer take back, from the journal and a look at the world: sources that are gone or being deleted,
 * whoever did that. A deletion that this plan has begun and that does not show is given time to.
 *
 * @throws MigrateError when EKS does not answer
 */
export async function rollbackScopeNow(
  plan: MigrationPlan,
  state: Readonly<RunState>,
  { eks, clock }: Pick<Ports, 'eks' | 'clock'>,
): Promise<RollbackScope> {
  const look = async (): Promise<string[]> => {
    const found = await Promise.all(
      plan.nodegroups.map(({ source }) => eks.describeNodegroup(plan.cluster.name, source)),
    );
    return plan.nodegroups.flatMap(({ source }, index) => {
      const status = found[index]?.status;
      return status === undefined || status === 'DELETING' || status === 'DELETE_FAILED' ? [source] : [];
    });
  };
  const kept = await look();
  const isAsked = plan.steps.some(
    (one) => one.kind === 'delete-source' && mayHaveActed(state, one.id) && !kept.includes(one.params.nodegroupName),
  );
  const shownAt = Date.parse(state.lastEntryAt ?? '') + visibleAfterMilliseconds;
  if (!isAsked || !(clock.now() < shownAt)) return { kept };
  await clock.sleep(shownAt - clock.now());
  return { kept: await look() };
}

/** EKS may answer reads from before a write for some time. */
const visibleAfterMilliseconds = 30_000;

/** What of a plan was begun, and which of its node groups go back. */
interface Back {
  plan: MigrationPlan;
  begun: AnyStep[];
  /** begun steps of a kind */
  of: <K extends StepKind>(kind: K) => Extract<AnyStep, Step<K>>[];
  /** their inverses, to come when `dependsOn` is done */
  undo: (steps: readonly AnyStep[], as: [Phase, Impact], dependsOn: string[]) => AnyStep[];
  /** what made replacements that are there, or may be */
  made: Extract<AnyStep, Step<'create-nodegroup' | 'create-with-eksctl'>>[];
  /** their sources are gone, and they stay */
  kept: NodegroupPlan[];
  /** the others */
  groups: NodegroupPlan[];
  /** of these, those whose replacements have to go, or to be empty at least */
  replacements: NodegroupPlan[];
  /** of these, those that somebody else has made, and has to take away */
  external: NodegroupPlan[];
  /** about a source or replacement of `groups` */
  isBack: (step: { params: { nodegroupName: string } }) => boolean;
  /** the sources were closed, and may have shrunk since */
  wereClosed: boolean;
  hasAutoscaler: boolean;
}

function whatGoesBack(plan: MigrationPlan, state: Readonly<RunState>, scope: RollbackScope, handlers: Handlers): Back {
  const begun = plan.steps.filter(({ id }) => (state.steps[id]?.status ?? 'pending') !== 'pending');
  const of = <K extends StepKind>(kind: K) =>
    begun.filter((one): one is Extract<AnyStep, Step<K>> => one.kind === kind);
  // one that could not be made, because its name was taken, is not ours to touch
  const made = [...of('create-nodegroup'), ...of('create-with-eksctl')].filter(
    ({ id }) => state.steps[id]?.status !== 'failed' || mayHaveActed(state, id),
  );
  const awaited = of('await-nodegroup').filter(({ id }) => state.steps[id]?.status === 'succeeded');
  const isExternal = ({ replacement }: NodegroupPlan): boolean =>
    awaited.some(({ params }) => params.group.nodegroupName === replacement);
  const isMade = (group: NodegroupPlan): boolean =>
    isExternal(group) || made.some((one) => groupOf(one).nodegroupName === group.replacement);
  const groups = plan.nodegroups.filter(({ source }) => !scope.kept.includes(source));
  return {
    plan,
    begun,
    of,
    undo: (steps, [phase, impact], dependsOn) =>
      steps.flatMap((one) => {
        const undone = handlerOf(handlers, one).undo(one);
        return undone === undefined ? [] : [{ ...undone, phase, impact, dependsOn }];
      }),
    made,
    kept: plan.nodegroups.filter((group) => !groups.includes(group) && isMade(group)),
    groups,
    replacements: groups.filter(isMade),
    external: groups.filter(isExternal),
    isBack: ({ params: { nodegroupName } }) =>
      groups.some(({ source, replacement }) => [source, replacement].includes(nodegroupName)),
    wereClosed: of('cordon-source').length > 0,
    hasAutoscaler: plan.steps.some(({ kind }) => kind === 'protect-replacement'),
  };
}

/** What a step makes. */
const groupOf = (one: Back['made'][number]): StepParams['create-nodegroup'] =>
  one.kind === 'create-nodegroup' ? one.params : one.params.group;

function step<K extends StepKind>(
  kind: K,
  name: string,
  [phase, impact]: [Phase, Impact],
  dependsOn: string[],
  summary: string,
  params: StepParams[K],
): Step<K> {
  return { id: `${undoPrefix}${name}`, kind, phase, impact, dependsOn, summary, params };
}

const idsOf = (steps: readonly { id: string }[]): string[] => steps.map(({ id }) => id);
const replacementsOf = (groups: readonly NodegroupPlan[]): string[] => groups.map(({ replacement }) => replacement);

/** What held them back goes first, since a source has to be allowed to grow before it can. */
function openSources(back: Back): AnyStep[] {
  const { groups, wereClosed, hasAutoscaler } = back;
  const held = [...back.of('cap-source'), ...back.of('suspend-processes')].filter(back.isBack);
  const released = back.undo(held, ['prepare', 'additive'], []);
  if (!wereClosed || groups.length === 0) return released;
  const sources = groups.map(({ source }) => source);
  const sized = groups.filter(({ nodes }) => nodes.source > 0);
  return [
    ...released,
    step(
      'uncordon-source',
      'cordon-source',
      ['prepare', 'additive'],
      [],
      `new pods may start on the nodes of ${sources.join(', ')} again`,
      { nodegroupNames: sources },
    ),
    ...sized.map((group) => scaleSource(back, group, idsOf(released))),
    ...(hasAutoscaler ? sized.map((group) => protectSource(group, idsOf(released))) : []),
  ];
}

const growthSeconds = (nodes: number): number => (20 + Math.ceil(nodes / 10)) * 60;

const scaleSource = ({ plan }: Back, { source, replacement, nodes }: NodegroupPlan, dependsOn: string[]): AnyStep =>
  step(
    'scale-source',
    `scale-source/${source}`,
    ['prepare', 'additive'],
    dependsOn,
    `${source} has its ${nodes.source} nodes again, should it have shrunk`,
    {
      clusterName: plan.cluster.name,
      nodegroupName: source,
      replacementName: replacement,
      nodes: nodes.source,
      timeoutSeconds: growthSeconds(nodes.source),
    },
  );

/** From the autoscaler, for which a node that waits for its pods is a node to remove. */
const protectSource = ({ source, nodes }: NodegroupPlan, dependsOn: string[]): AnyStep =>
  step(
    'protect-replacement',
    `protect-source/${source}`,
    ['prepare', 'additive'],
    dependsOn,
    `the autoscaler leaves empty nodes of ${source} alone meanwhile`,
    { nodegroupName: source, nodes: nodes.source, timeoutSeconds: growthSeconds(nodes.source) },
  );

/** No pod comes any more, neither on nodes that are there nor on more that an autoscaler would add. */
function closeReplacements({ plan, replacements, hasAutoscaler }: Back, opened: string[]): AnyStep[] {
  const names = replacementsOf(replacements);
  const capped = replacements.map(({ source, replacement }) =>
    step(
      'cap-source',
      `cap-replacement/${source}`,
      ['prepare', 'disruptive'],
      opened,
      `${replacement} does not grow any more`,
      { clusterName: plan.cluster.name, nodegroupName: replacement },
    ),
  );
  return [
    ...(hasAutoscaler ? capped : []),
    step(
      'cordon-source',
      'cordon-replacement',
      ['prepare', 'disruptive'],
      opened,
      `no new pods on the nodes of ${names.join(', ')}`,
      { nodegroupNames: names },
    ),
  ];
}

/**
 * With custom networking aws-node does not come up on a cordoned node that has nothing in its pool, and its node is then not
 * Ready: the switch back waits until the replacements are gone. Otherwise it comes before the pods, so that those get
 * addresses as before.
 */
const switchesLate = ({ vpcCni: { settings } }: MigrationPlan): boolean =>
  settings.some(({ name, live }) => name === customNetworking && live !== null && isOn({ [name]: live }, name));

const customNetworking = 'AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG';

const removeCanaries = ({ cluster }: MigrationPlan): AnyStep =>
  step('cleanup', 'canaries', ['prepare', 'additive'], [], 'remove canary pods', {
    clusterName: cluster.name,
    reserved: [],
    stays: [],
  });

/** As the plan drains: the same timeouts, limits and consents. */
function drainBack({ plan, replacements }: Back, dependsOn: string[]): Step<'drain-source'>[] {
  const names = replacementsOf(replacements);
  const sources = replacements.map(({ source }) => source);
  return plan.steps.flatMap((one) => {
    if (one.kind !== 'drain-source') return [];
    // the replacements go whole, when all their pods have left
    const { releaseNodes: _, ...params } = one.params;
    return [
      step(
        'drain-source',
        'drain-replacement',
        ['drain', 'disruptive'],
        dependsOn,
        `evict pods from ${names.join(', ')} back to ${sources.join(', ')} as their budgets allow`,
        { ...params, nodegroupNames: names, replacementNames: sources },
      ),
    ];
  });
}

/** A range in a subnet that only replacements have that go is needed by nobody. */
const isNeeded = (subnetId: string, { kept, groups }: Back): boolean =>
  kept.length > 0 &&
  (kept.some(({ subnetIds }) => subnetIds.includes(subnetId)) ||
    !groups.some(({ subnetIds }) => subnetIds.includes(subnetId)));

/** Of nodes that stay, the protection comes off: that of replacements, and ours of sources meanwhile. */
function leaveToAutoscaler(back: Back, opened: readonly AnyStep[], dependsOn: string[]): AnyStep[] {
  const isExternal = (name: string): boolean => back.external.some(({ replacement }) => replacement === name);
  const staying = back
    .of('protect-replacement')
    .filter((one) => !back.isBack(one) || isExternal(one.params.nodegroupName));
  const sources = opened.flatMap((one) => (one.kind === 'protect-replacement' ? [one.params.nodegroupName] : []));
  return [
    ...back.undo(staying, ['cleanup', 'additive'], []),
    ...sources.map((source) =>
      step(
        'unprotect-replacement',
        `unprotect-source/${source}`,
        ['cleanup', 'additive'],
        dependsOn,
        `nodes of ${source} are left to the autoscaler again`,
        { nodegroupName: source },
      ),
    ),
  ];
}

function cleanup(back: Back, dependsOn: string[]): AnyStep {
  const { plan, kept, external } = back;
  const switched = back.begun.some(({ kind }) => kind === 'configure-vpc-cni' || kind === 'patch-vpc-cni');
  const needed = back.of('reserve-subnet-cidr').filter(({ params }) => isNeeded(params.subnetId, back));
  const stays = [
    ...kept.map(
      ({ source, replacement }) => `node group ${replacement} with its launch template, since ${source} is gone`,
    ),
    ...(switched && kept.length > 0 ? ['prefix delegation of the VPC CNI, which they need'] : []),
    ...external.map(
      ({ replacement, source }) =>
        `node group ${replacement}, empty and cordoned: this program did not make it, so whoever did has to take it away, now that ${source} has its pods again`,
    ),
    ...needed.map(({ params }) => `the range ${params.cidr} of ${params.subnetId}, reserved for their prefixes`),
    ...back
      .of('await-vpc-cni')
      .map(({ params }) => `${pairs(params.env, ', ')} of aws-node, which ${ownerText(params.owner)} has to take back`),
  ];
  return step('cleanup', 'cleanup', ['cleanup', 'additive'], dependsOn, 'remove what the run left behind', {
    clusterName: plan.cluster.name,
    reserved: [],
    stays,
    subnetIds: [...new Set(plan.steps.flatMap((one) => (one.kind === 'cleanup' ? (one.params.subnetIds ?? []) : [])))],
  });
}
