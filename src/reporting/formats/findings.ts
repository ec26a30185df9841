import { blockers, type Finding, type Severity } from '../../domain/finding.ts';
import { count, hanging, paint } from '../text.ts';
import { plain, code as span } from './markdown.ts';

const marks = { blocking: 'x', warning: '!', advice: '-' } as const satisfies Record<Severity, string>;
const order: readonly Severity[] = ['blocking', 'warning', 'advice'];

/** Most severe first; within a severity the order of the checks stays. */
export const bySeverity = (findings: readonly Finding[]): Finding[] =>
  findings.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));

/** `1 blocking, 2 warnings`; empty when there is nothing to say. */
export function tally(findings: readonly Finding[]): string {
  const of = (severity: Severity): number => findings.filter((finding) => finding.severity === severity).length;
  const blocking = blockers(findings).length;
  const accepted = of('blocking') - blocking;
  return [
    blocking > 0 ? `${blocking} blocking` : '',
    accepted > 0 ? `${accepted} blocking but allowed` : '',
    of('warning') > 0 ? count(of('warning'), 'warning') : '',
    of('advice') > 0 ? count(of('advice'), 'piece of advice', 'pieces of advice') : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** So many findings of one code are told in full; of the others only the subjects. */
const shownAlike: Record<Severity, number> = { blocking: 5, warning: 3, advice: 3 };
const shownSubjects = 8;

/** Findings as lines of at most 80 columns (commands are never broken). */
export function findingLines(findings: readonly Finding[], colour: boolean): string[] {
  const alike = Map.groupBy(bySeverity(findings), ({ code, severity, allowed }) => `${severity} ${allowed} ${code}`);
  return [...alike.values()].flatMap((group) => {
    const most = shownAlike[group[0]?.severity ?? 'blocking'];
    const shown = group.length > most + 1 ? group.slice(0, most) : group;
    return [...shown.flatMap((finding) => lines(finding, colour)), ...moreLines(group.slice(shown.length))];
  });
}

function lines(finding: Finding, colour: boolean): string[] {
  const mark = finding.allowed === true ? 'o' : marks[finding.severity];
  const style = mark === 'x' ? 'red' : mark === '!' ? 'yellow' : 'dim';
  const head = `  ${mark} ${finding.code}  `;
  const about = namesSubject(finding) ? finding.summary : `${finding.subject}: ${finding.summary}`;
  const [first = '', ...rest] = hanging(head, about, 6);
  return [
    first.replace(head, `  ${paint(style, `${mark} ${finding.code}`, colour)}  `),
    ...rest,
    ...hanging('      ', finding.why, 6),
    ...finding.nextActions.map((action) => `      -> ${action}`),
  ];
}

/** Whether the summary names everything that the finding is about; that a setting is one of aws-node goes without saying. */
const namesSubject = ({ subject, summary }: Finding): boolean =>
  subject
    .replace(/^aws-node /, '')
    .split(', ')
    .every((name) => summary.includes(name));

function moreLines(findings: readonly Finding[]): string[] {
  const [first] = findings;
  if (first === undefined) return [];
  const subjects = findings.slice(0, shownSubjects).map(({ subject }) => subject);
  const all = findings.length > shownSubjects ? ', ... (all of them: --format markdown)' : '';
  return hanging('      ', `and ${findings.length} more ${first.code}: ${subjects.join(', ')}${all}`, 6);
}

/** Actions that can be pasted; the others are sentences. */
export const isCommand = (action: string): boolean =>
  /^(prefix-migrate|kubectl|aws|eksctl|helm|terraform|argocd|flux|grep|for pair in) /.test(action);

/** Findings as a Markdown section; a sentence when there are none. */
export function findingsMarkdown(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'No findings.\n';
  return bySeverity(findings)
    .map(({ code, severity, subject, summary, why, nextActions, allowed }) =>
      [
        `- **${plain(code)}** (${severity}${allowed === true ? ', allowed' : ''}) ${span(subject)}: ${plain(summary)}`,
        `  ${plain(why)}`,
        ...nextActions.map((action) => `  - ${isCommand(action) ? span(action) : plain(action)}`),
      ].join('\n'),
    )
    .join('\n')
    .concat('\n');
}
