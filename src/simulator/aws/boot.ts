/**
 * What a machine makes of its user data: nodeadm on Amazon Linux 2023, bootstrap.sh on Amazon Linux 2 and Ubuntu, TOML
 * settings on Bottlerocket. Scripts are not run: calls and flags are looked for in their text.
 */
import type { Taint } from '../kubernetes/objects.ts';
import { parseMultipart } from './user-data.ts';
import { parseYamlSubset, type Value, valueAt } from './yaml-subset.ts';

export type System = 'al2023' | 'al2' | 'ubuntu' | 'bottlerocket';

export const systemOf = (amiType: string): System => {
  if (amiType.startsWith('BOTTLEROCKET')) return 'bottlerocket';
  return amiType.startsWith('AL2_') ? 'al2' : 'al2023';
};

/** As the node tells it. */
export const osImages: Record<System, string> = {
  al2023: 'Amazon Linux 2023.9.20260801',
  al2: 'Amazon Linux 2',
  ubuntu: 'Ubuntu 22.04.5 LTS',
  bottlerocket: 'Bottlerocket OS 1.44.0 (aws-k8s)',
};

export interface Boot {
  /** Undefined where nothing says it. */
  maxPods: number | undefined;
  /** MiB of kubeReserved */
  reservedMemory: number | undefined;
  labels: Record<string, string>;
  taints: Taint[];
  /** Which cluster it tries to join, and where that is; bootstrap.sh asks EKS when it is not told. */
  clusterName: string | undefined;
  endpoint: string | undefined;
}

export function bootOf(system: System, userData: string): Boot {
  if (system === 'bottlerocket') return bottlerocket(userData);
  return system === 'al2023' ? nodeadm(userData) : bootstrap(userData);
}

/** Later parts win; flags of all parts are put together, and win over the configuration. */
function nodeadm(userData: string): Boot {
  const parts = parseMultipart(userData) ?? [{ contentType: 'application/node.eks.aws', body: userData }];
  const specs = parts
    .filter(({ contentType }) => contentType === 'application/node.eks.aws')
    .map(({ body }) => valueAt(readYaml(body), ['spec']));
  const last = (...path: string[]): Value | undefined =>
    specs.map((spec) => valueAt(spec, path)).findLast((value) => value !== undefined);
  const flags = specs.flatMap((spec) => valueAt(spec, ['kubelet', 'flags']) ?? []).map(String);
  const configured = last('kubelet', 'config', 'maxPods');
  return {
    ...kubeletFlags(flags.join(' ')),
    maxPods: lastMaxPods(flags.join(' ')) ?? (typeof configured === 'number' ? configured : undefined),
    reservedMemory: mebibytes(last('kubelet', 'config', 'kubeReserved', 'memory')),
    clusterName: text(last('cluster', 'name')),
    endpoint: text(last('cluster', 'apiServerEndpoint')),
  };
}

/**
 * Scripts in their order. One that writes to bootstrap.sh (`>`, `mv`, `sed -i`) stands between its caller and kubelet: the
 * first such one is next to kubelet, so that its --max-pods is the last. The cluster is what a script calls bootstrap.sh with.
 */
