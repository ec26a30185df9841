import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { play } from './play.ts';
import { drawStory, type Profile } from './story.ts';

/** Plays the first stories of a profile: all must end well, with nothing broken on the way, and enough must have happened. */
export async function playAll(t: TestContext, profile: Profile, seeds: number): Promise<void> {
  // every abort makes an error, and few are looked at
  Error.stackTraceLimit = 0;
  const counts = new Map<string, number>();
  const failures: string[] = [];
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { violations, counts: happened, end } = await play(drawStory(seed, profile));
    const command = `node test/simulation/dst/main.ts --seed ${seed} --profile ${profile} --trace`;
    failures.push(...violations.map((text) => `${command}: ${text}`));
    for (const [what, times] of [...Object.entries(happened), [`end: ${end}`, 1] as const]) {
      counts.set(what, (counts.get(what) ?? 0) + times);
    }
  }
  t.diagnostic(
    Array.from(counts, ([what, times]) => `${what} ${times}`)
      .toSorted()
      .join(', '),
  );
  assert.deepEqual(failures, []);
  const over = (counts.get('end: done') ?? 0) + (counts.get('end: taken back') ?? 0);
  assert.ok(over > seeds * 0.9, 'too many plans are refused');
  for (const what of ['process killed', 'process stopped', 'SIGTERM', 'run: rollback']) {
    assert.ok((counts.get(what) ?? 0) > 0, `no story has: ${what}`);
  }
}
