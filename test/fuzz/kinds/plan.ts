import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { explainPlan } from '../../../src/commands/actions/explain.ts';
import { showLog, showStatus } from '../../../src/commands/actions/show.ts';
import { openPlanFolder } from '../../../src/composition.ts';
import { plainJson } from '../../../src/domain/canonical-json.ts';
import { planIdOf } from '../../../src/domain/plan-id.ts';
import { replay } from '../../../src/domain/run-state.ts';
import { baseOf, chained, entriesFor } from '../base.ts';
import { hostileJson, type Json, mangled, mutated } from '../generate.ts';
import type { Kind } from '../kind.ts';
import { checkFiles, judged } from '../oracle.ts';
import { inFolder } from '../sandbox.ts';
import { checkPlanShown, checkShown, createScreen } from '../screen.ts';

const bases = ['healthy', 'workload-traps', 'one-zone-short', 'helm-cni', 'self-managed-cni'];

/** plan.json, mostly with an id that fits, so that it is not refused for that. */
export const planKind: Kind = {
  name: 'plan',
  what: 'plan.json of status, log, explain and apply',
  async draw(random) {
    const { plan } = await baseOf(random.pick(bases));
    const document: Json = JSON.parse(JSON.stringify(plan));
    const changed = mutated(random, document);
    const choice = random.next();
    if (choice < 0.1) return mangled(random, plainJson(document, 2));
    if (choice < 0.2) return Buffer.from(hostileJson(random, changed));
    return Buffer.from(`${plainJson(signed(changed), 2)}\n`);
  },
  feed: (input) =>
    inFolder(async (folder) => {
      writeFileSync(join(folder, 'plan.json'), input);
      const { plan: own } = await baseOf('healthy');
      writeFileSync(join(folder, 'journal.ndjson'), chained(entriesFor(own)), { mode: 0o600 });
      const error = await judged(async () => {
        const { plan } = await openPlanFolder(folder);
        checkPlanShown(plan, undefined, replay(plan, []));
        for (const json of [false, true]) {
          const screen = createScreen({ json, colour: true });
          const target = { target: folder, state: { kind: 'file' }, connection: {} } as const;
          await showStatus(target, screen.io);
          await showLog(target, screen.io);
          await explainPlan({ ...target, subject: plan.steps[0]?.id ?? plan.findings[0]?.code ?? 'x' }, screen.io);
          checkShown(screen.text(), false);
        }
      });
      checkFiles(folder, /^(plan\.json|journal\.ndjson)$/);
      return error?.code;
    }),
};

/** The hash is no signature: whoever writes a plan can write its id as well. */
function signed(document: Json): Json {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return document;
  try {
    const planId = planIdOf(document);
    return Object.fromEntries(Object.entries(document).map(([key, value]) => [key, key === 'planId' ? planId : value]));
  } catch (error) {
    // too deep to be hashed
    if (error instanceof RangeError) return document;
    throw error;
  }
}
