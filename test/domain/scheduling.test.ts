import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  daemonsOf,
  type Obstacle,
  obstacleOn,
  replacementNodes,
  type SchedulingNode,
} from '../../src/domain/scheduling.ts';
import type { NodeSelectorRequirement, NodeSelectorTerm, Placement, Toleration } from '../../src/domain/snapshot.ts';
import { aNode, aNodegroup, anInstanceType, aPod, aRequest, aSnapshot } from '../support/snapshot.ts';

const MiB = 1024 * 1024;

const placement = (part: Partial<Placement>): Placement => ({ nodeSelector: {}, tolerations: [], ...part });

const node = (part: Partial<SchedulingNode>): SchedulingNode => ({
  name: 'n1',
  labels: { disk: 'fast', cores: '16', empty: '' },
  taints: [],
  unschedulable: false,
  ...part,
});

const term = (expressions: NodeSelectorRequirement[], fields: NodeSelectorRequirement[] = []): NodeSelectorTerm => ({
  expressions,
  fields,
});

const on = (key: string, operator: NodeSelectorRequirement['operator'], ...values: string[]): NodeSelectorTerm[] => [
  term([{ key, operator, values }]),
];

const named = (operator: NodeSelectorRequirement['operator'], ...values: string[]): NodeSelectorTerm[] => [
  term([], [{ key: 'metadata.name', operator, values }]),
];

describe('node affinity', () => {
  const cases: [string, NodeSelectorTerm[], boolean][] = [
    ['In', on('disk', 'In', 'slow', 'fast'), true],
    ['In, another value', on('disk', 'In', 'slow'), false],
    ['In, no such label', on('gpu', 'In', 'yes'), false],
    ['NotIn', on('disk', 'NotIn', 'slow'), true],
    ['NotIn, its value', on('disk', 'NotIn', 'fast'), false],
    ['NotIn, no such label', on('gpu', 'NotIn', 'yes'), true],
    ['Exists', on('empty', 'Exists'), true],
    ['Exists, no such label', on('gpu', 'Exists'), false],
    ['an inherited property is no label', on('constructor', 'Exists'), false],
    ['DoesNotExist', on('gpu', 'DoesNotExist'), true],
    ['DoesNotExist, it does', on('disk', 'DoesNotExist'), false],
    ['Gt', on('cores', 'Gt', '8'), true],
    ['Gt is not equal', on('cores', 'Gt', '16'), false],
    ['Lt', on('cores', 'Lt', '+17'), true],
    ['Lt compares numbers, not texts', on('cores', 'Lt', '9'), false],
    ['Lt below zero', on('cores', 'Gt', '-1'), true],
    ['Gt, the label is no number', on('disk', 'Gt', '1'), false],
    ['Gt, the value is no number', on('cores', 'Gt', '1.5'), false],
    ['Gt, more than 64 bits', on('cores', 'Lt', '9223372036854775808'), false],
    ['Gt, exactly the largest', on('cores', 'Lt', '9223372036854775807'), true],
    ['Gt, two values', on('cores', 'Gt', '1', '2'), false],
    ['Gt, no such label', on('gpu', 'Gt', '1'), false],
    ['the name', named('In', 'n1'), true],
    ['another name', named('In', 'n2'), false],
    ['not the name', named('NotIn', 'n1'), false],
    ['two names are no valid demand', named('In', 'n1', 'n2'), false],
    ['Exists is no valid demand for a name', named('Exists', 'n1'), false],
    ['an empty term selects nothing', [term([])], false],
    ['one term of several is enough', [term([]), ...on('gpu', 'Exists'), ...on('disk', 'Exists')], true],
    [
      'all of a term must hold',
      [
        term(
          [{ key: 'disk', operator: 'Exists', values: [] }],
          [{ key: 'metadata.name', operator: 'In', values: ['n2'] }],
        ),
      ],
      false,
    ],
  ];
  for (const [name, nodeAffinity, fits] of cases) {
    test(name, () => assert.equal(obstacleOn(placement({ nodeAffinity }), node({})) === null, fits));
  }
  test('a name that is not known yet is nobody’s: demanded it fails, excluded it holds', () => {
    const unknown = node({ name: null });
    assert.notEqual(obstacleOn(placement({ nodeAffinity: named('In', 'n1') }), unknown), null);
    assert.equal(obstacleOn(placement({ nodeAffinity: named('NotIn', 'n1') }), unknown), null);
  });
});

