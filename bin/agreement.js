// What plans say of drawn clusters beside what then happens to them: `npm run agreement -- --seeds 200 [--from N]`.
// One line per disagreement, then a table. Ends with 1 when there is one.
import { parseArgs } from 'node:util';
import { agree, kinds } from '../test/simulation/agreement.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    explained: { type: 'boolean', default: false },
  },
});
const first = Number(values.from);
const outcomes = {};
const table = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, { agrees: 0, explained: 0, differs: 0 }]));
const slack = { peak: [], after: [] };
let crashed = 0;

for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
  let found;
  try {
    found = await agree(seed);
  } catch (error) {
    crashed += 1;
    console.log(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
    continue;
  }
  const outcome = found?.outcome ?? 'refused';
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  for (const { kind, verdict, text } of found?.comparisons ?? []) {
    table[kind][verdict] += 1;
    if (verdict === 'differs' || (values.explained && verdict === 'explained'))
      console.log(`seed ${seed}: ${kind}: ${text}${verdict === 'explained' ? ' [explained]' : ''}`);
  }
  for (const { peak, after } of found?.slack ?? []) {
    slack.peak.push(peak);
    slack.after.push(after);
  }
}

const number = (value) => String(value).padStart(9);
console.log(`\n${'agreements explained disagreements'.padStart(90)}`);
for (const [kind, { agrees, explained, differs }] of Object.entries(table)) {
  console.log(`${kinds[kind].padEnd(56)}${number(agrees)} ${number(explained)} ${number(differs)}`);
}
const differences = Object.values(table).reduce((sum, { differs }) => sum + differs, crashed);
console.log(
  `\n${Object.entries(outcomes)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ')}`,
);
console.log(`blocks planned at the peak and not taken, per subnet: ${distribution(slack.peak)}`);
console.log(`blocks free at the end beyond the plan, per subnet:   ${distribution(slack.after)}`);
console.log(`${differences} disagreements`);
process.exitCode = differences === 0 ? 0 : 1;

/** `n 120, min 0, median 1, 90 % 4, max 9` */
function distribution(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return `n ${sorted.length}, min ${at(0)}, median ${at(0.5)}, 90 % ${at(0.9)}, max ${at(1)}`;
}
