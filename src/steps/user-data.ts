import { isDeepStrictEqual } from 'node:util';
import { parse as parseToml, stringify as stringifyToml, type TomlTable } from 'smol-toml';
import { parseAllDocuments } from 'yaml';
import { kubeReservedMemoryMiB } from '../domain/max-pods.ts';
import type { MigrateError } from '../domain/migrate-error.ts';
import type { UserDataMerge } from '../domain/plan.ts';
import type { Cluster } from '../domain/snapshot.ts';
import { isNodeConfig, literal, readUserData, type UserData, userDataLimit } from '../domain/user-data.ts';
import { stoppedPartWay } from './conflict.ts';

/** How plans of versions before this one meant it. */
const behind: UserDataMerge = { format: 'mime', position: 'last', replace: [] };

/**
 * User data of a source together with ours. Everything of the source stays byte by byte where it is, but for the literals
 * that `merge` replaces and, in TOML, the keys that are ours.
 *
 * @throws MigrateError `TEMPLATE.USER_DATA_*` when the two cannot be joined. The source's text is never part of the message.
 */
export function mergeUserData(source: string | null, ours: string, merge: UserDataMerge = behind): string {
  if (source === null || source.trim() === '') return withinLimit(ours, 0);
  const { form } = readUserData(source);
  if (merge.format === 'toml' ? form !== 'toml' : !(form in joinable)) throw unknownKind(form);
  const replaced = replaceLiterals(source, merge.replace);
  const merged = merge.format === 'toml' ? mergeToml(replaced, ours) : mergeMime(replaced, ours, merge);
  return withinLimit(merged, Buffer.byteLength(source));
}

const joinable: Partial<Record<UserData['form'], true>> = { multipart: true, single: true, text: true };

/** `from` where no longer name goes on. Parts in base64 are decoded for it, and encoded again only when something was found. */
function replaceLiterals(text: string, replace: UserDataMerge['replace']): string {
  const replaced = (given: string): string =>
    replace.reduce(
      (left, { from, to }) => left.replaceAll(new RegExp(`${literal(from)}(?![\\w.-])`, 'g'), () => to),
      given,
    );
  const encoded = readUserData(text)
    .parts.filter(({ isBase64, body }) => isBase64 && replaced(body) !== body)
    .toReversed();
  const decoded = encoded.reduce((left, { start, end, body }) => {
    const lines =
      Buffer.from(replaced(body))
        .toString('base64')
        .match(/.{1,76}/g) ?? [];
    return `${left.slice(0, start)}${lines.join('\n')}${left.slice(end)}`;
  }, text);
  return replaced(decoded);
}

function mergeMime(source: string, ours: string, { position, ...merge }: UserDataMerge): string {
  const message = readUserData(source);
  const added = [...rawParts(ours), ...lastWords(message, ours, merge)];
  const { boundary, open, close } = message;
  if (message.form !== 'multipart') {
    const part = message.form === 'single' ? source.trimStart() : `Content-Type: ${message.contentType}\n\n${source}`;
    return inOneMessage(position === 'first' ? [...added, part] : [part, ...added]);
  }
  const lineBreak = /^.*?(\r?\n)/.exec(source)?.[1] ?? '\n';
  const block = added
    .map((part) => `--${boundary}\n${part}\n`)
    .join('')
    .replaceAll('\n', lineBreak);
  if (position === 'first') return source.slice(0, open) + block + source.slice(open);
  const before = source.slice(0, close);
  // without a closing delimiter the last part may end without a line break
  const end = close < source.length ? source.slice(close) : `--${boundary}--${lineBreak}`;
  return `${before}${before.endsWith('\n') ? '' : lineBreak}${block}${end}`;
}

/** The parts of ours, each with its headers. */
function rawParts(ours: string): string[] {
  const { form, boundary, open, close } = readUserData(ours);
  if (form !== 'multipart') throw new Error('the user data of the plan is no MIME multi-part message');
  return ours
    .slice(open, close)
    .split(`--${boundary}\n`)
    .slice(1)
    .map((part) => part.replace(/\n$/, ''));
}

function inOneMessage(parts: readonly string[]): string {
  let boundary = 'prefix-migrate';
  while (parts.some((part) => part.includes(`--${boundary}`))) boundary += '-';
  return [
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    '',
    ...parts.flatMap((part) => [`--${boundary}`, part]),
    `--${boundary}--`,
    '',
  ].join('\n');
}

/**
 * One NodeConfig part more, where the source's parts would win over ours: kubelet takes a flag before its configuration, and
 * flags of all parts are put together. More memory that the source sets aside stays set aside. Taints that the source
 * registers itself are left to it, since the last flag counts alone.
 */
