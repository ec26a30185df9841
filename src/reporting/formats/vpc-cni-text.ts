import type { MigrationPlan } from '../../domain/plan.ts';
import { columns, cut, hanging, paint } from '../text.ts';
import { conflictSentence, instructionsTitle, type SettingRow, settingRows, vpcCniSentence } from './plan-words.ts';

/** What a plan does to aws-node: who owns it, the settings that change or conflict, and what only its owner can do. */
export function vpcCniLines({ vpcCni, findings }: MigrationPlan, colour: boolean): string[] {
  const rows = settingRows(vpcCni);
  const conflict = conflictSentence(vpcCni);
  const table = columns([['  VARIABLE', 'ADD-ON', 'LIVE', 'AFTER', 'SET BY', ''], ...rows.map(cells)]);
  const fits = table.every((line) => line.length <= 80);
  // a finding says it with the reason
  const told = new Set(findings.flatMap(({ nextActions }) => nextActions));
  const untold = vpcCni.instructions.filter((instruction) => !told.has(instruction));
  return [
    ...hanging('  ', vpcCniSentence(vpcCni), 2),
    ...(rows.length === 0 ? [] : fits ? table : rows.flatMap(stacked)).map((line) => marked(line, colour)),
    ...(conflict === '' ? [] : [`  ${conflict}`]),
    ...(untold.length === 0 ? [] : [`  ${instructionsTitle(vpcCni)}`, ...untold.map((line) => `      -> ${line}`)]),
  ];
}

/** So much of a value is shown, in a row and below one another: the whole of it is in plan.md. */
const [inRow, below] = [18, 60];

const cells = ({ name, configured, live, target, setBy, note }: SettingRow): string[] => [
  `  ${name}`,
  ...[configured, live, target, setBy].map((value) => cut(value, inRow)),
  note,
];

/** A setting that is too long for a row. */
const stacked = ({ name, configured, live, target, setBy, note }: SettingRow): string[] => [
  `  ${name}${note === '' ? '' : `  ${note}`}`,
  `    add-on  ${cut(configured, below)}`,
  `    live    ${cut(live, below)}`,
  `    after   ${cut(target, below)}`,
  `    set by  ${cut(setBy, below)}`,
];

const marked = (line: string, colour: boolean): string => line.replace(/CONFLICT$/, paint('red', 'CONFLICT', colour));
