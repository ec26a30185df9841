/** All that the program can show of a plan, and an Io that keeps what it is given. */
import { createIo, type Io } from '../../src/cli/io.ts';
import type { MigrationPlan } from '../../src/domain/plan.ts';
import { renderPlan } from '../../src/domain/plan-id.ts';
import type { RunState } from '../../src/domain/run-state.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { eksctlYaml } from '../../src/exports/eksctl.ts';
import { consentQuestion } from '../../src/reporting/formats/consent-question.ts';
import { planHtml } from '../../src/reporting/formats/plan-html.ts';
import { planMarkdown } from '../../src/reporting/formats/plan-markdown.ts';
import { planText } from '../../src/reporting/formats/plan-text.ts';
import { statusText } from '../../src/reporting/formats/status-text.ts';
import { subnetSection } from '../../src/reporting/formats/subnet-section.ts';
import { summaryText } from '../../src/reporting/formats/summary-text.ts';
import { withoutControlCharacters } from '../../src/reporting/text.ts';
import { checkCommands, checkScreen, checkSecrets } from './oracle.ts';

export interface Screen {
  io: Io;
  /** what went to stdout and stderr */
  text(): string;
}

export function createScreen(options: { json?: boolean; colour?: boolean; commandLine?: string } = {}): Screen {
  const { json = false, colour = false, commandLine = 'prefix-migrate plan' } = options;
  const pieces: string[] = [];
  const io: Io = {
    ...createIo({ json, verbose: true, 'no-color': !colour, 'no-input': true }),
    result: (text) => pieces.push(text),
    progress: (line) => pieces.push(`${line}\n`),
    colour: { stdout: colour, stderr: colour },
    width: 80,
    live: false,
    canPrompt: false,
    commandLine,
    environment: {},
  };
  return { io, text: () => pieces.join('') };
}

/** Text, and the commands that it offers; not those that a plan or a journal brought along, whose writer can choose them. */
export function checkShown(text: string, areOurs = true): void {
  checkScreen(text);
  if (!areOurs) return;
  checkCommands(text.split('\n').filter((line) => /^\s*(->|\$) /.test(line)));
}

/** Every form in which a plan is shown. */
export function checkPlanShown(plan: MigrationPlan, snapshot: ClusterSnapshot | undefined, state?: RunState): void {
  const clean = withoutControlCharacters(plan);
  for (const colour of [false, true]) {
    const subnetMaps = snapshot === undefined ? [] : subnetSection(snapshot, plan, colour);
    const text = planText(clean, { folder: 'x', colour, subnetMaps, hasBarePods: true, command: undefined });
    checkShown(text, state === undefined);
  }
  checkScreen(planMarkdown(clean));
  checkScreen(renderPlan(plan));
  checkScreen(consentQuestion(clean));
  checkSecrets(eksctlYaml(plan));
  if (snapshot !== undefined) checkSecrets(planHtml(plan, snapshot));
  if (state === undefined) for (const { nextActions } of plan.findings) checkCommands(nextActions);
  if (state === undefined) return;
  checkShown(statusText(plan, state, { folder: 'x', colour: true, isGone: true, now: '2026-03-01T10:00:00Z' }), false);
  checkShown(summaryText(plan, state, { folder: 'x', until: undefined, isDone: false, colour: false }), false);
}
