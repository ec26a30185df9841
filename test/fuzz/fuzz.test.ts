/**
 * Hostile input for every way into the program. A proper error or a right result is fine; another exception, a loop, a
 * steered terminal, an unquoted word in a command, a secret or a file that nobody asked for is not. `npm run fuzz` goes on
 * with other seeds; what it found lies in corpus/ and is fed again here.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import { campaign } from './campaign.ts';
import { kinds } from './kinds/index.ts';
import {
  canary,
  checkCommands,
  checkError,
  checkInShell,
  checkScreen,
  checkSecrets,
  isQuoted,
  judged,
} from './oracle.ts';

const corpus = fileURLToPath(new URL('corpus/', import.meta.url));
const seed = Number(process.env['PROPERTY_SEED'] ?? 20_260_301);
/** Those that cost more than a few milliseconds get fewer here. */
const casesOf: Record<string, number> = {
  apply: 2,
  snapshot: 25,
  eks: 20,
  ec2: 40,
  kubernetes: 25,
  kubeconfig: 60,
  plan: 60,
  journal: 60,
};

for (const kind of kinds) {
  test(`corpus: ${kind.what}`, async () => {
    const files = readdirSync(join(corpus, kind.name));
    for (const file of files) {
      await kind.feed(readFileSync(join(corpus, kind.name, file))).catch((error: unknown) => {
        throw new Error(`corpus/${kind.name}/${file}`, { cause: error });
      });
    }
  });

  test(`drawn: ${kind.what}`, async () => {
    const { found } = await campaign(kind, seed, casesOf[kind.name] ?? 200);
    const [first] = found;
    if (first !== undefined) {
      throw new Error(`npm run fuzz -- --kind ${kind.name} --seed ${first.seed}`, { cause: first.error });
    }
  });
}

const error = (more: object): MigrateError =>
  new MigrateError({ code: 'A.B', message: 'x', why: 'y', nextActions: ['z'], exitCode: 2, ...more });

test('the judge sees what it is for', async (t) => {
  checkError(error({}));
  assert.throws(() => checkError(error({ code: 'ab' })));
  assert.throws(() => checkError(error({ nextActions: [] })));
  assert.throws(() => checkError(error({ exitCode: 1 })));
  assert.throws(() => checkError(error({ nextActions: ['kubectl get pod x;PWNED'] })));
  assert.throws(() => checkError(error({ why: canary })));
  await assert.rejects(
    judged(() => Promise.reject(new TypeError('x'))),
    TypeError,
  );
  assert.equal((await judged(() => Promise.reject(error({}))))?.code, 'A.B');
  for (const text of ['\u001b[2J', '\u0007', '\u202e', '\u2028', '\u009b31m', '\r'])
    assert.throws(() => checkScreen(text));
  checkScreen('\u001b[31mred\u001b[39m\n\t');
  assert.throws(() => checkSecrets(Buffer.from(canary).toString('base64')));
  const quoted: [string, boolean][] = [
    ["kubectl get pod 'x;PWNED'", true],
    ["kubectl get pod 'x'\\''PWNED'", true],
    ["kubectl get pod 'x''PWNED", false],
    ["kubectl get pod ''PWNED''", false],
    ['kubectl get pod "$(PWNED)"', false],
    ['kubectl get pod $(PWNED)', false],
  ];
  for (const [command, expected] of quoted) assert.equal(isQuoted(command), expected, command);
  assert.throws(() => checkCommands(['then: kubectl get pod $(PWNED)']));

  const folder = mkdtempSync(join(tmpdir(), 'prefix-migrate-judge-'));
  t.after(() => rmSync(folder, { recursive: true }));
  checkInShell("kubectl get pod 'x;PWNED' '$(PWNED)'", folder);
  assert.throws(() => checkInShell('kubectl get pod $(PWNED)', folder), /ran something/);
});
