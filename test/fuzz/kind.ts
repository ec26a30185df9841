import type { Random } from '../../src/simulator/types.ts';

/** One way into the program. */
export interface Kind {
  /** also the name of its folder in the corpus */
  name: string;
  /** what is fed, in a few words */
  what: string;
  /** Draws an input: equal random numbers, equal bytes. */
  draw(random: Random): Buffer | Promise<Buffer>;
  /** Feeds it to the program. Rejects when the program does what it never should; returns the code of a proper error. */
  feed(input: Buffer): Promise<string | undefined>;
}
