/** The EC2 query API, version 2016-11-15: parameters in, element trees out. Shapes: botocore ec2 service model. */

import {
  type CidrReservation,
  type Ec2,
  type Eni,
  type Instance,
  type InstanceState,
  instanceTypeOf,
  type LaunchTemplate,
  type LaunchTemplateVersion,
  type Subnet,
  type Tags,
} from './ec2.ts';
import { AwsError } from './errors.ts';
import { allInstanceTypes, type InstanceType } from './instance-types.ts';
import { readLaunchTemplateData } from './launch-template-data.ts';
import {
  filtered,
  isoTime,
  listOf,
  type ParamTree,
  pageOf,
  required,
  scalar,
  stringsOf,
  tagSet,
  tagsOf,
  textOf,
  treeOf,
  type XmlTree,
} from './query.ts';

export interface Ec2Context {
  ec2: Ec2;
  accountId: string;
  region: string;
  vpcId: string;
  callerArn: string;
}

interface Operation {
  /** Top-level parameters; any other is an error that names it. */
  parameters: readonly string[];
  run(params: ParamTree, context: Ec2Context): XmlTree;
}

export function ec2Operations(context: Ec2Context): {
  names: readonly string[];
  call(action: string, params: ParamTree): XmlTree;
} {
  const answered = new Map<string, { request: string; answer: XmlTree }>();
  return {
    names: Object.keys(operations),
    call(action, params) {
      const operation = operations[action];
      if (!operation) throw new AwsError('InvalidAction', `The action ${action} is not valid for this web service.`);
      const unknown = Object.keys(params).find(
        (name) => !['Action', 'Version', 'DryRun', ...operation.parameters].includes(name),
      );
      if (unknown) throw new AwsError('UnknownParameter', `The parameter ${unknown} is not recognized`);
      if (textOf(params['DryRun']) === 'true') {
        throw new AwsError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412);
      }
      const token = textOf(params['ClientToken']);
      if (token === undefined) return operation.run(params, context);
      const request = JSON.stringify(params);
      const before = answered.get(`${action} ${token}`);
      if (before && before.request !== request) {
        throw new AwsError(
          'IdempotentParameterMismatch',
          'The client token you have provided is associated with a resource, but its parameters do not match this request.',
        );
      }
      const answer = before?.answer ?? operation.run(params, context);
      answered.set(`${action} ${token}`, { request, answer });
      return answer;
    },
  };
}

const paging = ['MaxResults', 'NextToken'];
const stateCodes: Record<InstanceState, number> = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48 };

