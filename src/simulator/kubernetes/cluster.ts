import type { BudgetSpec, QuotaSpec, ServiceSpec, Timings, WebhookSpec, WorkloadSpec } from '../scenario.ts';
import type { ClusterControl, KubeObject, PodNetwork, Random, SimClock, SimHandler } from '../types.ts';
import { createAdmission } from './admission.ts';
import { createApiServer } from './api-server.ts';
import type { User } from './authorization.ts';
import { createDisruptionController } from './budgets.ts';
import { startWorkloadControllers } from './controllers.ts';
import { applyDefaults } from './defaults.ts';
import { type DeleteOptions, deleteObject } from './deletion.ts';
import { createEventRecorder } from './events.ts';
import { type EvictionOptions, evictPod } from './eviction.ts';
import { startHousekeeping } from './housekeeping.ts';
import { startKubelets } from './kubelet.ts';
import type { Node, Pod } from './objects.ts';
import { type Cause, type DisruptionReport, startObserver, type Violation } from './observer.ts';
import { startQuotaController } from './quotas.ts';
import { startScheduler } from './scheduler.ts';
import { StatusError } from './status.ts';
import { createCsiNode, storageClasses } from './storage.ts';
import { createStore, type KubernetesStore } from './store.ts';
import {
  createBudget,
  createQuota,
  createService,
  createWebhook,
  createWorkload,
  ensureNamespace,
} from './workloads.ts';

export interface ClusterOptions {
  clock: SimClock;
  random: Random;
  network: PodNetwork;
  timings: Pick<Timings, 'disruptionController'>;
  /** Bearer token -> user */
  users?: Readonly<Record<string, User>>;
  /** For tokens that are not in `users`: EKS tokens, which carry who asks. Undefined gives 401. */
  authenticate?: (token: string) => User | undefined;
  /** As `/version` says it. */
  gitVersion?: string;
  /** Whether a node is Ready only once its aws-node pod is; true unless told. */
  awaitCni?: boolean;
  /** The EBS CSI driver is there, and its nodes say they can attach so many volumes. */
  attachLimit?: number;
  /** Groups of CustomResourceDefinitions that are installed. */
  installed?: readonly string[];
  /** How many changes of each resource watches and pages can go back. */
  historyLength?: number;
}

export interface Cluster extends ClusterControl {
  store: KubernetesStore;
  handle: SimHandler;
  createWorkload(workload: WorkloadSpec): void;
  createBudget(budget: BudgetSpec): void;
  createQuota(quota: QuotaSpec): void;
  createService(service: ServiceSpec): void;
  createWebhook(webhook: WebhookSpec): void;
  /** Budgets that were broken by a voluntary disruption, so far. */
  violations(): Violation[];
  report(): DisruptionReport;
  /** Forgets what was counted: after a world's boot, say. */
  resetReport(): void;
  /** The node's kubelet falls silent: nothing starts or stops there. */
  stopKubelet(nodeName: string): void;
  /** A paused disruption controller leaves the status of budgets as it is. */
  disruptionController: { pause(): void; resume(): void };
}

/** A Kubernetes cluster without nodes: whoever starts instances creates their Node objects in `store`. */
export function createCluster(options: ClusterOptions): Cluster {
  const { clock, random, network, timings, awaitCni = true } = options;
  const defaults = random.fork('defaults');
  const { historyLength } = options;
  const store = createStore(clock, random.fork('store'), {
    prepare: (resource, draft) => applyDefaults(resource, draft, defaults),
    ...(historyLength === undefined ? {} : { historyLength }),
  });
  const record = createEventRecorder(store);
  const admit = createAdmission(store);
  // The order matters: the observer reads the counts that the disruption controller's index keeps.
  const disruption = createDisruptionController(store, clock, record, timings.disruptionController);
  const observer = startObserver(store, disruption.index, () => clock.now());

  function deletePod(pod: Pod, cause: Cause, how: DeleteOptions = {}): KubeObject | undefined {
    observer.expect(pod, cause);
    return deleteObject(store, 'pods', pod, how);
  }

  function evict(namespace: string, name: string, how: EvictionOptions): void {
    try {
      const object = store.get<Pod>('pods', namespace, name);
      const place = { group: '', version: 'v1', resource: 'pods', subresource: 'eviction', namespace };
      if (object) admit({ operation: 'CREATE', ...place, object });
      evictPod(store, disruption.index, namespace, name, how, (pod) => observer.expect(pod, 'eviction'));
    } catch (error) {
      if (error instanceof StatusError && error.status.code === 429) observer.refused();
      throw error;
    }
  }

  startWorkloadControllers({
    store,
    clock,
    random: random.fork('controllers'),
    record,
    admit,
    deletePod: (pod) => deletePod(pod, 'controller'),
  });
  startQuotaController(store, clock);
  startScheduler(store, clock, record);
  const kubelets = startKubelets({ store, clock, record, network, awaitCni });
  startHousekeeping({
    store,
    clock,
    record,
    deletePod: (pod, cause, graceSeconds) =>
      deletePod(pod, cause, graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
  });
  const { users, authenticate, gitVersion, attachLimit } = options;
  if (attachLimit !== undefined) {
    for (const each of storageClasses) store.create('storageclasses', each);
    store.watch<Node>('nodes', ({ type, object }) => {
      if (type === 'ADDED') createCsiNode(store, object, attachLimit);
    });
  }
  const { handle } = createApiServer({
    store,
    clock,
    random: random.fork('api'),
    ...(users ? { users } : {}),
    ...(authenticate ? { authenticate } : {}),
    ...(gitVersion === undefined ? {} : { gitVersion }),
    ...(options.installed ? { installed: options.installed } : {}),
    admit,
    evict,
    deletePod: (pod, how) => deletePod(pod, 'delete', how),
  });
  for (const namespace of ['default', 'kube-node-lease', 'kube-public', 'kube-system'])
    ensureNamespace(store, namespace);

  return {
    store,
    handle,
    createWorkload: (workload) => createWorkload(store, workload),
    createBudget: (budget) => createBudget(store, budget),
    createQuota: (quota) => createQuota(store, quota),
    createService: (service) => createService(store, service),
    createWebhook: (webhook) => createWebhook(store, webhook),
    evict(namespace, podName) {
      try {
        evict(namespace, podName, {});
        return true;
      } catch (error) {
        if (error instanceof StatusError) return false;
        throw error;
      }
    },
    deletePod(namespace, podName) {
      const pod = store.get<Pod>('pods', namespace, podName);
      if (pod) deletePod(pod, 'delete');
    },
    violations: () => observer.report().violations,
    report: () => observer.report(),
    resetReport: () => observer.reset(),
    stopKubelet: (nodeName) => kubelets.stop(nodeName),
    disruptionController: disruption,
  };
}
