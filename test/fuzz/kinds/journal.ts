import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JournalParts, remoteJournal } from '../../../src/adapters/remote-journal.ts';
import { showLog, showStatus } from '../../../src/commands/actions/show.ts';
import { parseJournal } from '../../../src/domain/journal-chain.ts';
import type { JournalEntry } from '../../../src/domain/journal-entry.ts';
import { renderPlan } from '../../../src/domain/plan-id.ts';
import { replay } from '../../../src/domain/run-state.ts';
import { summarize } from '../../../src/domain/run-summary.ts';
import { createPlainReporter } from '../../../src/reporting/plain-reporter.ts';
import { baseOf, chained, entriesFor } from '../base.ts';
import { type Json, mangled, mutated } from '../generate.ts';
import type { Kind } from '../kind.ts';
import { checkFiles, checkScreen, judged } from '../oracle.ts';
import { inFolder } from '../sandbox.ts';
import { checkPlanShown, checkShown, createScreen } from '../screen.ts';

/** The same in ConfigMaps or S3. */
const partsOf = (text: string): JournalParts => ({
  read: () => Promise.resolve(text.split(/(?<=\n)/).map((line, index) => ({ name: `part ${index}`, text: line }))),
  append: () => Promise.resolve(0),
});

/** journal.ndjson, mostly with a sound chain, because whoever writes it can write that as well. */
export const journalKind: Kind = {
  name: 'journal',
  what: 'journal.ndjson of status, log, explain and apply',
  async draw(random) {
    const { plan } = await baseOf('healthy');
    const sound: Json = JSON.parse(JSON.stringify(entriesFor(plan)));
    if (random.next() < 0.2) return mangled(random, chained(entriesFor(plan)));
    // whatever it is now: the chain goes by its text
    const entries: JournalEntry[] = JSON.parse(JSON.stringify([mutated(random, sound)].flat()));
    return Buffer.from(chained(entries));
  },
  feed: (input) =>
    inFolder(async (folder) => {
      const { plan } = await baseOf('healthy');
      writeFileSync(join(folder, 'plan.json'), renderPlan(plan));
      writeFileSync(join(folder, 'journal.ndjson'), input, { mode: 0o600 });
      const error = await judged(async () => {
        const { lines } = parseJournal(input.toString('utf8'));
        const state = replay(plan, lines);
        checkPlanShown(plan, undefined, state);
        summarize(plan, state);
        const reporter = createPlainReporter((line) => checkScreen(line), { verbose: true });
        for (const line of lines) reporter.line(line, state);
        await reporter.close();
        for (const json of [false, true]) {
          const screen = createScreen({ json, colour: true });
          const target = { target: folder, state: { kind: 'file' }, connection: {} } as const;
          await showStatus(target, screen.io);
          await showLog(target, screen.io);
          checkShown(screen.text(), false);
        }
      });
      await judged(() => remoteJournal(partsOf(input.toString('utf8'))).read());
      checkFiles(folder, /^(plan\.json|journal\.ndjson)$/);
      return error?.code;
    }),
};