const operations: Record<string, Operation> = {
  DescribeInstances: {
    parameters: ['InstanceId', 'Filter', 'IncludeManagedResources', ...paging],
    run(params, context) {
      const { ec2, accountId } = context;
      const all = byIds(stringsOf(params['InstanceId']), ec2.instances, 'i-', 'InvalidInstanceID', 'The instance ID');
      const found = filtered(
        all,
        params['Filter'],
        {
          'instance-id': (i) => [i.id],
          'instance-type': (i) => [i.type.name],
          'instance-state-name': (i) => [i.state],
          'instance-state-code': (i) => [stateCodes[i.state]],
          'instance-lifecycle': (i) => [i.spot ? 'spot' : undefined],
          'availability-zone': (i) => [zoneOf(context, i.subnetId)],
          'subnet-id': (i) => [i.subnetId],
          'vpc-id': () => [context.vpcId],
          'private-dns-name': (i) => [i.privateDnsName],
          'private-ip-address': (i) => [i.privateIp],
          'image-id': (i) => [i.imageId],
          'network-interface.subnet-id': (i) => i.enis.map((eni) => eni.subnetId),
          'network-interface.network-interface-id': (i) => i.enis.map((eni) => eni.id),
        },
        (i) => i.tags,
      );
      const { items, nextToken } = pageOf(found, params, { min: 5, max: 1000, not: ['InstanceId'] });
      return {
        reservationSet: items.map((instance) => ({
          reservationId: `r-${instance.id.slice(2)}`,
          ownerId: accountId,
          groupSet: [],
          instancesSet: [instanceItem(instance, context)],
        })),
        nextToken,
      };
    },
  },
  DescribeInstanceTypes: {
    parameters: ['InstanceType', 'Filter', ...paging],
    run(params) {
      const names = stringsOf(params['InstanceType']);
      if (names.length > 100)
        throw new AwsError('InvalidParameterValue', 'A maximum of 100 instance types can be specified');
      const known = new Set(allInstanceTypes().map((type) => type.name));
      const unknown = names.filter((name) => !known.has(name));
      if (unknown.length > 0) {
        throw new AwsError(
          'InvalidInstanceType',
          `The following supplied instance types do not exist: [${unknown.join(', ')}]`,
        );
      }
      const all = names.length > 0 ? names.map(instanceTypeOf) : allInstanceTypes();
      const found = filtered(all, params['Filter'], {
        'instance-type': (t) => [t.name],
        'bare-metal': (t) => [t.hypervisor === 'metal'],
        hypervisor: (t) => [t.hypervisor === 'metal' ? undefined : t.hypervisor],
        'vcpu-info.default-vcpus': (t) => [t.vcpus],
        'processor-info.supported-architecture': (t) => [t.architecture],
      });
      const { items, nextToken } = pageOf(found, params, { min: 5, max: 100, not: ['InstanceType'] });
      return { instanceTypeSet: items.map(instanceTypeItem), nextToken };
    },
  },
  GetInstanceTypesFromInstanceRequirements: {
    parameters: ['ArchitectureType', 'VirtualizationType', 'InstanceRequirements', ...paging],
    run(params) {
      const architectures = stringsOf(params['ArchitectureType']);
      const asked = treeOf(params['InstanceRequirements']);
      const unknown = Object.keys(asked).find((name) => !['VCpuCount', 'MemoryMiB'].includes(name));
      if (unknown)
        throw new AwsError('UnknownParameter', `The parameter InstanceRequirements.${unknown} is not recognized`);
      const between = (name: string): ((value: number) => boolean) => {
        const { Min, Max } = treeOf(asked[name]);
        const [min, max] = [Number(textOf(Min) ?? Number.NaN), Number(textOf(Max) ?? Number.POSITIVE_INFINITY)];
        if (Number.isNaN(min))
          throw new AwsError('MissingParameter', `The request must contain the parameter ${name}.Min`);
        return (value) => value >= min && value <= max;
      };
      const [vcpus, memory] = [between('VCpuCount'), between('MemoryMiB')];
      const found = allInstanceTypes().filter(
        (type) => architectures.includes(type.architecture) && vcpus(type.vcpus) && memory(type.memoryMib),
      );
      const { items, nextToken } = pageOf(found, params, { min: 1, max: 1000 });
      return { instanceTypeSet: items.map(({ name }) => ({ instanceType: name })), nextToken };
    },
  },
  DescribeInstanceTypeOfferings: {
    parameters: ['LocationType', 'Filter', ...paging],
    run(params, context) {
      const locationType = textOf(params['LocationType']) ?? 'region';
      const zones = [...new Set([...context.ec2.subnets.values()].map((subnet) => subnet.availabilityZone))];
      const places: Record<string, string[]> = {
        region: [context.region],
        'availability-zone': zones,
        'availability-zone-id': zones.map((zone) => zoneId(zone)),
      };
      const locations = places[locationType];
      if (!locations)
        throw new AwsError('InvalidParameterValue', `Value (${locationType}) for parameter LocationType is invalid.`);
      const all = allInstanceTypes().flatMap((type) =>
        locations.map((location) => ({ instanceType: type.name, locationType, location })),
      );
      const found = filtered(all, params['Filter'], {
        'instance-type': (o) => [o.instanceType],
        location: (o) => [o.location],
      });
      const { items, nextToken } = pageOf(found, params, { min: 5, max: 1000 });
      return { instanceTypeOfferingSet: items, nextToken };
    },
  },
  DescribeNetworkInterfaces: {
    parameters: ['NetworkInterfaceId', 'Filter', 'IncludeManagedResources', ...paging],
    run(params, context) {
      const { ec2 } = context;
      const all = byIds(
        stringsOf(params['NetworkInterfaceId']),
        ec2.enis,
        'eni-',
        'InvalidNetworkInterfaceID',
        'The networkInterface ID',
      );
      const found = filtered(
        all,
        params['Filter'],
        {
          'subnet-id': (e) => [e.subnetId],
          'vpc-id': () => [context.vpcId],
          'availability-zone': (e) => [zoneOf(context, e.subnetId)],
          'network-interface-id': (e) => [e.id],
          'attachment.instance-id': (e) => [e.attachment?.instanceId],
          'attachment.device-index': (e) => [e.attachment?.deviceIndex],
          status: (e) => [eniStatus(e)],
          'interface-type': (e) => [e.interfaceType],
          description: (e) => [e.description],
          'group-id': (e) => e.groups,
          'requester-managed': (e) => [e.requesterManaged],
          'private-ip-address': (e) => [e.primary],
          'addresses.private-ip-address': (e) => [e.primary, ...e.secondaries],
          'ipv4-prefix.ipv4-prefix': (e) => e.prefixes,
        },
        (e) => e.tags,
      );
      const { items, nextToken } = pageOf(found, params, { min: 5, max: 1000, not: ['NetworkInterfaceId'] });
      return { networkInterfaceSet: items.map((eni) => eniItem(eni, context)), nextToken };
    },
  },
  DescribeSubnets: {
    parameters: ['SubnetId', 'Filter', ...paging],
    run(params, context) {
      const { ec2 } = context;
      const all = byIds(stringsOf(params['SubnetId']), ec2.subnets, 'subnet-', 'InvalidSubnetID', 'The subnet ID');
      const found = filtered(
        all,
        params['Filter'],
        {
          'subnet-id': (s) => [s.id],
          'vpc-id': () => [context.vpcId],
          'availability-zone': (s) => [s.availabilityZone],
          'availability-zone-id': (s) => [zoneId(s.availabilityZone)],
          'cidr-block': (s) => [s.cidr],
          state: () => ['available'],
        },
        (s) => s.tags,
      );
      const { items, nextToken } = pageOf(found, params, { min: 5, max: 1000, not: ['SubnetId'] });
      return { subnetSet: items.map((subnet) => subnetItem(subnet, context)), nextToken };
    },
  },
  GetSubnetCidrReservations: {
    parameters: ['SubnetId', 'Filter', ...paging],
    run(params, context) {
      const { ec2 } = context;
      const [subnet] = byIds(
        [required(params, 'SubnetId')],
        ec2.subnets,
        'subnet-',
        'InvalidSubnetID',
        'The subnet ID',
      );
      const found = filtered(
        [...ec2.reservations.values()].filter((reservation) => reservation.subnetId === subnet?.id),
        params['Filter'],
        { reservationType: (r) => [r.type], 'subnet-id': (r) => [r.subnetId] },
        (r) => r.tags,
      );
      const { items, nextToken } = pageOf(found, params, { min: 5, max: 1000, standard: 255 });
      return {
        subnetIpv4CidrReservationSet: items.map((reservation) => reservationItem(reservation, context)),
        subnetIpv6CidrReservationSet: [],
        nextToken,
      };
    },
  },
  CreateSubnetCidrReservation: {
    parameters: ['SubnetId', 'Cidr', 'ReservationType', 'Description', 'TagSpecification'],
    run(params, context) {
      const type = required(params, 'ReservationType');
      if (type !== 'prefix' && type !== 'explicit') {
        throw new AwsError('InvalidParameterValue', `Value (${type}) for parameter ReservationType is invalid.`);
      }
      const reservation = context.ec2.createReservation({
        subnetId: required(params, 'SubnetId'),
        cidr: required(params, 'Cidr'),
        type,
        description: textOf(params['Description']) ?? '',
        tags: tagsOnCreate(params, 'subnet-cidr-reservation'),
      });
      return { subnetCidrReservation: reservationItem(reservation, context) };
    },
  },
  DeleteSubnetCidrReservation: {
    parameters: ['SubnetCidrReservationId'],
    run(params, context) {
      const deleted = context.ec2.deleteReservation(required(params, 'SubnetCidrReservationId'));
      return { deletedSubnetCidrReservation: reservationItem(deleted, context) };
    },
  },
  CreateLaunchTemplate: {
    parameters: ['LaunchTemplateName', 'VersionDescription', 'LaunchTemplateData', 'TagSpecification', 'ClientToken'],
    run(params, { ec2, callerArn }) {
      const name = required(params, 'LaunchTemplateName');
      if (!/^[a-zA-Z0-9().\-/_]{3,128}$/.test(name)) {
        throw new AwsError(
          'InvalidLaunchTemplateName.MalformedException',
          `The launch template name ${name} is malformed.`,
        );
      }
      const template = ec2.createLaunchTemplate({
        name,
        data: readLaunchTemplateData(params['LaunchTemplateData']),
        description: versionDescription(params),
        tags: tagsOnCreate(params, 'launch-template'),
        createdBy: callerArn,
      });
      return { launchTemplate: templateItem(template) };
    },
  },
  CreateLaunchTemplateVersion: {
    parameters: [
      'LaunchTemplateId',
      'LaunchTemplateName',
      'SourceVersion',
      'VersionDescription',
      'LaunchTemplateData',
      'ClientToken',
    ],
    run(params, { ec2 }) {
      const template = templateOf(ec2, params);
      const source = textOf(params['SourceVersion']);
      const inherited = source === undefined ? {} : ec2.findLaunchTemplateVersion(template, source).data;
      const data = { ...inherited, ...readLaunchTemplateData(params['LaunchTemplateData']) };
      const version = ec2.addLaunchTemplateVersion(template, data, versionDescription(params));
      return { launchTemplateVersion: versionItem(template, version) };
    },
  },
  DescribeLaunchTemplates: {
    parameters: ['LaunchTemplateId', 'LaunchTemplateName', 'Filter', ...paging],
    run(params, { ec2 }) {
      const ids = stringsOf(params['LaunchTemplateId']);
      const names = stringsOf(params['LaunchTemplateName']);
      const named = [
        ...ids.map((id) => ec2.findLaunchTemplate({ id })),
        ...names.map((name) => ec2.findLaunchTemplate({ name })),
      ];
      const found = filtered(
        ids.length + names.length > 0 ? named : [...ec2.launchTemplates.values()],
        params['Filter'],
        { 'launch-template-name': (t) => [t.name], 'create-time': (t) => [isoTime(t.createdAt)] },
        (t) => t.tags,
      );
      const { items, nextToken } = pageOf(found, params, {
        min: 1,
        max: 200,
        not: ['LaunchTemplateId', 'LaunchTemplateName'],
      });
      return { launchTemplates: items.map(templateItem), nextToken };
    },
  },
  DescribeLaunchTemplateVersions: {
    parameters: [
      'LaunchTemplateId',
      'LaunchTemplateName',
      'LaunchTemplateVersion',
      'MinVersion',
      'MaxVersion',
      'Filter',
      'ResolveAlias',
      ...paging,
    ],
    run(params, { ec2 }) {
      const template = templateOf(ec2, params);
      const wanted = stringsOf(params['LaunchTemplateVersion']);
      const min = Number(textOf(params['MinVersion']) ?? 0);
      const max = Number(textOf(params['MaxVersion']) ?? Number.MAX_SAFE_INTEGER);
      const all =
        wanted.length > 0
          ? wanted.map((version) => ec2.findLaunchTemplateVersion(template, version))
          : template.versions.filter((version) => version.number >= min && version.number <= max).toReversed();
      const found = filtered(all, params['Filter'], {
        'is-default-version': (v) => [v.number === template.defaultVersion],
        'instance-type': (v) => [scalar(v.data['instanceType'])],
        'image-id': (v) => [scalar(v.data['imageId'])],
      });
      const { items, nextToken } = pageOf(found, params, { min: 1, max: 200, not: ['LaunchTemplateVersion'] });
      return { launchTemplateVersionSet: items.map((version) => versionItem(template, version)), nextToken };
    },
  },
  DeleteLaunchTemplate: {
    parameters: ['LaunchTemplateId', 'LaunchTemplateName'],
    run(params, { ec2 }) {
      const template = templateOf(ec2, params);
      ec2.launchTemplates.delete(template.id);
      return { launchTemplate: templateItem(template) };
    },
  },
  DeleteLaunchTemplateVersions: {
    parameters: ['LaunchTemplateId', 'LaunchTemplateName', 'LaunchTemplateVersion'],
    run(params, { ec2 }) {
      const template = templateOf(ec2, params);
      const results = stringsOf(params['LaunchTemplateVersion']).map((text) => {
        const number = Number(text);
        const known = template.versions.some((version) => version.number === number);
        const deleted = known && number !== template.defaultVersion;
        if (deleted) template.versions = template.versions.filter((version) => version.number !== number);
        const item = { launchTemplateId: template.id, launchTemplateName: template.name, versionNumber: number };
        if (deleted) return { deleted, item };
        const responseError = known
          ? { code: 'unexpectedError', message: `Version ${text} is the default version and cannot be deleted.` }
          : { code: 'launchTemplateVersionDoesNotExist', message: `Could not find the specified version ${text}.` };
        return { deleted, item: { ...item, responseError } };
      });
      return {
        successfullyDeletedLaunchTemplateVersionSet: results.filter(({ deleted }) => deleted).map(({ item }) => item),
        unsuccessfullyDeletedLaunchTemplateVersionSet: results
          .filter(({ deleted }) => !deleted)
          .map(({ item }) => item),
      };
    },
  },
  CreateTags: {
    parameters: ['ResourceId', 'Tag'],
    run(params, { ec2 }) {
      const tags = tagsOf(params['Tag']);
      checkTags(tags);
      const records = stringsOf(params['ResourceId']).map((id) => tagsOrThrow(ec2, id));
      if (records.some((record) => Object.keys({ ...record, ...tags }).length > 50)) {
        throw new AwsError('TagLimitExceeded', 'More than 50 tags specified');
      }
      for (const record of records) Object.assign(record, tags);
      return { return: true };
    },
  },
  DeleteTags: {
    parameters: ['ResourceId', 'Tag'],
    run(params, { ec2 }) {
      const records = stringsOf(params['ResourceId']).map((id) => tagsOrThrow(ec2, id));
      for (const tag of listOf(params['Tag']).map(treeOf)) {
        const key = textOf(tag['Key']) ?? '';
        const value = textOf(tag['Value']);
        for (const record of records) {
          if (value === undefined || record[key] === value) delete record[key];
        }
      }
      return { return: true };
    },
  },
  DescribeTags: {
    parameters: ['Filter', ...paging],
    run(params, { ec2 }) {
      const all = [ec2.subnets, ec2.enis, ec2.instances, ec2.reservations, ec2.launchTemplates]
        .flatMap((resources): { id: string; tags: Tags }[] => [...resources.values()])
        .flatMap(({ id, tags }) =>
          Object.entries(tags).map(([key, value]) => ({ resourceId: id, resourceType: resourceType(id), key, value })),
        );
      const found = filtered(all, params['Filter'], {
        'resource-id': (t) => [t.resourceId],
        'resource-type': (t) => [t.resourceType],
        key: (t) => [t.key],
        value: (t) => [t.value],
      });
      const { items, nextToken } = pageOf(found, params, { min: 5, max: 1000 });
      return { tagSet: items, nextToken };
    },
  },
};

