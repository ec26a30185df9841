import type { JournalStore } from '../../ports/journal-store.ts';
import { type JournalPart, journalChanged, remoteJournal } from '../remote-journal.ts';
import { type Bucket, noConditionalWrites } from './bucket.ts';

export interface S3JournalOptions {
  objects: Bucket;
  bucket: string;
  /** without slashes at its ends; may be empty */
  prefix: string;
  planId: string;
}

const readAtATime = 16;

/**
 * The journal of a plan as objects of a bucket: `PREFIX/<plan id>/<number of the first line, 12 digits>.ndjson`, one for
 * each write, never replaced. Of two writers that know the same lines one finds its key taken. A write whose answer was
 * lost finds its own bytes there.
 */
export function s3Journal({ objects, bucket, prefix, planId }: S3JournalOptions): JournalStore {
  const folder = `${prefix === '' ? '' : `${prefix}/`}${planId}/`;
  const keyOf = (seq: number): string => `${folder}${String(seq).padStart(12, '0')}.ndjson`;
  const titleOf = (key: string): string => `s3://${bucket}/${key}`;
  let isChecked = false;

  async function part(key: string): Promise<JournalPart> {
    const text = await objects.get(key);
    if (text === undefined) throw journalChanged(titleOf(key));
    return { name: titleOf(key), text };
  }

  return remoteJournal({
    async read() {
      const keys = (await objects.list(folder)).filter((key) => /^\d{12}\.ndjson$/.test(key.slice(folder.length)));
      const parts: JournalPart[] = [];
      while (parts.length < keys.length) {
        parts.push(...(await Promise.all(keys.slice(parts.length, parts.length + readAtATime).map(part))));
      }
      return parts;
    },

    async append(lines, seq) {
      const key = keyOf(seq);
      const text = lines.map((line) => `${line}\n`).join('');
      const isOurs = async (): Promise<boolean> => (await objects.get(key)) === text;
      if ((await objects.create(key, text)) === 'exists' && !(await isOurs())) throw journalChanged(titleOf(key));
      // before anything is done: a server that does not know the condition takes the same bytes again, without harm
      if (!isChecked && (await objects.create(key, text)) === 'created') {
        throw noConditionalWrites(bucket, `${titleOf(key)} was written twice.`);
      }
      isChecked = true;
      return lines.length;
    },
  });
}
