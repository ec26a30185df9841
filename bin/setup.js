// Makes a fresh clone ready: installs when node_modules does not match the lockfile, builds when dist is older than the
// sources. Runs before anything is installed, on whatever Node is there (20 or later): no dependencies, no new syntax.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'node_modules', '.prefix-migrate-setup');
const sources = ['src', 'templates', 'bin/build.js', 'package.json', 'package-lock.json'];

/** What `npm ci` would install, as one hash. */
function wanted() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

/** Newest change of a file, or of anything in a folder. A folder's own time tells of deleted files. */
function newest(path) {
  const { mtimeMs } = statSync(path);
  const inside = statSync(path).isDirectory() ? readdirSync(path).map((name) => newest(join(path, name))) : [];
  return Math.max(mtimeMs, ...inside);
}

function builtAt() {
  const outputs = ['dist/cli.js', 'dist/help/help.txt', 'oclif.manifest.json'].map((file) => join(root, file));
  return outputs.every((file) => existsSync(file)) ? Math.min(...outputs.map((file) => statSync(file).mtimeMs)) : 0;
}

function run(title, command, args) {
  process.stderr.write(`set-up: ${title}\n`);
  // The result of `npm start` belongs to stdout; what npm says about installing does not.
  const path = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`;
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 2, 2],
  });
  if (status === 0) return;
  const why = error ? error.message : `it ended with exit code ${status}`;
  process.stderr.write(`set-up failed: ${title}: ${why}\n`);
  process.exit(2);
}

if (process.argv[2] === 'stamp') {
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stamp, wanted());
} else {
  if (read(stamp) !== wanted()) {
    const npm = process.env.npm_execpath;
    const [command, args] = npm?.endsWith('.js')
      ? [process.execPath, [npm, 'ci', '--loglevel=error']]
      : ['npm', ['ci', '--loglevel=error']];
    run('npm ci (about 15 seconds)', command, args);
    writeFileSync(stamp, wanted());
  }
  if (builtAt() < Math.max(...sources.map((path) => newest(join(root, path))))) {
    const local = join(root, 'node_modules', '.bin', 'node');
    run('build', existsSync(local) ? local : process.execPath, [join('bin', 'build.js')]);
  }
}