const resourceTypes: Record<string, string> = {
  i: 'instance',
  eni: 'network-interface',
  subnet: 'subnet',
  lt: 'launch-template',
  scr: 'subnet-cidr-reservation',
};

function resourceType(id: string): string {
  return resourceTypes[id.slice(0, id.indexOf('-'))] ?? 'unknown';
}

/** The things of these ids; all of them when no id is given. @throws AwsError for an id that is malformed or unknown */
function byIds<T>(
  ids: readonly string[],
  known: ReadonlyMap<string, T>,
  prefix: string,
  code: string,
  label: string,
): T[] {
  if (ids.length === 0) return [...known.values()];
  return ids.map((id) => {
    const found = known.get(id);
    if (found) return found;
    if (!id.startsWith(prefix)) throw new AwsError(`${code}.Malformed`, `Invalid id: "${id}"`);
    throw new AwsError(`${code}.NotFound`, `${label} '${id}' does not exist`);
  });
}

function templateOf(ec2: Ec2, params: ParamTree): LaunchTemplate {
  return ec2.findLaunchTemplate({ id: textOf(params['LaunchTemplateId']), name: textOf(params['LaunchTemplateName']) });
}

function versionDescription(params: ParamTree): string | undefined {
  const description = textOf(params['VersionDescription']);
  if (description !== undefined && description.length > 255) {
    throw new AwsError('InvalidParameterValue', 'VersionDescription exceeds 255 characters');
  }
  return description;
}

