/** What the program may do with any input whatever: a right result, or an error of the contract. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, renderError } from '../../src/cli/errors.ts';
import { plainJson } from '../../src/domain/canonical-json.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import { marker } from './generate.ts';

/** Planted wherever a secret may stand; nothing that leaves the program may have it. */
export const canary = 'CANARY-7f3a';
const canaries = [canary, Buffer.from(canary).toString('base64').slice(0, 12)];

/** Runs the program on an input: what it threw has to be an error of the contract, which is returned. */
export async function judged(work: () => unknown): Promise<MigrateError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error;
    checkError(error);
    return error;
  } finally {
    checkPrototypes();
  }
}

export function checkError(error: MigrateError): void {
  const { code, message, why, nextActions, exitCode } = error;
  assert.match(code, /^[A-Z][A-Z0-9_]*(\.[A-Z0-9_]+)+$/);
  assert.ok(message !== '', `${code} says nothing`);
  assert.equal(typeof why, 'string');
  assert.ok(nextActions.length > 0 && nextActions.every((action) => action !== ''), `${code} offers nothing`);
  assert.ok(exitCode >= 2 && exitCode <= 7, `${code} has exit code ${exitCode}`);
  const fields = describeError(error);
  checkScreen(renderError(fields, { colour: false }));
  checkScreen(renderError(fields, { colour: true }));
  checkScreen(plainJson({ ...fields }));
  checkCommands(nextActions);
  // --verbose shows the stack, with its causes
  checkSecrets(error.stack ?? '');
}

const ownColour = new RegExp(`${String.fromCharCode(27)}\\[\\d+(;\\d+)*m`, 'g');
const steering = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

/** Text for a terminal or a pipe: nothing in it steers anything. */
export function checkScreen(text: string): void {
  const found = steering.exec(text.replaceAll(ownColour, '').replaceAll(/[\n\t]/g, ''));
  if (found === null) {
    checkSecrets(text);
    return;
  }
  const code = found[0].charCodeAt(0).toString(16).padStart(4, '0');
  assert.fail(
    `U+${code} on the screen: ${JSON.stringify(text.slice(Math.max(0, text.indexOf(found[0]) - 80)).slice(0, 160))}`,
  );
}

export function checkSecrets(text: string): void {
  const found = canaries.find((secret) => text.includes(secret));
  assert.equal(
    found,
    undefined,
    found && `a secret in: ...${text.slice(Math.max(0, text.indexOf(found) - 100)).slice(0, 200)}`,
  );
}

const program = /(?:^|[\s`(:])((?:prefix-migrate|aws|kubectl|helm|eksctl|rm|npx|export|sed) .*)$/s;

/** Text that is there to be pasted: what came from outside stands in it as one word. */
export function checkCommands(actions: readonly string[]): void {
  for (const action of actions) {
    const command = program.exec(action)?.[1];
    if (command === undefined || !command.includes(marker)) continue;
    assert.ok(isQuoted(command), `not quoted: ${JSON.stringify(command.slice(0, 300))}`);
  }
}

/** Whether every marker stands between single quotes, as a POSIX shell counts them. */
export function isQuoted(command: string): boolean {
  let quoted = false;
  for (let at = 0; at < command.length; at += 1) {
    if (command[at] === "'") quoted = !quoted;
    else if (!quoted && command[at] === '\\') at += 1;
    else if (!quoted && command.startsWith(marker, at)) return false;
  }
  return !quoted;
}

/** What a shell really does with it, where no program can be found: `PWNED` must not be one of the things that it runs. */
export function checkInShell(command: string, folder: string): void {
  const programs = ['prefix-migrate', 'aws', 'kubectl', 'helm', 'eksctl', 'rm', 'npx', 'sed'];
  const stubs = programs.map(
    (name) => `${name.replace('-', '_')}() { :; }; alias ${name}=${name.replace('-', '_')} 2>/dev/null;`,
  );
  const script = `${stubs.join(' ')} ${marker}() { echo ran > ran; }\n${command}\n`;
  spawnSync('/bin/sh', ['-c', script], { cwd: folder, env: { PATH: '/nonexistent' }, timeout: 10_000 });
  assert.deepEqual(readdirSync(folder), [], `a shell ran something of ${JSON.stringify(command)}`);
}

const clean = {
  object: Object.getOwnPropertyNames(Object.prototype).length,
  array: Object.getOwnPropertyNames(Array.prototype).length,
};

function checkPrototypes(): void {
  const { object, array } = clean;
  assert.equal(Object.getOwnPropertyNames(Object.prototype).length, object, 'Object.prototype was changed');
  assert.equal(Object.getOwnPropertyNames(Array.prototype).length, array, 'Array.prototype was changed');
  assert.equal(Reflect.get({}, 'polluted'), undefined);
}

/** Every file below a folder that the program wrote: its text, and its mode when it is state. */
export function checkFiles(folder: string, allowed: RegExp): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) continue;
    const name = path.slice(folder.length + 1);
    assert.ok(entry.isFile(), `${name} is no plain file`);
    assert.match(name, allowed, 'a file that nobody asked for');
    checkSecrets(readFileSync(path, 'utf8'));
    if (/^(journal\.ndjson|lock)$/.test(name)) assert.equal(lstatSync(path).mode & 0o777, 0o600, name);
  }
}
