#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const args = process.argv.slice(2);
const only = args.length === 0 ? '--help' : args.length === 1 ? args[0] : '';
const help = new URL('dist/help.txt', root);

if (Number.parseInt(process.versions.node, 10) < 24) {
  // Too old: go on with the Node that `npm ci` put beside us, if there is one.
  const local = fileURLToPath(new URL('node_modules/.bin/node', root));
  if (!process.env.PREFIX_MIGRATE_OWN_NODE && existsSync(local)) {
    const { spawn } = await import('node:child_process');
    const env = { ...process.env, PREFIX_MIGRATE_OWN_NODE: '1' };
    const child = spawn(local, process.argv.slice(1), { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env });
    process.on('SIGINT', () => {}); // the terminal sends it to the child as well
    for (const s of ['SIGTERM', 'SIGHUP']) process.on(s, () => child.kill(s));
    const numbers = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
    const ended = (done) => child.on('close', (code, signal) => done(code ?? 128 + (numbers[signal] ?? 0)));
    process.exit(await new Promise(ended));
  }
  process.stderr.write(`prefix-migrate needs Node 24 or later, this is ${process.version}\n`);
  process.exit(2);
} else if (only === '--version') {
  const { name, version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  process.stdout.write(`${name}/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
} else if (only === '--help' && existsSync(help)) {
  process.stdout.write(readFileSync(help));
} else {
  if (process.env.PREFIX_MIGRATE_OWN_NODE && process.channel) {
    // Started by an older Node: when that one is killed, this one must not work on unseen.
    process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
    process.channel.unref();
  }
  module.enableCompileCache?.();
  if (!existsSync(new URL('dist/cli.js', root))) {
    process.stderr.write('prefix-migrate is not built yet: run `npm run setup` in its folder\n');
    process.exit(2);
  }
  const { main } = await import('../dist/cli.js');
  await main({ root: fileURLToPath(root) });
}
