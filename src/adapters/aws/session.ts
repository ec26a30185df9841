import type { AgentOptions } from 'node:https';
import type { EKSClientConfig } from '@aws-sdk/client-eks';
import { MigrateError } from '../../domain/migrate-error.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RandomSource } from '../clock/real-clock.ts';
import { isObject } from '../is-object.ts';
import { goesPast, type HttpsProxy, httpsProxy, proxyName } from '../proxy.ts';
import { type RetryLimits, retry } from '../retry.ts';
import { refusePlainHttp } from '../verified-tls.ts';
import { refuseAwsItself } from './endpoint-variables.ts';
import {
  type AwsService,
  classifyAwsError,
  errorName,
  ForeignAnswer,
  isTurnedAway,
  type Operation,
  translateAwsError,
} from './errors.ts';

export interface AwsOptions {
  clock: Clock;
  region?: string | undefined;
  profile?: string | undefined;
  /** in place of sockets: what carries requests inside one process */
  requestHandler?: EKSClientConfig['requestHandler'];
  /** one address for all services, in place of AWS_ENDPOINT_URL */
  endpoint?: string | undefined;
  /** in place of the SDK's own chain */
  credentials?: EKSClientConfig['credentials'];
  /** where HTTPS_PROXY and NO_PROXY are read */
  env?: AgentOptions['proxyEnv'];
  /** ends every call under way and every wait */
  signal?: AbortSignal | undefined;
  random?: RandomSource | undefined;
  limits?: Partial<RetryLimits> | undefined;
}

export interface CallOptions {
  /** the same request twice has the effect of one: reads, writes with a token, deletions */
  repeatable: boolean;
  /** narrower than usual */
  limits?: Partial<RetryLimits>;
}

/** The clients of one caller in one region, and the one way to call them. */
export type Session = ReturnType<typeof createSession>;

const connectionTimeout = 5_000;
/** Longer than the deadline that `retry` sets by the clock port: a second line of defence. */
const requestTimeout = 40_000;

const beforeSending = { step: 'finalizeRequest', name: 'noteHost' } as const;
/** before anything reads the body */
const uponAnswer = { step: 'deserialize', name: 'refusePage', priority: 'low' } as const;

