import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { order as orderCheck } from '../../src/checks/order.ts';
import { withoutConsent } from '../../src/domain/consent.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNode, aNodegroup, anInterface, aPod, aRequest, aSnapshot, aSubnet, aVpcCni } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

const block = (index: number) => `10.0.${Math.floor((index + 2) / 16)}.${((index + 2) % 16) * 16}/28`;

/** Three nodes with 30 pods in a /22 with 61 free blocks, of which others take so many: the move needs 12, cordoned first 9. */
function cluster(taken: number, overrides: Partial<ClusterSnapshot> = {}): ClusterSnapshot {
  const names = ['n0', 'n1', 'n2'];
  return aSnapshot({
    nodegroups: [aNodegroup({ subnetIds: ['subnet-0aa1'], scaling: { minSize: 0, maxSize: 9, desiredSize: 3 } })],
    autoScalingGroups: [],
    subnets: [aSubnet({ cidr: '10.0.0.0/22', availableIpAddressCount: 1016 - taken * 16 })],
    nodes: names.map((name) => aNode({ name })),
    networkInterfaces: [
      ...names.map((name, index) => anInterface({ instanceId: `i-${name}`, addresses: [`10.0.0.${16 + index}`] })),
      anInterface({
        instanceId: null,
        addresses: [],
        prefixes: Array.from({ length: taken }, (_, index) => block(index)),
      }),
    ],
    pods: Array.from({ length: 30 }, (_, index) => aPod({ name: `p${index}`, nodeName: `n${index % 3}` })),
    workloads: [],
    podDisruptionBudgets: [],
    ...overrides,
  });
}

const orderOf = (snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) =>
  scopeOf(snapshot, aRequest(request)).order;

