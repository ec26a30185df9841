import type { HclItem, HclValue } from './hcl.ts';

/** A setting in the words of the provider: an attribute, or a block with settings of its own (several when it is a list). */
type Words = string | { block: string; of: Record<string, Words> };

const block = (name: string, of: Record<string, Words>): Words => ({ block: name, of });

/**
 * EC2 LaunchTemplateData as `aws_launch_template` has it
 * (https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/launch_template).
 */
const settings: Record<string, Words> = {
  ImageId: 'image_id',
  KeyName: 'key_name',
  EbsOptimized: 'ebs_optimized',
  DisableApiStop: 'disable_api_stop',
  DisableApiTermination: 'disable_api_termination',
  KernelId: 'kernel_id',
  RamDiskId: 'ram_disk_id',
  SecurityGroupIds: 'vpc_security_group_ids',
  SecurityGroups: 'security_group_names',
  BlockDeviceMappings: block('block_device_mappings', {
    DeviceName: 'device_name',
    NoDevice: 'no_device',
    VirtualName: 'virtual_name',
    Ebs: block('ebs', {
      VolumeSize: 'volume_size',
      VolumeType: 'volume_type',
      Iops: 'iops',
      Throughput: 'throughput',
      Encrypted: 'encrypted',
      KmsKeyId: 'kms_key_id',
      SnapshotId: 'snapshot_id',
      VolumeInitializationRate: 'volume_initialization_rate',
      DeleteOnTermination: 'delete_on_termination',
    }),
  }),
  CapacityReservationSpecification: block('capacity_reservation_specification', {
    CapacityReservationPreference: 'capacity_reservation_preference',
    CapacityReservationTarget: block('capacity_reservation_target', {
      CapacityReservationId: 'capacity_reservation_id',
      CapacityReservationResourceGroupArn: 'capacity_reservation_resource_group_arn',
    }),
  }),
  CpuOptions: block('cpu_options', {
    CoreCount: 'core_count',
    ThreadsPerCore: 'threads_per_core',
    AmdSevSnp: 'amd_sev_snp',
    NestedVirtualization: 'nested_virtualization',
  }),
  CreditSpecification: block('credit_specification', { CpuCredits: 'cpu_credits' }),
  EnclaveOptions: block('enclave_options', { Enabled: 'enabled' }),
  InstanceMarketOptions: block('instance_market_options', { MarketType: 'market_type' }),
  LicenseSpecifications: block('license_specification', { LicenseConfigurationArn: 'license_configuration_arn' }),
  MaintenanceOptions: block('maintenance_options', { AutoRecovery: 'auto_recovery' }),
  MetadataOptions: block('metadata_options', {
    HttpEndpoint: 'http_endpoint',
    HttpTokens: 'http_tokens',
    HttpPutResponseHopLimit: 'http_put_response_hop_limit',
    HttpProtocolIpv6: 'http_protocol_ipv6',
    InstanceMetadataTags: 'instance_metadata_tags',
  }),
  Monitoring: block('monitoring', { Enabled: 'enabled' }),
  NetworkInterfaces: block('network_interfaces', {
    DeviceIndex: 'device_index',
    NetworkCardIndex: 'network_card_index',
    InterfaceType: 'interface_type',
    Description: 'description',
    Groups: 'security_groups',
    AssociatePublicIpAddress: 'associate_public_ip_address',
    AssociateCarrierIpAddress: 'associate_carrier_ip_address',
    DeleteOnTermination: 'delete_on_termination',
    SecondaryPrivateIpAddressCount: 'ipv4_address_count',
    Ipv4PrefixCount: 'ipv4_prefix_count',
    Ipv6AddressCount: 'ipv6_address_count',
    Ipv6PrefixCount: 'ipv6_prefix_count',
    PrimaryIpv6: 'primary_ipv6',
    ConnectionTrackingSpecification: block('connection_tracking_specification', {
      TcpEstablishedTimeout: 'tcp_established_timeout',
      UdpStreamTimeout: 'udp_stream_timeout',
      UdpTimeout: 'udp_timeout',
    }),
    EnaSrdSpecification: block('ena_srd_specification', {
      EnaSrdEnabled: 'ena_srd_enabled',
      EnaSrdUdpSpecification: block('ena_srd_udp_specification', { EnaSrdUdpEnabled: 'ena_srd_udp_enabled' }),
    }),
  }),
  NetworkPerformanceOptions: block('network_performance_options', { BandwidthWeighting: 'bandwidth_weighting' }),
  Placement: block('placement', {
    Affinity: 'affinity',
    AvailabilityZone: 'availability_zone',
    GroupId: 'group_id',
    GroupName: 'group_name',
    HostId: 'host_id',
    HostResourceGroupArn: 'host_resource_group_arn',
    PartitionNumber: 'partition_number',
    SpreadDomain: 'spread_domain',
    Tenancy: 'tenancy',
  }),
  PrivateDnsNameOptions: block('private_dns_name_options', {
    HostnameType: 'hostname_type',
    EnableResourceNameDnsARecord: 'enable_resource_name_dns_a_record',
    EnableResourceNameDnsAAAARecord: 'enable_resource_name_dns_aaaa_record',
  }),
  SecondaryInterfaces: block('secondary_interfaces', {
    DeviceIndex: 'device_index',
    NetworkCardIndex: 'network_card_index',
    InterfaceType: 'interface_type',
    DeleteOnTermination: 'delete_on_termination',
    PrivateIpAddressCount: 'private_ip_address_count',
    SecondarySubnetId: 'secondary_subnet_id',
  }),
};

