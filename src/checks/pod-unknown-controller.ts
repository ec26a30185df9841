import type { Finding } from '../domain/finding.ts';
import type { OwnerReference } from '../domain/snapshot.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, listed } from './check.ts';

/** Kinds that create a pod anew when one is gone, with their API group. */
const knownKinds = new Set([
  'apps/ReplicaSet',
  'apps/Deployment',
  'apps/StatefulSet',
  'apps/DaemonSet',
  'batch/Job',
  'ReplicationController',
]);

/** Pods of controllers of which we do not know what they do when a pod is evicted. */
export const podUnknownController: Check = {
  codes: [
    {
      code: 'POD.UNKNOWN_CONTROLLER',
      meaning: 'Pods belong to a kind of controller that is not part of Kubernetes: it may not create them anew.',
      canBeAllowed: false,
    },
  ],
  run(_snapshot, { movingPods }) {
    const strangers = movingPods.filter(
      ({ controller }) => controller !== null && !knownKinds.has(qualifiedKind(controller)),
    );
    const byKind = Map.groupBy(strangers, ({ controller }) => (controller === null ? '' : qualifiedKind(controller)));
    return [...byKind].flatMap(([kind, pods]): Finding[] => {
      const owners = [...new Set(pods.map((pod) => `${pod.namespace}/${pod.controller?.name}`))];
      const [first] = pods;
      if (first === undefined) return [];
      return [
        {
          code: 'POD.UNKNOWN_CONTROLLER',
          severity: 'warning',
          subject: `${kind} ${listed(owners, 3)}`,
          summary: `${count(pods.length, 'pod')} on the nodes to be drained belong to ${kind} ${listed(owners)}: ${listed(pods.map(nameOf), 3)}.`,
          why: 'They are evicted like others, but Kubernetes itself does not create them anew: that is up to the controller of this kind.',
          nextActions: [
            `kubectl -n ${first.namespace} get pod ${first.name} -o jsonpath='{.metadata.ownerReferences}'`,
          ],
        },
      ];
    });
  },
};

/** `apps/ReplicaSet`, `Pod` of the core group */
export const qualifiedKind = ({ apiVersion, kind }: OwnerReference): string =>
  apiVersion.includes('/') ? `${apiVersion.split('/')[0]}/${kind}` : kind;
