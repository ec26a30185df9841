import type { KubernetesAccess, RightAnswer } from '../domain/rights.ts';
import type {
  ClusterNode,
  CsiNode,
  DaemonSetRollout,
  EniConfig,
  Job,
  Karpenter,
  NotSeen,
  Pod,
  PodDisruptionBudget,
  PodWebhook,
  ResourceQuota,
  Service,
  VolumeClaim,
  Workload,
} from '../domain/snapshot.ts';

/** How the API server answered an eviction. Never thrown: each needs its own reaction. */
export type EvictionOutcome =
  | { kind: 'accepted' }
  /** 404, or 409 because another pod has the name now */
  | { kind: 'gone'; detail: string }
  /** 429 with cause DisruptionBudget: `budget` is the server's arithmetic */
  | { kind: 'budget-exhausted'; budget: string }
  /** 429, the budget has not been processed by its controller yet */
  | { kind: 'budget-unprocessed'; retryAfterSeconds: number }
  /** 429 of priority and fairness, or 5xx of overload */
  | { kind: 'throttled'; retryAfterSeconds: number | null; detail: string }
  /** 500 that never heals: more than one PodDisruptionBudget selects the pod */
  | { kind: 'multiple-budgets'; detail: string }
  | { kind: 'namespace-terminating' }
  /** 403 of RBAC or of an admission webhook, or another refusal that only a person can change */
  | { kind: 'refused'; status: number; detail: string }
  /** the reply was lost or makes no sense: the pod may or may not have been evicted */
  | { kind: 'unknown'; detail: string };

export interface Followed {
  pods: Pod;
  nodes: ClusterNode;
  podDisruptionBudgets: PodDisruptionBudget;
}

/** `replaced` carries the whole list after each (re-)list: what is not in it is gone. */
export type FollowEvent<T> =
  | { type: 'replaced'; items: T[] }
  | { type: 'changed'; item: T }
  | { type: 'removed'; item: T };

export interface LeaseRecord {
  holder: string;
  /** command line and start, for the message to whoever finds it held */
  description: string;
  acquiredAt: string;
  renewedAt: string;
  durationSeconds: number;
  transitions: number;
  resourceVersion: string;
  /**
   * where the journal of the last run is, so that a run that looks elsewhere is not misled; absent: nothing is said. `isBegun`:
   * lines were written there
   */
  journal?: { planId: string; state: string; isBegun?: true };
}

export interface ConfigMap {
  name: string;
  data: Record<string, string>;
  labels: Record<string, string>;
  resourceVersion: string;
}

export interface DaemonSet {
  image: string | null;
  env: Record<string, string | null>;
  /** field manager of each variable of the container */
  envManagers: Record<string, string>;
  /** environment of all init containers together */
  initEnv: Record<string, string | null>;
  rollout: DaemonSetRollout;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** everybody who ever set a field of it and still owns it */
  managers: string[];
}

export interface PodEvent {
  reason: string;
  message: string;
  /** ISO 8601 of its last occurrence */
  lastAt: string;
}

/** A manifest without secrets: `REDACTED` stands where the value of a variable was, or what looks like a credential. */
export interface PodManifest {
  manifest: Record<string, unknown>;
  /** where something was taken out: `spec.containers[app].env[DB_PASSWORD]` */
  redacted: string[];
}

/**
 * Told of a kind that the caller may not list (403), or that this API server does not offer (404, 405, 501): the list goes
 * on without it. Without such a function a list that is refused throws.
 */
export type OnMissed = (missed: NotSeen) => void;

/** Variables of a container as they should be, and as they are expected to be now; null: not set. */
export interface EnvironmentChange {
  env: Record<string, string | null>;
  before: Record<string, string | null>;
}

/**
 * The Kubernetes API, in domain words. Lists are paged; failures are MigrateError (codes `KUBERNETES.*`);
 * `undefined` means not found. Retries as everywhere, except `evict`, which is asked once.
 */
