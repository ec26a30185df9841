/** The projections, each with a check of what it made: an API server, or what stands before it, may answer anything. */
import {
  anything,
  either,
  listOf,
  number,
  object,
  oneOf,
  optional,
  orNull,
  pair,
  recordOf,
  type Shape,
  text,
  time,
  whole,
} from '../../domain/shape.ts';
import type { Job, PodWebhook, ResourceQuota, Workload } from '../../domain/snapshot.ts';
import {
  csiNodeShape,
  daemonSetRolloutShape,
  eniConfigShape,
  environmentShape,
  jobShape,
  nodeClassShape,
  nodePoolMembers,
  nodeShape,
  nodeTermsShape,
  podDisruptionBudgetShape,
  podShape,
  podWebhookShape,
  resourceQuotaShape,
  serviceShape,
  volumeClaimShape,
  workloadShape,
} from '../../domain/snapshot-shapes.ts';
import type { ConfigMap, DaemonSet, LeaseRecord, PodEvent, PodManifest } from '../../ports/kubernetes.ts';
import { readable } from '../readable.ts';
import { apiServer } from './api-server.ts';
import * as jobs from './jobs.ts';
import * as karpenter from './karpenter.ts';
import { toPodManifest as toManifest } from './pod-manifest.ts';
import * as projections from './projections.ts';
import * as quotas from './quotas.ts';
import * as volumes from './volumes.ts';
import * as webhooks from './webhooks.ts';
import type { WireAny } from './wire.ts';

const nameOf = (wire: WireAny): string => {
  const { namespace, name } = wire?.metadata ?? {};
  return [namespace, name].filter((part) => typeof part === 'string').join('/');
};

const checked =
  <T>(kind: string, shape: Shape<T>, project: (found: WireAny) => T) =>
  (wire: WireAny): T =>
    readable(apiServer, `${kind} ${nameOf(wire)}`, shape, () => project(wire));

export const toPod = checked('pod', podShape, projections.toPod);
export const toNode = checked('node', nodeShape, projections.toNode);
export const toPodDisruptionBudget = checked(
  'PodDisruptionBudget',
  podDisruptionBudgetShape,
  projections.toPodDisruptionBudget,
);
export const toEniConfig = checked('ENIConfig', eniConfigShape, projections.toEniConfig);
const nodePoolShape = object<karpenter.NodePool>({ ...nodePoolMembers, maxPods: orNull(number) });
export const toNodePool = checked('NodePool', nodePoolShape, karpenter.toNodePool);
export const toNodeClass = (wire: WireAny, apiVersion: string): karpenter.NodeClass =>
  checked('EC2NodeClass', nodeClassShape, (found) => karpenter.toNodeClass(found, apiVersion))(wire);
export const toService = checked('Service', serviceShape, projections.toService);
export const toJob = checked<Job>('Job', jobShape, jobs.toJob);
export const toCronJob = checked<Job>('CronJob', jobShape, jobs.toCronJob);
export const isFinished = jobs.isFinished;
export const toCsiNode = checked('CSINode', csiNodeShape, volumes.toCsiNode);
export const toNodeImages = checked('node', pair(text, listOf(text)), projections.toNodeImages);
export const toVolume = checked(
  'PersistentVolume',
  pair(text, object({ driver: orNull(text), nodeAffinity: nodeTermsShape })),
  volumes.toVolume,
);
export const toVolumeClaim = (wire: WireAny, known: volumes.Volumes) =>
  checked('PersistentVolumeClaim', volumeClaimShape, (claim) => volumes.toVolumeClaim(claim, known))(wire);
export const toResourceQuota = checked<ResourceQuota[]>(
  'ResourceQuota',
  listOf(resourceQuotaShape),
  quotas.toResourceQuota,
);
export const toPodWebhooks = (kind: PodWebhook['kind'], wire: WireAny): PodWebhook[] =>
  checked(`${kind} webhooks`, listOf(podWebhookShape), (found) => webhooks.toPodWebhooks(kind, found))(wire);
export const toWorkload = (kind: Workload['kind'], wire: WireAny): Workload =>
  checked(kind, workloadShape, (found) => projections.toWorkload(kind, found))(wire);

const texts = recordOf(text);
const daemonSetShape = object<DaemonSet>({
  image: orNull(text),
  env: environmentShape,
  envManagers: texts,
  initEnv: environmentShape,
  rollout: daemonSetRolloutShape,
  labels: texts,
  annotations: texts,
  managers: listOf(text),
});
export const toDaemonSet = (wire: WireAny, container: string): DaemonSet =>
  checked('DaemonSet', daemonSetShape, (each) => projections.toDaemonSet(each, container))(wire);

const podManifestShape = object<PodManifest>({ manifest: recordOf(anything), redacted: listOf(text) });
export const toPodManifest = checked('pod', podManifestShape, toManifest);

const podEventShape = object<PodEvent>({ reason: text, message: text, lastAt: text });
export const toPodEvent = checked('event', podEventShape, projections.toPodEvent);

const timeOrEmpty = either(time, oneOf(''));
const leaseShape = object<LeaseRecord>({
  holder: text,
  description: text,
  acquiredAt: timeOrEmpty,
  renewedAt: timeOrEmpty,
  durationSeconds: number,
  transitions: whole,
  resourceVersion: text,
  journal: optional(
    object<NonNullable<LeaseRecord['journal']>>({ planId: text, state: text, isBegun: optional(oneOf(true)) }),
  ),
});
export const toLeaseRecord = checked('Lease', leaseShape, projections.toLeaseRecord);

const configMapShape = object<ConfigMap>({ name: text, data: texts, labels: texts, resourceVersion: text });
export const toConfigMap = checked('ConfigMap', configMapShape, projections.toConfigMap);
