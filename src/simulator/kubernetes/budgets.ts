/** PodDisruptionBudgets: which pods they select, their arithmetic, and the disruption controller. */
import type { SimClock } from '../types.ts';
import type { RecordEvent } from './events.ts';
import {
  type Condition,
  isKind,
  type KubeObject,
  type Pod,
  type PodDisruptionBudget,
  type Workload,
} from './objects.ts';
import { conditionOf, controllerOf, isHealthy, isTerminating, setCondition } from './pods.ts';
import { scaled } from './quantity.ts';
import { matchesSelector } from './selectors.ts';
import type { KubernetesStore } from './store.ts';
import { milliseconds } from './time.ts';
import { createWorkQueue, keyOf, splitKey } from './work-queue.ts';

/** How long an eviction counts although its pod was not deleted. */
export const disruptedPodTimeoutMs = 120_000;

/** Pods of each budget, kept up to date with every change, so that nobody searches a namespace. */
export interface BudgetIndex {
  budgetsOf(pod: Pod): PodDisruptionBudget[];
  podsOf(budget: PodDisruptionBudget): Pod[];
  /** Ready pods of a budget that are not terminating. */
  healthy(budget: PodDisruptionBudget): number;
}

interface Member {
  budget: PodDisruptionBudget;
  pods: Map<string, Pod>;
  healthy: number;
}

export function createBudgetIndex(store: KubernetesStore, changed: (budgetKey: string) => void): BudgetIndex {
  const namespaces = new Map<string, Map<string, Member>>();

  function place(member: Member, pod: Pod, present: boolean): boolean {
    const { name } = pod.metadata;
    const before = member.pods.get(name);
    const selected = present && matchesSelector(member.budget.spec.selector, pod.metadata.labels);
    if (before && isHealthy(before)) member.healthy -= 1;
    if (selected) {
      member.pods.set(name, pod);
      if (isHealthy(pod)) member.healthy += 1;
    } else member.pods.delete(name);
    return before !== undefined || selected;
  }

  store.watch<Pod>('pods', ({ type, object }) => {
    for (const member of namespaces.get(object.metadata.namespace ?? '')?.values() ?? []) {
      if (place(member, object, type !== 'DELETED')) changed(keyOf(member.budget));
    }
  });

  store.watch<PodDisruptionBudget>('poddisruptionbudgets', ({ type, object, previous }) => {
    const { namespace = '', name } = object.metadata;
    const budgets = namespaces.get(namespace) ?? new Map<string, Member>();
    namespaces.set(namespace, budgets);
    if (type === 'DELETED') {
      budgets.delete(name);
      return;
    }
    const before = budgets.get(name);
    const member = before ?? { budget: object, pods: new Map<string, Pod>(), healthy: 0 };
    member.budget = object;
    budgets.set(name, member);
    if (!before || previous?.spec.selector !== object.spec.selector) {
      for (const pod of store.list<Pod>('pods', namespace)) place(member, pod, true);
    }
    changed(keyOf(object));
  });

  const memberOf = ({ metadata }: PodDisruptionBudget): Member | undefined =>
    namespaces.get(metadata.namespace ?? '')?.get(metadata.name);

  return {
    // The API server looks for no budget of a pod without labels.
    budgetsOf: (pod) =>
      Object.keys(pod.metadata.labels ?? {}).length === 0
        ? []
        : [...(namespaces.get(pod.metadata.namespace ?? '')?.values() ?? [])]
            .filter(({ budget }) => matchesSelector(budget.spec.selector, pod.metadata.labels))
            .map(({ budget }) => budget),
    podsOf: (budget) => [...(memberOf(budget)?.pods.values() ?? [])],
    healthy: (budget) => memberOf(budget)?.healthy ?? 0,
  };
}

export interface Arithmetic {
  expectedPods: number;
  desiredHealthy: number;
  /** Pods without a controller, where the scale of controllers is needed. */
  unmanaged: Pod[];
}

/** The scale of a pod's controller is not known: the controller reports SyncFailed. */
export class NoScale extends Error {}

/**
 * `expectedPods` and `desiredHealthy` as the disruption controller computes them: from the number of pods for an integer
 * `minAvailable`, from the scale of their controllers otherwise; percentages round up.
 *
 * @throws NoScale when a controller has no scale (a DaemonSet, a Job).
 */
