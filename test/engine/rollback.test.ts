import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type AnyStep, type MigrationPlan, phases } from '../../src/domain/plan.ts';
import { initialRunState, pendingStep, type RunState } from '../../src/domain/run-state.ts';
import { openSteps, readySteps } from '../../src/engine/order.ts';
import { rollbackOf, rollbackScopeNow } from '../../src/engine/rollback.ts';
import { handlers } from '../../src/steps/index.ts';
import { createWorld } from '../support/fake-ports.ts';
import { otherSteps, samplePlan } from '../support/sample-plan.ts';

const optional = ['reserve-subnet-cidr', 'protect-replacement', 'cap-source', 'suspend-processes'];
/** Both sources, with all that can be held back and reserved for apps. */
const plan: MigrationPlan = {
  ...samplePlan(['apps', 'batch']),
  steps: [
    ...otherSteps.filter(({ kind }) => optional.includes(kind)),
    ...samplePlan(['apps', 'batch']).steps.filter(({ kind }) => kind !== 'cleanup'),
  ],
};

/** As the journal has it after an apply that came as far as this. */
function begun(isBegun: (step: AnyStep) => boolean, from: MigrationPlan = plan): RunState {
  const state = initialRunState(from);
  for (const step of from.steps) {
    if (isBegun(step)) state.steps[step.id] = { ...pendingStep(), status: 'succeeded', token: 'token' };
  }
  return state;
}

const upTo = (last: (typeof phases)[number]) => (step: AnyStep) => phases.indexOf(step.phase) <= phases.indexOf(last);
const undone = (state: RunState, kept: string[] = [], from = plan) => rollbackOf(from, state, { kept }, handlers).steps;
const idsOf = (steps: readonly AnyStep[]): string[] => steps.map(({ id }) => id);

/** In the order in which an engine begins them, when each is done at once. */
function played(steps: readonly AnyStep[]): string[] {
  const done = new Set<string>();
  const order: string[] = [];
  const work = { ...plan, steps: [...steps] };
  for (;;) {
    const [next] = readySteps(work, done);
    if (next === undefined) break;
    done.add(next.id);
    order.push(next.id);
  }
  assert.deepEqual(openSteps(work, done), [], 'steps wait for each other');
  return order;
}

const dependencies = (id: string, state: RunState, from = plan): readonly string[] =>
  undone(state, [], from).find((step) => step.id === id)?.dependsOn ?? [];

const scope = async (change: (world: ReturnType<typeof createWorld>, state: RunState) => void): Promise<string[]> => {
  const world = createWorld();
  const apps = world.nodegroups.get('apps');
  assert.ok(apps);
  world.nodegroups.set('batch', { ...structuredClone(apps), nodegroupName: 'batch' });
  const state = begun(upTo('soak'));
  state.lastEntryAt = new Date(world.clock.now()).toISOString();
  change(world, state);
  return (await world.clock.run(rollbackScopeNow(plan, state, world.ports))).kept;
};

const setStatus = (world: ReturnType<typeof createWorld>, status: string): void =>
  void Object.assign(world.nodegroups.get('apps') ?? {}, { status });

