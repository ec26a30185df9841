import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';

const variables = ['', '_EKS', '_EC2', '_AUTO_SCALING', '_STS', '_S3'].map((service) => `AWS_ENDPOINT_URL${service}`);

/** The SDKs only say that some URL is none. @throws MigrateError AWS.BAD_ENDPOINT (exit 2) naming the variable */
export function refuseBadEndpoints(env: Readonly<Record<string, string | undefined>>): void {
  for (const name of variables) {
    const value = env[name] ?? '';
    if (value === '' || /^https?:$/.test(URL.parse(value)?.protocol ?? '')) continue;
    throw new MigrateError({
      code: 'AWS.BAD_ENDPOINT',
      message: `${name} is ${JSON.stringify(value)}, which is no address of a server. Nothing was asked.`,
      why: 'It takes the place of the address of AWS, and begins with https:// (or http://localhost for a server on this machine).',
      nextActions: [`unset ${name}`, `or: export ${name}=https://HOST:PORT`],
      exitCode: ExitCode.invalidInput,
    });
  }
}
