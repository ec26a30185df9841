import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AnyStep, MigrationPlan, StepKind } from '../../src/domain/plan.ts';
import { initialRunState, type RunState } from '../../src/domain/run-state.ts';
import type { ClusterFacts, Nodegroup } from '../../src/domain/snapshot.ts';
import { driftOf, expectationsAt, nodegroupsInUse } from '../../src/planning/drift.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { aDeployment, aNodegroup, aRequest, aSnapshot, aVpcCni } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

const snapshot = aSnapshot();
const planOf = (from = snapshot): MigrationPlan =>
  makePlan({
    snapshot: from,
    request: aRequest({ nodegroups: ['apps'] }),
    findings: [],
    toolVersion: '0.1.0',
    templates,
  });
const plan = planOf();

/** The journal after these kinds of steps have succeeded, and others were begun. */
function stateAfter(done: readonly StepKind[], begun: readonly StepKind[] = [], of = plan): RunState {
  const state = initialRunState(of);
  for (const { id, kind } of of.steps) {
    const step = state.steps[id];
    if (step === undefined) continue;
    if (begun.includes(kind)) step.status = 'started';
    if (done.includes(kind)) step.status = 'succeeded';
  }
  return state;
}

const untilCreated: StepKind[] = ['configure-vpc-cni', 'create-launch-template', 'create-nodegroup'];
const untilVerified: StepKind[] = [...untilCreated, 'verify-replacement', 'scale-replacement'];
const untilMoved: StepKind[] = [...untilVerified, 'cordon-source', 'drain-source'];

const stepOf = <K extends StepKind>(kind: K, of = plan): Extract<AnyStep, { kind: K }> => {
  const found = of.steps.find((step): step is Extract<AnyStep, { kind: K }> => step.kind === kind);
  assert.ok(found !== undefined, kind);
  return found;
};

/** The last size that the plan asks for. */
function fullSize(): Nodegroup['scaling'] {
  const last = plan.steps.findLast(({ kind }) => kind === 'scale-replacement');
  assert.ok(last?.kind === 'scale-replacement');
  return last.params.scaling;
}

/** The replacement as EKS shows it. */
function replacement(overrides: Partial<Nodegroup> = {}): Nodegroup {
  const { params } = stepOf('create-nodegroup');
  return aNodegroup({
    nodegroupName: params.nodegroupName,
    amiType: params.amiType,
    labels: { ...params.labels, 'eks.amazonaws.com/nodegroup': params.nodegroupName },
    taints: params.taints,
    tags: { ...params.tags, 'added-by': 'somebody' },
    launchTemplate: { id: 'lt-0new', name: null, version: '1' },
    scaling: fullSize(),
    ...overrides,
  });
}

/** As the world looks when the plan has done its part. */
function facts(overrides: Partial<ClusterFacts> = {}): ClusterFacts {
  const { cluster, nodegroups, vpcCni, eniConfigs } = snapshot;
  return { cluster, nodegroups, vpcCni, eniConfigs, ...overrides };
}
const { params: switching } = stepOf('configure-vpc-cni');
const switched = aVpcCni({
  env: { ...snapshot.vpcCni.env, ...switching.env },
  addon: { ...addonOf(), configurationValues: JSON.stringify(JSON.parse(switching.configurationValues), null, 1) },
});
function addonOf() {
  assert.ok(snapshot.vpcCni.addon !== null);
  return snapshot.vpcCni.addon;
}
const source = (overrides: Partial<Nodegroup> = {}): Nodegroup => {
  const [apps] = snapshot.nodegroups;
  assert.ok(apps?.nodegroupName === 'apps');
  return { ...apps, ...overrides };
};

const around = (nodegroups: Nodegroup[], vpcCni = switched): ClusterFacts => facts({ vpcCni, nodegroups });
const sized = (scaling: Nodegroup['scaling']): ClusterFacts => around([source(), replacement({ scaling })]);

const told = (state: RunState, now: ClusterFacts, of = plan): string[] =>
  driftOf(of, state, now).map(({ path, whenChanged }) => `${whenChanged} ${path}`);

describe('what our own steps change is expected', () => {
  test('nothing done, nothing changed', () => assert.deepEqual(told(initialRunState(plan), facts()), []));
  test('the switch of the VPC CNI, under way and done', () => {
    for (const vpcCni of [snapshot.vpcCni, switched]) {
      assert.deepEqual(told(stateAfter([], ['configure-vpc-cni']), facts({ vpcCni })), []);
    }
    assert.deepEqual(told(stateAfter(['configure-vpc-cni']), facts({ vpcCni: switched })), []);
  });
  test('the switch that somebody took back', () => {
    const state = stateAfter(['configure-vpc-cni']);
    assert.deepEqual(told(state, facts()), [
      'replan vpcCni.addon.configurationValues',
      'replan vpcCni.env.ENABLE_PREFIX_DELEGATION',
    ]);
  });
  test('the replacement, from one node to all of them', () => {
    const { params } = stepOf('create-nodegroup');
    const scaling = fullSize();
    assert.deepEqual(told(stateAfter(untilCreated), sized(params.scaling)), []);
    for (const size of [params.scaling, scaling]) {
      assert.deepEqual(told(stateAfter(untilCreated, ['scale-replacement']), sized(size)), []);
    }
    assert.deepEqual(told(stateAfter(untilVerified), sized(scaling)), []);
    assert.deepEqual(told(stateAfter(untilVerified), sized({ ...scaling, desiredSize: scaling.desiredSize + 3 })), []);
  });
  test('the first node, before the others are asked for', () => {
    const first = stepOf('scale-replacement');
    const state = stateAfter([...untilCreated, 'verify-replacement']);
    const step = state.steps[first.id];
    assert.ok(step !== undefined && first.params.scaling.desiredSize === 1);
    step.status = 'succeeded';
    assert.deepEqual(told(state, sized(first.params.scaling)), []);
  });
  test('sources that are empty, being deleted, gone', () => {
    for (const nodegroups of [[source({ status: 'DELETING' }), replacement()], [replacement()]]) {
      assert.deepEqual(told(stateAfter(untilMoved), facts({ vpcCni: switched, nodegroups })), []);
    }
  });
  test('the cap of a source with a cluster autoscaler', () => {
    const scaled = planOf(aSnapshot({ workloads: aDeployment('kube-system', 'cluster-autoscaler', 1) }));
    const capped = facts({
      vpcCni: switched,
      nodegroups: [source({ scaling: { ...source().scaling, maxSize: 3 } })],
    });
    const limits = ['warn nodegroups.apps.scaling.limits'];
    assert.deepEqual(told(stateAfter(['configure-vpc-cni'], [], scaled), capped, scaled), limits);
    assert.deepEqual(told(stateAfter(['configure-vpc-cni'], ['cap-source'], scaled), capped, scaled), []);
  });
});

