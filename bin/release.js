// What stands between a commit and its publication, step by step; needs no network when npm's cache is warm, and
// publishes nothing itself. docs/releasing.md tells the story.
//   npm run release -- --check                  looks, changes nothing
//   npm run release -- --prepare                tests and packs the tagged commit into dist/release
//   npm run release -- --sign-off NAME [--audited TEXT]   a person has looked; prints the command that publishes
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const allowedLicences = new Set(
  '0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause BlueOak-1.0.0 CC0-1.0 ISC MIT PSF-2.0 Python-2.0 Unlicense'.split(' '),
);
/** Only of the repository: the first keeps it from being published by mistake, the second brings Node along. */
const notPublished = ['private', 'optionalDependencies', 'devDependencies', 'allowScripts'];

/** An SPDX expression of the simple kind: `MIT`, `(MIT OR CC0-1.0)`, `MIT AND ISC`. */
export function isAllowed(expression = '') {
  const words = expression.replace(/[()]/g, ' ').trim();
  return words.split(/\s+OR\s+/).some((part) => part.split(/\s+AND\s+/).every((name) => allowedLicences.has(name)));
}

/** Packages of a lockfile that come with the program: `[{ name, version, licence, sha512 }]`. */
export function productionPackages(lock) {
  return Object.entries(lock.packages ?? {})
    .filter(([path, { dev, devOptional, optional, link }]) => path !== '' && !dev && !devOptional && !optional && !link)
    .map(([path, { name, version, license, integrity = '' }]) => ({
      name: name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version,
      licence: license,
      sha512: Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex'),
    }));
}

/**
 * The part of a CycloneDX document that is about these packages (`npm sbom --omit dev` leaves out what tests need as well),
 * without what npm takes from the clock, from chance and from the name of the folder.
 */
export function sbomOf(whole, packages, { name, at }) {
  const { bomFormat, specVersion, metadata, components, dependencies = [] } = whole;
  const wanted = new Set(packages.map((one) => `${one.name}@${one.version}`));
  const kept = components.filter((one) => wanted.has(`${one.name}@${one.version}`));
  const refs = new Set([metadata.component['bom-ref'], ...kept.map((one) => one['bom-ref'])]);
  return {
    $schema: whole.$schema,
    bomFormat,
    specVersion,
    version: 1,
    metadata: { ...metadata, timestamp: at, component: { ...metadata.component, name } },
    components: kept.map(({ properties: _of, ...one }) => one),
    dependencies: dependencies
      .filter(({ ref }) => refs.has(ref))
      .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((other) => refs.has(other)) })),
  };
}

/** What a CycloneDX document does not say of these packages, or says otherwise. */
export function sbomProblems(sbom, packages) {
  if (sbom.bomFormat !== 'CycloneDX') return [`it is no CycloneDX document: bomFormat ${sbom.bomFormat}`];
  const listed = new Map(sbom.components.map((one) => [`${one.name}@${one.version}`, one]));
  return packages.flatMap(({ name, version, sha512 }) => {
    const component = listed.get(`${name}@${version}`);
    if (component === undefined) return [`${name}@${version} is missing`];
    const same = component.hashes?.some(({ alg, content }) => alg === 'SHA-512' && content === sha512);
    return same ? [] : [`${name}@${version} has another hash than in the lockfile`];
  });
}

/** What `npm audit --json` said: nothing found, what was found, or that nobody answered. */
export function auditVerdict(text) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    return { kind: 'not-asked', why: 'npm audit gave no answer' };
  }
  const counts = report.metadata?.vulnerabilities;
  if (counts === undefined) return { kind: 'not-asked', why: report.message ?? report.error?.summary ?? 'no answer' };
  if (counts.total === 0) return { kind: 'clean' };
  return { kind: 'found', names: Object.keys(report.vulnerabilities ?? {}) };
}

/** in-toto Statement v1 with the SLSA provenance v1 predicate. It is signed by the publication, not here. */
export function provenanceOf({ manifest, tarball, sha256, commit, lockSha256, tests, startedOn, finishedOn }) {
  const source = manifest.repository?.url ?? manifest.repository ?? `pkg:npm/${manifest.name}@${manifest.version}`;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: tarball, digest: { sha256 } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: `urn:${manifest.name}:npm-pack:1`,
        externalParameters: { source, tag: `v${manifest.version}` },
        internalParameters: { node: process.version, platform: `${process.platform}-${process.arch}`, tests },
        resolvedDependencies: [
          { name: 'source', uri: source, digest: { gitCommit: commit } },
          { name: 'package-lock.json', digest: { sha256: lockSha256 } },
        ],
      },
      runDetails: {
        builder: { id: `urn:${manifest.name}:bin/release.js` },
        metadata: { startedOn, finishedOn },
      },
    },
  };
}

