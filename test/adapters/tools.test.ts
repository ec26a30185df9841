import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createToolsPort } from '../../src/adapters/tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'tools-'));
after(() => rmSync(folder, { recursive: true }));

function program(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!${process.execPath}\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

const never = new AbortController().signal;
const port = (log: string[] = []) => createToolsPort({ PATH: folder, WORD: 'from outside' }, (line) => log.push(line));

describe('programs of others', () => {
  test('get their arguments as they are, and the environment; what they write goes to the log', async () => {
    program(
      'echoing',
      'console.log(process.argv.slice(2).join("|")); console.error(process.env.WORD); process.exit(3);',
    );
    const log: string[] = [];
    const result = await port(log).run('echoing', ['a b', '$(touch x)', '*'], never);
    assert.equal(result?.exitCode, 3);
    assert.deepEqual(log.toSorted(), ['echoing: a b|$(touch x)|*', 'echoing: from outside']);
    assert.deepEqual(result?.lastLines.toSorted(), ['a b|$(touch x)|*', 'from outside']);
  });

  test('one that is not there', async () => {
    assert.equal(await port().run('not-there', [], never), undefined);
  });

  test('keys and control characters do not reach the log', async () => {
    program(
      'leaking',
      `process.stdout.write('\\u001b[31mAKIAIOSFODNN7EXAMPLE X-Amz-Signature=0123456789abcdef\\nhttps://me:pw@host/')`,
    );
    const log: string[] = [];
    await port(log).run('leaking', [], never);
    assert.deepEqual(log, ['leaking: [31mAKIA... X-Amz-Signature=...', 'leaking: https://...@host/']);
  });

  test('only the last lines are kept', async () => {
    program('long', 'for (let i = 1; i <= 50; i += 1) console.log(i);');
    const result = await port().run('long', [], never);
    assert.deepEqual([result?.lastLines.length, result?.lastLines.at(-1)], [20, '50']);
  });

  test('a stop ends the program', async () => {
    program('waiting', 'console.log("here"); setInterval(() => {}, 1000);');
    const stop = new AbortController();
    const tools = createToolsPort({ PATH: folder }, () => stop.abort(new Error('stop')));
    assert.equal((await tools.run('waiting', [], stop.signal))?.exitCode, null);
  });

  test('a temporary file is private, and goes', async () => {
    const tools = port();
    const path = await tools.temporaryFile('apps.yaml', 'a: 1\n');
    assert.equal(readFileSync(path, 'utf8'), 'a: 1\n');
    assert.equal(statSync(path).mode & 0o077, 0);
    await tools.removeFile(path);
    assert.throws(() => statSync(path), /ENOENT/);
  });
});
