import { createHash } from 'node:crypto';
import type * as Sdk from '@aws-sdk/client-eks';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { inParallel } from '../../domain/parallel.ts';
import type { HealthIssue, Nodegroup } from '../../domain/snapshot.ts';
import type { EksPort, EksUpdate, NodegroupRequest } from '../../ports/eks.ts';
import { cleanText } from '../clean-text.ts';
import { createPageGuard } from '../readable.ts';
import type { Operation } from './errors.ts';
import { eksServer } from './servers.ts';
import { causeName, type Session, unlessAbsent } from './session.ts';
import { captureAnswer, unknownFieldsOf } from './unknown-fields.ts';

const notFound = ['ResourceNotFoundException', 'NotFoundException'];
/** Tag that every object of a plan carries; its value is the plan's id. */
const planTag = 'prefix-migrate/plan';
const pageSize = 100;

type Of = { addonName: string } | { nodegroupName: string };

const operation = (name: string, resource: string): Operation => ({ service: 'eks', name, resource });

/** EKS through the AWS SDK. */
export function createEksPort(session: Session): EksPort {
  const read = { repeatable: true };
  /** nobody should wait long for what can be done without */
  const optionalRead = { repeatable: true, limits: { attempts: 6, totalMilliseconds: 20_000 } };
  /** with a client token: the same request has one effect */
  const write = { repeatable: true };

  async function describeNodegroup(clusterName: string, nodegroupName: string): Promise<Nodegroup | undefined> {
    const what = operation('DescribeNodegroup', `node group ${nodegroupName}`);
    const answer = session.call(what, read, async (http) => {
      const { sdk, client } = await session.eks();
      const command = new sdk.DescribeNodegroupCommand({ clusterName, nodegroupName });
      const raw = captureAnswer(command);
      const { nodegroup } = await client.send(command, http);
      return { nodegroup, raw: raw() };
    });
    const found = await unlessAbsent(notFound, answer);
    if (found?.nodegroup === undefined) {
      // a 404 can also mean that the cluster is not there
      await rawCluster(clusterName);
      return undefined;
    }
    return toNodegroup(found.nodegroup, nodegroupName, unknownFieldsOf(found.raw));
  }

  async function rawCluster(name: string): Promise<Sdk.Cluster> {
    const answer = session.call(operation('DescribeCluster', `cluster ${name}`), read, async (http) => {
      const { sdk, client } = await session.eks();
      return client.send(new sdk.DescribeClusterCommand({ name }), http);
    });
    const cluster = (await unlessAbsent(notFound, answer))?.cluster;
    if (cluster === undefined) throw await clusterNotFound(name);
    return cluster;
  }

  async function clusterNotFound(name: string): Promise<MigrateError> {
    const region = await session.region();
    const names = await clusterNames();
    const known = names.length === 0 ? '' : ` The region has: ${names.join(', ')}.`;
    return new MigrateError({
      code: 'AWS.CLUSTER_NOT_FOUND',
      message: `There is no EKS cluster ${cleanText(name)} in ${region}.`,
      why: `EKS does not know it in this account and region.${known}`,
      nextActions: [
        `aws eks list-clusters --region ${region}`,
        'pass --cluster, --region and --profile of the cluster that you mean',
      ],
      exitCode: ExitCode.invalidInput,
    });
  }

  /** For a message only, so a caller who may not list gets the message without it. */
  async function clusterNames(): Promise<string[]> {
    try {
      const { sdk, client } = await session.eks();
      const { clusters } = await session.call(operation('ListClusters', 'the region'), { repeatable: false }, (http) =>
        client.send(new sdk.ListClustersCommand({ maxResults: 20 }), http),
      );
      return (clusters ?? []).map(cleanText).toSorted();
    } catch (error) {
      if (error instanceof MigrateError) return [];
      throw error;
    }
  }

  async function listUpdates(clusterName: string, of: Of): Promise<string[]> {
    const what = operation('ListUpdates', `${describeOf(of)} of cluster ${clusterName}`);
    const ids: string[] = [];
    let nextToken: string | undefined;
    const guard = createPageGuard(eksServer, what.resource);
    do {
      const page = await unlessAbsent(
        notFound,
        session.call(what, read, async (http) => {
          const { sdk, client } = await session.eks();
          const input = { name: clusterName, ...of, maxResults: pageSize, ...(nextToken ? { nextToken } : {}) };
          return client.send(new sdk.ListUpdatesCommand(input), http);
        }),
      );
      ids.push(...(page?.updateIds ?? []));
      nextToken = page?.nextToken || undefined;
      guard(nextToken);
    } while (nextToken !== undefined);
    return ids;
  }

  async function rawUpdate(clusterName: string, updateId: string, of: Of): Promise<Sdk.Update | undefined> {
    const what = operation('DescribeUpdate', `update ${updateId} of ${describeOf(of)}`);
    const answer = session.call(what, read, async (http) => {
      const { sdk, client } = await session.eks();
      return client.send(new sdk.DescribeUpdateCommand({ name: clusterName, updateId, ...of }), http);
    });
    return (await unlessAbsent(notFound, answer))?.update;
  }

  /**
   * Sends an update and returns its id. When the answer was lost, or another update is said to be running, the running
   * update may be this very one: it is found again by what it asks for.
   */
  async function update(
    clusterName: string,
    of: Of,
    send: () => Promise<{ update?: Sdk.Update | undefined }>,
    wanted: Record<string, string>,
  ): Promise<string> {
    try {
      const id = (await send()).update?.id;
      if (id !== undefined) return id;
    } catch (error) {
      const doubtful =
        error instanceof MigrateError && (error.retryable || causeName(error) === 'ResourceInUseException');
      const found = doubtful ? await runningUpdate(clusterName, of, wanted) : undefined;
      if (found === undefined) throw error;
      return found;
    }
    const found = await runningUpdate(clusterName, of, wanted);
    if (found !== undefined) return found;
    throw new MigrateError({
      code: 'AWS.REFUSED',
      message: `EKS gave no id for the update of ${describeOf(of)}.`,
      why: 'The answer had no update in it, and no running update asks for the same.',
      nextActions: ['run the same command again'],
      exitCode: ExitCode.invalidInput,
      retryable: true,
    });
  }

  async function runningUpdate(
    clusterName: string,
    of: Of,
    wanted: Record<string, string>,
  ): Promise<string | undefined> {
    for (const id of await listUpdates(clusterName, of)) {
      const candidate = await rawUpdate(clusterName, id, of);
      if (candidate?.status !== 'InProgress') continue;
      const given = new Map((candidate.params ?? []).map((param) => [String(param.type), param.value]));
      if (Object.entries(wanted).every(([type, value]) => given.get(type) === value)) return id;
    }
    return undefined;
  }

  return {
    async describeCluster(name) {
      const cluster = await rawCluster(name);
      const arn = cluster.arn ?? '';
      const [, , , arnRegion, accountId] = arn.split(':');
      const certificateAuthorityData = cluster.certificateAuthority?.data ?? '';
      return {
        name: cluster.name ?? name,
        arn,
        region: arnRegion || (await session.region()),
        accountId: accountId ?? '',
        status: cluster.status ?? 'UNKNOWN',
        kubernetesVersion: cluster.version ?? '',
        platformVersion: cluster.platformVersion ?? '',
        endpoint: cluster.endpoint ?? '',
        certificateAuthorityData,
        certificateAuthorityHash: createHash('sha256').update(certificateAuthorityData).digest('hex'),
        ipFamily: cluster.kubernetesNetworkConfig?.ipFamily === 'ipv6' ? 'ipv6' : 'ipv4',
        vpcId: cluster.resourcesVpcConfig?.vpcId ?? '',
        subnetIds: (cluster.resourcesVpcConfig?.subnetIds ?? []).toSorted(),
        clusterSecurityGroupId: cluster.resourcesVpcConfig?.clusterSecurityGroupId ?? null,
        authenticationMode: cluster.accessConfig?.authenticationMode ?? null,
        autoMode: cluster.computeConfig?.enabled === true,
        ...(cluster.kubernetesNetworkConfig?.serviceIpv4Cidr
          ? { serviceCidr: cluster.kubernetesNetworkConfig.serviceIpv4Cidr }
          : {}),
        outpost: cluster.outpostConfig != null,
      };
    },

    async listNodegroups(clusterName) {
      const names: string[] = [];
      let nextToken: string | undefined;
      const guard = createPageGuard(eksServer, `node groups of ${clusterName}`);
      do {
        const page = await unlessAbsent(
          notFound,
          session.call(operation('ListNodegroups', `cluster ${clusterName}`), read, async (http) => {
            const { sdk, client } = await session.eks();
            const input = { clusterName, maxResults: pageSize, ...(nextToken ? { nextToken } : {}) };
            return client.send(new sdk.ListNodegroupsCommand(input), http);
          }),
        );
        if (page === undefined) throw await clusterNotFound(clusterName);
        names.push(...(page.nodegroups ?? []));
        nextToken = page.nextToken || undefined;
        guard(nextToken);
      } while (nextToken !== undefined);
      return names.toSorted();
    },

    async accessEntriesOfNodes(clusterName) {
      const principals: string[] = [];
      let nextToken: string | undefined;
      const guard = createPageGuard(eksServer, `access entries of ${clusterName}`);
      do {
        const page = await session.call(
          operation('ListAccessEntries', `cluster ${clusterName}`),
          optionalRead,
          async (http) => {
            const { sdk, client } = await session.eks();
            const input = { clusterName, maxResults: pageSize, ...(nextToken ? { nextToken } : {}) };
            return client.send(new sdk.ListAccessEntriesCommand(input), http);
          },
        );
        principals.push(...(page.accessEntries ?? []));
        nextToken = page.nextToken || undefined;
        guard(nextToken);
      } while (nextToken !== undefined);
      const isOfNodes = async (principalArn: string): Promise<boolean> => {
        const what = operation('DescribeAccessEntry', `access entry of ${principalArn}`);
        const answer = session.call(what, optionalRead, async (http) => {
          const { sdk, client } = await session.eks();
          return client.send(new sdk.DescribeAccessEntryCommand({ clusterName, principalArn }), http);
        });
        return (await unlessAbsent(notFound, answer))?.accessEntry?.type === 'EC2_LINUX';
      };
      const roles = principals.filter((arn) => arn.includes(':role/')).toSorted();
      const found = await inParallel(4, roles, isOfNodes);
      return roles.filter((_, index) => found[index]);
    },

    describeNodegroup,

    async createNodegroup(request, token) {
      const what = operation('CreateNodegroup', `node group ${request.nodegroupName}`);
      try {
        await session.call(what, write, async (http) => {
          const { sdk, client } = await session.eks();
          await client.send(new sdk.CreateNodegroupCommand(toCreateInput(request, token)), http);
        });
      } catch (error) {
        const taken = causeName(error) === 'ResourceInUseException';
        if (!taken && !(error instanceof MigrateError && error.retryable)) throw error;
        // The name is taken, or the answer was lost: the group may be the one that this plan asked for.
        const existing = await describeNodegroup(request.clusterName, request.nodegroupName);
        const planId = request.tags[planTag];
        if (existing === undefined) throw error;
        if (planId === undefined || existing.tags[planTag] !== planId) throw nameTaken(request);
      }
    },

    updateNodegroupScaling(clusterName, nodegroupName, scaling, token) {
      const what = operation('UpdateNodegroupConfig', `node group ${nodegroupName}`);
      const send = () =>
        session.call(what, write, async (http) => {
          const { sdk, client } = await session.eks();
          const input = { clusterName, nodegroupName, scalingConfig: { ...scaling }, clientRequestToken: token };
          return client.send(new sdk.UpdateNodegroupConfigCommand(input), http);
        });
      const { minSize, maxSize, desiredSize } = scaling;
      const wanted = Object.entries({ MinSize: minSize, MaxSize: maxSize, DesiredSize: desiredSize });
      const given = wanted.flatMap(([type, value]) => (value === undefined ? [] : [[type, String(value)]]));
      return update(clusterName, { nodegroupName }, send, Object.fromEntries(given));
    },

    async deleteNodegroup(clusterName, nodegroupName) {
      const what = operation('DeleteNodegroup', `node group ${nodegroupName}`);
      try {
        await unlessAbsent(
          notFound,
          session.call(what, { repeatable: true }, async (http) => {
            const { sdk, client } = await session.eks();
            await client.send(new sdk.DeleteNodegroupCommand({ clusterName, nodegroupName }), http);
          }),
        );
      } catch (error) {
        const busy = ['ResourceInUseException', 'InvalidRequestException'].includes(causeName(error));
        if (!busy) throw error;
        const existing = await describeNodegroup(clusterName, nodegroupName);
        if (existing !== undefined && existing.status !== 'DELETING') throw error;
      }
    },

    async describeAddon(clusterName, addonName) {
      const answer = session.call(operation('DescribeAddon', `add-on ${addonName}`), read, async (http) => {
        const { sdk, client } = await session.eks();
        return client.send(new sdk.DescribeAddonCommand({ clusterName, addonName }), http);
      });
      const addon = (await unlessAbsent(notFound, answer))?.addon;
      if (addon === undefined) return undefined;
      return {
        addonName: addon.addonName ?? addonName,
        version: addon.addonVersion ?? '',
        status: addon.status ?? 'UNKNOWN',
        configurationValues: addon.configurationValues || null,
        healthIssues: toHealthIssues(addon.health?.issues),
        tags: addon.tags ?? {},
      };
    },

    async addonConfigurationSchema(addonName, addonVersion) {
      const what = operation('DescribeAddonConfiguration', `add-on ${addonName} ${addonVersion}`);
      try {
        const answer = await session.call(what, optionalRead, async (http) => {
          const { sdk, client } = await session.eks();
          return client.send(new sdk.DescribeAddonConfigurationCommand({ addonName, addonVersion }), http);
        });
        return answer.configurationSchema || null;
      } catch (error) {
        if (error instanceof MigrateError) return null;
        throw error;
      }
    },

    updateAddon(request, token) {
      const { clusterName, addonName, configurationValues, resolveConflicts } = request;
      const send = () =>
        session.call(operation('UpdateAddon', `add-on ${addonName}`), write, async (http) => {
          const { sdk, client } = await session.eks();
          const input = { clusterName, addonName, configurationValues, resolveConflicts, clientRequestToken: token };
          return client.send(new sdk.UpdateAddonCommand(input), http);
        });
      return update(clusterName, { addonName }, send, { ConfigurationValues: configurationValues });
    },

    async describeUpdate(clusterName, updateId, of) {
      const found = await rawUpdate(clusterName, updateId, of);
      return found === undefined ? undefined : toUpdate(found, updateId);
    },

    listUpdates,
  };
}

