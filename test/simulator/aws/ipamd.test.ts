import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEc2, type Ec2, type Instance } from '../../../src/simulator/aws/ec2.ts';
import { createIds } from '../../../src/simulator/aws/ids.ts';
import { findInstanceType } from '../../../src/simulator/aws/instance-types.ts';
import {
  atLeast,
  type CniSettings,
  createIpamd,
  type Ipamd,
  parseVersion,
  readCniSettings,
} from '../../../src/simulator/aws/ipamd.ts';
import { createVirtualClock, type VirtualClock } from '../../../src/simulator/clock.ts';
import { createRandom } from '../../../src/simulator/random.ts';

const node = 'node-1';

interface Setup {
  type?: string;
  cidr?: string;
  maxPods?: number;
  env?: Record<string, string>;
  version?: string;
}

interface Agent {
  ec2: Ec2;
  clock: VirtualClock;
  ipamd: Ipamd;
  instance: Instance;
  settings: (env: Record<string, string>) => CniSettings;
  seconds: (count: number) => void;
  /** Attaches pods up to this number, one by one, so that the pool keeps up. */
  pods: (count: number) => void;
  prefixes: () => number;
  secondaries: () => number;
}

const prefixMode = { ENABLE_PREFIX_DELEGATION: 'true' };

function agent({
  type = 'm5.large',
  cidr = '10.0.0.0/20',
  maxPods = 110,
  env = {},
  version = 'v1.19.2',
}: Setup = {}): Agent {
  const clock = createVirtualClock(0);
  const random = createRandom(1);
  const ec2 = createEc2({ random, clock, ids: createIds(random.fork('ids')), region: 'us-west-2' });
  ec2.addSubnet({ subnetId: 'subnet-1', cidr, availabilityZone: 'us-west-2a' }, {});
  const instanceType = findInstanceType(type);
  assert.ok(instanceType);
  const instance = ec2.runInstance({
    type: instanceType,
    subnetId: 'subnet-1',
    spot: false,
    imageId: 'ami-1',
    userData: '',
    groups: [],
    tags: {},
  });
  const ipamd = createIpamd({
    ec2,
    clock,
    random: random.fork('pods'),
    clusterName: 'demo',
    timings: { prefixAttach: 0.5, eniAttach: 6 },
  });
  const settings = (more: Record<string, string>): CniSettings => readCniSettings(more, parseVersion(version));
  ipamd.addNode({ name: node, instance, maxPods });
  ipamd.goLive();
  ipamd.start(node, settings(env));
  let running = 0;
  const seconds = (count: number): void => clock.advance(count * 1000);
  seconds(120);
  return {
    ec2,
    clock,
    ipamd,
    instance,
    settings,
    seconds,
    pods(count) {
      for (let tries = 0; running < count && tries < 300; tries++) {
        const answer = ipamd.network.attach(node, { namespace: 'default', name: `p${running}`, uid: `p${running}` });
        if ('ip' in answer) running += 1;
        seconds(10);
      }
      seconds(120);
    },
    prefixes: () => instance.enis.flatMap((eni) => eni.prefixes).length,
    secondaries: () => instance.enis.flatMap((eni) => eni.secondaries).length,
  };
}

