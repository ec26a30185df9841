import { createHash } from 'node:crypto';
import type * as Sdk from '@aws-sdk/client-ec2';
import { shippedInstanceType } from '../../domain/instance-types/lookup.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { chunks, inParallel } from '../../domain/parallel.ts';
import { showReservationsCommand } from '../../domain/reservation.ts';
import type { InstanceType, NetworkInterface, Subnet } from '../../domain/snapshot.ts';
import { userDataFacts } from '../../domain/user-data.ts';
import type { DryRunAnswer, Ec2Port, LaunchTemplate, SubnetCidrReservation } from '../../ports/ec2.ts';
import type { IdentityPort } from '../../ports/identity.ts';
import { cleanText } from '../clean-text.ts';
import { isObject } from '../is-object.ts';
import { createPageGuard } from '../readable.ts';
import type { Operation } from './errors.ts';
import { ec2Server } from './servers.ts';
import { causeName, type Session, unlessAbsent } from './session.ts';
import { captureText, unknownMembersOf } from './unknown-fields.ts';

const planTag = 'prefix-migrate/plan';
const templateNotFound = [
  'InvalidLaunchTemplateId.NotFound',
  'InvalidLaunchTemplateId.NotFoundException',
  'InvalidLaunchTemplateId.VersionNotFound',
  'InvalidLaunchTemplateName.NotFoundException',
];
const subnetNotFound = ['InvalidSubnetID.NotFound', 'InvalidSubnetID.Malformed', 'InvalidSubnetId.Malformed'];
const reservationNotFound = 'InvalidSubnetCidrReservationID.NotFound';
const typeNotFound = ['InvalidInstanceType', 'InvalidInstanceType.NotFound'];
/** EC2 takes at most 200 values in a filter and 100 instance types; half of it leaves room in the URL of proxies. */
const idsPerCall = 100;
const pageSize = 1000;
const parallelCalls = 4;
/** A preflight does not wait for EC2. */
const soon = { attempts: 2, attemptMilliseconds: 2000, totalMilliseconds: 2000 };

type Client = Awaited<ReturnType<Session['ec2']>>;

