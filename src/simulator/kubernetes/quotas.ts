/**
 * ResourceQuotas over pods: what a pod uses (pkg/quota/v1/evaluator/core/pods.go of Kubernetes 1.33), the admission plugin
 * that refuses what goes beyond and charges the rest at once, and the controller that gives back what is gone.
 */
import type { SimClock } from '../types.ts';
import type { Container, Pod, ResourceQuota } from './objects.ts';
import { isFinished } from './pods.ts';
import { quantity } from './quantity.ts';
import { meets } from './selectors.ts';
import { forbidden } from './status.ts';
import type { KubernetesStore } from './store.ts';
import { milliseconds } from './time.ts';
import { createWorkQueue, keyOf, splitKey } from './work-queue.ts';

/** From a change to the controller's next look. */
const reactionMs = 10;

/** Resource name of a quota -> amount in its base unit. */
type Usage = Map<string, number>;

const sides = ['requests', 'limits'] as const;
const measured = ['cpu', 'memory', 'ephemeral-storage'];
/** These must be told by every container where a quota counts them. */
const required = new Set(['cpu', 'memory'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]));
const countable = new Set([
  'pods',
  'count/pods',
  ...measured.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
]);

/** @throws StatusError 403 when a quota of its namespace refuses the pod; otherwise all are charged, unless `dryRun`. */
export function admitToQuotas(store: KubernetesStore, pod: Pod, dryRun = false): void {
  const quotas = store
    .list<ResourceQuota>('resourcequotas', pod.metadata.namespace)
    .filter((quota) => inScope(quota, pod));
  if (quotas.length === 0) return;
  const wanted = demandOf(pod);
  for (const quota of quotas) check(quota, pod, wanted);
  if (!dryRun) for (const quota of quotas) charge(store, quota, wanted);
}

function check(quota: ResourceQuota, pod: Pod, wanted: Usage): void {
  const { name } = quota.metadata;
  const refuse = (why: string): Error => forbidden({ group: '', resource: 'pods' }, pod.metadata.name, why);
  const counted = Object.keys(quota.spec.hard ?? {}).filter((each) => countable.has(each));
  const missing = counted.filter((each) => required.has(each)).toSorted();
  const untold = missing
    .map((each) => ({ each, containers: containersWithout(pod, each) }))
    .filter(({ containers }) => containers.length > 0)
    .map(({ each, containers }) => `${each} for: ${containers.join(',')}`);
  if (untold.length > 0) throw refuse(`failed quota: ${name}: must specify ${untold.join('; ')}`);
  const { hard, used } = quota.status ?? {};
  if (!hard || !used) throw refuse(`status unknown for quota: ${name}, resources: ${counted.toSorted().join(',')}`);
  const over = counted
    .filter((each) => (wanted.get(each) ?? 0) > 0)
    .filter((each) => exceeds(quantity(used[each]) + (wanted.get(each) ?? 0), quantity(hard[each])))
    .toSorted();
  if (over.length === 0) return;
  const list = (value: (each: string) => string): string => over.map((each) => `${each}=${value(each)}`).join(',');
  throw refuse(
    `exceeded quota: ${name}, requested: ${list((each) => amount(each, wanted.get(each) ?? 0))}, ` +
      `used: ${list((each) => used[each] ?? '0')}, limited: ${list((each) => hard[each] ?? '0')}`,
  );
}

function charge(store: KubernetesStore, { metadata }: ResourceQuota, wanted: Usage): void {
  store.update<ResourceQuota>('resourcequotas', metadata.namespace, metadata.name, ({ status }) => {
    const { used = {} } = status;
    for (const name of Object.keys(used)) used[name] = amount(name, quantity(used[name]) + (wanted.get(name) ?? 0));
  });
}

/** Looks at a quota when it is new or changed, and when a pod of its namespace went or came to its end. */
export function startQuotaController(store: KubernetesStore, clock: SimClock): void {
  const queue = createWorkQueue(clock, reactionMs, (key) => {
    const [namespace, name] = splitKey(key);
    const quota = store.get<ResourceQuota>('resourcequotas', namespace, name);
    if (quota) writeStatus(store, quota, clock.now());
  });
  store.watch<ResourceQuota>('resourcequotas', ({ type, object, previous }) => {
    if (type !== 'DELETED' && object.spec !== previous?.spec) queue.add(keyOf(object));
  });
  store.watch<Pod>('pods', ({ type, object, previous }) => {
    const ended = previous && isFinished(object) && !isFinished(previous);
    if (type !== 'DELETED' && !ended) return;
    for (const quota of store.list<ResourceQuota>('resourcequotas', object.metadata.namespace)) queue.add(keyOf(quota));
  });
}

