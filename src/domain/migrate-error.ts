/** Exit codes of the command line; other programs rely on them. */
export const ExitCode = {
  done: 0,
  bug: 1,
  invalidInput: 2,
  noConsent: 3,
  blockingFindings: 4,
  stalePlan: 5,
  stoppedPartWay: 6,
  locked: 7,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export interface MigrateErrorFields {
  /** `AREA.WORDS`, stable once published */
  code: string;
  /** what happened, in the user's words */
  message: string;
  why: string;
  /** commands or actions that can be pasted or done next, the best first */
  nextActions: string[];
  exitCode: ExitCode;
  /** true when the same call may succeed later without anybody changing anything */
  retryable?: boolean;
  cause?: unknown;
}

/** An expected failure. Whatever else is thrown is a bug (exit 1). */
export class MigrateError extends Error {
  override readonly name = 'MigrateError';
  readonly code: string;
  readonly why: string;
  readonly nextActions: string[];
  readonly exitCode: ExitCode;
  readonly retryable: boolean;

  constructor(fields: MigrateErrorFields) {
    super(fields.message, { cause: fields.cause });
    this.code = fields.code;
    this.why = fields.why;
    this.nextActions = fields.nextActions;
    this.exitCode = fields.exitCode;
    this.retryable = fields.retryable ?? false;
  }
}

const credentialsCodes: ReadonlySet<string> = new Set([
  'AWS.EXPIRED_CREDENTIALS',
  'AWS.INVALID_CREDENTIALS',
  'AWS.NO_CREDENTIALS',
  'KUBERNETES.UNAUTHORIZED',
  'KUBERNETES.EXEC_PLUGIN',
]);

/** AWS or the API server does not let the caller in, or not any more: with new credentials the same call works. */
export const lacksCredentials = (error: unknown): boolean =>
  error instanceof MigrateError && credentialsCodes.has(error.code);