export interface KubernetesPort {
  /** address of the API server from the kubeconfig */
  serverUrl(): string;
  /** PEM of what the server's certificate is checked against; null when nothing of its own is, or nothing is checked */
  certificateAuthority(): string | null;
  version(): Promise<string>;
  listNodes(nodegroupName?: string): Promise<ClusterNode[]>;
  /** Names of the images that the nodes of a node group have, by node name: up to 50 images a node, the largest first. */
  nodeImages(nodegroupName: string): Promise<Record<string, string[]>>;
  listPods(options?: { nodeName?: string; namespace?: string; labelSelector?: string }): Promise<Pod[]>;
  getPod(namespace: string, name: string): Promise<Pod | undefined>;
  listPodDisruptionBudgets(): Promise<PodDisruptionBudget[]>;
  /** Deployments, ReplicaSets with replicas, StatefulSets, DaemonSets. */
  listWorkloads(): Promise<Workload[]>;
  /** ENIConfigs (crd.k8s.amazonaws.com/v1alpha1); none where that kind is not installed. */
  listEniConfigs(): Promise<EniConfig[]>;
  /** Jobs that are not finished, and CronJobs. */
  listJobs(onMissed?: OnMissed): Promise<Job[]>;
  listVolumeClaims(onMissed?: OnMissed): Promise<VolumeClaim[]>;
  listCsiNodes(onMissed?: OnMissed): Promise<CsiNode[]>;
  /** Those that are called for pods. */
  listPodWebhooks(onMissed?: OnMissed): Promise<PodWebhook[]>;
  listServices(onMissed?: OnMissed): Promise<Service[]>;
  /** Of pods and what they ask for. */
  listResourceQuotas(onMissed?: OnMissed): Promise<ResourceQuota[]>;
  apiGroups(onMissed?: OnMissed): Promise<string[]>;
  /** Node pools and node classes of Karpenter, by the newest version served; undefined when there are none. */
  karpenter(onMissed?: OnMissed): Promise<Karpenter | undefined>;
  /** ARNs of the roles that aws-auth lets join as nodes; null when it may not be read. */
  rolesOfAwsAuth(onMissed?: OnMissed): Promise<string[] | null>;
  /** What would create the pod again: without status and without what the server, the scheduler and webhooks added. */
  podManifest(namespace: string, name: string): Promise<PodManifest | undefined>;
  /** Events about the pod, the last one first. */
  podEvents(namespace: string, name: string): Promise<PodEvent[]>;
  /** Sets annotations of a node, or removes those that shall be null. Returns it as it is now, undefined when it is gone. */
  annotateNode(
    nodeName: string,
    uid: string,
    annotations: Record<string, string | null>,
  ): Promise<ClusterNode | undefined>;
  /** Rolls the pods of a Deployment, as `kubectl rollout restart` does, unless it already did `at` (ISO 8601) or later. */
  restartDeployment(namespace: string, name: string, at: string): Promise<'done' | 'gone'>;
  getDaemonSet(namespace: string, name: string, container: string): Promise<DaemonSet | undefined>;
  /**
   * Sets variables of one container of a DaemonSet, and removes those that shall be null; all others stay. Does nothing
   * unless each is as expected or as wanted: `changed` when somebody else set one of them in between.
   */
  setEnvironment(
    namespace: string,
    daemonSet: string,
    container: string,
    change: EnvironmentChange,
  ): Promise<'done' | 'changed' | 'gone'>;
  /** Environment of one container of each pod, by pod name: what is really running. */
  podEnvironments(
    namespace: string,
    labelSelector: string,
    container: string,
  ): Promise<Record<string, Record<string, string | null>>>;
  /** Sets unschedulable and the annotation in one patch. Returns the node as it is now, undefined when it is gone. */
  cordon(nodeName: string, uid: string, annotation: { key: string; value: string }): Promise<ClusterNode | undefined>;
  /** Clears unschedulable and the annotation. */
  uncordon(nodeName: string, annotationKey: string): Promise<ClusterNode | undefined>;
  /** `graceSeconds`: what the pod gets to end in place of its own time. */
  evict(
    pod: { namespace: string; name: string; uid: string },
    options?: { dryRun?: boolean; graceSeconds?: number; signal?: AbortSignal },
  ): Promise<EvictionOutcome>;
  /** Creates a canary pod from a manifest; AlreadyExists is success. */
  createPod(namespace: string, manifest: Record<string, unknown>): Promise<void>;
  deletePod(namespace: string, name: string, uid: string): Promise<void>;
  /**
   * Lists, then watches with bookmarks; lists again on 410, on a cut or on silence. Calls `listener` synchronously for
   * every event, first with `replaced`. Resolves when `signal` aborts; rejects when it cannot go on (401, 403).
   */
  follow<K extends keyof Followed>(
    resource: K,
    listener: (event: FollowEvent<Followed[K]>) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Whether the caller may do it (SelfSubjectAccessReview). What admission says to it is another question. */
  mayI(access: KubernetesAccess): Promise<RightAnswer>;
  getConfigMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  /** `conflict` when somebody else created or changed it in between. Without resourceVersion it is created. */
  putConfigMap(
    namespace: string,
    map: Omit<ConfigMap, 'resourceVersion'> & { resourceVersion: string | null },
  ): Promise<ConfigMap | 'conflict'>;
  getLease(namespace: string, name: string): Promise<LeaseRecord | undefined>;
  /** `conflict` when somebody else created or changed it in between. Without resourceVersion it is created. */
  putLease(
    namespace: string,
    name: string,
    record: Omit<LeaseRecord, 'resourceVersion'> & { resourceVersion: string | null },
  ): Promise<LeaseRecord | 'conflict'>;
}