export function budgetArithmetic(
  store: KubernetesStore,
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
): Arithmetic {
  const { maxUnavailable, minAvailable } = budget.spec;
  if (typeof minAvailable === 'number') {
    return { expectedPods: pods.length, desiredHealthy: minAvailable, unmanaged: [] };
  }
  if (maxUnavailable === undefined && minAvailable === undefined) {
    return { expectedPods: 0, desiredHealthy: 0, unmanaged: [] };
  }
  const unmanaged: Pod[] = [];
  const scales = new Map<string, number>();
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (!owner) unmanaged.push(pod);
    else if (!scales.has(owner.uid)) {
      const { uid, replicas } = scaleOf(store, pod, owner);
      scales.set(owner.uid, scales.has(uid) ? 0 : replicas);
      if (uid !== owner.uid) scales.set(uid, scales.get(uid) ?? 0);
    }
  }
  const expectedPods = [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
  const desiredHealthy =
    maxUnavailable !== undefined
      ? Math.max(0, expectedPods - scaled(maxUnavailable, expectedPods, 'up'))
      : scaled(minAvailable ?? 0, expectedPods, 'up');
  return { expectedPods, desiredHealthy, unmanaged };
}

/** Two ReplicaSets of one Deployment share its scale. */
function scaleOf(
  store: KubernetesStore,
  pod: Pod,
  owner: { kind: string; name: string; uid: string; apiVersion: string },
): { uid: string; replicas: number } {
  const { namespace } = pod.metadata;
  const resource = { ReplicaSet: 'replicasets', StatefulSet: 'statefulsets' }[owner.kind];
  if (!resource) {
    const group = owner.apiVersion.split('/')[0];
    throw new NoScale(`${owner.kind.toLowerCase()}s.${group} does not implement the scale subresource`);
  }
  const found = store.get<Workload>(resource, namespace, owner.name);
  if (found?.metadata.uid !== owner.uid) throw new NoScale(`${resource}.apps "${owner.name}" not found`);
  const above = controllerOf(found);
  const deployment =
    above?.kind === 'Deployment' ? store.get<Workload>('deployments', namespace, above.name) : undefined;
  const scale = deployment ?? found;
  return { uid: scale.metadata.uid, replicas: scale.spec.replicas ?? 1 };
}

/** The condition that goes with a number of allowed disruptions. */
export function disruptionAllowed(allowed: number, observedGeneration: number | undefined): Condition {
  return {
    type: 'DisruptionAllowed',
    status: allowed > 0 ? 'True' : 'False',
    reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  };
}

export interface DisruptionController {
  index: BudgetIndex;
  /** A controller that is paused leaves new budgets unprocessed and old ones as they are. */
  pause(): void;
  resume(): void;
}

