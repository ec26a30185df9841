import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Config } from '@oclif/core';
import { commandLineOf, withCallersFlags } from '../../../src/cli/callers-flags.ts';
import { describeError, renderError } from '../../../src/cli/errors.ts';
import { refuseOddSwitches, variableOf } from '../../../src/cli/flags.ts';
import { planRequest } from '../../../src/commands/actions/plan-cluster.ts';
import Apply from '../../../src/commands/apply.ts';
import Audit from '../../../src/commands/audit.ts';
import Plan from '../../../src/commands/plan.ts';
import { planCommand } from '../../../src/domain/plan-command.ts';
import { hostileText, marker } from '../generate.ts';
import type { Kind } from '../kind.ts';
import { checkCommands, checkInShell, checkScreen } from '../oracle.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

class ProbedPlan extends Plan {
  override async run(): Promise<number> {
    const { flags } = await this.parse(Plan);
    refuseOddSwitches(Plan.flags);
    const command = planCommand(planRequest(flags.cluster ?? 'prod', flags));
    checkCommands([command]);
    if (command.includes(marker)) inEmptyFolder((folder) => checkInShell(command, folder));
    return 0;
  }
}
class ProbedApply extends Apply {
  override async run(): Promise<number> {
    await this.parse(Apply);
    refuseOddSwitches(Apply.flags);
    return 0;
  }
}
class ProbedAudit extends Audit {
  override async run(): Promise<number> {
    await this.parse(Audit);
    refuseOddSwitches(Audit.flags);
    return 0;
  }
}
const probes = { plan: ProbedPlan, apply: ProbedApply, audit: ProbedAudit };

function inEmptyFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'prefix-migrate-shell-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Case {
  command: keyof typeof probes;
  argv: string[];
  environment: Record<string, string>;
}

const values = ['10m', '1h30m', '3', 'fit', 'same', 'prod', '10%', 'auto', 'verify', 'shop/cart', '0', '110', 'a,b'];
let config: Promise<Config> | undefined;

/** Command lines and variables: durations, names, counts. */
export const flagsKind: Kind = {
  name: 'flags',
  what: 'flags and PREFIX_MIGRATE_ variables',
  draw(random) {
    const command = random.pick(['plan', 'apply', 'audit'] as const);
    const flags = Object.keys(probes[command].flags);
    const value = (): string => {
      const plain = random.pick(values);
      return random.pick([plain, plain, hostileText(random), plain + hostileText(random)]);
    };
    const argv = command === 'plan' ? ['--cluster', value()] : command === 'apply' ? [value()] : ['--cluster', 'prod'];
    const environment: Record<string, string> = {};
    for (let times = random.int(1, 4); times > 0; times -= 1) {
      const flag = random.pick(flags);
      if (flag === 'config') continue;
      const choice = random.next();
      if (choice < 0.3) environment[variableOf(flag)] = value();
      else if (choice < 0.6) argv.push(`--${flag}=${value()}`);
      else if (choice < 0.9) argv.push(`--${flag}`, value());
      else argv.push(hostileText(random));
    }
    const made: Case = { command, argv, environment };
    return Buffer.from(JSON.stringify(made));
  },
  async feed(input) {
    const { command, argv, environment }: Case = JSON.parse(input.toString('utf8'));
    config ??= Config.load({ root, ignoreManifest: true });
    const Probe = probes[command];
    const before = { ...process.env };
    try {
      Object.assign(process.env, environment);
      // the process could not have been given others
      const words = argv.map((word) => word.replaceAll('\0', ''));
      await Probe.run(words, await config);
      return undefined;
    } catch (error) {
      const fields = describeError(error, command, Object.keys(probes));
      assert.equal(fields.exitCode, 2, `${fields.code}: ${fields.message}`);
      const text = withCallersFlags(
        renderError(fields, { colour: false }),
        commandLineOf(['prefix-migrate', command, ...argv]),
      );
      checkScreen(text.replaceAll('\0', ''));
      checkCommands(fields.nextActions);
      return fields.code;
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
    }
  },
};
