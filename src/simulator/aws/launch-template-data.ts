/**
 * LaunchTemplateData: from the request's parameter names to the element names of the answer, which differ for lists.
 * botocore ec2 model, RequestLaunchTemplateData and ResponseLaunchTemplateData; a member that is not here is an error.
 */
import { AwsError } from './errors.ts';
import { listOf, lowerFirst, type Param, treeOf, type XmlTree } from './query.ts';

/** Each member: a text, a structure, or a list (`element` is its name in the answer) of texts or structures. */
type Member = 'text' | { structure: Shape } | { element: string; of: Shape | 'text' };
interface Shape {
  [parameter: string]: Member;
}

const texts = (names: string): Shape => Object.fromEntries(names.split(' ').map((name) => [name, 'text']));
const list = (element: string, of: Shape | 'text'): Member => ({ element, of });
const structure = (shape: Shape): Member => ({ structure: shape });

const networkInterface: Shape = {
  ...texts(
    'AssociateCarrierIpAddress AssociatePublicIpAddress DeleteOnTermination Description DeviceIndex InterfaceType',
  ),
  ...texts('Ipv4PrefixCount Ipv6AddressCount Ipv6PrefixCount NetworkCardIndex NetworkInterfaceId PrimaryIpv6'),
  ...texts('PrivateIpAddress SecondaryPrivateIpAddressCount SubnetId EnaQueueCount'),
  SecurityGroupId: list('groupSet', 'text'),
  Ipv4Prefix: list('ipv4PrefixSet', texts('Ipv4Prefix')),
  Ipv6Prefix: list('ipv6PrefixSet', texts('Ipv6Prefix')),
  Ipv6Addresses: list('ipv6AddressesSet', texts('Ipv6Address')),
  PrivateIpAddresses: list('privateIpAddressesSet', texts('Primary PrivateIpAddress')),
  ConnectionTrackingSpecification: structure(texts('TcpEstablishedTimeout UdpStreamTimeout UdpTimeout')),
  EnaSrdSpecification: structure({
    ...texts('EnaSrdEnabled'),
    EnaSrdUdpSpecification: structure(texts('EnaSrdUdpEnabled')),
  }),
};

const ebs = texts(
  'Encrypted DeleteOnTermination Iops KmsKeyId SnapshotId VolumeSize VolumeType Throughput VolumeInitializationRate EbsCardIndex',
);

const launchTemplateData: Shape = {
  ...texts('KernelId EbsOptimized ImageId InstanceType KeyName RamDiskId DisableApiTermination DisableApiStop'),
  ...texts('InstanceInitiatedShutdownBehavior UserData'),
  BlockDeviceMapping: list('blockDeviceMappingSet', {
    ...texts('DeviceName VirtualName NoDevice'),
    Ebs: structure(ebs),
  }),
  CapacityReservationSpecification: structure({
    ...texts('CapacityReservationPreference'),
    CapacityReservationTarget: structure(texts('CapacityReservationId CapacityReservationResourceGroupArn')),
  }),
  CpuOptions: structure(texts('CoreCount ThreadsPerCore AmdSevSnp NestedVirtualization')),
  CreditSpecification: structure(texts('CpuCredits')),
  EnclaveOptions: structure(texts('Enabled')),
  HibernationOptions: structure(texts('Configured')),
  IamInstanceProfile: structure(texts('Arn Name')),
  InstanceMarketOptions: structure({
    ...texts('MarketType'),
    SpotOptions: structure(
      texts('MaxPrice SpotInstanceType BlockDurationMinutes ValidUntil InstanceInterruptionBehavior'),
    ),
  }),
  LicenseSpecification: list('licenseSet', texts('LicenseConfigurationArn')),
  MaintenanceOptions: structure(texts('AutoRecovery')),
  MetadataOptions: structure(
    texts('HttpTokens HttpPutResponseHopLimit HttpEndpoint HttpProtocolIpv6 InstanceMetadataTags'),
  ),
  Monitoring: structure(texts('Enabled')),
  NetworkInterface: list('networkInterfaceSet', networkInterface),
  NetworkPerformanceOptions: structure(texts('BandwidthWeighting')),
  Placement: structure(
    texts(
      'AvailabilityZone AvailabilityZoneId Affinity GroupName GroupId HostId Tenancy SpreadDomain HostResourceGroupArn PartitionNumber',
    ),
  ),
  PrivateDnsNameOptions: structure(texts('HostnameType EnableResourceNameDnsARecord EnableResourceNameDnsAAAARecord')),
  SecurityGroupId: list('securityGroupIdSet', 'text'),
  SecurityGroup: list('securityGroupSet', 'text'),
  TagSpecification: list('tagSpecificationSet', { ...texts('ResourceType'), Tag: list('tagSet', texts('Key Value')) }),
};

const userDataLimit = 16 * 1024;

/** Checks and converts the request parameter. */
export function readLaunchTemplateData(param: Param | undefined): XmlTree {
  const data = readStructure(param, launchTemplateData, 'LaunchTemplateData');
  const { userData } = data;
  if (typeof userData === 'string') {
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(userData) || userData.length % 4 !== 0) {
      throw new AwsError('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data.');
    }
    if (Buffer.byteLength(userData, 'base64') > userDataLimit) {
      throw new AwsError('InvalidUserData.Malformed', 'User data is limited to 16384 bytes');
    }
  }
  return data;
}

function readStructure(param: Param | undefined, shape: Shape, path: string): XmlTree {
  const tree: XmlTree = {};
  for (const [name, value] of Object.entries(treeOf(param))) {
    const member = Object.hasOwn(shape, name) ? shape[name] : undefined;
    const where = `${path}.${name}`;
    if (!member) throw new AwsError('UnknownParameter', `The parameter ${where} is not recognized`);
    if (member === 'text') tree[lowerFirst(name)] = readText(value, where);
    else if ('structure' in member) tree[lowerFirst(name)] = readStructure(value, member.structure, where);
    else {
      const { element, of } = member;
      tree[element] = listOf(value).map((item, index) =>
        of === 'text' ? readText(item, `${where}.${index + 1}`) : readStructure(item, of, `${where}.${index + 1}`),
      );
    }
  }
  return tree;
}

function readText(value: Param, path: string): string {
  if (typeof value !== 'string')
    throw new AwsError('InvalidParameterValue', `The parameter ${path} is not a single value`);
  return value;
}
