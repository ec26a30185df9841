import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';

const variables = ['', '_EKS', '_EC2', '_AUTO_SCALING', '_STS', '_S3', '_IAM', '_CLOUDFORMATION'].map(
  (service) => `AWS_ENDPOINT_URL${service}`,
);

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

const ofService = { iam: 'AWS_ENDPOINT_URL_IAM', cloudformation: 'AWS_ENDPOINT_URL_CLOUDFORMATION' } as const;

/**
 * Who sends EKS elsewhere than to AWS, and says nothing about a service that this program can do without, has none there; and
 * AWS itself is not to be asked about that cluster.
 *
 * @throws MigrateError AWS.NO_ENDPOINT
 */
export function refuseAwsItself(service: string, env: Readonly<Record<string, string | undefined>>): void {
  if (service !== 'iam' && service !== 'cloudformation') return;
  const name = ofService[service];
  if (!env['AWS_ENDPOINT_URL_EKS'] || env['AWS_ENDPOINT_URL'] || env[name]) return;
  throw new MigrateError({
    code: 'AWS.NO_ENDPOINT',
    message: `${service === 'iam' ? 'IAM' : 'CloudFormation'} was not asked.`,
    why: `AWS_ENDPOINT_URL_EKS sends EKS elsewhere than to AWS, and no ${name} says where this is.`,
    nextActions: [`export ${name}=https://HOST:PORT`],
    exitCode: ExitCode.invalidInput,
  });
}
