import { Command } from '@oclif/core';
import { withNearestFlag } from './errors.ts';

/** All commands: `run` returns the exit code, throws on failure, and leaves showing failures to `main`. */
export abstract class BaseCommand extends Command {
  abstract override run(): Promise<number>;

  override async catch(error: Error): Promise<never> {
    throw withNearestFlag(error, Object.keys(this.ctor.flags));
  }
}
