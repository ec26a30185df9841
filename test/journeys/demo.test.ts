/** The demo, killed without warning in the middle of its drain, goes on when it is started again. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, start, temporaryFolder } from './program.ts';

test('killed in the drain and started again, the demo ends as if nothing had happened', async (t) => {
  const cwd = temporaryFolder(t);
  const demo = ['demo', '--out', 'here', '--speed', '40', '--verbose'];
  const first = start(demo, { cwd });
  await first.until(/eviction of .*: accepted/);
  const world: { pid: number; exported: Record<string, string> } = JSON.parse(
    readFileSync(join(cwd, 'here/world.json'), 'utf8'),
  );
  t.after(() => end(world.pid));
  first.kill('SIGKILL');
  await first.ended;

  const { code, stdout, stderr } = await run(demo, { cwd });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /going on where it stopped/);
  assert.match(stdout, /2 node groups moved/);
  assert.match(stdout, /PDB violations +0 /);
  assert.match(stdout, /Evictions per pod +1\n/);
  assert.match(stdout, /Pods per node +29 -> 110/);

  const journal = readFileSync(join(cwd, 'here/plan/journal.ndjson'), 'utf8');
  const started =
    journal.match(
      /"step-started"[^\n]*"stepId":"create-nodegroup\/[^"]+"|"stepId":"create-nodegroup\/[^"]+"[^\n]*"token"/g,
    ) ?? [];
  assert.equal(started.length, 2, 'each replacement was asked for once');
  await assertGone(world.exported['AWS_ENDPOINT_URL'] ?? '');
});

test('the demo does not empty a folder that it did not make', async (t) => {
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, 'mine.txt'), 'mine');
  const { code, stdout, stderr } = await run(['demo', '--out', '.'], { cwd });
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /no demo wrote/);
  assert.ok(existsSync(join(cwd, 'mine.txt')));
});

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // it has ended, as it should
  }
}

/** The world got its signal just now and ends by itself; each look lets a little time pass. */
async function assertGone(url: string): Promise<void> {
  const answers = (): Promise<boolean> =>
    fetch(url).then(
      () => true,
      () => false,
    );
  for (let look = 0; look < 50 && (await answers()); look++) await run(['--version']);
  assert.ok(!(await answers()), 'the demo ends its world');
}
