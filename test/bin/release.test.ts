/** The release script: its rules over literals, and the whole of it over a repository of three files, without a network. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

interface Package {
  name: string;
  version: string;
  licence: string;
  sha512: string;
}
interface Rules {
  isAllowed(expression: string | undefined): boolean;
  productionPackages(lock: object): Package[];
  sbomProblems(sbom: object, packages: Package[]): string[];
  auditVerdict(text: string): { kind: string; names?: string[] };
}

const script = fileURLToPath(new URL('../../bin/release.js', import.meta.url));
const rules: Rules = await import(script);

const withHash = (content: string) => ({
  bomFormat: 'CycloneDX',
  components: [{ name: 'a', version: '1.0.0', hashes: [{ alg: 'SHA-512', content }] }],
});
const answer = (total: number, vulnerabilities: object = {}) =>
  JSON.stringify({ vulnerabilities, metadata: { vulnerabilities: { total } } });

describe('rules of a release', () => {
  test('a licence is allowed when one of its alternatives is, with all its parts', () => {
    const verdicts: [string | undefined, boolean][] = [
      ['MIT', true],
      ['(MIT OR GPL-3.0-only)', true],
      ['MIT AND GPL-3.0-only', false],
      ['AGPL-3.0-only', false],
      ['', false],
      [undefined, false],
    ];
    for (const [licence, allowed] of verdicts) assert.equal(rules.isAllowed(licence), allowed, licence);
  });

  const sha512 = '00ff';
  const integrity = `sha512-${Buffer.from(sha512, 'hex').toString('base64')}`;

  test('what comes with the program: neither what tests need, nor what is optional', () => {
    const one = { version: '1.0.0', license: 'MIT', integrity };
    const packages = { '': one, 'node_modules/a/node_modules/@s/b': one, 'node_modules/c': { ...one, dev: true } };
    assert.deepEqual(rules.productionPackages({ packages: { ...packages, 'node_modules/d': { optional: true } } }), [
      { name: '@s/b', version: '1.0.0', licence: 'MIT', sha512 },
    ]);
  });

  test('an SBOM lacks nothing and has the hashes of the lockfile', () => {
    const wanted = [{ name: 'a', version: '1.0.0', licence: 'MIT', sha512 }];
    assert.deepEqual(rules.sbomProblems(withHash(sha512), wanted), []);
    assert.match(rules.sbomProblems(withHash('11'), wanted).join(), /another hash/);
    assert.match(rules.sbomProblems({ bomFormat: 'CycloneDX', components: [] }, wanted).join(), /a@1.0.0 is missing/);
  });

  test('an audit that nobody answered is not a clean one', () => {
    assert.equal(rules.auditVerdict(answer(0)).kind, 'clean');
    assert.deepEqual(rules.auditVerdict(answer(1, { bad: {} })), { kind: 'found', names: ['bad'] });
    assert.equal(rules.auditVerdict('{"message":"405 Method Not Allowed","error":{}}').kind, 'not-asked');
    assert.equal(rules.auditVerdict('').kind, 'not-asked');
  });
});

test('a release, from the first look to the command that publishes it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'release-test-'));
  after(() => rmSync(folder, { recursive: true }));
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
    npm_config_registry: 'http://127.0.0.1:9',
    npm_config_fetch_retries: '0',
  };
  const run = (command: string, ...args: string[]) => spawnSync(command, args, { cwd: folder, env, encoding: 'utf8' });
  const git = (...args: string[]) => {
    const { status, stderr } = run('git', '-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args);
    assert.equal(status, 0, stderr);
  };
  const release = (...args: string[]) => run(process.execPath, script, ...args);
  const write = (file: string, value: object) => writeFileSync(join(folder, file), JSON.stringify(value));

  mkdirSync(join(folder, 'part'));
  write('part/package.json', { name: 'part', version: '1.0.0', license: 'ISC' });
  write('package.json', { name: 'thing', version: '1.2.3', license: 'MIT', private: true });
  run('npm', 'pack', './part');
  run('npm', 'install', '--offline', './part-1.0.0.tgz');
  writeFileSync(join(folder, '.gitignore'), 'dist/\nnode_modules/\n');
  mkdirSync(join(folder, '.ci'));
  writeFileSync(join(folder, '.ci/run'), '#!/bin/sh\necho "7 passed, 0 failed"\n');
  chmodSync(join(folder, '.ci/run'), 0o755);
  git('init', '--quiet');
  assert.match(release('--check').stderr, /the tree is not clean/);
  git('add', '-A');
  git('commit', '--quiet', '-m', 'all');

  const looked = release('--check');
  assert.equal(looked.status, 0, looked.stderr);
  assert.match(looked.stdout, /to do +tag this commit: git tag -s v1\.2\.3/);
  assert.match(looked.stdout, /licences of 1 packages: ISC 1/);
  assert.match(looked.stdout, /to do +no advisory database was asked/);
  assert.match(release('--prepare').stderr, /tag v1\.2\.3 is missing/);
  assert.match(release('--sign-off', 'Ann').stderr, /dist\/release is empty/);

  git('tag', 'v1.2.3');
  const prepared = release('--prepare');
  assert.equal(prepared.status, 0, prepared.stderr);
  assert.match(prepared.stdout, /\.ci\/run: 7 passed, 0 failed/);
  assert.match(prepared.stdout, /SHA-256 [0-9a-f]{64}, the same from two clones/);

  assert.match(release('--sign-off', 'Ann').stderr, /--audited/);
  const signed = release('--sign-off', 'Ann', '--audited', 'at home, nothing found');
  assert.equal(signed.status, 0, signed.stderr);
  assert.match(signed.stdout, /npm publish dist\/release\/thing-1\.2\.3\.tgz --provenance/);
  const statement = JSON.parse(readFileSync(join(folder, 'dist/release/sign-off.json'), 'utf8'));
  assert.equal(statement.signedOffBy, 'Ann');
  assert.equal(statement.audit, 'at home, nothing found');
  const provenance = JSON.parse(readFileSync(join(folder, 'dist/release/provenance.json'), 'utf8'));
  assert.equal(provenance.subject[0].digest.sha256, statement.sha256);
  assert.equal(provenance.predicateType, 'https://slsa.dev/provenance/v1');

  writeFileSync(join(folder, 'dist/release/thing-1.2.3.tgz'), 'something else');
  assert.match(release('--sign-off', 'Ann', '--audited', 'x').stderr, /not what was packed/);
});