const describeOf = (of: Of): string =>
  'addonName' in of ? `add-on ${of.addonName}` : `node group ${of.nodegroupName}`;

function nameTaken(request: NodegroupRequest): MigrateError {
  const { clusterName, nodegroupName } = request;
  return new MigrateError({
    code: 'AWS.NODEGROUP_EXISTS',
    message: `The name ${nodegroupName} is taken by a node group that is not of this plan.`,
    why: `Its tag ${planTag} does not carry the id of this plan, so it is left alone.`,
    nextActions: [
      `aws eks describe-nodegroup --cluster-name ${clusterName} --nodegroup-name ${nodegroupName}`,
      'delete or rename what stands in the way, or make a new plan',
    ],
    exitCode: ExitCode.stoppedPartWay,
  });
}

// The SDK knows the values of its own day only. Newer ones have to reach EKS, which is the judge of them.
const isAmiType = (text: string): text is Sdk.AMITypes => text !== '';
const isCapacityType = (text: string): text is Sdk.CapacityTypes => text !== '';
type Data = Record<string, unknown>;
const isRepairConfig = (data: Data): data is Data & Sdk.NodeRepairConfig => Object.keys(data).length > 0;
const isWarmPoolConfig = (data: Data): data is Data & Sdk.WarmPoolConfig => Object.keys(data).length > 0;
const isUpdateStrategy = (text = ''): text is Sdk.NodegroupUpdateStrategies => text !== '';

