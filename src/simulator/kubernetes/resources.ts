/** The resources that the API serves, as data, and the discovery documents that follow from them. */
import { createHash } from 'node:crypto';

export interface Resource {
  group: string;
  version: string;
  /** `v1`, `apps/v1`: `apiVersion` of its objects. */
  groupVersion: string;
  /** Plural name, as in paths. */
  resource: string;
  kind: string;
  namespaced: boolean;
  shortNames: readonly string[];
  categories: readonly string[];
  /** Subresource -> what discovery says of it. */
  subresources: Readonly<Record<string, Subresource>>;
  /** Whether the object has a status that only `/status` writes. */
  hasStatus: boolean;
  verbs: readonly string[];
}

interface Subresource {
  kind: string;
  verbs: readonly string[];
  group?: string;
  version?: string;
}

const everyVerb = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const changeVerbs = ['get', 'patch', 'update'];
const proxyVerbs = ['create', 'delete', 'get', 'patch', 'update'];

interface Definition {
  cluster?: true;
  short?: string;
  all?: true;
  /** Has a status subresource. */
  status?: true;
  scale?: true;
  verbs?: readonly string[];
  more?: Record<string, Subresource>;
}

const core: Record<string, [kind: string, definition: Definition]> = {
  configmaps: ['ConfigMap', { short: 'cm' }],
  endpoints: ['Endpoints', { short: 'ep' }],
  events: ['Event', { short: 'ev' }],
  limitranges: ['LimitRange', { short: 'limits' }],
  namespaces: [
    'Namespace',
    {
      cluster: true,
      short: 'ns',
      status: true,
      verbs: everyVerb.filter((verb) => verb !== 'deletecollection'),
      more: { finalize: { kind: 'Namespace', verbs: ['update'] } },
    },
  ],
  nodes: [
    'Node',
    { cluster: true, short: 'no', status: true, more: { proxy: { kind: 'NodeProxyOptions', verbs: proxyVerbs } } },
  ],
  persistentvolumeclaims: ['PersistentVolumeClaim', { short: 'pvc', status: true }],
  persistentvolumes: ['PersistentVolume', { cluster: true, short: 'pv', status: true }],
  pods: [
    'Pod',
    {
      short: 'po',
      all: true,
      status: true,
      more: {
        attach: { kind: 'PodAttachOptions', verbs: ['create', 'get'] },
        binding: { kind: 'Binding', verbs: ['create'] },
        ephemeralcontainers: { kind: 'Pod', verbs: changeVerbs },
        eviction: { kind: 'Eviction', verbs: ['create'], group: 'policy', version: 'v1' },
        exec: { kind: 'PodExecOptions', verbs: ['create', 'get'] },
        log: { kind: 'Pod', verbs: ['get'] },
        portforward: { kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
        proxy: { kind: 'PodProxyOptions', verbs: proxyVerbs },
        resize: { kind: 'Pod', verbs: changeVerbs },
      },
    },
  ],
  podtemplates: ['PodTemplate', {}],
  replicationcontrollers: ['ReplicationController', { short: 'rc', all: true, status: true, scale: true }],
  resourcequotas: ['ResourceQuota', { short: 'quota', status: true }],
  secrets: ['Secret', {}],
  serviceaccounts: [
    'ServiceAccount',
    {
      short: 'sa',
      more: { token: { kind: 'TokenRequest', verbs: ['create'], group: 'authentication.k8s.io', version: 'v1' } },
    },
  ],
  services: [
    'Service',
    { short: 'svc', all: true, status: true, more: { proxy: { kind: 'ServiceProxyOptions', verbs: proxyVerbs } } },
  ],
};

const groups: Record<string, Record<string, [kind: string, definition: Definition]>> = {
  '/v1': core,
  'admissionregistration.k8s.io/v1': {
    mutatingwebhookconfigurations: ['MutatingWebhookConfiguration', { cluster: true }],
    validatingwebhookconfigurations: ['ValidatingWebhookConfiguration', { cluster: true }],
  },
  'apps/v1': {
    controllerrevisions: ['ControllerRevision', {}],
    daemonsets: ['DaemonSet', { short: 'ds', all: true, status: true }],
    deployments: ['Deployment', { short: 'deploy', all: true, status: true, scale: true }],
    replicasets: ['ReplicaSet', { short: 'rs', all: true, status: true, scale: true }],
    statefulsets: ['StatefulSet', { short: 'sts', all: true, status: true, scale: true }],
  },
  'batch/v1': {
    cronjobs: ['CronJob', { short: 'cj', all: true, status: true }],
    jobs: ['Job', { all: true, status: true }],
  },
  'coordination.k8s.io/v1': { leases: ['Lease', {}] },
  // a CustomResourceDefinition that EKS brings with the VPC CNI
  'crd.k8s.amazonaws.com/v1alpha1': { eniconfigs: ['ENIConfig', { cluster: true }] },
  'karpenter.k8s.aws/v1': { ec2nodeclasses: ['EC2NodeClass', { cluster: true, short: 'ec2nc' }] },
  'karpenter.sh/v1': { nodepools: ['NodePool', { cluster: true }] },
  'policy/v1': { poddisruptionbudgets: ['PodDisruptionBudget', { short: 'pdb', status: true }] },
  'rbac.authorization.k8s.io/v1': {
    clusterrolebindings: ['ClusterRoleBinding', { cluster: true }],
    clusterroles: ['ClusterRole', { cluster: true }],
    rolebindings: ['RoleBinding', {}],
    roles: ['Role', {}],
  },
  'storage.k8s.io/v1': {
    csidrivers: ['CSIDriver', { cluster: true }],
    csinodes: ['CSINode', { cluster: true }],
    storageclasses: ['StorageClass', { cluster: true, short: 'sc' }],
    volumeattachments: ['VolumeAttachment', { cluster: true, status: true }],
  },
};

const reviewGroup = 'authorization.k8s.io';

function define(path: string, resource: string, [kind, definition]: [string, Definition]): Resource {
  const [group = '', version = ''] = path.split('/');
  return {
    group,
    version,
    groupVersion: group ? path : version,
    resource,
    kind,
    namespaced: !definition.cluster,
    shortNames: definition.short ? [definition.short] : [],
    categories: definition.all ? ['all'] : [],
    subresources: {
      ...definition.more,
      ...(definition.status ? { status: { kind, verbs: changeVerbs } } : {}),
      ...(definition.scale
        ? { scale: { kind: 'Scale', verbs: changeVerbs, group: 'autoscaling', version: 'v1' } }
        : {}),
    },
    hasStatus: definition.status === true,
    verbs: definition.verbs ?? everyVerb,
  };
}

export const resources: readonly Resource[] = Object.entries(groups).flatMap(([path, definitions]) =>
  Object.entries(definitions).map(([resource, definition]) => define(path, resource, definition)),
);

export function findResource(group: string, version: string, resource: string): Resource | undefined {
  return resources.find((each) => each.group === group && each.version === version && each.resource === resource);
}

/** Groups of CustomResourceDefinitions that somebody may have installed. */
export const customGroups: ReadonlySet<string> = new Set(['karpenter.k8s.aws', 'karpenter.sh']);

/** Groups of a Kubernetes API server that this one leaves out: asked for, they must not look as if they were empty. */
export const missingGroups: ReadonlySet<string> = new Set([
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'authentication.k8s.io',
  'autoscaling',
  'certificates.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'scheduling.k8s.io',
]);

/** `APIResourceList` of a group and version; undefined when there is none. */
export function resourceList(group: string, version: string): object | undefined {
  const groupVersion = group ? `${group}/${version}` : version;
  const own = resources.filter((each) => each.groupVersion === groupVersion).flatMap(discoveryEntries);
  if (groupVersion === 'v1') own.push(...unserved);
  if (groupVersion === `${reviewGroup}/v1`) own.push(review);
  if (own.length === 0) return undefined;
  const sorted = own.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const head = group ? { kind: 'APIResourceList', apiVersion: 'v1' } : { kind: 'APIResourceList' };
  return { ...head, groupVersion, resources: sorted };
}

interface DiscoveryEntry {
  name: string;
  singularName: string;
  namespaced: boolean;
  group?: string;
  version?: string;
  kind: string;
  verbs: readonly string[];
  shortNames?: readonly string[];
  categories?: readonly string[];
  storageVersionHash?: string;
}

const review: DiscoveryEntry = {
  name: 'selfsubjectaccessreviews',
  singularName: 'selfsubjectaccessreview',
  namespaced: false,
  kind: 'SelfSubjectAccessReview',
  verbs: ['create'],
};

const unserved: readonly DiscoveryEntry[] = [
  { name: 'bindings', singularName: 'binding', namespaced: true, kind: 'Binding', verbs: ['create'] },
  {
    name: 'componentstatuses',
    singularName: 'componentstatus',
    namespaced: false,
    kind: 'ComponentStatus',
    verbs: ['get', 'list'],
    shortNames: ['cs'],
  },
];

function discoveryEntries(each: Resource): DiscoveryEntry[] {
  const { resource, kind, namespaced, shortNames, categories, verbs } = each;
  const entry: DiscoveryEntry = {
    name: resource,
    singularName: kind.toLowerCase(),
    namespaced,
    kind,
    verbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    storageVersionHash: storageVersionHash(each),
  };
  const below = Object.entries(each.subresources).map(([name, { group, version, ...subresource }]) => ({
    name: `${resource}/${name}`,
    singularName: '',
    namespaced,
    ...(group ? { group } : {}),
    ...(version ? { version } : {}),
    ...subresource,
  }));
  return [entry, ...below];
}

/** Opaque to clients; as the API server computes it. */
function storageVersionHash({ group, version, kind }: Resource): string {
  const digest = createHash('sha256').update(`${group}/${version}/${kind}`).digest();
  return digest.subarray(0, 8).toString('base64');
}

function groupDocument(group: string): { name: string; versions: object[]; preferredVersion: object } {
  const version = resources.find((each) => each.group === group)?.version ?? 'v1';
  const served = { groupVersion: `${group}/${version}`, version };
  return { name: group, versions: [served], preferredVersion: served };
}

export const groupNames: readonly string[] = [
  ...new Set([...resources.map(({ group }) => group).filter((group) => group !== ''), reviewGroup]),
];

/** `without`: groups that nobody has installed here. */
export function groupList(without: ReadonlySet<string>): object {
  const names = groupNames.filter((name) => !without.has(name));
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: names.map(groupDocument) };
}

export function groupOf(group: string): object | undefined {
  return groupNames.includes(group) ? { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(group) } : undefined;
}
