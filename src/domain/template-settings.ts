/**
 * What of a launch template the one of a replacement can have. Everything is copied but what is named here, so that a setting
 * that is new to this program is not lost. Members as EC2 names them (LaunchTemplateData); what EKS refuses in a node group:
 * https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html
 */

type Data = Record<string, unknown>;

/** A setting that is not copied. `path`: `NetworkInterfaces.0.SubnetId`. */
export interface LeftOut {
  path: string;
  reason: string;
}

/** Settings that cannot be copied although somebody wanted them: the person has to say that the nodes may be without. */
export interface TemplateConflict {
  paths: string[];
  why: string;
}

const refused = 'EKS refuses it in the template of a node group';
const held = 'the old node holds it until it ends, and each node needs its own';

/** Why a setting is left out; `*` is each one of a list. */
const reasons: Record<string, string> = {
  UserData: 'merged: see userData',
  InstanceType: 'the node group names its types, and EKS refuses them in both places',
  InstanceRequirements: 'a node group takes no requirements: it names the types that meet them',
  IamInstanceProfile: 'EKS makes an instance profile of the node role and sets it itself',
  InstanceMarketOptions: `${refused}: the capacity type of the group says it`,
  InstanceInitiatedShutdownBehavior: refused,
  HibernationOptions: refused,
  Operator: 'set by the AWS service that operates the template, and by nobody else',
  'MetadataOptions.State': 'the state of the options, not a setting',
  'NetworkInterfaces.*.SubnetId': `${refused}: the group names the subnets`,
};

/** Addresses and interfaces that are named one by one: no two nodes can have them. */
const ofOneNode = [
  'NetworkInterfaces.*.NetworkInterfaceId',
  'NetworkInterfaces.*.PrivateIpAddress',
  'NetworkInterfaces.*.PrivateIpAddresses',
  'NetworkInterfaces.*.Ipv4Prefixes',
  'NetworkInterfaces.*.Ipv6Addresses',
  'NetworkInterfaces.*.Ipv6Prefixes',
  'SecondaryInterfaces.*.PrivateIpAddresses',
];

const groupsInBothPlaces =
  'EC2 takes security groups from the interfaces or from the instance: those of the interfaces are kept';

/** The settings that a replacement can have, and what is left out of them. `keepsImage`: the group has an image of its own. */
export function copiedSettings(
  data: Data,
  { keepsImage }: { keepsImage: boolean },
): { data: Data; leftOut: LeftOut[] } {
  const leftOut: LeftOut[] = [];
  const twice = hasGroupsInBothPlaces(data);
  const reasonOf = (path: string): string | undefined => {
    const pattern = path.replaceAll(/\.\d+(?=\.)/g, '.*');
    if (pattern === 'ImageId') return keepsImage ? undefined : 'EKS takes the image of the AMI type';
    if (pattern === 'InstanceMarketOptions' && isCapacityBlock(data)) return undefined;
    if (twice && (pattern === 'SecurityGroupIds' || pattern === 'SecurityGroups')) return groupsInBothPlaces;
    return ofOneNode.includes(pattern) ? held : reasons[pattern];
  };
  const copy = (value: unknown, path: string): unknown => {
    const reason = path === '' ? undefined : reasonOf(path);
    if (reason !== undefined) {
      leftOut.push({ path, reason });
      return undefined;
    }
    const under = (key: string | number): string => (path === '' ? String(key) : `${path}.${key}`);
    if (Array.isArray(value)) {
      const items = value.map((item: unknown, index) => copy(item, under(index))).filter((item) => item !== undefined);
      return items.length === 0 ? undefined : items;
    }
    if (!isData(value)) return value;
    const members = Object.entries(value)
      .map(([key, member]) => [key, copy(member, under(key))] as const)
      .filter(([, member]) => member !== undefined);
    return members.length === 0 ? undefined : Object.fromEntries(members);
  };
  const copied = copy(data, '');
  return { data: isData(copied) ? copied : {}, leftOut };
}