describe('prefixes by number of pods, maxPods 110', () => {
  const podCounts = [0, 1, 11, 12, 15, 16, 17, 29, 32, 33, 58, 96, 97, 110];
  const rows: [Record<string, string>, number[]][] = [
    [{ WARM_PREFIX_TARGET: '1' }, [1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5, 7, 7, 7]],
    [{ WARM_IP_TARGET: '1' }, [1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 7, 7, 7]],
    [{ WARM_IP_TARGET: '5' }, [1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 7, 7, 7]],
    [{ WARM_IP_TARGET: '5', MINIMUM_IP_TARGET: '2' }, [1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 7, 7, 7]],
    [{ WARM_IP_TARGET: '8' }, [1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 5, 7, 7, 7]],
    [{ WARM_IP_TARGET: '5', MINIMUM_IP_TARGET: '35' }, [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 7, 7, 7]],
    [{ WARM_IP_TARGET: '7', MINIMUM_IP_TARGET: '20' }, [2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 5, 7, 7, 7]],
    [{ WARM_IP_TARGET: '16' }, [1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5, 7, 7, 7]],
    [{ WARM_IP_TARGET: '32', MINIMUM_IP_TARGET: '64' }, [4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 6, 7, 7, 7]],
  ];
  for (const [env, expected] of rows) {
    it(JSON.stringify(env), () => {
      const { pods, prefixes } = agent({ env: { ...prefixMode, ...env } });
      const counts = podCounts.map((count) => {
        pods(count);
        return prefixes();
      });
      assert.deepEqual(counts, expected);
    });
  }

  it('two spare prefixes: pods come to lie in all of them, and it takes two new ones at a time', () => {
    const { pods, prefixes } = agent({ env: { ...prefixMode, WARM_PREFIX_TARGET: '2' } });
    const counts = podCounts.map((count) => {
      pods(count);
      return prefixes();
    });
    const packed = [2, 3, 3, 3, 3, 3, 4, 4, 4, 5, 6, 7, 7, 7];
    assert.ok(
      counts.every((count, index) => [0, 1].includes(count - (packed[index] ?? 0))),
      counts.join(' '),
    );
    assert.notDeepEqual(counts, packed);
  });

  it('MINIMUM_IP_TARGET alone never grows past its addresses', () => {
    const { ipamd, pods, prefixes } = agent({ env: { ...prefixMode, MINIMUM_IP_TARGET: '2' } });
    pods(16);
    assert.equal(prefixes(), 1);
    pods(17);
    assert.equal(prefixes(), 1);
    assert.match(
      JSON.stringify(ipamd.network.attach(node, { namespace: 'd', name: 'x', uid: 'x' })),
      /failed to assign an IP address to container/,
    );
  });

  it('no target at all swings between none and one', () => {
    const { prefixes, seconds } = agent({ env: prefixMode });
    const seen = new Set<number>();
    for (let round = 0; round < 20; round++) {
      seconds(7);
      seen.add(prefixes());
    }
    assert.deepEqual(
      [...seen].toSorted((a, b) => a - b),
      [0, 1],
    );
  });

  it('the smallest type: t3.small with one warm prefix', () => {
    const { instance, pods, prefixes } = agent({ type: 't3.small', env: { ...prefixMode, WARM_PREFIX_TARGET: '1' } });
    const counts = [0, 5, 17, 58].map((count) => {
      pods(count);
      return [instance.enis.length, prefixes()];
    });
    assert.deepEqual(counts, [
      [1, 1],
      [1, 2],
      [1, 3],
      [2, 5],
    ]);
  });

  it('versions before 1.17.1 do not stop at maxPods', () => {
    const { pods, prefixes } = agent({ env: { ...prefixMode, WARM_PREFIX_TARGET: '1' }, version: 'v1.16.4' });
    pods(110);
    assert.equal(prefixes(), 8);
  });
});

describe('secondary addresses', () => {
  it('keeps one whole interface warm and stops at maxPods', () => {
    const { instance, pods, secondaries } = agent({ maxPods: 29 });
    assert.deepEqual([instance.enis.length, secondaries()], [1, 9]);
    pods(1);
    assert.deepEqual([instance.enis.length, secondaries()], [2, 18]);
    pods(10);
    assert.deepEqual([instance.enis.length, secondaries()], [3, 27]);
    pods(27);
    assert.deepEqual([instance.enis.length, secondaries()], [3, 27]);
  });

  it('gives back the idle interface, and gives an address again only after 30 seconds', () => {
    const { instance, ipamd, pods, seconds, secondaries } = agent({ maxPods: 29 });
    pods(9);
    assert.equal(secondaries(), 18);
    const attach = (name: string) => ipamd.network.attach(node, { namespace: 'd', name, uid: name });
    const used = Array.from({ length: 9 }, (_, index) => Object.values(attach(`p${index}`))[0]);
    for (let index = 0; index < 9; index++) ipamd.network.detach(node, `p${index}`);
    const next = attach('n');
    assert.ok('ip' in next && !used.includes(next.ip));
    ipamd.network.detach(node, 'n');
    seconds(200);
    assert.deepEqual([instance.enis.length, secondaries()], [1, 9]);
  });

  it('WARM_IP_TARGET holds exactly what it says', () => {
    const { pods, secondaries } = agent({ env: { WARM_IP_TARGET: '2', MINIMUM_IP_TARGET: '5' } });
    assert.equal(secondaries(), 5);
    pods(4);
    assert.equal(secondaries(), 6);
  });

  it('names and tags a new interface as the CNI does', () => {
    const { instance, pods } = agent({ maxPods: 29 });
    pods(1);
    const eni = instance.enis[1];
    assert.equal(eni?.description, `aws-K8S-${instance.id}`);
    assert.equal(eni.tags['node.k8s.amazonaws.com/instance_id'], instance.id);
    assert.equal(eni.tags['eks:eni:owner'], 'amazon-vpc-cni');
    assert.equal(eni.attachment?.deviceIndex, 1);
  });
});

