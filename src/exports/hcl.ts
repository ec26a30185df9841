/** A printer for the part of HCL that we write (https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md), laid out as `terraform fmt` does. */
import { commentLine } from './yaml.ts';

/** A map's keys are quoted, so that none of them is taken for a word of the language. */
export type HclValue = string | number | boolean | readonly HclValue[] | HclMap | HclExpression | HclLines;

export interface HclMap {
  map: Readonly<Record<string, HclValue>>;
}

/** Written as it is: `aws_launch_template.apps.id`. */
export interface HclExpression {
  expression: string;
}

/** A text, line by line, in a function: `base64encode(join("\n", [` ... `]))`. */
export interface HclLines {
  before: string;
  lines: readonly HclValue[];
  after: string;
}

export interface HclAttribute {
  name: string;
  value: HclValue;
  /** above it */
  comment?: readonly string[];
}

export interface HclBlock {
  type: string;
  labels?: readonly string[];
  body: readonly HclItem[];
  comment?: readonly string[];
}

export type HclItem = HclAttribute | HclBlock;

/** A file: comment, blocks, comment. */
export function hclText(head: readonly string[], blocks: readonly HclBlock[], foot: readonly string[] = []): string {
  const parts = [commentLines(head), ...blocks.map((block) => blockLines(block)), commentLines(foot)];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** Attributes first, then blocks, each behind an empty line. */
function bodyLines(body: readonly HclItem[]): string[] {
  const attributes = attributeLines(body.filter((item) => 'name' in item));
  const blocks = body.filter((item) => 'type' in item).map(blockLines);
  return [attributes, ...blocks]
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

function blockLines({ type, labels = [], body, comment = [] }: HclBlock): string[] {
  const opener = [type, ...labels.map(quoted), '{'].join(' ');
  return [...commentLines(comment), opener, ...indented(bodyLines(body)), '}'];
}

/** Signs of attributes in lines one after another stand below each other. */
function attributeLines(attributes: readonly HclAttribute[]): string[] {
  const written = attributes.map(({ name, value, comment = [] }) => ({
    name,
    comment: commentLines(comment),
    lines: valueLines(value),
  }));
  const runs: { width: number }[] = [];
  const runOf = written.map(({ name, comment, lines }, index) => {
    const follows = index > 0 && comment.length === 0 && lines.length === 1 && written[index - 1]?.lines.length === 1;
    const run = follows ? runs.at(-1) : undefined;
    const own = run ?? { width: 0 };
    if (run === undefined) runs.push(own);
    own.width = Math.max(own.width, name.length);
    return own;
  });
  return written.flatMap(({ name, comment, lines: [first = '', ...others] }, index) => [
    ...comment,
    `${name.padEnd(runOf[index]?.width ?? 0)} = ${first}`,
    ...others,
  ]);
}

const longestLine = 100;

function valueLines(value: HclValue): string[] {
  if (typeof value === 'string') return [quoted(value)];
  if (typeof value !== 'object') return [String(value)];
  if (isList(value)) {
    const items = value.map(valueLines);
    const line = `[${items.flat().join(', ')}]`;
    const isShort = items.every((lines) => lines.length === 1) && line.length <= longestLine;
    return isShort ? [line] : listLines('[', items, ']');
  }
  if ('expression' in value) return [value.expression];
  if ('lines' in value) return listLines(`${value.before}[`, value.lines.map(valueLines), `]${value.after}`);
  const entries = Object.entries(value.map);
  if (entries.length === 0) return ['{}'];
  return ['{', ...indented(attributeLines(entries.map(([key, one]) => ({ name: quoted(key), value: one })))), '}'];
}

const isList = (value: HclValue): value is readonly HclValue[] => Array.isArray(value);

const listLines = (opener: string, items: readonly string[][], closer: string): string[] => [
  opener,
  ...indented(items.flatMap((lines) => [...lines.slice(0, -1), `${lines.at(-1)},`])),
  closer,
];

/** A string in which nothing is interpolated. Readers of HCL normalise text (NFC), whatever is written. */
const quoted = (text: string): string => `"${escaped(text)}"`;

/** Text with expressions in it. */
export const interpolated = (parts: readonly (string | HclExpression)[]): HclExpression => ({
  expression: `"${parts.map((part) => (typeof part === 'string' ? escaped(part) : `\${${part.expression}}`)).join('')}"`,
});

const named: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\\': '\\\\' };

const escaped = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(/["\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => named[character] ?? unicode(character))
    // `$$` stands for one `$` in a replacement
    .replaceAll(/[$%](?=\{)/g, '$&$&');

function unicode(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const digits = code.toString(16);
  return code > 0xffff ? `\\U${digits.padStart(8, '0')}` : `\\u${digits.padStart(4, '0')}`;
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => (line === '' ? '' : `  ${line}`));

const commentLines = (lines: readonly string[]): string[] => lines.map((line) => `# ${commentLine(line)}`.trimEnd());
