import type { Dispatcher } from 'undici';
import { cleanText } from '../clean-text.ts';
import { networkFailure } from '../network-failure.ts';
import { type Failure, retryAfterMilliseconds } from '../retry.ts';

/** `Status` of the Kubernetes API, as far as it is read. */
interface Status {
  kind?: string | null;
  message?: string | null;
  reason?: string | null;
  code?: number | null;
  details?: {
    causes?: { reason?: string | null; message?: string | null }[] | null;
    retryAfterSeconds?: number | null;
  } | null;
}

/** An answer of the API server that is no success. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: number;
  /** '' when the body was no `Status`: an answer of a load balancer, or of priority and fairness */
  readonly reason: string;
  /** true when the body was a `Status`, so the API server itself spoke */
  readonly fromServer: boolean;
  readonly causes: { reason: string; message: string }[];
  readonly retryAfterMilliseconds: number | undefined;

  constructor(httpStatus: number, retryAfter: unknown, text: string, now: number) {
    const status = parseStatus(text);
    super(
      cleanText(status?.message ?? (text.trimStart().startsWith('<') ? `HTTP ${httpStatus}` : text)) ||
        `HTTP ${httpStatus}`,
    );
    this.status = httpStatus;
    this.reason = status?.reason ?? '';
    this.fromServer = status !== undefined;
    this.causes = (status?.details?.causes ?? []).map((cause) => ({
      reason: cause.reason ?? '',
      message: cleanText(cause.message),
    }));
    const seconds = status?.details?.retryAfterSeconds;
    this.retryAfterMilliseconds = retryAfterMilliseconds(retryAfter, now) ?? (seconds ? seconds * 1000 : undefined);
  }
}

/** The body of an answer that should have been JSON is not: cut off, or not from the API server. */
export class UnreadableAnswer extends Error {
  override readonly name = 'UnreadableAnswer';
}

export const statusErrorOf = async (response: Dispatcher.ResponseData, now: number): Promise<StatusError> =>
  new StatusError(response.statusCode, response.headers['retry-after'], await response.body.text(), now);

function parseStatus(text: string): Status | undefined {
  try {
    const parsed: Status | null = JSON.parse(text);
    return parsed?.kind === 'Status' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** What an error says about the request. */
export function classifyKubernetesError(error: unknown): Failure {
  if (error instanceof StatusError) {
    const wait = error.retryAfterMilliseconds;
    if (error.status === 429) return { kind: 'refused', retryAfterMilliseconds: wait };
    return error.status >= 500 ? { kind: 'uncertain', retryAfterMilliseconds: wait } : { kind: 'final' };
  }
  if (error instanceof UnreadableAnswer) return { kind: 'uncertain' };
  return { kind: networkFailure(error) ?? 'final' };
}
