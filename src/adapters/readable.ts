import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { mismatchText, type Shape } from '../domain/shape.ts';
import { cleanText } from './clean-text.ts';

/** A server whose answers are read, and how to look at one with another program. */
export interface Server {
  /** first part of the error's code: `AWS` */
  area: string;
  /** `EC2`, `The API server` */
  name: string;
  look: string;
}

/**
 * What a server says, as one of our types. Any member of an answer may be anything, so `read` may stumble over it, and what
 * it makes of it is checked before anything relies on it. `what` names the thing: `pods`, `node group apps`.
 *
 * @throws MigrateError AREA.UNREADABLE (exit 2), not retryable: it would say the same again
 */
export function readable<T>(server: Server, what: string, shape: Shape<T>, read: () => T): T {
  let value: T;
  try {
    value = read();
  } catch (error) {
    throw readingFailed(server, what, error);
  }
  const odd = shape.mismatch(value);
  if (odd !== undefined) throw unreadable(server, what, mismatchText(odd, 'the answer'));
  return value;
}

/** The same for what is read while it is asked for. */
export async function readableAnswer<T>(
  server: Server,
  what: string,
  shape: Shape<T>,
  ask: () => Promise<T>,
): Promise<T> {
  const value = await ask().catch((error: unknown) => {
    throw readingFailed(server, what, error);
  });
  return readable(server, what, shape, () => value);
}

/** Reading trips over data of another kind than it should be with a TypeError, and over too much of it with a RangeError. */
const readingFailed = (server: Server, what: string, error: unknown): unknown =>
  error instanceof TypeError || error instanceof RangeError ? unreadable(server, what, error.message, error) : error;

/** Pages after which a list is none any more. */
const mostPages = 10_000;

/** Stops a server that gives one page after the other without end. `what` is listed. */
export function createPageGuard(server: Server, what: string): (token: string | undefined) => void {
  let last: string | undefined;
  let pages = 0;
  return (token) => {
    pages += 1;
    const isSame = token !== undefined && token === last;
    last = token;
    if (isSame || pages > mostPages) throw unreadable(server, what, `it has no end: ${pages} pages were read`);
  };
}

const unreadable = (server: Server, what: string, why: string, cause?: unknown): MigrateError =>
  new MigrateError({
    code: `${server.area}.UNREADABLE`,
    message: `${server.name} answers in a way that prefix-migrate does not understand: ${cleanText(what)}.`,
    why: `${cleanText(why)}.`,
    nextActions: [server.look, 'when all looks well there, please report it'],
    exitCode: ExitCode.invalidInput,
    cause,
  });
