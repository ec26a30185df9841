import { inParallel } from '../domain/parallel.ts';
import type { EvictionRehearsal, Pod } from '../domain/snapshot.ts';
import type { EvictionOutcome } from '../ports/kubernetes.ts';
import type { Ports } from '../ports/ports.ts';

const atOnce = 8;
const mostPerSecond = 40;
const leastPerSecond = 0.5;
/** 75 s at full speed. More pods of the same owners would hardly say anything new. */
const atMost = 3000;
/** of one pod, when the server is throttled or does not answer */
const attempts = 3;
const troublesInARow = 10;
const longestMilliseconds = 300_000;

/**
 * Asks the API server what it would say to the eviction of each pod, as a dry run: nothing is evicted and no budget is
 * charged, so each answer holds for its pod alone. Whatever the server says ends up in the result; a pod that is gone by then
 * is neither accepted nor refused.
 *
 * One at a time until the first is accepted, and that one is looked at: a server that takes a dry run for an eviction is
 * found out by one pod, and not by all of them.
 */
export async function rehearseEvictions(
  { kubernetes, clock }: Pick<Ports, 'kubernetes' | 'clock'>,
  pods: readonly Pod[],
  onProgress: (doing: string) => void = () => undefined,
): Promise<EvictionRehearsal> {
  const queue = mostTellingFirst(pods).slice(0, atMost);
  const result: EvictionRehearsal = { pods: pods.length, asked: 0, partBecause: null, accepted: 0, refusals: [] };
  if (queue.length === 0) return result;
  const begin = clock.monotonic();
  const pace = createPace(clock);
  /** namespaces where every pod gets the same answer, and which */
  const closed = new Map<string, string>();
  let stopped: string | undefined;
  let troubles = 0;

  async function rehearse(pod: Pod): Promise<void> {
    let detail = '';
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      if (isOver(pod)) return;
      await pace.turn();
      if (isOver(pod)) return;
      const outcome = await answerTo(pod);
      if (outcome.kind !== 'throttled' && outcome.kind !== 'unknown') {
        troubles = 0;
        pace.answered();
        note(pod, outcome);
        return;
      }
      detail = outcome.detail;
      if (outcome.kind === 'throttled') pace.throttled(outcome.retryAfterSeconds);
      troubles += 1;
      if (troubles >= troublesInARow) stopped ??= `the API server did not answer ${troubles} times in a row: ${detail}`;
    }
    if (!isOver(pod)) note(pod, { kind: 'no-answer', detail });
  }

  /** Nothing more is asked, or nothing about this pod. */
  function isOver({ namespace }: Pod): boolean {
    if (clock.monotonic() - begin > longestMilliseconds)
      stopped ??= `it took longer than ${longestMilliseconds / 60_000} minutes`;
    return stopped !== undefined || closed.has(namespace);
  }

  /** A failure that the port cannot name is no answer either. */
  async function answerTo(pod: Pod): Promise<EvictionOutcome> {
    try {
      return await kubernetes.evict(pod, { dryRun: true });
    } catch (error) {
      return { kind: 'unknown', detail: error instanceof Error ? error.message : String(error) };
    }
  }

  function note(pod: Pod, answer: Answer): void {
    if (answer.kind === 'refused' && !isWorthNoting(pod, answer)) return;
    const { namespace, name, uid } = pod;
    result.asked += 1;
    if (answer.kind === 'accepted') result.accepted += 1;
    else if (answer.kind !== 'gone') {
      result.refusals.push({ namespace, name, uid, kind: answer.kind, detail: detailOf(pod, answer) });
    }
  }

  /** Not what says nothing about evictions, nor what holds for all pods of a namespace and was said before. */
  function isWorthNoting({ namespace }: Pod, { status, detail }: Answer & { kind: 'refused' }): boolean {
    const [isForbidden, hasNoDryRun] = [forbidden.test(detail), noDryRun.test(detail)];
    const isNew = !closed.has(namespace);
    if (status === 401) stopped ??= detail;
    if (isForbidden || hasNoDryRun) closed.set(namespace, detail);
    return status !== 401 && !hasNoDryRun && (isNew || !isForbidden);
  }

  onProgress(`what the API server says to ${pods.length} evictions (dry run)`);
  let done = 0;
  for (const pod of queue) {
    await rehearse(pod);
    done += 1;
    if (result.accepted === 0) continue;
    if (await isGoing(pod)) stopped = `${podName(pod)} was deleted while its eviction was asked about as a dry run`;
    break;
  }
  await inParallel(atOnce, queue.slice(done), rehearse);

  const because = [
    ...(stopped === undefined ? [] : [stopped]),
    ...closedText(closed),
    ...(pods.length > atMost ? [`only ${atMost} are asked about: ${pods.length - atMost} were left out`] : []),
  ];
  return {
    ...result,
    partBecause: because.length === 0 ? null : because.join('; '),
    refusals: result.refusals.toSorted((a, b) => (podName(a) < podName(b) ? -1 : 1)),
  };

  async function isGoing({ namespace, name, uid, deletionTimestamp }: Pod): Promise<boolean> {
    if (deletionTimestamp !== null) return false;
    try {
      const now = await kubernetes.getPod(namespace, name);
      return now === undefined || now.uid !== uid || now.deletionTimestamp !== null;
    } catch {
      // who may list pods need not be allowed to get one: then nothing says that it goes
      return false;
    }
  }
}

