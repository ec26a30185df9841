import { Document, isMap, isScalar, visit } from 'yaml';

type Path = readonly (string | number)[];

/** What is said about a document besides its data. */
export interface Remarks {
  /** above everything */
  head: readonly string[];
  /** above the key at a path; what is not there is left out */
  above?: readonly { path: Path; lines: readonly string[] }[];
  /** below everything */
  foot?: readonly string[];
}

/**
 * YAML that readers of versions 1.1 and 1.2 take for the same data: eksctl, kubectl and CloudFormation read 1.1, where a bare
 * `on` is a boolean, `1_000` a number, and `<<` merges.
 */
export function yamlText(data: unknown, { head, above = [], foot = [] }: Remarks): string {
  const document = new Document(data, {
    version: '1.1',
    aliasDuplicateObjects: false,
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !tag.tag.endsWith(':merge')),
  });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && (needsQuotes.test(node.value) || isOddBlock(node.value)))
        node.type = 'QUOTE_DOUBLE';
    },
  });
  document.commentBefore = commented(head);
  for (const { path, lines } of above) comment(document, path, lines);
  if (foot.length > 0) document.comment = commented(foot);
  return document
    .toString({ lineWidth: 0, doubleQuotedMinMultiLineLength: Number.POSITIVE_INFINITY })
    .replaceAll(unprintable, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Readers of YAML 1.1 know more line breaks than those of 1.2, and none takes a control character that is not escaped. */
const unprintable = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** Text that YAML 1.2 takes for a number, 1.1 for a merge or a default, and that some read only in quotes or has to be escaped. */
const needsQuotes = /^(0o[0-7]+|<<|=|[^\n]*\t[^\n]*)$|[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]|\p{Cc}(?<![\t\n])/u;

/** Lines that stand in a block only with marks that readers take differently: it begins with a space, or lines are spaces alone. */
const isOddBlock = (text: string): boolean => text.includes('\n') && /^\s|\n[ \t]+(\n|$)/.test(text);

/** Puts a comment above the key at this path, if it is there. */
function comment(document: Document, path: Path, lines: readonly string[]): void {
  if (lines.length === 0) return;
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const key = path.at(-1);
  if (!isMap(parent)) return;
  for (const item of parent.items) {
    if (isScalar(item.key) && item.key.value === key) item.key.commentBefore = commented(lines);
  }
}

const commented = (lines: readonly string[]): string =>
  lines.map((line) => ` ${commentLine(line)}`.trimEnd()).join('\n');

/** One line of a comment, in which nothing can end it: readers know other line breaks than we do. */
export const commentLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