/** EC2 through the AWS SDK. */
export function createEc2Port(session: Session, identity: IdentityPort): Ec2Port {
  const read = { repeatable: true };

  /** Every page of a call. `MaxResults` is up to `send`: EC2 refuses it together with ids. */
  async function pages<Page extends { NextToken?: string | undefined }, Item>(
    operation: Operation,
    send: (ec2: Client, page: { NextToken?: string }, http: { abortSignal: AbortSignal }) => Promise<Page>,
    items: (page: Page) => Item[] | undefined,
  ): Promise<Item[]> {
    const all: Item[] = [];
    let token: string | undefined;
    const guard = createPageGuard(ec2Server, operation.resource);
    do {
      const page = await session.call(operation, read, async (http) =>
        send(await session.ec2(), token === undefined ? {} : { NextToken: token }, http),
      );
      for (const item of items(page) ?? []) all.push(item);
      token = page.NextToken || undefined;
      guard(token);
    } while (token !== undefined);
    return all;
  }

  async function networkInterfaces(filter: string, ids: string[], resource: string): Promise<NetworkInterface[]> {
    const parts = await inParallel(parallelCalls, chunks(unique(ids), idsPerCall), (values) =>
      pages(
        { service: 'ec2', name: 'DescribeNetworkInterfaces', resource },
        ({ sdk, client }, page, http) => {
          const input = { Filters: [{ Name: filter, Values: values }], MaxResults: pageSize, ...page };
          return client.send(new sdk.DescribeNetworkInterfacesCommand(input), http);
        },
        (page) => page.NetworkInterfaces,
      ),
    );
    const found = parts.flat().map(toNetworkInterface);
    // one that moved while the pages were read may stand on two of them
    return byKey(
      [...new Map(found.map((eni) => [eni.networkInterfaceId, eni])).values()],
      (eni) => eni.networkInterfaceId,
    );
  }

  const rawSubnets = (ids: string[]): Promise<Sdk.Subnet[]> =>
    pages(
      { service: 'ec2', name: 'DescribeSubnets', resource: `subnets ${ids.join(', ')}` },
      ({ sdk, client }, page, http) => client.send(new sdk.DescribeSubnetsCommand({ SubnetIds: ids, ...page }), http),
      (page) => page.Subnets,
    );

  /** EC2 refuses the whole call for one id that it does not know: they are then asked for one by one. */
  async function knownSubnets(ids: string[]): Promise<Sdk.Subnet[]> {
    const found = await unlessAbsent(subnetNotFound, rawSubnets(ids));
    if (found !== undefined || ids.length <= 1) return found ?? [];
    return (await inParallel(parallelCalls, ids, (id) => knownSubnets([id]))).flat();
  }

  async function reservations(subnetId: string): Promise<SubnetCidrReservation[]> {
    const found = await pages(
      { service: 'ec2', name: 'GetSubnetCidrReservations', resource: `subnet ${subnetId}` },
      ({ sdk, client }, page, http) =>
        client.send(
          new sdk.GetSubnetCidrReservationsCommand({ SubnetId: subnetId, MaxResults: pageSize, ...page }),
          http,
        ),
      (page) => page.SubnetIpv4CidrReservations,
    );
    return byKey(
      found.map((reservation) => ({
        id: reservation.SubnetCidrReservationId ?? '',
        cidr: reservation.Cidr ?? '',
        type: reservation.ReservationType === 'prefix' ? ('prefix' as const) : ('explicit' as const),
        tags: toTags(reservation.Tags),
      })),
      (reservation) => reservation.id,
    );
  }

  /** A subnet that another account shares tells its reservations to its owner alone: none are seen then. */
  async function visibleReservations({ SubnetId = '', OwnerId }: Sdk.Subnet): Promise<Subnet['reservations']> {
    try {
      const found = await reservations(SubnetId);
      return found.map(({ id, cidr, type }) => ({ id, cidr, type }));
    } catch (error) {
      if (!(error instanceof MigrateError) || error.code !== 'AWS.ACCESS_DENIED') throw error;
      const { accountId } = await identity.caller();
      if (OwnerId === undefined || OwnerId === accountId) throw error;
      return [];
    }
  }

  async function findLaunchTemplate(name: string): Promise<LaunchTemplate | undefined> {
    const operation: Operation = {
      service: 'ec2',
      name: 'DescribeLaunchTemplates',
      resource: `launch template ${name}`,
    };
    const found = await unlessAbsent(
      templateNotFound,
      session.call(operation, read, async (http) => {
        const { sdk, client } = await session.ec2();
        return client.send(new sdk.DescribeLaunchTemplatesCommand({ LaunchTemplateNames: [name] }), http);
      }),
    );
    const template = found?.LaunchTemplates?.find((candidate) => candidate.LaunchTemplateName === name);
    return template === undefined ? undefined : toLaunchTemplate(template, name);
  }

  async function rawVersion(
    id: string,
    version: string,
  ): Promise<{ found: Sdk.LaunchTemplateVersion; unknownMembers: string[] } | undefined> {
    const resource = `version ${version} of launch template ${id}`;
    const answer = await unlessAbsent(
      templateNotFound,
      session.call({ service: 'ec2', name: 'DescribeLaunchTemplateVersions', resource }, read, async (http) => {
        const { sdk, client } = await session.ec2();
        const command = new sdk.DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId: id, Versions: [version] });
        const raw = captureText(command);
        const { LaunchTemplateVersions: [first] = [] } = await client.send(command, http);
        return first && { found: first, unknownMembers: unknownMembersOf(raw(), sdk.ResponseLaunchTemplateData$) };
      }),
    );
    return answer;
  }

  /** EC2 refuses the whole question for one type that it does not have in the region: the halves are asked then. */
  async function describeTypes(types: string[]): Promise<Sdk.InstanceTypeInfo[]> {
    const known = await unlessAbsent(
      typeNotFound,
      pages(
        { service: 'ec2', name: 'DescribeInstanceTypes', resource: `instance types ${types.join(', ')}` },
        ({ sdk, client }, page, http) =>
          client.send(
            new sdk.DescribeInstanceTypesCommand({ InstanceTypes: types.filter(isInstanceType), ...page }),
            http,
          ),
        (page) => page.InstanceTypes,
      ),
    );
    if (known !== undefined) return known;
    if (types.length === 1) return [];
    const middle = Math.ceil(types.length / 2);
    return [...(await describeTypes(types.slice(0, middle))), ...(await describeTypes(types.slice(middle)))];
  }

  return {
    async describeInstanceTypes(names) {
      const parts = await inParallel(parallelCalls, chunks(unique(names), idsPerCall), describeTypes);
      return byKey(parts.flat().map(toInstanceType), (type) => type.instanceType);
    },

    async instanceTypesThatMeet(requirements, architectures) {
      if (!isRequirements(requirements)) return [];
      const found = await pages(
        {
          service: 'ec2',
          name: 'GetInstanceTypesFromInstanceRequirements',
          resource: 'the types of an Auto Scaling group',
        },
        ({ sdk, client }, page, http) => {
          const input: Sdk.GetInstanceTypesFromInstanceRequirementsCommandInput = {
            ArchitectureTypes: architectures.filter(isArchitecture),
            VirtualizationTypes: ['hvm'],
            InstanceRequirements: requirements,
            MaxResults: pageSize,
            ...page,
          };
          return client.send(new sdk.GetInstanceTypesFromInstanceRequirementsCommand(input), http);
        },
        (page) => page.InstanceTypes,
      );
      return unique(found.flatMap((type) => type.InstanceType ?? [])).toSorted();
    },

    async describeSubnets(subnetIds, { unknown } = { unknown: 'refuse' }) {
      const parts = await inParallel(
        parallelCalls,
        chunks(unique(subnetIds), idsPerCall),
        unknown === 'refuse' ? rawSubnets : knownSubnets,
      );
      const subnets = await inParallel(parallelCalls, parts.flat(), async (subnet) => ({
        subnetId: subnet.SubnetId ?? '',
        vpcId: subnet.VpcId ?? '',
        ownerId: subnet.OwnerId ?? '',
        availabilityZone: subnet.AvailabilityZone ?? '',
        cidr: subnet.CidrBlock ?? '',
        availableIpAddressCount: subnet.AvailableIpAddressCount ?? 0,
        reservations: await visibleReservations(subnet),
        tags: toTags(subnet.Tags),
      }));
      return byKey(subnets, (subnet) => subnet.subnetId);
    },

    subnetCidrReservations: (subnetId) => unlessAbsent(subnetNotFound, reservations(subnetId)),

    async createSubnetCidrReservation(request) {
      const { subnetId, cidr, description, tags } = request;
      const operation: Operation = {
        service: 'ec2',
        name: 'CreateSubnetCidrReservation',
        resource: `${cidr} of subnet ${subnetId}`,
      };
      try {
        await session.call(operation, { repeatable: false }, async (http) => {
          const { sdk, client } = await session.ec2();
          const input: Sdk.CreateSubnetCidrReservationCommandInput = {
            SubnetId: subnetId,
            Cidr: cidr,
            ReservationType: 'prefix',
            Description: description,
            TagSpecifications: [{ ResourceType: 'subnet-cidr-reservation', Tags: fromTags(tags) }],
          };
          return client.send(new sdk.CreateSubnetCidrReservationCommand(input), http);
        });
      } catch (error) {
        const refused = reservationRefused(error, request, await session.region());
        if (!refused.retryable) throw refused;
        // The range is taken, or the answer was lost: it may be the reservation that this plan asked for.
        const isOwn = (found: SubnetCidrReservation) => found.cidr === cidr && found.tags[planTag] === tags[planTag];
        const found = tags[planTag] === undefined ? [] : await reservations(subnetId);
        if (!found.some(isOwn)) throw refused;
      }
    },

    deleteSubnetCidrReservation: deleteReservation,

    networkInterfacesOfSubnets: (subnetIds) =>
      networkInterfaces('subnet-id', subnetIds, `the ${subnetIds.length} subnets of the cluster`),

    networkInterfacesOfInstances: (instanceIds) =>
      networkInterfaces('attachment.instance-id', instanceIds, `${instanceIds.length} instances`),

    findLaunchTemplate,

    async describeLaunchTemplateVersion(launchTemplateId, version) {
      const answer = await rawVersion(launchTemplateId, version);
      if (answer === undefined) return undefined;
      const { found, unknownMembers } = answer;
      const { UserData: encoded, ...data } = found.LaunchTemplateData ?? {};
      return {
        launchTemplateId: found.LaunchTemplateId ?? launchTemplateId,
        version: String(found.VersionNumber ?? version),
        name: found.LaunchTemplateName ?? '',
        imageId: data.ImageId ?? null,
        instanceType: data.InstanceType ?? null,
        userDataHash: encoded ? createHash('sha256').update(Buffer.from(encoded, 'base64')).digest('hex') : null,
        ...(encoded ? { userData: userDataFacts(Buffer.from(encoded, 'base64').toString()) } : {}),
        ...(unknownMembers.length > 0 ? { unknownMembers } : {}),
        data: plainData(data),
      };
    },

    async launchTemplateUserData(launchTemplateId, version) {
      const encoded = (await rawVersion(launchTemplateId, version))?.found.LaunchTemplateData?.UserData;
      if (!encoded) return null;
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'));
      } catch (error) {
        throw new MigrateError({
          code: 'AWS.USER_DATA_NOT_TEXT',
          message: `The user data of launch template ${launchTemplateId}, version ${version}, is not text.`,
          why: 'It is compressed or binary, so nothing can be merged into it.',
          nextActions: ['make a version of the launch template whose user data is plain text or MIME multi-part'],
          exitCode: ExitCode.stoppedPartWay,
          cause: error,
        });
      }
    },

    async createLaunchTemplate(request, token) {
      const { name, data, userData, tags } = request;
      const operation: Operation = {
        service: 'ec2',
        name: 'CreateLaunchTemplate',
        resource: `launch template ${name}`,
      };
      try {
        const created = await session.call(operation, { repeatable: true }, async (http) => {
          const { sdk, client } = await session.ec2();
          const input: Sdk.CreateLaunchTemplateCommandInput = {
            LaunchTemplateName: name,
            LaunchTemplateData: { ...data, UserData: Buffer.from(userData).toString('base64') },
            ClientToken: token,
            TagSpecifications: [
              {
                ResourceType: 'launch-template',
                Tags: fromTags(tags),
              },
            ],
          };
          return client.send(new sdk.CreateLaunchTemplateCommand(input), http);
        });
        const template =
          created.LaunchTemplate === undefined ? undefined : toLaunchTemplate(created.LaunchTemplate, name);
        const warnings = (created.Warning?.Errors ?? []).map((each) => cleanText(`${each.Code}: ${each.Message}`));
        if (template !== undefined && warnings.length > 0) throw await rejected(template, warnings);
        if (template !== undefined) return template;
      } catch (error) {
        const taken = causeName(error) === 'InvalidLaunchTemplateName.AlreadyExistsException';
        if (!taken && !(error instanceof MigrateError && error.retryable)) throw error;
        // The name is taken, or the answer was lost: it may be the template that this plan asked for.
        const existing = await findLaunchTemplate(name);
        if (existing === undefined) throw error;
        if (tags[planTag] === undefined || existing.tags[planTag] !== tags[planTag]) throw nameTaken(name);
        return existing;
      }
      const existing = await findLaunchTemplate(name);
      if (existing !== undefined) return existing;
      throw new MigrateError({
        code: 'AWS.REFUSED',
        message: `EC2 did not say that it made launch template ${name}.`,
        why: 'The answer had no template in it, and none of that name is there.',
        nextActions: ['run the same command again'],
        exitCode: ExitCode.invalidInput,
        retryable: true,
      });
    },

    deleteLaunchTemplate,

    mayCreateLaunchTemplate: ({ data, tags }) =>
      dryRun(
        'CreateLaunchTemplate',
        async ({ sdk, client }, http) => {
          const input: Sdk.CreateLaunchTemplateCommandInput = {
            DryRun: true,
            LaunchTemplateName: 'prefix-migrate-dry-run',
            LaunchTemplateData: data,
            TagSpecifications: [{ ResourceType: 'launch-template', Tags: fromTags(tags) }],
          };
          return (await client.send(new sdk.CreateLaunchTemplateCommand(input), http)).LaunchTemplate?.LaunchTemplateId;
        },
        deleteLaunchTemplate,
      ),

    mayReserveSubnetCidr: ({ subnetId, cidr, tags }) =>
      dryRun(
        'CreateSubnetCidrReservation',
        async ({ sdk, client }, http) => {
          const input: Sdk.CreateSubnetCidrReservationCommandInput = {
            DryRun: true,
            SubnetId: subnetId,
            Cidr: cidr,
            ReservationType: 'prefix',
            TagSpecifications: [{ ResourceType: 'subnet-cidr-reservation', Tags: fromTags(tags) }],
          };
          const { SubnetCidrReservation: made } = await client.send(
            new sdk.CreateSubnetCidrReservationCommand(input),
            http,
          );
          return made?.SubnetCidrReservationId;
        },
        deleteReservation,
      ),
  };

  /**
   * EC2 answers a dry run with an error, whichever way: DryRunOperation (412), or UnauthorizedOperation (403) with the action
   * that is missing. Who makes the thing instead does not know dry runs, and what was made goes again.
   */
  async function dryRun(
    name: string,
    send: (ec2: Client, http: { abortSignal: AbortSignal }) => Promise<string | undefined>,
    takeBack: (id: string) => Promise<void>,
  ): Promise<DryRunAnswer> {
    const action = `ec2:${name}`;
    try {
      const made = await session.call(
        { service: 'ec2', name, resource: 'a dry run' },
        { repeatable: false, limits: soon },
        async (http) => send(await session.ec2(), http),
      );
      if (made !== undefined) await takeBack(made);
      return { action, answer: 'unknown' };
    } catch (error) {
      if (causeName(error) === 'DryRunOperation') return { action, answer: 'allowed' };
      if (!(error instanceof MigrateError) || error.code !== 'AWS.ACCESS_DENIED') throw error;
      const [, named] = /not authorized to perform:? (ec2:\w+)/.exec(error.why) ?? [];
      return { action: named ?? action, answer: 'denied' };
    }
  }

  async function deleteReservation(reservationId: string): Promise<void> {
    const operation: Operation = {
      service: 'ec2',
      name: 'DeleteSubnetCidrReservation',
      resource: `subnet CIDR reservation ${reservationId}`,
    };
    await unlessAbsent(
      [reservationNotFound],
      session.call(operation, { repeatable: true }, async (http) => {
        const { sdk, client } = await session.ec2();
        const input = { SubnetCidrReservationId: reservationId };
        await client.send(new sdk.DeleteSubnetCidrReservationCommand(input), http);
      }),
    );
  }

  async function deleteLaunchTemplate(launchTemplateId: string): Promise<void> {
    const operation: Operation = {
      service: 'ec2',
      name: 'DeleteLaunchTemplate',
      resource: `launch template ${launchTemplateId}`,
    };
    await unlessAbsent(
      templateNotFound,
      session.call(operation, { repeatable: true }, async (http) => {
        const { sdk, client } = await session.ec2();
        await client.send(new sdk.DeleteLaunchTemplateCommand({ LaunchTemplateId: launchTemplateId }), http);
      }),
    );
  }

  /** EC2 keeps a template that it knows to be wrong and only warns. No group may come out of it. */
  async function rejected(template: LaunchTemplate, warnings: string[]): Promise<MigrateError> {
    await deleteLaunchTemplate(template.launchTemplateId);
    return new MigrateError({
      code: 'AWS.LAUNCH_TEMPLATE_INVALID',
      message: `EC2 finds fault with launch template ${template.launchTemplateName}; it was deleted again.`,
      why: warnings.join('; '),
      nextActions: ["correct the source's launch template, then make a new plan"],
      exitCode: ExitCode.stoppedPartWay,
    });
  }
}