/** What of a template stands in the way of a copy. */
export function templateConflicts(data: Data): TemplateConflict[] {
  const named = interfacesOf(data).flatMap(([list, index, one]) =>
    Object.keys(one)
      .filter((key) => ofOneNode.includes(`${list}.*.${key}`))
      .map((key) => `${list}.${index}.${key}`),
  );
  return [
    ...(named.length === 0
      ? []
      : [
          {
            paths: named,
            why: 'New nodes start while the old ones run, and an interface or address can be on one node only.',
          },
        ]),
    ...(hasGroupsInBothPlaces(data)
      ? [
          {
            paths: ['SecurityGroupIds', 'SecurityGroups'].filter((key) => data[key] !== undefined),
            why: 'The interfaces name security groups, too, and EC2 takes them from one place only: no instance starts from such a template.',
          },
        ]
      : []),
  ];
}

/** Addresses that each node gets at its start beside those that the VPC CNI attaches: `NetworkInterfaces.0.Ipv4PrefixCount=1`. */
export const addressesAtStart = (data: Data): string[] =>
  interfacesOf(data).flatMap(([list, index, one]) =>
    ['Ipv4PrefixCount', 'SecondaryPrivateIpAddressCount']
      .filter((key) => Number(one[key] ?? 0) > 0)
      .map((key) => `${list}.${index}.${key}=${String(one[key])}`),
  );

/** Security groups of the template, of its interfaces or of the instance. Empty: EKS adds that of the cluster. */
export const securityGroupsOf = (data: Data): string[] => [
  ...new Set([
    ...textsOf(data['SecurityGroupIds']),
    ...textsOf(data['SecurityGroups']),
    ...interfacesOf(data).flatMap(([, , one]) => textsOf(one['Groups'])),
  ]),
];

/** What of a template binds its nodes to capacity that somebody has set aside: `placement group search`, `dedicated host h-1`. */
export function boundCapacity(data: Data): string[] {
  const placement = record(data['Placement']);
  const reservation = record(data['CapacityReservationSpecification']);
  const target = record(reservation['CapacityReservationTarget']);
  const efa = interfacesOf(data).some(([, , one]) => textOf(one['InterfaceType']).startsWith('efa'));
  return [
    ...called('placement group', placement['GroupName'] ?? placement['GroupId']),
    ...called('dedicated host', placement['HostId'] ?? placement['HostResourceGroupArn']),
    ...(placement['Tenancy'] === 'host' &&
    placement['HostId'] === undefined &&
    placement['HostResourceGroupArn'] === undefined
      ? ['dedicated hosts']
      : []),
    ...called('capacity reservation', target['CapacityReservationId'] ?? target['CapacityReservationResourceGroupArn']),
    ...(reservation['CapacityReservationPreference'] === 'capacity-reservations-only'
      ? ['capacity reservations only']
      : []),
    ...(isCapacityBlock(data) ? ['capacity block'] : []),
    ...(efa ? ['interfaces for EFA'] : []),
  ];
}

/** `placement group search` */
const called = (what: string, value: unknown): string[] => (typeof value === 'string' ? [`${what} ${value}`] : []);

/** EKS wants it said in the template, too (https://docs.aws.amazon.com/eks/latest/userguide/capacity-blocks-mng.html). */
const isCapacityBlock = (data: Data): boolean =>
  record(data['InstanceMarketOptions'])['MarketType'] === 'capacity-block';

const hasGroupsInBothPlaces = (data: Data): boolean =>
  (data['SecurityGroupIds'] !== undefined || data['SecurityGroups'] !== undefined) &&
  interfacesOf(data).some(([, , one]) => textsOf(one['Groups']).length > 0);

const interfacesOf = (data: Data): [list: string, index: number, one: Data][] =>
  ['NetworkInterfaces', 'SecondaryInterfaces'].flatMap((list) => {
    const found = data[list];
    return (Array.isArray(found) ? found : []).map((one: unknown, index): [string, number, Data] => [
      list,
      index,
      record(one),
    ]);
  });

const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null && !Array.isArray(value);
const record = (value: unknown): Data => (isData(value) ? value : {});
const textsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : []).filter((item: unknown) => typeof item === 'string');
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
