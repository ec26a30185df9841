/** One pod on every node that can take it. */

import { adopt } from './json.ts';
import type { DaemonSet, Node, Pod, Toleration } from './objects.ts';
import type { ControllerContext } from './owned-pods.ts';
import { createPod, freeName, isOf, podsOf, revisionLabel, templateHash } from './owned-pods.ts';
import { isActive, isFinished, isHealthy, isReady, isTerminating, tolerates } from './pods.ts';
import { scaled } from './quantity.ts';
import { matchesNode } from './selectors.ts';
import type { StatusError } from './status.ts';
import type { KubernetesStore } from './store.ts';
import { type Outcome, splitKey } from './work-queue.ts';

/** Tolerations that the controller gives each pod of a DaemonSet. */
const daemonTolerations: readonly Toleration[] = [
  ['not-ready', 'NoExecute'],
  ['unreachable', 'NoExecute'],
  ['disk-pressure', 'NoSchedule'],
  ['memory-pressure', 'NoSchedule'],
  ['pid-pressure', 'NoSchedule'],
  ['unschedulable', 'NoSchedule'],
].map(([key, effect]) => ({ key: `node.kubernetes.io/${key}`, operator: 'Exists', effect: effect ?? '' }));

const networkToleration: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

interface Daemons {
  node: Node;
  wanted: boolean;
  pods: Pod[];
}

export function syncDaemonSet(context: ControllerContext, key: string): Outcome {
  const { store } = context;
  const [namespace, name] = splitKey(key);
  const set = store.get<DaemonSet>('daemonsets', namespace, name);
  if (!set) return undefined;
  const hash = templateHash(set.spec.template);
  let refused = false;
  if (!isTerminating(set)) {
    refused = manageDaemons(context, set, hash);
    if (set.spec.updateStrategy?.type !== 'OnDelete') rollDaemons(context, set, hash);
  }
  const all = daemonsByNode(store, set);
  const counted = (test: (daemons: Daemons) => boolean): number => all.filter(test).length;
  const desired = counted(({ wanted }) => wanted);
  const ready = counted(({ wanted, pods }) => wanted && pods.some(isReady));
  const updated = counted(({ wanted, pods }) => wanted && pods.some((pod) => isOf(pod, hash)));
  store.update<DaemonSet>('daemonsets', namespace, name, (draft) => {
    draft.status = {
      currentNumberScheduled: counted(({ wanted, pods }) => wanted && pods.length > 0),
      desiredNumberScheduled: desired,
      ...(ready > 0 ? { numberAvailable: ready } : {}),
      numberMisscheduled: counted(({ wanted, pods }) => !wanted && pods.length > 0),
      numberReady: ready,
      ...(desired > ready ? { numberUnavailable: desired - ready } : {}),
      observedGeneration: set.metadata.generation ?? 1,
      ...(updated > 0 ? { updatedNumberScheduled: updated } : {}),
    };
  });
  return refused ? 'retry' : undefined;
}

function daemonsByNode(store: KubernetesStore, set: DaemonSet): Daemons[] {
  const pods = new Map<string, Pod[]>();
  for (const pod of podsOf(store, set)) {
    const node = targetNode(pod);
    pods.set(node, [...(pods.get(node) ?? []), pod]);
  }
  const spec = daemonSpec(set);
  return store.list<Node>('nodes').map((node) => ({
    node,
    wanted: shouldRun(spec, node),
    pods: pods.get(node.metadata.name) ?? [],
  }));
}

function daemonSpec({ spec }: DaemonSet): Pod['spec'] {
  const { spec: pod } = spec.template;
  const network = pod.hostNetwork ? [networkToleration] : [];
  return { ...pod, tolerations: [...(pod.tolerations ?? []), ...daemonTolerations, ...network] };
}

function shouldRun(spec: Pod['spec'], node: Node): boolean {
  const untolerated = node.spec.taints?.some(
    (taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(spec.tolerations, taint),
  );
  return !untolerated && matchesNode(spec, node);
}

/** The node that a pod of a DaemonSet is meant for, before and after it is bound. */
function targetNode({ spec }: Pod): string {
  const [term] = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return spec.nodeName ?? term?.matchFields?.[0]?.values?.[0] ?? '';
}

/** Whether admission refused a pod. */
function manageDaemons(context: ControllerContext, set: DaemonSet, hash: string): boolean {
  let refused = false;
  for (const { node, wanted, pods } of daemonsByNode(context.store, set)) {
    for (const pod of pods) if (isFinished(pod) && !isTerminating(pod)) context.deletePod(pod);
    if (wanted && pods.length === 0 && createDaemon(context, set, hash, node)) refused = true;
    if (!wanted && cannotStay(set, node)) for (const pod of pods.filter(isActive)) context.deletePod(pod);
  }
  for (const pod of unscheduledWithoutNode(context.store, set)) context.deletePod(pod);
  return refused;
}

/** Nobody else would take them away: the scheduler waits for their node, and garbage collection looks at bound pods. */
function unscheduledWithoutNode(store: KubernetesStore, set: DaemonSet): Pod[] {
  const nodes = new Set(store.list<Node>('nodes').map(({ metadata }) => metadata.name));
  return podsOf(store, set).filter(
    (pod) => pod.spec.nodeName === undefined && !nodes.has(targetNode(pod)) && !isTerminating(pod),
  );
}

/** A NoSchedule taint that came later leaves a running daemon alone. */
function cannotStay(set: DaemonSet, node: Node): boolean {
  const spec = daemonSpec(set);
  const expelled = node.spec.taints?.some(
    (taint) => taint.effect === 'NoExecute' && !tolerates(spec.tolerations, taint),
  );
  return expelled === true || !matchesNode(spec, node);
}

function createDaemon(
  context: ControllerContext,
  set: DaemonSet,
  hash: string,
  { metadata }: Node,
): StatusError | undefined {
  const { name, namespace = '' } = set.metadata;
  const term = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [metadata.name] }] };
  return createPod(context, {
    owner: set,
    template: set.spec.template,
    name: freeName(context, namespace, `${name}-`),
    generateName: `${name}-`,
    labels: { [revisionLabel]: hash, 'pod-template-generation': String(set.metadata.generation ?? 1) },
    adjust: (spec) => {
      const { tolerations = [] } = daemonSpec(set);
      spec.tolerations = [...tolerations];
      spec.affinity = {
        ...adopt(spec.affinity ?? {}),
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
      };
    },
  });
}

/** Replaces pods of an older template, at most maxUnavailable nodes without a Ready pod at a time. */
function rollDaemons(context: ControllerContext, set: DaemonSet, hash: string): void {
  const nodes = daemonsByNode(context.store, set).filter(({ wanted }) => wanted);
  const limit = Math.max(1, scaled(set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, nodes.length, 'up'));
  let unavailable = nodes.filter(({ pods }) => !pods.some(isHealthy)).length;
  const old = nodes.flatMap(({ pods }) => pods).filter((pod) => !isOf(pod, hash) && !isTerminating(pod));
  for (const pod of old.filter((each) => !isHealthy(each))) context.deletePod(pod);
  for (const pod of old.filter(isHealthy)) {
    if (unavailable >= limit) return;
    unavailable += 1;
    context.deletePod(pod);
  }
}
