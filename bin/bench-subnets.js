// CPU time of drawing 500 subnets with 15,000 interfaces: the maps (limited), and what follows from them. Medians of 5 rounds.
import { adviseReservation } from '../src/domain/reservation.ts';
import { viewSubnet } from '../src/domain/subnet-owners.ts';
import { subnetMapText } from '../src/reporting/formats/subnet-map-text.ts';

const subnetCount = 500;
const interfaceCount = 15_000;
const limitSeconds = 2;
const rounds = 5;

// The same figures in every run: a linear congruential generator (Numerical Recipes).
let seed = 1;
const below = (limit) => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * limit);
};

// Every subnet is a /20 of 4096 addresses with a reservation for prefixes, as large clusters have them.
const subnets = Array.from({ length: subnetCount }, (_, index) => ({
  subnetId: `subnet-${index}`,
  vpcId: 'vpc-1',
  ownerId: '111122223333',
  availabilityZone: 'eu-west-1a',
  cidr: `${10 + (index >> 8)}.${index & 255}.0.0/20`,
  availableIpAddressCount: 3000,
  reservations: [{ id: `scr-${index}`, cidr: `${10 + (index >> 8)}.${index & 255}.8.0/22`, type: 'prefix' }],
  tags: {},
}));
const kinds = [
  ['interface', 'aws-K8S-i-0123456789'],
  ['interface', ''],
  ['interface', 'ELB app/shop/0123456789'],
  ['lambda', 'AWS Lambda VPC ENI-orders'],
];
const networkInterfaces = Array.from({ length: interfaceCount }, (_, index) => {
  const { subnetId, cidr } = subnets[index % subnetCount];
  const base = cidr.split('.').slice(0, 2).join('.');
  const single = () => `${base}.${below(8)}.${4 + below(250)}`;
  const [interfaceType, description] = kinds[below(kinds.length)];
  return {
    networkInterfaceId: `eni-${index}`,
    subnetId,
    interfaceType,
    description,
    requesterManaged: false,
    status: 'in-use',
    instanceId: description.startsWith('aws-K8S') || description === '' ? `i-${index % 4000}` : null,
    deviceIndex: 0,
    addresses: Array.from({ length: 1 + below(10) }, single),
    prefixes: Array.from({ length: below(5) }, () => `${base}.${8 + below(8)}.${16 * below(16)}/28`),
  };
});
const sourceInstances = new Set(Array.from({ length: 2000 }, (_, index) => `i-${index}`));

const cpuSeconds = (work) => {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (user + system) / 1e6, result };
};
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const times = { maps: [], advice: [], text: [] };
for (let round = 0; round < rounds; round++) {
  const maps = cpuSeconds(() => {
    const bySubnet = Map.groupBy(networkInterfaces, ({ subnetId }) => subnetId);
    return subnets.map((subnet) =>
      viewSubnet(subnet, bySubnet.get(subnet.subnetId) ?? [], { sourceInstances, accountId: '111122223333' }),
    );
  });
  const views = maps.result;
  times.maps.push(maps.seconds);
  const demand = { prefixes: 100, singles: 50 };
  times.advice.push(
    cpuSeconds(() => subnets.map((subnet, i) => adviseReservation(subnet, views[i], demand, 'eu-west-1'))).seconds,
  );
  times.text.push(cpuSeconds(() => views.map((view) => subnetMapText(view, false))).seconds);
}
console.log(`${subnetCount} subnets (/20), ${interfaceCount} interfaces, CPU seconds`);
console.log(`maps    ${median(times.maps).toFixed(2)}  (limit ${limitSeconds})`);
console.log(`advice  ${median(times.advice).toFixed(2)}`);
console.log(`text    ${median(times.text).toFixed(2)}`);
process.exit(median(times.maps) <= limitSeconds ? 0 : 1);