function tagsOnCreate(params: ParamTree, type: string): Tags {
  const tags = listOf(params['TagSpecification'])
    .map(treeOf)
    .map((specification) => {
      const given = textOf(specification['ResourceType']);
      if (given !== type) {
        throw new AwsError(
          'InvalidParameterValue',
          `'${given}' is not a valid taggable resource type for this operation.`,
        );
      }
      return tagsOf(specification['Tag']);
    });
  const merged: Tags = Object.fromEntries(tags.flatMap((one) => Object.entries(one)));
  checkTags(merged);
  return merged;
}

function checkTags(tags: Tags): void {
  if (Object.keys(tags).some((key) => key.toLowerCase().startsWith('aws:'))) {
    throw new AwsError('InvalidParameterValue', "Tag keys starting with 'aws:' are reserved for internal use");
  }
}

function tagsOrThrow(ec2: Ec2, id: string): Tags {
  const tags = ec2.tagsOf(id);
  if (!tags) throw new AwsError('InvalidID', `The ID '${id}' is not valid`);
  return tags;
}

function zoneOf({ ec2 }: Ec2Context, subnetId: string): string {
  return ec2.subnets.get(subnetId)?.availabilityZone ?? '';
}

/** `us-west-2a` is `usw2-az1` here; real accounts differ from each other. */
function zoneId(zone: string): string {
  const [, area = '', direction = '', number = '', letter = 'a'] = /^(\w+)-(\w+)-(\d)(\w)$/.exec(zone) ?? [];
  const short = direction.replace(
    /^(north|south|east|west|central)(east|west)?$/,
    (_, first: string, second?: string) => `${first.charAt(0)}${second?.charAt(0) ?? ''}`,
  );
  return `${area}${short}${number}-az${letter.charCodeAt(0) - 96}`;
}

