import type {
  ClusterNode,
  DaemonSetRollout,
  EniConfig,
  Pod,
  PodDisruptionBudget,
  Service,
  Workload,
} from '../../domain/snapshot.ts';
import type { ConfigMap, DaemonSet, LeaseRecord, PodEvent } from '../../ports/kubernetes.ts';
import { cleanText } from '../clean-text.ts';
import { isObject } from '../is-object.ts';
import { controllerOf } from './owner.ts';
import { placementOf, templateOf, toSelector, unlessEmpty } from './placement.ts';
import { bytes, cpuMillis, type QuantityText, quantity } from './quantity.ts';
import type {
  WireConfigMap,
  WireContainer,
  WireEniConfig,
  WireEvent,
  WireLease,
  WireMeta,
  WireNode,
  WireObject,
  WirePod,
  WirePodDisruptionBudget,
  WireService,
  WireWorkload,
} from './wire.ts';

const meta = (object: WireObject): WireMeta => object.metadata ?? {};

export function toNode(node: WireNode): ClusterNode {
  const { name, uid, labels, annotations, creationTimestamp } = meta(node);
  const known = labels ?? {};
  const allocatable = node.status?.allocatable ?? {};
  return {
    name: name ?? '',
    uid: uid ?? '',
    instanceId: /^aws:\/\/.*\/(i-[\w-]+)$/.exec(node.spec?.providerID ?? '')?.[1] ?? null,
    instanceType: known['node.kubernetes.io/instance-type'] ?? known['beta.kubernetes.io/instance-type'] ?? null,
    availabilityZone: known['topology.kubernetes.io/zone'] ?? known['failure-domain.beta.kubernetes.io/zone'] ?? null,
    nodegroupName: known['eks.amazonaws.com/nodegroup'] ?? null,
    labels: known,
    annotations: annotations ?? {},
    taints: (node.spec?.taints ?? []).map((taint) => ({
      key: taint.key ?? '',
      value: taint.value ?? null,
      effect: taint.effect ?? '',
    })),
    unschedulable: node.spec?.unschedulable === true,
    ready: hasCondition(node.status?.conditions, 'Ready'),
    createdAt: creationTimestamp ?? '',
    ...(node.status?.nodeInfo?.osImage ? { osImage: cleanText(node.status.nodeInfo.osImage) } : {}),
    capacityPods: quantity(node.status?.capacity?.pods),
    allocatable: {
      pods: quantity(allocatable.pods),
      cpuMillis: cpuMillis(allocatable.cpu),
      memoryBytes: bytes(allocatable.memory),
      ...othersIn(allocatable),
    },
  };
}

/** What nodes offer besides pods, CPU and memory. */
function othersIn(allocatable: Record<string, QuantityText>): Pick<ClusterNode['allocatable'], 'others'> {
  const others = Object.entries(allocatable).filter(([name]) => !['pods', 'cpu', 'memory'].includes(name));
  return others.length === 0 ? {} : { others: Object.fromEntries(others.map(([name, text]) => [name, bytes(text)])) };
}

type Conditions = NonNullable<WirePod['status']>['conditions'];

/** Name of a node and those of its images. */
export const toNodeImages = (node: WireNode): [string, string[]] => [
  meta(node).name ?? '',
  (node.status?.images ?? []).flatMap(({ names }) => names ?? []),
];