type Data = Record<string, unknown>;

/** Settings of a launch template (EC2 LaunchTemplateData), and what Terraform has no words for: `NetworkInterfaces.0.EnaQueueCount`. */
export function launchTemplateItems({ TagSpecifications, ...data }: Data): { items: HclItem[]; lacks: string[] } {
  const said = itemsOf(data, settings, '');
  return { items: [...said.items, ...tagSpecifications(TagSpecifications)], lacks: said.lacks };
}

/** In the order of the table, so that equal settings give equal text. */
function itemsOf(data: Data, words: Record<string, Words>, path: string): { items: HclItem[]; lacks: string[] } {
  const lacks = Object.keys(data)
    .filter((key) => !Object.hasOwn(words, key))
    .map((key) => `${path}${key}`);
  const parts = Object.entries(words)
    .filter(([key]) => Object.hasOwn(data, key) && data[key] !== null)
    .map(([key, one]) => itemsOfSetting(data[key], one, `${path}${key}`));
  return { items: parts.flatMap(({ items }) => items), lacks: [...lacks, ...parts.flatMap((part) => part.lacks)] };
}

function itemsOfSetting(value: unknown, words: Words, path: string): { items: HclItem[]; lacks: string[] } {
  if (typeof words === 'string') {
    return isPlain(value) ? { items: [{ name: words, value }], lacks: [] } : { items: [], lacks: [path] };
  }
  const isList = Array.isArray(value);
  const found = (isList ? value : [value]).map((one: unknown, index) =>
    isData(one)
      ? itemsOf(one, words.of, isList ? `${path}.${index}.` : `${path}.`)
      : { items: [], lacks: [isList ? `${path}.${index}` : path] },
  );
  return {
    items: found.map(({ items }) => ({ type: words.block, body: items })),
    lacks: found.flatMap(({ lacks }) => lacks),
  };
}

const tagSpecifications = (value: unknown): HclItem[] =>
  (Array.isArray(value) ? value : []).filter(isData).map((one) => ({
    type: 'tag_specifications',
    body: [
      { name: 'resource_type', value: text(one['ResourceType']) },
      {
        name: 'tags',
        value: {
          map: Object.fromEntries(
            (Array.isArray(one['Tags']) ? one['Tags'] : [])
              .filter(isData)
              .map((tag) => [text(tag['Key']), text(tag['Value'])]),
          ),
        },
      },
    ],
  }));

const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null && !Array.isArray(value);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const isScalar = (value: unknown): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value);

const isPlain = (value: unknown): value is HclValue =>
  isScalar(value) || (Array.isArray(value) && value.every(isScalar));
