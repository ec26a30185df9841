import type { EvictionOutcome } from '../../ports/kubernetes.ts';
import { networkFailure } from '../network-failure.ts';
import { StatusError, UnreadableAnswer } from './status-error.ts';

const budgetCause = 'DisruptionBudget';

/**
 * What the failure of an eviction means. Only a 429 with the cause DisruptionBudget is about a budget; with Retry-After
 * its controller has not caught up yet. (Kubernetes: registry/core/pod/storage/eviction.go)
 */
export function refusedEviction(error: unknown): EvictionOutcome | undefined {
  if (!(error instanceof StatusError)) {
    const network = networkFailure(error);
    if (network === 'not-sent') return { kind: 'throttled', retryAfterSeconds: null, detail: messageOf(error) };
    if (network === 'uncertain' || error instanceof UnreadableAnswer)
      return { kind: 'unknown', detail: messageOf(error) };
    return undefined;
  }
  const { status, reason, causes, message: detail, fromServer } = error;
  const retryAfterSeconds = error.retryAfterMilliseconds === undefined ? null : error.retryAfterMilliseconds / 1000;
  const later: EvictionOutcome = { kind: 'throttled', retryAfterSeconds, detail };
  if (status === 429) {
    const budget = causes.find((cause) => cause.reason === budgetCause);
    if (budget === undefined) return later;
    return retryAfterSeconds === null
      ? { kind: 'budget-exhausted', budget: budget.message || detail }
      : { kind: 'budget-unprocessed', retryAfterSeconds };
  }
  // without a Status somebody else than the API server spoke, such as a load balancer
  if (status === 404) return fromServer ? { kind: 'gone', detail } : { kind: 'unknown', detail };
  if (status === 409) return /\bUID\b/.test(detail) ? { kind: 'gone', detail } : later;
  if (status === 403 && causes.some((cause) => cause.reason === 'NamespaceTerminating')) {
    return { kind: 'namespace-terminating' };
  }
  if (status >= 500) {
    if (/more than one PodDisruptionBudget/i.test(detail)) return { kind: 'multiple-budgets', detail };
    if (status === 503 || (fromServer && reason !== 'Timeout') || /due to conflicts/.test(detail)) return later;
    return { kind: 'unknown', detail };
  }
  if (status >= 400) return { kind: 'refused', status, detail };
  return { kind: 'unknown', detail };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
