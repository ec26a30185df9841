import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, Nodegroup } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNodegroup, anInstanceType, aRequest, aSnapshot } from '../support/snapshot.ts';

const withTemplate = (data: Record<string, unknown>, nodegroup: Partial<Nodegroup> = {}): ClusterSnapshot =>
  aSnapshot({
    nodegroups: [aNodegroup({ launchTemplate: { id: 'lt-1', name: 'mine', version: '3' }, ...nodegroup })],
    launchTemplates: [
      {
        launchTemplateId: 'lt-1',
        version: '3',
        name: 'mine',
        imageId: null,
        instanceType: null,
        userDataHash: null,
        data,
      },
    ],
    instanceTypes: [
      anInstanceType(),
      anInstanceType({ instanceType: 'm7g.large', architectures: ['arm64'] }),
      anInstanceType({ instanceType: 'm6i.large' }),
    ],
  });
const ours = /^NODEGROUP\.(TEMPLATE_CONFLICT|SECURITY_GROUPS|BOUND_CAPACITY|ARCHITECTURE|UNKNOWN_FIELD)$/;
const findings = (snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) => {
  const full = aRequest(request);
  return runChecks(snapshot, full, scopeOf(snapshot, full)).filter(({ code }) => ours.test(code));
};
const shown = (snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) =>
  findings(snapshot, request).map(({ severity, code, summary }) => `${severity} ${code.slice(10)} ${summary}`);

const rows: [name: string, data: Record<string, unknown>, expected: RegExp[]][] = [
  ['nothing special', { EbsOptimized: true, NetworkInterfaces: [{ DeviceIndex: 0 }] }, []],
  ['the security group of the cluster among others', { SecurityGroupIds: ['sg-1', 'sg-cluster'] }, []],
  [
    'security groups without it',
    { SecurityGroupIds: ['sg-1'] },
    [/^warning SECURITY_GROUPS .* names sg-1, not sg-cluster /],
  ],
  [
    'security groups in both places',
    { SecurityGroupIds: ['sg-cluster'], NetworkInterfaces: [{ Groups: ['sg-cluster'] }] },
    [/^blocking TEMPLATE_CONFLICT .* sets SecurityGroupIds, which /],
  ],
  [
    'an address of one node',
    { NetworkInterfaces: [{ PrivateIpAddress: '10.0.0.9' }, { NetworkInterfaceId: 'eni-1' }] },
    [
      /^blocking TEMPLATE_CONFLICT .* NetworkInterfaces\.0\.PrivateIpAddress, NetworkInterfaces\.1\.NetworkInterfaceId,/,
    ],
  ],
  [
    'prefixes at the start',
    { NetworkInterfaces: [{ Ipv4PrefixCount: 2, SecondaryPrivateIpAddressCount: 0 }] },
    [/^warning TEMPLATE_CONFLICT .*\(NetworkInterfaces\.0\.Ipv4PrefixCount=2\)/],
  ],
  [
    'a placement group, EFA and a capacity reservation',
    {
      Placement: { GroupName: 'near' },
      NetworkInterfaces: [{ InterfaceType: 'efa' }],
      CapacityReservationSpecification: { CapacityReservationTarget: { CapacityReservationId: 'cr-1' } },
    },
    [
      /^warning BOUND_CAPACITY .*\(placement group near, capacity reservation cr-1, interfaces for EFA\): 3 new nodes must fit there beside 3 old ones\.$/,
    ],
  ],
  ['a dedicated host', { Placement: { Tenancy: 'host' } }, [/^warning BOUND_CAPACITY .*\(dedicated hosts\)/]],
  [
    'a reservation that is open to all',
    { CapacityReservationSpecification: { CapacityReservationPreference: 'open' } },
    [],
  ],
];
for (const [name, data, expected] of rows) {
  test(`template with ${name}`, () => {
    const found = shown(withTemplate(data));
    assert.equal(found.length, expected.length, found.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(found[index] ?? '', pattern);
  });
}

test('a capacity block is told by the node group', () => {
  const [found] = findings(withTemplate({}, { capacityType: 'CAPACITY_BLOCK' }));
  assert.match(found?.summary ?? '', /\(capacity block\)/);
  assert.deepEqual(found?.nextActions, ['aws ec2 describe-capacity-reservations --region eu-west-1']);
});

test('what nobody knows is told, of the group and of its template', () => {
  const snapshot = withTemplate({}, { unknownFields: ['zebra'] });
  const [template] = snapshot.launchTemplates;
  assert.ok(template !== undefined);
  const [found] = findings({ ...snapshot, launchTemplates: [{ ...template, unknownMembers: ['Stripes'] }] });
  assert.match(found?.summary ?? '', /not copied: zebra, launchTemplate\.Stripes\.$/);
  assert.equal(found?.nextActions.length, 2);
});

describe('instance types that were asked for', () => {
  test('of the same architecture: nothing to say', () => {
    assert.deepEqual(findings(withTemplate({}), { instanceTypes: ['m6i.large'] }), []);
  });
  test('of another one with the image for it: blocking unless allowed', () => {
    const asked = { instanceTypes: ['m7g.large'], amiType: 'AL2023_ARM_64_STANDARD' };
    const [found] = findings(withTemplate({}), asked);
    assert.equal(found?.severity, 'blocking');
    assert.equal(found?.summary, 'Node group apps: its nodes are x86_64, new ones would be arm64.');
    assert.match(found?.nextActions.at(-1) ?? '', /--allow NODEGROUP\.ARCHITECTURE {2}# /);
    assert.equal(findings(withTemplate({}), { ...asked, allow: ['NODEGROUP.ARCHITECTURE'] })[0]?.allowed, true);
  });
  const refused: [request: Partial<PlanRequest>, message: RegExp, next: RegExp][] = [
    [
      { instanceTypes: ['m7g.large'] },
      /^AMI type AL2023_x86_64_STANDARD does not start on m7g\.large\.$/,
      /--instance-type m7g\.large --ami-type AL2023_ARM_64_STANDARD --soak 0s$/,
    ],
    [
      { amiType: 'AL2023_ARM_64_STANDARD' },
      /^AMI type AL2023_ARM_64_STANDARD does not start on m5\.large\.$/,
      /--cluster shop-eu --soak 0s$/,
    ],
    [{ instanceTypes: ['m5.large', 'm7g.large'] }, /on m7g\.large\.$/, /--cluster shop-eu --soak 0s$/],
  ];
  for (const [request, message, next] of refused) {
    test(`${JSON.stringify(request)} is refused`, () => {
      assert.throws(
        () => scopeOf(withTemplate({}), aRequest(request)),
        (error: { code?: string; message?: string; nextActions?: string[]; exitCode?: number }) => {
          assert.deepEqual([error.code, error.exitCode], ['INPUT.AMI_TYPE', 2]);
          assert.match(error.message ?? '', message);
          assert.match(error.nextActions?.[0] ?? '', next);
          return true;
        },
      );
    });
  }
});
