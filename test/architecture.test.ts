/** The picture of src/README.md as a table; what it does not allow is a failure. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

/** Left may import right; every room may import itself. `a/b` is narrower than `a`. */
const arrows: Record<string, string[]> = {
  commands: ['cli', 'composition', 'survey', 'checks', 'planning', 'exports', 'engine', 'drain', 'reporting', 'domain'],
  'commands/simulate': ['cli', 'composition', 'reporting', 'domain', 'simulator'],
  cli: ['composition', 'reporting', 'domain'],
  composition: ['adapters', 'reporting', 'ports', 'domain'],
  engine: ['steps', 'ports', 'domain'],
  steps: ['drain', 'ports', 'domain'],
  drain: ['ports', 'domain'],
  planning: ['ami-families', 'drain/forecast', 'domain'],
  checks: ['domain'],
  'ami-families': ['domain'],
  exports: ['domain'],
  survey: ['ports', 'domain'],
  adapters: ['ports', 'domain'],
  reporting: ['ports', 'domain'],
  ports: ['domain'],
  domain: [],
  simulator: [],
};

/** One library, one room (or a few). What is not named here may be imported nowhere. */
const libraries: [library: RegExp, rooms: RegExp][] = [
  [/^@oclif\/core$/, /^(cli|commands)\//],
  [/^listr2$/, /^reporting\//],
  [/^@(aws-sdk|smithy)\//, /^adapters\/(aws|s3)\//],
  [/^(@kubernetes\/client-node|undici)$/, /^adapters\/kubernetes\//],
  [/^smol-toml$/, /^steps\/user-data\.ts$/],
  [
    /^yaml$/,
    /^(checks|planning|exports)\/|^cli\/config-settings\.ts$|^steps\/user-data\.ts$|^adapters\/kubernetes\/aws-auth\.ts$/,
  ],
  [/^node:process$/, /^adapters\/files\//],
  [/^node:fs(\/promises)?$/, /^adapters\/(files|kubernetes)\//],
  [/^node:(child_process|os)$/, /^(composition\.ts|adapters\/|cli\/)/],
  [/^node:(readline|tty)/, /^cli\//],
  [/^node:(https?|net|tls|stream|dns|events|zlib)(\/.*)?$/, /^(adapters|simulator)\//],
  [/^node:(crypto|util|path|url|buffer)$/, /^/],
];

/** Time and chance come through the clock; the process belongs to cli. */
const words: [word: RegExp, files: RegExp][] = [
  [
    /\b(Date\.now\(|new Date\(\)|setTimeout\(|setInterval\(|Math\.random\(|performance\.now\()/,
    /^(adapters\/clock\/|simulator\/clock\.ts$)/,
  ],
  [/\bprocess\./, /^(cli\/|composition\.ts$|simulator\/virtual-time\.ts$)/],
];

interface Source {
  /** path below src */
  path: string;
  text: string;
}

function readSources(): Source[] {
  const root = new URL('../src/', import.meta.url);
  return globSync('**/*.ts', { cwd: root }).map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') }));
}

const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');

const importsOf = ({ text }: Source): string[] =>
  [...withoutComments(text).matchAll(/(?:^(?:import|export)\b[^'`;=]*\bfrom |^import |\bimport\()'([^']+)'/gm)].map(
    (match) => match[1] ?? '',
  );

/** Path below src of a relative import. */
const target = (from: string, specifier: string): string => new URL(specifier, `file:///${from}`).pathname.slice(1);

function roomOf(path: string): string {
  if (path === 'composition.ts') return 'composition';
  if (/^commands\/(actions\/)?(simulate|simulate-world|demo-world|rehearse)\.ts$/.test(path))
    return 'commands/simulate';
  return path.split('/')[0] ?? path;
}

function mayImport(from: string, to: string): boolean {
  const [room, other] = [roomOf(from), roomOf(to)];
  if (room === other || room.startsWith(`${other}/`) || other.startsWith(`${room}/`)) return true;
  return (arrows[room] ?? []).some((allowed) => other === allowed || to.startsWith(`${allowed}.`));
}

/** Everything that breaks the picture, one line each. */
function violations(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const { path } = source;
    const rooms = roomOf(path) in arrows ? [] : [`${path} lies in no room`];
    const imports = importsOf(source).flatMap((specifier) => {
      if (specifier.startsWith('.')) {
        const to = target(path, specifier);
        return mayImport(path, to) ? [] : [`${path} imports ${to}`];
      }
      // The simulator stands alone: it may use what Node offers, and nothing else.
      if (path.startsWith('simulator/') && specifier.startsWith('node:')) return [];
      const rule = libraries.find(([library]) => library.test(specifier));
      return rule?.[1].test(path) ? [] : [`${path} imports ${specifier}`];
    });
    const text = withoutComments(source.text);
    const used = words.flatMap(([word, files]) => {
      const found = word.exec(text);
      return found && !files.test(path) ? [`${path} uses ${found[0]}`] : [];
    });
    return [...rooms, ...imports, ...used];
  });
}

/** Cycles of imports between files, each as a path. Type-only imports count: they bind readers as well. */
function cycles(sources: readonly Source[]): string[] {
  const graph = new Map(
    sources.map((source) => [
      source.path,
      importsOf(source)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => target(source.path, specifier)),
    ]),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
    if (done.has(path) || trail.includes(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

test('every import follows an arrow of the picture', () => {
  const sources = readSources();
  assert.ok(sources.length > 50);
  assert.deepEqual(violations(sources), []);
});

test('no file imports itself on a way round', () => {
  assert.deepEqual(cycles(readSources()), []);
});

test('the rules find what they are for', () => {
  const bad: Source[] = [
    { path: 'domain/plan.ts', text: "import { a } from '../ports/clock.ts';" },
    {
      path: 'planning/plan.ts',
      text: "import { f } from '../drain/forecast.ts';\nimport { d } from '../drain/drain.ts';",
    },
    {
      path: 'engine/run.ts',
      text: "const { S } = await import('@aws-sdk/client-sts');\nawait new Promise((r) => setTimeout(r, 1));",
    },
    { path: 'steps/soak.ts', text: "import { x } from '../simulator/world.ts'; // Date.now() in a comment is fine" },
    { path: 'commands/plan.ts', text: "import { x } from '../simulator/world.ts';" },
    { path: 'commands/simulate.ts', text: "import { x } from '../simulator/world.ts';" },
    { path: 'reporting/text.ts', text: 'const tty = process.stdout.isTTY;' },
    { path: 'helpers/misc.ts', text: '' },
  ];
  assert.deepEqual(violations(bad), [
    'domain/plan.ts imports ports/clock.ts',
    'planning/plan.ts imports drain/drain.ts',
    'engine/run.ts imports @aws-sdk/client-sts',
    'engine/run.ts uses setTimeout(',
    'steps/soak.ts imports simulator/world.ts',
    'commands/plan.ts imports simulator/world.ts',
    'reporting/text.ts uses process.',
    'helpers/misc.ts lies in no room',
  ]);
  assert.deepEqual(
    cycles([
      { path: 'domain/a.ts', text: "import { b } from './b.ts';" },
      { path: 'domain/b.ts', text: "import type { c } from './c.ts';" },
      { path: 'domain/c.ts', text: "export { a } from './a.ts';" },
    ]),
    ['domain/a.ts -> domain/b.ts -> domain/c.ts -> domain/a.ts'],
  );
});
