import { MigrateError } from '../domain/migrate-error.ts';

/**
 * The answer of a call that only adds to an explanation: undefined when it is refused (no permission, not offered there).
 *
 * @throws what time may heal, and what is no expected failure
 */
export async function optional<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof MigrateError && !error.retryable) return undefined;
    throw error;
  }
}

/**
 * The answer of a call that a run can do without, or the words of its refusal.
 *
 * @throws what time may heal, and what is no expected failure
 */
export async function unlessRefused<T>(answer: Promise<T>): Promise<{ answer: T } | { refusal: string }> {
  try {
    return { answer: await answer };
  } catch (error) {
    if (error instanceof MigrateError && !error.retryable) return { refusal: `${error.message} ${error.why}` };
    throw error;
  }
}
