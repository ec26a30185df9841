import type { Dispatcher } from 'undici';
import { listOf, number, object, optional, orNull, text as words } from '../../domain/shape.ts';
import { cleanText } from '../clean-text.ts';
import { clockSkew } from '../clock-skew.ts';
import { isObject } from '../is-object.ts';
import { networkFailure } from '../network-failure.ts';
import { type Failure, retryAfterMilliseconds } from '../retry.ts';

interface StatusCause {
  reason?: string | null;
  message?: string | null;
}

/** `Status` of the Kubernetes API, as far as it is read. */
interface Status {
  kind?: string | null;
  message?: string | null;
  reason?: string | null;
  code?: number | null;
  details?: {
    causes?: StatusCause[] | null;
    retryAfterSeconds?: number | null;
  } | null;
}

/** A server that asks to be left alone for longer is asked again all the same. */
const longestRetryAfter = 60_000;

/** An answer of the API server that is no success. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: number;
  /** how far the clock of this machine is from that of the server, '' when it is not */
  readonly skew: string;
  /** '' when the body was no `Status`: an answer of a load balancer, or of priority and fairness */
  readonly reason: string;
  /** true when the body was a `Status`, so the API server itself spoke */
  readonly fromServer: boolean;
  /** true when the body was an HTML page: of a proxy, a load balancer, or a network that wants a login */
  readonly isPage: boolean;
  readonly causes: { reason: string; message: string }[];
  readonly retryAfterMilliseconds: number | undefined;

  constructor(httpStatus: number, retryAfter: unknown, text: string, now: number, skew = '') {
    const status = parseStatus(text);
    const isPage = startsAsPage(text);
    super(
      cleanText(status?.message ?? (isPage ? `HTTP ${httpStatus}, ${pageText(text)}` : text)) || `HTTP ${httpStatus}`,
    );
    this.isPage = isPage;
    this.status = httpStatus;
    this.skew = skew;
    this.reason = status?.reason ?? '';
    this.fromServer = status !== undefined;
    this.causes = (status?.details?.causes ?? []).map((cause) => ({
      reason: cause.reason ?? '',
      message: cleanText(cause.message),
    }));
    const seconds = status?.details?.retryAfterSeconds;
    const asked = retryAfterMilliseconds(retryAfter, now) ?? (seconds ? seconds * 1000 : undefined);
    this.retryAfterMilliseconds = asked === undefined ? undefined : Math.min(asked, longestRetryAfter);
  }
}

/** The body of an answer that should have been JSON is not: cut off, or not from the API server. */
export class UnreadableAnswer extends Error {
  override readonly name = 'UnreadableAnswer';
}

export const statusErrorOf = async (response: Dispatcher.ResponseData, now: number): Promise<StatusError> =>
  new StatusError(
    response.statusCode,
    response.headers['retry-after'],
    await response.body.text(),
    now,
    clockSkew(response.headers['date'], now),
  );

export const startsAsPage = (text: string): boolean => text.trimStart().startsWith('<');

function pageText(text: string): string {
  const [, title = ''] = /<title[^>]*>([^<]*)/i.exec(text) ?? [];
  return title.trim() === '' ? 'an HTML page' : `an HTML page, "${title.trim().slice(0, 100)}"`;
}

function parseStatus(text: string): Status | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isStatus(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

const textOrNone = optional(orNull(words));
const numberOrNone = optional(orNull(number));
const statusShape = object<Status>({
  kind: textOrNone,
  message: textOrNone,
  reason: textOrNone,
  code: numberOrNone,
  details: optional(
    orNull(
      object<NonNullable<Status['details']>>({
        causes: optional(orNull(listOf(object<StatusCause>({ reason: textOrNone, message: textOrNone })))),
        retryAfterSeconds: numberOrNone,
      }),
    ),
  ),
});

const isStatus = (value: unknown): value is Status =>
  isObject(value) && value['kind'] === 'Status' && statusShape.mismatch(value) === undefined;

/** What an error says about the request. */
export function classifyKubernetesError(error: unknown): Failure {
  if (error instanceof StatusError) {
    // to be told at once, not after two minutes
    if (error.isPage && error.status < 500) return { kind: 'final' };
    const wait = error.retryAfterMilliseconds;
    if (error.status === 429) return { kind: 'refused', retryAfterMilliseconds: wait };
    return error.status >= 500 ? { kind: 'uncertain', retryAfterMilliseconds: wait } : { kind: 'final' };
  }
  if (error instanceof UnreadableAnswer) return { kind: 'uncertain' };
  return { kind: networkFailure(error) ?? 'final' };
}
