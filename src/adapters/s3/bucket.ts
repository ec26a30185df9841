import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { errorName, type Operation } from '../aws/errors.ts';
import { type AwsOptions, createSession, type Session } from '../aws/session.ts';
import { cleanText } from '../clean-text.ts';
import type { RetryLimits } from '../retry.ts';

/** Objects of one bucket, as far as a journal needs them. */
export interface Bucket {
  /** Keys that begin with `prefix`, sorted. */
  list(prefix: string): Promise<string[]>;
  /** undefined when there is no such object */
  get(key: string): Promise<string | undefined>;
  /** Never replaces an object (`If-None-Match: *`). */
  create(key: string, text: string): Promise<'created' | 'exists'>;
}

/** A run cannot go on without its journal, so no call is tried for as long as others are. */
const limits: Partial<RetryLimits> = { totalMilliseconds: 60_000 };

/**
 * A bucket of the caller. Its region may be another one than `options` say: S3 tells it, and is asked there from then on.
 * Failures are MigrateError: `STATE.NO_BUCKET`, `STATE.ACCESS_DENIED`, `STATE.WRONG_REGION`, `STATE.NO_CONDITIONAL_WRITES`, or
 * those of every AWS call (exit 2). The needed rights are s3:ListBucket on the bucket, s3:GetObject and s3:PutObject in it.
 */
export function openBucket(bucket: string, options: AwsOptions): Bucket {
  let session = createSession(options);

  async function call<T>(name: string, key: string, invoke: Invoke<T>): Promise<T> {
    const operation: Operation = { service: 's3', name, resource: `s3://${bucket}/${key}` };
    const attempt = (): Promise<T> =>
      session.call(operation, { repeatable: true, limits }, async (http) => invoke(await session.s3(), http));
    try {
      return await attempt().catch((error: unknown) => {
        const region = regionOf(error);
        if (region === undefined) throw error;
        session = createSession({ ...options, region });
        return attempt();
      });
    } catch (error) {
      throw translate(error, operation, bucket, await session.region());
    }
  }

  return {
    async list(prefix) {
      const keys: string[] = [];
      let next: string | undefined;
      do {
        const page = await call('ListObjectsV2', prefix, ({ sdk, client }, http) =>
          client.send(
            new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...(next && { ContinuationToken: next }) }),
            http,
          ),
        );
        keys.push(...(page.Contents ?? []).flatMap(({ Key }) => Key ?? []));
        next = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (next !== undefined);
      // directory buckets list in no order
      return keys.toSorted();
    },

    async get(key) {
      try {
        return await call('GetObject', key, async ({ sdk, client }, http) => {
          const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: key }), http);
          return (await Body?.transformToString()) ?? '';
        });
      } catch (error) {
        if (causeOf(error) === 'NoSuchKey') return undefined;
        throw error;
      }
    },

    async create(key, text) {
      try {
        await call('PutObject', key, ({ sdk, client }, http) =>
          client.send(
            new sdk.PutObjectCommand({
              Bucket: bucket,
              Key: key,
              Body: Buffer.from(text),
              ContentType: 'application/x-ndjson',
              IfNoneMatch: '*',
            }),
            http,
          ),
        );
        return 'created';
      } catch (error) {
        if (causeOf(error) === 'PreconditionFailed' || statusOf(error) === 412) return 'exists';
        throw error;
      }
    },
  };
}

type Invoke<T> = (s3: Awaited<ReturnType<Session['s3']>>, http: { abortSignal: AbortSignal }) => Promise<T>;

interface S3Error extends Error {
  $metadata?: { httpStatusCode?: number };
  $response?: { headers?: Record<string, string> };
  /** some errors say the region in their body */
  Region?: string;
}

const s3ErrorOf = (error: unknown): S3Error | undefined =>
  error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
const causeOf = (error: unknown): string => errorName(s3ErrorOf(error));
const statusOf = (error: unknown): number => s3ErrorOf(error)?.$metadata?.httpStatusCode ?? 0;

const isRedirect = (error: unknown): boolean =>
  [301, 307].includes(statusOf(error)) || causeOf(error) === 'AuthorizationHeaderMalformed';

/** Region of the bucket, when S3 refused because it was asked in another one. */
function regionOf(error: unknown): string | undefined {
  const cause = s3ErrorOf(error);
  return isRedirect(error) ? (cause?.$response?.headers?.['x-amz-bucket-region'] ?? cause?.Region) : undefined;
}

function translate(error: unknown, operation: Operation, bucket: string, region: string): unknown {
  if (!(error instanceof MigrateError)) return error;
  const text = cleanText(s3ErrorOf(error)?.message);
  const make = (code: string, message: string, why: string, nextActions: string[]): MigrateError =>
    new MigrateError({
      code: `STATE.${code}`,
      message,
      why,
      nextActions,
      exitCode: ExitCode.invalidInput,
      cause: error.cause,
    });
  if (causeOf(error) === 'NoSuchBucket') {
    return make('NO_BUCKET', `There is no bucket ${bucket}, so there is no journal in it.`, text, [
      'correct --state s3://BUCKET/PREFIX',
      `aws s3 mb s3://${bucket} --region ${region}`,
    ]);
  }
  if (isRedirect(error)) {
    const right = regionOf(error);
    return make(
      'WRONG_REGION',
      `Bucket ${bucket} is ${right === undefined ? 'in another region' : `in ${right}`}, not in ${region}.`,
      text,
      [
        `aws s3api get-bucket-location --bucket ${bucket}`,
        'use a bucket that this caller reaches: --state s3://BUCKET/PREFIX',
      ],
    );
  }
  if (causeOf(error) === 'NotImplemented' && operation.name === 'PutObject') return noConditionalWrites(bucket, text);
  if (statusOf(error) === 403 && error.code !== 'AWS.EXPIRED_CREDENTIALS') {
    return make('ACCESS_DENIED', `${operation.resource} may not be used: s3:${operation.name} was refused.`, text, [
      `allow the caller s3:ListBucket on arn:aws:s3:::${bucket}, s3:GetObject and s3:PutObject on arn:aws:s3:::${bucket}/*`,
      'when the bucket is encrypted with a KMS key: also kms:GenerateDataKey and kms:Decrypt on that key',
      'aws sts get-caller-identity',
    ]);
  }
  return error;
}

/** Without them two runs could write the same part of a journal, and neither would notice. */
export const noConditionalWrites = (bucket: string, text: string): MigrateError =>
  new MigrateError({
    code: 'STATE.NO_CONDITIONAL_WRITES',
    message: `The server of bucket ${bucket} does not keep to If-None-Match, so no journal is written there.`,
    why: `A second write to an object that exists must be refused (412); ${text}`,
    nextActions: [
      'use a bucket of AWS, or a server that supports conditional writes',
      'or keep the journal in the cluster: --state kubernetes',
    ],
    exitCode: ExitCode.invalidInput,
  });
