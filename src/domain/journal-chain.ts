import { sha256Hex } from './canonical-json.ts';
import type { JournalEntry, JournalLine } from './journal-entry.ts';
import { ExitCode, MigrateError } from './migrate-error.ts';

const noPrevious = '0'.repeat(64);

/**
 * One line of the journal as text, without its newline. `previousLineText` is the line before, without its newline, null
 * for the first; `seq` counts from 1.
 */
export function formatLine(previousLineText: string | null, seq: number, at: string, entry: JournalEntry): string {
  const line: JournalLine = { v: 1, seq, at, prev: hashOf(previousLineText), entry };
  return JSON.stringify(line);
}

/**
 * Reads a whole journal (NDJSON) and checks its hash chain. A last line without newline, or that is no JSON, was cut off
 * while it was written: it is dropped and `tornTail` is true. `lastLineText` is what the next line has to be chained to.
 *
 * @throws MigrateError `JOURNAL.DAMAGED` (exit 2) naming the line, for any other damage.
 */
export function parseJournal(text: string): { lines: JournalLine[]; tornTail: boolean; lastLineText: string | null } {
  const texts = text.split('\n');
  let tornTail = texts.pop() !== '';
  const lines: JournalLine[] = [];
  let lastLineText: string | null = null;
  for (const [index, lineText] of texts.entries()) {
    const value = parseJson(lineText);
    if (value === undefined && index === texts.length - 1 && !tornTail) {
      tornTail = true;
      break;
    }
    const number = index + 1;
    if (!isJournalLine(value)) throw damaged(number, 'it is not a journal line of version 1');
    if (value.seq !== number) throw damaged(number, `it has the sequence number ${value.seq}`);
    if (value.prev !== hashOf(lastLineText)) throw damaged(number, 'it does not belong to the line before it');
    lines.push(value);
    lastLineText = lineText;
  }
  return { lines, tornTail, lastLineText };
}

const hashOf = (lineText: string | null): string => (lineText === null ? noPrevious : sha256Hex(lineText));

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isJournalLine(value: unknown): value is JournalLine {
  if (typeof value !== 'object' || value === null) return false;
  const line: Partial<Record<keyof JournalLine, unknown>> = value;
  return (
    line.v === 1 &&
    typeof line.seq === 'number' &&
    typeof line.at === 'string' &&
    typeof line.prev === 'string' &&
    typeof line.entry === 'object' &&
    line.entry !== null &&
    'type' in line.entry &&
    typeof line.entry.type === 'string'
  );
}

function damaged(lineNumber: number, reason: string): MigrateError {
  return new MigrateError({
    code: 'JOURNAL.DAMAGED',
    message: `the journal is damaged: line ${lineNumber} cannot be trusted`,
    why: `Line ${lineNumber}: ${reason}. Each line carries the hash of the line before it, so one of them was changed, lost or moved.`,
    nextActions: [
      'put back journal.ndjson from a backup or from Git, then run the same command again',
      'or make a new plan: prefix-migrate plan --cluster CLUSTER --out NEW-DIR (it starts from what is in the cluster now)',
    ],
    exitCode: ExitCode.invalidInput,
  });
}
