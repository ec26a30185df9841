import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { type SubnetView, viewSubnet } from '../../src/domain/subnet-owners.ts';
import { drawingAfter, drawingOf, meaningKey } from '../../src/domain/subnet-symbols.ts';
import { legendOf, lookOf } from '../../src/reporting/formats/subnet-map-cells.ts';
import { palette, subnetMapSvg } from '../../src/reporting/formats/subnet-map-svg.ts';
import { subnetMapText } from '../../src/reporting/formats/subnet-map-text.ts';
import { subnetSection } from '../../src/reporting/formats/subnet-section.ts';
import { anInterface, aSnapshot, aSubnet } from '../support/snapshot.ts';
import { samplePlan } from './sample.ts';

const looker = { sourceInstances: new Set(['i-old']), accountId: '111122223333' };

const fragmented = aSubnet({
  subnetId: 'subnet-0bb2',
  cidr: '10.0.2.0/24',
  availabilityZone: 'eu-west-1b',
  availableIpAddressCount: 161,
  reservations: [
    { id: 'scr-1', cidr: '10.0.2.208/28', type: 'prefix' },
    { id: 'scr-2', cidr: '10.0.2.224/29', type: 'explicit' },
  ],
});
const inSubnet = { subnetId: 'subnet-0bb2' };
const interfaces = [
  anInterface({
    ...inSubnet,
    instanceId: 'i-old',
    addresses: ['10.0.2.20', '10.0.2.67', '10.0.2.68', ...Array.from({ length: 10 }, (_, n) => `10.0.2.${100 + n}`)],
  }),
  anInterface({ ...inSubnet, instanceId: 'i-old', addresses: [], prefixes: ['10.0.2.176/28'] }),
  anInterface({ ...inSubnet, instanceId: 'i-new', addresses: ['10.0.2.33'], prefixes: ['10.0.2.192/28'] }),
  anInterface({ ...inSubnet, instanceId: null, description: 'ELB app/a/1', addresses: ['10.0.2.150', '10.0.2.69'] }),
  anInterface({ ...inSubnet, instanceId: null, interfaceType: 'nat_gateway', addresses: ['10.0.2.160'] }),
  anInterface({ ...inSubnet, instanceId: null, description: 'Amazon EKS a', addresses: ['10.0.2.120', '10.0.2.151'] }),
];
const view = viewSubnet(fragmented, interfaces, looker);
const svgOf = (seen: SubnetView, said = '4 of 14 blocks free now') =>
  subnetMapSvg(drawingOf(seen), { said, id: 'map-1' });

test('the map of a /24 is one line with what its symbols mean', () => {
  assert.equal(
    subnetMapText(view, false).join('\n'),
    `  subnet-0bb2  10.0.2.0/24  eu-west-1b
  10.0.2.0  A 1 o . L . + K . K N p P R X A

  .     3  free
  R     1  free, reserved for prefixes
  1-9+  2  addresses of old nodes: free when they go
  p     1  prefix of an old node
  P     1  prefix
  o     1  other nodes and instances
  L     1  load balancers
  N     1  NAT gateways
  K     2  the EKS control plane
  X     1  reserved for named addresses
  A     2  AWS keeps addresses here

  4 of 14 blocks free now, 7 when the old nodes are gone. 68 % of the 200 free
  addresses lie outside free blocks; longest run 1 block. Old nodes hold single
  addresses in 3 blocks, alone in 2.
  AWS counts 161 free single addresses, the interfaces that can be seen leave
  176: some interfaces are hidden, so fewer blocks may be free.`,
  );
});

/** An empty subnet of this size, whose longest addresses have 15 characters. */
const empty = (bits: number): SubnetView =>
  viewSubnet(
    aSubnet({
      subnetId: 'subnet-0123456789abcdef0',
      cidr: bits > 24 ? `192.168.228.240/${bits}` : `192.168.228.0/${bits}`,
      availabilityZone: 'ap-northeast-1-wl1-nrt-wlz-1',
      availableIpAddressCount: 2 ** (32 - bits) - 5,
    }),
    [],
    looker,
  );