function eniStatus(eni: Eni): string {
  return eni.attachment || eni.requesterManaged ? 'in-use' : 'available';
}

/** What DescribeInstances and DescribeNetworkInterfaces share. */
function eniCommon(eni: Eni, { accountId, vpcId }: Ec2Context): XmlTree {
  const addresses = [eni.primary, ...eni.secondaries];
  return {
    networkInterfaceId: eni.id,
    subnetId: eni.subnetId,
    vpcId,
    description: eni.description,
    ownerId: accountId,
    status: eniStatus(eni),
    macAddress: eni.mac,
    privateIpAddress: eni.primary,
    sourceDestCheck: true,
    interfaceType: eni.interfaceType,
    groupSet: eni.groups.map((groupId) => ({ groupId, groupName: groupId })),
    privateIpAddressesSet: addresses.map((privateIpAddress, index) => ({ privateIpAddress, primary: index === 0 })),
    ipv4PrefixSet: eni.prefixes.length > 0 ? eni.prefixes.map((ipv4Prefix) => ({ ipv4Prefix })) : undefined,
    ipv6AddressesSet: [],
  };
}

function attachmentItem({ attachment }: Eni): XmlTree | undefined {
  if (!attachment) return undefined;
  return {
    attachmentId: attachment.id,
    deviceIndex: attachment.deviceIndex,
    networkCardIndex: 0,
    status: 'attached',
    attachTime: isoTime(attachment.attachedAt),
    deleteOnTermination: true,
  };
}

