import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatLine, parseJournal } from '../../src/domain/journal-chain.ts';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';

const at = '2026-11-22T08:00:00.000Z';
const note = (message: string): JournalEntry => ({
  type: 'step-progress',
  runId: 'r',
  stepId: 's',
  progress: { kind: 'note', message },
});

function journalOf(messages: string[]): string {
  let text = '';
  let last: string | null = null;
  for (const [index, message] of messages.entries()) {
    last = formatLine(last, index + 1, at, note(message));
    text += `${last}\n`;
  }
  return text;
}

/** A note as it stands in the file. */
const noteText = (message: string): string =>
  `{"type":"step-progress","runId":"r","stepId":"s","progress":{"kind":"note","message":"${message}"}}`;

describe('journal chain', () => {
  it('the first line is chained to zeros, each other to the hash of the line before', () => {
    const [first = '', second = ''] = journalOf(['a', 'b']).split('\n');
    assert.equal(first, `{"v":1,"seq":1,"at":"${at}","prev":"${'0'.repeat(64)}","entry":${noteText('a')}}`);
    const hash = createHash('sha256').update(first).digest('hex');
    assert.equal(second, `{"v":1,"seq":2,"at":"${at}","prev":"${hash}","entry":${noteText('b')}}`);
    const { lines, lastLineText } = parseJournal(journalOf(['a', 'b']));
    assert.deepEqual(
      lines.map(({ seq }) => seq),
      [1, 2],
    );
    assert.equal(formatLine(lastLineText, 3, at, note('c')), journalOf(['a', 'b', 'c']).split('\n')[2]);
  });

  it('an empty journal has no lines', () => {
    assert.deepEqual(parseJournal(''), { lines: [], tornTail: false, lastLineText: null });
  });

  it('reads back what was written, whatever the text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (messages) => {
        const { lines, tornTail } = parseJournal(journalOf(messages));
        assert.equal(tornTail, false);
        assert.deepEqual(
          lines.map(({ entry }) => entry),
          messages.map(note),
        );
      }),
    );
  });

  it('cut anywhere, the whole lines remain and the rest is torn', () => {
    const text = journalOf(['a', 'b', 'c']);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: text.length }), (length) => {
        const { lines, tornTail } = parseJournal(text.slice(0, length));
        assert.equal(lines.length, text.slice(0, length).split('\n').length - 1);
        assert.equal(tornTail, length > 0 && text[length - 1] !== '\n');
      }),
    );
  });

  it('a last line that is no JSON is torn, too (a power failure may leave zeros)', () => {
    const { lines, tornTail } = parseJournal(`${journalOf(['a'])}\0\0\0\n`);
    assert.deepEqual([lines.length, tornTail], [1, true]);
  });

  it('one changed character in any line but the last is damage, and the line is named', () => {
    const text = journalOf(['aaaa', 'bbbb', 'cccc']);
    const lastLine = text.lastIndexOf('\n', text.length - 2);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: lastLine - 1 }), (position) => {
        fc.pre(text[position] !== '\n');
        const changed = `${text.slice(0, position)}${text[position] === '#' ? '!' : '#'}${text.slice(position + 1)}`;
        assert.throws(() => parseJournal(changed), { code: 'JOURNAL.DAMAGED', exitCode: 2, message: /line [123] / });
      }),
    );
  });

  const lines = journalOf(['a', 'b', 'c']).split('\n');
  const damages: [string, string[], number][] = [
    ['the last line has another number', [lines[0] ?? '', (lines[1] ?? '').replace('"seq":2', '"seq":3')], 2],
    ['a line is missing', [lines[0] ?? '', lines[2] ?? ''], 2],
    ['lines have changed places', [lines[1] ?? '', lines[0] ?? '', lines[2] ?? ''], 1],
    ['a line is there twice', [lines[0] ?? '', lines[0] ?? ''], 2],
    ['a line in the middle is torn', [lines[0] ?? '', '{"v":1', lines[2] ?? ''], 2],
    ['a torn line is followed by a cut', [lines[0] ?? '', '{"v":1', '{"v":1,"se'], 2],
    ['a line is of another version', [(lines[0] ?? '').replace('"v":1', '"v":2'), lines[1] ?? ''], 1],
    ['a line is JSON of something else', ['{}', lines[1] ?? ''], 1],
    ['a line is empty', ['', lines[0] ?? ''], 1],
  ];
  for (const [name, texts, line] of damages) {
    it(`damage: ${name}`, () => {
      const text = name.endsWith('cut') ? texts.join('\n') : `${texts.join('\n')}\n`;
      assert.throws(() => parseJournal(text), { code: 'JOURNAL.DAMAGED', message: new RegExp(`line ${line} `) });
    });
  }
});
