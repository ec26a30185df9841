/**
 * Faults by rule, put in front of a handler: which operation, which call, what goes wrong. The answers are those of the
 * services: EKS exceptions of its API model, EC2 and query-protocol error codes, `Status` objects of Kubernetes.
 */
import { ConnectionReset } from './connection-reset.ts';
import { operationName, operationPattern } from './operation-name.ts';
import type { Random, SimClock, SimHandler, SimRequest, SimResponse, SimStream } from './types.ts';

export type FaultKind =
  /** Turned away for its rate: EKS 429, EC2 503, query 400, Kubernetes priority and fairness 429 */
  | 'throttle'
  | 'server-error'
  /** The connection is closed and nothing happened */
  | 'reset-before'
  /** The request takes effect and the answer is lost */
  | 'reset-after'
  /** The answer comes `seconds` (30) later than it would */
  | 'stall'
  /** The answer that the same request got the time before */
  | 'stale-read'
  /** Not found, though it exists: read after create */
  | 'not-found'
  /** Credentials or token no longer valid */
  | 'expired-token'
  /** The watch starts, then its connection is closed after `events` (1) events */
  | 'watch-cut'
  /** The resourceVersion or continue token is too old */
  | 'gone'
  /** A validating admission webhook says no */
  | 'webhook-denial';

export interface FaultRule {
  /** As `operationName` gives it, `*` for anything: `eks:CreateNodegroup`, `k8s:create pods/eviction`, `ec2:Describe*` */
  operation: string;
  kind: FaultKind;
  /** Only these calls of the operation, counted from 1. */
  nth?: number | readonly number[];
  /** In [0, 1]; 1 unless told. */
  probability?: number;
  /** `throttle`: tells the client how many seconds to wait. */
  retryAfterSeconds?: number;
  /** Only in this stretch of the world's clock: epoch milliseconds, the end not included. */
  during?: readonly [from: number, until: number];
  /** `stall`: how long. `stale-read`: no answer that is older than this. */
  seconds?: number;
  /** `watch-cut` */
  events?: number;
  /** `webhook-denial`: the words of another refusal by admission (quota, Pod Security) */
  message?: string;
}

/** Header of an answer that a fault made or changed, with its kind: for the request log and for people with curl. */
export const faultHeader = 'x-simulator-fault';

export function withFaults(
  handler: SimHandler,
  rules: readonly FaultRule[],
  world: { clock: SimClock; random: Random },
): SimHandler {
  if (rules.length === 0) return handler;
  const states = rules.map((rule, index) => ({
    rule,
    pattern: operationPattern(rule.operation),
    random: world.random.fork(`fault ${index}`),
    calls: 0,
  }));
  const lastAnswers = new Map<string, { at: number; response: SimResponse }>();

  function choose(operation: string): FaultRule | undefined {
    let chosen: FaultRule | undefined;
    for (const state of states) {
      if (!state.pattern.test(operation)) continue;
      state.calls += 1;
      const { nth, probability = 1, during } = state.rule;
      const now = world.clock.now();
      const counted = nth === undefined || [nth].flat().includes(state.calls);
      const inTime = during === undefined || (during[0] <= now && now < during[1]);
      if (counted && inTime && state.random.next() < probability) chosen ??= state.rule;
    }
    return chosen;
  }

  return async (request) => {
    const operation = operationName(request);
    const rule = choose(operation);
    const key = `${operation} ${request.path} ${request.body}`;
    const remembers = states.some((state) => state.rule.kind === 'stale-read' && state.pattern.test(operation));
    const answer = async (): Promise<SimResponse> => {
      const response = await handler(request);
      if (remembers && typeof response.body === 'string') lastAnswers.set(key, { at: world.clock.now(), response });
      return response;
    };
    if (!rule) return answer();
    const last = lastAnswers.get(key);
    const isUsable = last !== undefined && world.clock.now() - last.at <= (rule.seconds ?? Infinity) * 1000;
    const response = await inject(rule, operation, request, answer, isUsable ? last.response : undefined);
    return { ...response, headers: { ...response.headers, [faultHeader]: rule.kind } };
  };

  async function inject(
    rule: FaultRule,
    operation: string,
    request: SimRequest,
    answer: () => Promise<SimResponse>,
    previous: SimResponse | undefined,
  ): Promise<SimResponse> {
    const { kind } = rule;
    if (kind === 'reset-before') throw new ConnectionReset('before');
    if (kind === 'reset-after') {
      await answer();
      throw new ConnectionReset('after');
    }
    if (kind === 'stale-read') return previous ?? answer();
    if (kind === 'stall') {
      await new Promise<void>((resolve) => {
        world.clock.after((rule.seconds ?? 30) * 1000, resolve);
      });
      return answer();
    }
    if (kind === 'watch-cut') {
      const response = await answer();
      if (typeof response.body === 'string') return response;
      return { ...response, body: cutAfter(response.body, rule.events ?? 1) };
    }
    return refusal(kind, operation, request, rule);
  }
}

