import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Agreement, agree } from './agreement.ts';

/** `AGREEMENT_SEEDS=200 node --test --test-isolation=none test/simulation/agreement.test.ts` looks at more clusters. */
const count = Number(process.env['AGREEMENT_SEEDS'] ?? 12);
const first = 1;

const problemsOf = ({ seed, problems, ...found }: Agreement): string[] => {
  const all = [...problems];
  if (found.exitCode !== null && found.exitCode !== 0) all.push(`exit code ${found.exitCode}: ${found.stoppedBy}`);
  if (found.subnets.every(({ fits }) => fits) && found.shortages.length > 0)
    all.push(`all fits, but ${found.shortages[0]}`);
  for (const { subnetId, fits, peak, planned, freeAfter, freeAfterPlanned } of found.subnets) {
    if (fits && peak > planned) all.push(`${subnetId}: peak ${peak}, ${planned} planned`);
    // single addresses need not spoil blocks, nor nodes and pods come as unevenly as they may
    if (fits && freeAfter < freeAfterPlanned)
      all.push(`${subnetId}: ${freeAfter} free after, ${freeAfterPlanned} planned`);
  }
  for (const { source, planned, prefixes } of found.nodegroups) {
    const mean = prefixes.reduce((sum, number) => sum + number, 0) / prefixes.length;
    const { expected } = planned.prefixesPerNode;
    if (Math.abs(mean - expected) > 1) all.push(`${source}: ${mean} prefixes per node, ${expected} expected`);
  }
  const { lowerBoundSeconds } = found.plan.forecast;
  if (found.drainSeconds !== null && found.drainSeconds < lowerBoundSeconds)
    all.push(`drained in ${found.drainSeconds} s, not less than ${lowerBoundSeconds} forecast`);
  return all.map((problem) => `seed ${seed}: ${problem}`);
};

const mean = (numbers: number[]) => (numbers.reduce((sum, number) => sum + number, 0) / numbers.length).toFixed(1);

test(`what the plan says of ${count} drawn clusters is what happens`, async (t) => {
  const found: Agreement[] = [];
  for (let seed = first; seed < first + count; seed += 1) {
    const agreement = await agree(seed);
    if (agreement !== null) found.push(agreement);
  }
  const applied = found.filter(({ exitCode }) => exitCode !== null);
  const subnets = applied.flatMap((one) => one.subnets);
  t.diagnostic(
    `${found.length} plans, ${applied.length} applied; per subnet ${mean(subnets.map(({ planned }) => planned))} blocks planned at the peak, ` +
      `${mean(subnets.map(({ peak }) => peak))} used; ${mean(subnets.map(({ freeAfter, freeAfterPlanned }) => freeAfter - freeAfterPlanned))} more free after than planned`,
  );
  assert.deepEqual(found.flatMap(problemsOf), []);
  assert.ok(applied.length >= found.length / 4, 'hardly a plan could be applied');
});

test('a subnet that does not fit is found out by the run, when a person insists', async () => {
  const insisted: Agreement[] = [];
  for (let seed = first; seed < first + count / 2; seed += 1) {
    const plan = await agree(seed, ['SUBNET.NO_FREE_PREFIX']);
    if (plan?.subnets.some(({ fits }) => !fits)) insisted.push(plan);
  }
  for (const { exitCode, stoppedBy, shortages, problems, seed, blockedBy } of insisted) {
    if (blockedBy.length > 0) continue;
    assert.ok(exitCode === 0 || exitCode === 6, `seed ${seed}: ${exitCode}`);
    if (exitCode === 6) {
      assert.ok(shortages.length > 0, `seed ${seed}: stopped for another reason: ${stoppedBy}`);
      // no first prefix, or no address for pods that came later
      assert.match(stoppedBy ?? '', /no free \/28 block|is not Ready|address/, `seed ${seed}`);
    }
    assert.deepEqual(problems, [], `seed ${seed}`);
  }
  const inVain = insisted.filter(({ exitCode, shortages }) => exitCode === 0 && shortages.length === 0);
  assert.ok(inVain.length <= insisted.length / 2, `${inVain.length} of ${insisted.length} blocked for nothing`);
});