describe('switching an old node', () => {
  it('releases unused secondary addresses at once, keeps used ones, gives new pods prefix addresses', () => {
    const { instance, ipamd, pods, secondaries, prefixes, seconds, settings } = agent({ maxPods: 29 });
    pods(3);
    assert.equal(secondaries(), 18);
    ipamd.start(node, settings({ ...prefixMode, WARM_PREFIX_TARGET: '1' }));
    assert.equal(secondaries(), 3);
    seconds(60);
    assert.equal(prefixes(), 1);
    const answer = ipamd.network.attach(node, { namespace: 'd', name: 'n', uid: 'n' });
    assert.ok('ip' in answer && !instance.enis.some((eni) => eni.secondaries.includes(answer.ip)));
  });

  it('leftover addresses: released with their pod before v1.20, kept until the next restart after it', () => {
    for (const [version, left] of [
      ['v1.19.6', 2],
      ['v1.20.1', 3],
    ] as const) {
      const { ipamd, pods, secondaries, seconds, settings } = agent({ maxPods: 29, version });
      pods(3);
      ipamd.start(node, settings({ ...prefixMode, WARM_PREFIX_TARGET: '1' }));
      ipamd.network.detach(node, 'p0');
      seconds(300);
      assert.equal(secondaries(), left, version);
      ipamd.start(node, settings({ ...prefixMode, WARM_PREFIX_TARGET: '1' }));
      assert.equal(secondaries(), 2, version);
    }
  });

  it('slots are shared: an interface full of used addresses takes no prefix', () => {
    const { instance, ipamd, prefixes, seconds, settings } = agent({ maxPods: 29 });
    // all at once, before there is a second interface
    for (let index = 0; index < 9; index++)
      ipamd.network.attach(node, { namespace: 'd', name: `p${index}`, uid: `p${index}` });
    ipamd.start(node, settings({ ...prefixMode, WARM_PREFIX_TARGET: '1' }));
    seconds(60);
    assert.equal(prefixes(), 1);
    assert.equal(instance.enis[0]?.prefixes.length, 0);
    assert.equal(instance.enis[1]?.prefixes.length, 1);
  });

  it('a cordoned node takes nothing, unless it is told to', () => {
    const { ipamd, prefixes, seconds, settings } = agent({ maxPods: 29 });
    ipamd.setCordoned(node, true);
    ipamd.start(node, settings({ ...prefixMode, WARM_PREFIX_TARGET: '1' }));
    seconds(300);
    assert.equal(prefixes(), 0);
    ipamd.start(node, settings({ ...prefixMode, WARM_PREFIX_TARGET: '1', AWS_MANAGE_ENIS_NON_SCHEDULABLE: 'true' }));
    seconds(60);
    assert.equal(prefixes(), 1);
    ipamd.start(node, settings({ ...prefixMode, WARM_PREFIX_TARGET: '2' }));
    ipamd.setCordoned(node, false);
    seconds(60);
    assert.equal(prefixes(), 2);
  });

  it('back again: prefixes with pods stay until the last one goes', () => {
    const { ipamd, pods, prefixes, secondaries, seconds, settings } = agent({
      env: { ...prefixMode, WARM_PREFIX_TARGET: '1' },
    });
    pods(2);
    assert.equal(prefixes(), 2);
    ipamd.start(node, settings({}));
    assert.equal(prefixes(), 1);
    seconds(60);
    assert.equal(secondaries(), 17);
    ipamd.network.detach(node, 'p0');
    assert.equal(prefixes(), 1);
    ipamd.network.detach(node, 'p1');
    assert.equal(prefixes(), 0);
  });

  it('Xen stays with secondary addresses, bare metal does not', () => {
    const xen = agent({ type: 'm4.large', env: { ...prefixMode, WARM_PREFIX_TARGET: '1' } });
    assert.deepEqual([xen.prefixes(), xen.secondaries()], [0, 9]);
    const metal = agent({ type: 'm5.metal', env: { ...prefixMode, WARM_PREFIX_TARGET: '1' } });
    assert.deepEqual([metal.prefixes(), metal.secondaries()], [1, 0]);
  });

  it('prefix mode does not exist before v1.9', () => {
    const old = agent({ version: 'v1.8.0', env: { ...prefixMode, WARM_PREFIX_TARGET: '1' } });
    assert.deepEqual([old.prefixes(), old.secondaries()], [0, 9]);
  });
});

