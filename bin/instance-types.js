// Writes src/domain/instance-types/data.ts from public files that lie here already; asks no network. Each argument is
// KIND=FILE@VERSION, where VERSION says which one it is (a tag, a commit):
//   limits=     github.com/aws/amazon-vpc-cni-k8s                      pkg/vpc/vpc_ip_resource_limit.go
//   trunks=     github.com/aws/amazon-vpc-resource-controller-k8s      pkg/aws/vpc/limits.go
//   described=  aws ec2 describe-instance-types --output json, or the same as one map by name, which
//               github.com/getmoto/moto publishes as                   moto/ec2/resources/instance_types.json
//   listed=     github.com/kubernetes/autoscaler                       cluster-autoscaler/cloudprovider/aws/ec2_instance_types.go
//               for types that EC2 describes no longer; may be given again with an older version of it
//   nodeadm=    github.com/awslabs/amazon-eks-ami                      nodeadm/internal/kubelet/instance-info.jsonl
//               only compared with: nodes compute with it
// and --date YYYY-MM-DD, of the newest of them. --check: write nothing, exit 1 when the file would change. --out FILE: elsewhere.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const sources = {
  limits: 'github.com/aws/amazon-vpc-cni-k8s pkg/vpc/vpc_ip_resource_limit.go',
  trunks: 'github.com/aws/amazon-vpc-resource-controller-k8s pkg/aws/vpc/limits.go',
  described: 'EC2 DescribeInstanceTypes (github.com/getmoto/moto moto/ec2/resources/instance_types.json)',
  listed: 'github.com/kubernetes/autoscaler cluster-autoscaler/cloudprovider/aws/ec2_instance_types.go',
  nodeadm: 'github.com/awslabs/amazon-eks-ami nodeadm/internal/kubelet/instance-info.jsonl',
};
/** Sources that must be there; of `listed` there may be several. */
const needed = ['limits', 'trunks', 'described', 'listed', 'nodeadm'];
/** A file that lost more of its types than this was cut off. */
const mostLost = 0.05;
/** Sources of different days may differ over a few types; more than this is a format that was misread. */
const mostUnlike = 0.01;
const mostUnknown = 0.05;
const shipped = new URL('../src/domain/instance-types/data.ts', import.meta.url);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { date: { type: 'string' }, check: { type: 'boolean' }, out: { type: 'string' } },
});
const target = values.out === undefined ? shipped : pathToFileURL(values.out);

try {
  const inputs = positionals.map(readInput);
  const missing = needed.filter((kind) => !inputs.some((input) => input.kind === kind));
  if (missing.length > 0) throw new Error(`${missing.join(', ')} not given; see the head of bin/instance-types.js`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(values.date ?? '')) throw new Error('--date YYYY-MM-DD is missing');
  const types = merge(inputs);
  const before = existsSync(target) ? (await import(target.href)).shippedData.types : {};
  refuseNonsense(before, types);
  const text = render(inputs, types);
  for (const line of difference(before, types)) console.log(line);
  const same = existsSync(target) && readFileSync(target, 'utf8') === text;
  if (values.check !== true) writeFileSync(target, text);
  console.log(`${Object.keys(types).length} types; the file ${same ? 'stays as it is' : 'changes'}`);
  process.exitCode = values.check === true && !same ? 1 : 0;
} catch (error) {
  console.error(`Refused: ${error.message}`);
  process.exitCode = 1;
}

