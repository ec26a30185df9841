/** Volumes: the claims of a pod, where they may be used, how many a node can attach, and volumes made on demand. */
import type {
  CsiNode,
  Node,
  NodeSelectorTerm,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
} from './objects.ts';
import { matchesTerms } from './selectors.ts';
import type { KubernetesStore } from './store.ts';

export const ebsDriver = 'ebs.csi.aws.com';
const localProvisioner = 'rancher.io/local-path';

/** The claims that a pod names; undefined for one that is not there. */
export function claimsOf(
  store: KubernetesStore,
  { metadata, spec }: Pod,
): Map<string, PersistentVolumeClaim | undefined> {
  const names = (spec.volumes ?? []).flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
  return new Map(
    names.map((name) => [name, store.get<PersistentVolumeClaim>('persistentvolumeclaims', metadata.namespace, name)]),
  );
}

export function volumeOf(
  store: KubernetesStore,
  claim: PersistentVolumeClaim | undefined,
): PersistentVolume | undefined {
  const name = claim?.spec.volumeName;
  return name === undefined ? undefined : store.get<PersistentVolume>('persistentvolumes', undefined, name);
}

export function fitsNode(volume: PersistentVolume | undefined, node: Node): boolean {
  const required = volume?.spec.nodeAffinity?.required;
  return !required || matchesTerms(required.nodeSelectorTerms, node);
}

function classOf(store: KubernetesStore, claim: PersistentVolumeClaim): StorageClass | undefined {
  return store.get<StorageClass>('storageclasses', undefined, claim.spec.storageClassName ?? '');
}

/** Why no node can take a pod with these claims, whatever the node (plugin VolumeBinding); undefined when one may. */
export function claimTrouble(store: KubernetesStore, claims: ReturnType<typeof claimsOf>): string | undefined {
  for (const [name, claim] of claims) {
    if (!claim) return `persistentvolumeclaim "${name}" not found`;
    if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
    const later = classOf(store, claim)?.volumeBindingMode === 'WaitForFirstConsumer';
    if (!claim.spec.volumeName && !later) return 'pod has unbound immediate PersistentVolumeClaims';
  }
  return undefined;
}

/** CSI driver and handle of a claim's volume; undefined for what is attached nowhere. A volume to be made is one of its own. */
function attachmentOf(
  store: KubernetesStore,
  key: string,
  claim: PersistentVolumeClaim | undefined,
): { driver: string; handle: string } | undefined {
  const volume = volumeOf(store, claim);
  if (volume) return volume.spec.csi && { driver: volume.spec.csi.driver, handle: volume.spec.csi.volumeHandle };
  const driver = claim && classOf(store, claim)?.provisioner;
  return driver === undefined || driver === localProvisioner ? undefined : { driver, handle: key };
}

/** Plugin NodeVolumeLimits: whether a node can attach the volumes of a pod beside those of its pods. */
export function exceedsAttachLimit(store: KubernetesStore, pod: Pod, node: Node, others: Iterable<Pod>): boolean {
  const wanted = attachments(store, [pod]);
  if (wanted.size === 0) return false;
  const limits = store.get<CsiNode>('csinodes', undefined, node.metadata.name)?.spec.drivers ?? [];
  const attached = attachments(store, others);
  return limits.some(({ name, allocatable }) => {
    if (allocatable?.count === undefined) return false;
    const there = [...attached].filter(([, driver]) => driver === name).map(([handle]) => handle);
    const added = [...wanted].filter(([handle, driver]) => driver === name && !attached.has(handle));
    return added.length > 0 && there.length + added.length > allocatable.count;
  });
}

/** Handle -> driver */
function attachments(store: KubernetesStore, pods: Iterable<Pod>): Map<string, string> {
  const found = new Map<string, string>();
  for (const pod of pods) {
    for (const [name, claim] of claimsOf(store, pod)) {
      const attachment = attachmentOf(store, `${pod.metadata.namespace}/${name}`, claim);
      if (attachment) found.set(attachment.handle, attachment.driver);
    }
  }
  return found;
}

/** A pod goes to a node: claims that waited for it get a volume there, as an EBS or a local-path provisioner makes it. */
export function provision(store: KubernetesStore, pod: Pod, node: Node): void {
  for (const claim of claimsOf(store, pod).values())
    if (claim && !claim.spec.volumeName) createVolume(store, claim, node);
}

function createVolume(store: KubernetesStore, claim: PersistentVolumeClaim, node: Node): void {
  const { namespace, name, uid } = claim.metadata;
  const storage = claim.spec.resources?.requests?.['storage'] ?? '1Gi';
  const isLocal = classOf(store, claim)?.provisioner === localProvisioner;
  const key = isLocal ? 'kubernetes.io/hostname' : 'topology.kubernetes.io/zone';
  const terms: NodeSelectorTerm[] = [
    { matchExpressions: [{ key, operator: 'In', values: [node.metadata.labels?.[key] ?? ''] }] },
  ];
  const volumeName = `pvc-${uid}`;
  const handle = `vol-0${uid.replaceAll('-', '').slice(0, 16)}`;
  store.create<PersistentVolume>('persistentvolumes', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: volumeName },
    spec: {
      capacity: { storage },
      accessModes: claim.spec.accessModes ?? ['ReadWriteOnce'],
      ...(claim.spec.storageClassName ? { storageClassName: claim.spec.storageClassName } : {}),
      claimRef: { ...(namespace ? { namespace } : {}), name, uid },
      ...(isLocal
        ? { local: { path: `/opt/local-path-provisioner/${volumeName}` } }
        : { csi: { driver: ebsDriver, volumeHandle: handle } }),
      nodeAffinity: { required: { nodeSelectorTerms: terms } },
    },
    status: { phase: 'Bound' },
  });
  store.update<PersistentVolumeClaim>('persistentvolumeclaims', namespace, name, (draft) => {
    draft.spec.volumeName = volumeName;
    draft.status = { phase: 'Bound' };
  });
}

/** The classes of a cluster with the EBS CSI driver, and one for disks of the node. */
export const storageClasses = [
  { name: 'gp3', provisioner: ebsDriver },
  { name: 'local-path', provisioner: localProvisioner },
].map(({ name, provisioner }) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
}));

/** What the EBS CSI driver's node plugin registers. Goes with its Node. */
export function createCsiNode(store: KubernetesStore, { metadata, spec }: Node, count: number): void {
  const { name, uid } = metadata;
  if (store.get('csinodes', undefined, name)) return;
  const nodeID = spec.providerID?.split('/').at(-1) ?? name;
  const topologyKeys = ['kubernetes.io/os', 'topology.ebs.csi.aws.com/zone', 'topology.kubernetes.io/zone'];
  store.create<CsiNode>('csinodes', {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    metadata: { name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] },
    spec: { drivers: [{ name: ebsDriver, nodeID, topologyKeys, allocatable: { count } }] },
  });
}
