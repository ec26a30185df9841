import type { Finding } from '../../domain/finding.ts';
import { dateTime, hanging, paint, withoutControlCharacters } from '../text.ts';

export type SubjectKind =
  | 'migration'
  | 'pod'
  | 'pdb'
  | 'workload'
  | 'node'
  | 'nodegroup'
  | 'subnet'
  | 'step'
  | 'finding';

/** What `explain` has to say: one shape for every subject. */
export interface Explained {
  subject: { kind: SubjectKind; name: string };
  /** what is so and why, in a sentence or two */
  answer: string;
  facts: Fact[];
  /** pods that have to leave an old node, for programs: people get them in the facts, by what they wait for */
  pods?: PodAnswer[];
  /** those of the plan about it, for programs: people get them in the facts */
  findings?: Finding[];
  /** commands to paste, the best first */
  nextActions: string[];
}

export interface PodAnswer {
  pod: string;
  node: string;
  /** a word for what it waits for, such as `budget-never` */
  state: string;
  reason: string;
  nextAction: string;
}

/** A label and what is known under it, one line each; wrapped where they are shown. */
export interface Fact {
  label: string;
  lines: string[];
}

/** Where it was looked, and when. */
export interface Seen {
  from: 'cluster' | 'snapshot' | 'plan';
  /** ISO 8601 */
  at: string;
  /** why not the cluster itself, when it was tried */
  why: string | null;
}

const labelWidth = 11;

/** At most 80 columns, but for commands, which are never broken. */
export function explainText(explained: Explained, seen: Seen, options: { colour: boolean }): string {
  const { subject, answer, facts, nextActions } = withoutControlCharacters(explained);
  const { colour } = options;
  const title = subject.kind === 'migration' ? subject.name : `${subject.kind} ${subject.name}`;
  return [
    paint('bold', title, colour),
    ...hanging('  ', seenSentence(withoutControlCharacters(seen)), 2),
    '',
    ...hanging('  ', answer, 2),
    ...(facts.length === 0 ? [] : ['']),
    ...facts.flatMap(({ label, lines }) =>
      lines.flatMap((line, index) =>
        hanging(`  ${(index === 0 ? label : '').padEnd(labelWidth)} `, line, 3 + labelWidth),
      ),
    ),
    ...(nextActions.length === 0 ? [] : ['', ...nextActions.map((action) => `  -> ${action}`)]),
    '',
  ].join('\n');
}

function seenSentence({ from, at, why }: Seen): string {
  const when = dateTime(at);
  if (from === 'cluster') return `Seen in the cluster at ${when}.`;
  if (from === 'plan') return `From the plan folder; the cluster was seen at ${when}.`;
  return `As it was at ${when}, when the plan was made. The cluster was not reached: ${why ?? 'it was not asked'}`;
}