const hasCondition = (conditions: Conditions, type: string): boolean =>
  (conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

/** With these, autoscalers leave a pod where it is. */
const forbidsMoving = new Set([
  'cluster-autoscaler.kubernetes.io/safe-to-evict',
  'karpenter.sh/do-not-disrupt',
  'karpenter.sh/do-not-evict',
]);

/** Other annotations may hold anything, such as the manifest that was applied last, with its secrets; and pods are many. */
const isRead = (key: string): boolean => forbidsMoving.has(key) || key.startsWith('vpc.amazonaws.com/');

export function toPod(pod: WirePod): Pod {
  const { name, namespace, uid, creationTimestamp, deletionTimestamp, labels, annotations, finalizers } = meta(pod);
  const { spec, status } = pod;
  const volumes = spec?.volumes ?? [];
  return {
    namespace: namespace ?? '',
    name: name ?? '',
    uid: uid ?? '',
    nodeName: spec?.nodeName || null,
    phase: status?.phase ?? 'Unknown',
    ready: hasCondition(status?.conditions, 'Ready'),
    ...startTimes(status),
    createdAt: creationTimestamp ?? '',
    deletionTimestamp: deletionTimestamp ?? null,
    controller: controllerOf(pod),
    labels: labels ?? {},
    annotations: Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => isRead(key))),
    hostNetwork: spec?.hostNetwork === true,
    podIp: status?.podIP || null,
    mirror: annotations?.['kubernetes.io/config.mirror'] !== undefined,
    emptyDirVolumes: volumes.filter((volume) => volume.emptyDir != null).map((volume) => volume.name ?? ''),
    persistentVolumeClaims: volumes.flatMap((volume) => {
      // a generic ephemeral volume has a claim named after pod and volume
      if (volume.ephemeral != null) return [`${name}-${volume.name}`];
      return volume.persistentVolumeClaim?.claimName ?? [];
    }),
    requests: requestsOf(pod),
    terminationGracePeriodSeconds: spec?.terminationGracePeriodSeconds ?? 30,
    trouble: troubleOf(pod),
    ...placementOf(spec, labels ?? {}),
    ...emptyDirLimitsOf(volumes),
    ...unlessEmpty(
      'hostPaths',
      volumes.flatMap(({ hostPath }) => hostPath?.path ?? []),
    ),
    ...(spec?.priorityClassName ? { priorityClassName: spec.priorityClassName } : {}),
    ...unlessEmpty('finalizers', finalizers ?? []),
  };
}

type WireVolumes = NonNullable<NonNullable<WirePod['spec']>['volumes']>;

function emptyDirLimitsOf(volumes: WireVolumes): Pick<Pod, 'emptyDirLimits'> {
  const limits = volumes.flatMap(({ name, emptyDir }) => {
    const { medium, sizeLimit } = emptyDir ?? {};
    const words = [...(medium ? [medium] : []), ...(sizeLimit ? [`at most ${sizeLimit}`] : [])];
    return words.length === 0 ? [] : [[name ?? '', words.join(', ')] as const];
  });
  return limits.length === 0 ? {} : { emptyDirLimits: Object.fromEntries(limits) };
}

/** Between two conditions, which carry the time of their last change: no measure once a container has restarted or was not Ready for a while. */
function startTimes(status: WirePod['status']): Pick<Pod, 'startupSeconds' | 'warmupSeconds'> {
  const since = (type: string): number => {
    const found = (status?.conditions ?? []).find((condition) => condition.type === type);
    return found?.status === 'True' ? Date.parse(found.lastTransitionTime ?? '') : Number.NaN;
  };
  const containers = status?.containerStatuses ?? [];
  const restarted = containers.some(({ restartCount }) => (restartCount ?? 0) > 0);
  const starts = containers.map(({ state }) => Date.parse(state?.running?.startedAt ?? ''));
  const warmup = (since('Ready') - Math.max(...starts)) / 1000;
  const startup = (since('Ready') - since('PodScheduled')) / 1000;
  // A container that ran for long before its pod was Ready was Ready once and has lost it in between.
  const isFirst = !restarted && startup >= 0 && !(warmup > longestProbesSeconds);
  return { startupSeconds: isFirst ? startup : null, warmupSeconds: isFirst && warmup >= 0 ? warmup : null };
}

/** From the start of the last container to Ready: five minutes of probes. A choice. */
const longestProbesSeconds = 5 * 60;

