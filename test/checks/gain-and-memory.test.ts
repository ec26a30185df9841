/** What is said about instance types, the gain of the move, and memory: whole texts, since people act on them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import { shippedInstanceType } from '../../src/domain/instance-types/lookup.ts';
import { type PlanRequest, plainRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, InstanceType, Nodegroup } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNodegroup, aPod, aSnapshot, aVpcCni } from '../support/snapshot.ts';

const healthy = aSnapshot();
const MiB = 1024 * 1024;

/** As EC2 describes it. */
function ec2Type(name: string): InstanceType {
  const type = shippedInstanceType(name);
  assert.ok(type !== undefined, name);
  return { ...type, origin: 'ec2' };
}

/** Node group apps alone, of these types, its three nodes with so many pods and so much memory. */
function apps(names: string[], pods: number, more: Partial<ClusterSnapshot> = {}, group: Partial<Nodegroup> = {}) {
  const nodes = healthy.nodes
    .filter(({ nodegroupName }) => nodegroupName === 'apps')
    .map((node) => ({
      ...node,
      instanceType: names[0] ?? null,
      allocatable: { ...node.allocatable, pods },
    }));
  return aSnapshot({
    nodegroups: [aNodegroup({ instanceTypes: names, ...group })],
    nodes,
    instanceTypes: names.flatMap((name) => (shippedInstanceType(name) === undefined ? [] : ec2Type(name))),
    ...more,
  });
}

