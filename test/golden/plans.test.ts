/**
 * What `plan` prints for each scenario, to the letter: `plans/NAME.txt`. `npm run golden` writes them anew; whoever reviews
 * the difference reads it as the person at the terminal will.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createIo, type Io } from '../../src/cli/io.ts';
import { planCluster } from '../../src/commands/actions/plan-cluster.ts';
import { plainRequest } from '../../src/domain/plan.ts';
import { hostWorld } from '../../src/simulator/host.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import { scenarios } from '../../src/simulator/scenarios/index.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { pacedClock } from '../support/paced-clock.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = fileURLToPath(new URL('plans/', import.meta.url));
const isWriting = process.env['GOLDEN'] === 'write';
const commandLine = 'prefix-migrate plan --cluster demo';

const home = process.cwd();
const temporary = mkdtempSync(join(tmpdir(), 'prefix-migrate-golden-'));
before(() => {
  delete process.env['KUBECONFIG'];
  process.chdir(temporary);
});
after(() => {
  process.chdir(home);
  rmSync(temporary, { recursive: true });
});

/** The hashes of plan and names are of the whole snapshot, with the ports and the certificate of the world. */
const withoutHashes = (text: string): string =>
  text.replaceAll(/(?<=-pd-)[0-9a-f]{8}/g, '01234567').replace(/(?<=plan )[0-9a-f]{8}$/m, '89abcdef');

/** Command, stdout, exit code. */
async function planned(scenario: Scenario): Promise<string> {
  const world = createWorld(scenario, { seed: 1 });
  const hosted = await hostWorld(world);
  let text = '';
  const io: Io = {
    ...createIo({ json: false, verbose: false, 'no-color': true, 'no-input': true }),
    result: (piece) => (text += piece),
    progress: () => undefined,
    colour: { stdout: false, stderr: false },
    width: 80,
    commandLine,
    environment: {},
  };
  const { region, name: clusterName } = world.cluster;
  const { accessKeyId, secretAccessKey } = world.administrator;
  try {
    const exitCode = await planCluster(
      {
        request: plainRequest(clusterName),
        folder: 'prefix-migrate-demo',
        format: 'text',
        toolVersion: '0.0.0-test',
        root,
        connection: {
          clusterName,
          region,
          clock: pacedClock(world.clock.now()),
          aws: { endpoint: hosted.awsUrl, credentials: { accessKeyId, secretAccessKey } },
        },
      },
      io,
    );
    return `$ ${commandLine}\n${withoutHashes(text)}(exit code ${exitCode})\n`;
  } finally {
    await hosted.close();
  }
}

for (const scenario of scenarios) {
  test(`plan of ${scenario.name}`, async () => {
    const text = await planned(scenario);
    const file = join(folder, `${scenario.name}.txt`);
    if (isWriting) writeFileSync(file, text);
    assert.equal(text, readFileSync(file, 'utf8'), 'npm run golden writes it anew');
    const long = text.split('\n').filter((line) => line.length > 80 && !isCommand(line));
    assert.deepEqual(long, [], 'lines of more than 80 columns that are no command');
  });
}

/** Commands and the like are not broken: they are there to be pasted. */
const isCommand = (line: string): boolean => /^\s*(->|\$|aws |helm |kubectl |prefix-migrate )/.test(line);

test('every text belongs to a scenario', () => {
  const names = scenarios.map(({ name }) => `${name}.txt`);
  assert.deepEqual(readdirSync(folder).toSorted(), names.toSorted());
});