/**
 * What the scheduler sets aside: all containers together, or the hungriest init container with the sidecars begun before
 * it, whichever is more; pod-level requests stand above both; the runtime's overhead on top.
 */
function requestsOf({ spec }: WirePod): Pod['requests'] {
  const effective = (resource: string, parse: (text: QuantityText) => number): number => {
    const of = (container: WireContainer) => parse(container.resources?.requests?.[resource]);
    let sidecars = 0;
    let peak = 0;
    for (const container of spec?.initContainers ?? []) {
      const own = of(container);
      if (container.restartPolicy === 'Always') sidecars += own;
      peak = Math.max(peak, container.restartPolicy === 'Always' ? sidecars : sidecars + own);
    }
    const running = (spec?.containers ?? []).reduce((sum, container) => sum + of(container), sidecars);
    const podLevel = spec?.resources?.requests?.[resource];
    const needed = podLevel == null ? Math.max(running, peak) : parse(podLevel);
    return needed + parse(spec?.overhead?.[resource]);
  };
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const asked = [spec?.overhead, spec?.resources?.requests, ...containers.map(({ resources }) => resources?.requests)];
  const others = new Set(asked.flatMap((requests) => Object.keys(requests ?? {})));
  others.delete('cpu');
  others.delete('memory');
  return {
    cpuMillis: effective('cpu', cpuMillis),
    memoryBytes: effective('memory', bytes),
    ...(others.size === 0
      ? {}
      : {
          others: Object.fromEntries([...others].toSorted().map((resource) => [resource, effective(resource, bytes)])),
        }),
  };
}

/** Reasons of a waiting container that are part of every healthy start. */
const startingUp = new Set(['ContainerCreating', 'PodInitializing']);

function troubleOf({ metadata, status }: WirePod): string | null {
  if (status?.phase === 'Succeeded') return null;
  if (status?.phase === 'Failed') return reasonText(status.reason ?? 'Failed', status.message);
  for (const { name, state } of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    const waiting = state?.waiting;
    if (waiting?.reason && (!startingUp.has(waiting.reason) || waiting.message)) {
      return reasonText(waiting.reason, waiting.message ?? `container ${name}`);
    }
    const exitCode = state?.terminated?.exitCode ?? 0;
    if (exitCode !== 0) {
      return reasonText(state?.terminated?.reason ?? 'Error', `container ${name} ended with exit code ${exitCode}`);
    }
  }
  const failing = (type: string) =>
    (status?.conditions ?? []).find((condition) => condition.type === type && condition.status === 'False');
  const unscheduled = failing('PodScheduled');
  if (unscheduled !== undefined) return reasonText(unscheduled.reason ?? 'NotScheduled', unscheduled.message);
  const unready = status?.phase === 'Running' && metadata?.deletionTimestamp == null ? failing('Ready') : undefined;
  return unready === undefined ? null : reasonText(unready.reason ?? 'NotReady', unready.message);
}

const reasonText = (reason: string, message: string | null | undefined): string =>
  cleanText(message ? `${reason}: ${message}` : reason);

const budgetPolicies = ['IfHealthyBudget', 'AlwaysAllow'] as const;

export function toPodDisruptionBudget(budget: WirePodDisruptionBudget): PodDisruptionBudget {
  const { name, namespace, uid, generation } = meta(budget);
  const { spec, status } = budget;
  const failed = (status?.conditions ?? []).find(
    (condition) => condition.type === 'DisruptionAllowed' && condition.reason === 'SyncFailed',
  );
  return {
    namespace: namespace ?? '',
    name: name ?? '',
    uid: uid ?? '',
    generation: generation ?? 0,
    selector: toSelector(spec?.selector),
    minAvailable: spec?.minAvailable ?? null,
    maxUnavailable: spec?.maxUnavailable ?? null,
    unhealthyPodEvictionPolicy: budgetPolicies.find((policy) => policy === spec?.unhealthyPodEvictionPolicy) ?? null,
    status: {
      observedGeneration: status?.observedGeneration ?? 0,
      disruptionsAllowed: status?.disruptionsAllowed ?? 0,
      currentHealthy: status?.currentHealthy ?? 0,
      desiredHealthy: status?.desiredHealthy ?? 0,
      expectedPods: status?.expectedPods ?? 0,
      disruptedPods: status?.disruptedPods ?? {},
      syncFailure: failed === undefined ? null : cleanText(failed.message || 'SyncFailed'),
    },
  };
}