/** Nothing is imported, read or connected before the first call. */
export function createSession(options: AwsOptions) {
  const { clock, profile, signal, env } = options;
  /** host of the last request of each service, for messages */
  const hosts: Partial<Record<AwsService, string>> = {};
  let knownRegion = options.region;
  const clients = makeClients();
  /** of each client that there is */
  const credentials = new Set<(ask: { forceRefresh: boolean }) => Promise<unknown>>();

  function makeClients() {
    return {
      settings: lazy(() => settings(options)),
      eks: lazy(async () => {
        const sdk = await import('./client-eks.ts');
        const client = new sdk.EKSClient(await clients.settings());
        client.middlewareStack.add((next) => (args) => next(noteHost('eks', args)), beforeSending);
        client.middlewareStack.add((next) => async (args) => refusePage(await next(args)), uponAnswer);
        credentials.add(client.config.credentials);
        return { sdk, client };
      }),
      ec2: lazy(async () => {
        const sdk = await import('./client-ec2.ts');
        const client = new sdk.EC2Client(await clients.settings());
        client.middlewareStack.add((next) => (args) => next(noteHost('ec2', args)), beforeSending);
        client.middlewareStack.add((next) => async (args) => refusePage(await next(args)), uponAnswer);
        credentials.add(client.config.credentials);
        return { sdk, client };
      }),
      autoScaling: lazy(async () => {
        const sdk = await import('./client-auto-scaling.ts');
        const client = new sdk.AutoScalingClient(await clients.settings());
        client.middlewareStack.add((next) => (args) => next(noteHost('autoscaling', args)), beforeSending);
        client.middlewareStack.add((next) => async (args) => refusePage(await next(args)), uponAnswer);
        credentials.add(client.config.credentials);
        return { sdk, client };
      }),
      sts: lazy(async () => {
        const sdk = await import('./client-sts.ts');
        const client = new sdk.STSClient(await clients.settings());
        client.middlewareStack.add((next) => (args) => next(noteHost('sts', args)), beforeSending);
        client.middlewareStack.add((next) => async (args) => refusePage(await next(args)), uponAnswer);
        credentials.add(client.config.credentials);
        return { sdk, client };
      }),
      cloudFormation: lazy(async () => {
        const sdk = await import('./client-cloudformation.ts');
        const client = new sdk.CloudFormationClient(await clients.settings());
        client.middlewareStack.add((next) => (args) => next(noteHost('cloudformation', args)), beforeSending);
        client.middlewareStack.add((next) => async (args) => refusePage(await next(args)), uponAnswer);
        credentials.add(client.config.credentials);
        return { sdk, client };
      }),
      iam: lazy(async () => {
        const sdk = await import('./client-iam.ts');
        const client = new sdk.IAMClient(await clients.settings());
        client.middlewareStack.add((next) => (args) => next(noteHost('iam', args)), beforeSending);
        client.middlewareStack.add((next) => async (args) => refusePage(await next(args)), uponAnswer);
        credentials.add(client.config.credentials);
        return { sdk, client };
      }),
      s3: lazy(async () => {
        const sdk = await import('../s3/client-s3.ts');
        const { endpoint = env?.['AWS_ENDPOINT_URL_S3'] ?? env?.['AWS_ENDPOINT_URL'] } = options;
        // servers other than AWS seldom have a name for each bucket
        const forcePathStyle = endpoint !== undefined;
        const client = new sdk.S3Client({ ...(await clients.settings()), forcePathStyle });
        client.middlewareStack.add((next) => (args) => next(noteHost('s3', args)), beforeSending);
        client.middlewareStack.add((next) => async (args) => refusePage(await next(args)), uponAnswer);
        credentials.add(client.config.credentials);
        return { sdk, client };
      }),
    };
  }

  function noteHost<T extends { request: unknown }>(service: AwsService, args: T): T {
    const { protocol, hostname, port } = isObject(args.request) ? args.request : {};
    if (options.requestHandler === undefined && typeof protocol === 'string' && typeof hostname === 'string') {
      refusePlainHttp(protocol, hostname, 'It is the address of AWS (AWS_ENDPOINT_URL, or endpoint_url of a profile)', [
        'unset AWS_ENDPOINT_URL, or give it an address with https://',
      ]);
    }
    if (typeof hostname === 'string') {
      const host = typeof port === 'number' ? `${hostname}:${port}` : hostname;
      const proxy = protocol === 'https:' && options.requestHandler === undefined ? httpsProxy(env ?? {}) : undefined;
      const isPast = proxy === undefined || goesPast(proxy, new URL(`https://${host}`));
      hosts[service] = isPast ? host : `${host} (through the proxy ${proxyName(proxy.url)})`;
    }
    return args;
  }

  /** Region as the SDK resolves it: the option, AWS_REGION, the profile. @throws MigrateError AWS.NO_REGION */
  async function region(): Promise<string> {
    if (knownRegion !== undefined) return knownRegion;
    const { client } = await clients.sts();
    try {
      knownRegion = await client.config.region();
    } catch (error) {
      throw translate(error, { service: 'sts', name: 'GetCallerIdentity', resource: 'the caller' });
    }
    return knownRegion;
  }

  function translate(error: unknown, operation: Operation): MigrateError {
    return translateAwsError(error, operation, {
      region: knownRegion,
      profile,
      host: hosts[operation.service],
      now: clock.now(),
    });
  }

  /**
   * One API call: retried by the one policy, its failure translated (the SDK's error is the `cause`). Credentials that AWS
   * does not take (any more) are asked for anew once: somebody may have renewed them meanwhile.
   */
  async function call<T>(
    operation: Operation,
    { repeatable, limits }: CallOptions,
    invoke: (http: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    if (options.endpoint === undefined) refuseAwsItself(operation.service, env ?? {});
    const attempt = () =>
      retry((abortSignal) => invoke({ abortSignal }), {
        clock,
        classify: (error) => classifyAwsError(error, clock.now()),
        repeatable,
        signal,
        random: options.random,
        limits: { ...limits, ...options.limits },
      });
    try {
      await region();
      return await attempt().catch(async (error: unknown) => {
        if (!isTurnedAway(error)) throw error;
        await renew();
        return attempt();
      });
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw translate(error, operation);
    }
  }

  /** Asks the providers of the credentials anew; whether they have others is seen by the next call. */
  async function renew(): Promise<void> {
    await Promise.allSettled([...credentials].map((ask) => ask({ forceRefresh: true })));
  }

  return {
    clock,
    region,
    call,
    renew,
    translate,
    eks: () => clients.eks(),
    ec2: () => clients.ec2(),
    autoScaling: () => clients.autoScaling(),
    sts: () => clients.sts(),
    s3: () => clients.s3(),
    iam: () => clients.iam(),
    cloudFormation: () => clients.cloudFormation(),
  };
}

type Settings = Pick<
  EKSClientConfig,
  'maxAttempts' | 'requestHandler' | 'region' | 'profile' | 'endpoint' | 'credentials'
> & {
  /** of the SDK's own chain: what it has read of files it keeps for as long as the process lives, unless told otherwise */
  ignoreCache: true;
};

async function settings(options: AwsOptions): Promise<Settings> {
  return {
    maxAttempts: 1,
    ignoreCache: true,
    requestHandler: options.requestHandler ?? (await socketSettings(options.env)),
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
  };
}

async function socketSettings(
  env: AgentOptions['proxyEnv'] = {},
): Promise<NonNullable<EKSClientConfig['requestHandler']>> {
  const { Agent } = await import('node:https');
  const proxy = httpsProxy(env);
  return {
    connectionTimeout,
    requestTimeout,
    throwOnRequestTimeout: true,
    httpsAgent: new Agent({ keepAlive: true, maxSockets: 50, ...(proxy && { proxyEnv: forAgent(proxy) }) }),
  };
}

/** As Node reads it, which takes `example.com` for that host alone, and knows no exception for this machine. */
const forAgent = ({ url, exceptions }: HttpsProxy): NonNullable<AgentOptions['proxyEnv']> => ({
  HTTPS_PROXY: url.href,
  NO_PROXY: [
    'localhost',
    '127.0.0.1',
    '[::1]',
    ...exceptions.flatMap((entry) => [entry, `.${entry.replace(/^\*?\./, '')}`]),
  ].join(),
});

/** What parses as an empty answer must not pass for one: that would mean that there is nothing. @throws ForeignAnswer */
function refusePage<T extends { response: unknown }>(answer: T): T {
  const { statusCode, headers } = isObject(answer.response) ? answer.response : {};
  const type = isObject(headers) ? headers['content-type'] : undefined;
  const isPage = typeof type === 'string' && /^text\/html\b/i.test(type);
  // servers that play S3 call an answer without a body so
  const isOfAws = isObject(headers) && Object.keys(headers).some((name) => /^x-amzn?-request-?id$/i.test(name));
  if (isPage && !isOfAws) throw new ForeignAnswer(Number(statusCode));
  return answer;
}

function lazy<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** The answer, or undefined when AWS says by one of these error names that the thing does not exist. */
export async function unlessAbsent<T>(names: readonly string[], answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (names.includes(causeName(error))) return undefined;
    throw error;
  }
}

/** Name that AWS gave a translated failure; '' when it did not come from AWS. */
export const causeName = (error: unknown): string => (error instanceof MigrateError ? errorName(error.cause) : '');