function nameTaken(name: string): MigrateError {
  return new MigrateError({
    code: 'AWS.LAUNCH_TEMPLATE_EXISTS',
    message: `The name ${name} is taken by a launch template that is not of this plan.`,
    why: `Its tag ${planTag} does not carry the id of this plan, so it is left alone.`,
    nextActions: [
      `aws ec2 describe-launch-templates --launch-template-names ${name}`,
      'delete what stands in the way, or make a new plan',
    ],
    exitCode: ExitCode.stoppedPartWay,
  });
}

/**
 * What a refusal to reserve means. EC2 tells ranges that overlap, and those that are none, as InvalidParameterValue; the
 * message says which.
 */
function reservationRefused(
  error: unknown,
  { subnetId, cidr }: { subnetId: string; cidr: string },
  region: string,
): MigrateError {
  if (!(error instanceof MigrateError)) throw error;
  const [name, text] = [causeName(error), error.cause instanceof Error ? error.cause.message : ''];
  const show = showReservationsCommand(region, subnetId);
  const make = (code: string, message: string, nextActions: string[], retryable = false): MigrateError =>
    new MigrateError({
      code,
      message,
      why: `EC2 says ${name}: ${cleanText(text)}`,
      nextActions,
      exitCode: ExitCode.stoppedPartWay,
      retryable,
      cause: error.cause,
    });
  if (/overlap|conflict/i.test(`${name} ${text}`)) {
    return make('RESERVATION.OVERLAP', `${cidr} of ${subnetId} overlaps another CIDR reservation.`, [show], true);
  }
  if (error.code === 'AWS.QUOTA') {
    return make('RESERVATION.LIMIT', `${subnetId} cannot have more CIDR reservations.`, [
      `${show}  # one that nobody needs can be deleted`,
      'raise the quota: https://console.aws.amazon.com/servicequotas',
      'then run the same apply command again: it goes on from here',
    ]);
  }
  if (/^Invalid(Parameter|Cidr|Subnet)/.test(name)) {
    return make('RESERVATION.INVALID_CIDR', `EC2 does not reserve ${cidr} in ${subnetId}.`, [
      `aws ec2 describe-subnets --region ${region} --subnet-ids ${subnetId}`,
      show,
      'make a new plan with the same prefix-migrate plan command',
    ]);
  }
  return error;
}

