import type { JournalEntry, JournalLine, StepProgress } from '../../domain/journal-entry.ts';
import { clockTime, withoutControlCharacters, wrap } from '../text.ts';
import { shortId } from './plan-text.ts';

/**
 * What `log` prints: the journal in time order, one line each; the date where it changes. Times are UTC. Lines longer than
 * `width` columns go on below their text.
 */
export function logText(journal: readonly JournalLine[], { width }: { width: number }): string {
  let day = '';
  const lines = journal.flatMap((line) => {
    const date = line.at.slice(0, 10);
    const heading = date === day ? [] : [`${date} (UTC)`];
    day = date;
    const [first = '', ...rest] = wrap(sentence(line.entry), width - indent);
    return [...heading, `${clockTime(line.at)}  ${first}`, ...rest.map((more) => ' '.repeat(indent) + more)];
  });
  return lines.map((line) => `${line}\n`).join('');
}

/** Columns of the time and the space behind it. */
const indent = 10;

/** One entry in a few words; nothing in it can steer a terminal. */
export const sentence = (entry: JournalEntry): string =>
  withoutControlCharacters(describe(entry)).replaceAll(/\s+/g, ' ');

function describe(entry: JournalEntry): string {
  switch (entry.type) {
    case 'run-started':
      return `${entry.rollback === undefined ? 'run' : 'rollback'} started: ${entry.command} (by ${entry.holder})`;
    case 'unlocked':
      return `lock taken from ${entry.holder} by ${entry.by}: ${entry.reason}`;
    case 'approval':
      return `${entry.rollback === true ? 'rollback ' : ''}approved by ${entry.by} (${consents[entry.how]}): ${entry.phases.join(', ')} of plan ${shortId(entry.planId)}`;
    case 'step-started':
      return `${entry.stepId}: started`;
    case 'step-succeeded':
      return `${entry.stepId}: done, ${entry.detail}`;
    case 'step-failed':
      return `${entry.stepId}: FAILED, ${entry.failure.message} (${entry.failure.code})`;
    case 'step-progress':
      return `${entry.stepId}: ${progress(entry.progress)}`;
    case 'run-paused':
      // of a failure the line of its step has told
      if (entry.reason === 'until') return entry.detail;
      return `run paused (${entry.reason})${entry.reason === 'credentials' ? `: ${entry.detail}` : ''}`;
    case 'run-finished':
      return `run finished with exit code ${entry.exitCode}`;
  }
}

const consents = { prompt: 'typed name', 'confirm-flag': '--confirm', 'approve-flag': '--approve' };

function released({ node, outcome, detail = '' }: Extract<StepProgress, { kind: 'node-release-outcome' }>): string {
  switch (outcome) {
    case 'asked':
      return `${node} is being ended: its addresses come back`;
    case 'going':
      return `${node} was being ended already`;
    case 'refused':
      return `warning: ${node} is empty and stays until its group is deleted: ${detail}`;
    case 'denied':
      return `warning: ${node} and other empty nodes stay until their group is deleted: ${detail}`;
  }
}

function progress(event: StepProgress): string {
  switch (event.kind) {
    case 'eviction-intent':
      return `evict ${event.pod} on ${event.node}${event.budget === null ? '' : ` (budget ${event.budget})`}`;
    case 'eviction-outcome':
      return `eviction of ${event.pod}: ${event.outcome}${event.detail === undefined ? '' : `, ${event.detail}`}`;
    case 'pod-gone':
      return `${event.pod} is gone from ${event.node}`;
    case 'cordoned':
      return `cordoned ${event.node}`;
    case 'node-release-intent':
      return `${event.node} is empty: end its instance ${event.instanceId}, without another in its place`;
    case 'node-release-outcome':
      return released(event);
    case 'update-requested':
      return `asked for ${event.what} (update ${event.id})`;
    case 'recorded':
      return `${event.what} was ${JSON.stringify(event.value)} before`;
    case 'restarted':
      return `${event.deployment} rolls its pods over`;
    case 'comes-back':
      return `new pods of ${event.workload} land on the old nodes again and again: it is not evicted any more`;
    case 'verified-node':
      return `${event.node} (${event.instanceId}): allocatable ${event.allocatablePods}, prefixes ${event.prefixes.join(' ')}; ${event.evidence}`;
    case 'note':
      return event.message;
  }
}
