/** A cell of a table: text, or something to be read letter by letter. */
export type Cell = string | { code: string };

/** Text from outside as Markdown in which nothing is markup. In one line. */
export const plain = (text: string): string =>
  text
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll(/&(?=[#\w]+;)/g, '&amp;')
    .replaceAll(/[\\`*[\]<|]/g, '\\$&');

/** A code span that no backtick inside can end. */
export function code(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ');
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = longest > 0 ? ' ' : '';
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** A Markdown table, or a sentence when there are no rows. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return 'None.';
  return [row(head), `| ${head.map(() => '---').join(' | ')} |`, ...rows.map(row)].join('\n');
}

const row = (cells: readonly Cell[]): string => `| ${cells.map(cell).join(' | ')} |`;

// a pipe ends a cell even inside a code span
const cell = (content: Cell): string =>
  typeof content === 'string' ? plain(content) : code(content.code).replaceAll('|', '\\|');