describe('no block left', () => {
  it('waits 120 seconds and until addresses come free', () => {
    const { ec2, ipamd, prefixes, seconds, settings } = agent({
      cidr: '10.0.0.0/26',
      maxPods: 29,
      env: { WARM_IP_TARGET: '1' },
    });
    // The /26 has two blocks that can be prefixes; one address in each spoils both.
    const spoilers = ['10.0.0.20', '10.0.0.36'].map((address) =>
      ec2.createEni({ subnetId: 'subnet-1', description: '', groups: [], address }),
    );
    ipamd.start(node, settings({ ...prefixMode, WARM_PREFIX_TARGET: '1' }));
    seconds(30);
    assert.equal(prefixes(), 0);
    for (const eni of spoilers) ec2.deleteEni(eni);
    seconds(60);
    assert.equal(prefixes(), 0);
    seconds(60);
    assert.equal(prefixes(), 1);
  });

  it('answers the pod with the error of the CNI plugin', () => {
    const { ipamd, settings, ec2, seconds } = agent({ cidr: '10.0.0.0/27', maxPods: 29 });
    ipamd.start(node, settings({ ...prefixMode, WARM_PREFIX_TARGET: '1' }));
    seconds(10);
    assert.deepEqual(ipamd.network.attach(node, { namespace: 'd', name: 'n', uid: 'n' }), {
      error: 'plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container',
    });
    assert.equal(ec2.enis.size, 1);
  });
});

it('a settled pool has no timer', () => {
  const { clock, pods } = agent({ env: { ...prefixMode, WARM_PREFIX_TARGET: '1' } });
  pods(20);
  assert.equal(clock.pending(), 0);
});

it('while aws-node is away pods get nothing, and keep what they have', () => {
  const { ipamd, pods, settings } = agent({ maxPods: 29 });
  pods(1);
  ipamd.stop(node);
  assert.match(
    JSON.stringify(ipamd.network.attach(node, { namespace: 'd', name: 'n', uid: 'n' })),
    /connection refused/,
  );
  ipamd.start(node, settings({}));
  const again = ipamd.network.attach(node, { namespace: 'd', name: 'p0', uid: 'p0' });
  assert.ok('ip' in again);
});

it('the first network card counts: p5.48xlarge has two interfaces for pods', () => {
  const { instance, pods } = agent({ type: 'p5.48xlarge', maxPods: 250, env: {} });
  pods(60);
  assert.equal(instance.enis.length, 2);
});

it('versions compare by number', () => {
  assert.ok(atLeast(parseVersion('v1.19.2-eksbuild.1'), [1, 9, 0]));
  assert.ok(!atLeast(parseVersion('v1.8.9'), [1, 9, 0]));
  assert.ok(atLeast([1, 20, 0], [1, 20, 0]));
});