/** Counts a quota's pods and writes its status. */
export function writeStatus(store: KubernetesStore, { metadata, spec }: ResourceQuota, now: number): void {
  const { namespace, name } = metadata;
  store.update<ResourceQuota>('resourcequotas', namespace, name, (draft) => {
    const hard = { ...spec.hard };
    const totals: Usage = new Map();
    for (const pod of store.list<Pod>('pods', namespace)) {
      if (!inScope(draft, pod)) continue;
      for (const [each, value] of usageOf(pod, now)) totals.set(each, (totals.get(each) ?? 0) + value);
    }
    const counted = Object.keys(hard).filter((each) => countable.has(each));
    const used = Object.fromEntries(counted.map((each) => [each, amount(each, totals.get(each) ?? 0)]));
    draft.status = { hard, used };
  });
}

/** A pod that has ended, or whose grace period is long over, counts as an object only. */
function usageOf(pod: Pod, now: number): Usage {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
  const overdue = milliseconds(deletionTimestamp) + deletionGracePeriodSeconds * 1000 < now;
  return isFinished(pod) || overdue ? new Map([['count/pods', 1]]) : demandOf(pod);
}

function demandOf(pod: Pod): Usage {
  const usage: Usage = new Map(['pods', 'count/pods'].map((name) => [name, 1]));
  for (const side of sides) {
    for (const name of measured) {
      const total = pod.spec.containers.reduce((sum, each) => sum + quantity(told(each, side, name)), 0);
      if (!pod.spec.containers.some((each) => told(each, side, name) !== undefined)) continue;
      usage.set(`${side}.${name}`, total);
      if (side === 'requests') usage.set(name, total);
    }
  }
  return usage;
}

/** What a container says of a resource; a limit stands for a request that is not there. */
function told({ resources }: Container, side: (typeof sides)[number], name: string): string | undefined {
  return resources?.[side]?.[name] ?? (side === 'requests' ? resources?.limits?.[name] : undefined);
}

function containersWithout({ spec }: Pod, counted: string): string[] {
  const [side, name] = counted.startsWith('limits.')
    ? (['limits', counted.slice(7)] as const)
    : (['requests', counted.replace('requests.', '')] as const);
  return spec.containers.filter((each) => told(each, side, name) === undefined).map((each) => each.name);
}

function inScope({ spec }: ResourceQuota, pod: Pod): boolean {
  const selected = spec.scopeSelector?.matchExpressions ?? [];
  return (
    (spec.scopes ?? []).every((scope) => scopes[scope]?.(pod) ?? false) &&
    selected.every(({ scopeName, ...requirement }) =>
      scopeName === 'PriorityClass'
        ? meets({ key: scopeName, ...requirement }, pod.spec.priorityClassName)
        : (scopes[scopeName]?.(pod) ?? false),
    )
  );
}

const isBestEffort = ({ spec }: Pod): boolean =>
  !spec.containers.some(({ resources }) => Object.keys({ ...resources?.requests, ...resources?.limits }).length > 0);

const scopes: Record<string, (pod: Pod) => boolean> = {
  Terminating: ({ spec }) => spec.activeDeadlineSeconds !== undefined,
  NotTerminating: ({ spec }) => spec.activeDeadlineSeconds === undefined,
  BestEffort: isBestEffort,
  NotBestEffort: (pod) => !isBestEffort(pod),
};

/** Sums of decimal fractions are never quite exact. */
function exceeds(sum: number, limit: number): boolean {
  return sum > limit * (1 + 1e-9);
}

const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti'];

/** As a quantity is printed: CPU in cores or thousandths, bytes with the largest binary suffix that leaves no rest. */
function amount(name: string, value: number): string {
  if (name.endsWith('cpu')) {
    const thousandths = Math.round(value * 1000);
    return thousandths % 1000 === 0 ? String(thousandths / 1000) : `${thousandths}m`;
  }
  if (name.endsWith('pods')) return String(Math.round(value));
  let rest = Math.round(value);
  let step = 0;
  while (rest > 0 && rest % 1024 === 0 && step < binary.length - 1) {
    rest /= 1024;
    step += 1;
  }
  return `${rest}${binary[step]}`;
}