type Answer = Exclude<EvictionOutcome, { kind: 'throttled' | 'unknown' }> | { kind: 'no-answer'; detail: string };

function detailOf({ namespace }: Pod, answer: Exclude<Answer, { kind: 'accepted' | 'gone' }>): string {
  switch (answer.kind) {
    case 'budget-exhausted':
      return answer.budget;
    case 'budget-unprocessed':
      return 'The disruption budget is still being processed by the server.';
    case 'namespace-terminating':
      return `Namespace ${namespace} is being deleted.`;
    case 'multiple-budgets':
    case 'refused':
    case 'no-answer':
      return answer.detail;
  }
}

/** RBAC speaks: every other pod of the namespace gets the same answer. */
const forbidden = /cannot create resource "pods\/eviction"/;
/** A webhook with side effects turns every dry run away, which says nothing about a real eviction. */
const noDryRun = /does not support dry run/;

const podName = ({ namespace, name }: Pick<Pod, 'namespace' | 'name'>): string => `${namespace}/${name}`;

function closedText(closed: ReadonlyMap<string, string>): string[] {
  const [first] = closed;
  if (first === undefined) return [];
  const others = closed.size === 1 ? '' : ` and ${closed.size - 1} more`;
  return [`in namespace ${first[0]}${others} no eviction can be asked about: ${first[1]}`];
}

/** One pod of each owner and readiness before the others, those with a controller before bare ones: they come back. */
function mostTellingFirst(pods: readonly Pod[]): Pod[] {
  const seen = new Set<string>();
  const [telling, others]: [Pod[], Pod[]] = [[], []];
  for (const pod of pods.toSorted((a, b) => Number(a.controller === null) - Number(b.controller === null))) {
    const kind = `${pod.controller?.uid ?? pod.uid} ${pod.ready}`;
    (seen.has(kind) ? others : telling).push(pod);
    seen.add(kind);
  }
  return [...telling, ...others];
}

/** So many turns a second; half as many each time the server says that it has too much to do, and slowly more again. */
function createPace(clock: Ports['clock']) {
  let perSecond = mostPerSecond;
  let next = clock.monotonic();
  let halvedAt = Number.NEGATIVE_INFINITY;
  return {
    async turn(): Promise<void> {
      const now = clock.monotonic();
      const mine = Math.max(now, next);
      next = mine + 1000 / perSecond;
      if (mine > now) await clock.sleep(mine - now);
    },
    answered(): void {
      perSecond = Math.min(mostPerSecond, perSecond + 0.25);
    },
    throttled(retryAfterSeconds: number | null): void {
      const now = clock.monotonic();
      next = Math.max(next, now + (retryAfterSeconds ?? 1) * 1000);
      // those that were under way together are one sign
      if (now - halvedAt < 1000) return;
      halvedAt = now;
      perSecond = Math.max(leastPerSecond, perSecond / 2);
    },
  };
}
