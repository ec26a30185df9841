import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playAll } from './campaign.ts';
import { type Outcome, play } from './play.ts';
import { drawStory } from './story.ts';

test('80 stories of two processes at once: one acts at a time, and all end well', (t) => playAll(t, 'two', 80));

async function told(): Promise<{ lines: string[]; outcome: Outcome }> {
  const lines: string[] = [];
  return { outcome: await play(drawStory(5, 'two'), (line) => lines.push(line)), lines };
}

test('the same seed tells the same story, event by event', async () => {
  const first = await told();
  assert.ok(first.lines.length > 50);
  assert.deepEqual(await told(), first);
});