function readInput(argument) {
  const [, kind, file, version] = /^(\w+)=(.+)@([^@'\\]+)$/.exec(argument) ?? [];
  if (!Object.hasOwn(sources, kind ?? '')) throw new Error(`${argument} is not KIND=FILE@VERSION of a known kind`);
  const text = readFileSync(file, 'utf8');
  const types = { limits, trunks, described, listed, nodeadm }[kind](text);
  if (types.size === 0) throw new Error(`${file} holds no instance type`);
  return { kind, version, types };
}

/** Entries of a map literal in Go: name -> body. */
function goEntries(text) {
  return new Map([...text.matchAll(/^\t"([^"]+)":\s*\{\n(.*?)\n\t\},?$/gms)].map(([, name, body]) => [name, body]));
}

function field(name, body, key) {
  const value = new RegExp(`\\b${key}:\\s*(?:"([^"]*)"|(\\w+))`).exec(body);
  if (value === null) throw new Error(`${name} has no ${key}`);
  return value[1] ?? value[2];
}

/** Interfaces of the default card: pods get no other. */
function limits(text) {
  return mapValues(goEntries(text), (body, name) => {
    const card = field(name, body, 'DefaultNetworkCardIndex');
    const cards = [...body.matchAll(/MaximumNetworkInterfaces:\s*(\d+),\s*NetworkCardIndex:\s*(\d+)/g)];
    return {
      enis: Number(cards.find(([, , index]) => index === card)?.[1]),
      ipv4PerEni: Number(field(name, body, 'IPv4Limit')),
      platform: field(name, body, 'IsBareMetal') === 'true' ? 'metal' : field(name, body, 'HypervisorType'),
    };
  });
}

function trunks(text) {
  return mapValues(goEntries(text), (body, name) =>
    field(name, body, 'IsTrunkingCompatible') === 'true' ? Number(field(name, body, 'BranchInterface')) : 0,
  );
}

function described(text) {
  const document = JSON.parse(text);
  const types = Array.isArray(document.InstanceTypes) ? document.InstanceTypes : Object.values(document);
  return new Map(
    types.map(({ InstanceType, NetworkInfo, VCpuInfo, MemoryInfo, ProcessorInfo, BareMetal, Hypervisor }) => {
      const card = NetworkInfo.NetworkCards.find((one) => one.NetworkCardIndex === NetworkInfo.DefaultNetworkCardIndex);
      const type = {
        vcpus: VCpuInfo.DefaultVCpus,
        memoryMiB: MemoryInfo.SizeInMiB,
        enis: card?.MaximumNetworkInterfaces,
        ipv4PerEni: NetworkInfo.Ipv4AddressesPerInterface,
        platform: BareMetal ? 'metal' : Hypervisor,
        architectures: ProcessorInfo.SupportedArchitectures.toSorted().join(' '),
      };
      return [InstanceType, type];
    }),
  );
}

function listed(text) {
  return mapValues(goEntries(text), (body, name) => ({
    vcpus: Number(field(name, body, 'VCPU')),
    memoryMiB: Number(field(name, body, 'MemoryMb')),
    architectures: { amd64: 'x86_64', arm64: 'arm64' }[field(name, body, 'Architecture')] ?? '',
  }));
}

function nodeadm(text) {
  const types = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return new Map(
    types.map((type) => [type.instanceType, { enis: type.defaultMaxENIs, ipv4PerEni: type.ipv4AddressesPerInterface }]),
  );
}

/** Rows by name. What EC2 says itself goes before what others noted; a type without size is kept with 0: not known. */
function merge(inputs) {
  const find = (kind, name) => inputs.find((input) => input.kind === kind && input.types.has(name))?.types.get(name);
  const names = inputs
    .filter(({ kind }) => kind === 'limits' || kind === 'described')
    .flatMap(({ types }) => [...types.keys()]);
  const types = {};
  const unlike = [];
  for (const name of inOrder(names)) {
    const type = {
      vcpus: 0,
      memoryMiB: 0,
      architectures: '',
      ...find('listed', name),
      ...find('limits', name),
      ...find('described', name),
    };
    types[name] = [
      type.vcpus,
      type.memoryMiB,
      type.enis,
      type.ipv4PerEni,
      type.platform,
      find('trunks', name) ?? null,
      type.architectures,
    ];
    for (const kind of ['limits', 'nodeadm']) {
      const other = find(kind, name) ?? type;
      if (other.enis !== type.enis || other.ipv4PerEni !== type.ipv4PerEni)
        unlike.push(`${name}: ${type.enis} x ${type.ipv4PerEni}, ${kind} has ${other.enis} x ${other.ipv4PerEni}`);
    }
  }
  for (const line of unlike) console.log(`unlike   ${line}`);
  if (unlike.length > mostUnlike * Object.keys(types).length)
    throw new Error(`the sources differ over ${unlike.length} types: one of them was misread`);
  return types;
}

function refuseNonsense(before, after) {
  const rows = Object.entries(after);
  for (const [name, [vcpus, memoryMiB, enis, ipv4PerEni, platform, branches, architectures]] of rows) {
    if (!/^[a-z0-9-]+\.[a-z0-9-]+$/.test(name)) throw new Error(`${name} is not the name of an instance type`);
    if (!whole(enis, 1) || !whole(ipv4PerEni, 2))
      throw new Error(`${name}: ${enis} interfaces of ${ipv4PerEni} addresses`);
    if (!whole(vcpus, 0) || !whole(memoryMiB, 0)) throw new Error(`${name}: ${vcpus} vCPUs and ${memoryMiB} MiB`);
    if (!['nitro', 'xen', 'metal', 'unknown'].includes(platform)) throw new Error(`${name}: platform ${platform}`);
    if (!/^[a-z0-9_ ]*$/.test(architectures)) throw new Error(`${name}: architectures ${architectures}`);
    if (branches !== null && !whole(branches, 0)) throw new Error(`${name}: ${branches} branch interfaces`);
  }
  const unknown = rows.filter(([, [vcpus, memoryMiB]]) => vcpus === 0 || memoryMiB === 0).map(([name]) => name);
  if (unknown.length > mostUnknown * rows.length) throw new Error(`the size of ${unknown.length} types is missing`);
  if (unknown.length > 0) console.log(`no size  ${unknown.join(', ')}`);
  const lost = Object.keys(before).filter((name) => isLess(after[name], before[name]));
  if (lost.length > mostLost * Object.keys(before).length)
    throw new Error(`${lost.length} of ${Object.keys(before).length} types would be lost or poorer: ${lost[0]} ...`);
}

/** Whether the type is gone, or something is no longer known of it. */
function isLess(row, before) {
  const [vcpus, memoryMiB, , , , branches] = row ?? [0, 0, 0, 0, '', null];
  return (
    row === undefined ||
    (vcpus === 0 && before[0] > 0) ||
    (memoryMiB === 0 && before[1] > 0) ||
    (branches === null && before[5] !== null)
  );
}

function difference(before, after) {
  const names = inOrder([...Object.keys(before), ...Object.keys(after)]);
  return names.flatMap((name) => {
    const [old, now] = [before[name], after[name]].map((row) => row && JSON.stringify(row));
    if (old === now) return [];
    if (old === undefined) return [`added    ${name} ${now}`];
    return [now === undefined ? `removed  ${name} ${old}` : `changed  ${name} ${old} -> ${now}`];
  });
}

function render(inputs, types) {
  const origin = inputs.map(({ kind, version }) => `    ${quoted(`${sources[kind]}, ${version}`)},`);
  const rows = Object.entries(types).map(([name, row]) => `    ${quoted(name)}: [${row.map(cell).join(', ')}],`);
  return `/** Written by bin/instance-types.js, which says how: not to be edited. */

/**
 * vCPUs and MiB of memory (0: not known), interfaces of the default network card, addresses of each of them, hypervisor or
 * bare metal, branch interfaces (0: no trunk interface; null: not known), architectures with a blank between them.
 */
export type Row = readonly [
  vcpus: number,
  memoryMiB: number,
  enis: number,
  ipv4PerEni: number,
  platform: 'nitro' | 'xen' | 'metal' | 'unknown',
  branchInterfaces: number | null,
  architectures: string,
];

export interface ShippedData {
  /** of the newest source */
  date: string;
  /** public files, each with its version */
  origin: string[];
  types: Record<string, Row>;
}

export const shippedData: ShippedData = {
  date: ${quoted(values.date)},
  origin: [
${origin.join('\n')}
  ],
  types: {
${rows.join('\n')}
  },
};
`;
}

function mapValues(map, change) {
  return new Map([...map].map(([name, value]) => [name, change(value, name)]));
}

function whole(number, least) {
  return Number.isInteger(number) && number >= least;
}
function quoted(text) {
  return `'${text}'`;
}
function cell(value) {
  return typeof value === 'string' ? quoted(value) : String(value);
}
function inOrder(names) {
  return [...new Set(names)].toSorted((a, b) => (a < b ? -1 : 1));
}
