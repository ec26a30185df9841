import type { JournalEntry } from '../domain/journal-entry.ts';
import { sentence } from './formats/log-text.ts';
import { drainText, restText } from './phase-rows.ts';
import type { ClosableReporter } from './reporter.ts';
import { clockTime, withoutControlCharacters } from './text.ts';

/** For logs and pipes: one line per event, nothing that is painted over. `verbose` adds every pod. */
export function createPlainReporter(write: (line: string) => void, options: { verbose: boolean }): ClosableReporter {
  const waitingFor = new Map<string, string>();
  let lastDrain = '';
  const say = (line: string): void => write(withoutControlCharacters(line).replaceAll('\n', ' '));
  return {
    runStarted(plan, state) {
      const done = plan.steps.filter((step) => state.steps[step.id]?.status === 'succeeded').length;
      if (done > 0 && done < plan.steps.length) say(`going on: ${done} of ${plan.steps.length} steps are done`);
    },
    line({ at, entry }) {
      if (options.verbose || !isDetail(entry)) say(`${clockTime(at)}  ${sentence(entry)}`);
    },
    waiting({ stepId, detail }) {
      if (waitingFor.get(stepId) === detail) return;
      waitingFor.set(stepId, detail);
      say(`          ${stepId}: waiting, ${detail}`);
    },
    drain(status) {
      const { nodesEmpty, lines, nextAction, moreWait } = status;
      // A line when a node is empty or when others are blocked or for other reasons, not one per pod or second.
      const blocked = lines.filter((line) => /^(waits|stops) /.test(line));
      const key = `${nodesEmpty} ${blocked.join()}`.replaceAll(times, '');
      if (key === lastDrain) return;
      lastDrain = key;
      const rest = restText(status);
      say(`          drain: ${drainText(status)}${rest === null ? '' : `, ${rest}`}`);
      for (const line of blocked) say(`            ${line}`);
      if (moreWait > 0) say(`            and ${moreWait} more`);
      if (nextAction !== null) say(`            -> ${nextAction}`);
    },
    warning: (message) => say(`warning: ${message}`),
    notice: say,
    close: async () => {},
  };
}

/** `1m50s` */
const times = /\b(\d+(h|m|s|ms))+\b/g;

/** One of many alike: the drain's summary tells of them together. */
function isDetail(entry: JournalEntry): boolean {
  if (entry.type !== 'step-progress') return false;
  const { kind } = entry.progress;
  return kind === 'eviction-intent' || kind === 'eviction-outcome' || kind === 'pod-gone';
}