export function toWorkload(kind: Workload['kind'], object: WireWorkload): Workload {
  const { name, namespace, uid } = meta(object);
  const { spec, status } = object;
  const perNode = kind === 'DaemonSet';
  return {
    kind,
    namespace: namespace ?? '',
    name: name ?? '',
    uid: uid ?? '',
    controller: controllerOf(object),
    replicas: (perNode ? status?.desiredNumberScheduled : (spec?.replicas ?? 1)) ?? 0,
    readyReplicas: (perNode ? status?.numberReady : status?.readyReplicas) ?? 0,
    images: (spec?.template?.spec?.containers ?? []).flatMap(({ image }) => image || []),
    template: templateOf(spec?.template),
    ...(kind === 'Deployment' && spec?.strategy?.type !== 'Recreate' ? { rollout: rolloutOf(spec) } : {}),
  };
}

/** Percentages are of the replicas, a surge rounded up and a gap rounded down; when both come to nothing, one may be missing. */
function rolloutOf(spec: WireWorkload['spec']): NonNullable<Workload['rollout']> {
  const replicas = spec?.replicas ?? 1;
  const { maxSurge, maxUnavailable } = spec?.strategy?.rollingUpdate ?? {};
  const amount = (given: number | string, round: (value: number) => number): number => {
    const percent = /^(\d+)%$/.exec(String(given))?.[1];
    const value = percent === undefined ? Number(given) : round((replicas * Number(percent)) / 100);
    return Number.isFinite(value) ? value : 0;
  };
  const surge = amount(maxSurge ?? '25%', Math.ceil);
  const gap = amount(maxUnavailable ?? '25%', Math.floor);
  return { maxSurge: surge, maxUnavailable: surge === 0 && gap === 0 ? 1 : gap };
}

export function toDaemonSet(object: WireWorkload, containerName: string): DaemonSet {
  const container = containerOf(object.spec?.template?.spec?.containers, containerName);
  return {
    image: container?.image ?? null,
    env: environmentOf(container),
    envManagers: envManagersOf(object, containerName),
    initEnv: Object.assign({}, ...(object.spec?.template?.spec?.initContainers ?? []).map(environmentOf)),
    rollout: toRollout(object),
    labels: meta(object).labels ?? {},
    annotations: meta(object).annotations ?? {},
    managers: [...new Set((meta(object).managedFields ?? []).flatMap(({ manager }) => manager || []))].toSorted(),
  };
}

export const containerOf = (containers: WireContainer[] | null | undefined, name: string): WireContainer | undefined =>
  (containers ?? []).find((container) => container.name === name);

/** Values from references are null; a variable without value is empty, as the kubelet has it. */
export function environmentOf(container: WireContainer | undefined): Record<string, string | null> {
  const environment: Record<string, string | null> = {};
  for (const { name, value, valueFrom } of container?.env ?? []) {
    environment[name ?? ''] = valueFrom == null ? (value ?? '') : null;
  }
  return environment;
}

function toRollout({ metadata, status }: WireWorkload): DaemonSetRollout {
  return {
    generation: metadata?.generation ?? 0,
    observedGeneration: status?.observedGeneration ?? 0,
    desired: status?.desiredNumberScheduled ?? 0,
    updated: status?.updatedNumberScheduled ?? 0,
    available: status?.numberAvailable ?? 0,
    unavailable: status?.numberUnavailable ?? 0,
  };
}

