import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNode, aPod, aRequest, aSnapshot, aSubnet, aVpcCni } from '../support/snapshot.ts';

const healthy = aSnapshot();

function findings(code: string, snapshot: ClusterSnapshot, overrides: Partial<PlanRequest> = {}) {
  const request = aRequest(overrides);
  return runChecks(snapshot, request, scopeOf(snapshot, request)).filter((finding) => finding.code === code);
}

test('ORDER.CORDON_FIRST: what it costs, in numbers, and the other way', () => {
  assert.deepEqual(findings('ORDER.CORDON_FIRST', healthy), []);
  const [plain, ...others] = findings('ORDER.CORDON_FIRST', healthy, { order: 'cordon-first' });
  assert.deepEqual(others, []);
  assert.equal(plain?.severity, 'warning');
  assert.equal(plain.subject, 'apps, tools');
  assert.match(plain.summary, /^5 nodes of apps, tools are cordoned before the switch: .* can start on no node\.$/);
  assert.match(plain.why, /^Asked for with --order cordon-first\./);
  assert.deepEqual(plain.nextActions, [
    'prefix-migrate plan --cluster shop-eu --order safe-flip --soak 0s  # keeps the old nodes in service',
  ]);

  const waiting = aPod({ name: 'late', nodeName: null, phase: 'Pending', podIp: null });
  const elsewhere = aNode({ name: 'other', nodegroupName: null, unschedulable: false });
  const busy = aSnapshot({ nodes: [...healthy.nodes, elsewhere], pods: [...healthy.pods, waiting] });
  const [said] = findings('ORDER.CORDON_FIRST', busy, { order: 'cordon-first', nodegroups: ['apps'] });
  assert.match(
    said?.summary ?? '',
    /^3 nodes of apps .* can start on 3 other nodes only\. 1 pod waits for a node already: shop\/late\.$/,
  );
  assert.match(
    said?.nextActions[0] ?? '',
    /^prefix-migrate plan --cluster shop-eu --nodegroup apps --order safe-flip /,
  );
});

test('SUBNET.NO_FREE_ADDRESS: instances find no address outside of reservations', () => {
  const [first, ...rest] = healthy.subnets;
  assert.ok(first);
  const reserved = (availableIpAddressCount: number) =>
    aSnapshot({
      subnets: [
        {
          ...first,
          availableIpAddressCount,
          reservations: [
            { id: 'scr-1', cidr: '10.0.1.64/26', type: 'prefix' },
            { id: 'scr-2', cidr: '10.0.1.128/25', type: 'prefix' },
          ],
        },
        ...rest,
      ],
    });
  // apps and tools get two nodes and one there; unused addresses of three old nodes come back
  assert.deepEqual(findings('SUBNET.NO_FREE_ADDRESS', reserved(20)), []);
  const snapshot = reserved(2);
  const tight = {
    ...snapshot,
    networkInterfaces: snapshot.networkInterfaces.map((one) => ({ ...one, addresses: one.addresses.slice(0, 1) })),
  };
  const [finding] = findings('SUBNET.NO_FREE_ADDRESS', tight);
  assert.equal(finding?.severity, 'blocking');
  assert.equal(finding.subject, 'subnet-0aa1');
  assert.equal(finding.summary, 'subnet-0aa1 (eu-west-1a): new nodes need 3 single addresses, 2 are left for them.');
  const [allowed] = findings('SUBNET.NO_FREE_ADDRESS', tight, { allow: ['SUBNET.NO_FREE_ADDRESS'] });
  assert.equal(allowed?.allowed, true);
});

test('SUBNET.ZONE_LOST: pods with volumes that cannot follow, and the subnet that would keep the zone', () => {
  const node = healthy.nodes.find((one) => one.nodegroupName === 'apps' && one.availabilityZone === 'eu-west-1b');
  const snapshot = aSnapshot({
    subnets: [...healthy.subnets, aSubnet({ subnetId: 'subnet-0cc3', cidr: '10.0.3.0/24' })],
    pods: [...healthy.pods, aPod({ name: 'search-0', nodeName: node?.name ?? '', persistentVolumeClaims: ['data'] })],
  });
  const request = { subnetIds: ['subnet-0cc3'], nodegroups: ['apps'] };
  const [finding, ...others] = findings('SUBNET.ZONE_LOST', snapshot, request);
  assert.deepEqual(others, []);
  assert.equal(finding?.severity, 'warning');
  assert.equal(
    finding.summary,
    'apps has 1 node in eu-west-1b, its replacement no subnet there. 1 pod there has a persistent volume claim: shop/search-0.',
  );
  assert.deepEqual(finding.nextActions, [
    'prefix-migrate plan --cluster shop-eu --nodegroup apps --subnet subnet-0cc3 --subnet subnet-0bb2 --soak 0s  # eu-west-1b',
  ]);
});

test('ORDER.CORDON_FIRST: the wait for another owner of aws-node is named', () => {
  const owner = { tool: 'helm' as const, name: 'kube-system/aws-vpc-cni', evidence: 'annotation' };
  const snapshot = aSnapshot({ vpcCni: aVpcCni({ managedBy: 'self-managed', addon: null, owner }) });
  const [finding] = findings('ORDER.CORDON_FIRST', snapshot, { order: 'cordon-first' });
  assert.match(
    finding?.why ?? '',
    /waits for kube-system\/aws-vpc-cni to change aws-node, with the old nodes cordoned/,
  );
});
