/** How ours comes to the user data of a source: read from EC2 when it is needed, joined, and refused before anything is made. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sha256Hex } from '../../src/domain/canonical-json.ts';
import type { Step, UserDataMerge } from '../../src/domain/plan.ts';
import { createWorld } from '../support/fake-ports.ts';
import { samplePlan } from '../support/sample-plan.ts';
import { aSnapshot } from '../support/snapshot.ts';
import { createStepRig } from './step-rig.ts';

const sample = samplePlan().steps.find((step) => step.kind === 'create-launch-template');
assert.ok(sample?.kind === 'create-launch-template');
const step: Step<'create-launch-template'> = sample;
const ours = (body: string): string =>
  `Content-Type: multipart/mixed; boundary="P"\n\n--P\nContent-Type: application/node.eks.aws\n\n${body}\n--P--\n`;
const merge: UserDataMerge = { format: 'mime', position: 'last', maxPods: 110, replace: [] };

const stepWith = (source: string | null, userData: string, how: UserDataMerge): Step<'create-launch-template'> => ({
  ...step,
  params: {
    ...step.params,
    userData,
    merge: how,
    sourceTemplate: {
      launchTemplateId: 'lt-0',
      version: '3',
      userDataHash: source === null ? null : sha256Hex(source),
    },
  },
});

describe('create-launch-template', () => {
  it('joins the two as the plan says, and knows its own again', async () => {
    const world = createWorld();
    const source = '#!/bin/sh\nf eks.amazonaws.com/nodegroup=apps';
    world.userDataOfVersions = { 'lt-0/3': source };
    const replace = [{ from: 'nodegroup=apps', to: 'nodegroup=apps-pd' }];
    const rig = createStepRig(world, stepWith(source, ours('kind: NodeConfig'), { ...merge, replace }));
    assert.equal((await rig.finish()).kind, 'satisfied');
    const made = world.launchTemplates.get(step.params.launchTemplateName)?.userData ?? '';
    assert.match(made, /nodegroup=apps-pd\n--[\s\S]*kind: NodeConfig/);
    assert.equal((await rig.observe()).kind, 'satisfied');
  });

  it('fills in what only EKS knows of the cluster', async () => {
    const world = createWorld();
    world.userDataOfVersions = { 'lt-0/3': null };
    const how = { ...merge, valuesOfCluster: 'prod' };
    const rig = createStepRig(world, stepWith(null, ours('{{clusterName}} at {{clusterEndpoint}}'), how));
    const { cluster } = aSnapshot();
    world.ports.eks.describeCluster = async (name) => ({ ...cluster, name, certificateAuthorityData: 'Q0E=' });
    await rig.finish();
    const made = world.launchTemplates.get(step.params.launchTemplateName)?.userData ?? '';
    assert.match(made, /^prod at https:\/\//m);
  });

  it('says before anything is made that there is no room', async () => {
    const world = createWorld();
    const source = `#!/bin/sh\n# hunter2 ${'x'.repeat(16_300)}`;
    world.userDataOfVersions = { 'lt-0/3': source };
    const rig = createStepRig(world, stepWith(source, ours('kind: NodeConfig'), merge));
    await assert.rejects(rig.observe(), (error: Error) => {
      assert.match(error.message, /would have \d+ bytes, and EC2 takes 16384/);
      assert.doesNotMatch(JSON.stringify(error), /hunter2/);
      return true;
    });
    assert.equal(world.launchTemplates.size, 0);
  });
});
