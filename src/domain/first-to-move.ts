import type { StepParams } from './plan.ts';
import { podsBySelector } from './selector-index.ts';
import type { ClusterSnapshot, Pod } from './snapshot.ts';
import { indexWorkloads, nameOf, ownerOf } from './workloads.ts';

type FirstToMove = StepParams['drain-source']['first'][number];

/** Pods of a namespace that have certain labels, under a name for people. */
export interface PodsByLabels {
  namespace: string;
  name: string;
  selector: { matchLabels: Record<string, string> };
}

/** Pods of this label give the cluster its names, whatever their Deployment is called. */
const dnsLabel = { 'k8s-app': 'kube-dns' };

/**
 * What other pods need to start, where its only Ready pods have to move: CoreDNS, webhooks that stop the creation or the
 * eviction of pods when they do not answer, and what else is `system-cluster-critical`. In that order, each once.
 */
export function firstToMove(snapshot: ClusterSnapshot, movingPods: readonly Pod[]): FirstToMove[] {
  const candidates = [dnsPods(snapshot), ...webhookPods(snapshot), ...critical(snapshot, movingPods)];
  const pods = onlyMoving(candidates, snapshot.pods, new Set(movingPods));
  const seen = new Set<Pod>();
  return candidates.flatMap((candidate) => {
    const ready = pods.get(candidate) ?? [];
    if (ready.every((pod) => seen.has(pod))) return [];
    for (const pod of ready) seen.add(pod);
    const { name, namespace, selector } = candidate;
    return [{ name, namespace, selector: selector.matchLabels }];
  });
}

/** Of those whose Ready pods all have to move, the pods. What has no Ready pod, and what selects any pod, is left out. */
export function onlyMoving<T extends PodsByLabels>(
  things: readonly T[],
  pods: readonly Pod[],
  moving: ReadonlySet<Pod>,
): Map<T, Pod[]> {
  const selecting = things.filter(({ selector }) => Object.keys(selector.matchLabels).length > 0);
  const ready = pods.filter((pod) => pod.ready && pod.deletionTimestamp === null);
  return new Map(
    [...podsBySelector(selecting, ready)].filter(([, selected]) => selected.every((pod) => moving.has(pod))),
  );
}

/** CoreDNS, by its Service, or by the label that it has everywhere. */
export function dnsPods({ services }: ClusterSnapshot): PodsByLabels {
  const service = services.find(({ namespace, name }) => namespace === 'kube-system' && name === 'kube-dns');
  return { namespace: 'kube-system', name: 'coredns', selector: { matchLabels: service?.selector ?? dnsLabel } };
}

/** Pods behind webhooks that stop every pod of which they are asked when none of them answers, by their Service. */
export function webhookPods({ podWebhooks, services }: ClusterSnapshot): PodsByLabels[] {
  const wanted = new Set(
    podWebhooks.flatMap(({ failurePolicy, service }) =>
      failurePolicy === 'Fail' && service !== null ? [nameOf(service)] : [],
    ),
  );
  return services.flatMap(({ namespace, name, selector }) =>
    selector !== null && wanted.has(nameOf({ namespace, name }))
      ? [{ namespace, name, selector: { matchLabels: selector } }]
      : [],
  );
}

/** Workloads of that priority, told apart by the labels of their template. */
function critical({ workloads }: ClusterSnapshot, movingPods: readonly Pod[]): PodsByLabels[] {
  const index = indexWorkloads(workloads);
  const owners = movingPods
    .filter(({ priorityClassName }) => priorityClassName === 'system-cluster-critical')
    .map((pod) => ownerOf(pod, index)?.uid);
  return [...new Set(owners)].flatMap((uid) => {
    const { namespace, name, template } = index.byUid.get(uid ?? '') ?? {};
    return namespace === undefined || name === undefined || template === undefined
      ? []
      : [{ namespace, name, selector: { matchLabels: template.labels } }];
  });
}
