import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type HclBlock, hclText, interpolated } from '../../src/exports/hcl.ts';
import { hostileText } from './hostile.ts';
import { at, readHcl } from './readers.ts';

const block: HclBlock = {
  type: 'resource',
  labels: ['aws_x', 'a-b'],
  comment: ['why', ''],
  body: [
    { name: 'id', value: 'a "b" \\ \u0024{c} %{d}\n' },
    { name: 'longer', value: true },
    { name: 'n', value: 12, comment: ['a new run\nof lines'] },
    { name: 'list', value: ['a', 1, { expression: 'b.c' }] },
    { name: 'empty', value: { map: {} } },
    { name: 'labels', value: { map: { 'a/b': '1', for: '2' } } },
    { name: 'after', value: interpolated(['x \u0024{', { expression: 'y.z' }, '}']) },
    { name: 'text', value: { before: 'base64encode(join("\\n", ', lines: ['a', ''], after: '))' } },
    { type: 'inner', body: [{ name: 'x', value: 1 }] },
    { type: 'inner', comment: ['empty'], body: [] },
  ],
};

test('laid out as terraform fmt does it', () => {
  assert.equal(
    hclText(['A file.'], [block], ['The end.']),
    `# A file.

# why
#
resource "aws_x" "a-b" {
  id     = "a \\"b\\" \\\\ $\${c} %%{d}\\n"
  longer = true
  # a new run of lines
  n     = 12
  list  = ["a", 1, b.c]
  empty = {}
  labels = {
    "a/b" = "1"
    "for" = "2"
  }
  after = "x $\${\${y.z}}"
  text = base64encode(join("\\n", [
    "a",
    "",
  ]))

  inner {
    x = 1
  }

  # empty
  inner {
  }
}

# The end.
`,
  );
});

test('a parser reads what was meant', async () => {
  const read = at(await readHcl(hclText(['A file.'], [block])), ['resource', 'aws_x', 'a-b', 0]);
  assert.equal(read['id'], 'a "b" \\ \u0024{c} %{d}\n');
  assert.deepEqual(read['list'], ['a', 1, '\u0024{b.c}']);
  assert.deepEqual(read['labels'], { 'a/b': '1', for: '2' });
  assert.deepEqual(read['inner'], [{ x: 1 }, {}]);
});

test('the reader is strict: what is not escaped is no text to it', async () => {
  await assert.rejects(readHcl('a = "\u0024{"'));
  assert.notEqual((await readHcl('a = "\u0024{x}\u0024{y}-"'))['a'], '\u0024{x}\u0024{y}-z');
});

test('any text goes through as a value, in a list, as a key, and in a comment', async () => {
  await fc.assert(
    fc.asyncProperty(hostileText, hostileText, async (text, key) => {
      const file = hclText(
        [text],
        [
          {
            type: 'a',
            labels: ['b'],
            comment: [text],
            body: [
              { name: 'value', value: `-${text}` },
              { name: 'list', value: [`-${text}`] },
              { name: 'map', value: { map: { [`-${key}`]: `-${text}` } }, comment: [key] },
            ],
          },
        ],
        [text],
      );
      const expected = `-${text}`.normalize('NFC');
      const read = at(await readHcl(file), ['a', 'b', 0]);
      assert.equal(read['value'], expected);
      assert.deepEqual(read['list'], [expected]);
      assert.deepEqual(read['map'], { [`-${key}`.normalize('NFC')]: expected });
    }),
    { numRuns: 100 },
  );
});
