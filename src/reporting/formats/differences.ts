import type { Difference, MigrationPlan } from '../../domain/plan.ts';
import { sum } from '../../domain/sum.ts';
import { cut, hanging } from '../text.ts';
import { listed } from './plan-words.ts';

/** What stands above the tables of differences. */
export const differencesSentence =
  'Each field in which a replacement is not as its source has it. What is not named here is copied as it is.';

/** Field, source, replacement, reason. */
export const differenceCells = ({
  field,
  source,
  replacement,
  reason,
}: Difference): [string, string, string, string] => [field, shown(source), shown(replacement), reason];

const shown = (value: string | null): string => (value === null ? '-' : value === '' ? '""' : value);

/** So many are told in the summary; the list begins with those that matter. */
const shownDifferences = 5;
/** Told by the table of node groups. */
const inTable = /^(nodegroupName|maxPods|scaling\..*)$/;

/** The number of differences and the first of them, those of several groups once. */
export function differenceLines({ nodegroups }: MigrationPlan, folder: string | null): string[] {
  const total = sum(nodegroups.map(({ differences }) => differences.length));
  if (total === 0) return [];
  const places = nodegroups.flatMap(({ source, differences }) =>
    differences.flatMap((one, index) => (inTable.test(one.field) ? [] : [{ source, one, index, text: lineOf(one) }])),
  );
  const first = [
    ...Map.groupBy(
      places.toSorted((a, b) => a.index - b.index),
      ({ text }) => text,
    ),
  ].slice(0, shownDifferences);
  const where = folder === null ? '--format markdown' : 'plan.md';
  return [
    ...hanging(
      '  ',
      `${total === 1 ? 'One field differs' : `${total} fields differ`} from the source; all of them with the reasons: ${where}. First:`,
      2,
    ),
    ...first.flatMap(([text, of]) => {
      const who = of.length === nodegroups.length ? '' : `${listed(of.map(({ source }) => source))}: `;
      return hanging('  - ', `${who}${text}`, 4);
    }),
  ];
}

const longest = 30;
const brief = (value: string | null): string => cut(value === null ? 'none' : shown(value), longest);

const lineOf = (difference: Difference): string => {
  const { field, source, replacement, reason } = difference;
  return `${field} ${brief(source)} -> ${brief(replacement)} (${reason})`;
};
