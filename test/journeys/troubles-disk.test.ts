/** Disks that are really full or read-only: a tiny file system in a mount namespace of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  type Environment,
  type Result,
  run,
  shellLine,
  start,
  startShell,
  startWorld,
  temporaryFolder,
  type World,
} from './program.ts';

const confirmed = ['--confirm', 'demo', '--poll-interval', '50ms'];
const cleanUps: (() => unknown)[] = [];
let world: World;
let env: Environment;
let cwd: string;
let disk: Disk | undefined;

interface Disk {
  /** as the program sees it */
  dir: string;
  /** as the test sees it */
  seen: string;
  /** starts a program where the disk is */
  through: readonly string[];
  command: (args: readonly string[]) => Promise<Result>;
  /** leaves so many bytes free */
  fill: (leave?: number) => void;
  empty: () => void;
  remount: (mode: 'ro' | 'rw') => void;
}

/** Undefined where nobody may mount: without user namespaces, or not on Linux. */
async function mountDisk(): Promise<Disk | undefined> {
  const dir = join(cwd, 'disk');
  mkdirSync(dir);
  const isRoot = process.getuid?.() === 0;
  const script = 'mount -t tmpfs -o size=1m tmpfs "$0" && echo mounted && exec sleep 600';
  const child: ChildProcess = spawn(
    'unshare',
    [...(isRoot ? [] : ['--map-root-user']), '--mount', 'sh', '-c', script, dir],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  cleanUps.push(() => child.kill('SIGKILL'));
  const isMounted = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false)).once('exit', () => resolve(false));
    child.stdout?.once('data', () => resolve(true));
  });
  if (!isMounted) return undefined;
  const inside = [
    'nsenter',
    '--target',
    String(child.pid),
    '--mount',
    ...(isRoot ? [] : ['--user', '--preserve-credentials']),
  ];
  const seen = `/proc/${child.pid}/root${dir}`;
  const filler = join(seen, 'filler');
  const [enter = '', ...words] = inside;
  return {
    dir,
    seen,
    through: inside,
    command: (args) => run(args, { env, cwd, through: inside }),
    fill(leave = 0) {
      rmSync(filler, { force: true });
      const { bavail, bsize } = statfsSync(seen);
      writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - leave)));
    },
    empty: () => rmSync(filler, { force: true }),
    remount: (mode) => void execFileSync(enter, [...words, 'mount', '-o', `remount,${mode}`, dir]),
  };
}

before(async () => {
  cwd = temporaryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) });
  world = await startWorld('healthy');
  cleanUps.push(world.stop);
  ({ env } = world);
  disk = await mountDisk();
  const planned = await run(['plan', '--out', 'p', '--soak', '0s'], { env, cwd });
  assert.equal(planned.code, 0, planned.stderr);
});
after(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp();
});

const noDisk = 'nobody may mount a file system here';

test('stdout on a full disk: a result that is lost is exit 2, a migration goes on', async (t) => {
  if (!existsSync('/dev/full')) return t.skip('needs /dev/full');
  for (const args of [['status', 'p'], ['plan', '--dry-run'], ['simulate'], ['simulate', '--json']]) {
    const { code, stderr } = await startShell(`exec ${shellLine(args)} > /dev/full`, { env, cwd }).ended;
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /The disk is full\..*\(OUTPUT\.NOT_WRITTEN, exit code 2\)/s);
    assert.doesNotMatch(stderr, /bug|please report/);
  }
  const args = ['apply', 'p', '--until', 'prepare', ...confirmed, '--json'];
  const applied = await startShell(`exec ${shellLine(args)} > /dev/full 2> /dev/full`, { env, cwd }).ended;
  assert.equal(applied.code, 0);
  const { code, stderr } = await run(['plan', '--dry-run'], { env: { ...env, GITHUB_STEP_SUMMARY: '/dev/full' }, cwd });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /warning: GITHUB_STEP_SUMMARY was not written.*(full|space)/i);
});

