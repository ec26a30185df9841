/**
 * What EC2 knows: subnets with their addresses, interfaces, instances, launch templates. In-process operations with the
 * errors of the real ones; ec2-api.ts puts them on the wire. Everything happens at once: who calls decides on delays.
 */
import type { Random, SimClock } from '../types.ts';
import { AwsError } from './errors.ts';
import type { Ids } from './ids.ts';
import { findInstanceType, type InstanceType } from './instance-types.ts';
import type { XmlTree } from './query.ts';
import { createSubnetSpace, type ReservationType, type SubnetSpace } from './subnet-space.ts';

export type Tags = Record<string, string>;

export interface Subnet {
  id: string;
  cidr: string;
  availabilityZone: string;
  space: SubnetSpace;
  tags: Tags;
}

export interface CidrReservation {
  id: string;
  subnetId: string;
  cidr: string;
  type: ReservationType;
  description: string;
  tags: Tags;
}

export interface Eni {
  id: string;
  subnetId: string;
  description: string;
  interfaceType: string;
  requesterManaged: boolean;
  mac: string;
  primary: string;
  secondaries: string[];
  prefixes: string[];
  groups: string[];
  tags: Tags;
  attachment?: { id: string; instanceId: string; deviceIndex: number; attachedAt: number };
}

export type InstanceState = 'pending' | 'running' | 'shutting-down' | 'terminated';

export interface Instance {
  id: string;
  type: InstanceType;
  subnetId: string;
  state: InstanceState;
  launchedAt: number;
  spot: boolean;
  imageId: string;
  userData: string;
  privateIp: string;
  privateDnsName: string;
  tags: Tags;
  /** Attached interfaces, the primary one first. */
  enis: Eni[];
}

export interface LaunchTemplateVersion {
  number: number;
  description: string | undefined;
  createdAt: number;
  /** In the element names of the answer. */
  data: XmlTree;
}

export interface LaunchTemplate {
  id: string;
  name: string;
  createdAt: number;
  createdBy: string;
  tags: Tags;
  defaultVersion: number;
  latestVersion: number;
  versions: LaunchTemplateVersion[];
}

export interface Ec2 {
  subnets: Map<string, Subnet>;
  enis: Map<string, Eni>;
  instances: Map<string, Instance>;
  reservations: Map<string, CidrReservation>;
  launchTemplates: Map<string, LaunchTemplate>;
  addSubnet(spec: { subnetId: string; cidr: string; availabilityZone: string }, tags: Tags): void;
  createEni(spec: EniSpec): Eni;
  deleteEni(eni: Eni): void;
  attach(eni: Eni, instance: Instance, deviceIndex: number): void;
  assignAddresses(eni: Eni, count: number): string[];
  assignPrefixes(eni: Eni, count: number): string[];
  unassign(eni: Eni, ranges: { addresses?: readonly string[]; prefixes?: readonly string[] }): void;
  runInstance(spec: InstanceSpec): Instance;
  /** Interfaces and addresses go with it. */
  terminate(instance: Instance): void;
  createReservation(spec: Omit<CidrReservation, 'id'>): CidrReservation;
  deleteReservation(id: string): CidrReservation;
  createLaunchTemplate(spec: {
    name: string;
    data: XmlTree;
    description?: string | undefined;
    tags: Tags;
    createdBy: string;
  }): LaunchTemplate;
  addLaunchTemplateVersion(
    template: LaunchTemplate,
    data: XmlTree,
    description: string | undefined,
  ): LaunchTemplateVersion;
  findLaunchTemplate(by: { id?: string | undefined; name?: string | undefined }): LaunchTemplate;
  /** `$Latest`, `$Default` or a number. */
  findLaunchTemplateVersion(template: LaunchTemplate, version: string): LaunchTemplateVersion;
  /** Tags of any resource by its id, as a record that may be changed; undefined when there is no such thing. */
  tagsOf(resourceId: string): Tags | undefined;
  onSpaceFreed(listener: (subnetId: string) => void): void;
}

