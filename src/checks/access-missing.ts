import { missingRightText } from '../domain/missing-right.ts';
import { planFolder } from '../domain/plan-command.ts';
import { shellWord } from '../domain/shell-word.ts';
import { type Check, count, listed } from './check.ts';

/** What whoever planned may not do. Only a warning: who applies may be somebody else. */
export const accessMissing: Check = {
  codes: [
    {
      code: 'ACCESS.MISSING',
      meaning: 'The caller lacks rights that the steps of the plan need.',
      canBeAllowed: false,
    },
  ],
  run({ cluster, missingRights = [] }, { sources }) {
    if (missingRights.length === 0 || sources.length === 0) return [];
    const isGuess = missingRights.some(({ toldBy }) => toldBy === 'iam');
    const who = cluster.callerArn === '' ? 'the caller' : cluster.callerArn;
    return [
      {
        code: 'ACCESS.MISSING',
        severity: 'warning',
        subject: who,
        summary: `${who} lacks ${count(missingRights.length, 'right')} that the steps need: ${listed(missingRights.map(missingRightText), 8)}.`,
        why: `apply asks again and refuses to begin without them; another role may have them.${isGuess ? ' What IAM simulates may leave out what only a real request knows.' : ''}`,
        nextActions: [
          `prefix-migrate policy ${shellWord(planFolder(cluster.name))}   # all that the plan needs, as IAM and Kubernetes take it`,
        ],
      },
    ];
  },
};