function lastWords({ parts }: UserData, ours: string, { maxPods, taints }: Omit<UserDataMerge, 'position'>): string[] {
  if (maxPods === undefined || !readUserData(ours).parts.some(isNodeConfig)) return [];
  const kubelets = parts.filter(isNodeConfig).flatMap(({ body }) => kubeletsOf(body));
  const flags = kubelets.flatMap((kubelet) => (Array.isArray(kubelet['flags']) ? kubelet['flags'].map(String) : []));
  const memory = Math.max(
    0,
    ...kubelets.map((kubelet) => mebibytes(at(kubelet, ['config', 'kubeReserved', 'memory']))),
  );
  const registers = parts.some(({ body }) => /register-with-taints|registerWithTaints/.test(body));
  const ownFlags = [
    ...(flags.some((flag) => flag.includes('--max-pods')) ? [`--max-pods=${maxPods}`] : []),
    ...(taints === undefined || registers ? [] : [`--register-with-taints=${taints}`]),
  ];
  const reserved = memory > kubeReservedMemoryMiB(maxPods) ? memory : null;
  if (ownFlags.length === 0 && reserved === null) return [];
  const lines = [
    'Content-Type: application/node.eks.aws',
    '',
    '---',
    'apiVersion: node.eks.aws/v1alpha1',
    'kind: NodeConfig',
    'spec:',
    '  kubelet:',
    ...(reserved === null ? [] : ['    config:', '      kubeReserved:', `        memory: ${reserved}Mi`]),
    ...(ownFlags.length === 0 ? [] : ['    flags:', ...ownFlags.map((flag) => `      - ${flag}`)]),
  ];
  return [`${lines.join('\n')}\n`];
}

