import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { cleanText } from '../clean-text.ts';
import { clockActions, clockSkew } from '../clock-skew.ts';
import { isTlsFailure, networkFailure, networkReason, proxyActions, statusOfProxy } from '../network-failure.ts';
import { type Failure, retryAfterMilliseconds } from '../retry.ts';

export type AwsService = 'eks' | 'ec2' | 'autoscaling' | 'sts' | 's3' | 'iam' | 'cloudformation';

/** One call, as it is named in messages. */
export interface Operation {
  service: AwsService;
  /** API name, which is also the IAM action: `DescribeCluster` */
  name: string;
  /** `cluster prod`, `node group apps` */
  resource: string;
}

/** Where a call went, for messages. */
export interface Whereabouts {
  region: string | undefined;
  profile: string | undefined;
  /** host of the request, when one was sent */
  host: string | undefined;
  /** epoch milliseconds by the clock of this machine */
  now: number;
}

const throttlingNames = new Set([
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);

const deniedNames = new Set(['AccessDeniedException', 'AccessDenied', 'UnauthorizedOperation']);

const expiredNames = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired']);

const unknownCallerNames = new Set([
  'AuthFailure',
  'IncompleteSignature',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'InvalidAccessKeyId',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);

/** The clock of this machine is off. The SDK corrects itself by the answer, so a second attempt is worth it. */
const skewNames = new Set(['RequestTimeTooSkewed', 'RequestInTheFuture']);

/** The service did not do it, and says that it may do it in a moment. */
const propagationNames = new Set(['ConditionalRequestConflict', 'ResourcePropagationDelayException']);

interface SdkError extends Error {
  $metadata?: { httpStatusCode?: number; requestId?: string; clockSkewCorrected?: boolean };
  $response?: { statusCode?: number; headers?: Record<string, string> };
}

/** An HTML page: not from AWS, but of a proxy, or of a network that wants a login. */
export class ForeignAnswer extends Error {
  override readonly name = 'ForeignAnswer';
  readonly status: number;
  constructor(status: number) {
    super(`HTTP ${status}, an HTML page`);
    this.status = status;
  }
}

/** Name of the error as AWS spells it, '' when it is none. */
export const errorName = (error: unknown): string => (error instanceof Error ? error.name : '');

const statusOf = (error: SdkError): number => error.$metadata?.httpStatusCode ?? error.$response?.statusCode ?? 0;

/** What an error of the SDK says about its call. */
export function classifyAwsError(error: unknown, now: number): Failure {
  if (!(error instanceof Error)) return { kind: 'final' };
  // to be told at once, not after two minutes
  if (error instanceof ForeignAnswer) return { kind: error.status >= 500 ? 'uncertain' : 'final' };
  const sdkError: SdkError = error;
  const status = statusOf(sdkError);
  const wait = retryAfterMilliseconds(sdkError.$response?.headers?.['retry-after'], now);
  if (throttlingNames.has(error.name) || status === 429) return { kind: 'refused', retryAfterMilliseconds: wait };
  if (propagationNames.has(error.name)) return { kind: 'refused', retryAfterMilliseconds: wait ?? 5000 };
  if (skewNames.has(error.name) || sdkError.$metadata?.clockSkewCorrected) return { kind: 'refused' };
  const network = networkFailure(error);
  if (network !== undefined) return { kind: network };
  // the connection phase timed out: named TimeoutError by the SDK, as is a request that got no answer
  if (error.name === 'TimeoutError') return { kind: 'uncertain' };
  // an operation that this service does not have
  if (status === 501 || (status === 404 && error.name === 'SyntaxError')) return { kind: 'final' };
  if (status >= 500) return { kind: 'uncertain', retryAfterMilliseconds: wait };
  // the answer cannot be read: cut off, or not from AWS
  if (error.name === 'SyntaxError' || (status === 0 && sdkError.$response !== undefined)) return { kind: 'uncertain' };
  return { kind: 'final' };
}

const isExpired = (error: unknown): boolean =>
  expiredNames.has(errorName(error)) ||
  (isCredentialsProblem(error) && /expired/i.test(error instanceof Error ? error.message : ''));

/** New credentials would help, and perhaps there are some already. */
export const isTurnedAway = (error: unknown): boolean => isExpired(error) || unknownCallerNames.has(errorName(error));

const isCredentialsProblem = (error: unknown): boolean =>
  errorName(error) === 'CredentialsProviderError' || errorName(error) === 'TokenProviderError';

/** Every failure of AWS in the user's words. Exit code 2: in a run the engine decides what a failed step means. */
export function translateAwsError(error: unknown, operation: Operation, where: Whereabouts): MigrateError {
  if (error instanceof MigrateError) return error;
  const name = errorName(error);
  const text = describe(error);
  const call = `${operation.service}:${operation.name}`;
  const label = serviceLabels[operation.service];
  const attempt = `${call} for ${operation.resource}`;
  const flags = where.profile === undefined ? '' : ` --profile ${shellWord(where.profile)}`;
  const status = error instanceof Error ? statusOf(error) : 0;
  const make = (code: string, message: string, why: string, nextActions: string[], retryable = false): MigrateError =>
    new MigrateError({ code, message, why, nextActions, exitCode: ExitCode.invalidInput, retryable, cause: error });

  if (error instanceof ForeignAnswer && error.status < 500) {
    return make(
      'AWS.OTHER_SERVER',
      `Something else than ${label} answers at ${where.host ?? 'its address'}.`,
      `${attempt}: ${text}`,
      ['log in to the network or the VPN, when it wants a login', 'check HTTPS_PROXY, NO_PROXY and AWS_ENDPOINT_URL'],
      true,
    );
  }
  const skew = isAboutTime(name, text) ? clockSkew(dateOf(error), where.now) : '';
  if (skew !== '' || skewNames.has(name)) {
    const why = `${attempt}: ${name}: ${text}`;
    return make('AWS.CLOCK_SKEW', skew || 'The clock of this machine is not that of AWS.', why, clockActions);
  }
  if (isExpired(error)) {
    return make('AWS.EXPIRED_CREDENTIALS', 'The AWS credentials have expired.', `${attempt}: ${text}`, [
      `aws sso login${flags}`,
      'or renew the session credentials in the environment, then run the same command again',
    ]);
  }
  if (isCredentialsProblem(error)) {
    const asked = where.profile === undefined ? '' : ` for profile ${where.profile}`;
    return make('AWS.NO_CREDENTIALS', `No AWS credentials were found${asked}.`, text, [
      `aws sso login${flags}`,
      'export AWS_PROFILE=<name of a profile> (aws configure list-profiles shows them)',
    ]);
  }
  if (text.startsWith('Region is missing')) {
    return make('AWS.NO_REGION', 'No AWS region is set.', 'Neither --region, AWS_REGION nor the profile names one.', [
      'pass --region, for example --region eu-west-1',
      'export AWS_REGION=eu-west-1',
    ]);
  }
  if (unknownCallerNames.has(name)) {
    return make('AWS.INVALID_CREDENTIALS', 'AWS does not accept the credentials.', `${attempt}: ${name}: ${text}`, [
      `aws sts get-caller-identity${flags}`,
      'check AWS_PROFILE and the AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment',
    ]);
  }
  if (deniedNames.has(name) || status === 401 || status === 403 || isHiddenDenial(name, text)) {
    return make('AWS.ACCESS_DENIED', `Missing permission: ${call} on ${operation.resource}.`, text, [
      `allow ${call} in the IAM policy of the caller`,
      'aws sts get-caller-identity',
    ]);
  }
  const failure = classifyAwsError(error, 0);
  if (failure.kind === 'refused') {
    return make(
      'AWS.THROTTLED',
      `AWS turned ${attempt} away, again and again.`,
      `${name}: ${text}`,
      ['run the same command again in a few minutes', 'find out what else calls the API of this account and region'],
      true,
    );
  }
  const region = where.region ?? 'of the region';
  const host = where.host ?? `the ${label} endpoint ${region}`;
  const proxyStatus = statusOfProxy(error);
  if (proxyStatus !== undefined) {
    return make(
      'AWS.UNREACHABLE',
      `${host} cannot be reached: the proxy answers HTTP ${proxyStatus}.`,
      attempt,
      proxyActions(proxyStatus),
      proxyStatus >= 500,
    );
  }
  const reason = cleanText(networkReason(error));
  if (isTlsFailure(error)) {
    return make('AWS.UNREACHABLE', `No secure connection to ${host}.`, reason, [
      'set NODE_EXTRA_CA_CERTS to the certificate authority of your proxy, when there is one',
      'check AWS_ENDPOINT_URL and HTTPS_PROXY',
    ]);
  }
  if (networkFailure(error) !== undefined || name === 'TimeoutError') {
    return make(
      'AWS.UNREACHABLE',
      `${host} does not answer.`,
      `${attempt}: ${reason}`,
      ['check the network, HTTPS_PROXY, AWS_ENDPOINT_URL and the region', 'run the same command again'],
      true,
    );
  }
  if (failure.kind === 'uncertain') {
    return make(
      'AWS.SERVICE_ERROR',
      `${label} cannot do ${attempt} at present.`,
      `${name}: ${text}`,
      ['https://health.aws.amazon.com/health/status', 'run the same command again'],
      true,
    );
  }
  if (name === 'ResourceInUseException') {
    return make('AWS.BUSY', `${operation.resource} is busy: ${call} was refused.`, text, ['run it again later'], true);
  }
  if (name === 'ResourceLimitExceededException' || name.endsWith('LimitExceeded')) {
    return make('AWS.QUOTA', `A quota of the account stops ${attempt}.`, text, [
      'raise the quota: https://console.aws.amazon.com/servicequotas',
    ]);
  }
  if (status > 0 || '$metadata' in Object(error)) {
    return make('AWS.REFUSED', `${label} refused ${attempt}.`, `${name}: ${text}`, [
      'correct what the message names, then run the same command again',
    ]);
  }
  throw error;
}

function dateOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  const { $response }: SdkError = error;
  return $response?.headers?.['date'];
}

/** A signature is refused for a wrong time as for a wrong key. */
const isAboutTime = (name: string, text: string): boolean =>
  unknownCallerNames.has(name) || expiredNames.has(name) || skewNames.has(name) || /signature/i.test(text);

const serviceLabels: Record<AwsService, string> = {
  eks: 'EKS',
  ec2: 'EC2',
  autoscaling: 'EC2 Auto Scaling',
  sts: 'STS',
  s3: 'S3',
  iam: 'IAM',
  cloudformation: 'CloudFormation',
};

/** EKS tells missing rights of the caller on other services as an invalid request. */
const isHiddenDenial = (name: string, text: string): boolean =>
  name === 'InvalidRequestException' && /not authorized to|missing permissions|is not authorized/i.test(text);

/** The error's own words, without the encoded part of a denial. */
function describe(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return cleanText(text.replace(/Encoded authorization failure message: \S+/, ''));
}
