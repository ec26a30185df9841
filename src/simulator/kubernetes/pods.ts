/** Small questions about pods and other objects, in one place so that all parts answer them alike. */

import type { Condition, KubeObject, Node, OwnerReference, Pod, Taint, Toleration } from './objects.ts';
import { quantity } from './quantity.ts';

export function conditionOf(object: { status?: { conditions?: Condition[] } }, type: string): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type);
}

export function isReady(object: Pod | Node): boolean {
  return conditionOf(object, 'Ready')?.status === 'True';
}

export function isTerminating(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

export function isFinished(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}

/** Neither finished nor on its way out: what a controller counts. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && !isTerminating(pod);
}

/** What a PodDisruptionBudget counts as healthy. */
export function isHealthy(pod: Pod): boolean {
  return isReady(pod) && !isTerminating(pod);
}

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint));
}

export function toleratesTaint({ effect, key, operator, value }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return Boolean(key) && (value ?? '') === (taint.value ?? '');
}

/** Sum of the containers' requests: CPU in cores, memory in bytes. */
export function requests(pod: Pod): { cpu: number; memory: number } {
  let cpu = 0;
  let memory = 0;
  for (const { resources } of pod.spec.containers) {
    cpu += quantity(resources?.requests?.['cpu']);
    memory += quantity(resources?.requests?.['memory']);
  }
  return { cpu, memory };
}

/** Sets a condition, keeping its transition time when its status stays. A new one goes to the end, or to the front. */
export function setCondition(
  conditions: Condition[] | undefined,
  condition: Condition,
  now: string,
  where: 'front' | 'end' = 'end',
): Condition[] {
  const others = conditions ?? [];
  const index = others.findIndex((other) => other.type === condition.type);
  const before = others[index];
  const lastTransitionTime = before?.status === condition.status ? (before.lastTransitionTime ?? now) : now;
  const next = { ...condition, lastTransitionTime };
  if (index >= 0) return others.map((other, at) => (at === index ? next : other));
  return where === 'end' ? [...others, next] : [next, ...others];
}
