import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KubernetesOperation, translateKubernetesError } from '../../../src/adapters/kubernetes/errors.ts';
import { StatusError } from '../../../src/adapters/kubernetes/status-error.ts';

const text =
  'pods is forbidden: User "ci" cannot delete resource "pods" in API group "" in the namespace "kube-system"';

const rows: [string, KubernetesOperation, string[]][] = [
  [
    'in one namespace',
    { verb: 'delete', resource: 'pods', namespace: 'kube-system', name: 'canary' },
    [
      'kubectl auth can-i delete pods -n kube-system',
      'kubectl -n kube-system create role prefix-migrate-delete-pods --verb=delete --resource=pods',
      "kubectl -n kube-system create rolebinding prefix-migrate-delete-pods --role=prefix-migrate-delete-pods --user='ci'",
    ],
  ],
  [
    'in the whole cluster',
    { verb: 'list', resource: 'pods' },
    [
      'kubectl auth can-i list pods --all-namespaces',
      'kubectl create clusterrole prefix-migrate-list-pods --verb=list --resource=pods',
      "kubectl create clusterrolebinding prefix-migrate-list-pods --clusterrole=prefix-migrate-list-pods --user='ci'",
    ],
  ],
];
for (const [name, operation, actions] of rows) {
  test(`a missing right is granted no further than it was asked for: ${name}`, () => {
    const error = new StatusError(403, undefined, JSON.stringify({ kind: 'Status', message: text }), 0);
    assert.deepEqual(translateKubernetesError(error, operation, 'https://x').nextActions, actions);
  });
}
