import { MigrateError } from '../domain/migrate-error.ts';
import {
  autoScalingGroupName,
  canBeNamed,
  instanceProfileOf,
  isSelfManaged,
  mayBeSelfManaged,
  selfManagedName,
  selfManagedNodegroup,
} from '../domain/self-managed.ts';
import type { ClusterNode, LaunchTemplateVersion, Nodegroup } from '../domain/snapshot.ts';
import type { FollowEvent, Followed } from '../ports/kubernetes.ts';
import type { Ports } from '../ports/ports.ts';

/** What stands in the journal for a change that Auto Scaling makes at once. */
const updateId = 'UpdateAutoScalingGroup';

/**
 * The same ports, which answer for node groups named `asg/NAME` from Auto Scaling, and give nodes of such a group that name:
 * so whatever works on managed node groups works on these. Which group an instance is of is asked anew with each list.
 */
export function withSelfManagedGroups(ports: Ports): Ports {
  const { eks, ec2, autoScaling, iam, kubernetes } = ports;
  /** versions never change */
  const templates = new Map<string, LaunchTemplateVersion | undefined>();
  const roles = new Map<string, string>();

  async function describe(nodegroupName: string): Promise<Nodegroup | undefined> {
    const [group] = await autoScaling.describeGroups([autoScalingGroupName(nodegroupName)]);
    if (group === undefined) return undefined;
    const template = group.launchTemplate == null ? undefined : await templateOf(group.launchTemplate);
    const members = new Set(group.instanceIds);
    return selfManagedNodegroup({
      group,
      template,
      nodeRole: await roleOf(template),
      nodes: (await kubernetes.listNodes()).filter((node) => members.has(node.instanceId ?? '')),
    });
  }

  async function templateOf({ id, version }: { id: string; version: string }) {
    const key = `${id} ${version}`;
    if (!templates.has(key)) templates.set(key, await ec2.describeLaunchTemplateVersion(id, version));
    return templates.get(key);
  }

  /** Empty where IAM does not tell: a finding says what that means. */
  async function roleOf(template: LaunchTemplateVersion | undefined): Promise<string> {
    const profile = instanceProfileOf(template);
    if (profile === undefined) return '';
    const role = roles.get(profile) ?? (await unlessRefused(iam.instanceProfileRole(profile))) ?? '';
    roles.set(profile, role);
    return role;
  }

  async function membersOf(nodegroupName: string): Promise<ClusterNode[]> {
    const [group] = await autoScaling.describeGroups([autoScalingGroupName(nodegroupName)]);
    const members = new Set(group?.instanceIds);
    const nodes = members.size === 0 ? [] : await kubernetes.listNodes();
    return nodes.filter((node) => members.has(node.instanceId ?? '')).map((node) => ({ ...node, nodegroupName }));
  }

  /** Names of the groups of nodes that may be of one; none where Auto Scaling may not be asked. */
  async function groupsOf(nodes: readonly ClusterNode[]): Promise<Map<string, string>> {
    const ids = nodes.filter(mayBeSelfManaged).map(({ instanceId }) => instanceId);
    const groups = ids.length === 0 ? {} : await unlessRefused(autoScaling.groupsOfInstances(ids));
    return new Map(Object.entries(groups ?? {}).filter(([, name]) => canBeNamed(name)));
  }

  /** A node whose group is not known waits for the answer, and what comes after it waits, too. */
  async function followNodes(listener: (event: FollowEvent<ClusterNode>) => void, stop: AbortSignal): Promise<void> {
    const known = new Map<string, string | undefined>();
    const ended = new AbortController();
    const failure = Promise.withResolvers<never>();
    const signal = AbortSignal.any([stop, ended.signal]);
    let waiting: Promise<void> | undefined;

    const isKnown = (node: ClusterNode): boolean => !mayBeSelfManaged(node) || known.has(node.instanceId);
    const tell = (event: FollowEvent<ClusterNode>): void => {
      if (event.type === 'replaced') {
        listener({ ...event, items: event.items.map((node) => named(node, known.get(node.instanceId ?? ''))) });
      } else listener({ ...event, item: named(event.item, known.get(event.item.instanceId ?? '')) });
    };
    const learnAndTell = async (event: FollowEvent<ClusterNode>): Promise<void> => {
      if (signal.aborted) return;
      const nodes = event.type === 'replaced' ? event.items : [event.item].filter((node) => !isKnown(node));
      const groups = await groupsOf(nodes);
      for (const node of nodes) if (node.instanceId !== null) known.set(node.instanceId, groups.get(node.instanceId));
      if (!signal.aborted) tell(event);
    };
    const receive = (event: FollowEvent<ClusterNode>): void => {
      const nodes = event.type === 'replaced' ? event.items : [event.item];
      const isClear = event.type === 'replaced' ? !nodes.some(mayBeSelfManaged) : nodes.every(isKnown);
      if (waiting === undefined && isClear) {
        tell(event);
        return;
      }
      const turn: Promise<void> = (waiting ?? Promise.resolve())
        .then(() => learnAndTell(event))
        .finally(() => {
          if (waiting === turn) waiting = undefined;
        });
      waiting = turn;
      turn.catch(failure.reject);
    };
    try {
      await Promise.race([kubernetes.follow('nodes', receive, signal), failure.promise]);
    } finally {
      ended.abort();
    }
  }

  const follows: {
    [K in keyof Followed]: (tell: (event: FollowEvent<Followed[K]>) => void, stop: AbortSignal) => Promise<void>;
  } = {
    nodes: followNodes,
    pods: (listener, stop) => kubernetes.follow('pods', listener, stop),
    podDisruptionBudgets: (listener, stop) => kubernetes.follow('podDisruptionBudgets', listener, stop),
  };

  return {
    ...ports,
    eks: {
      ...eks,
      describeNodegroup: (clusterName, name) =>
        isSelfManaged(name) ? describe(name) : eks.describeNodegroup(clusterName, name),
      async updateNodegroupScaling(clusterName, name, scaling, token) {
        if (!isSelfManaged(name)) return eks.updateNodegroupScaling(clusterName, name, scaling, token);
        await autoScaling.resizeGroup(autoScalingGroupName(name), scaling);
        return updateId;
      },
      deleteNodegroup: (clusterName, name) =>
        isSelfManaged(name)
          ? autoScaling.deleteGroup(autoScalingGroupName(name))
          : eks.deleteNodegroup(clusterName, name),
      describeUpdate: async (clusterName, id, of) =>
        'nodegroupName' in of && isSelfManaged(of.nodegroupName)
          ? { id, status: 'Successful', errors: [] }
          : eks.describeUpdate(clusterName, id, of),
      listUpdates: async (clusterName, of) =>
        'nodegroupName' in of && isSelfManaged(of.nodegroupName) ? [] : eks.listUpdates(clusterName, of),
    },
    kubernetes: {
      ...kubernetes,
      async listNodes(name) {
        if (name !== undefined) return isSelfManaged(name) ? membersOf(name) : kubernetes.listNodes(name);
        const nodes = await kubernetes.listNodes();
        const groups = await groupsOf(nodes);
        return groups.size === 0 ? nodes : nodes.map((node) => named(node, groups.get(node.instanceId ?? '')));
      },
      nodeImages: async (name) => {
        if (!isSelfManaged(name)) return kubernetes.nodeImages(name);
        throw new Error(`no pod of ours is made on nodes of ${name}`);
      },
      follow: (resource, listener, stop) => follows[resource](listener, stop),
    },
  };
}

const named = (node: ClusterNode, group: string | undefined): ClusterNode =>
  group === undefined || !mayBeSelfManaged(node) ? node : { ...node, nodegroupName: selfManagedName(group) };

/** Undefined when it is refused: nobody is kept from a migration of managed node groups by that. */
async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof MigrateError && !error.retryable) return undefined;
    throw error;
  }
}
