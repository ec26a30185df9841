import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { StepKind } from '../../src/domain/plan.ts';
import { replay } from '../../src/domain/run-state.ts';
import { type RunOptions, runPlan } from '../../src/engine/run.ts';
import type { StepHandler } from '../../src/steps/step-handler.ts';
import { adapterError } from '../support/fake-ports.ts';
import { samplePlan } from '../support/sample-plan.ts';
import { createRig, eachHandler, mustFind, ofType, silent, succeeded, types } from './rig.ts';

describe('a whole run', () => {
  it('moves the node group and ends with what moved', async () => {
    const rig = createRig();
    const { exitCode, state, stoppedBy } = await rig.run();
    assert.equal(stoppedBy, undefined);
    assert.equal(exitCode, 0);
    assert.deepEqual([...rig.world.nodegroups.keys()], ['apps-pd-7f3a9c21']);
    assert.deepEqual(state.finished, {
      nodesBefore: 2,
      nodesAfter: 2,
      podsMoved: 2,
      evictions: 2,
      evictionsRefused: 0,
      prefixesAttached: 2,
      maxPodsBefore: 29,
      maxPodsAfter: 110,
    });
    assert.deepEqual(rig.world.writes(), [
      'eks.updateAddon',
      'ec2.createLaunchTemplate',
      'eks.createNodegroup',
      'eks.updateNodegroupScaling',
      'eks.updateNodegroupScaling',
      'kubernetes.cordon',
      'kubernetes.cordon',
      'kubernetes.evict',
      'kubernetes.evict',
      'eks.deleteNodegroup',
    ]);
    assert.deepEqual(rig.lockEvents, ['acquired by run-1', 'released']);
    assert.equal(types(rig.journal.entries()).at(-1), 'run-finished');
  });

  it('asks for all replacements before it waits for any', async () => {
    const rig = createRig(samplePlan(['apps', 'web']));
    rig.world.nodegroups.set('web', { ...mustFind(rig.world.nodegroups.get('apps')), nodegroupName: 'web' });
    await rig.run({ until: 'create' });
    const creations = rig.journal
      .entries()
      .flatMap((entry) =>
        'stepId' in entry && entry.stepId.startsWith('create-nodegroup/') ? [`${entry.type} ${entry.stepId}`] : [],
      );
    assert.deepEqual(creations, [
      'step-started create-nodegroup/apps',
      'step-started create-nodegroup/web',
      'step-succeeded create-nodegroup/apps',
      'step-succeeded create-nodegroup/web',
    ]);
  });
});

describe('time', () => {
  it('what is there already is not waited for', async () => {
    const rig = createRig();
    const begin = rig.world.clock.now();
    const satisfied = eachHandler((handler) => ({
      ...handler,
      observe: async () => ({ kind: 'satisfied', detail: 'is there' }),
      act: () => assert.fail('nothing to do'),
    }));
    assert.equal((await rig.run({}, { handlers: satisfied })).exitCode, 0);
    assert.equal(rig.world.clock.now(), begin);
  });

  it('what is not visible yet is not asked for again', async () => {
    const rig = createRig();
    const { eks } = rig.world.ports;
    let visibleAt = Number.POSITIVE_INFINITY;
    rig.world.intercept = ({ name }) => {
      if (name === 'eks.createNodegroup') visibleAt = Math.min(visibleAt, rig.world.clock.now() + 20_000);
    };
    rig.world.ports.eks = {
      ...eks,
      describeNodegroup: async (cluster, name) =>
        rig.world.clock.now() < visibleAt && name !== 'apps' ? undefined : eks.describeNodegroup(cluster, name),
    };
    assert.equal((await rig.run({ until: 'create' })).exitCode, 0);
    assert.equal(rig.world.writes().filter((name) => name === 'eks.createNodegroup').length, 1);
  });
});

