import { ConnectionReset } from './connection-reset.ts';
import { faultHeader } from './faults.ts';
import { isWrite, operationName, operationPattern } from './operation-name.ts';
import type { SimClock, SimHandler, SimRequest } from './types.ts';

export interface LoggedRequest {
  /** Epoch milliseconds of the world's clock, when the request arrived */
  at: number;
  /** Access key id, or the user of a bearer token; `anonymous` without either */
  caller: string;
  /** As `operationName` gives it */
  operation: string;
  /** Status of the answer; `reset` when the connection was closed instead, `open` until either */
  status: number | 'reset' | 'open';
  /** Names and tokens of the request: `nodegroupName`, `clientRequestToken`, `namespace`, `name`, ... */
  details: Record<string, string>;
  /** The fault that was injected, if any */
  fault?: string;
  method: string;
  path: string;
}

export interface RequestLog {
  /** In order of arrival. */
  readonly entries: readonly LoggedRequest[];
  /** Requests of one operation; `*` in it stands for anything. */
  of(operation: string): LoggedRequest[];
  /** Requests that can change something, dry runs left out. */
  writes(): LoggedRequest[];
  clear(): void;
}

export interface RecordingLog extends RequestLog {
  add(entry: LoggedRequest): void;
}

export function createRequestLog(): RecordingLog {
  const entries: LoggedRequest[] = [];
  return {
    entries,
    of(operation) {
      const pattern = operationPattern(operation);
      return entries.filter((entry) => pattern.test(entry.operation));
    },
    writes: () => entries.filter((entry) => isWrite(entry.operation) && entry.details['dryRun'] === undefined),
    clear: () => {
      entries.length = 0;
    },
    add: (entry) => entries.push(entry),
  };
}

/** Notes every request and how it was answered. `nameOf` turns an access key or token into a caller's name. */
export function withRequestLog(
  handler: SimHandler,
  log: RecordingLog,
  clock: SimClock,
  nameOf: (credential: string) => string = (credential) => credential,
): SimHandler {
  return async (request) => {
    const credential = credentialOf(request);
    const entry: LoggedRequest = {
      at: clock.now(),
      caller: credential === undefined ? 'anonymous' : nameOf(credential),
      operation: operationName(request),
      status: 'open',
      details: detailsOf(request),
      method: request.method,
      path: request.path,
    };
    log.add(entry);
    try {
      const response = await handler(request);
      entry.status = response.status;
      const fault = response.headers[faultHeader];
      if (fault !== undefined) entry.fault = fault;
      return response;
    } catch (error) {
      if (error instanceof ConnectionReset) {
        entry.status = 'reset';
        entry.fault = `reset-${error.when}`;
      }
      throw error;
    }
  };
}

/** Access key id of a signed AWS request or of an EKS token (a presigned STS URL), or another bearer token as it is. */
export function credentialOf(request: SimRequest): string | undefined {
  const authorization = request.headers['authorization'] ?? '';
  const accessKey = /^AWS4-HMAC-SHA256 Credential=([^/]+)\//.exec(authorization)?.[1];
  if (accessKey !== undefined) return accessKey;
  const token = /^Bearer (.+)$/.exec(authorization)?.[1];
  const presigned = token?.startsWith('k8s-aws-v1.') ? token.slice('k8s-aws-v1.'.length) : undefined;
  if (presigned === undefined) return token;
  const url = Buffer.from(presigned, 'base64url').toString();
  return /[?&]X-Amz-Credential=([^&%/]+)/.exec(url)?.[1] ?? token;
}

const detailNames = [
  'clientRequestToken',
  'clusterName',
  'nodegroupName',
  'addonName',
  'ClientToken',
  'LaunchTemplateName',
  'LaunchTemplateId',
  'SubnetId',
  'AutoScalingGroupName',
  'DryRun',
];

function detailsOf(request: SimRequest): Record<string, string> {
  const details: Record<string, string> = {};
  const [pathname = '', search = ''] = request.path.split('?', 2);
  const parts = pathname.split('/').map((part) => decode(part));
  const after = (name: string): string | undefined => parts[parts.indexOf(name) + 1];
  const put = (name: string, value: unknown): void => {
    if (typeof value === 'string' && value !== '') details[name] = value;
  };
  const parameters = new URLSearchParams(search);
  if (parts[1] === 'api' || parts[1] === 'apis') {
    const namespaced = parts.indexOf('namespaces');
    if (namespaced > 0) put('namespace', parts[namespaced + 1]);
    const start = (parts[1] === 'api' ? 3 : 4) + (namespaced > 0 && parts.length > namespaced + 2 ? 2 : 0);
    put('name', parts[start + 1]);
    put('dryRun', parameters.get('dryRun'));
    const body = parseJson(request.body);
    put('name', details['name'] ?? field(body, 'metadata', 'name'));
    put('uid', field(body, 'deleteOptions', 'preconditions', 'uid') ?? field(body, 'preconditions', 'uid'));
    for (const dryRun of [field(body, 'deleteOptions', 'dryRun'), field(body, 'dryRun')]) {
      if (Array.isArray(dryRun)) put('dryRun', dryRun[0]);
    }
    return details;
  }
  if (parts[1] === 'clusters') {
    put('clusterName', after('clusters'));
    if (parts.includes('node-groups')) put('nodegroupName', after('node-groups'));
    if (parts.includes('addons')) put('addonName', after('addons'));
    if (parts.includes('updates')) put('updateId', after('updates'));
  }
  const json = parseJson(request.body);
  const form = json === undefined ? new URLSearchParams(request.body) : parameters;
  for (const name of detailNames) put(name, field(json, name) ?? form.get(name) ?? undefined);
  if (details['DryRun'] === 'true') put('dryRun', 'All');
  return details;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // not our business: the handler refuses the path
  }
}

function parseJson(text: string): unknown {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not our business: the handler refuses the body
  }
}

function field(value: unknown, ...names: string[]): unknown {
  let current = value;
  for (const name of names) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = Reflect.get(current, name);
  }
  return current;
}
