/** Every server but one on this machine has to prove by TLS that it is the one meant. */
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';

/** Names of this machine, as URLs have them. */
export const isLoopback = (hostname: string): boolean =>
  /^((.+\.)?localhost|\[?::1\]?|127\.\d+\.\d+\.\d+)$/.test(hostname);

/** @throws MigrateError TLS.PLAIN_HTTP (exit 2). `named` says where the address comes from */
export function refusePlainHttp(protocol: string, hostname: string, named: string, nextActions: string[]): void {
  if (protocol !== 'http:' || isLoopback(hostname)) return;
  throw notVerified(
    'PLAIN_HTTP',
    `http://${hostname} is plain HTTP. Nothing was sent to it.`,
    `${named}. Without TLS nobody can tell who answers, and all can read along; only this machine itself is asked so.`,
    nextActions,
  );
}

/** Node leaves out every check when this variable is 0. @throws MigrateError TLS.NOT_VERIFIED (exit 2) */
export function refuseUnverifiedTls(env: Readonly<Record<string, string | undefined>>): void {
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return;
  throw notVerified(
    'NOT_VERIFIED',
    'NODE_TLS_REJECT_UNAUTHORIZED=0 turns the check of TLS certificates off. Nothing was sent.',
    'AWS and the API server could then be anybody, and would be given tokens and orders.',
    [
      'unset NODE_TLS_REJECT_UNAUTHORIZED',
      'export NODE_EXTRA_CA_CERTS=FILE (the certificate authority of your proxy or test server, as PEM)',
    ],
  );
}

const notVerified = (code: string, message: string, why: string, nextActions: string[]): MigrateError =>
  new MigrateError({ code: `TLS.${code}`, message, why, nextActions, exitCode: ExitCode.invalidInput });
