#!/usr/bin/env node
// `import 'node:fs'` would load all of its parts, a tenth of the time of `--help`; Node 20.15 knows no other way.
const builtin = async (name) => process.getBuiltinModule?.(name) ?? (await import(name));
const { existsSync, readFileSync } = await builtin('node:fs');

const root = new URL('../', import.meta.url);
const args = process.argv.slice(2);
const line = args.join(' ');
// Help was written by the build: `--help` and `<command> --help` need nothing of the program.
const topic = line === '' || line === '--help' ? 'help' : /^([a-z-]+) --help$/.exec(line)?.[1];
const help = new URL(`dist/help/${topic}.txt`, root);

if (Number.parseInt(process.versions.node, 10) < 24) {
  // Too old: go on with the Node that `npm ci` put beside us, if there is one.
  const { fileURLToPath } = await builtin('node:url');
  const local = fileURLToPath(new URL('node_modules/.bin/node', root));
  if (!process.env.PREFIX_MIGRATE_OWN_NODE && existsSync(local)) {
    const { spawn } = await import('node:child_process');
    const env = { ...process.env, PREFIX_MIGRATE_OWN_NODE: '1' };
    const child = spawn(local, process.argv.slice(1), { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env });
    // A terminal sends SIGINT to the child as well, which takes two in a moment for one.
    for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(s, () => child.kill(s));
    const numbers = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
    const ended = (done) => child.on('close', (code, signal) => done(code ?? 128 + (numbers[signal] ?? 0)));
    process.exit(await new Promise(ended));
  }
  process.stderr.write(`prefix-migrate needs Node 24 or later, this is ${process.version}\n`);
  process.exit(2);
} else if (line === '--version') {
  const { name, version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  process.stdout.write(`${name}/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
} else if (topic !== undefined && existsSync(help)) {
  process.stdout.on('error', ({ code }) => (process.exitCode = code === 'EPIPE' ? 0 : 2));
  process.stdout.write(readFileSync(help));
} else {
  if (process.env.PREFIX_MIGRATE_OWN_NODE && process.channel) {
    // Started by an older Node: when that one is killed, this one must not work on unseen.
    process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
    process.channel.unref();
  }
  const { enableCompileCache } = await builtin('node:module');
  enableCompileCache();
  if (!existsSync(new URL('dist/cli.js', root))) {
    process.stderr.write('prefix-migrate is not built yet: run `npm run setup` in its folder\n');
    process.exit(2);
  }
  const { fileURLToPath } = await builtin('node:url');
  const { main } = await import('../dist/cli.js');
  await main({ root: fileURLToPath(root) });
}
