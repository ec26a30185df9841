/**
 * The cluster autoscaler (kubernetes/autoscaler, cluster-autoscaler 1.33 with cloud provider aws) as far as a drain meets
 * it: a group grows when pods fit on no node and would fit on one more of its nodes; a node that has been empty goes. It
 * works only while a pod of its Deployment is Ready, and forgets everything with that pod.
 */
import type { AutoScaling, AutoScalingGroup } from './aws/auto-scaling.ts';
import { createEventRecorder } from './kubernetes/events.ts';
import type { Node, Pod } from './kubernetes/objects.ts';
import {
  conditionOf,
  controllerOf,
  isFinished,
  isHealthy,
  isReady,
  isTerminating,
  requests,
  tolerates,
} from './kubernetes/pods.ts';
import { quantity } from './kubernetes/quantity.ts';
import { matchesNode, matchesSelector } from './kubernetes/selectors.ts';
import { claimsOf, fitsNode, volumeOf } from './kubernetes/storage.ts';
import type { KubernetesStore } from './kubernetes/store.ts';
import { required } from './kubernetes/topology.ts';
import type { ClusterAutoscalerSpec } from './scenario.ts';
import type { Random, SimClock, Timer } from './types.ts';

const component = 'cluster-autoscaler';
const enabledTag = 'k8s.io/cluster-autoscaler/enabled';
const keepsNode = 'cluster-autoscaler.kubernetes.io/scale-down-disabled';
const leaving = 'ToBeDeletedByClusterAutoscaler';
const hostname = 'kubernetes.io/hostname';
/** --scale-down-delay-after-add */
const pauseAfterGrowthMs = 600_000;

export interface ClusterAutoscalerDeps {
  spec: ClusterAutoscalerSpec;
  store: KubernetesStore;
  clock: SimClock;
  random: Random;
  scaling: AutoScaling;
}

/** Room of a node that is not there yet. */
interface Bin {
  node: Node;
  cpu: number;
  memory: number;
  pods: number;
  taken: Pod[];
}

