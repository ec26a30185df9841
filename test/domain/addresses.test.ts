import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contains, formatCidr, formatIpv4, overlaps, parseCidr, parseIpv4 } from '../../src/domain/addresses.ts';

test('addresses are read and written', () => {
  assert.equal(parseIpv4('10.0.1.16'), 167772432);
  assert.equal(formatIpv4(4294967295), '255.255.255.255');
  for (const text of ['', '10.0.1', '10.0.1.256', '10.0.1.x', '10.0.1.1.1', ' 10.0.1.1', 'fe80::1']) {
    assert.equal(parseIpv4(text), null, text);
  }
  fc.assert(
    fc.property(fc.nat(0xffffffff), (address) => {
      assert.equal(parseIpv4(formatIpv4(address)), address);
    }),
  );
});
test('CIDR blocks are read, with host bits cleared', () => {
  assert.deepEqual(parseCidr('10.0.1.16/28'), { first: 167772432, size: 16 });
  assert.deepEqual(parseCidr('10.0.1.17/28'), { first: 167772432, size: 16 });
  assert.deepEqual(parseCidr('0.0.0.0/0'), { first: 0, size: 2 ** 32 });
  for (const text of ['', '10.0.1.0', '10.0.1.0/33', '10.0.1.0/x', '10.0.1.0/28/2', '2001:db8::/80']) {
    assert.equal(parseCidr(text), null, text);
  }
  assert.equal(formatCidr({ first: 167772432, size: 16 }), '10.0.1.16/28');
});
test('contains and overlaps stop at the edges', () => {
  const block = { first: 100, size: 16 };
  assert.deepEqual(
    [99, 100, 115, 116].map((address) => contains(block, address)),
    [false, true, true, false],
  );
  assert.equal(overlaps(block, { first: 116, size: 16 }), false);
  assert.equal(overlaps(block, { first: 115, size: 1 }), true);
});
