import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { firstToMove } from '../../src/domain/first-to-move.ts';
import { podsToMove } from '../../src/domain/nodegroups.ts';
import type { ClusterSnapshot, PodWebhook, Service } from '../../src/domain/snapshot.ts';
import { aDeployment, aSnapshot, podsOf } from '../support/snapshot.ts';

const nodes = ['ip-10-0-1-10', 'ip-10-0-2-10'];
const elsewhere = ['ip-10-0-1-30'];

const dns = (where: readonly string[], overrides = {}) =>
  podsOf('kube-system', 'coredns', 2, where).map((pod) => ({
    ...pod,
    labels: { 'k8s-app': 'kube-dns' },
    priorityClassName: 'system-cluster-critical',
    ...overrides,
  }));
const gate = (where: readonly string[]) => podsOf('shop', 'gate', 1, where);
const metrics = (where: readonly string[]) =>
  podsOf('kube-system', 'metrics-server', 1, where).map((pod) => ({
    ...pod,
    priorityClassName: 'system-cluster-critical',
  }));
const templates = [
  ...aDeployment('kube-system', 'coredns', 2).map((each) => ({
    ...each,
    template: { labels: { 'k8s-app': 'kube-dns' }, nodeSelector: {}, tolerations: [] },
  })),
  ...aDeployment('kube-system', 'metrics-server', 1).map((each) => ({
    ...each,
    template: { labels: { app: 'metrics-server' }, nodeSelector: {}, tolerations: [] },
  })),
];
const webhook: PodWebhook = {
  kind: 'mutating',
  configuration: 'gate',
  name: 'gate.example.com',
  failurePolicy: 'Fail',
  service: { namespace: 'shop', name: 'gate' },
  intercepts: ['pods'],
  namespaceSelector: null,
};
const service: Service = {
  namespace: 'shop',
  name: 'gate',
  type: 'ClusterIP',
  selector: { app: 'gate' },
  externalTrafficPolicy: null,
};

const names = (overrides: Partial<ClusterSnapshot>) => {
  const snapshot = aSnapshot({ workloads: templates, podWebhooks: [webhook], services: [service], ...overrides });
  return firstToMove(snapshot, podsToMove(snapshot, ['apps'])).map(({ namespace, name }) => `${namespace}/${name}`);
};

describe('what moves first', () => {
  const rows: [string, Partial<ClusterSnapshot>, string[]][] = [
    [
      'CoreDNS, webhooks, what is critical: each once, in this order',
      { pods: [...metrics(nodes), ...gate(nodes), ...dns(nodes)] },
      ['kube-system/coredns', 'shop/gate', 'kube-system/metrics-server'],
    ],
    [
      'only what is nowhere else',
      { pods: [...metrics(elsewhere), ...gate(nodes), ...dns([...nodes.slice(1), ...elsewhere])] },
      ['shop/gate'],
    ],
    [
      'a copy elsewhere that is not Ready does not help',
      {
        pods: [...dns(nodes), ...dns(elsewhere, { ready: false })],
      },
      ['kube-system/coredns'],
    ],
    ['nothing that is not Ready now: nobody could wait for it', { pods: dns(nodes, { ready: false }) }, []],
    ['a webhook that may be silent', { pods: gate(nodes), podWebhooks: [{ ...webhook, failurePolicy: 'Ignore' }] }, []],
    ['a service that selects by nothing', { pods: gate(nodes), services: [{ ...service, selector: {} }] }, []],
    [
      'critical pods that nobody can be told apart by',
      { pods: metrics(nodes), workloads: aDeployment('kube-system', 'metrics-server', 1) },
      [],
    ],
    ['nothing', { pods: podsOf('shop', 'web', 3, nodes) }, []],
  ];
  for (const [name, overrides, expected] of rows) test(name, () => assert.deepEqual(names(overrides), expected));

  test('the labels of the Service of CoreDNS, where there is one', () => {
    const snapshot = aSnapshot({
      pods: dns(nodes).map((pod) => ({ ...pod, labels: { app: 'names' } })),
      services: [{ ...service, namespace: 'kube-system', name: 'kube-dns', selector: { app: 'names' } }],
    });
    assert.deepEqual(firstToMove(snapshot, podsToMove(snapshot, ['apps'])), [
      { namespace: 'kube-system', name: 'coredns', selector: { app: 'names' } },
    ]);
  });
});
