// Bundles src/ into dist/ with code splitting, then writes oclif.manifest.json and dist/help.txt.
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
rmSync('dist', { recursive: true, force: true });
rmSync('oclif.manifest.json', { force: true });

// The AWS clients are tables of schemas; marked as pure, those of unused operations fall out of the bundle.
const pureSchemas = {
  name: 'pure-schemas',
  setup(b) {
    b.onLoad(
      { filter: /@aws-sdk[\\/]client-[^\\/]+[\\/]dist-es[\\/]schemas[\\/]schemas_0\.js$/ },
      async ({ path }) => ({
        contents: (await readFile(path, 'utf8')).replace(
          /^((?:export )?(?:var|const) [\w$]+ = )(\[.*\]|\[(?:(?!;\n)[\s\S])*?\n\s*\]);$/gm,
          '$1/* @__PURE__ */ (() => ($2))();',
        ),
        loader: 'js',
      }),
    );
  },
};

// A dynamic import of a CommonJS package gets only `default` from esbuild; Node gives its names as well, and so do we.
const namesOfCommonJs = {
  name: 'names-of-common-js',
  setup(b) {
    b.onResolve({ filter: /^undici$/ }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path, namespace: 'names-of-common-js' } : undefined,
    );
    b.onLoad({ filter: /.*/, namespace: 'names-of-common-js' }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((name) => /^[A-Za-z]\w*$/.test(name) && name !== 'default');
      return { contents: `export { ${names.join(', ')} } from '${path}';`, resolveDir: root };
    });
  },
};

const commands = globSync('src/commands/*.ts').map((f) => [f.slice('src/'.length, -'.ts'.length), f]);
const { metafile } = await build({
  entryPoints: { cli: 'src/cli/main.ts', ...Object.fromEntries(commands) },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  mainFields: ['module', 'main'],
  chunkNames: 'chunks/[name]-[hash]',
  legalComments: 'linked',
  metafile: true,
  logLevel: 'warning',
  plugins: [pureSchemas, namesOfCommonJs],
  banner: {
    js: "import{createRequire as __cr}from'node:module';import{fileURLToPath as __fp}from'node:url';import{dirname as __dn}from'node:path';const require=__cr(import.meta.url),__filename=__fp(import.meta.url),__dirname=__dn(__filename);",
  },
});
const kb = Object.values(metafile.outputs).reduce((n, o) => n + o.bytes, 0) >> 10;

const plugin = new Plugin({ root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true });
await plugin.load();
// The manifest serves help and look-up. That each flag has a variable is said once, not in each of twenty lines.
for (const command of Object.values(plugin.manifest.commands)) {
  for (const flag of Object.values(command.flags)) delete flag.env;
}
writeFileSync('oclif.manifest.json', JSON.stringify(plugin.manifest));

const env = { ...process.env, NO_COLOR: '1', COLUMNS: '80' };
// bin/run.js with one more argument than its own fast path answers
const { stdout, stderr, status } = spawnSync(process.execPath, ['bin/run.js', '--help', '--'], { env });
if (status !== 0) throw new Error(`--help failed: ${stderr}`);
writeFileSync('dist/help.txt', stdout);
console.log(
  `dist: ${Object.keys(metafile.outputs).length} files, ${kb} KB; ${plugin.commands.length} commands; help ${readFileSync('dist/help.txt').length} bytes`,
);
