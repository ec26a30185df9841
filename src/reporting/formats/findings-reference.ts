export interface FindingMeaning {
  code: string;
  meaning: string;
  canBeAllowed: boolean;
}

/** `docs/findings.md`: every code that a check can give. Codes are stable once published. */
export function findingsReference(codes: readonly FindingMeaning[]): string {
  const rows = codes
    .toSorted((a, b) => (a.code < b.code ? -1 : 1))
    .map(
      ({ code, meaning, canBeAllowed }) =>
        `| \`${code}\` | ${meaning.replaceAll('|', '\\|')} | ${canBeAllowed ? 'yes' : 'no'} |`,
    );
  return [
    '# Findings',
    '',
    'What `prefix-migrate plan` and `audit` can say about a cluster. A blocking finding stops `apply`, unless it can be accepted',
    'and was: `plan --allow CODE`. One that cannot, although others of its code can, stays blocking and says why. Codes `AUDIT.*`',
    'come from `audit` only. Written by `npm run docs` from the checks.',
    '',
    '| Code | Meaning | Can be accepted |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
