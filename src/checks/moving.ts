import { type BudgetOutlook, budgetOutlook, isGuarded } from '../domain/budgets.ts';
import type { Scope } from '../domain/scope.ts';
import { podsBySelector } from '../domain/selector-index.ts';
import type { ClusterSnapshot, Pod, PodDisruptionBudget, RehearsedRefusal } from '../domain/snapshot.ts';
import { isSurged } from '../domain/surge.ts';
import { indexWorkloads, nameOf, ownerOf, type PodOwner, type Workloads } from '../domain/workloads.ts';
import { listed } from './check.ts';

/** Pods that move, under the name that a person knows them by: their workload, or their own when nothing owns them. */
export interface MovingWorkload {
  /** `shop/search` */
  subject: string;
  namespace: string;
  owner: PodOwner | null;
  /** at least one */
  pods: [Pod, ...Pod[]];
}

/** The CronJob rather than its Job. */
export function byWorkload(pods: readonly Pod[], snapshot: ClusterSnapshot): MovingWorkload[] {
  const workloads = indexWorkloads(snapshot.workloads);
  const jobs = new Map(snapshot.jobs.map((job) => [job.uid, job]));
  const found = new Map<string, MovingWorkload>();
  for (const pod of pods) {
    const cronJob = jobs.get(pod.controller?.uid ?? '')?.controller;
    const owner = cronJob ? { ...cronJob, namespace: pod.namespace, replicas: null } : ownerOf(pod, workloads);
    const subject = nameOf(owner ?? pod);
    const key = `${owner?.kind ?? 'Pod'} ${subject}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { subject, namespace: pod.namespace, owner, pods: [pod] });
    else known.pods.push(pod);
  }
  return [...found.values()];
}

/** Pods that are evicted: those that move, but for the pods of Deployments that are rolled over. */
export function evictedPods({ movingPods, request }: Scope, workloads: Workloads): readonly Pod[] {
  return request.surge.length === 0
    ? movingPods
    : movingPods.filter((pod) => !isSurged(ownerOf(pod, workloads), request));
}

/** A budget that has a say in the drain. */
export interface MovingBudget {
  budget: PodDisruptionBudget;
  /** all pods that it selects, and those of them that are evicted and count */
  selected: Pod[];
  pods: [Pod, ...Pod[]];
  outlook: BudgetOutlook;
  /**
   * `sync-failed`: the controller cannot compute it. `never`: it allows nothing even with all pods healthy. `not-processed`:
   * its status is of an older spec. `not-now`: it allows nothing at the moment.
   */
  state: 'sync-failed' | 'never' | 'not-processed' | 'not-now' | 'allows';
  /** owner of the first of the pods */
  owner: PodOwner | null;
  /** `Deployment shop/search`, of all owners */
  whose: string;
  /** `it needs 3 healthy, has 3, expected 3` */
  arithmetic: string;
  /** what the API server said to the rehearsed eviction of the first pod that it refused for the sake of a budget */
  refusal: RehearsedRefusal | undefined;
}

/** Asked by several checks about the same scope. */
const known = new WeakMap<Scope, MovingBudget[]>();

export function movingBudgets(snapshot: ClusterSnapshot, scope: Scope): MovingBudget[] {
  const found = known.get(scope) ?? findBudgets(snapshot, scope);
  known.set(scope, found);
  return found;
}

function findBudgets(snapshot: ClusterSnapshot, scope: Scope): MovingBudget[] {
  const workloads = indexWorkloads(snapshot.workloads);
  const evicted = new Set(evictedPods(scope, workloads));
  const refusals = refusalsOf(snapshot);
  return [...podsBySelector(snapshot.podDisruptionBudgets, snapshot.pods)].flatMap(([budget, selected]) => {
    const [first, ...others] = selected.filter((pod) => evicted.has(pod) && isGuarded(pod));
    if (first === undefined) return [];
    const pods: MovingBudget['pods'] = [first, ...others];
    const outlook = budgetOutlook(budget, selected, workloads);
    const { currentHealthy } = budget.status;
    const has = isProcessed(budget) ? currentHealthy : selected.filter(({ ready }) => ready).length;
    return [
      {
        budget,
        selected,
        pods,
        outlook,
        state: stateOf(budget, outlook),
        owner: ownerOf(first, workloads),
        whose: whose(pods, workloads),
        arithmetic: `it needs ${outlook.desiredHealthy} healthy, has ${has}, expected ${outlook.expectedPods}`,
        refusal: pods.map(({ uid }) => refusals.get(uid)).find((refusal) => refusal?.kind.startsWith('budget-')),
      },
    ];
  });
}

const isProcessed = ({ generation, status }: PodDisruptionBudget): boolean => status.observedGeneration >= generation;

function stateOf(budget: PodDisruptionBudget, { allowedAtBest }: BudgetOutlook): MovingBudget['state'] {
  if (budget.status.syncFailure !== null) return 'sync-failed';
  if (allowedAtBest === 0) return 'never';
  if (!isProcessed(budget)) return 'not-processed';
  return budget.status.disruptionsAllowed <= 0 ? 'not-now' : 'allows';
}

function whose(pods: readonly Pod[], workloads: Workloads): string {
  const owners = new Set(
    pods.map((pod) => {
      const owner = ownerOf(pod, workloads);
      return owner === null ? nameOf(pod) : `${owner.kind} ${nameOf(owner)}`;
    }),
  );
  return listed([...owners], 3);
}

/** Whether a budget has pods, and none of them is Ready. */
export const noneIsReady = ({ selected }: MovingBudget): boolean => selected.every(({ ready }) => !ready);

/** The command after which pods that are not Ready do not need their budget. */
export const letUnreadyGo = ({ namespace, name }: PodDisruptionBudget): string =>
  `kubectl -n ${namespace} patch pdb ${name} --type=merge -p '{"spec":{"unhealthyPodEvictionPolicy":"AlwaysAllow"}}'  # lets unready pods go`;

/** Rehearsed evictions that were refused, by uid of the pod. */
export const refusalsOf = ({ evictionRehearsal }: ClusterSnapshot): ReadonlyMap<string, RehearsedRefusal> =>
  new Map((evictionRehearsal?.refusals ?? []).map((refusal) => [refusal.uid, refusal]));

/** The API server's own words for a missing permission; a refusal by an admission webhook reads otherwise. */
export const isForbidden = ({ kind, detail }: RehearsedRefusal): boolean =>
  kind === 'refused' && /cannot create resource "pods\/eviction"/.test(detail);

/** A sentence with what the API server said to a rehearsed eviction; empty when nothing. */
export const serverWords = (refusal: RehearsedRefusal | undefined): string =>
  refusal === undefined ? '' : ` The API server, asked about ${nameOf(refusal)} (dry run): "${refusal.detail}"`;

/** A label that all these pods share, the customary ones first; undefined when there is none. */
export function sharedLabel(pods: readonly Pod[]): [key: string, value: string] | undefined {
  const shared = Object.entries(pods[0]?.labels ?? {}).filter(([key, value]) =>
    pods.every(({ labels }) => labels[key] === value),
  );
  return (
    shared.find(([key]) => customaryLabels.includes(key)) ??
    shared.find(([key]) => !key.endsWith('-hash') && !key.startsWith('statefulset.kubernetes.io/'))
  );
}

/** Labels that say which workload a pod belongs to. */
export const customaryLabels: readonly string[] = ['app', 'app.kubernetes.io/name', 'k8s-app', 'name'];

/** `app=web,tier=front` */
export const selectorText = (labels: Record<string, string>): string =>
  Object.entries(labels)
    .map((label) => label.join('='))
    .join(',');
