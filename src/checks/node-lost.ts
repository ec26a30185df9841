import type { Finding } from '../domain/finding.ts';
import { isOfThisGroup } from '../domain/node-labels.ts';
import { nodesOf, templateOf } from '../domain/nodegroups.ts';
import { comesAgain, taintText } from '../domain/scheduling.ts';
import type { Scope } from '../domain/scope.ts';
import { isSelfManaged } from '../domain/self-managed.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { ClusterNode, ClusterSnapshot, Nodegroup, TaintEffect } from '../domain/snapshot.ts';
import { type Check, count, listed } from './check.ts';
import { demandersOf } from './placement-lost.ts';

/** What live nodes of a source have from a person, or from a controller that nobody here knows: new nodes come without it. */
export const nodeLost: Check = {
  codes: [
    {
      code: 'NODE.LABEL_LOST',
      meaning: 'Nodes of a source have labels that neither their node group nor a known controller gives to new ones.',
      canBeAllowed: false,
    },
    {
      code: 'NODE.TAINT_LOST',
      meaning:
        'Nodes of a source have taints that their node group does not have, so that new nodes come without them.',
      canBeAllowed: false,
    },
    {
      code: 'NODE.ANNOTATION_LOST',
      meaning: 'Nodes of a source have annotations of somebody unknown, which new nodes do not get.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) =>
    scope.sources.flatMap((source) => [
      ...labels(snapshot, scope, source),
      ...taints(snapshot, source),
      ...annotations(snapshot, source),
    ]),
};

/** Something that nodes have, and how many of them. */
interface Found<T> {
  value: T;
  nodes: number;
}

/** What each node has, and on how many nodes it is, by its text. */
function counted<T>(
  nodes: readonly ClusterNode[],
  of: (node: ClusterNode) => T[],
  text: (value: T) => string,
): Found<T>[] {
  const found = new Map<string, Found<T>>();
  for (const value of nodes.flatMap(of)) {
    const one = found.get(text(value)) ?? { value, nodes: 0 };
    found.set(text(value), { ...one, nodes: one.nodes + 1 });
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/** `tier=gold (3 of 6 nodes)` */
const withCount = <T>(found: readonly Found<T>[], all: number, text: (value: T) => string): string =>
  listed(found.map(({ value, nodes }) => `${text(value)} (${nodes} of ${count(all, 'node')})`));

type Label = [key: string, value: string];
const labelText = ([key, value]: Label): string => `${key}=${value}`;

function labels(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  const nodes = nodesOf(snapshot, nodegroupName);
  const foreign = ({ labels: all }: ClusterNode): Label[] =>
    Object.entries(all).filter(
      ([key, value]) => !isOfThisGroup(key) && !comesAgain(key) && source.labels[key] !== value,
    );
  const found = counted(nodes, foreign, labelText);
  if (found.length === 0) return [];
  const owners = demandersOf(snapshot, scope, source, new Set(found.map(({ value: [key] }) => key)));
  const demanded = [...owners].map(([key, names]) => `${key} is demanded by ${listed([...names])}.`);
  // those of user data are on every node, and user data is copied
  const mayComeAgain =
    (templateOf(snapshot, source)?.userDataHash ?? null) !== null &&
    found.every(({ nodes: on }) => on === nodes.length);
  return [
    {
      code: 'NODE.LABEL_LOST',
      severity: mayComeAgain ? 'advice' : 'warning',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: its nodes have labels that the group does not have: ${withCount(found, nodes.length, labelText)}.`,
      why: [
        mayComeAgain
          ? 'When the user data of its launch template sets them, new nodes get them, too: it is copied. Otherwise somebody has put them there, and new nodes come without.'
          : 'Somebody, or a controller that is not known here, has put them on the nodes: new nodes come without.',
        ...demanded,
      ].join(' '),
      nextActions: [
        ...forGroup(snapshot, source, found),
        ...found.slice(0, 3).map(({ value }) => forNodes('label', labelText(value))),
      ],
    },
  ];
}

/** What all nodes have the node group can have, and then its replacement has it. */
function forGroup({ cluster }: ClusterSnapshot, source: Nodegroup, found: readonly Found<Label>[]): string[] {
  const { nodegroupName } = source;
  const keys = Map.groupBy(found, ({ value: [key] }) => key);
  const given = found.filter(
    ({ value: [key] }) => keys.get(key)?.length === 1 && !/(^|\.)(kubernetes\.io|k8s\.io|amazonaws\.com)\//.test(key),
  );
  if (isSelfManaged(nodegroupName) || given.length === 0) return [];
  const text = `addOrUpdateLabels={${given.map(({ value }) => labelText(value)).join(',')}}`;
  return [
    `aws eks update-nodegroup-config --region ${cluster.region} --cluster-name ${cluster.name} --nodegroup-name ${nodegroupName} --labels ${shellWord(text)}  # then plan again: the replacement gets the labels of the group`,
  ];
}

const forNodes = (verb: string, what: string): string =>
  `kubectl ${verb} node NODE ${shellWord(what)}  # each new node, once it is there`;

/** As EKS writes effects. */
const effects: Record<string, TaintEffect> = {
  NoSchedule: 'NO_SCHEDULE',
  NoExecute: 'NO_EXECUTE',
  PreferNoSchedule: 'PREFER_NO_SCHEDULE',
};

/** Taints that come and go with the state of a node, and of those who start, watch and end nodes. */
const ofState =
  /^(node\.kubernetes\.io|node\.cloudprovider\.kubernetes\.io|karpenter\.sh)\/|not-ready$|^aws-node-termination-handler\/|ByClusterAutoscaler$/;

function taints(snapshot: ClusterSnapshot, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  const { cluster } = snapshot;
  const nodes = nodesOf(snapshot, nodegroupName);
  const found = counted(
    nodes,
    (node) =>
      node.taints.filter(
        (taint) =>
          effects[taint.effect] !== undefined &&
          !ofState.test(taint.key) &&
          !source.taints.some(({ key, effect }) => key === taint.key && effect === effects[taint.effect]),
      ),
    taintText,
  );
  if (found.length === 0) return [];
  const asArguments = found.map(
    ({ value: { key, value, effect } }) => `{key=${key}${value ? `,value=${value}` : ''},effect=${effects[effect]}}`,
  );
  return [
    {
      code: 'NODE.TAINT_LOST',
      severity: 'warning',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: its nodes have taints that the group does not have: ${withCount(found, nodes.length, taintText)}.`,
      why: 'Somebody has put them on the nodes: new nodes come without. Pods that they kept away can then come to the new nodes, and take the room of those that move.',
      nextActions: [
        ...(isSelfManaged(nodegroupName)
          ? []
          : [
              `aws eks update-nodegroup-config --region ${cluster.region} --cluster-name ${cluster.name} --nodegroup-name ${nodegroupName} --taints ${shellWord(`addOrUpdateTaints=[${asArguments.join(',')}]`)}  # then plan again: the replacement gets the taints of the group`,
            ]),
        ...found.slice(0, 3).map(({ value }) => forNodes('taint', taintText(value))),
      ],
    },
  ];
}

/** Of kubelet, the cloud provider and controllers that annotate every node that suits them. */
const knownAnnotations =
  /(^|\.)(kubernetes\.io|k8s\.io|k8s\.aws|amazonaws\.com|karpenter\.sh|x-k8s\.io|cilium\.io|projectcalico\.org|coreos\.com|weave\.works|kured\.dev|cattle\.io|longhorn\.io|bottlerocket\.aws|aws\.amazon\.com|nvidia\.com|amd\.com|eksctl\.io|containerd\.io|istio\.io|linkerd\.io|datadoghq\.com|openshift\.io|submariner\.io)\/|^(aws-node-termination-handler|prefix-migrate|projectcalico)\b/;
/** Which a person puts on a node, although the name is that of a controller. */
const byPeople = /^cluster-autoscaler\.kubernetes\.io\//;

function annotations(snapshot: ClusterSnapshot, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  const nodes = nodesOf(snapshot, nodegroupName);
  const found = counted(
    nodes,
    ({ otherAnnotations = [] }) => otherAnnotations.filter((key) => byPeople.test(key) || !knownAnnotations.test(key)),
    (key) => key,
  );
  const [first] = nodes.filter(({ otherAnnotations = [] }) =>
    otherAnnotations.some((key) => found.some(({ value }) => value === key)),
  );
  if (first === undefined || found.length === 0) return [];
  return [
    {
      code: 'NODE.ANNOTATION_LOST',
      severity: 'warning',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: its nodes have annotations that new ones do not get: ${withCount(found, nodes.length, (key) => key)}.`,
      why: 'A node group cannot have annotations. A controller puts them on new nodes as well; what a person has put there has to be put on the new nodes again.',
      nextActions: [
        `kubectl describe node ${shellWord(first.name)}  # shows their values`,
        ...found.slice(0, 3).map(({ value }) => forNodes('annotate', `${value}=VALUE`)),
      ],
    },
  ];
}
