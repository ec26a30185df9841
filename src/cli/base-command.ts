import { Command } from '@oclif/core';

/** All commands: `run` returns the exit code, throws on failure, and leaves showing failures to `main`. */
export abstract class BaseCommand extends Command {
  abstract override run(): Promise<number>;

  override async catch(error: Error): Promise<never> {
    throw error;
  }
}