describe('time after an act', () => {
  it('another sight than before the act is not waited for', async () => {
    const rig = createRig();
    Object.assign(rig.world.newNodes, { daemonSetPod: false, prefixes: ['10.0.9.0/28'] });
    const { kubernetes } = rig.world.ports;
    rig.world.ports.kubernetes = {
      ...kubernetes,
      // the canary has its address before the next look
      async createPod(namespace, manifest) {
        await kubernetes.createPod(namespace, manifest);
        for (const pod of rig.world.pods) if (pod.namespace === namespace) pod.podIp = '10.0.9.5';
      },
    };
    assert.equal((await rig.run({ until: 'verify' })).exitCode, 0);
    const lines = (await rig.journal.read()).lines.filter(
      ({ entry }) => 'stepId' in entry && entry.stepId === 'verify-replacement/apps/first',
    );
    const seconds = (Date.parse(lines.at(-1)?.at ?? '') - Date.parse(lines[0]?.at ?? '')) / 1000;
    // canary, then the record: one poll between
    assert.ok(seconds <= 10, `${seconds} s`);
  });

  it('what changes from look to look is acted on at each', async () => {
    const rig = createRig();
    let left = 3;
    const counting = eachHandler((handler) => ({
      ...handler,
      observe: async () =>
        left > 0 ? { kind: 'actionable', detail: `${left} left` } : { kind: 'satisfied', detail: 'done' },
      async act() {
        left -= 1;
      },
    }));
    const begin = rig.world.clock.now();
    await rig.run({ until: 'prepare' }, { handlers: counting });
    assert.equal(left, 0);
    assert.ok(rig.world.clock.now() - begin <= 10_000);
  });
});

describe('until, resume', () => {
  it('stops after the phase, says so, and goes on later without a second look at what is done', async () => {
    const rig = createRig();
    const first = await rig.run({ until: 'verify', consent: { given: false, by: 'ci', how: 'confirm-flag' } });
    assert.equal(first.exitCode, 0);
    assert.equal(first.state.finished, null);
    assert.equal(first.state.runs[0]?.paused, 'until');
    assert.deepEqual(types(rig.journal.entries()).slice(-2), ['run-paused', 'run-finished']);
    rig.world.calls.length = 0;
    const second = await rig.run();
    assert.equal(second.exitCode, 0);
    assert.notEqual(second.state.finished, null);
    assert.deepEqual(
      rig.world.calls.filter(({ name }) => /describeAddon|createNodegroup|findLaunchTemplate/.test(name)),
      [],
    );
  });

  it('does nothing when everything is done', async () => {
    const rig = createRig();
    await rig.run();
    rig.world.calls.length = 0;
    const { exitCode } = await rig.run({ consent: { given: false, by: 'me', how: 'prompt' } });
    assert.equal(exitCode, 0);
    assert.deepEqual(rig.world.calls, []);
  });

  it('refuses the journal of another plan', async () => {
    const rig = createRig();
    await rig.run({ until: 'prepare' });
    rig.plan.planId = 'cd'.repeat(32);
    await assert.rejects(rig.run(), { code: 'JOURNAL.OTHER_PLAN', exitCode: 2 });
    assert.equal(rig.lockEvents.at(-1), 'released');
  });

  it('tells of a torn last line and goes on', async () => {
    const rig = createRig();
    await rig.run({ until: 'prepare' });
    rig.journal.text += '{"v":1,"seq":';
    const { text } = rig.journal;
    rig.journal.text = text.slice(0, text.lastIndexOf('\n') + 1);
    const read = rig.journal.read.bind(rig.journal);
    rig.journal.read = async () => ({ ...(await read()), tornTail: true });
    assert.equal((await rig.run({ until: 'create' })).exitCode, 0);
    assert.match(rig.warnings[0] ?? '', /torn/);
  });
});