const prefixesOn = {
  vpcCni: aVpcCni({ env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' } }),
  networkInterfaces: healthy.networkInterfaces.map((one) => ({ ...one, prefixes: ['10.0.1.160/28'] })),
};

function find(code: string, snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) {
  const full = { ...plainRequest('shop-eu'), ...request };
  return runChecks(snapshot, full, scopeOf(snapshot, full)).filter((finding) => finding.code === code);
}

function only(code: string, snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) {
  const found = find(code, snapshot, request);
  assert.equal(found.length, 1, code);
  const [finding] = found;
  assert.ok(finding !== undefined);
  return finding;
}

describe('types without Nitro', () => {
  test('one alone: what is nearest, and the command that moves to it', () => {
    const finding = only('INSTANCE.NOT_NITRO', apps(['m4.large'], 20));
    assert.equal(finding.severity, 'warning');
    assert.equal(
      finding.summary,
      'Node group apps is left out: m4.large is not a Nitro type, and prefixes need Nitro.',
    );
    assert.match(
      finding.why,
      /Nitro types like m4\.large \(2 vCPUs, 8 GiB\): m5\.large \(2 vCPUs, 8 GiB, 110 pods\), m6i\.large \(2 vCPUs, 8 GiB, 110 pods\)\.$/,
    );
    assert.deepEqual(finding.nextActions, [
      'prefix-migrate plan --cluster shop-eu --nodegroup apps --instance-type m5.large',
    ]);
  });
  test('in a mix: the others are kept, with what they allow', () => {
    const finding = only('INSTANCE.NOT_NITRO', apps(['m5.large', 't2.large', 'm4.large'], 20), {
      nodegroups: ['apps'],
    });
    assert.equal(finding.severity, 'blocking');
    assert.match(finding.summary, /t2\.large, m4\.large are not Nitro types/);
    assert.match(finding.why, /Without t2\.large, m4\.large each node would allow 110 pods\.$/);
    assert.match(finding.nextActions[0] ?? '', / --nodegroup apps --instance-type m5\.large$/);
  });
});

const withOrigin = (origin: InstanceType['origin']) =>
  apps(['m5.large'], 29, { instanceTypes: [{ ...ec2Type('m5.large'), origin }] });

describe('types that EC2 does not describe', () => {
  test('the data of this program is used, and its day named', () => {
    const finding = only('INSTANCE.FROM_SHIPPED_DATA', withOrigin('not-described'));
    assert.equal(finding.severity, 'advice');
    assert.equal(finding.summary, 'Limits of m5.large are those of 2026-08-20 that come with this program.');
    assert.match(finding.why, /^EC2 does not describe them in eu-west-1\./);
    assert.deepEqual(finding.nextActions, [
      'aws ec2 describe-instance-types --region eu-west-1 --instance-types m5.large',
    ]);
  });
  test('because nobody may ask', () => {
    assert.match(only('INSTANCE.FROM_SHIPPED_DATA', withOrigin('not-allowed')).why, /^EC2 refused ec2:DescribeInst/);
  });
  test('silent about types that EC2 describes', () => {
    assert.deepEqual(find('INSTANCE.FROM_SHIPPED_DATA', apps(['m5.large'], 29)), []);
  });
  test('unknown to both: the type and the region in the command', () => {
    const finding = only('INSTANCE.UNKNOWN', apps(['m99.large'], 29));
    assert.equal(finding.summary, 'Node group apps cannot be judged: nothing is known about instance type m99.large.');
    assert.deepEqual(find('PLAN.NOTHING_TO_DO', apps(['m99.large'], 29)), [], 'that it gains nothing cannot be said');
    assert.deepEqual(finding.nextActions, [
      'aws ec2 describe-instance-types --region eu-west-1 --instance-types m99.large',
    ]);
  });
});

describe('gain', () => {
  test('none: the cap stands already', () => {
    const finding = only('NODEGROUP.NO_GAIN', apps(['m5.4xlarge'], 110));
    assert.equal(
      finding.summary,
      'Node group apps is left out: its nodes allow 110 pods each, as many as with prefixes (vCPU cap 110).',
    );
    assert.match(finding.why, /^Its interfaces have addresses for 110 pods without prefixes;/);
  });
  test('none with the value that was asked for', () => {
    assert.equal(
      only('NODEGROUP.NO_GAIN', apps(['m5.large'], 29), { maxPods: 29 }).why,
      '--max-pods 29 is not more than its nodes allow today.',
    );
  });
  test('a loss: nodes that somebody gave more than EKS recommends', () => {
    const snapshot = apps(['m5.4xlarge'], 234);
    const finding = only('NODEGROUP.WOULD_LOSE', snapshot);
    assert.equal(
      finding.summary,
      'Node group apps is left out: its nodes allow 234 pods each, new ones would allow 110 (vCPU cap 110).',
    );
    assert.match(finding.why, /^Somebody set the value of today: EKS recommends 110 at most/);
    assert.equal(
      finding.nextActions[0],
      'prefix-migrate plan --cluster shop-eu --nodegroup apps --max-pods 250  # to have more all the same',
    );
    assert.deepEqual(find('NODEGROUP.WOULD_LOSE', snapshot, { maxPods: 250 }), []);
    assert.deepEqual(scopeOf(snapshot, { ...plainRequest('shop-eu'), maxPods: 250 }).skipped, []);
  });
  test('small: moved, and said', () => {
    const finding = only('NODEGROUP.SMALL_GAIN', apps(['c5.9xlarge'], 234));
    assert.equal(finding.summary, 'Node group apps: new nodes allow 250 pods each instead of 234.');
    assert.equal(finding.why, 'That is 7 % more for moving every pod of the group.');
    assert.deepEqual(finding.nextActions, []);
    assert.deepEqual(find('NODEGROUP.SMALL_GAIN', apps(['c5.9xlarge'], 220)), []);
  });
  test('prefixes are there, maxPods is of old: only new nodes help', () => {
    const snapshot = apps(['m5.large'], 29, prefixesOn);
    const finding = only('NODEGROUP.OLD_MAX_PODS', snapshot);
    assert.equal(finding.summary, 'The nodes of apps hold prefixes already, but allow 29 pods each, not 110.');
    assert.deepEqual(finding.nextActions, []);
    assert.deepEqual(find('NODEGROUP.OLD_MAX_PODS', apps(['m5.large'], 29)), []);
  });
  test('done already, also with more than EKS recommends', () => {
    assert.equal(find('NODEGROUP.ALREADY_PREFIX', apps(['m5.large'], 200, prefixesOn)).length, 1);
  });
  test('the type that decides, and what there would be without it', () => {
    const finding = only('NODEGROUP.LOWEST_TYPE', apps(['m5.large', 't3a.small'], 8));
    assert.equal(finding.summary, 'Node group apps: t3a.small allows 98 pods; without it each node would allow 110.');
    assert.match(finding.nextActions[0] ?? '', / --nodegroup apps --instance-type m5\.large$/);
    assert.deepEqual(find('NODEGROUP.LOWEST_TYPE', apps(['m5.large', 't3.small'], 11)), []);
    assert.deepEqual(find('NODEGROUP.LOWEST_TYPE', apps(['m5.large', 't3a.small'], 8), { maxPods: 60 }), []);
  });
});

const requests = (memoryMiB: number) => ({ cpuMillis: 0, memoryBytes: memoryMiB * MiB });

/** Pods that request so many MiB each, two on each of the three nodes, and a DaemonSet with 100 MiB on each. */
const withPods = (podMiB: number, maxSize = 6) => {
  const names = ['ip-10-0-1-10', 'ip-10-0-2-10', 'ip-10-0-1-20'];
  const pods = names.flatMap((nodeName, index) => [
    aPod({ name: `a-${index}`, nodeName, requests: requests(podMiB) }),
    aPod({ name: `b-${index}`, nodeName, requests: requests(podMiB) }),
    aPod({
      name: `d-${index}`,
      nodeName,
      requests: requests(100),
      controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'd' },
    }),
  ]);
  return apps(['m5.large'], 29, { pods }, { scaling: { minSize: 3, maxSize, desiredSize: 3 } });
};

describe('memory', () => {
  test('short: how many nodes would be enough, and the maxPods that fits', () => {
    // 7100 MiB today, 6209 with maxPods 110, of which 100 are for the DaemonSet
    assert.deepEqual(find('NODEGROUP.MEMORY_SHORT', withPods(3054)), []);
    const finding = only('NODEGROUP.MEMORY_SHORT', withPods(3055, 5));
    assert.equal(
      finding.summary,
      'Node group apps: its pods request 18330 MiB, and 3 new nodes will have 6109 MiB each for them at least; 6 would be enough.',
    );
    assert.match(finding.why, /^With maxPods 110 each node sets 1465 MiB aside, and its DaemonSets request 100\./);
    assert.deepEqual(finding.nextActions, [
      'prefix-migrate plan --cluster shop-eu --nodes fit',
      'prefix-migrate plan --cluster shop-eu --nodegroup apps --max-pods 109',
    ]);
  });
  test('short although the sum would fit: pods cannot be split', () => {
    const snapshot = withPods(2500);
    const [first, ...others] = snapshot.pods;
    assert.ok(first);
    const pods = [{ ...first, requests: requests(4000) }, ...others];
    const { summary, why } = only('NODEGROUP.MEMORY_SHORT', { ...snapshot, pods });
    assert.match(summary, /request 16500 MiB, and 3 new nodes will have 6109 MiB each .*; 4 would be enough\.$/);
    assert.match(
      why,
      / Their sum would fit, but a pod cannot be split: of the largest, 4000 MiB each, 1 fits on a node\. /,
    );
  });
  test('a pod that fits on no node at all', () => {
    assert.deepEqual(find('NODEGROUP.MEMORY_SHORT', withPods(6200)), [], 'it is said once');
    const finding = only('CAPACITY.POD_TOO_BIG', withPods(6200));
    assert.match(finding.summary, / 6 GiB of memory, and a new node of apps has 5\.9 GiB of memory for pods: /);
    // 91 MiB more are nine pods less
    assert.equal(finding.nextActions[0], 'prefix-migrate plan --cluster shop-eu --nodegroup apps --max-pods 101');
  });
  test('tight: the number of pods that a quarter of the memory is for', () => {
    const finding = only('NODEGROUP.MEMORY_TIGHT', apps(['t3.medium'], 17));
    assert.equal(finding.summary, 'Node group apps: 1565 of 4096 MiB of t3.medium are set aside for 110 pods.');
    assert.deepEqual(finding.nextActions, [
      'prefix-migrate plan --cluster shop-eu --nodegroup apps --max-pods 60  # sets a quarter of the memory aside',
    ]);
    const tiny = only('NODEGROUP.MEMORY_TIGHT', apps(['t3.micro'], 4));
    assert.deepEqual(tiny.nextActions, []);
    assert.match(tiny.why, /A quarter of it is enough for 0 pods\./);
  });
  test('tight on one of several types: what the group would be without it', () => {
    const finding = only('NODEGROUP.MEMORY_TIGHT', apps(['t3.small', 'm5.large'], 11));
    assert.equal(finding.summary, 'Node group apps: 1565 of 2048 MiB of t3.small are set aside for 110 pods.');
    assert.match(finding.why, / Without t3\.small it would be 1565 of 8192 MiB \(m5\.large\)\.$/);
    assert.match(
      finding.nextActions[1] ?? '',
      /^prefix-migrate plan .* --nodegroup apps --instance-type m5\.large {2}# without t3\.small$/,
    );
  });
  test('none left: nothing is planned, with the largest maxPods that leaves room where there is one', () => {
    const small = (type: string, memoryMiB: number, daemonMiB: number, names = [type]) => {
      const snapshot = apps(names, 4);
      const nodes = snapshot.nodes.map((node) => ({
        ...node,
        instanceType: type,
        allocatable: { ...node.allocatable, memoryBytes: memoryMiB * MiB },
      }));
      const daemons = nodes.map(({ name }) =>
        aPod({
          name: `d-${name}`,
          nodeName: name,
          requests: { cpuMillis: 10, memoryBytes: daemonMiB * MiB },
          controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'd' },
        }),
      );
      return { ...snapshot, nodes, pods: daemons };
    };
    const nano = small('t3.nano', 100, 30);
    const finding = only('NODEGROUP.NO_MEMORY', nano);
    assert.deepEqual([finding.severity, finding.canBeAllowed], ['blocking', undefined]);
    assert.equal(
      finding.summary,
      'Node group apps: maxPods 34 sets 729 of 512 MiB aside on t3.nano and leaves 0 MiB for pods; the DaemonSets of a node request 30.',
    );
    // 299 MiB are reserved today; 100 less (255 + 11 n - 299) are at least 30 up to 10 pods
    assert.match(finding.why, /maxPods 10 is the largest that leaves room\./);
    assert.equal(finding.nextActions[0], 'prefix-migrate plan --cluster shop-eu --nodegroup apps --max-pods 10');
    assert.deepEqual(find('NODEGROUP.MEMORY_SHORT', nano), []);
    assert.deepEqual(find('NODEGROUP.NO_MEMORY', nano, { maxPods: 10 }), []);
    assert.equal(find('NODEGROUP.NO_MEMORY', nano, { maxPods: 11 }).length, 1);
    assert.equal(only('NODEGROUP.NO_MEMORY', nano, { allow: ['NODEGROUP.NO_MEMORY'] }).allowed, true);

    const full = only('NODEGROUP.NO_MEMORY', small('t3.nano', 100, 400));
    assert.match(full.why, /No maxPods leaves room\./);
    assert.ok(!full.nextActions.some((action) => action.includes('--max-pods')));
    assert.deepEqual(find('NODEGROUP.NO_MEMORY', apps(['t3.medium'], 17)), []);
    // a node that does not tell its memory says nothing
    assert.deepEqual(find('NODEGROUP.NO_MEMORY', small('m5.large', 0, 30)), []);
  });
  test('more pods than EKS recommends', () => {
    const finding = only('NODEGROUP.MAX_PODS_ABOVE_CAP', apps(['m5.large'], 29), { maxPods: 200 });
    assert.equal(finding.summary, 'Node group apps: 200 pods per node are asked for, EKS recommends 110.');
    assert.equal(finding.nextActions[0], 'prefix-migrate plan --cluster shop-eu --nodegroup apps --max-pods 110');
  });
});