function cutAfter(stream: SimStream, events: number): SimStream {
  return {
    start(sink) {
      let left = events;
      let cut = false;
      const stop = stream.start({
        write(chunk) {
          if (cut) return;
          sink.write(chunk);
          left -= 1;
          cut = left <= 0;
          if (cut) sink.reset();
        },
        end: () => cut || sink.end(),
        reset: () => cut || sink.reset(),
      });
      return stop;
    },
  };
}

type Protocol = 'eks' | 'ec2' | 'query' | 'k8s';
type Refusal = Exclude<FaultKind, 'reset-before' | 'reset-after' | 'stall' | 'stale-read' | 'watch-cut'>;

/** Status, code and message in each protocol. Absent: the service has no such answer, so the rule is a mistake. */
const refusals: Record<Refusal, Partial<Record<Protocol, [status: number, code: string, message: string]>>> = {
  throttle: {
    eks: [429, 'ThrottlingException', 'Rate exceeded'],
    ec2: [503, 'RequestLimitExceeded', 'Request limit exceeded.'],
    query: [400, 'Throttling', 'Rate exceeded'],
    k8s: [429, 'TooManyRequests', 'Too many requests, please try again later.'],
  },
  'server-error': {
    eks: [500, 'ServerException', 'Internal server error'],
    ec2: [500, 'InternalError', 'An internal error has occurred'],
    query: [500, 'InternalFailure', 'An internal error has occurred'],
    k8s: [500, 'InternalError', 'Internal error occurred: etcdserver: request timed out'],
  },
  'not-found': {
    eks: [404, 'ResourceNotFoundException', 'The resource was not found.'],
    ec2: [400, 'InvalidID.NotFound', 'The ID does not exist'],
    query: [400, 'ValidationError', 'The name was not found'],
    k8s: [404, 'NotFound', 'the server could not find the requested resource'],
  },
  'expired-token': {
    eks: [403, 'ExpiredTokenException', 'The security token included in the request is expired'],
    ec2: [400, 'RequestExpired', 'Request has expired.'],
    query: [403, 'ExpiredToken', 'The security token included in the request is expired'],
    k8s: [401, 'Unauthorized', 'Unauthorized'],
  },
  gone: { k8s: [410, 'Expired', 'The resourceVersion for the provided list is too old.'] },
  'webhook-denial': { k8s: [403, 'Forbidden', 'admission webhook "guard.example.com" denied the request: not now'] },
};

function refusal(kind: Refusal, operation: string, request: SimRequest, rule: FaultRule): SimResponse {
  const { retryAfterSeconds } = rule;
  const protocol = protocolOf(operation);
  const entry = refusals[kind][protocol];
  if (!entry) throw new Error(`fault ${kind} has no meaning for ${operation}`);
  const [status, code, message] = entry;
  const response = refuse[protocol](status, code, rule.message ?? message, operation, request);
  if (retryAfterSeconds !== undefined) response.headers['retry-after'] = String(retryAfterSeconds);
  return response;
}

function protocolOf(operation: string): Protocol {
  const service = operation.split(':', 1)[0];
  return service === 'eks' || service === 'ec2' || service === 'k8s' ? service : 'query';
}

type Refuse = (status: number, code: string, message: string, operation: string, request: SimRequest) => SimResponse;

const refuse: Record<Protocol, Refuse> = {
  eks: (status, code, message) => ({
    status,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': code },
    body: JSON.stringify({ message }),
  }),
  ec2: (status, code, message) => ({
    status,
    headers: { 'content-type': 'text/xml;charset=UTF-8' },
    body: `<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>fault</RequestID></Response>`,
  }),
  query: (status, code, message) => ({
    status,
    headers: { 'content-type': 'text/xml' },
    body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>fault</RequestId></ErrorResponse>`,
  }),
  k8s(status, reason, message, operation, request) {
    if (status === 429) {
      // Priority and fairness answers before the API machinery: no Status object.
      return {
        status,
        headers: { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' },
        body: `${message}\n`,
      };
    }
    const headers = { 'content-type': 'application/json' };
    const object = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code: status };
    if (status !== 410 || !operation.startsWith('k8s:watch ')) {
      return { status, headers, body: `${JSON.stringify(object)}\n` };
    }
    // A watch from a forgotten version begins well and says so in its first event.
    const version = new URLSearchParams(request.path.split('?')[1]).get('resourceVersion') ?? '0';
    const old = { ...object, message: `too old resource version: ${version} (${Number(version) + 1})` };
    return { status: 200, headers, body: `${JSON.stringify({ type: 'ERROR', object: old })}\n` };
  },
};
