import type {
  ClusterNode,
  DaemonSetRollout,
  EniConfig,
  LabelSelector,
  OwnerReference,
  Pod,
  PodDisruptionBudget,
  Toleration,
  Workload,
} from '../../domain/snapshot.ts';
import type { DaemonSet, LeaseRecord } from '../../ports/kubernetes.ts';
import { cleanText } from '../clean-text.ts';
import { isObject } from '../is-object.ts';
import { bytes, cpuMillis, type QuantityText, quantity } from './quantity.ts';
import type {
  WireContainer,
  WireEniConfig,
  WireLease,
  WireMeta,
  WireNode,
  WireObject,
  WirePod,
  WirePodDisruptionBudget,
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
    capacityPods: quantity(node.status?.capacity?.pods),
    allocatable: {
      pods: quantity(allocatable.pods),
      cpuMillis: cpuMillis(allocatable.cpu),
      memoryBytes: bytes(allocatable.memory),
    },
  };
}

type Conditions = NonNullable<WirePod['status']>['conditions'];

/** Name of a node and those of its images. */
export const toNodeImages = (node: WireNode): [string, string[]] => [
  meta(node).name ?? '',
  (node.status?.images ?? []).flatMap(({ names }) => names ?? []),
];

const hasCondition = (conditions: Conditions, type: string): boolean =>
  (conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

function controllerOf(object: WireObject): OwnerReference | null {
  const owner = (meta(object).ownerReferences ?? []).find((each) => each.controller === true);
  if (owner === undefined) return null;
  return { apiVersion: owner.apiVersion ?? '', kind: owner.kind ?? '', name: owner.name ?? '', uid: owner.uid ?? '' };
}

export function toPod(pod: WirePod): Pod {
  const { name, namespace, uid, creationTimestamp, deletionTimestamp, labels, annotations } = meta(pod);
  const { spec, status } = pod;
  const volumes = spec?.volumes ?? [];
  return {
    namespace: namespace ?? '',
    name: name ?? '',
    uid: uid ?? '',
    nodeName: spec?.nodeName || null,
    phase: status?.phase ?? 'Unknown',
    ready: hasCondition(status?.conditions, 'Ready'),
    startupSeconds: startupSeconds(status),
    createdAt: creationTimestamp ?? '',
    deletionTimestamp: deletionTimestamp ?? null,
    controller: controllerOf(pod),
    labels: labels ?? {},
    annotations: annotations ?? {},
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
    nodeSelector: spec?.nodeSelector ?? {},
    tolerations: (spec?.tolerations ?? []).map(toToleration),
    terminationGracePeriodSeconds: spec?.terminationGracePeriodSeconds ?? 30,
    trouble: troubleOf(pod),
  };
}

/** Between two conditions, which carry the time of their last change: no measure any more once a container has restarted. */
function startupSeconds(status: WirePod['status']): number | null {
  const since = (type: string): number => {
    const found = (status?.conditions ?? []).find((condition) => condition.type === type);
    return found?.status === 'True' ? Date.parse(found.lastTransitionTime ?? '') : Number.NaN;
  };
  const restarted = (status?.containerStatuses ?? []).some(({ restartCount }) => (restartCount ?? 0) > 0);
  const seconds = (since('Ready') - since('PodScheduled')) / 1000;
  return restarted || !(seconds >= 0) ? null : seconds;
}

type WireToleration = NonNullable<NonNullable<NonNullable<WirePod['spec']>['tolerations']>[number]>;

function toToleration({ key, operator, value, effect }: WireToleration): Toleration {
  return {
    ...(key == null ? {} : { key }),
    ...(operator == null ? {} : { operator }),
    ...(value == null ? {} : { value }),
    ...(effect == null ? {} : { effect }),
  };
}

/**
 * What the scheduler sets aside: all containers together, or the hungriest init container with the sidecars begun before
 * it, whichever is more; pod-level requests stand above both; the runtime's overhead on top.
 */
function requestsOf({ spec }: WirePod): Pod['requests'] {
  const effective = (resource: 'cpu' | 'memory', parse: (text: QuantityText) => number): number => {
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
  return { cpuMillis: effective('cpu', cpuMillis), memoryBytes: effective('memory', bytes) };
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

type WireSelector = NonNullable<WirePodDisruptionBudget['spec']>['selector'];
const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

function toSelector(selector: WireSelector): LabelSelector | null {
  if (selector == null) return null;
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }) => ({
    key: key ?? '',
    // one that this version does not know selects nothing
    operator: operators.find((known) => known === operator) ?? ('In' as const),
    ...(values == null ? {} : { values }),
  }));
  return {
    ...(selector.matchLabels == null ? {} : { matchLabels: selector.matchLabels }),
    ...(expressions.length === 0 ? {} : { matchExpressions: expressions }),
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
  };
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

/** Where the command line of the holder stands in a Lease. */
export const descriptionAnnotation = 'prefix-migrate/command';

export function toLeaseRecord(lease: WireLease): LeaseRecord {
  const { spec } = lease;
  return {
    holder: spec?.holderIdentity ?? '',
    description: cleanText(meta(lease).annotations?.[descriptionAnnotation]),
    acquiredAt: spec?.acquireTime ?? '',
    renewedAt: spec?.renewTime ?? '',
    durationSeconds: spec?.leaseDurationSeconds ?? 0,
    transitions: spec?.leaseTransitions ?? 0,
    resourceVersion: meta(lease).resourceVersion ?? '',
  };
}
