/** A picture of the whole world for tests: what a run left behind, independent of the order in which things happened. */
import type { Ec2, Eni, Subnet } from './aws/ec2.ts';
import type { Node, Pod, Taint } from './kubernetes/objects.ts';
import { controllerOf, isReady } from './kubernetes/pods.ts';
import type { KubeStore, SimHandler } from './types.ts';

/** Equal for two runs that came to the same end, whatever happened on the way. */
export interface Outcome {
  /** What DescribeNodegroup says, without identifiers and times. */
  nodegroups: Record<string, unknown>;
  /** Per node group: how many nodes, ready, cordoned, with which `allocatable.pods`, holding prefixes. */
  nodes: Record<string, NodeSummary>;
  /** `namespace/kind/name` of the controller: pods and how many of them are Ready. */
  workloads: Record<string, { pods: number; ready: number }>;
  /** Name and number of versions of each; EKS names its own by a UUID, left out here. */
  launchTemplates: string[];
  reservations: string[];
  /** What DescribeAddon says, without identifiers and times. */
  addons: Record<string, unknown>;
}

export interface NodeSummary {
  nodes: number;
  ready: number;
  cordoned: number;
  allocatablePods: string[];
  withPrefixes: number;
}

/** Equal only for two runs with the same events: names, addresses and places. */
export interface Details {
  nodes: Record<string, NodeDetails>;
  /** Subnet id to its size, free addresses and what each taken address belongs to. */
  subnets: Record<string, { available: number; taken: string[] }>;
}

export interface NodeDetails {
  labels: Record<string, string>;
  taints: readonly Taint[];
  enis: { subnetId: string; primary: string; secondaries: string[]; prefixes: string[] }[];
  /** `namespace/name address` */
  pods: string[];
}

export interface StateSnapshot {
  outcome: Outcome;
  details: Details;
}

export interface StateSources {
  clusterName: string;
  aws: SimHandler;
  ec2: Ec2;
  store: KubeStore;
}

export async function snapshotState({ clusterName, aws, ec2, store }: StateSources): Promise<StateSnapshot> {
  const described = async (list: string, key: string, item: string): Promise<Record<string, unknown>> => {
    const path = `/clusters/${encodeURIComponent(clusterName)}/${list}`;
    const names: unknown = (await get(aws, path))[key];
    if (!Array.isArray(names)) throw new TypeError(`no ${key} in the answer to ${path}`);
    const all = names.map(
      async (name: string): Promise<[string, unknown]> => [
        name,
        withoutIdentity((await get(aws, `${path}/${encodeURIComponent(name)}`))[item]),
      ],
    );
    return sorted(await Promise.all(all));
  };
  const nodes = store.list<Node>('nodes');
  const pods = store.list<Pod>('pods');
  const enis = (node: Node): Eni[] => instanceOf(ec2, node)?.enis ?? [];
  const members = Map.groupBy(nodes, (node) => node.metadata.labels?.['eks.amazonaws.com/nodegroup'] ?? 'none');
  const owned = Map.groupBy(pods, (pod) => workloadOf(pod));
  return {
    outcome: {
      nodegroups: await described('node-groups', 'nodegroups', 'nodegroup'),
      addons: await described('addons', 'addons', 'addon'),
      nodes: sorted(
        [...members].map(([group, list]): [string, NodeSummary] => [
          group,
          {
            nodes: list.length,
            ready: list.filter(isReady).length,
            cordoned: list.filter(({ spec }) => spec.unschedulable).length,
            allocatablePods: [...new Set(list.map(({ status }) => status.allocatable?.['pods'] ?? ''))].toSorted(),
            withPrefixes: list.filter((node) => enis(node).some(({ prefixes }) => prefixes.length > 0)).length,
          },
        ]),
      ),
      workloads: sorted(
        [...owned].map(([name, list]) => [name, { pods: list.length, ready: list.filter(isReady).length }]),
      ),
      launchTemplates: [...ec2.launchTemplates.values()]
        .map(
          ({ name, versions }) =>
            `${name.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, '<uuid>')} ${versions.length}`,
        )
        .toSorted(),
      reservations: [...ec2.reservations.values()]
        .map(({ subnetId, cidr, type }) => `${subnetId} ${cidr} ${type}`)
        .toSorted(),
    },
    details: {
      nodes: sorted(
        nodes.map((node) => [
          node.metadata.name,
          {
            labels: node.metadata.labels ?? {},
            taints: node.spec.taints ?? [],
            enis: enis(node).map(({ subnetId, primary, secondaries, prefixes }) => ({
              subnetId,
              primary,
              secondaries: secondaries.toSorted(),
              prefixes: prefixes.toSorted(),
            })),
            pods: pods
              .filter(({ spec }) => spec.nodeName === node.metadata.name)
              .map(({ metadata, status }) => `${metadata.namespace}/${metadata.name} ${status.podIP}`)
              .toSorted(),
          },
        ]),
      ),
      subnets: sorted([...ec2.subnets.values()].map((subnet) => [subnet.id, occupancy(ec2, subnet)])),
    },
  };
}

async function get(aws: SimHandler, path: string): Promise<Record<string, unknown>> {
  const { status, body } = await aws({ method: 'GET', path, headers: {}, body: '' });
  if (status !== 200 || typeof body !== 'string') throw new Error(`GET ${path}: ${status}`);
  return JSON.parse(body);
}

const identity = /arn$|At$|^resources$|^resourceIds$|^id$/i;

/** Leaves out what differs between two runs to the same end. */
function withoutIdentity(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutIdentity);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !identity.test(name));
  return Object.fromEntries(kept.map(([name, item]) => [name, withoutIdentity(item)]));
}

/** The Deployment stands for its ReplicaSets: their names end in a hash. */
export function workloadOf(pod: Pod): string {
  const owner = controllerOf(pod);
  const { namespace = '', name } = pod.metadata;
  if (!owner) return `${namespace}/Pod/${name}`;
  if (owner.kind !== 'ReplicaSet') return `${namespace}/${owner.kind}/${owner.name}`;
  return `${namespace}/Deployment/${owner.name.replace(/-[^-]+$/, '')}`;
}

function instanceOf(ec2: Ec2, node: Node): ReturnType<Ec2['instances']['get']> {
  return ec2.instances.get(node.spec.providerID?.split('/').at(-1) ?? '');
}

function occupancy(ec2: Ec2, subnet: Subnet): { available: number; taken: string[] } {
  const taken = [...ec2.enis.values()]
    .filter(({ subnetId }) => subnetId === subnet.id)
    .flatMap(({ primary, secondaries, prefixes }) => [primary, ...secondaries, ...prefixes]);
  return { available: subnet.space.available(), taken: taken.toSorted() };
}

function sorted<T>(entries: [string, T][]): Record<string, T> {
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
