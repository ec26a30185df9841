import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeReport } from '../../../src/commands/actions/audit-cluster.ts';
import { planCluster, readRecorded } from '../../../src/commands/actions/plan-cluster.ts';
import { plainRequest } from '../../../src/domain/plan.ts';
import { auditMarkdown } from '../../../src/reporting/formats/audit-markdown.ts';
import { auditText } from '../../../src/reporting/formats/audit-text.ts';
import { withoutControlCharacters } from '../../../src/reporting/text.ts';
import { baseOf } from '../base.ts';
import { hostileDocument, type Json } from '../generate.ts';
import type { Kind } from '../kind.ts';
import { checkFiles, checkScreen, judged } from '../oracle.ts';
import { inFolder } from '../sandbox.ts';
import { checkShown, createScreen } from '../screen.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const bases = ['workload-traps', 'healthy', 'custom-networking', 'cluster-autoscaler', 'one-zone-short'];
export const planFiles =
  /^(plan\.json|snapshot\.json|cluster\.eksctl\.yaml|plan\.md|report\.html|user-data\/[\w-]+\.\w+|bare-pods\/[\w.-]+\.yaml)$/;

/** `plan --snapshot`, with its folder and every format, and `audit` of the same. */
export const snapshotKind: Kind = {
  name: 'snapshot',
  what: 'snapshot.json of plan --snapshot',
  async draw(random) {
    const { snapshot } = await baseOf(random.pick(bases));
    const document: Json = JSON.parse(JSON.stringify(snapshot));
    return hostileDocument(random, document);
  },
  feed: (input) =>
    inFolder(
      async (folder) => {
        const file = join(folder, '..', 'snapshot.json');
        writeFileSync(file, input);
        const error = await judged(async () => {
          const recorded = await readRecorded(file);
          const { snapshot } = recorded;
          const request = plainRequest(snapshot.cluster.name);
          const connection = { clusterName: request.clusterName };
          const options = { request, recorded, toolVersion: '0.0.0-test', root, connection };
          for (const format of ['text', 'json', 'markdown', 'eksctl'] as const) {
            const screen = createScreen({ colour: format === 'text' });
            const into = format === 'json' ? folder : null;
            await planCluster({ ...options, folder: into, format }, screen.io);
            if (format === 'eksctl') continue;
            if (format === 'text') checkShown(screen.text());
            else checkScreen(screen.text());
          }
          const report = withoutControlCharacters(makeReport(snapshot, { minFreePrefixes: 10, toolVersion: 'x' }));
          checkShown(auditText(report, { allNodes: true, colour: false }));
          checkScreen(auditMarkdown(report, { allNodes: true }));
        });
        checkFiles(folder, planFiles);
        return error?.code;
      },
      ['snapshot.json'],
    ),
};