function eniItem(eni: Eni, context: Ec2Context): XmlTree {
  const attachment = attachmentItem(eni);
  return {
    ...eniCommon(eni, context),
    availabilityZone: zoneOf(context, eni.subnetId),
    requesterManaged: eni.requesterManaged,
    attachment: attachment && {
      ...attachment,
      instanceId: eni.attachment?.instanceId,
      instanceOwnerId: context.accountId,
    },
    tagSet: tagSet(eni.tags),
  };
}

function instanceItem(instance: Instance, context: Ec2Context): XmlTree {
  const gone = instance.state === 'terminated';
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: { code: stateCodes[instance.state], name: instance.state },
    privateDnsName: gone ? '' : instance.privateDnsName,
    privateIpAddress: gone ? undefined : instance.privateIp,
    instanceType: instance.type.name,
    launchTime: isoTime(instance.launchedAt),
    placement: { availabilityZone: zoneOf(context, instance.subnetId), tenancy: 'default' },
    subnetId: gone ? undefined : instance.subnetId,
    vpcId: gone ? undefined : context.vpcId,
    architecture: instance.type.architecture,
    // EC2 says so for Nitro instances too.
    hypervisor: 'xen',
    virtualizationType: 'hvm',
    instanceLifecycle: instance.spot ? 'spot' : undefined,
    tagSet: tagSet(instance.tags),
    networkInterfaceSet: instance.enis.map((eni) => ({ ...eniCommon(eni, context), attachment: attachmentItem(eni) })),
  };
}