describe('every size is readable in 80 columns', () => {
  const rows: [bits: number, lines: number][] = [
    [28, 1],
    [26, 1],
    [24, 1],
    [23, 1],
    [22, 2],
    [20, 8],
    [18, 32],
    [17, 33],
    [16, 33],
  ];
  for (const [bits, lines] of rows) {
    test(`/${bits}`, () => {
      const text = subnetMapText(empty(bits), false);
      assert.deepEqual(
        text.filter((line) => line.length > 80),
        [],
      );
      assert.equal(text.indexOf('') - 1, lines);
    });
  }
});

test('a /16 is summed up in rows of /21', () => {
  const text = subnetMapText(empty(16), false);
  assert.equal(text[1], '  /28 BLOCKS        FREE  AFTER  PREFIXES  SPOILED  . free');
  assert.equal(text[2], '  192.168.0.0/21     127    127         0        0  |...............#|');
  assert.equal(text[3], '  192.168.8.0/21     128    128         0        0  |................|');
});

test('colour repeats what the symbols say', () => {
  const coloured = subnetMapText(view, true);
  assert.notDeepEqual(coloured, subnetMapText(view, false));
  assert.deepEqual(coloured.map(stripVTControlCharacters), subnetMapText(view, false));
});

test('a subnet without IPv4 says so', () => {
  const none = viewSubnet(aSubnet({ cidr: '' }), [], looker);
  assert.match(subnetMapText(none, false).join('\n'), /no IPv4 addresses/);
  assert.doesNotThrow(() => wellFormed(svgOf(none)));
});

test('every symbol of a map has its own line in the legend with its look', () => {
  const { map } = drawingOf(view);
  const legend = legendOf(map);
  for (const symbol of map) {
    const entry = legend.find((candidate) => candidate.symbol === meaningKey(symbol));
    assert.equal(entry?.look, lookOf(symbol));
    assert.notEqual(entry?.meaning, '');
  }
  assert.equal(new Set(legend.map(({ symbol }) => symbol)).size, legend.length);
  assert.equal(
    legend.reduce((sum, { blocks }) => sum + blocks, 0),
    view.blocks.length,
  );
});

test('the map when the old nodes are gone', () => {
  assert.equal(drawingOf(view).map, 'A1o.L.+K.KNpPRXA');
  assert.equal(drawingAfter(view).map, 'A.o.L..K.KN.PRXA');
});

/** Names of all elements of a document that is well-formed as far as our pictures go; throws otherwise. */
function wellFormed(xml: string): string[] {
  assert.doesNotMatch(xml, /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u, 'a character no XML may hold');
  const open: string[] = [];
  const names: string[] = [];
  let position = 0;
  const token = /<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<]*")*)(\/?)>|([^<]+)/y;
  while (position < xml.length) {
    token.lastIndex = position;
    const found = token.exec(xml) ?? assert.fail(`not well-formed at ${xml.slice(position, position + 60)}`);
    const [all, closing, name = '', attributes = '', selfClosing, text] = found;
    position += all.length;
    assert.doesNotMatch(`${attributes}${text ?? ''}`, /&(?!(amp|lt|gt|quot|apos);)/);
    if (text !== undefined) {
      assert.ok(open.length > 0 || text.trim() === '', 'text outside the root');
      continue;
    }
    const keys = [...attributes.matchAll(/ ([a-zA-Z:-]+)=/g)].map(([, key]) => key);
    assert.equal(new Set(keys).size, keys.length, 'an attribute twice');
    if (closing === '/') assert.equal(open.pop(), name);
    else {
      assert.ok(open.length > 0 || names.length === 0, 'a second root');
      names.push(name);
      if (selfClosing !== '/') open.push(name);
    }
  }
  assert.deepEqual(open, []);
  return names;
}

/** Relative luminance of `#rrggbb` (WCAG 2.2). */
const luminance = (colour: string): number => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

