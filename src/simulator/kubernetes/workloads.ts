/** What a scenario says of workloads and what stands around them, as Kubernetes objects. */
import type { BudgetSpec, QuotaSpec, ServiceSpec, WebhookSpec, WorkloadSpec } from '../scenario.ts';
import type { ObjectMeta } from '../types.ts';
import {
  type Affinity,
  behaviour,
  type PersistentVolumeClaim,
  type PodSpec,
  type PodTemplateSpec,
  type ResourceQuota,
  type Service,
  type WebhookConfiguration,
} from './objects.ts';
import { writeStatus } from './quotas.ts';
import type { KubernetesStore } from './store.ts';
import { milliseconds } from './time.ts';

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
  const { kind, namespace, name, volume } = workload;
  if (volume && kind !== 'StatefulSet') {
    store.create<PersistentVolumeClaim>('persistentvolumeclaims', {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace },
      spec: claimSpec(volume),
      status: { phase: 'Pending' },
    });
  }
  store.create(resource, object);
}

/** With its status, so that nothing has to wait for the controller. */
export function createQuota(store: KubernetesStore, { namespace, name, hard }: QuotaSpec): void {
  ensureNamespace(store, namespace);
  const quota = store.create<ResourceQuota>('resourcequotas', {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name, namespace },
    spec: { hard },
    status: {},
  });
  writeStatus(store, quota, milliseconds(store.timestamp()));
}

export function createService(store: KubernetesStore, { namespace, name, selector, port = 443 }: ServiceSpec): void {
  ensureNamespace(store, namespace);
  const ports = [{ port, protocol: 'TCP', targetPort: port }];
  store.create<Service>('services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector, ports, type: 'ClusterIP' },
  });
}

export function createWebhook(store: KubernetesStore, { kind, name, service, ...how }: WebhookSpec): void {
  const resource = kind === 'Mutating' ? 'mutatingwebhookconfigurations' : 'validatingwebhookconfigurations';
  const except = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: how.exceptNamespaces ?? [] };
  store.create<WebhookConfiguration>(resource, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks: [
      {
        name: `${name}.example.com`,
        clientConfig: { service: { ...service, port: 443 } },
        rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: '*' }],
        failurePolicy: how.failurePolicy ?? 'Fail',
        namespaceSelector: except.values.length > 0 ? { matchExpressions: [except] } : {},
        objectSelector: {},
        timeoutSeconds: 10,
      },
    ],
  });
}

export function createBudget(store: KubernetesStore, budget: BudgetSpec): void {
  ensureNamespace(store, budget.namespace);
  store.create('poddisruptionbudgets', budgetObject(budget));
}

export function workloadObject(workload: WorkloadSpec): { resource: string; object: NewObject } {
  const { kind, namespace, name, replicas } = workload;
  const labels = { app: name, ...workload.labels };
  const { finalizers } = workload;
  const metadataOfPod = { labels, annotations: annotationsOf(workload), ...(finalizers ? { finalizers } : {}) };
  const template = { metadata: metadataOfPod, spec: podSpec(workload) };
  if (kind === 'Pod') {
    const { metadata, spec } = template;
    return { resource: 'pods', object: { apiVersion: 'v1', kind, metadata: { name, namespace, ...metadata }, spec } };
  }
  if (kind === 'Job') return { resource: 'jobs', object: jobObject(workload, template) };
  const common = { selector: { matchLabels: { app: name } }, template };
  const object = { apiVersion: 'apps/v1', kind, metadata: { name, namespace, labels } };
  if (kind === 'Deployment') return { resource: 'deployments', object: { ...object, spec: { replicas, ...common } } };
  if (kind === 'DaemonSet') return { resource: 'daemonsets', object: { ...object, spec: common } };
  const { volume } = workload;
  const claims = volume ? { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claimSpec(volume) }] } : {};
  return {
    resource: 'statefulsets',
    object: { ...object, spec: { replicas, serviceName: name, ...common, ...claims } },
  };
}

function jobObject(workload: WorkloadSpec, template: PodTemplateSpec): NewObject {
  const { namespace, name, replicas, backoffLimit, activeDeadlineSeconds, ignoresDisruption } = workload;
  const disrupted = { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace },
    spec: {
      completions: replicas,
      parallelism: replicas,
      ...(backoffLimit === undefined ? {} : { backoffLimit }),
      ...(activeDeadlineSeconds === undefined ? {} : { activeDeadlineSeconds }),
      ...(ignoresDisruption ? { podFailurePolicy: { rules: [disrupted] } } : {}),
      template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } },
    },
  };
}

function claimSpec(storageClassName: string): PersistentVolumeClaim['spec'] {
  return { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: '8Gi' } } };
}

export function budgetObject({ namespace, name, selector, ...spec }: BudgetSpec): NewObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace },
    spec: { ...spec, selector: { matchLabels: selector } },
  };
}

function annotationsOf(workload: WorkloadSpec): Record<string, string> {
  const { readySeconds, terminationSeconds, neverReady, runSeconds, crashAfterSeconds, annotations } = workload;
  return {
    [behaviour.readySeconds]: String(readySeconds),
    [behaviour.terminationSeconds]: String(terminationSeconds),
    ...(neverReady ? { [behaviour.neverReady]: 'true' } : {}),
    ...(runSeconds === undefined ? {} : { [behaviour.runSeconds]: String(runSeconds) }),
    ...(crashAfterSeconds === undefined ? {} : { [behaviour.crashAfterSeconds]: String(crashAfterSeconds) }),
    ...annotations,
  };
}

function podSpec(workload: WorkloadSpec): PodTemplateSpec['spec'] {
  const { kind, name, cpu, memory, nodeSelector, tolerations, hostNetwork, emptyDir, onePerNode } = workload;
  const { terminationGracePeriodSeconds, command, hostPort, spreadOver, volume } = workload;
  const image = workload.image ?? `registry.example.com/${name}:1.0.0`;
  const ports = hostPort === undefined ? {} : { ports: [{ containerPort: hostPort, hostPort }] };
  const spec: PodSpec = {
    containers: [{ name, image, ...(command ? { command } : {}), ...ports, resources: { requests: { cpu, memory } } }],
  };
  if (nodeSelector) spec.nodeSelector = nodeSelector;
  if (tolerations) spec.tolerations = tolerations;
  if (hostNetwork) spec.hostNetwork = true;
  if (emptyDir) spec.volumes = [{ name: 'scratch', emptyDir: {} }];
  if (volume && kind !== 'StatefulSet') {
    spec.volumes = [...(spec.volumes ?? []), { name: 'data', persistentVolumeClaim: { claimName: name } }];
  }
  if (onePerNode) spec.affinity = apartFrom(name);
  if (spreadOver) {
    const labelSelector = { matchLabels: { app: name } };
    spec.topologySpreadConstraints = [
      { maxSkew: 1, topologyKey: spreadOver, whenUnsatisfiable: 'DoNotSchedule', labelSelector },
    ];
  }
  if (terminationGracePeriodSeconds !== undefined) spec.terminationGracePeriodSeconds = terminationGracePeriodSeconds;
  return spec;
}

function apartFrom(name: string): Affinity {
  const term = { labelSelector: { matchLabels: { app: name } }, topologyKey: 'kubernetes.io/hostname' };
  return { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
}
