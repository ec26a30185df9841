import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { initialRunState } from '../../src/domain/run-state.ts';
import { nextSteps } from '../../src/engine/dry-run.ts';
import { createWorld } from '../support/fake-ports.ts';
import { samplePlan } from '../support/sample-plan.ts';

describe('nextSteps', () => {
  it('6. changes nothing, and tells each step with its call', async () => {
    const world = createWorld();
    const plan = samplePlan();
    const steps = await nextSteps(plan, initialRunState(plan), world.ports);
    assert.deepEqual(world.writes(), []);
    assert.equal(steps.length, plan.steps.length);
    assert.deepEqual(steps.map(({ stepId, now }) => `${stepId} ${now}`).slice(0, 3), [
      'configure-vpc-cni actionable',
      'create-launch-template/apps actionable',
      'create-nodegroup/apps later',
    ]);
    assert.match(steps[0]?.call ?? '', /^eks:UpdateAddon vpc-cni/);
  });

  it('looks behind steps that are satisfied already, and stops at a phase', async () => {
    const world = createWorld();
    const plan = samplePlan();
    const tags = { 'prefix-migrate/plan': '7f3a9c21' };
    const launchTemplateName = 'apps-pd-7f3a9c21';
    world.launchTemplates.set(launchTemplateName, {
      launchTemplateId: 'lt-1',
      launchTemplateName,
      latestVersion: '1',
      tags,
      userData: 'NodeConfig',
    });
    const state = initialRunState(plan);
    const cni = state.steps['configure-vpc-cni'];
    assert.ok(cni);
    cni.status = 'succeeded';
    world.daemonSet.env['ENABLE_PREFIX_DELEGATION'] = 'true';
    const steps = await nextSteps(plan, state, world.ports, { until: 'create' });
    assert.deepEqual(
      steps.map(({ stepId, now }) => `${stepId} ${now}`),
      [
        'create-launch-template/apps satisfied',
        'create-nodegroup/apps actionable',
        'compare-launch-template/apps later',
      ],
    );
  });

  it('tells conflicts as well', async () => {
    const world = createWorld();
    world.addon = undefined;
    const plan = samplePlan();
    const [first] = await nextSteps(plan, initialRunState(plan), world.ports);
    assert.deepEqual([first?.now, first?.detail], ['conflict', 'Cluster prod has no EKS add-on vpc-cni any more.']);
  });
});