/** The SDK knows the types of its own day only; EC2 judges the newer ones. */
const isInstanceType = (name: string): name is Sdk._InstanceType => name !== '';

const isArchitecture = (name: string): name is Sdk.ArchitectureType => name !== '';
/** EC2 judges the values. */
const isRequirements = (found: object): found is Sdk.InstanceRequirementsRequest =>
  'VCpuCount' in found && 'MemoryMiB' in found;

/** What EC2 leaves out, such as the branch interfaces, comes from the facts shipped with this program. */
function toInstanceType(type: Sdk.InstanceTypeInfo): InstanceType {
  const instanceType = type.InstanceType ?? '';
  const shipped = shippedInstanceType(instanceType);
  const network = type.NetworkInfo;
  const defaultCard = network?.NetworkCards?.find(
    (card) => card.NetworkCardIndex === (network.DefaultNetworkCardIndex ?? 0),
  );
  const platform = type.Hypervisor === undefined && type.BareMetal === undefined ? shipped : platformOf(type);
  return {
    instanceType,
    origin: 'ec2',
    hypervisor: platform?.hypervisor ?? null,
    bareMetal: platform?.bareMetal ?? false,
    vcpus: type.VCpuInfo?.DefaultVCpus ?? shipped?.vcpus ?? 0,
    memoryMiB: type.MemoryInfo?.SizeInMiB ?? shipped?.memoryMiB ?? 0,
    // pods are served by the default card alone, so the total over all cards would be too many
    enis: defaultCard?.MaximumNetworkInterfaces ?? shipped?.enis ?? network?.MaximumNetworkInterfaces ?? 0,
    ipv4PerEni: network?.Ipv4AddressesPerInterface ?? shipped?.ipv4PerEni ?? 0,
    branchInterfaces: shipped?.branchInterfaces ?? null,
    architectures: (type.ProcessorInfo?.SupportedArchitectures ?? shipped?.architectures ?? []).toSorted(),
  };
}

