/**
 * The clients of the product without sockets: an AWS SDK request handler and an undici dispatcher over handlers of the
 * simulator. Nothing here takes real time. `Traffic` tells the virtual-time driver what is under way.
 */
import { Readable } from 'node:stream';
import type { NodeHttpHandler } from '@smithy/node-http-handler';
import { Dispatcher } from 'undici';
import { ConnectionReset } from '../../src/simulator/connection-reset.ts';
import type { SimHandler, SimRequest, SimStream } from '../../src/simulator/types.ts';

/** Requests that are sent and not yet answered. A watch is answered when its stream starts. */
export interface Traffic {
  inFlight(): string[];
  begin(request: SimRequest): () => void;
}

export function createTraffic(): Traffic {
  const open = new Set<string>();
  let count = 0;
  return {
    inFlight: () => [...open],
    begin(request) {
      const label = `#${++count} ${request.method} ${request.path}`;
      open.add(label);
      return () => open.delete(label);
    },
  };
}

type AwsHandle = NodeHttpHandler['handle'];

/** `requestHandler` of an AWS client. Failures look like those of the SDK's own handler. */
export class InProcessHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #handler: SimHandler;
  readonly #traffic: Traffic;

  constructor(handler: SimHandler, traffic: Traffic = createTraffic()) {
    this.#handler = handler;
    this.#traffic = traffic;
  }

  async handle(request: Parameters<AwsHandle>[0], options: Parameters<AwsHandle>[1] = {}): ReturnType<AwsHandle> {
    const signal = options.abortSignal instanceof AbortSignal ? options.abortSignal : undefined;
    if (signal?.aborted) throw aborted();
    const sent: SimRequest = {
      method: request.method,
      path: request.path + search(request.query),
      headers: lowerCased(Object.entries(request.headers)),
      body: await text(request.body),
    };
    const end = this.#traffic.begin(sent);
    try {
      const answer = Promise.resolve(this.#handler(sent));
      const { status, headers, body } = await (signal ? Promise.race([answer, rejectOnAbort(signal)]) : answer);
      if (typeof body !== 'string') throw new TypeError('an AWS answer is not a stream');
      return { response: new AwsResponse(status, headers, Readable.from([Buffer.from(body)])) };
    } catch (error) {
      if (error instanceof ConnectionReset) throw Object.assign(socketError(), { name: 'TimeoutError' });
      throw error;
    } finally {
      end();
    }
  }

  destroy(): void {}
  updateHttpClientConfig(): void {}
  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

class AwsResponse {
  readonly statusCode: number;
  headers: Record<string, string>;
  body: Readable;

  constructor(statusCode: number, headers: Record<string, string>, body: Readable) {
    this.statusCode = statusCode;
    this.headers = headers;
    this.body = body;
  }
}

type Handler = Dispatcher.DispatchHandler;
type Controller = Dispatcher.DispatchController;

/** undici dispatcher; a streamed answer arrives chunk by chunk, each in a task of its own after the change it tells of. */
export class InProcessDispatcher extends Dispatcher {
  readonly #handler: SimHandler;
  readonly #traffic: Traffic;
  /** Aborts of the streams that are open, for `destroy`. */
  readonly #open = new Set<(reason: Error) => void>();

  constructor(handler: SimHandler, traffic: Traffic = createTraffic()) {
    super();
    this.#handler = handler;
    this.#traffic = traffic;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Handler): boolean {
    const exchange = new Exchange(handler, () => this.#open.delete(exchange.abort));
    this.#open.add(exchange.abort);
    void this.#run(options, exchange);
    return true;
  }

  async #run(options: Dispatcher.DispatchOptions, exchange: Exchange): Promise<void> {
    let end: (() => void) | undefined;
    try {
      const request: SimRequest = {
        method: options.method,
        path: options.path + search(options.query ?? {}),
        headers: headersOf(options.headers),
        body: await text(options.body),
      };
      end = this.#traffic.begin(request);
      exchange.requestStart();
      const { status, headers, body } = await this.#handler(request);
      exchange.respond(status, headers, body);
    } catch (error) {
      exchange.abort(error instanceof ConnectionReset ? socketError() : toError(error));
    } finally {
      end?.();
    }
  }

  override async close(): Promise<void> {}

  override async destroy(): Promise<void> {
    for (const abort of this.#open) abort(aborted());
  }
}

/** One request and its answer: holds chunks while the reader is paused, stops the stream when the reader goes away. */
class Exchange {
  readonly #handler: Handler;
  readonly #release: () => void;
  readonly #waiting: (() => void)[] = [];
  readonly #controller: Controller;
  #paused = false;
  #over = false;
  #draining = false;
  #reason: Error | null = null;
  #stop: () => void = () => undefined;

  constructor(handler: Handler, release: () => void) {
    this.#handler = handler;
    this.#release = release;
    const state = {
      aborted: () => this.#reason !== null,
      paused: () => this.#paused,
      reason: () => this.#reason,
    };
    this.#controller = {
      get aborted() {
        return state.aborted();
      },
      get paused() {
        return state.paused();
      },
      get reason() {
        return state.reason();
      },
      abort: (reason) => this.abort(reason),
      pause: () => {
        this.#paused = true;
      },
      resume: () => {
        this.#paused = false;
        this.#drain();
      },
    };
  }

  requestStart(): void {
    if (!this.#over) this.#handler.onRequestStart?.(this.#controller, {});
  }

  respond(status: number, headers: Record<string, string>, body: string | SimStream): void {
    if (this.#over) return;
    this.#controller.rawHeaders = Object.entries(headers).flatMap(([name, value]) => [
      Buffer.from(name),
      Buffer.from(value),
    ]);
    this.#handler.onResponseStart?.(this.#controller, status, headers, '');
    if (typeof body === 'string') {
      if (body !== '') this.#later(() => this.#data(body));
      this.#later(() => this.#finish());
      return;
    }
    this.#stop = body.start({
      write: (chunk) => this.#later(() => this.#data(chunk)),
      end: () => this.#later(() => this.#finish()),
      reset: () => this.#later(() => this.abort(socketError())),
    });
    if (this.#over) this.#stop();
  }

  /** Ends the exchange with an error, from either side. */
  readonly abort = (reason: Error): void => {
    if (this.#over) return;
    this.#reason = reason;
    this.#close();
    this.#handler.onResponseError?.(this.#controller, reason);
  };

  #data(chunk: string): void {
    this.#handler.onResponseData?.(this.#controller, Buffer.from(chunk));
  }

  #finish(): void {
    this.#close();
    this.#handler.onResponseEnd?.(this.#controller, {});
  }

  #close(): void {
    this.#over = true;
    this.#waiting.length = 0;
    this.#release();
    this.#stop();
  }

  /** Never inside the change that the world is making: the reader may answer with a request. */
  #later(deliver: () => void): void {
    this.#waiting.push(deliver);
    if (this.#draining) return;
    this.#draining = true;
    queueMicrotask(() => {
      this.#draining = false;
      this.#drain();
    });
  }

  #drain(): void {
    while (!this.#paused && !this.#over) {
      const deliver = this.#waiting.shift();
      if (!deliver) return;
      deliver();
    }
  }
}