/**
 * Which manager owns each variable, from `metadata.managedFields`; of several the one that wrote last, and one that is not
 * EKS before EKS, because it is in the way of an update all the same. (FieldsV1: `f:` before a field, `k:` before the key of
 * a list item.)
 */
function envManagersOf(object: WireWorkload, containerName: string): Record<string, string> {
  const managers: Record<string, string> = {};
  const entries = (meta(object).managedFields ?? []).toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? -1 : 1));
  for (const { manager, fieldsV1 } of entries) {
    const path = [
      'f:spec',
      'f:template',
      'f:spec',
      'f:containers',
      `k:${JSON.stringify({ name: containerName })}`,
      'f:env',
    ];
    let fields: unknown = fieldsV1;
    for (const key of path) fields = isObject(fields) ? fields[key] : undefined;
    if (!isObject(fields)) continue;
    for (const key of Object.keys(fields)) {
      const variable = /^k:\{"name":"(.*)"\}$/.exec(key)?.[1];
      if (variable === undefined || !manager) continue;
      if (manager !== 'eks' || managers[variable] === undefined) managers[variable] = manager;
    }
  }
  return managers;
}

export function toEniConfig(object: WireEniConfig): EniConfig {
  const { spec } = object;
  return {
    name: meta(object).name ?? '',
    subnetId: spec?.subnet || null,
    securityGroups: spec?.securityGroups ?? [],
  };
}

export function toService({ metadata, spec }: WireService): Service {
  const { selector, externalTrafficPolicy: policy } = spec ?? {};
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    type: spec?.type || 'ClusterIP',
    selector: selector == null || Object.keys(selector).length === 0 ? null : selector,
    externalTrafficPolicy: policy === 'Local' || policy === 'Cluster' ? policy : null,
  };
}

export const toPodEvent = (event: WireEvent): PodEvent => ({
  reason: cleanText(event.reason),
  message: cleanText(event.message),
  lastAt:
    event.series?.lastObservedTime ||
    event.lastTimestamp ||
    event.eventTime ||
    event.firstTimestamp ||
    event.metadata?.creationTimestamp ||
    '',
});

export function toConfigMap(map: WireConfigMap): ConfigMap {
  const { name, labels, resourceVersion } = meta(map);
  return { name: name ?? '', data: map.data ?? {}, labels: labels ?? {}, resourceVersion: resourceVersion ?? '' };
}

/** Where a Lease says what its holder runs, and of which plan the journal was last written, and where that is. */
const leaseAnnotation = {
  command: 'prefix-migrate/command',
  plan: 'prefix-migrate/plan',
  state: 'prefix-migrate/state',
  begun: 'prefix-migrate/journal-begun',
};

export const leaseAnnotations = ({ description, journal }: Pick<LeaseRecord, 'description' | 'journal'>) => ({
  [leaseAnnotation.command]: description,
  ...(journal && {
    [leaseAnnotation.plan]: journal.planId,
    [leaseAnnotation.state]: journal.state,
    [leaseAnnotation.begun]: String(journal.isBegun === true),
  }),
});

export function toLeaseRecord(lease: WireLease): LeaseRecord {
  const { spec } = lease;
  const { annotations } = meta(lease);
  const planId = cleanText(annotations?.[leaseAnnotation.plan]);
  const state = cleanText(annotations?.[leaseAnnotation.state]);
  const isBegun = annotations?.[leaseAnnotation.begun] === 'true';
  return {
    holder: spec?.holderIdentity ?? '',
    description: cleanText(annotations?.[leaseAnnotation.command]),
    acquiredAt: spec?.acquireTime ?? '',
    renewedAt: spec?.renewTime ?? '',
    durationSeconds: spec?.leaseDurationSeconds ?? 0,
    transitions: spec?.leaseTransitions ?? 0,
    resourceVersion: meta(lease).resourceVersion ?? '',
    ...(planId !== '' && state !== '' && { journal: { planId, state, ...(isBegun && { isBegun }) } }),
  };
}