describe('taints', () => {
  const taint = { key: 'dedicated', value: 'search', effect: 'NoSchedule' };
  const cases: [string, Toleration[], boolean][] = [
    ['none', [], false],
    ['Equal', [{ key: 'dedicated', operator: 'Equal', value: 'search', effect: 'NoSchedule' }], true],
    ['no operator is Equal', [{ key: 'dedicated', value: 'search' }], true],
    ['another value', [{ key: 'dedicated', value: 'web' }], false],
    ['no value', [{ key: 'dedicated' }], false],
    ['Exists', [{ key: 'dedicated', operator: 'Exists' }], true],
    ['another key', [{ key: 'team', operator: 'Exists' }], false],
    ['another effect', [{ key: 'dedicated', operator: 'Exists', effect: 'NoExecute' }], false],
    ['everything', [{ operator: 'Exists' }], true],
    ['everything of one effect', [{ operator: 'Exists', effect: 'NoSchedule' }], true],
    ['an operator that Kubernetes has switched off', [{ key: 'dedicated', operator: 'Gt', value: '1' }], false],
    ['one of several', [{ key: 'a' }, { key: 'dedicated', operator: 'Exists' }], true],
  ];
  for (const [name, tolerations, fits] of cases) {
    test(name, () => assert.equal(obstacleOn(placement({ tolerations }), node({ taints: [taint] })) === null, fits));
  }
  test('effects: what is preferred keeps nobody off', () => {
    const taints = ['PreferNoSchedule', 'NoExecute'].map((effect) => ({ ...taint, value: null, effect }));
    assert.deepEqual(obstacleOn(placement({}), node({ taints })), { kind: 'taint', taint: 'dedicated:NoExecute' });
    assert.equal(obstacleOn(placement({}), node({ taints: taints.slice(0, 1) })), null);
  });
  test('a cordoned node', () => {
    assert.deepEqual(obstacleOn(placement({}), node({ unschedulable: true })), { kind: 'cordoned' });
    const tolerations = [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }];
    assert.equal(obstacleOn(placement({ tolerations }), node({ unschedulable: true })), null);
  });
});

test('the first reason is told in the words of the manifest', () => {
  const told: [Partial<Placement>, Obstacle][] = [
    [
      { nodeSelector: { disk: 'fast', gpu: 'a100' } },
      { kind: 'label', demand: 'nodeSelector gpu=a100', keys: ['gpu'] },
    ],
    [
      { nodeAffinity: [...on('disk', 'In', 'slow', 'none'), ...on('gpu', 'Exists')] },
      { kind: 'label', demand: 'node affinity disk In (slow, none) or gpu Exists', keys: ['disk', 'gpu'] },
    ],
    [
      { nodeAffinity: on('cores', 'Gt', '64') },
      { kind: 'label', demand: 'node affinity cores Gt 64', keys: ['cores'] },
    ],
  ];
  for (const [part, obstacle] of told) assert.deepEqual(obstacleOn(placement(part), node({})), obstacle);
});

