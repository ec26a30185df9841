import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import type { Finding } from '../../src/domain/finding.ts';
import type { ClusterNode, ClusterSnapshot, Nodegroup } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNode, aNodegroup, aPod, aRequest, aSnapshot } from '../support/snapshot.ts';

const groupLabels = { 'eks.amazonaws.com/nodegroup': 'apps', team: 'apps' };
const names = ['n-1', 'n-2', 'n-3'];

/** A cluster of three nodes of one group; `of` says what each has besides. */
const cluster = (
  of: (index: number) => Partial<ClusterNode>,
  nodegroup: Partial<Nodegroup> = {},
  more: Partial<ClusterSnapshot> = {},
): ClusterSnapshot =>
  aSnapshot({
    nodegroups: [aNodegroup(nodegroup)],
    nodes: names.map((name, index) => {
      const extra = of(index);
      return aNode({ name, ...extra, labels: { ...groupLabels, ...extra.labels } });
    }),
    pods: [],
    ...more,
  });

const found = (snapshot: ClusterSnapshot, code: string): Finding[] => {
  const request = aRequest();
  return runChecks(snapshot, request, scopeOf(snapshot, request)).filter((one) => one.code === code);
};
const only = (snapshot: ClusterSnapshot, code: string): Finding => {
  const [finding, ...others] = found(snapshot, code);
  assert.ok(finding !== undefined, code);
  assert.deepEqual(others, []);
  return finding;
};

describe('labels', () => {
  const known = [
    'kubernetes.io/os',
    'topology.kubernetes.io/zone',
    'topology.ebs.csi.aws.com/zone',
    'eks.amazonaws.com/nodegroup-image',
    'k8s.amazonaws.com/accelerator',
    'feature.node.kubernetes.io/cpu-model',
    'nvidia.com/gpu.present',
    'vpc.amazonaws.com/has-trunk-attached',
  ];
  for (const key of known) {
    test(`${key} comes again`, () => {
      assert.deepEqual(
        found(
          cluster(() => ({ labels: { [key]: 'x' } })),
          'NODE.LABEL_LOST',
        ),
        [],
      );
    });
  }
  test('of a person: values, how many nodes, who demands them, and the commands', () => {
    const pod = aPod({ name: 'search-0', nodeName: 'n-1', nodeSelector: { tier: 'gold' } });
    const snapshot = cluster(
      (index) => ({ labels: { 'node-role.kubernetes.io/apps': '', ...(index === 2 ? {} : { tier: 'gold' }) } }),
      {},
      { pods: [pod] },
    );
    const finding = only(snapshot, 'NODE.LABEL_LOST');
    assert.equal(finding.severity, 'warning');
    assert.equal(
      finding.summary,
      'Node group apps: its nodes have labels that the group does not have: node-role.kubernetes.io/apps= (3 of 3 nodes), tier=gold (2 of 3 nodes).',
    );
    assert.match(finding.why, /tier is demanded by shop\/web\.$/);
    assert.deepEqual(finding.nextActions, [
      "aws eks update-nodegroup-config --region eu-west-1 --cluster-name shop-eu --nodegroup-name apps --labels 'addOrUpdateLabels={tier=gold}'  # then plan again: the replacement gets the labels of the group",
      'kubectl label node NODE node-role.kubernetes.io/apps=  # each new node, once it is there',
      'kubectl label node NODE tier=gold  # each new node, once it is there',
    ]);
  });
  test('another value than the group has counts, too', () => {
    assert.match(
      only(
        cluster((index) => (index === 0 ? { labels: { team: 'red' } } : {})),
        'NODE.LABEL_LOST',
      ).summary,
      /: team=red \(1 of 3 nodes\)\.$/,
    );
  });
  test('on all nodes of a group with user data: it may come from there', () => {
    const data = { launchTemplateId: 'lt-1', version: '1', name: 't', imageId: null, instanceType: null, data: {} };
    const snapshot = cluster(
      () => ({ labels: { tier: 'gold' } }),
      { launchTemplate: { id: 'lt-1', name: 't', version: '1' } },
      {
        launchTemplates: [{ ...data, userDataHash: 'abc' }],
      },
    );
    assert.equal(only(snapshot, 'NODE.LABEL_LOST').severity, 'advice');
  });
});

describe('taints', () => {
  const dedicated = { key: 'dedicated', value: 'search', effect: 'NoSchedule' };
  test('of a person, on a part of the nodes', () => {
    const finding = only(
      cluster((index) => (index === 0 ? { taints: [dedicated] } : {})),
      'NODE.TAINT_LOST',
    );
    assert.match(finding.summary, /: dedicated=search:NoSchedule \(1 of 3 nodes\)\.$/);
    assert.match(
      finding.nextActions[0] ?? '',
      /addOrUpdateTaints=\[\{key=dedicated,value=search,effect=NO_SCHEDULE\}\]/,
    );
  });
  test('of the group, of the state of a node, and of controllers are none', () => {
    const state = { key: 'node.kubernetes.io/disk-pressure', value: null, effect: 'NoSchedule' };
    const taints = [{ key: 'dedicated', value: 'search', effect: 'NO_SCHEDULE' as const }];
    assert.deepEqual(
      found(
        cluster(() => ({ taints: [state, dedicated] }), { taints }),
        'NODE.TAINT_LOST',
      ),
      [],
    );
  });
});

describe('annotations', () => {
  test('of somebody unknown, and of a person who speaks to the autoscaler', () => {
    const known = ['node.alpha.kubernetes.io/ttl', 'csi.volume.kubernetes.io/nodeid', 'projectcalico.org/IPv4Address'];
    const finding = only(
      cluster((index) => ({
        otherAnnotations: [
          ...known,
          'cluster-autoscaler.kubernetes.io/scale-down-disabled',
          ...(index === 1 ? ['acme.example/rack'] : []),
        ],
      })),
      'NODE.ANNOTATION_LOST',
    );
    assert.equal(
      finding.summary,
      'Node group apps: its nodes have annotations that new ones do not get: acme.example/rack (1 of 3 nodes), cluster-autoscaler.kubernetes.io/scale-down-disabled (3 of 3 nodes).',
    );
    assert.match(finding.nextActions[0] ?? '', /^kubectl describe node n-1 /);
    assert.deepEqual(
      found(
        cluster(() => ({ otherAnnotations: known })),
        'NODE.ANNOTATION_LOST',
      ),
      [],
    );
  });
  test('an older snapshot does not have them', () => {
    assert.deepEqual(
      found(
        cluster(() => ({})),
        'NODE.ANNOTATION_LOST',
      ),
      [],
    );
  });
});
