/** A journal that several processes may open, as a file of a plan folder: what is written stays, torn lines included. */
import { onFile } from '../../../src/adapters/files/file-error.ts';
import { formatLine, parseJournal } from '../../../src/domain/journal-chain.ts';
import type { JournalEntry, JournalLine } from '../../../src/domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../../../src/domain/migrate-error.ts';
import type { JournalStore } from '../../../src/ports/journal-store.ts';
import type { SimulatedProcess } from './process.ts';

export interface JournalFile {
  text: string;
  /** told of every line that is written whole */
  written: (runId: string, line: string) => void;
}

/** The journal as one process has it open. It finds out, as the real stores do, when somebody else has written to it. */
export function openFile(file: JournalFile, process: SimulatedProcess): JournalStore {
  let tail: { size: number; seq: number; lastLineText: string | null } | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  function look(): ReturnType<typeof parseJournal> & { good: string } {
    const parsed = parseJournal(file.text);
    const good = file.text.split('\n').slice(0, parsed.lines.length).join('\n') + (parsed.lines.length > 0 ? '\n' : '');
    return { ...parsed, good };
  }

  async function append(at: string, entry: JournalEntry): Promise<JournalLine> {
    if (process.pass(`before ${entry.type}`)) return never;
    const disk = process.disk();
    if (tail === undefined) {
      const { good, lines, lastLineText } = look();
      file.text = good;
      tail = { size: good.length, seq: lines.length, lastLineText };
    } else if (tail.size !== file.text.length) {
      throw changed();
    }
    const seq = tail.seq + 1;
    const text = formatLine(tail.lastLineText, seq, at, entry);
    tail = undefined;
    if (disk === 'tears' || process.pass(`in the middle of ${entry.type}`)) {
      file.text += text.slice(0, text.length / 2);
      return disk === 'tears' ? refused() : never;
    }
    if (disk === 'refuses') return refused();
    file.text += `${text}\n`;
    file.written(process.id, text);
    tail = { size: file.text.length, seq, lastLineText: text };
    if (process.pass(`after ${entry.type}`)) return never;
    await process.heard();
    const line: JournalLine = JSON.parse(text);
    return line;
  }

  return {
    async read() {
      if (!process.isAlive()) return never;
      const { lines, tornTail } = look();
      return { lines, tornTail };
    },
    append(at, entry) {
      const mine = turn.then(() => append(at, entry));
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
}

const never = new Promise<never>(() => undefined);

const refused = (): Promise<never> =>
  onFile('write', 'journal.ndjson', () =>
    Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })),
  );

const changed = (): MigrateError =>
  new MigrateError({
    code: 'JOURNAL.CHANGED',
    message: 'journal.ndjson was changed by somebody else while this run was writing to it.',
    why: 'Two runs must never write to one journal.',
    nextActions: ['run the same command again'],
    exitCode: ExitCode.stoppedPartWay,
  });
