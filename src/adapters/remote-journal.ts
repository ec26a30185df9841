import { formatLine, parseJournal } from '../domain/journal-chain.ts';
import type { JournalEntry, JournalLine } from '../domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { JournalStore } from '../ports/journal-store.ts';

/** A piece of the journal, of whole lines. */
export interface JournalPart {
  /** as messages call it: `ConfigMap kube-system/...`, `s3://...` */
  name: string;
  text: string;
}

/** A journal that lies somewhere else in parts, each of which is written by one request or not at all. */
export interface JournalParts {
  /** all of them, in order */
  read(): Promise<JournalPart[]>;
  /**
   * Writes lines (without newlines; the first one is number `seq`) behind what was read or written last, as many as one
   * request takes, and resolves with how many these were. Rejects with JOURNAL.CHANGED when somebody else wrote there. After
   * a failure `read` comes first.
   */
  append(lines: readonly string[], seq: number): Promise<number>;
}

interface Waiting {
  at: string;
  entry: JournalEntry;
  resolve: (line: JournalLine) => void;
  reject: (error: unknown) => void;
}

/**
 * The journal in `parts`. Entries that arrive while a request is under way go together into the next one. What was handed
 * over behind an entry that could not be written is not written either.
 */
export function remoteJournal(parts: JournalParts): JournalStore {
  let tail: { seq: number; lastLineText: string | null } | undefined;
  let isWriting = false;
  const waiting: Waiting[] = [];

  async function read(): Promise<JournalLine[]> {
    tail = undefined;
    const { lines, lastLineText } = parseParts(await parts.read());
    tail = { seq: lines.length, lastLineText };
    return lines;
  }

  async function commit(batch: readonly Waiting[]): Promise<JournalLine[]> {
    if (tail === undefined) await read();
    const { seq, lastLineText } = tail ?? { seq: 0, lastLineText: null };
    // until the answer is there the end of the journal is unknown: after a failure it is read anew
    tail = undefined;
    const texts: string[] = [];
    for (const { at, entry } of batch) {
      texts.push(formatLine(texts.at(-1) ?? lastLineText, seq + texts.length + 1, at, entry));
    }
    const written = texts.slice(0, await parts.append(texts, seq + 1));
    tail = { seq: seq + written.length, lastLineText: written.at(-1) ?? lastLineText };
    return written.map((text): JournalLine => JSON.parse(text));
  }

  async function work(): Promise<void> {
    while (waiting.length > 0) {
      try {
        const lines = await commit([...waiting]);
        for (const line of lines) waiting.shift()?.resolve(line);
      } catch (error) {
        for (const { reject } of waiting.splice(0)) reject(error);
      }
    }
    isWriting = false;
  }

  return {
    // no part is ever torn
    read: async () => ({ lines: await read(), tornTail: false }),
    append: (at, entry) =>
      new Promise((resolve, reject) => {
        waiting.push({ at, entry, resolve, reject });
        if (isWriting) return;
        isWriting = true;
        void work();
      }),
  };
}

/** @throws MigrateError `JOURNAL.DAMAGED` (exit 2) naming part and line */
function parseParts(parts: readonly JournalPart[]): ReturnType<typeof parseJournal> {
  const parse = (count: number): ReturnType<typeof parseJournal> =>
    parseJournal(
      parts
        .slice(0, count)
        .map(({ text }) => text)
        .join(''),
    );
  try {
    const parsed = parse(parts.length);
    if (parsed.tornTail) throw tornPart(parsed.lines.length + 1);
    return parsed;
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error;
    // the first part with which the journal is damaged is the one
    const culprit = parts.find((_part, index) => {
      try {
        return parse(index + 1).tornTail;
      } catch {
        return true;
      }
    });
    throw new MigrateError({
      code: error.code,
      message: `${error.message}: ${culprit?.name}`,
      why: error.why,
      nextActions: [
        'put it back as it was, from an older version or a copy, then run the same command again',
        'or make a new plan: prefix-migrate plan --cluster CLUSTER --out NEW-DIR (it starts from what is in the cluster now)',
      ],
      exitCode: error.exitCode,
      cause: error,
    });
  }
}

const tornPart = (line: number): MigrateError =>
  new MigrateError({
    code: 'JOURNAL.DAMAGED',
    message: `the journal is damaged: line ${line} cannot be trusted`,
    why: `Line ${line} is cut off. Lines are only ever written whole here, so somebody changed it.`,
    nextActions: [],
    exitCode: ExitCode.invalidInput,
  });

/** Somebody else wrote to the journal, or removed it: `part` is not as this run left it. */
export const journalChanged = (part: string): MigrateError =>
  new MigrateError({
    code: 'JOURNAL.CHANGED',
    message: `${part} was changed or removed by somebody else while this run was writing to the journal.`,
    why: 'Two runs must never write to one journal, so this one stopped. Perhaps its lock was taken away (prefix-migrate unlock), and another run has begun.',
    nextActions: ['run the same command again: it says who has the lock, or goes on from what is in the journal'],
    exitCode: ExitCode.stoppedPartWay,
  });
