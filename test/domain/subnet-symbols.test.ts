import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { NetworkInterface, Subnet } from '../../src/domain/snapshot.ts';
import { viewSubnet } from '../../src/domain/subnet-owners.ts';
import { drawingAfter, drawingOf, meaningKey, meanings } from '../../src/domain/subnet-symbols.ts';
import { anInterface, aSubnet } from '../support/snapshot.ts';

const looker = { sourceInstances: new Set(['i-old']), accountId: '111122223333' };
const old = (...addresses: string[]) => anInterface({ instanceId: 'i-old', addresses });
const oldPrefix = (prefix: string) => anInterface({ instanceId: 'i-old', addresses: [], prefixes: [prefix] });
const of = (overrides: Partial<NetworkInterface>) =>
  anInterface({ instanceId: null, addresses: ['10.0.1.20'], ...overrides });
const reserved = (type: 'prefix' | 'explicit'): Partial<Subnet> => ({
  reservations: [{ id: 'scr-1', cidr: '10.0.1.16/28', type }],
});

describe('the second block of a /26, now and when the old nodes are gone', () => {
  const rows: [name: string, interfaces: NetworkInterface[], subnet: Partial<Subnet>, now: string, after: string][] = [
    ['free', [], {}, '.', '.'],
    ['reserved for prefixes', [], reserved('prefix'), 'R', 'R'],
    ['reserved for named addresses', [], reserved('explicit'), 'X', 'X'],
    ['two addresses of an old node', [old('10.0.1.20', '10.0.1.21')], {}, '2', '.'],
    ['ten of them', [old(...Array.from({ length: 10 }, (_, n) => `10.0.1.${16 + n}`))], {}, '+', '.'],
    ['one in a reservation for prefixes', [old('10.0.1.20')], reserved('prefix'), '1', 'R'],
    ['one in a reservation for named addresses', [old('10.0.1.20')], reserved('explicit'), 'X', 'X'],
    ['prefix of an old node', [oldPrefix('10.0.1.16/28')], {}, 'p', '.'],
    ['its prefix among named addresses', [oldPrefix('10.0.1.16/28')], reserved('explicit'), 'P', 'X'],
    ['prefix of another node', [anInterface({ instanceId: 'i-new', prefixes: ['10.0.1.16/28'] })], {}, 'P', 'P'],
    ['old node and load balancer', [old('10.0.1.21'), of({ description: 'ELB app/a/1' })], {}, 'L', 'L'],
    ['another instance', [of({ instanceId: 'i-new' })], {}, 'o', 'o'],
    ['pod with an interface of its own', [of({ interfaceType: 'branch' })], {}, 'o', 'o'],
    ['left over', [of({ status: 'available', description: 'aws-K8S-i-gone' })], {}, 'u', 'u'],
    ['Lambda', [of({ interfaceType: 'lambda' })], {}, 'F', 'F'],
    ['endpoint', [of({ interfaceType: 'vpc_endpoint' })], {}, 'E', 'E'],
    ['NAT gateway', [of({ interfaceType: 'nat_gateway' })], {}, 'N', 'N'],
    ['EFS', [of({ description: 'EFS mount target for fs-1' })], {}, 'S', 'S'],
    ['RDS', [of({ description: 'RDSNetworkInterface', requesterManaged: true })], {}, 'D', 'D'],
    ['EKS', [of({ description: 'Amazon EKS shop-eu' })], {}, 'K', 'K'],
    ['somebody else', [of({ status: 'in-use', requesterManaged: true })], {}, '?', '?'],
  ];
  for (const [name, interfaces, overrides, now, after] of rows) {
    test(`${name}: ${now} ${after}`, () => {
      const view = viewSubnet(aSubnet({ cidr: '10.0.1.0/26', ...overrides }), interfaces, looker);
      const free = [view.freePrefixes, view.freePrefixesAfter];
      assert.deepEqual([drawingOf(view).map, drawingAfter(view).map], [`A${now}.A`, `A${after}.A`]);
      assert.deepEqual(
        free,
        [now, after].map((symbol) => ('.R'.includes(symbol) ? 2 : 1)),
      );
    });
  }
});

test('edges are A whatever is in them, and a subnet without IPv4 is empty', () => {
  const edge = viewSubnet(aSubnet({ cidr: '10.0.1.0/28' }), [old('10.0.1.5')], looker);
  assert.deepEqual([drawingOf(edge).map, drawingAfter(edge).map], ['A', 'A']);
  const onEdge = viewSubnet(aSubnet({ cidr: '10.0.1.0/27' }), [oldPrefix('10.0.1.16/28')], looker);
  assert.deepEqual([drawingOf(onEdge).map, drawingAfter(onEdge).map], ['AP', 'AA']);
  assert.equal(drawingOf(viewSubnet(aSubnet({ cidr: '' }), [], looker)).map, '');
});

test('every character has a meaning, and a row in the documentation', () => {
  const page = readFileSync(new URL('../../docs/subnet-map.md', import.meta.url), 'utf8');
  for (const symbol of Object.keys(meanings)) {
    assert.ok(page.includes(symbol === '1-9+' ? '| `1` to `9`, `+` |' : `| \`${symbol}\` |`), symbol);
  }
  assert.deepEqual(['7', '+', 'p'].map(meaningKey), ['1-9+', '1-9+', 'p']);
});
