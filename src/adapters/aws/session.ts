import type { AgentOptions } from 'node:https';
import type { EKSClientConfig } from '@aws-sdk/client-eks';
import { MigrateError } from '../../domain/migrate-error.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RandomSource } from '../clock/real-clock.ts';
import { isObject } from '../is-object.ts';
import { type RetryLimits, retry } from '../retry.ts';
import {
  type AwsService,
  classifyAwsError,
  errorName,
  isExpired,
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

/** Nothing is imported, read or connected before the first call. */
export function createSession(options: AwsOptions) {
  const { clock, profile, signal } = options;
  /** host of the last request of each service, for messages */
  const hosts: Partial<Record<AwsService, string>> = {};
  let knownRegion = options.region;
  let clients = makeClients();

  function makeClients() {
    return {
      settings: lazy(() => settings(options)),
      eks: lazy(async () => {
        const sdk = await import('./client-eks.ts');
        const client = new sdk.EKSClient(await clients.settings());
        client.middlewareStack.add((next) => (args) => next(noteHost('eks', args)), beforeSending);
        return { sdk, client };
      }),
      ec2: lazy(async () => {
        const sdk = await import('./client-ec2.ts');
        const client = new sdk.EC2Client(await clients.settings());
        client.middlewareStack.add((next) => (args) => next(noteHost('ec2', args)), beforeSending);
        return { sdk, client };
      }),
      autoScaling: lazy(async () => {
        const sdk = await import('./client-auto-scaling.ts');
        const client = new sdk.AutoScalingClient(await clients.settings());
        client.middlewareStack.add((next) => (args) => next(noteHost('autoscaling', args)), beforeSending);
        return { sdk, client };
      }),
      sts: lazy(async () => {
        const sdk = await import('./client-sts.ts');
        const client = new sdk.STSClient(await clients.settings());
        client.middlewareStack.add((next) => (args) => next(noteHost('sts', args)), beforeSending);
        return { sdk, client };
      }),
    };
  }

  function noteHost<T extends { request: unknown }>(service: AwsService, args: T): T {
    const { hostname, port } = isObject(args.request) ? args.request : {};
    if (typeof hostname === 'string') hosts[service] = typeof port === 'number' ? `${hostname}:${port}` : hostname;
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
    return translateAwsError(error, operation, { region: knownRegion, profile, host: hosts[operation.service] });
  }

  /**
   * One API call: retried by the one policy, its failure translated (the SDK's error is the `cause`). Credentials that
   * have expired are read anew once.
   */
  async function call<T>(
    operation: Operation,
    { repeatable, limits }: CallOptions,
    invoke: (http: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
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
      return await attempt().catch((error: unknown) => {
        if (!isExpired(error)) throw error;
        clients = makeClients();
        return attempt();
      });
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw translate(error, operation);
    }
  }

  return {
    clock,
    region,
    call,
    translate,
    eks: () => clients.eks(),
    ec2: () => clients.ec2(),
    autoScaling: () => clients.autoScaling(),
    sts: () => clients.sts(),
  };
}

type Settings = Pick<
  EKSClientConfig,
  'maxAttempts' | 'requestHandler' | 'region' | 'profile' | 'endpoint' | 'credentials'
>;

async function settings(options: AwsOptions): Promise<Settings> {
  return {
    maxAttempts: 1,
    requestHandler: options.requestHandler ?? (await socketSettings(options.env)),
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
  };
}

async function socketSettings(
  proxyEnv: AgentOptions['proxyEnv'],
): Promise<NonNullable<EKSClientConfig['requestHandler']>> {
  const { Agent } = await import('node:https');
  return {
    connectionTimeout,
    requestTimeout,
    throwOnRequestTimeout: true,
    httpsAgent: new Agent({ keepAlive: true, maxSockets: 50, ...(proxyEnv === undefined ? {} : { proxyEnv }) }),
  };
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