/** Keeps the status of every budget, `lagSeconds` after a change of its pods or of itself. */
export function createDisruptionController(
  store: KubernetesStore,
  clock: SimClock,
  record: RecordEvent,
  lagSeconds: number,
): DisruptionController {
  let paused: Set<string> | undefined;
  const queue = createWorkQueue(clock, lagSeconds * 1000, (key) => {
    sync(key);
  });
  const index = createBudgetIndex(store, (key) => queue.add(key));
  // A change of scale changes what is expected.
  for (const resource of ['deployments', 'replicasets', 'statefulsets']) {
    store.watch<Workload>(resource, ({ object, previous }) => {
      if (previous?.spec.replicas === object.spec.replicas) return;
      const pod = sampleOf(store, object);
      for (const budget of pod ? index.budgetsOf(pod) : []) queue.add(keyOf(budget));
    });
  }

  function sync(key: string): void {
    if (paused) {
      paused.add(key);
      return;
    }
    const [namespace, name] = splitKey(key);
    const budget = store.get<PodDisruptionBudget>('poddisruptionbudgets', namespace, name);
    if (!budget) return;
    const pods = index.podsOf(budget);
    try {
      const arithmetic = budgetArithmetic(store, budget, pods);
      if (arithmetic.unmanaged.length > 0) record(budget, 'Warning', 'UnmanagedPods', unmanagedText(budget), component);
      write(budget, pods, arithmetic);
    } catch (error) {
      if (!(error instanceof NoScale)) throw error;
      fail(budget, error.message);
    }
  }

  function write(budget: PodDisruptionBudget, pods: Pod[], { expectedPods, desiredHealthy }: Arithmetic): void {
    const disrupted = stillExpected(budget, pods);
    const currentHealthy = pods.filter((pod) => isHealthy(pod) && !(pod.metadata.name in disrupted)).length;
    const allowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
    store.update<PodDisruptionBudget>(
      'poddisruptionbudgets',
      budget.metadata.namespace,
      budget.metadata.name,
      (draft) => {
        const observedGeneration = budget.metadata.generation ?? 1;
        draft.status = {
          ...draft.status,
          observedGeneration,
          disruptedPods: disrupted,
          disruptionsAllowed: allowed,
          currentHealthy,
          desiredHealthy,
          expectedPods,
          conditions: setCondition(
            draft.status?.conditions,
            disruptionAllowed(allowed, observedGeneration),
            store.timestamp(),
          ),
        };
        if (Object.keys(disrupted).length === 0) delete draft.status.disruptedPods;
      },
    );
  }

  /** The evictions whose pods are yet to be deleted. The controller looks again when the first of them runs out. */
  function stillExpected(budget: PodDisruptionBudget, pods: readonly Pod[]): Record<string, string> {
    const entries = budget.status?.disruptedPods ?? {};
    const kept: Record<string, string> = {};
    let soonest = Number.POSITIVE_INFINITY;
    for (const pod of pods) {
      const time = entries[pod.metadata.name];
      if (time === undefined || isTerminating(pod)) continue;
      const left = milliseconds(time) + disruptedPodTimeoutMs - clock.now();
      if (left > 0) {
        kept[pod.metadata.name] = time;
        soonest = Math.min(soonest, left);
      } else {
        const { namespace, name } = budget.metadata;
        const message = `Pod was expected by PDB ${namespace}/${name} to be deleted but it wasn't`;
        record(pod, 'Warning', 'NotDeleted', message, component);
      }
    }
    if (Number.isFinite(soonest)) queue.addAfter(keyOf(budget), soonest);
    return kept;
  }

  /** No disruption is allowed while the controller cannot compute. */
  function fail(budget: PodDisruptionBudget, message: string): void {
    const text = `Failed to calculate the number of expected pods: ${message}`;
    record(budget, 'Warning', 'CalculateExpectedPodCountFailed', text, component);
    store.update<PodDisruptionBudget>(
      'poddisruptionbudgets',
      budget.metadata.namespace,
      budget.metadata.name,
      (draft) => {
        const observedGeneration = budget.metadata.generation ?? 1;
        const condition = {
          type: 'DisruptionAllowed',
          status: 'False',
          reason: 'SyncFailed',
          message,
          observedGeneration,
        };
        draft.status = {
          ...draft.status,
          observedGeneration,
          disruptionsAllowed: 0,
          conditions: setCondition(draft.status?.conditions, condition, store.timestamp()),
        };
      },
    );
  }

  return {
    index,
    pause() {
      paused ??= new Set();
    },
    resume() {
      const waiting = paused;
      paused = undefined;
      for (const key of waiting ?? []) queue.add(key);
    },
  };
}

const component = 'controllermanager';

function sampleOf(store: KubernetesStore, workload: KubeObject): Pod | undefined {
  for (const owned of store.ownedBy(workload.metadata.uid)) {
    if (isKind<Pod>(owned, 'Pod')) return owned;
    const pod = sampleOf(store, owned);
    if (pod) return pod;
  }
  return undefined;
}

function unmanagedText(budget: PodDisruptionBudget): string {
  const labels = Object.entries(budget.spec.selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  return (
    `Pods selected by this PodDisruptionBudget (selector: ${labels.join(',')}) were found to be unmanaged. As a result, ` +
    'the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these ' +
    'pods please set ".spec.minAvailable" field of the PDB to an integer value.'
  );
}

/** Why a budget could not be computed, if so. */
export function syncFailure(budget: PodDisruptionBudget): string | undefined {
  const condition = conditionOf(budget, 'DisruptionAllowed');
  return condition?.reason === 'SyncFailed' ? (condition.message ?? '') : undefined;
}
