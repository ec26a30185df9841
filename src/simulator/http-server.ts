import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Certificate } from './certificate.ts';
import { ConnectionReset } from './connection-reset.ts';
import type { SimHandler, SimRequest } from './types.ts';

export interface RunningServer {
  /** `http://127.0.0.1:<port>`, or `https:` with a certificate */
  url: string;
  port: number;
  /** Ends every connection, watches too, and frees the port. */
  close(): Promise<void>;
}

/** The port that was asked for belongs to another process. */
export class PortInUse extends Error {
  readonly code = 'EADDRINUSE';
  readonly port: number;
  constructor(port: number) {
    super(`port ${port} is in use`);
    this.name = 'PortInUse';
    this.port = port;
  }
}

export interface ServeOptions {
  /** 0, the default, takes a free one. */
  port?: number;
  /** Serves HTTPS with it. */
  certificate?: Certificate;
}

/**
 * Serves a handler over HTTP on the loopback address.
 *
 * @throws PortInUse; any other error of `listen`.
 */
export async function serve(handler: SimHandler, { port = 0, certificate }: ServeOptions = {}): Promise<RunningServer> {
  /** By the port of the client: a socket of TLS cannot be reset, only the one below it. */
  const sockets = new Map<number | undefined, Socket>();
  const listener: RequestListener = (incoming, outgoing) => {
    const reset = (): unknown => sockets.get(incoming.socket.remotePort)?.resetAndDestroy();
    answer(handler, incoming, outgoing, reset).catch((error: unknown) => outgoing.destroy(toError(error)));
  };
  const server = certificate ? createTlsServer(certificate, listener) : createServer(listener);
  server.on('connection', (socket: Socket) => {
    const { remotePort } = socket;
    sockets.set(remotePort, socket);
    socket.once('close', () => {
      if (sockets.get(remotePort) === socket) sockets.delete(remotePort);
    });
  });
  // Watches stay open for as long as their client wants.
  server.requestTimeout = 0;
  server.timeout = 0;
  const bound = await listen(server, port);
  return {
    url: `${certificate ? 'https' : 'http'}://127.0.0.1:${bound}`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new PortInUse(port) : error);
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

async function answer(
  handler: SimHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  reset: () => unknown,
): Promise<void> {
  const request = await read(incoming);
  try {
    const { status, headers, body } = await handler(request);
    if (typeof body === 'string') {
      outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
      return;
    }
    outgoing.writeHead(status, headers);
    // A watch without an event must still look answered.
    outgoing.flushHeaders();
    const stop = body.start({
      write: (chunk) => outgoing.write(chunk),
      end: () => outgoing.end(),
      reset: () => outgoing.destroy(),
    });
    if (outgoing.closed) stop();
    else outgoing.once('close', stop);
  } catch (error) {
    if (error instanceof ConnectionReset) {
      reset();
      return;
    }
    // A defect of the world, and the person in front of it must see it.
    const text = `the simulator failed on ${request.method} ${request.path}: ${toError(error).stack}\n`;
    outgoing.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
  }
}

async function read(incoming: IncomingMessage): Promise<SimRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk));
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = [value].flat().join(', ');
  }
  return {
    method: incoming.method ?? 'GET',
    path: incoming.url ?? '/',
    headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
