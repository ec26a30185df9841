import { type BudgetIndex, disruptionAllowed, syncFailure } from './budgets.ts';
import { deleteObject } from './deletion.ts';
import type { Pod, PodDisruptionBudget } from './objects.ts';
import { isFinished, isReady, isTerminating, setCondition } from './pods.ts';
import { conflict, forbidden, notFound, StatusError } from './status.ts';
import type { KubernetesStore } from './store.ts';

export interface EvictionOptions {
  gracePeriodSeconds?: number;
  dryRun?: boolean;
  preconditions?: { uid?: string; resourceVersion?: string };
}

/** A budget refuses to keep track of more evictions than this. */
const maxDisruptedPods = 2_000;

/** For the observer: called before an eviction's pod is deleted. */
export type BeforeDeletion = (pod: Pod) => void;

/**
 * The eviction subresource, in the order of the API server's own steps (pkg/registry/core/pod/storage/eviction.go of
 * Kubernetes 1.33): the budget is charged before a precondition is looked at, so a refused eviction may use it up.
 *
 * @throws StatusError 404, 409, 429, 403 or 500.
 */
export function evictPod(
  store: KubernetesStore,
  budgets: BudgetIndex,
  namespace: string,
  name: string,
  options: EvictionOptions,
  beforeDeletion: BeforeDeletion,
): void {
  const pod = store.get<Pod>('pods', namespace, name);
  if (!pod) throw notFound({ group: '', resource: 'pods' }, name);
  if (!ignoresBudgets(pod)) askBudgets(store, budgets, pod, options.dryRun === true);
  checkPreconditions(pod, options.preconditions);
  if (options.dryRun) return;
  const message = 'Eviction API: evicting';
  const target = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message };
  const marked = store.update<Pod>('pods', namespace, name, ({ status }) => {
    status.conditions = setCondition(status.conditions, { lastProbeTime: null, ...target }, store.timestamp());
  });
  if (!marked) return;
  beforeDeletion(marked);
  const { gracePeriodSeconds } = options;
  deleteObject(store, 'pods', marked, gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds });
}

function ignoresBudgets(pod: Pod): boolean {
  return pod.status.phase === 'Pending' || isFinished(pod) || isTerminating(pod);
}

function askBudgets(store: KubernetesStore, index: BudgetIndex, pod: Pod, dryRun: boolean): void {
  const [budget, another] = index.budgetsOf(pod);
  if (!budget) return;
  if (another) {
    const message = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw new StatusError(500, undefined, message);
  }
  if (!isReady(pod) && mayLoseUnhealthy(budget)) return;
  charge(store, budget, pod, dryRun);
}

/** A pod that is not ready takes nothing from its budget when it goes. */
function mayLoseUnhealthy({ spec, status }: PodDisruptionBudget): boolean {
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy, desiredHealthy } = status;
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

function charge(store: KubernetesStore, budget: PodDisruptionBudget, pod: Pod, dryRun: boolean): void {
  const { name, namespace, generation = 1 } = budget.metadata;
  const { status } = budget;
  if ((status?.observedGeneration ?? 0) < generation) {
    throw refused(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  const resource = { group: 'policy', resource: 'poddisruptionbudget' };
  if (status.disruptionsAllowed < 0) throw forbidden(resource, name, 'pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > maxDisruptedPods) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbidden(resource, name, why);
  }
  if (status.disruptionsAllowed === 0) {
    const failure = syncFailure(budget);
    throw refused(
      failure === undefined
        ? `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`
        : `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${failure}`,
    );
  }
  if (dryRun) return;
  store.update<PodDisruptionBudget>('poddisruptionbudgets', namespace, name, (draft) => {
    const now = store.timestamp();
    draft.status.disruptionsAllowed -= 1;
    draft.status.disruptedPods = { ...draft.status.disruptedPods, [pod.metadata.name]: now };
    if (draft.status.disruptionsAllowed === 0) {
      const condition = disruptionAllowed(0, draft.status.observedGeneration);
      draft.status.conditions = setCondition(draft.status.conditions, condition, now);
    }
  });
}

function refused(cause: string, retryAfterSeconds?: number): StatusError {
  const message = "Cannot evict pod as it would violate the pod's disruption budget.";
  return new StatusError(429, 'TooManyRequests', message, {
    causes: [{ reason: 'DisruptionBudget', message: cause }],
    ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
  });
}

/** Also of DELETE. The server names the kind here, not the resource. */
export function checkPreconditions(
  { kind, metadata }: { kind: string; metadata: { name: string; uid: string; resourceVersion: string } },
  preconditions: EvictionOptions['preconditions'],
): void {
  const { uid, resourceVersion } = preconditions ?? {};
  const resource = { group: '', resource: kind };
  if (uid && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`;
    throw conflict(resource, metadata.name, why);
  }
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`;
    throw conflict(resource, metadata.name, why);
  }
}
