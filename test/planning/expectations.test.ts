import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { compareExpectations, expectationsOf } from '../../src/planning/expectations.ts';
import { aDeployment, aNodegroup, anInterface, aRequest, aSnapshot, aVpcCni } from '../support/snapshot.ts';

const sources = [{ nodegroupName: 'apps' }];
const of = (snapshot: ClusterSnapshot) => expectationsOf(snapshot, sources, aRequest(), 'safe-flip');
const healthy = aSnapshot();
const changes = (snapshot: ClusterSnapshot) => compareExpectations(of(healthy), of(snapshot));

test('the same cluster later is as expected, whatever its pods do', () => {
  assert.deepEqual(changes(aSnapshot({ observedAt: '2026-03-01T11:00:00.000Z', pods: [] })), []);
});
test('paths are unique', () => {
  const paths = of(healthy).map(({ path }) => path);
  assert.equal(new Set(paths).size, paths.length);
});
test('a changed image of the source makes the plan stale', () => {
  const [apps, tools] = healthy.nodegroups;
  assert.ok(apps !== undefined && tools !== undefined);
  assert.deepEqual(changes(aSnapshot({ nodegroups: [{ ...apps, amiType: 'AL2023_ARM_64_STANDARD' }, tools] })), [
    {
      path: 'nodegroups.apps.amiType',
      planned: 'AL2023_x86_64_STANDARD',
      now: 'AL2023_ARM_64_STANDARD',
      whenChanged: 'replan',
    },
  ]);
});
test('a source that autoscalers resized is worth a warning', () => {
  const scaling = { minSize: 1, maxSize: 6, desiredSize: 4 };
  assert.deepEqual(
    changes(aSnapshot({ nodegroups: [aNodegroup({ scaling })] })).map(({ path, whenChanged }) => [path, whenChanged]),
    [['nodegroups.apps.scaling', 'warn']],
  );
});
test('with a cluster autoscaler another number of nodes is no news, other limits are', () => {
  const workloads = aDeployment('kube-system', 'cluster-autoscaler', 1);
  const sized = (desiredSize: number, maxSize: number): ClusterSnapshot =>
    aSnapshot({ nodegroups: [aNodegroup({ scaling: { minSize: 1, maxSize, desiredSize } })], workloads });
  assert.deepEqual(compareExpectations(of(sized(3, 6)), of({ ...sized(5, 6), nodes: [] })), []);
  const widened = compareExpectations(of(sized(3, 6)), of(sized(3, 9)));
  assert.deepEqual(
    widened.map(({ path }) => path),
    ['nodegroups.apps.scaling.limits'],
  );
});
test('a source that is gone has lost everything', () => {
  const gone = changes(aSnapshot({ nodegroups: [], nodes: [] })).filter(({ path }) =>
    path.startsWith('nodegroups.apps.'),
  );
  assert.ok(gone.length > 10);
  assert.ok(gone.some(({ path, now }) => path === 'nodegroups.apps.status' && now === null));
});
test('other settings of the VPC CNI make the plan stale', () => {
  const env = { ...healthy.vpcCni.env, WARM_IP_TARGET: '5' };
  assert.deepEqual(
    changes(aSnapshot({ vpcCni: aVpcCni({ env }) })).map(({ path, planned, now }) => [path, planned, now]),
    [['vpcCni.env.WARM_IP_TARGET', null, '5']],
  );
});
test('another owner of aws-node makes the plan stale; that it sets what the plan waits for does not', () => {
  const release = { tool: 'helm', name: 'kube-system/aws-vpc-cni', evidence: 'annotation' } as const;
  const byHelm = { managedBy: 'self-managed', addon: null, owner: release } as const;
  const before = of(aSnapshot({ vpcCni: aVpcCni(byHelm) }));
  const since = (overrides: Parameters<typeof aVpcCni>[0]) =>
    compareExpectations(before, of(aSnapshot({ vpcCni: aVpcCni({ ...byHelm, ...overrides }) })))
      .filter(({ path }) => path.startsWith('vpcCni.'))
      .map(({ path, whenChanged }) => `${whenChanged} ${path}`);
  assert.deepEqual(since({ owner: { ...release, evidence: 'label' } }), []);
  assert.deepEqual(since({ owner: { ...release, name: 'kube-system/cni' } }), ['replan vpcCni.owner']);
  assert.deepEqual(since({ env: { ...healthy.vpcCni.env, ENABLE_PREFIX_DELEGATION: 'true' } }), [
    'warn vpcCni.env.ENABLE_PREFIX_DELEGATION',
  ]);
  assert.deepEqual(since({ env: { ...healthy.vpcCni.env, WARM_IP_TARGET: '9' } }), [
    'replan vpcCni.env.WARM_IP_TARGET',
  ]);
});
test('a subnet that no longer suffices makes the plan stale', () => {
  const addresses = Array.from({ length: 15 }, (_, block) => `10.0.1.${block * 16 + 9}`);
  const full = aSnapshot({
    networkInterfaces: [...healthy.networkInterfaces, anInterface({ instanceId: null, addresses })],
  });
  assert.deepEqual(changes(full), [
    { path: 'subnets.subnet-0aa1.fits', planned: true, now: false, whenChanged: 'replan' },
  ]);
});
test('members in another order are no change', () => {
  const planned = [{ path: 'x', value: { a: 1, b: 2 }, whenChanged: 'replan' as const }];
  assert.deepEqual(compareExpectations(planned, [{ path: 'x', value: { b: 2, a: 1 }, whenChanged: 'replan' }]), []);
});