describe('auto', () => {
  test('leaves the old nodes in service as long as that fits', () =>
    assert.deepEqual(orderOf(cluster(49)), {
      order: 'safe-flip',
      reason: 'Every subnet has room: subnet-0aa1, the tightest, needs 12 of its 12 free /28 blocks.',
      considered: [
        { order: 'safe-flip', fits: true, short: [] },
        { order: 'cordon-first', fits: true, short: [] },
      ],
    }));
  test('cordons them first when it fits then only', () =>
    assert.deepEqual(orderOf(cluster(51)), {
      order: 'cordon-first',
      reason:
        'With the old nodes in service subnet-0aa1 runs short when the pods move to the replacement: it needs 12 /28 blocks at the peak and has 10. ' +
        'Cordoned before the switch they attach no prefixes, and every subnet has room: subnet-0aa1, the tightest, needs 9 of its 10 free /28 blocks.',
      considered: [
        { order: 'safe-flip', fits: false, short: [{ subnetId: 'subnet-0aa1', stage: 'drain', blocks: 2 }] },
        { order: 'cordon-first', fits: true, short: [] },
      ],
    }));
  test('does not cordon them for nothing', () => {
    const { order, considered } = orderOf(cluster(59));
    assert.equal(order, 'safe-flip');
    assert.deepEqual(considered, [
      { order: 'safe-flip', fits: false, short: [{ subnetId: 'subnet-0aa1', stage: 'switch', blocks: 10 }] },
      { order: 'cordon-first', fits: false, short: [{ subnetId: 'subnet-0aa1', stage: 'full-size', blocks: 7 }] },
    ]);
  });
  test('says that aws-node serves cordoned nodes, too', () => {
    const env = { ...aVpcCni().env, AWS_MANAGE_ENIS_NON_SCHEDULABLE: 'true' };
    const { order, reason } = orderOf(cluster(51, { vpcCni: aVpcCni({ env }) }));
    assert.equal(order, 'safe-flip');
    assert.match(reason, /cordon them first saves nothing: AWS_MANAGE_ENIS_NON_SCHEDULABLE is on/);
  });
  test('does not cordon them while the switch waits for somebody else, and takes it when it is asked for', () => {
    const owner = { tool: 'helm', name: 'kube-system/aws-vpc-cni', evidence: 'its annotation' } as const;
    const snapshot = cluster(51, { vpcCni: aVpcCni({ managedBy: 'self-managed', addon: null, owner }) });
    const { order, reason, considered } = orderOf(snapshot);
    assert.deepEqual([order, considered.map(({ fits }) => fits)], ['safe-flip', [false, true]]);
    assert.match(
      reason,
      /every subnet has room: .* They would stay cordoned until Helm release kube-system\/aws-vpc-cni has changed aws-node, so that this is done only when asked for with --order cordon-first\.$/,
    );
    const asked = scopeOf(snapshot, aRequest({ order: 'cordon-first' }));
    assert.equal(asked.order.order, 'cordon-first');
    assert.doesNotMatch(asked.order.reason, /stay cordoned/);
    assert.deepEqual(
      orderCheck
        .run(snapshot, asked)
        .map(({ code, why }) => [code, /then waits for kube-system\/aws-vpc-cni/.test(why)]),
      [['ORDER.CORDON_FIRST', true]],
    );
    // and it is told as what helps
    assert.ok(scopeOf(snapshot, aRequest()).remedies.some(({ kind, fits }) => kind === 'order' && fits));
    const there = { ...snapshot.vpcCni, owner: { tool: 'nobody', name: null, evidence: '' } as const };
    assert.equal(orderOf({ ...snapshot, vpcCni: there }).order, 'cordon-first');
  });
  test('has no choice when prefix delegation is on already', () => {
    const env = { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' };
    const { order, reason } = orderOf(cluster(40, { vpcCni: aVpcCni({ env }) }));
    assert.equal(order, 'safe-flip');
    assert.match(reason, /^Prefix delegation is on already: there is no switch/);
    // more spare prefixes are a switch for the old nodes, too
    const more = orderOf(cluster(10, { vpcCni: aVpcCni({ env }) }), { warmPrefixTarget: 3 });
    assert.match(more.reason, /^Every subnet has room: subnet-0aa1, the tightest/);
  });
});

test('an order that is asked for is taken, and both are shown', () => {
  const { order, reason, considered } = orderOf(cluster(40), { order: 'cordon-first' });
  assert.equal(order, 'cordon-first');
  assert.match(reason, /^Asked for with --order cordon-first\. With the old nodes in service every subnet has room/);
  assert.equal(considered.length, 2);
  assert.equal(orderOf(cluster(51), { order: 'safe-flip' }).order, 'safe-flip');
});

test('nothing to move has no reason to cordon', () =>
  assert.equal(orderOf(aSnapshot({ nodegroups: [], nodes: [], pods: [] })).order, 'safe-flip'));

describe('the steps of cordon-first', () => {
  const snapshot = cluster(51);
  const { steps } = makePlan({
    snapshot,
    request: aRequest({ soakSeconds: 60 }),
    findings: [],
    toolVersion: '0',
    templates,
  });
  const step = (id: string) => steps.find((one) => one.id === id) ?? assert.fail(`no step ${id}`);
  test('cordon when all else is prepared, before the switch, and what came later before the drain', () =>
    assert.deepEqual(
      steps.map(({ id, phase, impact }) => `${phase} ${id} ${impact}`),
      [
        'prepare create-launch-template/apps additive',
        'prepare cordon-source disruptive',
        'prepare configure-vpc-cni additive',
        'create create-nodegroup/apps additive',
        'create compare-launch-template/apps additive',
        'verify scale-replacement/apps/first additive',
        'verify verify-replacement/apps/first additive',
        'verify scale-replacement/apps additive',
        'verify verify-replacement/apps additive',
        'cordon cordon-source/new-nodes disruptive',
        'drain drain-source disruptive',
        'soak soak additive',
        'delete delete-source/apps destructive',
        'cleanup cleanup additive',
      ],
    ));
  test('wait for each other', () => {
    assert.deepEqual(step('cordon-source').dependsOn, ['create-launch-template/apps']);
    assert.deepEqual(step('configure-vpc-cni').dependsOn, ['cordon-source']);
    assert.deepEqual(step('cordon-source/new-nodes').dependsOn, ['cordon-source', 'verify-replacement/apps']);
    assert.deepEqual(step('drain-source').dependsOn, ['cordon-source/new-nodes']);
  });
  test('cordon before the replacement also where there is no switch', () => {
    const env = { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' };
    const envManagers = { ENABLE_PREFIX_DELEGATION: 'eks', WARM_PREFIX_TARGET: 'eks' };
    const plan = makePlan({
      snapshot: cluster(40, { vpcCni: aVpcCni({ env, envManagers }) }),
      request: aRequest({ order: 'cordon-first' }),
      findings: [],
      toolVersion: '0',
      templates,
    });
    const group = plan.steps.find(({ id }) => id === 'create-nodegroup/apps');
    assert.ok(!plan.steps.some(({ id }) => id === 'configure-vpc-cni'));
    assert.deepEqual(group?.dependsOn, ['cordon-source', 'create-launch-template/apps']);
  });
});

test('an order that does not fit is not recommended: what it would be short of, and that consent is the only way', () => {
  const request = aRequest();
  const snapshot = cluster(51);
  const scope = scopeOf(snapshot, request);
  const short =
    'with the old nodes in service subnet-0aa1 would be short of 2 /28 blocks, first when the pods move to the replacement';
  assert.deepEqual(
    orderCheck.run(snapshot, scope).map(({ nextActions }) => nextActions),
    [[`prefix-migrate apply prefix-migrate-shop-eu --confirm shop-eu  # consents to it: ${short}`]],
  );
  const plan = makePlan({ snapshot, request, findings: [], toolVersion: '0', templates });
  assert.equal(withoutConsent(plan, ['prepare', 'drain']), `there is no way without consent: ${short}`);
  assert.match(withoutConsent(plan, ['drain']), /--until verify/);
});
