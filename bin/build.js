// Bundles src/ into dist/ with code splitting, then writes oclif.manifest.json and dist/help/.
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
const mostKb = 7000;
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

// The Kubernetes client does not say that loading its files changes nothing; told so, esbuild drops those not needed.
const sideEffectFree = {
  name: 'side-effect-free',
  setup(b) {
    const client = /[\\/]@kubernetes[\\/]client-node[\\/]dist[\\/]/;
    b.onResolve(
      { filter: /^(\.|@kubernetes\/client-node$)/ },
      async ({ path, importer, kind, resolveDir, pluginData }) => {
        if (pluginData === sideEffectFree || !(path.startsWith('@') || client.test(importer))) return undefined;
        const found = await b.resolve(path, { kind, importer, resolveDir, pluginData: sideEffectFree });
        return { ...found, sideEffects: false };
      },
    );
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
  // says that oclif need not compare Node's version with its own wishes at each start: bin/run.js did
  define: { 'process.env.OCLIF_DISABLE_ENGINE_WARNING': '"1"' },
  metafile: true,
  logLevel: 'warning',
  plugins: [pureSchemas, sideEffectFree, namesOfCommonJs],
  banner: {
    js: "import{createRequire as __cr}from'node:module';import{fileURLToPath as __fp}from'node:url';import{dirname as __dn}from'node:path';const require=__cr(import.meta.url),__filename=__fp(import.meta.url),__dirname=__dn(__filename);",
  },
});
const kb = Object.values(metafile.outputs).reduce((n, o) => n + o.bytes, 0) >> 10;
// A whole SDK is 2 to 15 MB: one that slips in shows here.
if (kb > mostKb) throw new Error(`dist has ${kb} KB, more than ${mostKb}: which package came in whole?`);

const plugin = new Plugin({ root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true });
await plugin.load();
// The manifest serves help and look-up. That each flag has a variable is said once, not in each of twenty lines.
for (const command of Object.values(plugin.manifest.commands)) {
  for (const flag of Object.values(command.flags)) delete flag.env;
}
writeFileSync('oclif.manifest.json', JSON.stringify(plugin.manifest));

const env = { ...process.env, NO_COLOR: '1', COLUMNS: '80' };
mkdirSync('dist/help');
for (const topic of ['help', ...Object.keys(plugin.manifest.commands)]) {
  // one argument more than bin/run.js answers by itself
  const args = ['bin/run.js', ...(topic === 'help' ? [] : [topic]), '--help', '--'];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} failed: ${stderr}`);
  writeFileSync(`dist/help/${topic}.txt`, stdout);
}
console.log(`dist: ${Object.keys(metafile.outputs).length} files, ${kb} KB; ${plugin.commands.length} commands`);