function bootstrap(userData: string): Boot {
  const parts = parseMultipart(userData) ?? [{ contentType: 'text/x-shellscript', body: userData }];
  const scripts = parts
    .filter(({ contentType, body }) => contentType === 'text/x-shellscript' || body.startsWith('#!'))
    .map(({ body }) => body.replaceAll(/\\\n/g, ' '));
  const edits = scripts.filter((script) => /(>|\bmv\b|sed -i)[^\n]*\/etc\/eks\/bootstrap\.sh/.test(script));
  const [, clusterName, given = ''] =
    scripts
      .map((script) => /^[ \t]*(?:exec |sudo )?\/etc\/eks\/bootstrap\.sh[ \t]+([\w-]+)(.*)$/m.exec(script))
      .find((call) => call !== null) ?? [];
  const ofCall = kubeletFlags(given);
  const ofEdits = kubeletFlags(edits.join('\n'));
  return {
    labels: ofCall.labels,
    taints: ofCall.taints.length > 0 ? ofCall.taints : ofEdits.taints,
    maxPods: edits.map(lastMaxPods).find((pods) => pods !== undefined) ?? lastMaxPods(given),
    reservedMemory: undefined,
    clusterName,
    endpoint: /--apiserver-endpoint[= ]+["']?([^\s"']+)/.exec(given)?.[1],
  };
}

function bottlerocket(userData: string): Boot {
  const settings = readSettings(userData);
  const of = (key: string): string | undefined => settings.get(`settings.kubernetes.${key}`)?.[0];
  const below = (table: string): [string, string[]][] =>
    [...settings].flatMap(([path, values]): [string, string[]][] =>
      path.startsWith(`settings.kubernetes.${table}.`)
        ? [[path.slice(`settings.kubernetes.${table}.`.length), values]]
        : [],
    );
  return {
    maxPods: of('max-pods') === undefined ? undefined : Number(of('max-pods')),
    reservedMemory: undefined,
    labels: Object.fromEntries(below('node-labels').map(([key, [value = '']]) => [key, value])),
    taints: below('node-taints').flatMap(([key, values]) => values.flatMap((value) => taint(`${key}=${value}`))),
    clusterName: of('cluster-name'),
    endpoint: of('api-server'),
  };
}

/** Tables with keys of texts, numbers and lists of texts: path to values. As much TOML as settings of nodes use. */
function readSettings(toml: string): Map<string, string[]> {
  const settings = new Map<string, string[]>();
  let table = '';
  for (const line of toml.split(/\r?\n/)) {
    const header = /^\s*\[([^[\]]+)\]\s*(?:#.*)?$/.exec(line)?.[1];
    if (header !== undefined) table = `${path(header)}.`;
    const [, key, value] = /^\s*([\w."/-]+)\s*=\s*("(?:[^"\\]*)"|\[[^\]]*\]|[\w.]+)\s*(?:#.*)?$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    const texts = [...value.matchAll(/"([^"]*)"/g)].map((found) => found[1] ?? '');
    settings.set(table + path(key), value.startsWith('[') || value.startsWith('"') ? texts : [value]);
  }
  return settings;
}

const path = (keys: string): string => keys.replaceAll(/["\s]/g, '');

/** Labels add up over all flags, of taints the last flag counts. */
function kubeletFlags(flags: string): Pick<Boot, 'labels' | 'taints'> {
  const valuesOf = (name: string): string[][] =>
    [...flags.matchAll(new RegExp(`--${name}[= ]([^\\s"']*)`, 'g'))].map((found) =>
      (found[1] ?? '').split(',').filter(Boolean),
    );
  return {
    labels: Object.fromEntries(
      valuesOf('node-labels')
        .flat()
        .filter((label) => label.includes('=') && !label.startsWith('$'))
        .map((label): [string, string] => {
          const [key = '', value = ''] = label.split('=');
          return [key, value];
        }),
    ),
    taints: (valuesOf('register-with-taints').at(-1) ?? []).flatMap(taint),
  };
}

/** `role=db:NoSchedule` */
function taint(given: string): Taint[] {
  const [, key = '', value = '', effect = ''] = /^([^=:]+)=?([^:]*):(\w+)$/.exec(given) ?? [];
  return key === '' ? [] : [{ key, ...(value === '' ? {} : { value }), effect }];
}

function lastMaxPods(flags: string): number | undefined {
  const found = [...flags.matchAll(/--max-pods[= ]+(\d+)/g)].at(-1)?.[1];
  return found === undefined ? undefined : Number(found);
}

function readYaml(document: string): Value | undefined {
  try {
    return parseYamlSubset(document);
  } catch {
    return undefined;
  }
}

const text = (value: Value | undefined): string | undefined => (typeof value === 'string' ? value : undefined);

const units: Record<string, number> = { '': 1 / 1024 / 1024, Ki: 1 / 1024, Mi: 1, Gi: 1024 };

/** A quantity of Kubernetes in its binary units. */
function mebibytes(value: Value | undefined): number | undefined {
  const given = typeof value === 'number' ? String(value) : text(value);
  const [, digits, unit = ''] = /^(\d+)(|Ki|Mi|Gi)$/.exec(given ?? '') ?? [];
  const factor = units[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}