/** `spec.kubelet` of each document; what nodeadm cannot read either is passed over. */
function kubeletsOf(nodeConfig: string): Record<string, unknown>[] {
  try {
    const documents = [...parseAllDocuments(nodeConfig, { logLevel: 'silent' })];
    return documents.map((document) => at(document.toJS(), ['spec', 'kubelet'])).filter(isRecord);
  } catch {
    return [];
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const at = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((found, key) => (isRecord(found) ? found[key] : undefined), value);

const units: Record<string, number> = {
  '': 1 / 1024 ** 2,
  k: 1000 / 1024 ** 2,
  M: 1000 ** 2 / 1024 ** 2,
  G: 1000 ** 3 / 1024 ** 2,
  Ki: 1 / 1024,
  Mi: 1,
  Gi: 1024,
};

/** Of a Kubernetes quantity, rounded up; 0 for anything else. */
function mebibytes(quantity: unknown): number {
  const [, digits = '', unit = ''] = /^([\d.]+)(k|M|G|Ki|Mi|Gi)?$/.exec(String(quantity)) ?? [];
  return Math.ceil(Number(digits) * (units[unit] ?? 0)) || 0;
}

/** Each value of ours set in the text of the source, so that comments and order stay. */
function mergeToml(source: string, ours: string): string {
  return leavesOf(readToml(ours)).reduce((text, { path, value }) => setToml(text, path, value), source);
}

interface Leaf {
  path: [string, ...string[]];
  value: Exclude<TomlTable[string], TomlTable>;
}

const isTable = (value: TomlTable[string]): value is TomlTable =>
  typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date);

const leavesOf = (table: TomlTable): Leaf[] =>
  Object.entries(table).flatMap(([key, value]): Leaf[] =>
    isTable(value) ? leavesOf(value).map((leaf) => ({ ...leaf, path: [key, ...leaf.path] })) : [{ path: [key], value }],
  );

/**
 * The first edit of the text that means what is wanted: the line that sets the key changed, a line in its table, its table
 * at the end, and, where inline tables allow none of them, the whole written anew without its comments.
 */
function setToml(text: string, path: Leaf['path'], value: Leaf['value']): string {
  const before = readToml(text);
  const wanted = readToml(text);
  let table = wanted;
  for (const key of path.slice(0, -1)) {
    // an empty one of the parser, whose tables have no prototype
    const next = table[key] ?? readToml('');
    if (!isTable(next)) throw unreadableToml();
    table[key] = next;
    table = next;
  }
  const name = path.at(-1) ?? '';
  table[name] = value;
  if (isDeepStrictEqual(before, wanted)) return text;
  const line = stringifyToml({ [name]: value }).trim();
  const tableName = keyOf(path.slice(0, -1));
  const written = line.slice(line.indexOf('=') + 1).trim();
  const setter = new RegExp(
    `^([ \\t]*[^#\\n]*["'.]?${literal(name)}["']?[ \\t]*=[ \\t]*)([^#\\r\\n]*?)([ \\t]*(?:#.*)?)(?=\\r?$)`,
    'gm',
  );
  const opener = /^[ \t]*\[[^[\n][^\n]*\][ \t]*(?:#.*)?\r?\n?/gm;
  const edits = [
    ...[...text.matchAll(setter)].map(
      (found) =>
        `${text.slice(0, found.index)}${found[1]}${written}${found[3]}${text.slice(found.index + found[0].length)}`,
    ),
    ...[...text.matchAll(opener)].map((found) => {
      const end = found.index + found[0].length;
      return `${text.slice(0, end)}${found[0].endsWith('\n') ? '' : '\n'}${line}\n${text.slice(end)}`;
    }),
    `${text}${text.endsWith('\n') ? '' : '\n'}\n[${tableName}]\n${line}\n`,
    `${keyOf(path)} = ${written}\n${text}`,
    stringifyToml(wanted),
  ];
  const edited = edits.find((candidate) => isDeepStrictEqual(tryToml(candidate), wanted));
  if (edited === undefined) throw unreadableToml();
  return edited;
}

const keyOf = (keys: readonly string[]): string =>
  keys.map((key) => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key))).join('.');

function tryToml(text: string): TomlTable | null {
  try {
    return parseToml(text);
  } catch {
    return null;
  }
}

/** The parser's own message shows the text, and is not kept. */
function readToml(text: string): TomlTable {
  const table = tryToml(text);
  if (table === null) throw unreadableToml();
  return table;
}

const unreadableToml = (): MigrateError =>
  refused(
    'is no valid TOML',
    'Bottlerocket could not read it either; a comma, a quote or a table that is there twice is the usual cause.',
  );

/**
 * Fills in what a node needs to join and only EKS knows (DescribeCluster): `{{clusterEndpoint}}` and the like. Nothing of it
 * is secret.
 *
 * @throws MigrateError CLUSTER.SERVICE_RANGE when EKS does not tell the range of Services that the text asks for
 */
export function fillClusterValues(
  text: string,
  cluster: Pick<Cluster, 'name' | 'endpoint' | 'serviceCidr'> & { certificateAuthorityData: string },
): string {
  const { name, endpoint, serviceCidr, certificateAuthorityData } = cluster;
  if (serviceCidr === undefined && /\{\{cluster(ServiceCidr|DnsIp)\}\}/.test(text)) {
    throw stoppedPartWay({
      code: 'CLUSTER.SERVICE_RANGE',
      message: `EKS does not tell the range of Services of cluster ${name}.`,
      why: 'Nodes with an image of your own and no user data need it to join.',
      nextActions: [
        `aws eks describe-cluster --name ${name} --query cluster.kubernetesNetworkConfig`,
        'give the source a launch template with the whole user data that its nodes need, then make a new plan',
      ],
    });
  }
  const values: Record<string, string> = {
    clusterName: name,
    clusterEndpoint: endpoint,
    clusterCertificateAuthority: certificateAuthorityData,
    clusterServiceCidr: serviceCidr ?? '',
    clusterDnsIp: dnsIpOf(serviceCidr ?? ''),
  };
  return text.replaceAll(/\{\{(cluster\w+)\}\}/g, (whole, key: string) => values[key] ?? whole);
}

/** EKS gives the tenth address of the range to the DNS of the cluster. */
const dnsIpOf = (serviceCidr: string): string => serviceCidr.replace(/\d+\/\d+$/, '10');

const kinds: Partial<Record<UserData['form'], string>> = {
  compressed: 'is compressed (gzip), or has a part that is',
  powershell: 'is PowerShell, for Windows',
  toml: 'is TOML, for Bottlerocket',
};

const unknownKind = (form: UserData['form']): MigrateError =>
  refused(
    kinds[form] ?? 'is of a kind that is not known here',
    'What it says cannot be read, or means nothing to the image of the replacement, so that our settings could not be joined with it.',
  );

const refused = (what: string, why: string): MigrateError =>
  stoppedPartWay({
    code: 'TEMPLATE.USER_DATA_UNKNOWN',
    message: `The user data of the source's launch template ${what}. Nothing was made from it.`,
    why,
    nextActions: [
      'give the source a version of its launch template with plain user data: MIME multi-part, a script, cloud-config or a NodeConfig; TOML for Bottlerocket',
      'make a new plan: prefix-migrate plan --cluster CLUSTER',
    ],
  });

function withinLimit(text: string, before: number): string {
  const bytes = Buffer.byteLength(text);
  if (bytes <= userDataLimit) return text;
  throw stoppedPartWay({
    code: 'TEMPLATE.USER_DATA_TOO_LONG',
    message: `The user data of the replacement would have ${bytes} bytes, and EC2 takes ${userDataLimit}.`,
    why: `That of the source has ${before} already; ours adds ${bytes - before}. Nothing was made.`,
    nextActions: [
      "move a script of the source's user data to S3 or into the image, in a new version of its launch template",
      'make a new plan: prefix-migrate plan --cluster CLUSTER',
    ],
  });
}