describe('what others change counts', () => {
  const verified = stateAfter(untilVerified);
  const name = stepOf('create-nodegroup').params.nodegroupName;
  const cases: [string, RunState, ClusterFacts, string[]][] = [
    [
      'a label of the source',
      verified,
      around([source({ labels: { a: 'b' } }), replacement()]),
      ['replan nodegroups.apps.labels'],
    ],
    ['a source that is gone: one line', verified, around([replacement()]), ['replan nodegroups.apps.status']],
    [
      'a source that is being deleted',
      verified,
      around([source({ status: 'DELETING' }), replacement()]),
      ['replan nodegroups.apps.status'],
    ],
    ['a source that EKS works on', verified, around([source({ status: 'UPDATING' }), replacement()]), []],
    [
      'a degraded replacement',
      verified,
      around([source(), replacement({ status: 'DEGRADED' })]),
      [`warn nodegroups.${name}.status`],
    ],
    ['a replacement that is gone', verified, around([source()]), [`replan nodegroups.${name}.status`]],
    [
      'a taint on the replacement',
      verified,
      around([source(), replacement({ taints: [{ key: 'x', value: null, effect: 'NO_SCHEDULE' }] })]),
      [`replan nodegroups.${name}.taints`],
    ],
    [
      'a replacement without our tags',
      verified,
      around([source(), replacement({ tags: {} })]),
      [`replan nodegroups.${name}.tags`],
    ],
    [
      'another version of its template',
      verified,
      around([source(), replacement({ launchTemplate: { id: 'lt-0new', name: null, version: '2' } })]),
      [`replan nodegroups.${name}.launchTemplate.version`],
    ],
    [
      'fewer nodes than were verified',
      verified,
      around([source(), replacement({ scaling: { minSize: 0, maxSize: 9, desiredSize: 1 } })]),
      [`warn nodegroups.${name}.scaling.limits`, `replan nodegroups.${name}.scaling.desiredSize`],
    ],
    [
      'the same when the pods have moved',
      stateAfter(untilMoved),
      around([replacement({ scaling: { ...replacement().scaling, desiredSize: 1 } })]),
      [],
    ],
    [
      'another version of the add-on',
      verified,
      around([source(), replacement()], {
        ...switched,
        addon: { ...addonOf(), ...switched.addon, version: 'v1.20.0' },
      }),
      ['replan vpcCni.addon.version'],
    ],
    [
      'the same when the pods have moved',
      stateAfter(untilMoved),
      around([replacement()], { ...switched, addon: { ...addonOf(), ...switched.addon, version: 'v1.20.0' } }),
      ['warn vpcCni.addon.version'],
    ],
    [
      'another Kubernetes version',
      verified,
      facts({
        vpcCni: switched,
        nodegroups: [source(), replacement()],
        cluster: { ...snapshot.cluster, kubernetesVersion: '1.99', status: 'UPDATING' },
      }),
      ['warn cluster.status', 'warn cluster.kubernetesVersion'],
    ],
    [
      'another owner after the switch',
      verified,
      around([source(), replacement()], { ...switched, owner: { tool: 'terraform', name: null, evidence: 'tag' } }),
      ['warn vpcCni.owner'],
    ],
    [
      'another owner before the switch',
      initialRunState(plan),
      facts({ vpcCni: { ...snapshot.vpcCni, owner: { tool: 'terraform', name: null, evidence: 'tag' } } }),
      ['replan vpcCni.owner'],
    ],
  ];
  for (const [what, state, now, expected] of cases) test(what, () => assert.deepEqual(told(state, now), expected));
});

test('only what is needed is looked at', () => {
  const { nodegroupName } = stepOf('create-nodegroup').params;
  assert.deepEqual(nodegroupsInUse(plan, initialRunState(plan)), ['apps']);
  assert.deepEqual(nodegroupsInUse(plan, stateAfter(untilVerified)), ['apps', nodegroupName]);
  assert.deepEqual(nodegroupsInUse(plan, stateAfter(untilMoved)), [nodegroupName]);
});
test('is pure: the plan keeps its expectations', () => {
  const before = structuredClone(plan);
  expectationsAt(plan, stateAfter(untilMoved));
  assert.deepEqual(plan, before);
});
