/** What the API server fills in when an object is created (defaulting and the admission plugins that are always on). */
import type { KubeObject, Random } from '../types.ts';
import { settle } from './json.ts';
import {
  type Container,
  type DaemonSet,
  type Deployment,
  type Job,
  type Namespace,
  type Node,
  onKind,
  type Pod,
  type PodDisruptionBudget,
  type PodTemplateSpec,
  type ReplicaSet,
  type StatefulSet,
} from './objects.ts';
import { isReady } from './pods.ts';

const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789'.split('');

/** The five characters that end a generated name. */
export function nameSuffix(random: Random, length = 5): string {
  return Array.from({ length }, () => random.pick(suffixLetters)).join('');
}

const tokenVolume = settle({
  sources: [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: {
        items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
      },
    },
  ],
  defaultMode: 420,
});

const nodeTrouble = settle(
  ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].map((key) => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  })),
);

/** Fills a draft in place. */
export function applyDefaults(resource: string, draft: KubeObject, random: Random): void {
  defaulters[resource]?.(draft, random);
}

const defaulters: Record<string, (draft: KubeObject, random: Random) => void> = {
  pods: (draft, random) => onKind<Pod, void>('Pod', (pod) => defaultPod(pod, random))(draft),
  deployments: onKind('Deployment', (draft: Deployment) => {
    const { spec } = draft;
    spec.replicas ??= 1;
    spec.strategy ??= { type: 'RollingUpdate' };
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%', ...spec.strategy.rollingUpdate };
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    defaultTemplate(spec.template);
    draft.status ??= {};
  }),
  replicasets: onKind('ReplicaSet', (draft: ReplicaSet) => {
    draft.spec.replicas ??= 1;
    defaultTemplate(draft.spec.template);
    draft.status ??= { replicas: 0 };
  }),
  statefulsets: onKind('StatefulSet', (draft: StatefulSet) => {
    const { spec } = draft;
    spec.replicas ??= 1;
    spec.podManagementPolicy ??= 'OrderedReady';
    spec.updateStrategy ??= { type: 'RollingUpdate' };
    spec.revisionHistoryLimit ??= 10;
    defaultTemplate(spec.template);
    draft.status ??= { replicas: 0 };
  }),
  daemonsets: onKind('DaemonSet', (draft: DaemonSet) => {
    const { spec } = draft;
    spec.updateStrategy ??= { type: 'RollingUpdate' };
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate = { maxSurge: 0, maxUnavailable: 1, ...spec.updateStrategy.rollingUpdate };
    }
    spec.revisionHistoryLimit ??= 10;
    defaultTemplate(spec.template);
    draft.status ??= { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 };
  }),
  jobs: onKind('Job', (draft: Job) => {
    const { spec, metadata } = draft;
    const uid = { 'batch.kubernetes.io/controller-uid': metadata.uid };
    spec.parallelism ??= 1;
    if (spec.completions === undefined && spec.parallelism === 1) spec.completions = 1;
    spec.backoffLimit ??= 6;
    spec.completionMode ??= 'NonIndexed';
    spec.suspend ??= false;
    spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
    spec.selector ??= { matchLabels: uid };
    defaultTemplate(spec.template);
    const { name } = metadata;
    const own = { 'batch.kubernetes.io/job-name': name, 'controller-uid': metadata.uid, 'job-name': name };
    spec.template.metadata = {
      ...spec.template.metadata,
      labels: { ...spec.template.metadata?.labels, ...uid, ...own },
    };
    draft.status ??= {};
  }),
  poddisruptionbudgets: onKind('PodDisruptionBudget', (draft: PodDisruptionBudget) => {
    draft.status ??= { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  }),
  namespaces: onKind('Namespace', (draft: Namespace) => {
    draft.metadata.labels = { ...draft.metadata.labels, 'kubernetes.io/metadata.name': draft.metadata.name };
    draft.spec = { finalizers: ['kubernetes'] };
    draft.status ??= { phase: 'Active' };
  }),
  nodes: onKind('Node', (draft: Node) => {
    draft.spec ??= {};
    draft.status ??= {};
    // No pod must be bound before the node has said that it is ready.
    const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
    const taints = draft.spec.taints ?? [];
    if (!isReady(draft) && !taints.some(({ key }) => key === taint.key)) draft.spec.taints = [...taints, taint];
  }),
};

function defaultTemplate(template: PodTemplateSpec): void {
  template.metadata ??= {};
  defaultPodSpec(template.spec);
}

function defaultPodSpec(spec: Pod['spec']): void {
  spec.restartPolicy ??= 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.securityContext ??= {};
  spec.schedulerName ??= 'default-scheduler';
  if (spec.serviceAccountName) spec.serviceAccount ??= spec.serviceAccountName;
  spec.containers = spec.containers.map(defaultContainer);
  if (spec.initContainers) spec.initContainers = spec.initContainers.map(defaultContainer);
}

/** A new object: the one given may be frozen, as part of a template. */
function defaultContainer(container: Container): Container {
  const { image = '', resources = {} } = container;
  const { limits, requests } = resources;
  return {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: /:(?!latest$)[^/]+$/.test(image) ? 'IfNotPresent' : 'Always',
    ...container,
    // A limit without a request is the request.
    resources: limits ? { ...resources, requests: { ...limits, ...requests } } : resources,
  };
}

function defaultPod(draft: Pod, random: Random): void {
  const { spec } = draft;
  defaultPodSpec(spec);
  spec.serviceAccountName ??= 'default';
  spec.serviceAccount ??= spec.serviceAccountName;
  spec.enableServiceLinks ??= true;
  spec.priority ??= priorities[spec.priorityClassName ?? ''] ?? 0;
  spec.preemptionPolicy ??= 'PreemptLowerPriority';
  mountToken(spec, random);
  const missing = nodeTrouble.filter(
    (own) => !spec.tolerations?.some((t) => (!t.key && t.operator === 'Exists') || t.key === own.key),
  );
  spec.tolerations = [...(spec.tolerations ?? []), ...missing];
  draft.status ??= { phase: 'Pending', qosClass: qosClass(spec) };
}

const priorities: Record<string, number> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

function mountToken(spec: Pod['spec'], random: Random): void {
  if (spec.automountServiceAccountToken === false) return;
  const name = `kube-api-access-${nameSuffix(random)}`;
  const mount = { name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };
  spec.volumes = [...(spec.volumes ?? []), { name, projected: tokenVolume }];
  spec.containers = spec.containers.map((container) => ({
    ...container,
    volumeMounts: [...(container.volumeMounts ?? []), mount],
  }));
}

function qosClass({ containers }: Pod['spec']): string {
  const all = containers.map(({ resources }) => resources ?? {});
  const some = all.some(({ requests, limits }) => Object.keys({ ...requests, ...limits }).length > 0);
  if (!some) return 'BestEffort';
  const guaranteed = all.every(({ requests = {}, limits = {} }) =>
    ['cpu', 'memory'].every((name) => limits[name] !== undefined && limits[name] === requests[name]),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
