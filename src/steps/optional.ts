import { MigrateError } from '../domain/migrate-error.ts';

/** What a call said, or the words of its failure. */
type Attempt<T> = { answer: T } | { refusal: string };

/**
 * The answer of a call that a run can do without, or the words of its failure.
 *
 * @throws what is no expected failure
 */
export const attempt = <T>(answer: Promise<T>): Promise<Attempt<T>> => unless(answer, () => true);

/**
 * The same of a call that is made again when it could not be answered.
 *
 * @throws what time may heal, and what is no expected failure
 */
export const unlessRefused = <T>(answer: Promise<T>): Promise<Attempt<T>> =>
  unless(answer, ({ retryable }) => !retryable);

/**
 * The answer of a call that only adds to an explanation: undefined when it is refused (no permission, not offered there).
 *
 * @throws as `unlessRefused` does
 */
export async function optional<T>(answer: Promise<T>): Promise<T | undefined> {
  const asked = await unlessRefused(answer);
  return 'answer' in asked ? asked.answer : undefined;
}

async function unless<T>(answer: Promise<T>, isTold: (error: MigrateError) => boolean): Promise<Attempt<T>> {
  try {
    return { answer: await answer };
  } catch (error) {
    if (error instanceof MigrateError && isTold(error)) return { refusal: `${error.message} ${error.why}` };
    throw error;
  }
}
