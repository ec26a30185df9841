import type { JournalStore } from '../../ports/journal-store.ts';
import type { ConfigMap, KubernetesPort } from '../../ports/kubernetes.ts';
import { type JournalParts, journalChanged, remoteJournal } from '../remote-journal.ts';
import { leaseName, leaseNamespace } from './lease-lock.ts';

export interface ConfigMapJournalOptions {
  kubernetes: Pick<KubernetesPort, 'getConfigMap' | 'putConfigMap'>;
  clusterName: string;
  planId: string;
}

const namespace = leaseNamespace;
const dataKey = 'journal.ndjson';
/**
 * Every append writes its chunk anew, and etcd keeps all versions for minutes, so chunks are kept small. A line that is
 * longer has a chunk of its own, up to the 1 MiB that Kubernetes allows.
 */
const chunkBytes = 64 * 1024;
/** So many chunks are asked for at a time; as many may be missing in a row before a loss goes unnoticed. */
const readAtATime = 4;
const attemptsToWrite = 5;

/**
 * The journal of a plan in ConfigMaps of kube-system, `prefix-migrate-<cluster>-<plan>-0001` and on: NDJSON under one key,
 * the hash chain going on from one to the next. Each write names the version that it changes, or creates; so of two writers
 * one is refused, and a request can be sent again when its answer was lost. Needs get, create and update, no list.
 */
export function configMapJournal({ kubernetes, clusterName, planId }: ConfigMapJournalOptions): JournalStore {
  const shortId = planId.slice(0, 12);
  const labels = { 'app.kubernetes.io/managed-by': 'prefix-migrate', 'prefix-migrate/plan': shortId };
  const nameOf = (number: number): string => `${leaseName(clusterName)}-${shortId}-${String(number).padStart(4, '0')}`;
  /** number of the last chunk, 0 when there is none, and the chunk */
  let count = 0;
  let last: ConfigMap | undefined;

  async function put(number: number, text: string, before: ConfigMap | undefined): Promise<ConfigMap> {
    const name = nameOf(number);
    let resourceVersion = before?.resourceVersion ?? null;
    for (let attempt = 1; attempt <= attemptsToWrite; attempt += 1) {
      const wanted = { name, data: { [dataKey]: text }, labels, resourceVersion };
      const stored = await kubernetes.putConfigMap(namespace, wanted);
      if (stored !== 'conflict') return stored;
      const found = await kubernetes.getConfigMap(namespace, name);
      // a label or the like may change without harm
      if (found === undefined || before === undefined || textOf(found) !== textOf(before)) break;
      resourceVersion = found.resourceVersion;
    }
    throw journalChanged(titleOf(name));
  }

  const parts: JournalParts = {
    async read() {
      const found: (ConfigMap | undefined)[] = [];
      do {
        const numbers = Array.from({ length: readAtATime }, (_, index) => found.length + index + 1);
        found.push(...(await Promise.all(numbers.map((number) => kubernetes.getConfigMap(namespace, nameOf(number))))));
      } while (found.at(-1) !== undefined);
      count = found.findLastIndex((chunk) => chunk !== undefined) + 1;
      last = found[count - 1];
      // one that is missing is a gap, which breaks the chain at the next
      return found.flatMap((chunk) =>
        chunk === undefined ? [] : [{ name: titleOf(chunk.name), text: textOf(chunk) }],
      );
    },

    async append(lines) {
      const room = chunkBytes - bytesOf(textOf(last));
      const isFull = last === undefined || bytesOf(lines[0] ?? '') >= room;
      const taken = fitting(lines, isFull ? chunkBytes : room);
      const text = taken.map((line) => `${line}\n`).join('');
      if (isFull) last = await put(count + 1, text, undefined);
      else last = await put(count, textOf(last) + text, last);
      if (isFull) count += 1;
      return taken.length;
    },
  };
  return remoteJournal(parts);
}

/** `ConfigMaps kube-system/prefix-migrate-demo-0123456789ab-0001 and on` */
export const configMapsOf = (clusterName: string, planId: string): string =>
  `ConfigMaps ${namespace}/${leaseName(clusterName)}-${planId.slice(0, 12)}-0001 and on`;

const titleOf = (name: string): string => `ConfigMap ${namespace}/${name}`;
const textOf = (chunk: ConfigMap | undefined): string => chunk?.data[dataKey] ?? '';
const bytesOf = (text: string): number => Buffer.byteLength(text);

/** The first lines that fit into so many bytes, newlines included; one at least. */
function fitting(lines: readonly string[], bytes: number): string[] {
  let used = 0;
  const over = lines.findIndex((line, index) => {
    used += bytesOf(line) + 1;
    return index > 0 && used > bytes;
  });
  return lines.slice(0, over === -1 ? lines.length : over);
}