test('a full disk: no plan, no lock, and in the middle of a migration no further act', async (t) => {
  if (disk === undefined) return t.skip(noDisk);
  const { dir, seen, command, fill, empty } = disk;
  fill();
  const planned = await command(['plan', '--out', join(dir, 'new')]);
  assert.equal(planned.code, 2, planned.stderr);
  assert.match(
    planned.stderr,
    /Cannot (write|create the folder) .*disk\/new.*The disk is full\. \d+ \w+ of 1\s+MiB are free.*df -h/s,
  );
  assert.ok(!existsSync(join(seen, 'new/plan.json')));
  empty();
  cpSync(join(cwd, 'p'), join(seen, 'p'), { recursive: true });

  fill();
  const locked = await command(['apply', join(dir, 'p'), ...confirmed]);
  assert.equal(locked.code, 2, locked.stderr);
  assert.match(locked.stderr, /Cannot lock .*disk\/p\/lock.*The disk is full/s);
  assert.ok(!existsSync(join(seen, 'p/lock')));
  for (const reading of [['status'], ['log'], ['explain']]) {
    assert.equal((await command([...reading, join(dir, 'p')])).code, 0, reading.join());
  }

  // room for some lines of the journal, and not for all
  const size = readFileSync(join(seen, 'p/journal.ndjson')).length;
  fill(3 * 4096);
  const stopped = await command(['apply', join(dir, 'p'), ...confirmed, '--until', 'verify']);
  assert.equal(stopped.code, 6, stopped.stderr);
  assert.match(
    stopped.stderr,
    /Cannot write .*disk\/p\/journal\.ndjson\.\s+The\s+run\s+stopped.*The disk is full\. 0 B of 1\s+MiB are free/s,
  );
  assert.match(
    stopped.stderr,
    /-> make room: df -h .*disk\/p\n {2}-> prefix-migrate apply .*disk\/p --confirm demo .*# goes on from here/,
  );
  const text = readFileSync(join(seen, 'p/journal.ndjson'), 'utf8');
  assert.ok(text.length > size);
  assert.ok(!existsSync(join(seen, 'p/lock')));

  empty();
  const going = await command(['apply', join(dir, 'p'), ...confirmed, '--until', 'verify']);
  assert.equal(going.code, 0, going.stderr);
  if (!text.endsWith('\n')) assert.match(going.stderr, /last line of the journal was torn/);
});

test('a read-only folder: the plan can be read, and nothing is begun', async (t) => {
  if (disk === undefined) return t.skip(noDisk);
  const { dir, seen, command, remount } = disk;
  const journal = readFileSync(join(seen, 'p/journal.ndjson'), 'utf8');
  remount('ro');
  for (const args of [['status'], ['log'], ['explain']]) {
    const { code, stderr } = await command([...args, join(dir, 'p')]);
    assert.equal(code, 0, stderr);
  }
  assert.equal((await command(['apply', join(dir, 'p'), '--dry-run'])).code, 0);
  const applied = await command(['apply', join(dir, 'p'), ...confirmed]);
  assert.equal(applied.code, 2, applied.stderr);
  assert.match(applied.stderr, /Cannot lock .*disk\/p\/lock.*The file system is read-only/s);
  const planned = await command(['plan', '--out', join(dir, 'other')]);
  assert.equal(planned.code, 2, planned.stderr);
  assert.match(planned.stderr, /Cannot create the folder .*disk\/other.*The file system is read-only/s);
  remount('rw');
  assert.equal(readFileSync(join(seen, 'p/journal.ndjson'), 'utf8'), journal);
});

test('a folder that gets read-only, or is removed, in the middle: exit 6, and the run goes on when it is back', async (t) => {
  if (disk === undefined) return t.skip(noDisk);
  const { dir, seen, through, command, remount } = disk;
  const inTheMiddle = async (change: () => void): Promise<Result> => {
    const applied = start(['apply', join(dir, 'p'), ...confirmed, '--json'], { env, cwd, through });
    await applied.until(/"type":"(step-started|step-progress)"/);
    change();
    return applied.ended;
  };
  const readOnly = await inTheMiddle(() => {
    // it is busy while the journal is open
    for (let attempt = 0; ; attempt += 1) {
      try {
        remount('ro');
        return;
      } catch (error) {
        if (attempt > 50) throw error;
      }
    }
  });
  assert.equal(readOnly.code, 6, readOnly.stderr);
  assert.match(readOnly.stdout + readOnly.stderr, /Cannot write .*journal\.ndjson/);
  assert.match(readOnly.stderr, /warning: Cannot remove .*lock/);
  remount('rw');

  const kept = join(cwd, 'kept');
  const removed = await inTheMiddle(() => {
    cpSync(join(seen, 'p'), kept, { recursive: true });
    rmSync(join(seen, 'p'), { recursive: true });
  });
  assert.equal(removed.code, 6, removed.stderr);
  assert.match(removed.stdout + removed.stderr, /journal\.ndjson was removed/);
  cpSync(kept, join(seen, 'p'), { recursive: true });
  const done = await command(['apply', join(dir, 'p'), ...confirmed]);
  assert.equal(done.code, 0, done.stderr);
});