export const sha256Of = (content) => createHash('sha256').update(content).digest('hex');

class Refused extends Error {}

/** stdout of a command; `may`: its exit code does not matter. */
function run(command, args, { cwd = process.cwd(), may = false, show = false } = {}) {
  const stdio = ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'];
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio,
  });
  if (status !== 0 && !may) {
    const why = error?.message ?? `${stderr ?? ''}${stdout ?? ''}`.trim().split('\n').slice(0, 8).join('\n');
    throw new Refused(`${command} ${args.join(' ')} failed (${status}): ${why}`);
  }
  return stdout ?? '';
}

const git = (...args) => run('git', args).trim();
const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));
const say = (mark, text) => console.log(`${mark.padEnd(5)} ${text}`);

/** Looks at the tree, the version, the licences and the advisories. @throws Refused */
function check() {
  const dirty = git('status', '--porcelain');
  if (dirty !== '') throw new Refused(`the tree is not clean:\n${dirty}`);
  say('ok', 'the tree is clean');

  const manifest = readJson('package.json');
  const lock = readJson('package-lock.json');
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(manifest.version)) throw new Refused(`version ${manifest.version}`);
  if (lock.version !== manifest.version) throw new Refused(`package-lock.json is of version ${lock.version}`);
  const commit = git('rev-parse', 'HEAD');
  const tag = `v${manifest.version}`;
  const tagged = run('git', ['rev-parse', '--verify', '--quiet', `${tag}^{commit}`], { may: true }).trim();
  if (tagged !== '' && tagged !== commit) throw new Refused(`tag ${tag} is at ${tagged}, not at this commit`);
  if (tagged === '') say('to do', `tag this commit: git tag -s ${tag} -m "${manifest.name} ${manifest.version}"`);
  else say('ok', `version ${manifest.version}, tag ${tag} at ${commit.slice(0, 12)}`);

  const packages = productionPackages(lock);
  const refused = packages.filter(({ licence }) => !isAllowed(licence));
  if (refused.length > 0) {
    const list = refused.map(({ name, licence }) => `${name} (${licence ?? 'none named'})`).join(', ');
    throw new Refused(`licences that are not on the list: ${list}`);
  }
  const licences = Object.entries(Object.groupBy(packages, ({ licence }) => licence));
  say(
    'ok',
    `licences of ${packages.length} packages: ${licences.map(([name, of]) => `${name} ${of.length}`).join(', ')}`,
  );

  const audit = auditVerdict(run('npm', ['audit', '--omit=dev', '--json'], { may: true }));
  if (audit.kind === 'found') throw new Refused(`npm audit found something in ${audit.names.join(', ')}`);
  if (audit.kind === 'clean') say('ok', 'npm audit knows of nothing');
  else say('to do', `no advisory database was asked (${audit.why}): run npm audit --omit=dev where a registry answers`);

  if (manifest.repository === undefined) {
    say('to do', 'package.json names no repository, and npm publish --provenance compares with it');
  }
  return { manifest, packages, commit, tag, isTagged: tagged !== '', audit: audit.kind };
}

/** A fresh clone of the commit with what the lockfile says, as it is published. */
function checkOut(folder, commit) {
  run('git', ['clone', '--quiet', '--no-checkout', process.cwd(), folder]);
  run('git', ['checkout', '--quiet', commit], { cwd: folder });
  run('npm', ['ci', '--prefer-offline', '--loglevel=error'], { cwd: folder });
}