describe('rollbackOf', () => {
  test('nothing was begun: there is nothing to do', () => {
    assert.deepEqual(undone(begun(() => false)), []);
  });

  test('all but the deletion was done: sources first, then the pods, then what was made', () => {
    assert.deepEqual(played(undone(begun(upTo('soak')))), [
      'undo/cap-source/apps',
      'undo/suspend-processes/apps',
      'undo/cordon-source',
      'undo/scale-source/apps',
      'undo/scale-source/batch',
      'undo/protect-source/apps',
      'undo/protect-source/batch',
      'undo/cap-replacement/apps',
      'undo/cap-replacement/batch',
      'undo/cordon-replacement',
      'undo/configure-vpc-cni',
      'undo/canaries',
      'undo/drain-replacement',
      'undo/create-nodegroup/apps',
      'undo/create-nodegroup/batch',
      'undo/reserve-subnet-cidr/subnet-a/10.0.1.64/26',
      'undo/unprotect-source/apps',
      'undo/unprotect-source/batch',
      'undo/cleanup',
      'undo/create-launch-template/apps',
      'undo/create-launch-template/batch',
    ]);
  });

  test('only what was prepared', () => {
    assert.deepEqual(played(undone(begun(upTo('prepare')))), [
      'undo/configure-vpc-cni',
      'undo/reserve-subnet-cidr/subnet-a/10.0.1.64/26',
      'undo/cleanup',
      'undo/create-launch-template/apps',
      'undo/create-launch-template/batch',
    ]);
  });

  test('pods are drained back with the settings of the plan, as soon as there is a replacement', () => {
    const steps = undone(begun(({ id }) => id === 'create-nodegroup/apps'));
    const drain = steps.find(({ kind }) => kind === 'drain-source');
    const forward = plan.steps.find(({ kind }) => kind === 'drain-source');
    assert.deepEqual(drain?.params, {
      ...forward?.params,
      nodegroupNames: ['apps-pd-7f3a9c21'],
      replacementNames: ['apps'],
    });
  });

  test('the drain waits for the switch back only where pods have moved', () => {
    const drain = 'undo/drain-replacement';
    assert.ok(dependencies(drain, begun(upTo('drain'))).includes('undo/configure-vpc-cni'));
    assert.ok(!dependencies(drain, begun(upTo('verify'))).includes('undo/configure-vpc-cni'));
  });

  test('with custom networking the switch back comes when no node is cordoned', () => {
    const name = 'AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG';
    const setting = { name, configured: 'true', live: 'true', setBy: 'eks', target: 'true', change: 'none' as const };
    const custom = { ...plan, vpcCni: { ...plan.vpcCni, settings: [setting] } };
    const switchBack = dependencies('undo/configure-vpc-cni', begun(upTo('soak'), custom), custom);
    assert.ok(switchBack.includes('undo/create-nodegroup/apps') && switchBack.includes('undo/cordon-source'));
    assert.ok(
      !dependencies('undo/drain-replacement', begun(upTo('soak'), custom), custom).includes('undo/configure-vpc-cni'),
    );
  });

  test('a source that is gone keeps its replacement, and what that needs', () => {
    const steps = undone(
      begun(() => true),
      ['apps'],
    );
    assert.deepEqual(played(steps), [
      'undo/cordon-source',
      'undo/scale-source/batch',
      'undo/protect-source/batch',
      'undo/cap-replacement/batch',
      'undo/cordon-replacement',
      'undo/canaries',
      'undo/drain-replacement',
      'undo/create-nodegroup/batch',
      'undo/protect-replacement/apps',
      'undo/unprotect-source/batch',
      'undo/cleanup',
      'undo/create-launch-template/batch',
    ]);
    const groups = steps.flatMap((step) => ('nodegroupNames' in step.params ? step.params.nodegroupNames : []));
    assert.deepEqual([...new Set(groups)].toSorted(), ['batch', 'batch-pd-7f3a9c21']);
    const last = steps.find(({ id }) => id === 'undo/cleanup');
    assert.deepEqual(last?.kind === 'cleanup' && last.params.stays, [
      'node group apps-pd-7f3a9c21 with its launch template, since apps is gone',
      'prefix delegation of the VPC CNI, which they need',
      'the range 10.0.1.64/26 of subnet-a, reserved for their prefixes',
    ]);
  });

  test('a source that is gone before it had a replacement holds nothing up', () => {
    const state = begun(({ id }) => id === 'configure-vpc-cni' || id === 'create-launch-template/apps');
    assert.deepEqual(idsOf(undone(state, ['batch'])), [
      'undo/configure-vpc-cni',
      'undo/cleanup',
      'undo/create-launch-template/apps',
    ]);
  });

  test('a group of the same name that others made is left alone', () => {
    const state = begun(upTo('prepare'));
    state.steps['create-nodegroup/apps'] = { ...pendingStep(), status: 'failed' };
    const groups = undone(state).filter(({ kind }) =>
      ['cordon-source', 'drain-source', 'delete-replacement'].includes(kind),
    );
    assert.deepEqual(groups, []);
  });

  test('the owner of aws-node has to take its settings back', () => {
    const owned = { ...plan, steps: otherSteps.filter(({ kind }) => kind === 'await-vpc-cni') };
    const [only, ...others] = undone(
      begun(() => true, owned),
      [],
      owned,
    );
    assert.deepEqual(others, []);
    assert.deepEqual(only?.kind === 'cleanup' && only.params.stays, [
      'ENABLE_PREFIX_DELEGATION=true, WARM_PREFIX_TARGET=1 of aws-node, which Helm release kube-system/aws-vpc-cni has to take back',
    ]);
  });

  test('wherever it was stopped, every step can be reached, and says what it undoes', () => {
    fc.assert(
      fc.property(fc.subarray(idsOf(plan.steps)), fc.subarray(['apps', 'batch']), (ids, kept) => {
        const steps = undone(
          begun(({ id }) => ids.includes(id)),
          kept,
        );
        assert.equal(played(steps).length, new Set(idsOf(steps)).size);
        for (const { id, dependsOn, summary } of steps) {
          assert.match(id, /^undo\//);
          assert.ok(summary.length > 5);
          for (const before of dependsOn) assert.ok(idsOf(steps).includes(before), `${id} waits for ${before}`);
        }
        const made = ids.filter((id) => id.startsWith('create-nodegroup/')).map((id) => id.split('/')[1] ?? '');
        const deleted = steps.flatMap((step) => (step.kind === 'delete-replacement' ? [step.params.source] : []));
        assert.deepEqual(deleted.toSorted(), made.filter((source) => !kept.includes(source)).toSorted());
        for (const step of steps) {
          if (step.kind !== 'delete-replacement') continue;
          assert.ok(step.dependsOn.includes('undo/drain-replacement'), 'nothing is deleted before it is empty');
        }
      }),
    );
  });

  test('every run of a rollback works on the same steps', () => {
    const state = begun(upTo('drain'));
    const first = undone(state, ['batch']);
    for (const { id } of first) state.steps[id] = { ...pendingStep(), status: 'failed', token: 'token' };
    assert.deepEqual(undone(state, ['batch']), first);
  });
});

describe('rollbackScopeNow', () => {
  test('all sources are there', async () => assert.deepEqual(await scope(() => undefined), []));

  for (const status of ['DELETING', 'DELETE_FAILED']) {
    test(`one is ${status}`, async () => assert.deepEqual(await scope((world) => setStatus(world, status)), ['apps']));
  }

  test('one is gone, whoever deleted it', async () =>
    assert.deepEqual(await scope((world) => world.nodegroups.delete('batch')), ['batch']));

  test('a deletion that was asked for and does not show yet', async () => {
    const kept = await scope((world, state) => {
      state.steps['delete-source/apps'] = { ...pendingStep(), status: 'started', token: 'token' };
      world.clock.after(10_000, () => setStatus(world, 'DELETING'));
    });
    assert.deepEqual(kept, ['apps']);
  });

  test('a deletion that was refused is none', async () => {
    const kept = await scope((_world, state) => {
      state.steps['delete-source/apps'] = { ...pendingStep(), status: 'failed', token: 'token' };
    });
    assert.deepEqual(kept, []);
  });
});
