/** What a disk does to plan folder, journal and lock. A disk that is really full: test/journeys/troubles-disk.test.ts */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { onFile } from '../../../src/adapters/files/file-error.ts';
import {
  fileJournalStore,
  fileLock,
  readFileLock,
  readPlanFolder,
  writePlanFolder,
} from '../../../src/adapters/files/plan-folder.ts';
import type { JournalEntry } from '../../../src/domain/journal-entry.ts';
import { MigrateError } from '../../../src/domain/migrate-error.ts';

const root = mkdtempSync(join(tmpdir(), 'prefix-migrate-files-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
function newDir(): string {
  const dir = join(root, String(++count));
  mkdirSync(dir);
  return dir;
}

const at = '2026-01-01T00:00:00.000Z';
const entry = (runId: string): JournalEntry => ({ type: 'run-paused', runId, reason: 'until', detail: 'verify' });
const never = new AbortController().signal;
const me = { id: 'me', command: 'apply' };

test('what the file system refuses is told with the path, and of a full disk how much is free', async () => {
  const path = join(root, "it's full", 'journal.ndjson');
  for (const [errno, code, why] of [
    ['ENOSPC', 'FILES.NO_SPACE', /^The disk is full\.$/],
    ['EDQUOT', 'FILES.NO_SPACE', /quota is used up/],
    ['EFBIG', 'FILES.NO_SPACE', /as large as it may be/],
    ['EIO', 'FILES.IO', /reports an error/],
    ['EROFS', 'FILES.READ_ONLY', /read-only/],
    ['EACCES', 'FILES.NO_ACCESS', /Permission denied/],
    ['EPERM', 'FILES.NO_ACCESS', /Not permitted/],
    ['EMFILE', 'FILES.TOO_MANY_OPEN', /too many files open/],
    ['ENFILE', 'FILES.TOO_MANY_OPEN', /too many files open/],
    ['ENAMETOOLONG', 'FILES.BAD_PATH', /too long/],
    ['ELOOP', 'FILES.OUTSIDE_FOLDER', /symbolic link/],
    ['ENOTDIR', 'FILES.NOT_A_FOLDER', /not a folder/],
    ['EISDIR', 'FILES.NOT_A_FILE', /is a folder/],
    ['ENXIO', 'FILES.NOT_A_FILE', /a pipe, a socket or a device/],
    ['ESTALE', 'FILES.IO', /network file system/],
  ] as const) {
    const refused = Promise.reject(Object.assign(new Error(errno), { code: errno }));
    await assert.rejects(
      onFile('write', path, () => refused),
      (error: unknown) => {
        assert.ok(error instanceof MigrateError, errno);
        assert.deepEqual([error.code, error.exitCode, error.message], [code, 2, `Cannot write ${path}.`]);
        assert.match(error.why, why);
        assert.equal(error.nextActions.at(-1), 'then run the same command again');
        return true;
      },
    );
  }
  const here = join(root, 'journal.ndjson');
  const full = Promise.reject(Object.assign(new Error(), { code: 'ENOSPC' }));
  await assert.rejects(
    onFile('write', here, () => full),
    {
      why: /^The disk is full\. \d+ (B|[KMGT]iB) of \d+ [KMGT]iB are free in \/.+\.$/,
    },
  );
  const bug = Promise.reject(new TypeError('a bug'));
  await assert.rejects(
    onFile('write', here, () => bug),
    TypeError,
  );
});

test('a name that is too long', async () => {
  await assert.rejects(writePlanFolder(join(newDir(), 'x'.repeat(300)), { 'plan.json': 'x' }), {
    code: 'FILES.BAD_PATH',
  });
});

/** What can stand in the place of a file, and how it is told. */
const intruders: [what: string, make: (path: string) => void, code: string][] = [
  ['a folder', (path) => mkdirSync(path), 'FILES.NOT_A_FILE'],
  ['a pipe', (path) => execFileSync('mkfifo', [path]), 'FILES.NOT_A_FILE'],
  ['a link', (path) => symlinkSync('/dev/zero', path), 'FILES.OUTSIDE_FOLDER'],
];

for (const [what, make, code] of intruders) {
  test(`${what} in the place of journal or lock is refused, and not waited for`, async () => {
    const before = newDir();
    make(join(before, 'journal.ndjson'));
    await assert.rejects(fileJournalStore(before).read(), { code, exitCode: 2 });
    await assert.rejects(fileJournalStore(before).append(at, entry('r')), { code, exitCode: 2 });

    const midway = newDir();
    const store = fileJournalStore(midway);
    const first = await store.append(at, entry('a'));
    renameSync(join(midway, 'journal.ndjson'), join(midway, 'aside'));
    make(join(midway, 'journal.ndjson'));
    await assert.rejects(store.append(at, entry('b')), { code });
    rmSync(join(midway, 'journal.ndjson'), { recursive: true });
    renameSync(join(midway, 'aside'), join(midway, 'journal.ndjson'));
    assert.deepEqual((await fileJournalStore(midway).read()).lines, [first]);

    const locked = newDir();
    make(join(locked, 'lock'));
    await assert.rejects(readFileLock(locked), { code, exitCode: 2 });
    await assert.rejects(fileLock(locked).acquire(me, never), { code, exitCode: 2 });
  });
}

test('a plan that is a pipe or a device is refused; one behind a link is read', async () => {
  const dir = newDir();
  execFileSync('mkfifo', [join(dir, 'plan.json')]);
  await assert.rejects(readPlanFolder(dir), { code: 'FILES.NOT_A_FILE' });
  await assert.rejects(readPlanFolder('/dev/zero'), { code: 'FILES.NOT_A_FILE' });
  const mounted = newDir();
  writeFileSync(join(mounted, '..data'), '{}');
  symlinkSync('..data', join(mounted, 'plan.json'));
  assert.equal((await readPlanFolder(mounted)).planText, '{}');
});

test('a journal that is removed while it is written to stays removed, and the run is told', async () => {
  const dir = newDir();
  const store = fileJournalStore(dir);
  await store.append(at, entry('a'));
  const text = readFileSync(join(dir, 'journal.ndjson'));
  rmSync(join(dir, 'journal.ndjson'));
  await assert.rejects(store.append(at, entry('b')), { code: 'JOURNAL.REMOVED', exitCode: 6 });
  assert.throws(() => statSync(join(dir, 'journal.ndjson')));
  writeFileSync(join(dir, 'journal.ndjson'), text);
  assert.equal((await store.append(at, entry('b'))).seq, 2);

  rmSync(dir, { recursive: true });
  await assert.rejects(store.append(at, entry('c')), { code: 'JOURNAL.REMOVED' });
  await assert.rejects(fileLock(dir).acquire(me, never), { code: 'FILES.NOT_FOUND', exitCode: 2 });
});

test('modes do not depend on the umask: the journal and the lock are private, the folder is nobody else’s to write', async () => {
  const umask = process.umask(0);
  try {
    const dir = join(newDir(), 'deep', 'plan');
    await writePlanFolder(dir, { 'plan.json': '{}', 'user-data/a.yaml': 'x' });
    await fileJournalStore(dir).append(at, entry('a'));
    const held = await fileLock(dir).acquire(me, never);
    const modes = ['..', '.', 'user-data', 'plan.json', 'user-data/a.yaml', 'journal.ndjson', 'lock'].map((name) =>
      (statSync(join(dir, name)).mode & 0o777).toString(8),
    );
    assert.deepEqual(modes, ['755', '755', '755', '644', '644', '600', '600']);
    await held.release();
  } finally {
    process.umask(umask);
  }
});