function toCreateInput(request: NodegroupRequest, token: string): Sdk.CreateNodegroupCommandInput {
  const { amiType, capacityType, updateConfig, nodeRepairConfig, warmPoolConfig, kubernetesVersion, instanceTypes } =
    request;
  const custom = amiType === 'CUSTOM';
  return {
    clusterName: request.clusterName,
    nodegroupName: request.nodegroupName,
    subnets: request.subnetIds,
    nodeRole: request.nodeRole,
    scalingConfig: { ...request.scaling },
    launchTemplate: { id: request.launchTemplate.id, version: request.launchTemplate.version },
    // types that stand in the launch template, and an image of the user's own, exclude these members
    ...(instanceTypes.length === 0 ? {} : { instanceTypes }),
    ...(custom || !isAmiType(amiType) ? {} : { amiType }),
    ...(kubernetesVersion === null || custom ? {} : { version: kubernetesVersion }),
    ...(isCapacityType(capacityType) ? { capacityType } : {}),
    labels: request.labels,
    taints: request.taints.map(({ key, value, effect }) => ({ key, effect, ...(value === null ? {} : { value }) })),
    tags: request.tags,
    ...(updateConfig === null ? {} : { updateConfig: toUpdateConfig(updateConfig) }),
    ...(nodeRepairConfig !== null && isRepairConfig(nodeRepairConfig) ? { nodeRepairConfig } : {}),
    ...(warmPoolConfig != null && isWarmPoolConfig(warmPoolConfig) ? { warmPoolConfig } : {}),
    clientRequestToken: token,
  };
}