describe('a node of a replacement', () => {
  const labels = {
    'eks.amazonaws.com/nodegroup': 'apps',
    'eks.amazonaws.com/capacityType': 'ON_DEMAND',
    'topology.k8s.aws/zone-id': 'euw1-az1',
    'topology.k8s.aws/network-node-layer-3': 'nn-1',
    'node-role.kubernetes.io/worker': '',
    'nvidia.com/gpu.present': 'true',
    team: 'apps',
    disk: 'fast',
    odd: '1',
  };
  const snapshot = aSnapshot({
    nodegroups: [
      aNodegroup({
        taints: [
          { key: 'dedicated', value: 'apps', effect: 'NO_SCHEDULE' },
          { key: 'spare', value: null, effect: 'PREFER_NO_SCHEDULE' },
        ],
      }),
    ],
    instanceTypes: [anInstanceType()],
    nodes: [
      aNode({ labels }),
      aNode({ name: 'n2', labels: { ...labels, 'topology.k8s.aws/network-node-layer-3': 'nn-2' } }),
    ],
    pods: [
      aPod({
        name: 'agent-1',
        namespace: 'kube-system',
        controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'agent' },
        tolerations: [{ operator: 'Exists' }],
        nodeAffinity: named('In', 'ip-10-0-1-10'),
        requests: { cpuMillis: 100, memoryBytes: 100 * MiB },
      }),
      aPod({
        name: 'other-1',
        controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'other', uid: 'other' },
        requests: { cpuMillis: 500, memoryBytes: 500 * MiB },
      }),
    ],
  });
  const [a, b] = replacementNodes(snapshot, snapshot.nodegroups, aRequest());
  assert.ok(a !== undefined && b !== undefined);

  test('one kind for each zone, with the labels that come again', () => {
    assert.deepEqual([a.zone, b.zone], ['eu-west-1a', 'eu-west-1b']);
    const has = (key: string) => a.labels[key];
    assert.equal(has('team'), 'apps', 'label of the group');
    assert.equal(has('topology.k8s.aws/zone-id'), 'euw1-az1', 'given to every node of the zone');
    assert.equal(has('topology.k8s.aws/network-node-layer-3'), '', 'differs from node to node');
    assert.equal(has('nvidia.com/gpu.present'), 'true', 'a controller puts it on again');
    assert.equal(has('disk'), undefined, 'put on by hand');
    assert.equal(has('node-role.kubernetes.io/worker'), undefined, 'put on by hand');
    assert.equal(has('eks.amazonaws.com/nodegroup'), '', 'not the name of the source');
    assert.equal(b.labels['topology.kubernetes.io/zone'], 'eu-west-1b');
    assert.equal(b.labels['kubernetes.io/arch'], 'amd64');
  });
  test('the taints of the group', () => {
    assert.deepEqual(
      a.taints.map(({ key, effect }) => `${key}:${effect}`),
      ['dedicated:NoSchedule', 'spare:PreferNoSchedule'],
    );
  });
  test('room: what nodes show, less what kubelet will keep more, less the DaemonSets that tolerate the taints', () => {
    // 7100 MiB with 29 pods per node, 81 pods more cost 11 MiB each
    assert.deepEqual(a.room, { pods: 109, cpu: 1830, memory: (7100 - 891 - 100) * MiB });
    assert.deepEqual(
      a.daemons.map(({ name }) => name),
      ['kube-system/agent'],
    );
  });
  test('a DaemonSet is looked at without the name of its node', () => {
    const found = daemonsOf(snapshot).find(({ name }) => name === 'kube-system/agent');
    assert.equal(found?.placement.nodeAffinity, undefined);
    assert.deepEqual([...(found?.nodegroups ?? [])], ['apps']);
  });
  test('room by formula where no node of the type is there', () => {
    const [only] = replacementNodes(
      { ...snapshot, nodes: [], pods: [] },
      snapshot.nodegroups,
      aRequest({ maxPods: 20 }),
    );
    // 2 vCPU less 70 millis; 8192 MiB less 7.5 %, 255 + 11 x 20 and 100 MiB
    assert.deepEqual(only?.room, { pods: 20, cpu: 1930, memory: (7577 - 475 - 100) * MiB });
    assert.equal(only?.mostRoom['memory'], (8192 - 475 - 100) * MiB);
  });
});
