/** A large VPC is read page by page, few calls at a time, and slower when EC2 says so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAwsPorts } from '../../../src/adapters/aws/aws-ports.ts';
import { mapSubnet } from '../../../src/domain/subnet-map.ts';
import type { SimResponse } from '../../../src/simulator/types.ts';
import { createBench } from '../virtual.ts';

const subnetCount = 500;
const interfacesPerSubnet = 30;
/** Amazon EC2 API reference, "Request throttling": non-mutating calls draw from a bucket of this size and refill. */
const bucket = { size: 100, perSecond: 20 };
const latencyMs = 50;

const subnetIds = Array.from({ length: subnetCount }, (_, index) => `subnet-${String(index).padStart(3, '0')}`);
const networkOf = (subnetId: string): string => {
  const index = Number(subnetId.slice('subnet-'.length));
  return `10.${index >> 8}.${index & 255}`;
};

const xml = (action: string, inner: string): SimResponse => ({
  status: 200,
  headers: {},
  body: `<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>${inner}</${action}Response>`,
});
const throttled: SimResponse = {
  status: 503,
  headers: {},
  body: '<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors><RequestID>r</RequestID></Response>',
};

/** Each interface has one address, and every tenth a prefix in its place. */
function interfaceXml(subnetId: string, number: number): string {
  const holds =
    number % 10 === 9
      ? `<ipv4PrefixSet><item><ipv4Prefix>${networkOf(subnetId)}.${Math.floor(number / 10) * 16 + 192}/28</ipv4Prefix></item></ipv4PrefixSet>`
      : '';
  const address = `${networkOf(subnetId)}.${16 + number}`;
  return (
    `<item><networkInterfaceId>eni-${subnetId}-${number}</networkInterfaceId><subnetId>${subnetId}</subnetId>` +
    `<privateIpAddressesSet><item><privateIpAddress>${address}</privateIpAddress><primary>true</primary></item></privateIpAddressesSet>${holds}</item>`
  );
}

function answer(asked: URLSearchParams): SimResponse {
  const values = (key: string): string[] =>
    [...asked].filter(([name]) => name.startsWith(key)).map(([, value]) => value);
  const action = asked.get('Action') ?? '';
  if (action === 'DescribeSubnets') {
    const items = values('SubnetId.').map(
      (id) => `<item><subnetId>${id}</subnetId><cidrBlock>${networkOf(id)}.0/24</cidrBlock></item>`,
    );
    return xml(action, `<subnetSet>${items.join('')}</subnetSet>`);
  }
  if (action === 'GetSubnetCidrReservations') return xml(action, '<subnetIpv4CidrReservationSet/>');
  assert.equal(action, 'DescribeNetworkInterfaces');
  const all = values('Filter.1.Value.').flatMap((subnetId) =>
    Array.from({ length: interfacesPerSubnet }, (_, number) => interfaceXml(subnetId, number)),
  );
  const size = Number(asked.get('MaxResults'));
  const start = Number(asked.get('NextToken') ?? 0);
  const next = start + size < all.length ? `<nextToken>${start + size}</nextToken>` : '';
  return xml(action, `<networkInterfaceSet>${all.slice(start, start + size).join('')}</networkInterfaceSet>${next}`);
}

test('500 subnets with 15,000 interfaces: all pages, at most four calls at a time, back-off when EC2 refuses', async (t) => {
  const bench = createBench();
  const answered: Record<string, number> = {};
  let [refused, underWay, most, tokens, filled] = [0, 0, 0, bucket.size, bench.clock.now()];
  const ports = createAwsPorts({
    clock: bench.clock,
    region: 'us-west-2',
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret-of-nobody' },
    random: () => 0.5,
    requestHandler: bench.requestHandler(async ({ body }) => {
      const asked = new URLSearchParams(body);
      underWay += 1;
      most = Math.max(most, underWay);
      await bench.clock.sleep(latencyMs);
      underWay -= 1;
      const now = bench.clock.now();
      tokens = Math.min(bucket.size, tokens + ((now - filled) / 1000) * bucket.perSecond);
      filled = now;
      if (tokens < 1) {
        refused += 1;
        return throttled;
      }
      tokens -= 1;
      const action = asked.get('Action') ?? '';
      answered[action] = (answered[action] ?? 0) + 1;
      assert.ok([...asked.keys()].filter((key) => key.startsWith('Filter.1.Value.')).length <= 200);
      return answer(asked);
    }),
  });

  const begin = bench.clock.now();
  const subnets = await bench.run(ports.ec2.describeSubnets(subnetIds));
  const interfaces = await bench.run(ports.ec2.networkInterfacesOfSubnets(subnetIds));
  const seconds = (bench.clock.now() - begin) / 1000;
  t.diagnostic(`${JSON.stringify(answered)}, ${refused} refused, ${seconds} s`);

  assert.deepEqual([subnets.length, interfaces.length], [subnetCount, subnetCount * interfacesPerSubnet]);
  assert.equal(new Set(interfaces.map((found) => found.networkInterfaceId)).size, interfaces.length, 'each once');
  const bySubnet = Map.groupBy(interfaces, ({ subnetId }) => subnetId);
  for (const subnet of subnets) {
    // 14 blocks less the two that single addresses are in and three prefixes
    assert.equal(mapSubnet(subnet, bySubnet.get(subnet.subnetId) ?? []).freePrefixes, 14 - 2 - 3);
  }
  assert.deepEqual(answered, { DescribeSubnets: 5, GetSubnetCidrReservations: 500, DescribeNetworkInterfaces: 15 });
  assert.ok(most <= 4, `${most} calls at a time`);
  assert.ok(refused > 0, 'the bucket ran dry');
  assert.ok(refused < 520, `${refused} calls for nothing: more than for something`);
  assert.ok(seconds < 60, `${seconds} s`);
});