function toUpdateConfig({
  updateStrategy,
  ...limits
}: NonNullable<NodegroupRequest['updateConfig']>): Sdk.NodegroupUpdateConfig {
  return { ...limits, ...(isUpdateStrategy(updateStrategy) ? { updateStrategy } : {}) };
}

function toNodegroup(nodegroup: Sdk.Nodegroup, askedName: string, unknownFields: string[]): Nodegroup {
  const { launchTemplate, updateConfig, remoteAccess, scalingConfig } = nodegroup;
  return {
    nodegroupName: nodegroup.nodegroupName ?? askedName,
    arn: nodegroup.nodegroupArn ?? '',
    status: nodegroup.status ?? 'UNKNOWN',
    kubernetesVersion: nodegroup.version ?? null,
    releaseVersion: nodegroup.releaseVersion ?? null,
    capacityType: nodegroup.capacityType ?? 'ON_DEMAND',
    scaling: {
      minSize: scalingConfig?.minSize ?? 0,
      maxSize: scalingConfig?.maxSize ?? 0,
      desiredSize: scalingConfig?.desiredSize ?? 0,
    },
    instanceTypes: nodegroup.instanceTypes ?? [],
    subnetIds: (nodegroup.subnets ?? []).toSorted(),
    amiType: nodegroup.amiType ?? 'UNKNOWN',
    nodeRole: nodegroup.nodeRole ?? '',
    diskSize: nodegroup.diskSize ?? null,
    labels: nodegroup.labels ?? {},
    taints: (nodegroup.taints ?? []).map((taint) => ({
      key: taint.key ?? '',
      value: taint.value ?? null,
      effect: taint.effect ?? 'NO_SCHEDULE',
    })),
    tags: nodegroup.tags ?? {},
    autoScalingGroupNames: (nodegroup.resources?.autoScalingGroups ?? [])
      .map((group) => group.name ?? '')
      .filter(Boolean),
    launchTemplate:
      launchTemplate?.id == null
        ? null
        : { id: launchTemplate.id, name: launchTemplate.name ?? null, version: launchTemplate.version ?? '$Default' },
    updateConfig:
      updateConfig == null
        ? null
        : {
            ...(updateConfig.maxUnavailable == null ? {} : { maxUnavailable: updateConfig.maxUnavailable }),
            ...(updateConfig.maxUnavailablePercentage == null
              ? {}
              : { maxUnavailablePercentage: updateConfig.maxUnavailablePercentage }),
            ...(updateConfig.updateStrategy == null ? {} : { updateStrategy: updateConfig.updateStrategy }),
          },
    nodeRepairConfig: nodegroup.nodeRepairConfig == null ? null : { ...nodegroup.nodeRepairConfig },
    warmPoolConfig: nodegroup.warmPoolConfig == null ? null : { ...nodegroup.warmPoolConfig },
    remoteAccess:
      remoteAccess == null
        ? null
        : {
            ec2SshKey: remoteAccess.ec2SshKey ?? null,
            sourceSecurityGroups: (remoteAccess.sourceSecurityGroups ?? []).toSorted(),
          },
    healthIssues: toHealthIssues(nodegroup.health?.issues),
    unknownFields,
  };
}

interface SdkIssue {
  code?: string | undefined;
  message?: string | undefined;
  resourceIds?: string[] | undefined;
}

const toHealthIssues = (issues: readonly SdkIssue[] | null | undefined): HealthIssue[] =>
  (issues ?? []).map((issue) => ({
    code: issue.code ?? 'Unknown',
    message: cleanText(issue.message),
    resourceIds: issue.resourceIds ?? [],
  }));

const updateStatuses = ['InProgress', 'Successful', 'Failed', 'Cancelled'] as const;

function toUpdate(update: Sdk.Update, askedId: string): EksUpdate {
  return {
    id: update.id ?? askedId,
    // a status that this version does not know has not ended
    status: updateStatuses.find((status) => status === update.status) ?? 'InProgress',
    errors: (update.errors ?? []).map((error) => ({
      code: error.errorCode ?? 'Unknown',
      message: cleanText(error.errorMessage),
      resourceIds: error.resourceIds ?? [],
    })),
  };
}
