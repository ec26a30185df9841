import { manifestEnv } from '../domain/cni-names.ts';
import type { AnyStep, Expectation, MigrationPlan, Step, StepKind, StepParams } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import type { ClusterFacts, Nodegroup } from '../domain/snapshot.ts';
import { commonFacts, compareExpectations, type Deviation, groupFacts, limitsFact } from './expectations.ts';

const configuration = 'vpcCni.addon.configurationValues';
const versions = ['vpcCni.version', 'vpcCni.addon.version'];
/** They decide how the switch is made; afterwards its settings tell whether they still hold. */
const owners = ['vpcCni.owner', 'vpcCni.managedBy'];

/**
 * What the plan relies on as it must be by now: what its own steps have changed counts with its new value, or not at all
 * while they are at it; how much room the subnets have is for the steps to see. Sources count until their pods have moved,
 * replacements from the moment that they are there. Pure.
 */
export function expectationsAt(plan: MigrationPlan, state: Readonly<RunState>): Expectation[] {
  const { changed, ignored, isSwitched } = vpcCniNow(plan, state);
  const moved = isMoved(plan, state);
  const gone = moved ? plan.nodegroups.map(({ source }) => source) : [];
  const capped = stepsOf(plan, 'cap-source')
    .filter(({ id }) => isBegun(state, id))
    .flatMap(({ params: { nodegroupName, releaseNodes } }) => [
      `nodegroups.${nodegroupName}.scaling.limits`,
      ...(releaseNodes ? [`nodegroups.${nodegroupName}.scaling`] : []),
    ]);
  return [
    ...plan.expectations.flatMap((expectation): Expectation[] => {
      const { path, value } = expectation;
      const [, group] = groupPath(path);
      if (path.startsWith('subnets.') || gone.some((source) => source === group)) return [];
      // nodes of a source come and go, with what keeps them up
      if (/^nodegroups\..*\.nodes$/.test(path) || capped.includes(path)) return [];
      if (ignored(path, value)) return [];
      const now = changed.get(path) ?? expectation;
      if (path === configuration) return [{ ...now, value: documentOf(now.value) }];
      const isPast = (moved && versions.includes(path)) || (isSwitched && owners.includes(path));
      return [isPast ? { ...now, whenChanged: 'warn' } : now];
    }),
    ...replacementsIn(plan, state).flatMap((made) => replacementExpectations(plan, state, made)),
  ];
}

/** Facts that are no longer as they must be by now. `warn`: the plan holds in spite of it. Pure. */
export function driftOf(plan: MigrationPlan, state: Readonly<RunState>, facts: ClusterFacts): Deviation[] {
  const there = new Set(facts.nodegroups.map(({ nodegroupName }) => nodegroupName));
  return compareExpectations(expectationsAt(plan, state), factsOf(plan, facts))
    .filter(({ path, now }) => {
      const [, name, field] = groupPath(path);
      if (name === undefined) return true;
      // of a node group that is gone one line is enough
      if (!there.has(name)) return field === 'status';
      return field !== 'status' || (now !== 'ACTIVE' && now !== 'UPDATING');
    })
    .map(mildly);
}

/** Node groups whose facts are needed now: sources with pods, and replacements that are there. */
export function nodegroupsInUse(plan: MigrationPlan, state: Readonly<RunState>): string[] {
  const sources = isMoved(plan, state) ? [] : plan.nodegroups.map(({ source }) => source);
  return [...sources, ...replacementsIn(plan, state).map(({ group }) => group.nodegroupName)];
}

/** A warning where EKS is at work on something, or tries to heal it: the steps wait for that. */
export const mildly = (fact: Deviation): Deviation =>
  fact.path.endsWith('.status') && (fact.now === 'UPDATING' || fact.now === 'DEGRADED')
    ? { ...fact, whenChanged: 'warn' }
    : fact;

/** `['nodegroups.apps.labels', 'apps', 'labels']`; the name of an Auto Scaling group may have dots */
export const groupPath = (path: string): readonly (string | undefined)[] =>
  /^nodegroups\.(.+?)\.((?:(?:scaling|launchTemplate)\.)?\w+)$/.exec(path) ?? [];

const stepsOf = <K extends StepKind>({ steps }: MigrationPlan, kind: K): Step<K>[] =>
  steps.filter((step: AnyStep): step is AnyStep & Step<K> => step.kind === kind);

const isBegun = (state: Readonly<RunState>, id: string): boolean =>
  (state.steps[id]?.status ?? 'pending') !== 'pending';
const isDone = (state: Readonly<RunState>, id: string): boolean => state.steps[id]?.status === 'succeeded';

function isMoved(plan: MigrationPlan, state: Readonly<RunState>): boolean {
  const drains = stepsOf(plan, 'drain-source');
  return drains.length > 0 && drains.every(({ id }) => isDone(state, id));
}

interface Made {
  /** of the step that has made it, or waited for it */
  id: string;
  kind: 'create-nodegroup' | 'create-with-eksctl' | 'await-nodegroup';
  group: StepParams['create-nodegroup'];
}

/** All replacements of the plan, whoever makes them. */
const madeBy = ({ steps }: MigrationPlan): Made[] =>
  steps.flatMap((step): Made[] => {
    if (step.kind === 'create-nodegroup') return [{ ...step, group: step.params }];
    if (step.kind !== 'create-with-eksctl' && step.kind !== 'await-nodegroup') return [];
    return [{ ...step, group: step.params.group }];
  });

const replacementsIn = (plan: MigrationPlan, state: Readonly<RunState>): Made[] =>
  madeBy(plan).filter(({ id }) => isDone(state, id));

