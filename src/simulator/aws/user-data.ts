/** User data of nodes: MIME multipart (Amazon Linux) and TOML (Bottlerocket), as EKS and nodeadm read them. */
import { parseYamlSubset, type Value, valueAt } from './yaml-subset.ts';

export interface Part {
  contentType: string;
  body: string;
}

/** The parts of a multipart document; undefined when it is none. */
export function parseMultipart(text: string): Part[] | undefined {
  const boundary = /^content-type:\s*multipart\/mixed;.*?boundary="?([^"\s;]+)"?/im.exec(text)?.[1];
  if (boundary === undefined) return undefined;
  return text
    .replaceAll('\r\n', '\n')
    .split(`--${boundary}`)
    .slice(1)
    .filter((part) => !part.startsWith('--'))
    .map((part) => {
      const [head = '', ...body] = part.replace(/^\n/, '').split('\n\n');
      return {
        contentType: /content-type:\s*([^\s;]+)/i.exec(head)?.[1] ?? 'text/plain',
        body: body.join('\n\n').trim(),
      };
    });
}

export function renderMultipart(parts: readonly Part[]): string {
  const body = parts.map((part) => `--//\nContent-Type: ${part.contentType}\n\n${part.body}\n`);
  return `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="//"\n\n${body.join('\n')}\n--//--\n`;
}

/** The maxPods that a node reads from its user data: the last NodeConfig that names one; undefined when none does. */
export function maxPodsInUserData(text: string): number | undefined {
  const toml = /^\s*"?max-pods"?\s*=\s*"?(\d+)"?\s*(?:#.*)?$/m.exec(text)?.[1];
  const parts = parseMultipart(text) ?? [{ contentType: 'application/node.eks.aws', body: text }];
  const values = parts
    .filter((part) => part.contentType === 'application/node.eks.aws')
    .map((part) => number(valueAt(nodeConfig(part.body), ['spec', 'kubelet', 'config', 'maxPods'])));
  const kubeletFlag = /--max-pods[= ](\d+)/.exec(text)?.[1];
  return values.findLast((value) => value !== undefined) ?? number(toml ?? null) ?? number(kubeletFlag ?? null);
}

/**
 * MiB of kubeReserved.memory that the last NodeConfig names which names any; undefined when none does. kubelet merges it
 * over what nodeadm wrote, member by member.
 */
export function reservedMemoryInUserData(text: string): number | undefined {
  return (parseMultipart(text) ?? [])
    .filter((part) => part.contentType === 'application/node.eks.aws')
    .map((part) => valueAt(nodeConfig(part.body), ['spec', 'kubelet', 'config', 'kubeReserved', 'memory']))
    .map(mebibytes)
    .findLast((value) => value !== undefined);
}

const units: Record<string, number> = { '': 1 / 1024 / 1024, Ki: 1 / 1024, Mi: 1, Gi: 1024 };

/** A quantity of Kubernetes in its binary units. */
function mebibytes(value: Value | undefined): number | undefined {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  const [, digits, unit = ''] = /^(\d+)(|Ki|Mi|Gi)$/.exec(text) ?? [];
  const factor = units[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

function nodeConfig(text: string): Value | undefined {
  try {
    return parseYamlSubset(text);
  } catch {
    return undefined;
  }
}

function number(value: Value | undefined): number | undefined {
  const count = typeof value === 'string' ? Number(value) : value;
  return typeof count === 'number' && Number.isInteger(count) ? count : undefined;
}

export function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

export function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}