export function startClusterAutoscaler({ spec, store, clock, random, scaling }: ClusterAutoscalerDeps): void {
  const { unneededSeconds = 600, scanSeconds = 10 } = spec;
  const record = createEventRecorder(store);
  const emptySince = new Map<string, number>();
  const patterns = new Map<string, Node>();
  let leader: string | undefined;
  let grownAt = Number.NEGATIVE_INFINITY;
  let due = Number.POSITIVE_INFINITY;
  let timer: Timer | undefined;

  store.watch<Pod>('pods', () => scanAfter(scanSeconds * 1000));
  store.watch<Node>('nodes', () => scanAfter(scanSeconds * 1000));
  scanAfter(scanSeconds * 1000);

  /** The sooner of two scans is enough: it plans the next one. */
  function scanAfter(ms: number): void {
    if (clock.now() + ms >= due) return;
    timer?.cancel();
    due = clock.now() + ms;
    timer = clock.after(ms, scan);
  }

  function scan(): void {
    due = Number.POSITIVE_INFINITY;
    const pod = store
      .list<Pod>('pods', 'kube-system')
      .find((each) => each.metadata.labels?.['app'] === component && isHealthy(each));
    if (pod?.metadata.uid !== leader) {
      emptySince.clear();
      patterns.clear();
      grownAt = Number.NEGATIVE_INFINITY;
      leader = pod?.metadata.uid;
    }
    if (!pod) return;
    grow();
    shrink();
  }

  const groups = (): AutoScalingGroup[] =>
    [...scaling.groups.values()].filter(({ tags }) => Object.hasOwn(tags, enabledTag));

  const nodesOf = ({ members }: AutoScalingGroup): Node[] =>
    members.flatMap(({ instance, lifecycle }) =>
      lifecycle.startsWith('Terminating') ? [] : (store.get<Node>('nodes', undefined, instance.privateDnsName) ?? []),
    );

  function grow(): void {
    const pending = store.list<Pod>('pods').filter(waitsForNode);
    if (pending.length === 0) return;
    const candidates = groups().flatMap((group) => {
      const pattern = patternOf(group);
      return pattern ? [{ group, pattern }] : [];
    });
    // Nodes on their way come first.
    const coming = candidates.flatMap(({ group, pattern }) =>
      Array.from({ length: Math.max(0, group.desired - nodesOf(group).filter(isReady).length) }, () => binOf(pattern)),
    );
    const left = pending.filter((pod) => !coming.some((bin) => place(pod, bin)));
    if (left.length === 0) return;
    const options = candidates
      .map(({ group, pattern }) => ({ group, ...pack(left, pattern, group.maxSize - group.desired) }))
      .filter(({ placed }) => placed.size > 0);
    const helpless = new Set(left);
    if (options.length > 0) {
      const { group, nodes, placed } = random.pick(options);
      const { desired, maxSize } = group;
      const text = `pod triggered scale-up: [{${group.name} ${desired}->${desired + nodes} (max: ${maxSize})}]`;
      for (const pod of placed) record(pod, 'Normal', 'TriggeredScaleUp', text, component);
      const why = `a user request explicitly set group desired capacity changing the desired capacity from ${desired} to ${desired + nodes}`;
      grownAt = clock.now();
      scaling.resize(group, { desired: desired + nodes }, why);
      for (const option of options) for (const pod of option.placed) helpless.delete(pod);
      scanAfter(scanSeconds * 1000);
    }
    const reasons = tally(
      candidates.map(({ group, pattern }) => (group.desired >= group.maxSize ? full : blocked(left, pattern))),
    );
    for (const pod of helpless)
      record(pod, 'Normal', 'NotTriggerScaleUp', `pod didn't trigger scale-up: ${reasons}`, component);
  }

  /** What a new node of a group looks like: as one that is there, a schedulable one first; as the last one, when all are gone. */
  function patternOf(group: AutoScalingGroup): Node | undefined {
    const nodes = nodesOf(group);
    const good = nodes.find((node) => isReady(node) && !node.spec.unschedulable) ?? nodes.find(isReady);
    if (good) patterns.set(group.name, good);
    return patterns.get(group.name);
  }

  /** Empty but for the pods of DaemonSets. */
  function binOf(pattern: Node): Bin {
    const {
      metadata,
      spec: { unschedulable: _, ...rest },
      status,
    } = pattern;
    const taints = (rest.taints ?? []).filter(({ key }) => !key.startsWith('node.kubernetes.io/') && key !== leaving);
    const labels = { ...metadata.labels, [hostname]: 'template-node' };
    const daemons = store.podsOnNode<Pod>(metadata.name).filter((pod) => controllerOf(pod)?.kind === 'DaemonSet');
    const taken = daemons.map(requests);
    return {
      node: { ...pattern, metadata: { ...metadata, name: 'template-node', labels }, spec: { ...rest, taints } },
      cpu: quantity(status.allocatable?.['cpu']) - taken.reduce((sum, { cpu }) => sum + cpu, 0),
      memory: quantity(status.allocatable?.['memory']) - taken.reduce((sum, { memory }) => sum + memory, 0),
      pods: quantity(status.allocatable?.['pods']) - daemons.length,
      taken: [],
    };
  }

  /** First fit over as many new nodes as may be. */
  function pack(pods: readonly Pod[], pattern: Node, most: number): { nodes: number; placed: Set<Pod> } {
    const bins: Bin[] = [];
    const placed = new Set<Pod>();
    for (const pod of pods) {
      let fits = bins.some((bin) => place(pod, bin));
      if (!fits && bins.length < most) {
        const bin = binOf(pattern);
        fits = place(pod, bin);
        if (fits) bins.push(bin);
      }
      if (fits) placed.add(pod);
    }
    return { nodes: bins.length, placed };
  }

  function place(pod: Pod, bin: Bin): boolean {
    if (refusal(pod, bin) !== undefined) return false;
    const { cpu, memory } = requests(pod);
    bin.cpu -= cpu;
    bin.memory -= memory;
    bin.pods -= 1;
    bin.taken.push(pod);
    return true;
  }

  function refusal(pod: Pod, bin: Bin): string | undefined {
    const { node } = bin;
    const { cpu, memory } = requests(pod);
    if (
      node.spec.taints?.some((taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(pod.spec.tolerations, taint))
    ) {
      return 'node(s) had untolerated taint(s)';
    }
    if (!matchesNode(pod.spec, node)) return "node(s) didn't match Pod's node affinity/selector";
    if (bin.pods < 1) return 'Too many pods';
    if (cpu > bin.cpu + 1e-9) return 'Insufficient cpu';
    if (memory > bin.memory) return 'Insufficient memory';
    const volumes = [...claimsOf(store, pod).values()].map((claim) => volumeOf(store, claim));
    if (!volumes.every((volume) => fitsNode(volume, node))) return 'node(s) had volume node affinity conflict';
    const apart = required(pod, 'podAntiAffinity').some(
      ({ topologyKey, labelSelector }) =>
        topologyKey === hostname && bin.taken.some((other) => matchesSelector(labelSelector, other.metadata.labels)),
    );
    return apart ? "node(s) didn't match pod anti-affinity rules" : undefined;
  }

  function blocked([pod]: readonly Pod[], pattern: Node): string {
    return (pod && refusal(pod, binOf(pattern))) ?? full;
  }

  function shrink(): void {
    let next = Number.POSITIVE_INFINITY;
    const seen = new Set<string>();
    for (const group of groups()) {
      let spare = group.desired - group.minSize;
      for (const node of nodesOf(group)) {
        const { name, annotations } = node.metadata;
        if (annotations?.[keepsNode] === 'true' || !isReady(node) || !isEmpty(name)) continue;
        seen.add(name);
        const since = emptySince.get(name) ?? clock.now();
        emptySince.set(name, since);
        if (spare <= 0) continue;
        spare -= 1;
        const ready = Math.max(since + unneededSeconds * 1000, grownAt + pauseAfterGrowthMs);
        if (ready <= clock.now()) removeNode(node);
        else next = Math.min(next, ready);
      }
    }
    for (const name of emptySince.keys()) if (!seen.has(name)) emptySince.delete(name);
    if (next < Number.POSITIVE_INFINITY) scanAfter(next - clock.now());
  }

  function isEmpty(nodeName: string): boolean {
    return store
      .podsOnNode<Pod>(nodeName)
      .every((pod) => isFinished(pod) || controllerOf(pod)?.kind === 'DaemonSet' || controllerOf(pod)?.kind === 'Node');
  }

  function removeNode(node: Node): void {
    const { name } = node.metadata;
    store.update<Node>('nodes', undefined, name, (draft) => {
      const value = String(Math.floor(clock.now() / 1000));
      draft.spec.taints = [...(draft.spec.taints ?? []), { key: leaving, value, effect: 'NoSchedule' }];
    });
    record(node, 'Normal', 'ScaleDown', 'marked the node as toBeDeleted/unschedulable', component);
    scaling.terminate(node.spec.providerID?.split('/').at(-1) ?? '', true);
  }
}

function waitsForNode(pod: Pod): boolean {
  const { status, reason } = conditionOf(pod, 'PodScheduled') ?? {};
  const unschedulable = status === 'False' && reason === 'Unschedulable';
  return unschedulable && !isTerminating(pod) && !pod.spec.nodeName && controllerOf(pod)?.kind !== 'DaemonSet';
}

const full = 'max node group size reached';

function tally(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .toSorted()
    .join(', ');
}
