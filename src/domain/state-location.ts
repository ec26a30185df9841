import { ExitCode, MigrateError } from './migrate-error.ts';

/** Where the journal is: `--state`. */
export type StateLocation = { kind: 'file' } | { kind: 'kubernetes' } | { kind: 's3'; bucket: string; prefix: string };

/** Names of buckets as S3 allows them (S3 user guide, "General purpose bucket naming rules"). */
const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/**
 * `file`, `kubernetes` or `s3://BUCKET/PREFIX`; slashes at the ends of the prefix do not count.
 *
 * @throws MigrateError `INPUT.VALUE` (exit 2)
 */
export function parseStateLocation(text: string): StateLocation {
  if (text === 'file' || text === 'kubernetes') return { kind: text };
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)(\/.*)?$/s.exec(text) ?? [];
  const prefix = path.split('/').filter(Boolean).join('/');
  if (bucketName.test(bucket) && !/\p{Cc}/u.test(prefix)) return { kind: 's3', bucket, prefix };
  throw new MigrateError({
    code: 'INPUT.VALUE',
    message: `"${text}" is no place for the journal.`,
    why: 'It is file (in the plan folder), kubernetes (ConfigMaps in kube-system) or s3://BUCKET/PREFIX.',
    nextActions: ['--state kubernetes', '--state s3://my-bucket/migrations'],
    exitCode: ExitCode.invalidInput,
  });
}

/** As the flag has it. */
export function stateText(state: StateLocation): string {
  if (state.kind !== 's3') return state.kind;
  return `s3://${state.bucket}${state.prefix === '' ? '' : `/${state.prefix}`}`;
}
