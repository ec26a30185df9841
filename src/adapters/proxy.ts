import { BlockList, isIP } from 'node:net';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { isLoopback } from './verified-tls.ts';

/** The proxy that the environment asks for, and what goes past it. */
export interface HttpsProxy {
  /** may hold a user and a password: for messages there is `proxyName` */
  url: URL;
  exceptions: string[];
}

/**
 * `HTTPS_PROXY` and `NO_PROXY` as kubectl and curl read them: the spelling in small letters first, `http://` where nothing
 * else is said. Undefined when there is no proxy.
 *
 * @throws MigrateError INPUT.PROXY (exit 2)
 */
export function httpsProxy(env: Readonly<Record<string, string | undefined>>): HttpsProxy | undefined {
  const text = (env['https_proxy'] || env['HTTPS_PROXY'] || '').trim();
  if (text === '') return undefined;
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url === null || !/^https?:$/.test(url.protocol)) throw unusable(url);
  const exceptions = (env['no_proxy'] || env['NO_PROXY'] || '').split(',').flatMap((entry) => entry.trim() || []);
  return { url, exceptions };
}

/** The proxy without user and password. */
export const proxyName = (url: URL): string => `${url.protocol}//${url.host}`;

/**
 * Whether requests to a host go past the proxy: to this machine always, else by NO_PROXY. `example.com` and `.example.com`
 * mean names below it, the first also itself; further `*`, addresses and ranges (`10.0.0.0/8`), each with `:port` or without.
 */
export function goesPast({ exceptions }: HttpsProxy, server: URL): boolean {
  const host = server.hostname.toLowerCase();
  const port = server.port || '443';
  return isLoopback(host) || exceptions.some((entry) => matches(entry.toLowerCase(), host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const [, name = entry, only = port] = /^(.+):(\d+)$/.exec(isIP(entry) === 6 ? '' : entry) ?? [];
  if (only !== port) return false;
  const address = host.replace(/^\[|\]$/g, '');
  const [range = '', bits] = name.split('/');
  const family = isIP(range) === 6 ? 'ipv6' : 'ipv4';
  if (bits !== undefined && isIP(range) !== 0 && isIP(address) !== 0) {
    const list = new BlockList();
    list.addSubnet(range, Number(bits), family);
    return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  const below = name.replace(/^\*?\.?/, '.');
  return address === name || host === name || (isIP(address) === 0 && host.endsWith(below));
}

function unusable(url: URL | null): MigrateError {
  return new MigrateError({
    code: 'INPUT.PROXY',
    message: 'HTTPS_PROXY is no address of an HTTP proxy.',
    why: url === null ? 'It cannot be read as an address.' : `It names the protocol ${url.protocol.slice(0, 20)}`,
    nextActions: ['export HTTPS_PROXY=http://HOST:PORT', 'unset HTTPS_PROXY https_proxy'],
    exitCode: ExitCode.invalidInput,
  });
}