function instanceTypeItem(type: InstanceType): XmlTree {
  return {
    instanceType: type.name,
    currentGeneration: type.hypervisor !== 'xen',
    supportedUsageClasses: ['on-demand', 'spot'],
    bareMetal: type.hypervisor === 'metal',
    hypervisor: type.hypervisor === 'metal' ? undefined : type.hypervisor,
    processorInfo: { supportedArchitectures: [type.architecture] },
    vCpuInfo: { defaultVCpus: type.vcpus },
    memoryInfo: { sizeInMiB: type.memoryMib },
    networkInfo: {
      maximumNetworkInterfaces: type.cards.reduce((sum, card) => sum + card, 0),
      maximumNetworkCards: type.cards.length,
      defaultNetworkCardIndex: 0,
      networkCards: type.cards.map((maximumNetworkInterfaces, networkCardIndex) => ({
        networkCardIndex,
        maximumNetworkInterfaces,
      })),
      ipv4AddressesPerInterface: type.ipv4PerEni,
      ipv6AddressesPerInterface: type.ipv4PerEni,
      ipv6Supported: true,
      efaSupported: type.cards.length > 1,
    },
  };
}

function subnetItem(subnet: Subnet, { accountId, region, vpcId }: Ec2Context): XmlTree {
  return {
    subnetId: subnet.id,
    subnetArn: `arn:aws:ec2:${region}:${accountId}:subnet/${subnet.id}`,
    state: 'available',
    vpcId,
    cidrBlock: subnet.cidr,
    ipv6CidrBlockAssociationSet: [],
    availableIpAddressCount: subnet.space.available(),
    availabilityZone: subnet.availabilityZone,
    availabilityZoneId: zoneId(subnet.availabilityZone),
    ownerId: accountId,
    defaultForAz: false,
    mapPublicIpOnLaunch: false,
    assignIpv6AddressOnCreation: false,
    ipv6Native: false,
    tagSet: tagSet(subnet.tags),
  };
}

function reservationItem(reservation: CidrReservation, { accountId }: Ec2Context): XmlTree {
  return {
    subnetCidrReservationId: reservation.id,
    subnetId: reservation.subnetId,
    cidr: reservation.cidr,
    reservationType: reservation.type,
    ownerId: accountId,
    description: reservation.description,
    tagSet: tagSet(reservation.tags),
  };
}

function templateItem(template: LaunchTemplate): XmlTree {
  return {
    launchTemplateId: template.id,
    launchTemplateName: template.name,
    createTime: isoTime(template.createdAt),
    createdBy: template.createdBy,
    defaultVersionNumber: template.defaultVersion,
    latestVersionNumber: template.latestVersion,
    tagSet: tagSet(template.tags),
  };
}

function versionItem(template: LaunchTemplate, version: LaunchTemplateVersion): XmlTree {
  return {
    launchTemplateId: template.id,
    launchTemplateName: template.name,
    versionNumber: version.number,
    versionDescription: version.description,
    createTime: isoTime(version.createdAt),
    createdBy: template.createdBy,
    defaultVersion: version.number === template.defaultVersion,
    launchTemplateData: version.data,
  };
}