function search(query: Record<string, unknown>): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    [value]
      .flat()
      .map((item) =>
        item === null || item === undefined ? percentEncode(key) : `${percentEncode(key)}=${percentEncode(item)}`,
      ),
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** Percent-encoding of RFC 3986, as signatures need it. */
function percentEncode(value: unknown): string {
  return encodeURIComponent(String(value)).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

async function text(body: unknown): Promise<string> {
  if (body === undefined || body === null) return '';
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return new TextDecoder().decode(body);
  if (isAsyncIterable(body)) {
    const parts: Buffer[] = [];
    for await (const part of body) parts.push(Buffer.from(part));
    return Buffer.concat(parts).toString('utf8');
  }
  throw new TypeError('a request body that is neither text, bytes nor a stream');
}

function isAsyncIterable(value: unknown): value is AsyncIterable<string | Uint8Array<ArrayBuffer>> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function headersOf(headers: Dispatcher.DispatchOptions['headers']): Record<string, string> {
  if (!headers) return {};
  if (Symbol.iterator in headers) {
    const items = [...headers];
    // undici takes either pairs, or names and values in turn.
    if (items.every((item) => typeof item === 'string')) {
      return lowerCased(items.flatMap((item, index) => (index % 2 === 0 ? [[item, items[index + 1]]] : [])));
    }
    return lowerCased(items.flatMap((item) => (typeof item === 'string' ? [] : [item])));
  }
  return lowerCased(Object.entries(headers));
}

function lowerCased(pairs: Iterable<readonly unknown[]>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of pairs) {
    if (value === undefined || value === null) continue;
    headers[String(name).toLowerCase()] = [value].flat().map(String).join(', ');
  }
  return headers;
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(aborted()), { once: true });
  });
}

function aborted(): Error {
  return Object.assign(new Error('Request aborted'), { name: 'AbortError' });
}

function socketError(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