describe('invariants', () => {
  it('1. no act without a started line on disk', async () => {
    const rig = createRig();
    rig.world.intercept = ({ name, write }) => {
      if (!write) return;
      const open = new Set<string>();
      for (const entry of rig.journal.entries()) {
        if (entry.type === 'step-started') open.add(entry.stepId.split('/')[0] ?? '');
        if (entry.type === 'step-succeeded') open.delete(entry.stepId.split('/')[0] ?? '');
      }
      assert.ok(open.has(mustFind(kindOfWrite[name])), `${name} before its step was started`);
    };
    assert.equal((await rig.run()).exitCode, 0);
  });

  it('2. no act without an observation that said actionable', async () => {
    const rig = createRig();
    const seen: string[] = [];
    const watch = <K extends StepKind>(handler: StepHandler<K>): StepHandler<K> => ({
      ...handler,
      async observe(step, ports, context) {
        const observation = await handler.observe(step, ports, context);
        seen.push(`${step.id} ${observation.kind}`);
        return observation;
      },
      act(step, ports, run) {
        assert.equal(seen.at(-1), `${step.id} actionable`);
        seen.push(`${step.id} act`);
        return handler.act(step, ports, run);
      },
    });
    assert.equal((await rig.run({}, { handlers: eachHandler(watch) })).exitCode, 0);
    assert.ok(seen.includes('create-nodegroup/apps act'));
  });

  it('what limits the drain of this run reaches it', async () => {
    const rig = createRig();
    const limits = { maxUnavailable: { percent: 50 }, maxConcurrentEvictions: 4 };
    const seen: unknown[] = [];
    const watch = <K extends StepKind>(handler: StepHandler<K>): StepHandler<K> => ({
      ...handler,
      act(step, ports, run) {
        if (step.kind === 'drain-source') seen.push(run.limits);
        return handler.act(step, ports, run);
      },
    });
    assert.equal((await rig.run({ limits }, { handlers: eachHandler(watch) })).exitCode, 0);
    assert.deepEqual(seen, [limits]);
  });

  it('3. the same step always sends the same token', async () => {
    const rig = createRig();
    const tokens = (): unknown[] =>
      rig.world.calls.filter(({ name }) => name === 'eks.createNodegroup').map(({ args }) => args[1]);
    let failures = 3;
    rig.world.intercept = ({ name }) => {
      if (name !== 'eks.createNodegroup' || failures === 0) return;
      failures -= 1;
      throw adapterError('AWS.REFUSED', failures === 1);
    };
    assert.equal((await rig.run()).exitCode, 6);
    assert.equal((await rig.run()).exitCode, 6);
    assert.equal((await rig.run()).exitCode, 0);
    assert.equal(tokens().length, 4);
    assert.equal(new Set(tokens()).size, 1);
    assert.match(String(tokens()[0]), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    const journalled = ofType(rig.journal.entries(), 'step-started').filter(
      ({ stepId }) => stepId === 'create-nodegroup/apps',
    );
    assert.deepEqual(new Set(journalled.map(({ token }) => token)), new Set(tokens()));
  });

  it('3a. but a new one when what it asked for has failed for good and was deleted', async () => {
    const rig = createRig();
    rig.world.createFailure = [
      { code: 'NodeCreationFailure', message: 'Instances failed to join', resourceIds: ['i-1'] },
    ];
    const failed = await rig.run();
    assert.equal(failed.exitCode, 6);
    assert.match(failed.stoppedBy?.message ?? '', /NodeCreationFailure: Instances failed to join \(i-1\)/);
    rig.world.createFailure = null;
    rig.world.nodegroups.delete('apps-pd-7f3a9c21');
    assert.equal((await rig.run()).exitCode, 0);
    const tokens = rig.world.calls.filter(({ name }) => name === 'eks.createNodegroup').map(({ args }) => args[1]);
    assert.equal(new Set(tokens).size, 2);
  });

  it('3b. and the one of the journal, whoever made it', async () => {
    const rig = createRig();
    await rig.journal.append('2026-11-22T08:00:00Z', {
      type: 'step-started',
      runId: 'run-0',
      stepId: 'create-nodegroup/apps',
      token: 'token of an older version',
    });
    await rig.run({ until: 'create' });
    const [call] = rig.world.calls.filter(({ name }) => name === 'eks.createNodegroup');
    assert.equal(call?.args[1], 'token of an older version');
  });

  it('5. the journal is only appended to', async () => {
    const rig = createRig();
    let before = '';
    rig.world.intercept = () => {
      assert.ok(rig.journal.text.startsWith(before));
      before = rig.journal.text;
    };
    await rig.run({ until: 'verify' });
    await rig.run();
    assert.ok(rig.journal.text.startsWith(before));
  });

  it('7. one run at a time per cluster: without the lock nothing is read or written', async () => {
    const rig = createRig();
    const held = new MigrateError({ code: 'LOCK.HELD', message: 'held', why: '', nextActions: ['wait'], exitCode: 7 });
    const run = runPlan({
      plan: rig.plan,
      ports: rig.world.ports,
      journal: rig.journal,
      lock: { acquire: () => Promise.reject(held) },
      reporter: silent,
      options: {
        consent: { given: true, by: 'me', how: 'prompt' },
        pollIntervalMilliseconds: 1,
        command: 'apply',
        signal: rig.stop.signal,
      },
    });
    await assert.rejects(run, held);
    assert.equal(rig.journal.text, '');
    assert.deepEqual(rig.world.calls, []);
  });

  it('9. nothing is deleted before its replacement is verified and every evictable pod is gone from it', async () => {
    const rig = createRig();
    rig.world.intercept = ({ name }) => {
      if (name !== 'eks.deleteNodegroup') return;
      const done = succeeded(rig.journal.entries());
      assert.ok(done.includes('verify-replacement/apps') && done.includes('drain-source'));
      const sources = rig.world.nodes.filter(({ nodegroupName }) => nodegroupName === 'apps');
      const left = rig.world.pods.filter(({ nodeName }) => sources.some((node) => node.name === nodeName));
      assert.deepEqual(left, []);
    };
    assert.equal((await rig.run()).exitCode, 0);
    assert.ok(rig.world.writes().includes('eks.deleteNodegroup'));
  });

  it('9. not even from a node that came when the drain was over: it is emptied first, by the same drain', async () => {
    const rig = createRig();
    let late = '';
    rig.world.intercept = ({ name }) => {
      if (late === '' && succeeded(rig.journal.entries()).includes('soak')) {
        late = rig.world.addNode('apps').name;
        rig.world.addPod({ name: 'late', nodeName: late });
      }
      if (name !== 'eks.deleteNodegroup') return;
      assert.equal(rig.world.nodes.find((node) => node.name === late)?.unschedulable, true);
      assert.ok(!rig.world.pods.some((pod) => pod.name === 'late' && pod.nodeName === late));
    };
    assert.equal((await rig.run()).exitCode, 0);
    const evicted = ofType(rig.journal.entries(), 'step-progress').flatMap(({ stepId, progress }) =>
      progress.kind === 'eviction-intent' && progress.node === late ? [stepId] : [],
    );
    assert.deepEqual(evicted, ['delete-source/apps']);
  });

  it('12. an eviction names the UID it means, and its intent is on disk before', async () => {
    const rig = createRig();
    const asked: string[] = [];
    rig.world.intercept = ({ name, args }) => {
      if (name !== 'kubernetes.evict') return;
      const { uid } = toPod(JSON.stringify(args[0]));
      const intents = ofType(rig.journal.entries(), 'step-progress').map(({ progress }) => progress);
      assert.ok(intents.some((progress) => progress.kind === 'eviction-intent' && progress.uid === uid));
      asked.push(uid);
    };
    assert.equal((await rig.run()).exitCode, 0);
    assert.equal(new Set(asked).size, 2);
  });
});

describe('consent', () => {
  const cases: [string, RunOptions['consent'], RunOptions['until'], number][] = [
    ['missing', { given: false, by: 'ci', how: 'confirm-flag' }, undefined, 3],
    ['declined', { ask: async () => false, by: 'me' }, 'cordon', 3],
    ['not needed for what only adds', { given: false, by: 'ci', how: 'confirm-flag' }, 'verify', 0],
    ['given when asked', { ask: async () => true, by: 'me' }, 'cordon', 0],
  ];
  for (const [name, consent, until, exitCode] of cases) {
    it(name, async () => {
      const rig = createRig();
      const run = rig.run({ consent, ...(until && { until }) });
      if (exitCode === 0) return assert.equal((await run).exitCode, 0);
      await assert.rejects(run, { code: 'CONSENT.MISSING', exitCode });
      assert.equal(rig.journal.text, '');
      assert.deepEqual(rig.world.calls, []);
      assert.equal(rig.lockEvents.at(-1), 'released');
    });
  }

  it('is asked for once per phase and kept in the journal', async () => {
    const rig = createRig();
    let asked = 0;
    const consent = {
      by: 'me',
      ask: async () => {
        asked += 1;
        return true;
      },
    };
    await rig.run({ consent, until: 'cordon' });
    await rig.run({ consent, until: 'cordon' });
    assert.equal(asked, 1);
    await rig.run({ consent });
    assert.equal(asked, 2);
    const approvals = ofType(rig.journal.entries(), 'approval').map(({ phases, how }) => [how, ...phases]);
    assert.deepEqual(approvals, [
      ['prompt', 'cordon'],
      ['prompt', 'drain', 'delete'],
    ]);
  });
});

it('an approval in the journal holds for the runs after it', async () => {
  const rig = createRig();
  rig.world.intercept = ({ name }) => {
    if (name === 'kubernetes.cordon') rig.stop.abort();
  };
  assert.equal((await rig.run()).exitCode, 130);
  rig.stop = new AbortController();
  rig.world.intercept = () => undefined;
  assert.equal((await rig.run({ consent: { given: false, by: 'ci', how: 'confirm-flag' } })).exitCode, 0);
});

describe('failures', () => {
  it('time heals: a retryable failure is waited out', async () => {
    const rig = createRig();
    let failures = 5;
    rig.world.intercept = ({ name }) => {
      if (!['eks.describeNodegroup', 'eks.createNodegroup'].includes(name) || failures === 0) return;
      failures -= 1;
      throw adapterError('AWS.THROTTLED', true);
    };
    assert.equal((await rig.run()).exitCode, 0);
    assert.equal(failures, 0);
  });

  it('a call that another update stands in the way of is sent again with its token', async () => {
    const rig = createRig();
    const left = new Map([
      ['eks.updateAddon', 3],
      ['eks.updateNodegroupScaling', 3],
      ['eks.deleteNodegroup', 3],
    ]);
    const tokens = new Map<string, Set<unknown>>();
    rig.world.intercept = ({ name, args }) => {
      if (!left.has(name)) return;
      tokens.set(name, (tokens.get(name) ?? new Set()).add(args.at(-1)));
      const count = left.get(name) ?? 0;
      left.set(name, count - 1);
      if (count > 0) throw adapterError('AWS.BUSY', true);
    };
    assert.equal((await rig.run()).exitCode, 0);
    assert.deepEqual(
      [...tokens.values()].map(({ size }) => size),
      // to one node, and to full size
      [1, 2, 1],
    );
  });

  it('credentials that expire in the middle: exit 6, nothing lost, and the same command goes on', async () => {
    for (const call of ['eks.describeNodegroup', 'kubernetes.cordon', 'eks.deleteNodegroup']) {
      const rig = createRig();
      rig.world.intercept = ({ name }) => {
        const created = rig.world.nodegroups.has('apps-pd-7f3a9c21');
        if (name === call && created) throw adapterError('AWS.EXPIRED_CREDENTIALS', false);
      };
      const { exitCode, stoppedBy, isJournalled } = await rig.run();
      assert.deepEqual([exitCode, stoppedBy?.code, isJournalled], [6, 'AWS.EXPIRED_CREDENTIALS', true], call);
      assert.equal(stoppedBy?.nextActions.at(-1), 'prefix-migrate apply   # with new credentials: goes on from here');
      const entries = rig.journal.entries();
      assert.deepEqual(
        ofType(entries, 'run-paused').map(({ reason }) => reason),
        ['credentials'],
      );
      assert.deepEqual(ofType(entries, 'step-failed'), [], 'no step has failed');
      rig.world.intercept = () => undefined;
      assert.equal((await rig.run()).exitCode, 0);
      const writes = rig.world.writes();
      for (const [write, times] of [
        ['eks.updateAddon', 1],
        ['eks.createNodegroup', 1],
        ['eks.updateNodegroupScaling', 2],
      ] as const) {
        assert.equal(writes.filter((name) => name === write).length, times, `${write} after ${call}`);
      }
    }
  });

  it('credentials that are missing before anything was changed: exit 2, and no step has failed', async () => {
    for (const code of ['AWS.NO_CREDENTIALS', 'AWS.INVALID_CREDENTIALS', 'KUBERNETES.UNAUTHORIZED']) {
      const rig = createRig();
      rig.world.intercept = ({ name }) => {
        if (name === 'eks.updateAddon') throw adapterError(code, false);
      };
      const { exitCode, stoppedBy } = await rig.run();
      assert.deepEqual([exitCode, stoppedBy?.code, stoppedBy?.exitCode], [2, code, 2]);
      assert.deepEqual(types(rig.journal.entries()).slice(-3), ['step-started', 'run-paused', 'run-finished']);
    }
  });

  it('a node group that stays invisible for long is asked for again with the same token, and is one', async () => {
    const rig = createRig();
    const { eks } = rig.world.ports;
    let visibleAt = Number.POSITIVE_INFINITY;
    const tokens: unknown[] = [];
    rig.world.intercept = ({ name, args }) => {
      if (name !== 'eks.createNodegroup') return;
      tokens.push(args.at(-1));
      visibleAt = Math.min(visibleAt, rig.world.clock.now() + 70_000);
    };
    rig.world.ports.eks = {
      ...eks,
      describeNodegroup: async (cluster, name) =>
        rig.world.clock.now() < visibleAt && name !== 'apps' ? undefined : eks.describeNodegroup(cluster, name),
    };
    assert.equal((await rig.run({ until: 'create' })).exitCode, 0);
    assert.deepEqual([tokens.length, new Set(tokens).size], [3, 1]);
    assert.deepEqual([...rig.world.nodegroups.keys()], ['apps', 'apps-pd-7f3a9c21']);
  });

  it('asks with a new token when the old one shows nothing for long: what it made was deleted', async () => {
    const rig = createRig();
    const { eks } = rig.world.ports;
    const tokens: string[] = [];
    rig.world.ports.eks = {
      ...eks,
      async createNodegroup(request, token) {
        tokens.push(token);
        // AWS answers a known token with what it made then, although that is gone
        if (new Set(tokens).size > 1) await eks.createNodegroup(request, token);
      },
    };
    assert.equal((await rig.run({ until: 'create' })).exitCode, 0);
    assert.equal(new Set(tokens).size, 2);
    assert.equal(rig.world.nodegroups.size, 2);
  });

  it('writes down every creation that failed, so that each is asked for anew', async () => {
    const rig = createRig(samplePlan(['apps', 'web']));
    rig.world.createFailure = [{ code: 'AsgInstanceLaunchFailures', message: 'no capacity', resourceIds: [] }];
    assert.equal((await rig.run()).exitCode, 6);
    const failed = ofType(rig.journal.entries(), 'step-failed').map(({ stepId, tokenSpent }) => [stepId, tokenSpent]);
    assert.deepEqual(failed, [
      ['create-nodegroup/apps', true],
      ['create-nodegroup/web', true],
    ]);
  });

  it('asks anew, four times in a run and again in the next, for what something takes back', async () => {
    const rig = createRig();
    const { eks } = rig.world.ports;
    const tokens: string[] = [];
    let isTakenBack = true;
    rig.world.ports.eks = {
      ...eks,
      async updateNodegroupScaling(cluster, name, scaling, token) {
        tokens.push(token);
        return await eks.updateNodegroupScaling(
          cluster,
          name,
          isTakenBack ? { ...scaling, desiredSize: 1 } : scaling,
          token,
        );
      },
    };
    const first = await rig.run({ until: 'verify' });
    assert.deepEqual([first.exitCode, first.stoppedBy?.code], [6, 'NODEGROUP.SIZE_TAKEN_BACK']);
    isTakenBack = false;
    assert.equal((await rig.run({ until: 'verify' })).exitCode, 0);
    // one for the first node
    assert.deepEqual([tokens.length, new Set(tokens).size], [6, 6]);
  });

  it('asks again for the one node that was taken after a kill, before anybody protected it', async () => {
    const rig = createRig();
    const replacement = 'apps-pd-7f3a9c21';
    assert.equal((await rig.run({ until: 'create' })).exitCode, 0);
    const group = mustFind(rig.world.nodegroups.get(replacement));
    group.scaling = { ...group.scaling, minSize: 0, desiredSize: 0 };
    rig.world.nodes = rig.world.nodes.filter(({ nodegroupName }) => nodegroupName !== replacement);
    const begin = rig.world.clock.now();
    assert.equal((await rig.run({ until: 'verify' })).exitCode, 0);
    assert.ok(rig.world.clock.now() - begin < 10 * 60_000);
  });

  it('stops with exit 6 and the failure in the journal', async () => {
    const rig = createRig();
    rig.world.addon = undefined;
    const { exitCode, stoppedBy, state } = await rig.run();
    assert.equal(exitCode, 6);
    assert.equal(stoppedBy?.code, 'CNI.ADDON_GONE');
    assert.equal(state.steps['configure-vpc-cni']?.failure?.code, 'CNI.ADDON_GONE');
    assert.deepEqual(types(rig.journal.entries()).slice(-3), ['step-failed', 'run-paused', 'run-finished']);
    assert.equal(ofType(rig.journal.entries(), 'run-finished')[0]?.exitCode, 6);
    assert.deepEqual(rig.world.writes(), []);
  });

  for (const [when, call, exitCode] of [
    ['nothing was changed by this run', 'eks.updateAddon', 2],
    ['something was', 'eks.createNodegroup', 6],
  ] as const) {
    it(`missing permission is exit ${exitCode} when ${when}`, async () => {
      const rig = createRig();
      rig.world.intercept = ({ name }) => {
        if (name === call) throw adapterError('AWS.ACCESS_DENIED', false);
      };
      const result = await rig.run();
      assert.equal(result.exitCode, exitCode);
      assert.equal(result.stoppedBy?.exitCode, exitCode);
      assert.equal(result.isJournalled, true);
    });
  }

  it('a deadline is exit 6 and names what was waited for', async () => {
    const rig = createRig();
    const group = mustFind(rig.world.nodegroups.get('apps'));
    rig.world.nodegroups.set('apps-pd-7f3a9c21', {
      ...group,
      nodegroupName: 'apps-pd-7f3a9c21',
      status: 'CREATING',
      tags: { 'prefix-migrate/plan': '7f3a9c21' },
    });
    const begin = rig.world.clock.now();
    const { exitCode, stoppedBy } = await rig.run();
    assert.equal(exitCode, 6);
    assert.equal(stoppedBy?.code, 'STEP.DEADLINE');
    assert.match(stoppedBy?.message ?? '', /within 40m\. Waited for: node group apps-pd-7f3a9c21 is CREATING/);
    assert.ok(rig.world.clock.now() - begin < 45 * 60_000);
  });

  it('a bug is journalled and thrown', async () => {
    const rig = createRig();
    const bug = new TypeError('x is not a function');
    rig.world.intercept = ({ name }) => {
      if (name === 'eks.createNodegroup') throw bug;
    };
    await assert.rejects(rig.run(), bug);
    const [failed] = ofType(rig.journal.entries(), 'step-failed');
    assert.equal(failed?.failure.code, 'BUG');
    assert.equal(rig.lockEvents.at(-1), 'released');
  });

  it('nothing is done any more when the journal cannot be written', async () => {
    const rig = createRig();
    const append = rig.journal.append.bind(rig.journal);
    const full = new MigrateError({
      code: 'JOURNAL.WRITE',
      message: 'disk full',
      why: '',
      nextActions: [],
      exitCode: 6,
    });
    rig.journal.append = (at, entry) => {
      if (entry.type === 'step-started' && entry.stepId.startsWith('create-nodegroup')) return Promise.reject(full);
      return append(at, entry);
    };
    const { exitCode, stoppedBy } = await rig.run();
    assert.equal(exitCode, 6);
    assert.equal(stoppedBy, full);
    assert.ok(!rig.world.writes().includes('eks.createNodegroup'));
    assert.equal(types(rig.journal.entries()).at(-1), 'step-succeeded');
  });
});

describe('stops', () => {
  for (const [exitCode, reason] of [
    [130, 'interrupted'],
    [143, 'terminated'],
  ] as const) {
    it(`on a signal the call under way ends, the pause is written, exit ${exitCode}`, async () => {
      const rig = createRig();
      const asked = new MigrateError({ code: 'RUN.STOP', message: 'stop', why: '', nextActions: [], exitCode });
      rig.world.intercept = ({ name }) => {
        if (name === 'eks.createNodegroup') rig.stop.abort(asked);
      };
      const result = await rig.run();
      assert.equal(result.exitCode, exitCode);
      assert.equal(result.stoppedBy, asked);
      assert.deepEqual(types(rig.journal.entries()).slice(-2), ['run-paused', 'run-finished']);
      assert.equal(ofType(rig.journal.entries(), 'run-paused')[0]?.reason, reason);
      assert.ok(rig.world.nodegroups.has('apps-pd-7f3a9c21'));
      rig.stop = new AbortController();
      rig.world.intercept = () => undefined;
      assert.equal((await rig.run()).exitCode, 0);
      assert.equal(rig.world.writes().filter((name) => name === 'eks.createNodegroup').length, 1);
    });
  }

  it('what must not outlive an unfinished step is removed', async () => {
    const rig = createRig();
    rig.world.newNodes.daemonSetPod = false;
    rig.world.intercept = ({ name }) => {
      if (name === 'kubernetes.createPod') rig.world.clock.after(1000, () => rig.stop.abort());
    };
    assert.equal((await rig.run()).exitCode, 130);
    assert.deepEqual(rig.world.writes().slice(-2), ['kubernetes.createPod', 'kubernetes.deletePod']);
  });

  it('a look that does not end is left behind, and what must not outlive the step is removed all the same', async () => {
    const rig = createRig();
    rig.world.newNodes.daemonSetPod = false;
    const { ec2 } = rig.world.ports;
    let stuck = false;
    rig.world.ports.ec2 = {
      ...ec2,
      networkInterfacesOfInstances: (ids) =>
        stuck ? new Promise<never>(() => undefined) : ec2.networkInterfacesOfInstances(ids),
    };
    rig.world.intercept = ({ name }) => {
      if (name !== 'kubernetes.createPod') return;
      stuck = true;
      rig.world.clock.after(60_000, () => rig.stop.abort());
    };
    assert.equal((await rig.run()).exitCode, 130);
    assert.deepEqual(rig.world.writes().slice(-2), ['kubernetes.createPod', 'kubernetes.deletePod']);
  });

  it('a call that outlives its run writes nothing any more', async () => {
    const rig = createRig();
    let late: Promise<void> | undefined;
    const slow = eachHandler((handler) => ({
      ...handler,
      async act(step, ports, run) {
        late = rig.world.clock.sleep(3_600_000).then(() => run.progress({ kind: 'note', message: 'late' }));
        late.catch(() => undefined);
        rig.stop.abort();
        return handler.act(step, ports, run);
      },
    }));
    assert.equal((await rig.run({}, { handlers: slow })).exitCode, 130);
    const { text } = rig.journal;
    await assert.rejects(rig.world.clock.run(Promise.resolve(late)), /too late/);
    assert.equal(rig.journal.text, text);
  });

  it('a signal while waiting ends the wait at once', async () => {
    const rig = createRig();
    rig.world.clock.after(60_000, () => rig.stop.abort());
    assert.equal((await rig.run()).exitCode, 130);
    assert.equal(rig.world.clock.now(), Date.parse('2026-11-22T08:01:00Z'));
  });

  it('after a lost lock nothing is written anywhere', async () => {
    const rig = createRig();
    const lost = new MigrateError({ code: 'LOCK.LOST', message: 'taken over', why: '', nextActions: [], exitCode: 7 });
    let writesThen = -1;
    let textThen = '';
    rig.world.intercept = ({ name }) => {
      if (name !== 'kubernetes.evict' || writesThen >= 0) return;
      rig.lost.abort(lost);
      writesThen = rig.world.writes().length;
      textThen = rig.journal.text;
    };
    const { exitCode, stoppedBy, isJournalled } = await rig.run();
    assert.equal(exitCode, 7);
    assert.equal(isJournalled, false);
    assert.equal(stoppedBy, lost);
    assert.equal(rig.world.writes().length, writesThen);
    assert.equal(rig.journal.text, textThen);
    assert.equal(rig.lockEvents.at(-1), 'released');
  });

  it('killed at any journal write, the same command reaches the same end with each thing asked for once', async () => {
    const whole = createRig();
    await whole.run();
    const count = whole.journal.entries().length;
    const end = whole.world.writes().toSorted();
    for (let cut = 1; cut < count; cut += 1) {
      const rig = createRig();
      const append = rig.journal.append.bind(rig.journal);
      let written = 0;
      // The process is gone: nothing it still does counts.
      rig.journal.append = (at, entry) => {
        written += 1;
        if (written > cut)
          rig.lost.abort(new MigrateError({ code: 'KILL', message: '', why: '', nextActions: [], exitCode: 7 }));
        return written > cut ? Promise.reject(rig.lost.signal.reason) : append(at, entry);
      };
      await rig.run().catch(() => undefined);
      rig.lost = new AbortController();
      rig.journal.append = append;
      const { exitCode, stoppedBy } = await rig.run();
      assert.equal(exitCode, 0, `cut after line ${cut}: ${stoppedBy?.message}`);
      const repeated = rig.world.writes().toSorted();
      assert.deepEqual([...new Set(repeated)], [...new Set(end)]);
      for (const name of [
        'eks.createNodegroup',
        'ec2.createLaunchTemplate',
        'kubernetes.evict',
        'eks.deleteNodegroup',
      ]) {
        const times = (names: string[]): number => names.filter((each) => each === name).length;
        assert.equal(times(repeated), times(end), `${name}, cut after line ${cut}`);
      }
      assert.deepEqual([...rig.world.nodegroups.keys()], ['apps-pd-7f3a9c21']);
      assert.deepEqual(
        replay(rig.plan, (await rig.journal.read()).lines).finished,
        whole.journal.entries().flatMap((entry) => (entry.type === 'run-finished' ? [entry.summary] : []))[0],
      );
    }
  });
});

const kindOfWrite: Record<string, string> = {
  'eks.updateAddon': 'configure-vpc-cni',
  'ec2.createLaunchTemplate': 'create-launch-template',
  'eks.createNodegroup': 'create-nodegroup',
  'eks.updateNodegroupScaling': 'scale-replacement',
  'kubernetes.cordon': 'cordon-source',
  'kubernetes.evict': 'drain-source',
  'eks.deleteNodegroup': 'delete-source',
};

const toPod: (text: string) => { uid: string } = JSON.parse;
