import assert from 'node:assert/strict';
import { existsSync, lstatSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileLock } from '../../../src/adapters/files/file-lock.ts';
import { hostileDocument } from '../generate.ts';
import type { Kind } from '../kind.ts';
import { checkFiles, judged } from '../oracle.ts';
import { inFolder } from '../sandbox.ts';

const record = {
  id: 'runner_123_1700000000000',
  command: 'prefix-migrate apply x',
  host: 'runner',
  pid: 4_000_000,
  began: '12345',
  since: '2026-03-01T10:00:00.000Z',
};

/** The lock of a plan folder, whoever wrote it. */
export const lockKind: Kind = {
  name: 'lock',
  what: 'lock of a plan folder',
  // half of them are of this machine, whose processes can be looked for
  draw: (random) => hostileDocument(random, random.next() < 0.5 ? record : { ...record, host: hostname() }),
  feed: (input) =>
    inFolder(async (folder) => {
      const file = join(folder, 'lock');
      writeFileSync(file, input, { mode: 0o600 });
      const error = await judged(async () => {
        const held = await fileLock(folder).acquire({ id: 'me', command: 'apply' }, new AbortController().signal);
        assert.equal(lstatSync(file).mode & 0o777, 0o600);
        await held.release();
        assert.equal(existsSync(file), false);
      });
      checkFiles(folder, /^lock$/);
      return error?.code;
    }),
};
