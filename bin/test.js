// Everything that must hold, in one run: types, lint, tests. Ends with one line `N passed, N failed`.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'node_modules', '.bin');
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`, NO_COLOR: '1' };
delete env.FORCE_COLOR;
// A child of `node --test` must not take itself for a test file.
delete env.NODE_TEST_CONTEXT;

/** Runs a command, shows what it prints, and gives it back. */
function run(command, args) {
  return new Promise((resolve) => {
    const local = join(bin, command);
    const child = spawn(existsSync(local) ? local : command, args, {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.on('data', (chunk) => {
        output += chunk;
        to.write(chunk);
      });
    }
    child.on('error', (error) => resolve({ status: 1, output: error.message }));
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

const checks = [
  { title: 'types', command: 'tsc', args: ['-p', '.'] },
  { title: 'format', command: 'biome', args: ['check', '--diagnostic-level=warn', '--error-on-warnings', '.'] },
  { title: 'lint', command: 'oxlint', args: ['--type-aware', '--deny-warnings', 'src', 'test', 'bin'] },
];
// Tests that start child processes or change the working directory get a process of their own (and mostly wait, hence four
// at a time); all others share one, which is ten times faster.
// The first run in a fresh clone is still under the Node outside, which may be 20: no globSync there.
const files = readdirSync(join(root, 'test'), { recursive: true })
  .filter((file) => file.endsWith('.test.ts') && !/^(cluster|s3)\b/.test(file)) // npm run test:cluster, npm run test:s3
  .map((file) => join('test', file))
  .toSorted();
const needsOwnProcess = (file) => /^test.(cli|golden|journeys|simulation)\b/.test(file);
const apart = files.filter(needsOwnProcess);
const together = files.filter((file) => !needsOwnProcess(file));
const seed = './test/support/property-seed.ts';
const suites = [
  { title: 'tests', args: ['--import', seed, '--test', '--test-isolation=none', ...together] },
  { title: 'tests of the program as a whole', args: ['--import', seed, '--test', '--test-concurrency=4', ...apart] },
];

let passed = 0;
let failed = 0;
for (const { title, command, args } of checks) {
  console.log(`\n${title}: ${command} ${args.join(' ')}`);
  const { status } = await run(command, args);
  if (status === 0) passed += 1;
  else failed += 1;
}
for (const { title, args } of suites) {
  console.log(`\n${title}`);
  const { status, output } = await run('node', args);
  const count = (word) => Number(new RegExp(`^ℹ ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  const bad = count('fail') + count('cancelled');
  passed += count('pass');
  // A runner that died without a count has failed as well, and so has one that found nothing to run.
  failed += bad === 0 && (status !== 0 || count('pass') === 0) ? 1 : bad;
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
