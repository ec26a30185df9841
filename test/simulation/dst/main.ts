/**
 * Plays stories: `node test/simulation/dst/main.ts --seed 7 [--profile two] [--trace] [--shrink] [--without incident0,...]`
 * or a campaign: `--seeds 2000 [--from 1] [--stop-at-first]`. Ends with one JSON line, and with 1 when a seed failed.
 */
import { parseArgs } from 'node:util';
import { type Outcome, play } from './play.ts';
import { drawStory, eventsOf, type Profile, profiles, type Story, without } from './story.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '1' },
    from: { type: 'string', default: '1' },
    profile: { type: 'string', default: 'one' },
    without: { type: 'string', default: '' },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    'stop-at-first': { type: 'boolean', default: false },
  },
});

// every abort makes an error, and few are looked at
Error.stackTraceLimit = values.trace ? 30 : 0;

const profile = profiles.find((name) => name === values.profile);
if (profile === undefined) throw new Error(`--profile is one of ${profiles.join(', ')}`);
const leftOut = values.without === '' ? [] : values.without.split(',');
const first = Number(values.seed ?? values.from);
const seeds = values.seed === undefined ? Number(values.seeds) : 1;
const unhandled: string[] = [];
process.on('unhandledRejection', (reason) => {
  unhandled.push(`nobody handles: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`);
});
const counts: Record<string, number> = {};
const failed: number[] = [];
const began = process.cpuUsage();
let virtualSeconds = 0;
let requests = 0;

for (let seed = first; seed < first + seeds; seed += 1) {
  const story = without(drawStory(seed, profile), leftOut);
  const outcome = await tryIt(story, values.trace ? (line) => console.log(line) : undefined);
  virtualSeconds += outcome.virtualSeconds;
  requests += outcome.requests;
  add(`end: ${outcome.end}`, 1);
  for (const [what, times] of Object.entries(outcome.counts)) add(what, times);
  if (outcome.violations.length === 0) continue;
  failed.push(seed);
  const smaller = values.shrink ? await shrink(story) : leftOut;
  console.log(`seed ${seed} (${profile}): ${briefly(outcome.violations)}`);
  console.log(`    ${commandFor(seed, profile, smaller)}`);
  if (values['stop-at-first']) break;
}

const { user, system } = process.cpuUsage(began);
const sorted = Object.fromEntries(Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
console.log(
  JSON.stringify({
    profile,
    from: first,
    seeds,
    failed,
    cpuSeconds: Math.round((user + system) / 1e5) / 10,
    virtualHours: Math.round(virtualSeconds / 360) / 10,
    requests,
    counts: sorted,
  }),
);
process.exitCode = failed.length === 0 ? 0 : 1;

/** What breaks the play itself is a failure of the seed as well, and so is what would end a process. */
async function tryIt(story: Story, tell?: (line: string) => void): Promise<Outcome> {
  unhandled.length = 0;
  try {
    const outcome = await play(story, tell);
    return { ...outcome, violations: [...unhandled, ...outcome.violations] };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { end: 'broken', violations: [text], counts: {}, virtualSeconds: 0, requests: 0, fingerprint: '' };
  }
}

/** Leaves out one event after the other, as long as something still goes wrong. */
async function shrink(story: Story): Promise<string[]> {
  const out: string[] = [];
  for (const name of eventsOf(story)) {
    const { violations } = await tryIt(without(story, [...out, name]));
    if (violations.length > 0) out.push(name);
  }
  return out;
}

/** The first of them; a stack trace is cut short. */
function briefly(violations: readonly string[]): string {
  const lines = values.trace ? 30 : 4;
  const cut = violations.slice(0, 3).map((text) => text.split('\n').slice(0, lines).join('\n    '));
  return cut.join('\n    ');
}

function commandFor(seed: number, name: Profile, events: readonly string[]): string {
  const more = events.length === 0 ? '' : ` --without ${events.join(',')}`;
  return `node test/simulation/dst/main.ts --seed ${seed}${name === 'one' ? '' : ` --profile ${name}`}${more} --trace`;
}

function add(what: string, times: number): void {
  counts[what] = (counts[what] ?? 0) + times;
}
