import type { ResourceQuota } from '../../domain/snapshot.ts';
import { bytes, cpuMillis } from './quantity.ts';
import type { WireResourceQuota } from './wire.ts';

/** A quota for pods and what they ask for; none when it counts other things only. */
export function toResourceQuota({ metadata, spec, status }: WireResourceQuota): ResourceQuota[] {
  const hard = podEntries(status?.hard ?? spec?.hard);
  if (Object.keys(hard).length === 0) return [];
  return [
    {
      namespace: metadata?.namespace ?? '',
      name: metadata?.name ?? '',
      hard,
      used: podEntries(status?.used),
      isScoped: (spec?.scopes ?? []).length > 0 || spec?.scopeSelector != null,
    },
  ];
}

/** A quota may say `cpu` for `requests.cpu`. */
const shortNames = new Set(['cpu', 'memory', 'ephemeral-storage']);
const storage = /^requests\.storage$|storageclass\.storage\.k8s\.io\//;

function podEntries(amounts: Readonly<Record<string, string | null | undefined>> | null | undefined) {
  const entries: Record<string, number> = {};
  for (const [key, amount] of Object.entries(amounts ?? {})) {
    const name = shortNames.has(key) ? `requests.${key}` : key;
    const isOfPods = name === 'pods' || name === 'count/pods' || /^(requests|limits)\./.test(name);
    if (amount == null || !isOfPods || storage.test(name)) continue;
    entries[name] = name.endsWith('.cpu') ? cpuMillis(amount) : bytes(amount);
  }
  return entries;
}
