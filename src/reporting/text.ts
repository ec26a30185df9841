/** Text for terminals: columns, wrapping, colour, and nothing from outside that could steer the terminal. */
import { styleText } from 'node:util';
import { plainJson } from '../domain/canonical-json.ts';

type Style = 'red' | 'yellow' | 'green' | 'dim' | 'bold' | 'cyan';

/** Colour is a second carrier of meaning only: without it the text says the same. */
export const paint = (style: Style, text: string, colour: boolean): string =>
  colour ? styleText(style, text, { validateStream: false }) : text;

// Control characters C0 (except tab and newline), DEL, C1, line separators, and the marks that change the direction of text.
const unsafe = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** A copy of plain data with control characters taken out of every string (newline and tab stay). */
export function withoutControlCharacters<T>(value: T): T;
export function withoutControlCharacters(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(unsafe, (c) => (c === '\n' || c === '\t' ? c : ''));
  if (Array.isArray(value)) return value.map((item) => withoutControlCharacters(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [withoutControlCharacters(key), withoutControlCharacters(item)]),
  );
}

/** One line of JSON in which every control character is escaped. */
export const jsonLine = (value: unknown): string => plainJson(value);

/** Breaks at spaces so that no line is longer than `width`, except a word that is. Newlines stay. */
export function wrap(text: string, width: number, firstWidth = width): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      const room = lines.length === 0 ? firstWidth : width;
      if (line !== '' && line.length + 1 + word.length > room) {
        lines.push(line);
        line = word;
      } else {
        line = line === '' ? word : `${line} ${word}`;
      }
    }
    lines.push(line);
  }
  return lines;
}

/**
 * Wraps `text` behind `first`; further lines are indented by `indent` spaces; 80 columns in all. A first word that does not
 * fit behind `first` goes below it.
 */
export function hanging(first: string, text: string, indent: number): string[] {
  const [word = ''] = text.split(/[ \n]/, 1);
  const below = wrap(text, 80 - indent).map((line) => ' '.repeat(indent) + line);
  if (first.trim() !== '' && first.length + word.length > 80 && indent < first.length)
    return [first.trimEnd(), ...below];
  return wrap(text, 80 - indent, 80 - first.length).map((line, i) => (i === 0 ? first : ' '.repeat(indent)) + line);
}

/** Rows of cells as padded columns, two spaces apart. Columns whose index is in `right` are aligned to the right. */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** `1 pod`, `2 pods` */
export const count = (n: number, noun: string, plural = `${noun}s`): string => `${n} ${n === 1 ? noun : plural}`;

/** Cuts a line to `width` columns, saying so with a dot. */
export const cut = (line: string, width: number): string =>
  line.length > width ? `${line.slice(0, width - 1)}…` : line;

/** Seconds as a person says them: `45 s`, `31 min`, `2 h 5 min`. */
export function roughly(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `2026-11-22 02:51:07 UTC` of an ISO 8601 time. */
export const dateTime = (iso: string): string => `${iso.slice(0, 10)} ${clockTime(iso)} UTC`;

/** `02:51:07` of an ISO 8601 time, UTC. */
export const clockTime = (iso: string): string => iso.slice(11, 19);
