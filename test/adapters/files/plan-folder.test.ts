import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { hostname, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isHolderGone, newHolderId } from '../../../src/adapters/files/host.ts';
import {
  fileJournalStore,
  fileLock,
  readFileLock,
  readPlanFolder,
  readTemplates,
  writeIntoPlanFolder,
  writePlanFolder,
} from '../../../src/adapters/files/plan-folder.ts';
import type { JournalEntry } from '../../../src/domain/journal-entry.ts';
import { MigrateError } from '../../../src/domain/migrate-error.ts';

const root = mkdtempSync(join(tmpdir(), 'prefix-migrate-files-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const newDir = (): string => join(root, String(++count));

const failsWith =
  (code: string, exitCode = 2) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof MigrateError, String(error));
    assert.deepEqual([error.code, error.exitCode], [code, exitCode]);
    return true;
  };

const entry = (runId: string): JournalEntry => ({ type: 'run-paused', runId, reason: 'until', detail: 'verify' });
const at = '2026-01-01T00:00:00.000Z';
const never = new AbortController().signal;
const me = { id: 'me', command: 'apply' };

test('writes and reads a folder, given as folder or as plan.json', async () => {
  const dir = newDir();
  await writePlanFolder(dir, { 'plan.json': '{}\n', 'plan.md': '# Plan\n', 'user-data/apps.yaml': 'x' });
  assert.deepEqual(readdirSync(dir).toSorted(), ['plan.json', 'plan.md', 'user-data']);
  assert.deepEqual(await readPlanFolder(dir), { dir, planText: '{}\n' });
  assert.deepEqual(await readPlanFolder(join(dir, 'plan.json')), { dir, planText: '{}\n' });
  await assert.rejects(readPlanFolder(join(dir, 'none')), failsWith('PLAN.NOT_FOUND'));
  await assert.rejects(readPlanFolder(join(dir, 'user-data')), failsWith('PLAN.NOT_FOUND'));
  await assert.rejects(readPlanFolder(join(dir, 'plan.md', 'x')), failsWith('FILES.NOT_A_FOLDER'));
});

test('a new plan replaces one that was not begun, and never one that was', async () => {
  const dir = newDir();
  await writePlanFolder(dir, { 'plan.json': 'one', 'user-data/old.yaml': 'x', 'bare-pods/a_b.yaml': 'x' });
  await writePlanFolder(dir, { 'plan.json': 'two', 'user-data/new.yaml': 'x' });
  assert.deepEqual(readdirSync(join(dir, 'user-data')), ['new.yaml']);
  assert.deepEqual(readdirSync(join(dir, 'bare-pods')), []);
  await fileJournalStore(dir).append(at, entry('r'));
  await assert.rejects(writePlanFolder(dir, { 'plan.json': 'three' }), failsWith('PLAN.BEGUN'));
  assert.equal(readFileSync(join(dir, 'plan.json'), 'utf8'), 'two');
});

test('writes nothing outside the folder', async () => {
  const dir = newDir();
  const outside = newDir();
  mkdirSync(dir);
  mkdirSync(outside);
  symlinkSync(outside, join(dir, 'user-data'));
  symlinkSync(join(outside, 'report.html'), join(dir, 'report.html'));
  for (const path of ['../x', '/tmp/x', 'user-data/x', 'report.html', '.', 'a/../../x']) {
    await assert.rejects(writeIntoPlanFolder(dir, path, 'x'), failsWith('FILES.OUTSIDE_FOLDER'), path);
  }
  assert.deepEqual(readdirSync(outside), []);
});

test('says which path the file system refuses', async () => {
  const dir = newDir();
  writeFileSync(dir, 'a file');
  await assert.rejects(writePlanFolder(join(dir, 'sub'), { 'plan.json': 'x' }), failsWith('FILES.NOT_A_FOLDER'));
});