describe('the picture', () => {
  test('is well-formed, stands alone and has no script', () => {
    const svg = svgOf(view);
    assert.deepEqual([...new Set(wellFormed(svg))].toSorted(), ['desc', 'path', 'rect', 'svg', 'text', 'title']);
    assert.doesNotMatch(svg.replace('http://www.w3.org/2000/svg', ''), /href|url\(|https?:|<script|<style| on[a-z]+=/);
  });

  test('draws a square and a symbol for each block', () => {
    for (const drawn of [view, empty(22), empty(16)]) {
      const svg = svgOf(drawn);
      const squares = [...svg.matchAll(/M(\d+) (\d+)h20v20h-20z/g)].map(([, x, y]) => `${x} ${y}`);
      assert.equal(new Set(squares).size, drawn.blocks.length);
      const symbols = [...svg.matchAll(/<text x="([\d. ]+)" y="\d+" fill="#[0-9a-f]{6}">([^<]*)</g)];
      for (const [, x = '', text = ''] of symbols) assert.equal(x.split(' ').length, text.length);
      assert.equal(
        symbols.reduce((sum, [, , text = '']) => sum + text.length, 0),
        drawn.blocks.length,
      );
      wellFormed(svg);
    }
  });

  test('escapes whatever stands in names', () => {
    const name = fc.string({ unit: 'binary', maxLength: 20 });
    fc.assert(
      fc.property(name, name, (subnetId, availabilityZone) => {
        wellFormed(svgOf({ ...view, subnetId, availabilityZone }, subnetId));
      }),
    );
    const svg = svgOf({ ...view, subnetId: '<script>alert(1)</script>&"\u0000\u001b\ud800' });
    assert.match(svg, /&lt;script&gt;alert\(1\)&lt;\/script&gt;&amp;&quot; {2}10\.0\.2\.0\/24/);
    wellFormed(svg);
  });

  test('has enough contrast between symbols and their squares', () => {
    for (const [look, { fill, ink }] of Object.entries(palette)) {
      const [dark = 0, light = 0] = [luminance(fill), luminance(ink)].toSorted((a, b) => a - b);
      assert.ok((light + 0.05) / (dark + 0.05) >= 4.5, look);
    }
    assert.equal(new Set(Object.values(palette).map(({ fill }) => fill)).size, Object.keys(palette).length);
  });
});

describe('the section of a plan', () => {
  const snapshot = aSnapshot({ subnets: [fragmented], networkInterfaces: interfaces });
  const short = {
    subnetId: 'subnet-0bb2',
    availabilityZone: 'eu-west-1b',
    cidr: '10.0.2.0/24',
    freeAddresses: 200,
    freePrefixes: 4,
    freePrefixesAfter: 3,
    peakDemand: 6,
    fits: false,
    timeline: [],
    map: '',
  };

  test('is empty when everything fits', () => {
    assert.deepEqual(subnetSection(snapshot, { ...samplePlan, subnets: [{ ...short, fits: true }] }, false), []);
  });

  test('has a map for each subnet that is short', () => {
    const text = subnetSection(snapshot, { ...samplePlan, subnets: [short] }, false).join('\n');
    assert.match(text, /^ {2}subnet-0bb2 {2}10\.0\.2\.0\/24 {2}eu-west-1b\n {2}10\.0\.2\.0 {2}A /);
    assert.match(text, /4 of 14 blocks free now/);
  });

  test('stays short and lets no name steer the terminal', () => {
    const many = Array.from({ length: 5 }, (_, index) => ({ ...short, subnetId: `subnet-\u001b[2J${index}` }));
    const subnets = many.map(({ subnetId }) => ({ ...fragmented, subnetId }));
    const lines = subnetSection({ ...snapshot, subnets }, { ...samplePlan, subnets: many }, false);
    assert.equal(lines.filter((line) => line.includes('10.0.2.0/24')).length, 3);
    assert.ok(lines.includes('  2 more subnets without enough free blocks: see the findings.'));
    assert.ok(!lines.join('\n').includes('\u001b'));
  });
});
