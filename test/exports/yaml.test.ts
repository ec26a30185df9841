import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { yamlText } from '../../src/exports/yaml.ts';

const lineOf = (value: unknown): string => yamlText(value, { head: [] }).trimEnd();

const rows: [what: string, value: Record<string, string>, written: string][] = [
  ['words that are booleans in 1.1', { on: 'off', y: 'No' }, '"on": "off"\n"y": "No"'],
  [
    'numbers of both versions',
    { a: '0o14', b: '014', c: '1_000', d: '1:30' },
    'a: "0o14"\nb: "014"\nc: "1_000"\nd: "1:30"',
  ],
  ['dates', { a: '2001-01-01' }, 'a: "2001-01-01"'],
  ['merge and default of 1.1', { '<<': '=' }, '"<<": "="'],
  ['a key of several lines, which has to stand in one', { 'a\nb\n\nc': 'd' }, '"a\\nb\\n\\nc": d'],
  ['line breaks that only some readers know', { a: 'x\u0085y\u2028z' }, 'a: "x\\u0085y\\u2028z"'],
  ['a byte order mark', { a: '\ufeffx' }, 'a: "\\ufeffx"'],
  ['a tab, which some take in quotes only', { a: 'x\ty' }, 'a: "x\\ty"'],
  ['lines stay lines', { a: 'x\n\ty\n' }, 'a: |\n  x\n  \ty'],
  ['a block that begins with a space', { a: ' x\ny' }, 'a: " x\\ny"'],
  ['lines of spaces alone', { a: 'x\n \ny' }, 'a: "x\\n\\ \\ny"'],
  ['plain text', { a: 'm5.large', b: 'arn:aws:iam::1:role/x' }, 'a: m5.large\nb: arn:aws:iam::1:role/x'],
];

for (const [what, value, written] of rows) {
  test(what, () => {
    assert.equal(lineOf(value), written);
    assert.deepEqual(parse(`${written}\n`, { version: '1.1', schema: 'yaml-1.1' }), value);
  });
}

test('comments stand where they belong, and nothing gets out of one', () => {
  const text = yamlText(
    { a: { b: 1 }, list: [{ c: 2 }] },
    {
      head: ['head', '', 'of\nthe\u2028file'],
      above: [
        { path: ['a', 'b'], lines: ['why b'] },
        { path: ['list', 0, 'c'], lines: ['why c', ''] },
        { path: ['not', 'there'], lines: ['lost'] },
        { path: ['a'], lines: [] },
      ],
      foot: ['x: 1'],
    },
  );
  assert.equal(text, '# head\n\n# of the file\n\na:\n  # why b\n  b: 1\nlist:\n  - # why c\n\n    c: 2\n\n# x: 1\n');
});
