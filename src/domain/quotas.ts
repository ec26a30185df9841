import type { Pod, ResourceQuota } from './snapshot.ts';

/** What a quota has too little of for one pod more. CPU in millis, memory in bytes, else pieces. */
export interface QuotaShortage {
  resource: string;
  hard: number;
  used: number;
  needed: number;
}

/** Names of the same thing in a quota: `cpu` stands for `requests.cpu`. */
const neededBy = ({ requests: { cpuMillis, memoryBytes, others } }: Pod): Record<string, number> => ({
  pods: 1,
  'count/pods': 1,
  cpu: cpuMillis,
  'requests.cpu': cpuMillis,
  memory: memoryBytes,
  'requests.memory': memoryBytes,
  ...Object.fromEntries(Object.entries(others ?? {}).map(([name, amount]) => [`requests.${name}`, amount])),
});

/** Empty when the quota has room for another pod like this one, and when it counts some pods only: which, is not known. */
export function quotaShortages({ hard, used, isScoped }: ResourceQuota, pod: Pod): QuotaShortage[] {
  if (isScoped) return [];
  const needs = neededBy(pod);
  return Object.entries(hard)
    .map(([resource, limit]) => ({ resource, hard: limit, used: used[resource] ?? 0, needed: needs[resource] ?? 0 }))
    .filter(({ hard: limit, used: taken, needed }) => needed > 0 && taken + needed > limit);
}