test('journal: appends, is private, and is read back by another store', async () => {
  const dir = newDir();
  mkdirSync(dir);
  const store = fileJournalStore(dir);
  assert.deepEqual(await store.read(), { lines: [], tornTail: false });
  const lines = await Promise.all([
    store.append(at, entry('a')),
    store.append(at, entry('b')),
    store.append(at, entry('c')),
  ]);
  assert.deepEqual(
    lines.map(({ seq }) => seq),
    [1, 2, 3],
  );
  assert.deepEqual(await fileJournalStore(dir).read(), { lines, tornTail: false });
  assert.equal(statSync(join(dir, 'journal.ndjson')).mode & 0o777, 0o600);
});

test('journal: a torn last line is dropped, and cut off before the next append', async () => {
  const dir = newDir();
  mkdirSync(dir);
  const path = join(dir, 'journal.ndjson');
  const first = await fileJournalStore(dir).append(at, entry('ä'));
  for (const torn of ['{"v":1,"se', '{"v":1,"se\n']) {
    writeFileSync(path, torn, { flag: 'a' });
    const store = fileJournalStore(dir);
    assert.deepEqual(await store.read(), { lines: [first], tornTail: true });
    const second = await store.append(at, entry('b'));
    assert.deepEqual(await fileJournalStore(dir).read(), { lines: [first, second], tornTail: false });
    writeFileSync(path, `${readFileSync(path, 'utf8').split('\n')[0]}\n`);
  }
});

test('journal: damage and a second writer are refused', async () => {
  const dir = newDir();
  mkdirSync(dir);
  const path = join(dir, 'journal.ndjson');
  const store = fileJournalStore(dir);
  await store.append(at, entry('a'));
  await fileJournalStore(dir).append(at, entry('b'));
  await assert.rejects(store.append(at, entry('c')), failsWith('JOURNAL.CHANGED', 6));
  writeFileSync(path, readFileSync(path, 'utf8').replace('"runId":"a"', '"runId":"z"'));
  await assert.rejects(fileJournalStore(dir).read(), failsWith('JOURNAL.DAMAGED'));
  await assert.rejects(fileJournalStore(dir).append(at, entry('d')), failsWith('JOURNAL.DAMAGED'));
});

test('journal: is not written through a link', async () => {
  const dir = newDir();
  mkdirSync(dir);
  symlinkSync(join(root, 'elsewhere'), join(dir, 'journal.ndjson'));
  await assert.rejects(fileJournalStore(dir).append(at, entry('a')), failsWith('FILES.OUTSIDE_FOLDER'));
  assert.equal(existsSync(join(root, 'elsewhere')), false);
});

test('lock: one at a time, private, gone after release', async () => {
  const dir = newDir();
  mkdirSync(dir);
  const held = await fileLock(dir).acquire(me, never);
  assert.equal(statSync(join(dir, 'lock')).mode & 0o777, 0o600);
  await assert.rejects(fileLock(dir).acquire({ id: 'you', command: 'apply' }, never), (error: unknown) => {
    failsWith('LOCK.HELD', 7)(error);
    assert.match(String(error), new RegExp(`process ${process.pid} on ${hostname()} \\(apply\\)`));
    return true;
  });
  await held.release();
  assert.deepEqual(readdirSync(dir), []);
  await held.release();
});

test('lock: of an ended process of this machine is taken over, of other machines and unreadable ones not', async () => {
  const ended = spawnSync(process.execPath, ['-e', '0']).pid;
  const rows: [string, boolean][] = [
    [JSON.stringify({ id: 'x', command: 'c', host: hostname(), pid: ended }), true],
    [JSON.stringify({ id: 'x', command: 'c', host: 'another', pid: ended }), false],
    [JSON.stringify({ id: 'x', command: 'c', host: hostname(), pid: process.ppid }), false],
    ['', false],
    ['{"id":', false],
  ];
  for (const [text, takenOver] of rows) {
    const dir = newDir();
    mkdirSync(dir);
    writeFileSync(join(dir, 'lock'), text);
    const attempt = fileLock(dir).acquire(me, never);
    if (takenOver) await attempt;
    else {
      await assert.rejects(attempt, (error: unknown) => {
        failsWith('LOCK.HELD', 7)(error);
        assert.ok(error instanceof MigrateError);
        assert.match(error.nextActions.at(-1) ?? '', /: prefix-migrate unlock \S+ --reason 'WHY'$/);
        return true;
      });
    }
    assert.equal((await readFileLock(dir))?.id === 'me', takenOver, text);
    assert.deepEqual(readdirSync(dir), ['lock']);
  }
});