function pack(folder) {
  run('npm', ['pkg', 'delete', ...notPublished], { cwd: folder });
  const answer = run('npm', ['pack', '--json', '--loglevel=error'], { cwd: folder });
  const [{ filename }] = JSON.parse(answer.slice(answer.search(/^\[/m)));
  return { name: filename, content: readFileSync(join(folder, filename)) };
}

function prepare(out) {
  const checked = check();
  const { manifest, packages, commit, tag } = checked;
  if (!checked.isTagged) throw new Refused(`tag ${tag} is missing`);
  const startedOn = new Date().toISOString();
  const work = mkdtempSync(join(tmpdir(), 'release-'));
  try {
    // of different length, so that a path that gets into the bundle shows
    const [first, second] = [join(work, 'a'), join(work, 'another')];
    checkOut(first, commit);
    const result = run('.ci/run', [], { cwd: first }).trimEnd().split('\n').at(-1) ?? '';
    say('ok', `.ci/run: ${result}`);
    const whole = JSON.parse(run('npm', ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'], { cwd: first }));
    const sbom = sbomOf(whole, packages, { name: manifest.name, at: git('show', '-s', '--format=%cI', commit) });
    const problems = sbomProblems(sbom, packages);
    if (problems.length > 0) throw new Refused(`the SBOM is wrong: ${problems.join('; ')}`);
    say('ok', `SBOM: ${sbom.components.length} components, ${packages.length} of them checked against the lockfile`);

    const one = pack(first);
    checkOut(second, commit);
    const other = pack(second);
    const sha256 = sha256Of(one.content);
    if (sha256 !== sha256Of(other.content)) throw new Refused('two builds of this commit differ');
    say('ok', `${one.name}: SHA-256 ${sha256}, the same from two clones`);

    const provenance = provenanceOf({
      manifest,
      tarball: one.name,
      sha256,
      commit,
      lockSha256: sha256Of(readFileSync('package-lock.json')),
      tests: result,
      startedOn,
      finishedOn: new Date().toISOString(),
    });
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, one.name), one.content);
    for (const [name, value] of Object.entries({ 'sbom.cdx.json': sbom, 'provenance.json': provenance })) {
      writeFileSync(join(out, name), `${JSON.stringify(value, null, 2)}\n`);
    }
    writeFileSync(join(out, 'audit.json'), `${JSON.stringify({ asked: checked.audit === 'clean' })}\n`);
    console.log(`\n${out} is ready. Look at it, then: npm run release -- --sign-off "YOUR NAME"`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Who has looked at what, and when; then the command that publishes it. */
function signOff(out, name, audited) {
  if (!existsSync(join(out, 'provenance.json'))) throw new Refused(`${out} is empty: npm run release -- --prepare`);
  const provenance = readJson(join(out, 'provenance.json'));
  const [{ name: tarball, digest }] = provenance.subject;
  const commit = provenance.predicate.buildDefinition.resolvedDependencies[0].digest.gitCommit;
  if (sha256Of(readFileSync(join(out, tarball))) !== digest.sha256)
    throw new Refused(`${tarball} is not what was packed`);
  if (git('rev-parse', 'HEAD') !== commit) throw new Refused(`${out} was made from ${commit}, and HEAD is another`);
  const { asked } = readJson(join(out, 'audit.json'));
  if (!asked && !audited) {
    throw new Refused('no advisory database was asked: ask one, and say so with --audited "WHERE, WHEN, RESULT"');
  }
  const { tag } = provenance.predicate.buildDefinition.externalParameters;
  const signature = spawnSync('git', ['verify-tag', tag]).status === 0 ? 'good' : 'none that can be verified here';
  const statement = {
    signedOffBy: name,
    at: new Date().toISOString(),
    tarball,
    sha256: digest.sha256,
    sbomSha256: sha256Of(readFileSync(join(out, 'sbom.cdx.json'))),
    commit,
    tag,
    tagSignature: signature,
    audit: asked ? 'npm audit --omit=dev: nothing known' : audited,
  };
  writeFileSync(join(out, 'sign-off.json'), `${JSON.stringify(statement, null, 2)}\n`);
  say('ok', `signed off by ${name}; signature of ${tag}: ${signature}`);
  console.log(`\nNothing was published. In a CI job that npm trusts (provenance needs its identity):\n
  npm publish ${join(out, tarball)} --provenance --access public`);
}

// Node 20 does not know import.meta.main
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = {
    check: { type: 'boolean' },
    prepare: { type: 'boolean' },
    'sign-off': { type: 'string' },
    audited: { type: 'string' },
    out: { type: 'string', default: 'dist/release' },
  };
  try {
    const { values } = parseArgs({ options });
    if (values['sign-off']) signOff(values.out, values['sign-off'], values.audited);
    else if (values.prepare) prepare(values.out);
    else if (values.check) check();
    else
      throw new Refused(
        `one of --check, --prepare, --sign-off NAME (see the head of bin/${basename(import.meta.filename)})`,
      );
  } catch (error) {
    if (!(error instanceof Refused || error.code?.startsWith?.('ERR_PARSE_ARGS'))) throw error;
    console.error(`Refused: ${error.message}`);
    process.exitCode = 1;
  }
}
