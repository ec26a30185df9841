/** The `Table` form of objects (meta.k8s.io/v1), which kubectl asks for and prints. */
import type { KubeObject } from '../types.ts';
import {
  type ConfigMap,
  type DaemonSet,
  type Deployment,
  type Event,
  isKind,
  type Lease,
  type Namespace,
  type Node,
  type Pod,
  type PodDisruptionBudget,
  type ReplicaSet,
  type StatefulSet,
} from './objects.ts';
import { conditionOf } from './pods.ts';
import { age, milliseconds } from './time.ts';

interface Column<T> {
  name: string;
  /** Shown with `-o wide` only. */
  wide?: true;
  type?: 'integer';
  cell: (object: T, now: number) => string | number;
}

/** The columns of a kind, and the cells of an object of it. */
interface TableForm {
  columns: readonly Pick<Column<KubeObject>, 'name' | 'wide' | 'type'>[];
  cells: (object: KubeObject, now: number) => (string | number)[];
}

function tableForm(own: readonly Column<KubeObject>[]): TableForm {
  return { columns: own, cells: (object, now) => own.map(({ cell }) => cell(object, now)) };
}

function table<T extends KubeObject>(kind: T['kind'], own: readonly Column<T>[]): TableForm {
  const cells: TableForm['cells'] = (object, now) =>
    isKind<T>(object, kind) ? own.map(({ cell }) => cell(object, now)) : [];
  return { columns: own, cells };
}

function since(time: string | null | undefined, now: number): string {
  return time ? age(now - milliseconds(time)) : '<unknown>';
}

const nameColumn: Column<KubeObject> = { name: 'Name', cell: ({ metadata }) => metadata.name };
const ageColumn: Column<KubeObject> = {
  name: 'Age',
  cell: ({ metadata }, now) => since(metadata.creationTimestamp, now),
};

const none = '<none>';

function nodeStatus(node: Node): string {
  const ready = conditionOf(node, 'Ready');
  const parts = [ready?.status === 'True' ? 'Ready' : ready?.status === 'False' ? 'NotReady' : 'Unknown'];
  return [...parts, ...(node.spec.unschedulable ? ['SchedulingDisabled'] : [])].join(',');
}

function nodeAddress(node: Node, wanted: string): string {
  return node.status.addresses?.find(({ type }) => type === wanted)?.address ?? none;
}

function podStatus({ metadata, status }: Pod): string {
  if (metadata.deletionTimestamp) return 'Terminating';
  return status.phase === 'Succeeded' ? 'Completed' : (status.reason ?? status.phase);
}

