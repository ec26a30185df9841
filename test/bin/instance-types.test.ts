/** The script that writes the data of instance types, over sources of three types in the layout of the public ones. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../bin/instance-types.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'instance-types-'));
after(() => rmSync(folder, { recursive: true }));

const cards = (...enis: number[]) =>
  `NetworkCards: []NetworkCard{\n${enis.map((most, index) => `\t\t\t{\n\t\t\t\tMaximumNetworkInterfaces: ${most},\n\t\t\t\tNetworkCardIndex:         ${index},\n\t\t\t},`).join('\n')}\n\t\t},`;
const limit = (name: string, ipv4: number, hypervisor: string, metal: boolean, ...enis: number[]) =>
  `\t"${name}": {\n\t\tENILimit: ${enis[0]},\n\t\tIPv4Limit: ${ipv4},\n\t\tDefaultNetworkCardIndex: 0,\n\t\t${cards(...enis)}\n\t\tHypervisorType: "${hypervisor}",\n\t\tIsBareMetal: ${metal},\n\t},\n`;
const trunk = (name: string, compatible: boolean, branches: number) =>
  `\t"${name}": {\n\t\tIsTrunkingCompatible: ${compatible},\n\t\tBranchInterface: ${branches},\n\t},\n`;
const described = (InstanceType: string, vcpus: number, memory: number, enis: number, ipv4: number) => ({
  InstanceType,
  Hypervisor: 'nitro',
  BareMetal: false,
  VCpuInfo: { DefaultVCpus: vcpus },
  MemoryInfo: { SizeInMiB: memory },
  ProcessorInfo: { SupportedArchitectures: ['x86_64'] },
  NetworkInfo: {
    DefaultNetworkCardIndex: 0,
    Ipv4AddressesPerInterface: ipv4,
    NetworkCards: [{ NetworkCardIndex: 0, MaximumNetworkInterfaces: enis }],
  },
});

const sources = {
  limits: `package vpc\n\nvar instanceNetworkingLimits = map[string]InstanceTypeLimits{\n${limit('m5.large', 10, 'nitro', false, 3)}${limit('p5.48xlarge', 50, 'nitro', false, 2, 2)}${limit('m4.large', 10, 'xen', false, 2)}}\n`,
  trunks: `var Limits = map[string]*VPCLimits{\n${trunk('m5.large', true, 9)}${trunk('m4.large', false, 0)}}\n`,
  described: JSON.stringify({
    InstanceTypes: [described('m5.large', 2, 8192, 3, 10), described('p5.48xlarge', 192, 2097152, 2, 50)],
  }),
  listed: `var InstanceTypes = map[string]*InstanceType{\n\t"m4.large": {\n\t\tVCPU:         2,\n\t\tMemoryMb:     8192,\n\t\tArchitecture: "amd64",\n\t},\n}\n`,
  nodeadm: '{"instanceType":"m5.large","defaultMaxENIs":3,"ipv4AddressesPerInterface":10}\n',
};

function run(changes: Partial<Record<keyof typeof sources, string>>, ...more: string[]) {
  const args = Object.entries({ ...sources, ...changes }).map(([kind, text]) => {
    const file = join(folder, kind);
    writeFileSync(file, text);
    return `${kind}=${file}@v1`;
  });
  const out = ['--out', join(folder, 'data.ts'), '--date', '2026-08-20'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args, ...out, ...more], {
    encoding: 'utf8',
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  return { status, stdout, stderr };
}
const written = () => readFileSync(join(folder, 'data.ts'), 'utf8');

test('writes one row for each type, and the same bytes again', () => {
  const first = run({});
  assert.deepEqual([first.status, first.stderr], [0, '']);
  assert.match(first.stdout, /^added {4}m4\.large .*\nadded {4}m5\.large .*\nadded {4}p5\.48xlarge .*\n3 types/);
  assert.match(
    written(),
    /types: \{\n {4}'m4\.large': \[2, 8192, 2, 10, 'xen', 0, 'x86_64'\],\n {4}'m5\.large': \[2, 8192, 3, 10, 'nitro', 9, 'x86_64'\],\n {4}'p5\.48xlarge': \[192, 2097152, 2, 50, 'nitro', null, 'x86_64'\],\n/,
  );
  const text = written();
  assert.deepEqual(run({}, '--check'), { status: 0, stdout: '3 types; the file stays as it is\n', stderr: '' });
  const newer = run({ trunks: sources.trunks.replace('BranchInterface: 9', 'BranchInterface: 11') }, '--check');
  assert.equal(newer.status, 1);
  assert.match(newer.stdout, /^changed {2}m5\.large .*,9,.* -> .*,11,/);
  assert.equal(written(), text);
});

const refusals: [string, Partial<typeof sources>, RegExp][] = [
  ['a missing field', { limits: sources.limits.replaceAll('IPv4Limit', 'Ipv4') }, /m5\.large has no IPv4Limit/],
  ['a source that holds nothing', { trunks: 'package vpc\n' }, /trunks holds no instance type/],
  ['a file that was cut off', { limits: sources.limits.replace(/\t"m4[\s\S]*/, '}\n') }, /1 of 3 types would be lost/],
  ['facts that were known', { trunks: sources.trunks.replace('m5.large', 'm6.large') }, /poorer: m5\.large/],
  ['sources that contradict each other', { nodeadm: sources.nodeadm.replace(':3', ':4') }, /differ over 1 types/],
  ['no interfaces', { described: sources.described.replace('Interfaces":3', 'Interfaces":0') }, /differ|0 interfaces/],
];
for (const [name, changes, message] of refusals) {
  test(`refuses ${name}, and writes nothing`, () => {
    run({});
    const text = written();
    const { status, stderr } = run(changes);
    assert.equal(status, 1);
    assert.match(stderr, /^Refused: /);
    assert.match(stderr, message);
    assert.equal(written(), text);
  });
}

test('names what is missing on the command line', () => {
  const { status, stderr } = spawnSync(process.execPath, [script, '--date', '2026-08-20'], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /^Refused: limits, trunks, described, listed, nodeadm not given/m);
});