export interface EniSpec {
  subnetId: string;
  description: string;
  groups: string[];
  tags?: Tags;
  interfaceType?: string;
  requesterManaged?: boolean;
  /** This primary address instead of any. */
  address?: string;
  secondaryCount?: number;
  prefixCount?: number;
}

export interface InstanceSpec {
  type: InstanceType;
  subnetId: string;
  spot: boolean;
  imageId: string;
  userData: string;
  groups: string[];
  tags: Tags;
  launchedAt?: number;
}

export function createEc2(deps: { random: Random; clock: SimClock; ids: Ids; region: string }): Ec2 {
  const { random, clock, ids, region } = deps;
  const subnets = new Map<string, Subnet>();
  const enis = new Map<string, Eni>();
  const instances = new Map<string, Instance>();
  const reservations = new Map<string, CidrReservation>();
  const launchTemplates = new Map<string, LaunchTemplate>();
  const listeners: ((subnetId: string) => void)[] = [];

  const freed = (subnetId: string): void => {
    for (const listener of listeners) listener(subnetId);
  };

  function subnetOf(id: string): Subnet {
    const subnet = subnets.get(id);
    if (!subnet) throw new AwsError('InvalidSubnetID.NotFound', `The subnet ID '${id}' does not exist`);
    return subnet;
  }

  /** Slots of an interface: addresses and prefixes share them. */
  function checkSlots(eni: Eni, count: number): void {
    const instance = eni.attachment && instances.get(eni.attachment.instanceId);
    const slots = instance ? instance.type.ipv4PerEni : 50;
    if (1 + eni.secondaries.length + eni.prefixes.length + count > slots) {
      throw new AwsError(
        'PrivateIpAddressLimitExceeded',
        `Number of private addresses will exceed limit of ${slots} for interface ${eni.id}.`,
      );
    }
  }

  /** All or nothing. */
  function takeMany(subnet: Subnet, count: number, take: () => string | undefined, error: () => AwsError): string[] {
    const taken: string[] = [];
    for (let index = 0; index < count; index++) {
      const one = take();
      if (one === undefined) {
        subnet.space.release(taken);
        throw error();
      }
      taken.push(one);
    }
    return taken;
  }

  const noAddress = (subnet: Subnet) => (): AwsError =>
    new AwsError(
      'InsufficientFreeAddressesInSubnet',
      `The specified subnet does not have enough free addresses to satisfy the request. (${subnet.id})`,
    );
  function createEni(spec: EniSpec): Eni {
    const subnet = subnetOf(spec.subnetId);
    const { space } = subnet;
    if (spec.address !== undefined && !space.take(spec.address)) {
      throw new AwsError('InvalidIPAddress.InUse', `Address ${spec.address} is in use.`);
    }
    const [primary = ''] =
      spec.address === undefined ? takeMany(subnet, 1, () => space.takeAny(), noAddress(subnet)) : [spec.address];
    let secondaries: string[] = [];
    let prefixes: string[];
    try {
      secondaries = takeMany(subnet, spec.secondaryCount ?? 0, () => space.takeAny(), short);
      prefixes = takeMany(subnet, spec.prefixCount ?? 0, () => space.takePrefix(), short);
    } catch (error) {
      space.release([primary, ...secondaries]);
      throw error;
    }
    const eni: Eni = {
      id: ids.resource('eni-'),
      subnetId: subnet.id,
      description: spec.description,
      interfaceType: spec.interfaceType ?? 'interface',
      requesterManaged: spec.requesterManaged ?? false,
      mac: ids.mac(),
      primary,
      secondaries,
      prefixes,
      groups: spec.groups,
      tags: { ...spec.tags },
    };
    enis.set(eni.id, eni);
    return eni;
  }

  function deleteEni(eni: Eni): void {
    if (!enis.delete(eni.id)) return;
    const instance = eni.attachment && instances.get(eni.attachment.instanceId);
    if (instance) instance.enis = instance.enis.filter((other) => other !== eni);
    subnetOf(eni.subnetId).space.release([eni.primary, ...eni.secondaries, ...eni.prefixes]);
    freed(eni.subnetId);
  }

  function attach(eni: Eni, instance: Instance, deviceIndex: number): void {
    if (subnetOf(eni.subnetId).availabilityZone !== subnetOf(instance.subnetId).availabilityZone) {
      throw new AwsError(
        'InvalidParameterCombination',
        'You may not attach a network interface to an instance if they are not in the same availability zone',
      );
    }
    if (instance.enis.length >= instance.type.enis) {
      throw new AwsError(
        'AttachmentLimitExceeded',
        `Interface count ${instance.enis.length + 1} exceeds the limit for ${instance.type.name}`,
      );
    }
    eni.attachment = { id: ids.resource('eni-attach-'), instanceId: instance.id, deviceIndex, attachedAt: clock.now() };
    instance.enis.push(eni);
  }

  function runInstance(spec: InstanceSpec): Instance {
    const instanceId = ids.resource('i-');
    const eni = createEni({ subnetId: spec.subnetId, description: '', groups: spec.groups, tags: spec.tags });
    const instance: Instance = {
      id: instanceId,
      type: spec.type,
      subnetId: spec.subnetId,
      state: 'pending',
      launchedAt: spec.launchedAt ?? clock.now(),
      spot: spec.spot,
      imageId: spec.imageId,
      userData: spec.userData,
      privateIp: eni.primary,
      privateDnsName: `ip-${eni.primary.replaceAll('.', '-')}.${region === 'us-east-1' ? 'ec2' : `${region}.compute`}.internal`,
      tags: { ...spec.tags },
      enis: [],
    };
    instances.set(instance.id, instance);
    attach(eni, instance, 0);
    return instance;
  }

  function findLaunchTemplate(by: { id?: string | undefined; name?: string | undefined }): LaunchTemplate {
    if (by.id !== undefined && by.name !== undefined) {
      throw new AwsError(
        'InvalidParameterCombination',
        'Specify either LaunchTemplateId or LaunchTemplateName, not both.',
      );
    }
    if (by.id !== undefined) {
      const found = launchTemplates.get(by.id);
      if (found) return found;
      throw new AwsError(
        'InvalidLaunchTemplateId.NotFound',
        `The specified launch template, with template ID ${by.id}, does not exist.`,
      );
    }
    const found = [...launchTemplates.values()].find((template) => template.name === by.name);
    if (found) return found;
    if (by.name === undefined) {
      throw new AwsError('MissingParameter', 'The request must contain LaunchTemplateId or LaunchTemplateName');
    }
    throw new AwsError(
      'InvalidLaunchTemplateName.NotFoundException',
      `The specified launch template, with template name ${by.name}, does not exist.`,
    );
  }

  function addLaunchTemplateVersion(
    template: LaunchTemplate,
    data: XmlTree,
    description: string | undefined,
  ): LaunchTemplateVersion {
    template.latestVersion += 1;
    const version = { number: template.latestVersion, description, createdAt: clock.now(), data };
    template.versions.push(version);
    return version;
  }

  return {
    subnets,
    enis,
    instances,
    reservations,
    launchTemplates,
    createEni,
    deleteEni,
    attach,
    runInstance,
    findLaunchTemplate,
    addLaunchTemplateVersion,
    addSubnet({ subnetId, cidr, availabilityZone }, tags) {
      const space = createSubnetSpace(cidr, random.fork(subnetId));
      subnets.set(subnetId, { id: subnetId, cidr, availabilityZone, space, tags });
    },
    assignAddresses(eni, count) {
      checkSlots(eni, count);
      const subnet = subnetOf(eni.subnetId);
      const taken = takeMany(subnet, count, () => subnet.space.takeAny(), noAddress(subnet));
      eni.secondaries.push(...taken);
      return taken;
    },
    assignPrefixes(eni, count) {
      checkSlots(eni, count);
      const subnet = subnetOf(eni.subnetId);
      const taken = takeMany(subnet, count, () => subnet.space.takePrefix(), noBlock);
      eni.prefixes.push(...taken);
      return taken;
    },
    unassign(eni, { addresses = [], prefixes = [] }) {
      const missing = [
        ...addresses.filter((a) => !eni.secondaries.includes(a)),
        ...prefixes.filter((p) => !eni.prefixes.includes(p)),
      ];
      if (missing.length > 0) {
        throw new AwsError(
          'InvalidParameterValue',
          `Some of the specified addresses are not assigned to interface ${eni.id}`,
        );
      }
      eni.secondaries = eni.secondaries.filter((address) => !addresses.includes(address));
      eni.prefixes = eni.prefixes.filter((prefix) => !prefixes.includes(prefix));
      subnetOf(eni.subnetId).space.release([...addresses, ...prefixes]);
      freed(eni.subnetId);
    },
    terminate(instance) {
      instance.state = 'terminated';
      for (const eni of instance.enis) deleteEni(eni);
    },
    createReservation(spec) {
      const problem = subnetOf(spec.subnetId).space.reserve(spec.cidr, spec.type);
      if (problem) throw new AwsError('InvalidParameterValue', problem);
      const reservation = { ...spec, id: ids.resource('scr-') };
      reservations.set(reservation.id, reservation);
      return reservation;
    },
    deleteReservation(id) {
      const reservation = reservations.get(id);
      if (!reservation) {
        throw new AwsError(
          'InvalidSubnetCidrReservationID.NotFound',
          `The subnet CIDR reservation ID '${id}' does not exist`,
        );
      }
      reservations.delete(id);
      subnetOf(reservation.subnetId).space.unreserve(reservation.cidr);
      freed(reservation.subnetId);
      return reservation;
    },
    createLaunchTemplate({ name, data, description, tags, createdBy }) {
      if ([...launchTemplates.values()].some((template) => template.name === name)) {
        throw new AwsError('InvalidLaunchTemplateName.AlreadyExistsException', 'Launch template name already in use.');
      }
      const template: LaunchTemplate = {
        id: ids.resource('lt-'),
        name,
        createdAt: clock.now(),
        createdBy,
        tags: { ...tags },
        defaultVersion: 1,
        latestVersion: 0,
        versions: [],
      };
      addLaunchTemplateVersion(template, data, description);
      launchTemplates.set(template.id, template);
      return template;
    },
    findLaunchTemplateVersion(template, version) {
      const special: Record<string, number> = { $Latest: template.latestVersion, $Default: template.defaultVersion };
      const number = special[version] ?? Number(version);
      const found = template.versions.find((candidate) => candidate.number === number);
      if (found) return found;
      throw new AwsError(
        'InvalidLaunchTemplateId.VersionNotFound',
        `Could not find the specified version ${version} for the launch template with ID ${template.id}.`,
      );
    },
    tagsOf(id) {
      for (const resources of [subnets, enis, instances, reservations, launchTemplates]) {
        const found = resources.get(id);
        if (found) return found.tags;
      }
      return undefined;
    },
    onSpaceFreed(listener) {
      listeners.push(listener);
    },
  };
}

function noBlock(): AwsError {
  return new AwsError(
    'InsufficientCidrBlocks',
    'The specified subnet does not have enough free cidr blocks to satisfy the request.',
  );
}

/** What CreateNetworkInterface says in place of the two above. */
function short(): AwsError {
  return new AwsError('InvalidParameterValue', "There aren't sufficient free Ipv4 addresses or prefixes");
}

/** Throws what EC2 answers for a name it does not know. */
export function instanceTypeOf(name: string): InstanceType {
  const type = findInstanceType(name);
  if (!type) {
    throw new AwsError('InvalidInstanceType', `The following supplied instance types do not exist: [${name}]`);
  }
  return type;
}
