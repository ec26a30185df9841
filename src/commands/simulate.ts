import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { outputFlags, positiveDuration, withEnvironment } from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';

export default class Simulate extends BaseCommand {
  static override summary = 'Start an embedded EKS region on this machine; without a name, list the scenarios.';
  static override description =
    'Prints export lines for `eval` to stdout and runs until Ctrl-C. Any AWS or Kubernetes client can use it.';
  static override usage = 'simulate [SCENARIO] [FLAGS]';
  static override examples = ['<%= config.bin %> simulate', '<%= config.bin %> simulate healthy --speed 60'];
  static override args = { scenario: Args.string({ description: 'name of the scenario' }) };
  static override flags = withEnvironment({
    speed: Flags.integer({ helpValue: 'N', summary: 'Seconds of the world in one real second.', min: 1, default: 1 }),
    seed: Flags.integer({ helpValue: 'N', summary: 'Decides every random choice.', default: 1 }),
    port: Flags.integer({
      helpValue: 'N',
      summary: 'Port on the loopback address; 0: a free one.',
      min: 0,
      max: 65_535,
      default: 0,
    }),
    'idle-timeout': positiveDuration({ summary: 'End when nobody asked anything for so long.' }),
    ...outputFlags,
  });

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Simulate);
    const { listScenarios, simulate } = await import('./actions/simulate-world.ts');
    const io = createIo(flags);
    if (args.scenario === undefined) return listScenarios(io);
    return simulate(
      {
        scenario: args.scenario,
        speed: flags.speed,
        seed: flags.seed,
        port: flags.port,
        idleSeconds: flags['idle-timeout'],
      },
      io,
    );
  }
}