/** What the switch has changed, by path, and what cannot be told while or because it was made. */
function vpcCniNow(plan: MigrationPlan, state: Readonly<RunState>) {
  const changed = new Map<string, Expectation>();
  const open = new Set<string>();
  const set = (id: string, paths: Readonly<Record<string, unknown>>, isAwaited = false): void => {
    for (const [path, value] of Object.entries(paths)) {
      if (isDone(state, id)) changed.set(path, { path, value, whenChanged: 'replan' });
      else if (isAwaited || isBegun(state, id)) open.add(path);
    }
  };
  for (const { id, params } of stepsOf(plan, 'configure-vpc-cni')) {
    set(id, { ...envPaths(params.env), [configuration]: params.configurationValues });
  }
  for (const { id, params } of stepsOf(plan, 'patch-vpc-cni')) set(id, envPaths(params.env));
  // its owner may have set it before the run that waits for it
  for (const { id, params } of stepsOf(plan, 'await-vpc-cni')) set(id, envPaths(params.env), true);

  // an update of the add-on brings back what was taken out of its manifest
  const isUpdated = stepsOf(plan, 'configure-vpc-cni').some(({ id }) => isBegun(state, id));
  const broughtBack = isUpdated ? envPaths(manifestEnv(plan.vpcCni.version)) : {};
  const ignored = (path: string, planned: unknown): boolean =>
    open.has(path) || (planned === null && !changed.has(path) && Object.hasOwn(broughtBack, path));
  return { changed, ignored, isSwitched: changed.size > 0 };
}

const envPaths = (env: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [`vpcCni.env.${name}`, value]));

function replacementExpectations(plan: MigrationPlan, state: Readonly<RunState>, { kind, group }: Made): Expectation[] {
  const { nodegroupName, amiType, taints, labels, tags } = group;
  const path = `nodegroups.${nodegroupName}`;
  const scales = stepsOf(plan, 'scale-replacement').filter((step) => step.params.nodegroupName === nodegroupName);
  const isScaling = scales.some(({ id }) => isBegun(state, id) && !isDone(state, id));
  const isScaled = scales.every(({ id }) => isDone(state, id));
  const last = scales.findLast(({ id }) => isDone(state, id));
  const { minSize, maxSize, desiredSize } = last?.params.scaling ?? group.scaling;
  const moved = isMoved(plan, state);
  // where a cluster autoscaler decides about that, a plan relies on the limits alone
  const isOurs = !plan.expectations.some(({ path: known }) => known.endsWith('.scaling.limits'));
  return [
    { path: `${path}.status`, value: 'ACTIVE', whenChanged: 'replan' },
    { path: `${path}.amiType`, value: amiType, whenChanged: 'replan' },
    ...(kind === 'create-nodegroup'
      ? [{ path: `${path}.launchTemplate.version`, value: ownVersion, whenChanged: 'replan' as const }]
      : []),
    ...(kind === 'await-nodegroup' ? [] : [{ path: `${path}.tags`, value: tags, whenChanged: 'replan' as const }]),
    ...(moved
      ? []
      : ([
          { path: `${path}.labels`, value: labels, whenChanged: 'replan' },
          { path: `${path}.taints`, value: sortedTaints(taints), whenChanged: 'replan' },
        ] as const)),
    ...(isScaling
      ? []
      : [{ path: `${path}.scaling.limits`, value: { minSize, maxSize }, whenChanged: 'warn' as const }]),
    ...(isScaled && isOurs && !moved
      ? [{ path: `${path}.scaling.desiredSize`, value: desiredSize, whenChanged: 'replan' as const }]
      : []),
  ];
}

/** A launch template of ours has one version. */
const ownVersion = '1';

/** The facts by the same paths as the expectations. Of labels and tags of a replacement those count that we gave it. */
function factsOf(plan: MigrationPlan, facts: ClusterFacts): Expectation[] {
  const created = new Map(madeBy(plan).map(({ group }) => [group.nodegroupName, group]));
  const scaled = new Map(
    stepsOf(plan, 'scale-replacement').map(({ params: { nodegroupName, scaling } }) => [nodegroupName, scaling]),
  );
  return [
    ...commonFacts(facts, plan.request).map((fact) =>
      fact.path === configuration ? { ...fact, value: documentOf(fact.value) } : fact,
    ),
    ...facts.nodegroups.flatMap((group): Expectation[] => {
      const { nodegroupName, scaling, launchTemplate } = group;
      const path = `nodegroups.${nodegroupName}`;
      const params = created.get(nodegroupName);
      if (params === undefined) {
        return [
          ...groupFacts(group),
          limitsFact(group),
          { path: `${path}.scaling`, value: scaling, whenChanged: 'warn' },
        ];
      }
      const wanted = scaled.get(nodegroupName)?.desiredSize ?? params.scaling.desiredSize;
      const ours: Nodegroup = {
        ...group,
        labels: picked(group.labels, params.labels),
        tags: picked(group.tags, params.tags),
        taints: sortedTaints(group.taints),
      };
      return [
        ...groupFacts(ours),
        limitsFact(group),
        { path: `${path}.launchTemplate.version`, value: launchTemplate?.version ?? null, whenChanged: 'replan' },
        // more nodes than planned are welcome
        { path: `${path}.scaling.desiredSize`, value: Math.min(scaling.desiredSize, wanted), whenChanged: 'replan' },
      ];
    }),
  ];
}

const picked = (found: Record<string, string>, wanted: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(found).filter(([key]) => Object.hasOwn(wanted, key)));

const sortedTaints = (taints: Nodegroup['taints']): Nodegroup['taints'] =>
  taints.toSorted((a, b) => (`${a.key} ${a.effect}` < `${b.key} ${b.effect}` ? -1 : 1));

/** The configuration as what it says: EKS may write it with other spaces. What was never set says nothing. */
function documentOf(text: unknown): unknown {
  if (typeof text !== 'string' || text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
