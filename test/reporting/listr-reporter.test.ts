import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import { applyEntry, initialRunState } from '../../src/domain/run-state.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { createListrReporter, noteLines } from '../../src/reporting/listr-reporter.ts';
import { created, journalOf, runStarted, samplePlan } from './sample.ts';

/** What stands on a terminal after these writes: lines, cursor up, and what is erased. */
function screen(text: string): string[] {
  const lines = [''];
  let row = 0;
  let column = 0;
  for (const [piece] of text.replaceAll('\u001b', '␛').matchAll(/␛\[\??[\d;]*[A-Za-z]|\n|\r|[^␛\n\r]+/g)) {
    const number = Number(/\d+/.exec(piece)?.[0] ?? 1);
    if (piece === '\n') {
      row += 1;
      column = 0;
      if (row === lines.length) lines.push('');
    } else if (piece === '\r' || /^␛\[\d*G$/.test(piece)) column = 0;
    else if (/^␛\[\d*A$/.test(piece)) row = Math.max(0, row - number);
    else if (/^␛\[\d*B$/.test(piece)) row = Math.min(lines.length - 1, row + number);
    else if (/^␛\[0?J$/.test(piece)) {
      lines.splice(row + 1);
      lines[row] = (lines[row] ?? '').slice(0, column);
    } else if (piece === '␛[2K') lines[row] = '';
    else if (piece === '␛[K') lines[row] = (lines[row] ?? '').slice(0, column);
    else if (!piece.startsWith('␛')) {
      const line = (lines[row] ?? '').padEnd(column);
      lines[row] = line.slice(0, column) + piece + line.slice(column + piece.length);
      column += piece.length;
    }
  }
  return lines;
}

function fakeTerminal(columns: number): { stream: NodeJS.WriteStream; shown: () => string[] } {
  let text = '';
  const own: Record<PropertyKey, unknown> = {
    columns,
    rows: 40,
    isTTY: true,
    write: (piece: string) => {
      text += piece;
      return true;
    },
  };
  const stream = new Proxy(process.stderr, {
    get: (target, key) => (Object.hasOwn(own, key) ? own[key] : Reflect.get(target, key)),
  });
  return { stream, shown: () => screen(text) };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await setImmediate();
}

/** A clock that stands still until `tick`. */
function steppedClock(): { clock: Clock; tick: () => Promise<void> } {
  let waiting: (() => void)[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: (_milliseconds, signal) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        signal?.addEventListener('abort', () => resolve());
      }),
  };
  return {
    clock,
    async tick() {
      await settle();
      const due = waiting;
      waiting = [];
      for (const resolve of due) resolve();
      await settle();
    },
  };
}

const note = (message: string): JournalEntry => ({
  type: 'step-progress',
  runId: 'run-1',
  stepId: 'create-nodegroup/apps',
  progress: { kind: 'note', message },
});

test('notes stay above the live view, in full and once, however it changes below them', async () => {
  const { stream, shown } = fakeTerminal(80);
  const { clock, tick } = steppedClock();
  const reporter = createListrReporter({ clock, stderr: stream, colour: false });
  const state = initialRunState(samplePlan);
  reporter.runStarted(samplePlan, state);
  const command = `helm upgrade aws-vpc-cni eks/aws-vpc-cni ${'--set-string env.A=1 '.repeat(4).trim()}`;
  const entries = [runStarted, ...created.slice(0, 1), note('first: look here'), note(command), ...created.slice(1)];
  const [begin, ...rest] = journalOf(...entries);
  assert.ok(begin);
  for (const line of [begin, ...rest]) {
    applyEntry(state, line.at, line.entry);
    reporter.line(line, state);
    // what listr2 paints with is loaded when it is first used
    for (let turn = 0; shown().length < 3 && turn < 100_000; turn += 1) await setImmediate();
    await tick();
  }
  const notes = ['  create-nodegroup/apps: first: look here', `    -> ${command}`];
  assert.deepEqual(shown().slice(0, 3), [...notes, '  done    create    apps-pd-7f3a9c21 is ACTIVE']);
  reporter.line({ ...begin, entry: note('the last') }, state);
  await reporter.close();
  const text = shown().map((line) => line.trimEnd());
  for (const line of [...notes, '  create-nodegroup/apps: the last'])
    assert.equal(text.filter((one) => one === line).length, 1, line);
  assert.equal(text.filter((line) => /^ {2}done {4}create/.test(line)).length, 1);
});

test('a note is broken at 80 columns, a command never', () => {
  const words = 'Helm release kube-system/aws-vpc-cni owns aws-node: waiting up to 2h for this change there';
  assert.deepEqual(noteLines('await-vpc-cni', words), [
    '  await-vpc-cni: Helm release kube-system/aws-vpc-cni owns aws-node: waiting up',
    '    to 2h for this change there',
  ]);
  const command = `kubectl -n kube-system set env daemonset/aws-node ${'A=1 '.repeat(20)}B=2`;
  assert.deepEqual(noteLines('await-vpc-cni', command), [`    -> ${command}`]);
  assert.deepEqual(noteLines('s', 'a\u001b[2Jb'), ['  s: a[2Jb']);
});