test('lock: release leaves the lock of somebody else', async () => {
  const dir = newDir();
  mkdirSync(dir);
  const held = await fileLock(dir).acquire(me, never);
  writeFileSync(join(dir, 'lock'), JSON.stringify({ id: 'you' }));
  await held.release();
  assert.equal((await readFileLock(dir))?.id, 'you');
});

/** as `newHolderId` names it */
const machine = newHolderId().replace(/_[\d.]+_[0-9a-f-]{36}$/, '');

test('holder ids tell whether their process has ended', () => {
  assert.equal(isHolderGone(newHolderId()), false);
  const uuid = '0e9c5f0a-5a7f-4f6e-8f1e-0a1b2c3d4e5f';
  const ended = spawnSync(process.execPath, ['-e', '0']).pid;
  assert.equal(isHolderGone(`${machine}_${ended}_${uuid}`), true);
  assert.equal(isHolderGone(`another_${ended}_${uuid}`), false);
  // another machine, or another container, of the same name
  assert.equal(isHolderGone(`${hostname()}~00000000_${ended}_${uuid}`), false);
  assert.equal(isHolderGone(`${hostname()}_${ended}_${uuid}`), false);
  assert.equal(isHolderGone('anything'), false);
});

const isLinux = platform() === 'linux';

/** Resolves as soon as what Linux tells of a process matches. */
const until = async (id: number | undefined, pattern: RegExp): Promise<void> => {
  while (!pattern.test(readFileSync(`/proc/${id}/stat`, 'utf8'))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
};

test('a process that has ended counts as gone before its parent has noticed', { skip: !isLinux }, async (t) => {
  // the shell becomes a program that never asks for its children; only then the child may end
  const parent = spawn('sh', ['-c', 'read line <&3 & echo $!; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  });
  t.after(() => parent.kill());
  const [output, childInput] = [parent.stdio[1], parent.stdio[3]];
  assert.ok(output instanceof Socket && childInput instanceof Socket);
  const [line] = await once(output, 'data');
  const child = Number(String(line));
  await until(parent.pid, /\(sleep\)/);
  childInput.end('end\n');
  await until(child, /\) Z /);
  assert.doesNotThrow(() => process.kill(child, 0));
  const uuid = '0e9c5f0a-5a7f-4f6e-8f1e-0a1b2c3d4e5f';
  assert.equal(isHolderGone(`${machine}_${child}_${uuid}`), true);
  assert.equal(isHolderGone(`${machine}_${parent.pid}_${uuid}`), false);
});

test('a later process with the number of an ended one is not taken for it', { skip: !isLinux }, async () => {
  const own = newHolderId();
  assert.match(own, new RegExp(`_${process.pid}\\.\\d+_`));
  assert.equal(isHolderGone(own.replace(/\.\d+_/, '.1_')), true);
  const rows: [string, boolean][] = [
    ['1', true],
    [/\.(\d+)_/.exec(own)?.[1] ?? '', false],
  ];
  for (const [began, takenOver] of rows) {
    const dir = newDir();
    mkdirSync(dir);
    const record = { id: 'x', command: 'c', host: hostname(), pid: process.pid, began };
    writeFileSync(join(dir, 'lock'), JSON.stringify(record));
    const attempt = fileLock(dir).acquire(me, never);
    if (takenOver) await attempt;
    else await assert.rejects(attempt, failsWith('LOCK.HELD', 7));
  }
});

test('reads templates by path', async () => {
  const dir = newDir();
  mkdirSync(join(dir, 'user-data'), { recursive: true });
  writeFileSync(join(dir, 'user-data', 'al2023.yaml'), 'x');
  writeFileSync(join(dir, 'b.md'), 'y');
  assert.deepEqual(await readTemplates(dir), { 'b.md': 'y', 'user-data/al2023.yaml': 'x' });
  await assert.rejects(readTemplates(join(dir, 'none')), failsWith('FILES.NOT_FOUND'));
  chmodSync(join(dir, 'b.md'), 0o600);
});