const platformOf = ({
  Hypervisor,
  BareMetal,
}: Sdk.InstanceTypeInfo): Pick<InstanceType, 'hypervisor' | 'bareMetal'> => ({
  hypervisor: Hypervisor === 'nitro' || Hypervisor === 'xen' ? Hypervisor : null,
  bareMetal: BareMetal === true,
});

function toNetworkInterface(eni: Sdk.NetworkInterface): NetworkInterface {
  const listed = (eni.PrivateIpAddresses ?? []).toSorted(
    (a, b) => Number(b.Primary ?? false) - Number(a.Primary ?? false),
  );
  const addresses = [eni.PrivateIpAddress, ...listed.map((each) => each.PrivateIpAddress)];
  return {
    networkInterfaceId: eni.NetworkInterfaceId ?? '',
    subnetId: eni.SubnetId ?? '',
    interfaceType: eni.InterfaceType ?? 'interface',
    description: cleanText(eni.Description),
    requesterManaged: eni.RequesterManaged === true,
    status: eni.Status ?? 'unknown',
    instanceId: eni.Attachment?.InstanceId ?? null,
    deviceIndex: eni.Attachment?.DeviceIndex ?? null,
    addresses: unique(addresses.flatMap((address) => address || [])),
    prefixes: unique((eni.Ipv4Prefixes ?? []).flatMap((prefix) => prefix.Ipv4Prefix || [])),
  };
}

const toLaunchTemplate = (template: Sdk.LaunchTemplate, name: string): LaunchTemplate => ({
  launchTemplateId: template.LaunchTemplateId ?? '',
  launchTemplateName: template.LaunchTemplateName ?? name,
  latestVersion: String(template.LatestVersionNumber ?? 1),
  tags: toTags(template.Tags),
});

const toTags = (tags: readonly Sdk.Tag[] | undefined): Record<string, string> =>
  Object.fromEntries((tags ?? []).flatMap((tag) => (tag.Key === undefined ? [] : [[tag.Key, tag.Value ?? '']])));

const fromTags = (tags: Record<string, string>): Sdk.Tag[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** As JSON: dates as text, nothing absent or empty. */
function plainData(data: Sdk.ResponseLaunchTemplateData): Record<string, unknown> {
  const plain: unknown = JSON.parse(JSON.stringify(data), (_key, value: unknown) =>
    isEmpty(value) ? undefined : value,
  );
  return isObject(plain) ? plain : {};
}

const isEmpty = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.values(value).every((inner) => inner === undefined));

const unique = (items: readonly string[]): string[] => [...new Set(items)];

const byKey = <T>(items: readonly T[], key: (item: T) => string): T[] =>
  items.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
