import { sha256Hex } from './canonical-json.ts';
import type { JournalEntry, JournalLine } from './journal-entry.ts';
import { journalEntryShape } from './journal-shapes.ts';
import { ExitCode, MigrateError } from './migrate-error.ts';
import { mismatchText, number, object, oneOf, text, time } from './shape.ts';

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
export function parseJournal(journal: string): {
  lines: JournalLine[];
  tornTail: boolean;
  lastLineText: string | null;
} {
  const texts = journal.split('\n');
  let tornTail = texts.pop() !== '';
  const lines: JournalLine[] = [];
  let lastLineText: string | null = null;
  for (const [index, lineText] of texts.entries()) {
    const value = parseJson(lineText);
    if (value === undefined && index === texts.length - 1 && !tornTail) {
      tornTail = true;
      break;
    }
    const lineNumber = index + 1;
    if (!isJournalLine(value)) throw damaged(lineNumber, 'it is not a journal line of version 1');
    if (value.seq !== lineNumber) throw damaged(lineNumber, `it has the sequence number ${value.seq}`);
    if (value.prev !== hashOf(lastLineText)) throw damaged(lineNumber, 'it does not belong to the line before it');
    const odd = journalEntryShape.mismatch(value.entry);
    if (odd !== undefined) throw damaged(lineNumber, mismatchText(odd, 'its entry'));
    lines.push(value);
    lastLineText = lineText;
  }
  return { lines, tornTail, lastLineText };
}

const hashOf = (lineText: string | null): string => (lineText === null ? noPrevious : sha256Hex(lineText));

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const lineShape = object<Omit<JournalLine, 'entry'>>({ v: oneOf(1), seq: number, at: time, prev: text });

function isJournalLine(value: unknown): value is JournalLine {
  return lineShape.mismatch(value) === undefined;
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
