/** The workloads and budgets of a scenario, as Kubernetes objects. */
import type { BudgetSpec, WorkloadSpec } from '../scenario.ts';
import type { ObjectMeta } from '../types.ts';
import { type Affinity, behaviour, type PodSpec, type PodTemplateSpec } from './objects.ts';
import type { KubernetesStore } from './store.ts';

interface NewObject {
  apiVersion: string;
  kind: string;
  metadata: Partial<ObjectMeta> & { name: string };
  spec?: object;
}

/** Creates the namespace unless it is there. */
export function ensureNamespace(store: KubernetesStore, name: string): void {
  if (store.get('namespaces', undefined, name)) return;
  store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

export function createWorkload(store: KubernetesStore, workload: WorkloadSpec): void {
  ensureNamespace(store, workload.namespace);
  const { resource, object } = workloadObject(workload);
  store.create(resource, object);
}

export function createBudget(store: KubernetesStore, budget: BudgetSpec): void {
  ensureNamespace(store, budget.namespace);
  store.create('poddisruptionbudgets', budgetObject(budget));
}

export function workloadObject(workload: WorkloadSpec): { resource: string; object: NewObject } {
  const { kind, namespace, name, replicas } = workload;
  const labels = { app: name, ...workload.labels };
  const template = { metadata: { labels, annotations: annotationsOf(workload) }, spec: podSpec(workload) };
  if (kind === 'Pod') {
    const { metadata, spec } = template;
    return { resource: 'pods', object: { apiVersion: 'v1', kind, metadata: { name, namespace, ...metadata }, spec } };
  }
  const common = { selector: { matchLabels: { app: name } }, template };
  const object = { apiVersion: 'apps/v1', kind, metadata: { name, namespace, labels } };
  if (kind === 'Deployment') return { resource: 'deployments', object: { ...object, spec: { replicas, ...common } } };
  if (kind === 'DaemonSet') return { resource: 'daemonsets', object: { ...object, spec: common } };
  return { resource: 'statefulsets', object: { ...object, spec: { replicas, serviceName: name, ...common } } };
}

export function budgetObject({ namespace, name, selector, ...spec }: BudgetSpec): NewObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace },
    spec: { ...spec, selector: { matchLabels: selector } },
  };
}

function annotationsOf({ readySeconds, terminationSeconds, neverReady }: WorkloadSpec): Record<string, string> {
  return {
    [behaviour.readySeconds]: String(readySeconds),
    [behaviour.terminationSeconds]: String(terminationSeconds),
    ...(neverReady ? { [behaviour.neverReady]: 'true' } : {}),
  };
}

function podSpec(workload: WorkloadSpec): PodTemplateSpec['spec'] {
  const { name, cpu, memory, nodeSelector, tolerations, hostNetwork, emptyDir, onePerNode } = workload;
  const { terminationGracePeriodSeconds } = workload;
  const spec: PodSpec = {
    containers: [{ name, image: `registry.example.com/${name}:1.0.0`, resources: { requests: { cpu, memory } } }],
  };
  if (nodeSelector) spec.nodeSelector = nodeSelector;
  if (tolerations) spec.tolerations = tolerations;
  if (hostNetwork) spec.hostNetwork = true;
  if (emptyDir) spec.volumes = [{ name: 'scratch', emptyDir: {} }];
  if (onePerNode) spec.affinity = apartFrom(name);
  if (terminationGracePeriodSeconds !== undefined) spec.terminationGracePeriodSeconds = terminationGracePeriodSeconds;
  return spec;
}

function apartFrom(name: string): Affinity {
  const term = { labelSelector: { matchLabels: { app: name } }, topologyKey: 'kubernetes.io/hostname' };
  return { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
}
