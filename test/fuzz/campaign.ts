/** Many cases of one kind, each from a seed of its own. */
import { createRandom } from '../../src/simulator/random.ts';
import type { Kind } from './kind.ts';

export interface Found {
  seed: number;
  input: Buffer;
  error: unknown;
}

export interface Campaign {
  cases: number;
  /** how many were read as if nothing were wrong */
  accepted: number;
  /** proper refusals by their code */
  refused: Record<string, number>;
  found: Found[];
}

export const drawn = async (kind: Kind, seed: number): Promise<Buffer> => kind.draw(createRandom(seed).fork(kind.name));

/** Feeds the cases of the seeds `from` to `from + cases - 1`. `onCase` is told before each. */
export async function campaign(
  kind: Kind,
  from: number,
  cases: number,
  onCase: (seed: number) => void = () => undefined,
): Promise<Campaign> {
  const result: Campaign = { cases, accepted: 0, refused: {}, found: [] };
  for (let seed = from; seed < from + cases; seed += 1) {
    onCase(seed);
    const input = await drawn(kind, seed);
    try {
      const code = await kind.feed(input);
      if (code === undefined) result.accepted += 1;
      else result.refused[code] = (result.refused[code] ?? 0) + 1;
    } catch (error) {
      result.found.push({ seed, input, error });
    }
  }
  return result;
}