const tables: Record<string, TableForm> = {
  nodes: table<Node>('Node', [
    nameColumn,
    { name: 'Status', cell: nodeStatus },
    { name: 'Roles', cell: () => none },
    ageColumn,
    { name: 'Version', cell: ({ status }) => status.nodeInfo?.['kubeletVersion'] ?? '' },
    { name: 'Internal-IP', wide: true, cell: (node) => nodeAddress(node, 'InternalIP') },
    { name: 'External-IP', wide: true, cell: (node) => nodeAddress(node, 'ExternalIP') },
    { name: 'OS-Image', wide: true, cell: ({ status }) => status.nodeInfo?.['osImage'] ?? '<unknown>' },
    { name: 'Kernel-Version', wide: true, cell: ({ status }) => status.nodeInfo?.['kernelVersion'] ?? '<unknown>' },
    {
      name: 'Container-Runtime',
      wide: true,
      cell: ({ status }) => status.nodeInfo?.['containerRuntimeVersion'] ?? '<unknown>',
    },
  ]),
  pods: table<Pod>('Pod', [
    nameColumn,
    {
      name: 'Ready',
      cell: ({ spec, status }) =>
        `${status.containerStatuses?.filter(({ ready }) => ready).length ?? 0}/${spec.containers.length}`,
    },
    { name: 'Status', cell: podStatus },
    {
      name: 'Restarts',
      cell: ({ status }) => String(status.containerStatuses?.reduce((sum, each) => sum + each.restartCount, 0) ?? 0),
    },
    ageColumn,
    { name: 'IP', wide: true, cell: ({ status }) => status.podIP ?? none },
    { name: 'Node', wide: true, cell: ({ spec }) => spec.nodeName ?? none },
    { name: 'Nominated Node', wide: true, cell: () => none },
    { name: 'Readiness Gates', wide: true, cell: () => none },
  ]),
  poddisruptionbudgets: table<PodDisruptionBudget>('PodDisruptionBudget', [
    nameColumn,
    { name: 'Min Available', cell: ({ spec }) => String(spec.minAvailable ?? 'N/A') },
    { name: 'Max Unavailable', cell: ({ spec }) => String(spec.maxUnavailable ?? 'N/A') },
    { name: 'Allowed Disruptions', type: 'integer', cell: ({ status }) => status.disruptionsAllowed },
    ageColumn,
  ]),
  deployments: table<Deployment>('Deployment', [
    nameColumn,
    { name: 'Ready', cell: ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas ?? 1}` },
    { name: 'Up-to-date', type: 'integer', cell: ({ status }) => status.updatedReplicas ?? 0 },
    { name: 'Available', type: 'integer', cell: ({ status }) => status.availableReplicas ?? 0 },
    ageColumn,
  ]),
  replicasets: table<ReplicaSet>('ReplicaSet', [
    nameColumn,
    { name: 'Desired', type: 'integer', cell: ({ spec }) => spec.replicas ?? 1 },
    { name: 'Current', type: 'integer', cell: ({ status }) => status.replicas },
    { name: 'Ready', type: 'integer', cell: ({ status }) => status.readyReplicas ?? 0 },
    ageColumn,
  ]),
  statefulsets: table<StatefulSet>('StatefulSet', [
    nameColumn,
    { name: 'Ready', cell: ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas ?? 1}` },
    ageColumn,
  ]),
  daemonsets: table<DaemonSet>('DaemonSet', [
    nameColumn,
    { name: 'Desired', type: 'integer', cell: ({ status }) => status.desiredNumberScheduled },
    { name: 'Current', type: 'integer', cell: ({ status }) => status.currentNumberScheduled },
    { name: 'Ready', type: 'integer', cell: ({ status }) => status.numberReady },
    { name: 'Up-to-date', type: 'integer', cell: ({ status }) => status.updatedNumberScheduled ?? 0 },
    { name: 'Available', type: 'integer', cell: ({ status }) => status.numberAvailable ?? 0 },
    { name: 'Node Selector', cell: ({ spec }) => labelText(spec.template.spec.nodeSelector) },
    ageColumn,
  ]),
  events: table<Event>('Event', [
    {
      name: 'Last Seen',
      cell: ({ lastTimestamp, metadata }, now) => since(lastTimestamp ?? metadata.creationTimestamp, now),
    },
    { name: 'Type', cell: ({ type }) => type ?? '' },
    { name: 'Reason', cell: ({ reason }) => reason ?? '' },
    { name: 'Object', cell: ({ involvedObject }) => `${involvedObject.kind?.toLowerCase()}/${involvedObject.name}` },
    { name: 'Message', cell: ({ message }) => message ?? '' },
    { name: 'Name', wide: true, cell: ({ metadata }) => metadata.name },
  ]),
  leases: table<Lease>('Lease', [
    nameColumn,
    { name: 'Holder', cell: ({ spec }) => spec.holderIdentity ?? '' },
    ageColumn,
  ]),
  configmaps: table<ConfigMap>('ConfigMap', [
    nameColumn,
    { name: 'Data', type: 'integer', cell: ({ data, binaryData }) => Object.keys({ ...data, ...binaryData }).length },
    ageColumn,
  ]),
  namespaces: table<Namespace>('Namespace', [
    nameColumn,
    { name: 'Status', cell: ({ status }) => status.phase },
    ageColumn,
  ]),
};

const plainTable: TableForm = tableForm([nameColumn, ageColumn]);

function labelText(labels: Record<string, string> | undefined): string {
  const texts = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return texts.length > 0 ? texts.join(',') : none;
}

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export function toTable(
  resource: string,
  objects: readonly KubeObject[],
  listMetadata: object,
  includeObject: IncludeObject,
  now: number,
): object {
  const { columns, cells } = tables[resource] ?? plainTable;
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMetadata,
    columnDefinitions: columns.map(({ name, wide, type }) => ({
      name,
      type: type ?? 'string',
      format: name === 'Name' ? 'name' : '',
      description: '',
      priority: wide ? 1 : 0,
    })),
    rows: objects.map((object) => ({
      cells: cells(object, now),
      ...(includeObject === 'None' ? {} : { object: includeObject === 'Object' ? object : metadataOnly(object) }),
    })),
  };
}

export function metadataOnly({ metadata }: KubeObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
}
