import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { useConfigFile } from '../../../src/cli/config-file.ts';
import type { KnownCommand } from '../../../src/cli/config-settings.ts';
import Apply from '../../../src/commands/apply.ts';
import Audit from '../../../src/commands/audit.ts';
import Plan from '../../../src/commands/plan.ts';
import { hostileKey, hostileText, mangled } from '../generate.ts';
import type { Kind } from '../kind.ts';
import { judged } from '../oracle.ts';
import { inFolder } from '../sandbox.ts';

const commands = { plan: Plan, apply: Apply, audit: Audit };
const known: KnownCommand[] = Object.entries(commands).map(([id, { flags }]) => ({ id, flags }));

const lines = [
  '# flags of the team',
  'region: eu-west-1',
  'kubeconfig: "/home/me/.kube/config"',
  'verbose: true',
  'poll-interval: 10s',
  'plan:',
  '  cluster: prod',
  '  nodegroup: [apps, batch]',
  '  max-pods: 110',
  '  nodes: fit',
  '  soak: 1h30m',
  '  order: auto',
  '  rehearse-evictions: false',
  '  allow:',
  '    - PDB.MISSING',
  'apply:',
  '  until: verify',
  '  max-unavailable: 10%',
];

/** prefix-migrate.yaml, as text: lines with other words, doubled, gone, in another depth; anchors, tags, other documents. */
export const configKind: Kind = {
  name: 'config',
  what: 'prefix-migrate.yaml',
  draw(random) {
    if (random.next() < 0.2) return mangled(random, lines.join('\n'));
    const changed = [...lines];
    for (let times = random.int(1, 6); times > 0; times -= 1) {
      const at = random.int(0, changed.length - 1);
      const line = changed[at] ?? '';
      const [, indent = '', key = 'x', value = ''] = /^( *)([\w-]+): ?(.*)$/.exec(line) ?? [];
      const text = hostileText(random);
      changed[at] = random.pick([
        `${indent}${key}: ${text}`,
        `${indent}${key}: ${JSON.stringify(text)}`,
        `${indent}${JSON.stringify(text)}: ${value}`,
        `${indent}${hostileKey(random)}: ${value}`,
        `${indent}  ${line}`,
        `${line}\n${line}`,
        `${indent}${key}: &a ${value}\n${indent}soak: *a`,
        `${indent}<<: {${key}: ${value}}`,
        `${indent}${key}: !!binary ${value}`,
        `${indent}${key}: !!python/object:os.system ${text}`,
        `${indent}${key}: [[${value}]]`,
        `${indent}${key}: {${value}: ${text}}`,
        `${indent}? ${value}\n${indent}: ${text}`,
        `---\n${line}`,
        `%YAML 1.1\n---\n${line}`,
        `${indent}${key}: |\n${indent}  ${text}`,
        '',
      ]);
    }
    return Buffer.from(changed.join('\n'));
  },
  feed: (input) =>
    inFolder(async (folder) => {
      const file = join(folder, 'f.yaml');
      writeFileSync(file, input);
      const before = new Set(Object.keys(process.env));
      try {
        const error = await judged(async () => {
          for (const [id, { flags }] of Object.entries(commands)) {
            const used = await useConfigFile({ id, flags }, ['--config', file], known);
            for (const flag of used?.flags ?? []) assert.ok(Object.hasOwn(flags, flag), flag);
            assert.equal(process.env['PREFIX_MIGRATE_CONFIRM'] ?? process.env['PREFIX_MIGRATE_APPROVE'], undefined);
          }
        });
        const set = Object.keys(process.env).filter((name) => !before.has(name));
        for (const name of set) {
          assert.match(name, /^PREFIX_MIGRATE_[A-Z_]+$/);
          assert.doesNotMatch(process.env[name] ?? '', /\p{Cc}/u);
        }
        return error?.code;
      } finally {
        for (const name of Object.keys(process.env)) if (!before.has(name)) delete process.env[name];
      }
    }),
};
