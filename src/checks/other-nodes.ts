import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { recommendedMaxPods } from '../domain/max-pods.ts';
import { type NodeKind, nodeKind } from '../domain/node-addresses.ts';
import { karpenterPoolOf, usesVpcCni } from '../domain/nodegroups.ts';
import type { PlanRequest } from '../domain/plan.ts';
import type { ClusterNode, ClusterSnapshot } from '../domain/snapshot.ts';
import { type Check, count, listed } from './check.ts';

/** Nodes that no plan moves: what becomes of them. */
export const otherNodes: Check = {
  codes: [
    { code: 'CLUSTER.AUTO_MODE', meaning: 'EKS Auto Mode runs some or all of the nodes.', canBeAllowed: false },
    {
      code: 'CLUSTER.OTHER_NODES',
      meaning: 'Some nodes do not use the VPC CNI (Fargate, hybrid nodes): they stay as they are.',
      canBeAllowed: false,
    },
    {
      code: 'CLUSTER.KARPENTER',
      meaning: 'Karpenter makes some of the nodes: the switch reaches them, their maxPods is up to the EC2NodeClass.',
      canBeAllowed: false,
    },
    {
      code: 'CLUSTER.SELF_MANAGED_NODES',
      meaning: 'Some EC2 nodes are in no managed node group: the switch reaches them, nothing replaces them.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { request, sources }) {
    const strangers = snapshot.nodes.filter((node) => usesVpcCni(node) && node.nodegroupName === null);
    const ofKarpenter = strangers.filter((node) => karpenterPoolOf(node) !== null);
    const selfManaged = strangers.filter((node) => karpenterPoolOf(node) === null);
    const flips = sources.length > 0;
    return [
      ...autoMode(snapshot, flips),
      ...withoutVpcCni(snapshot),
      ...(flips && ofKarpenter.length > 0 ? [karpenter(snapshot, ofKarpenter, request)] : []),
      ...(flips && selfManaged.length > 0 ? [selfManagedNodes(selfManaged)] : []),
    ];
  },
};

function autoMode({ cluster, nodes, nodegroups }: ClusterSnapshot, moves: boolean): Finding[] {
  const auto = nodes.filter((node) => nodeKind(node) === 'auto').length;
  if (!cluster.autoMode && auto === 0) return [];
  return [
    {
      code: 'CLUSTER.AUTO_MODE',
      severity: 'advice',
      subject: cluster.name,
      summary: `Cluster ${cluster.name} uses EKS Auto Mode, with ${count(auto, 'node')} of its own; ${
        moves
          ? 'only its managed node groups are moved.'
          : nodegroups.length === 0
            ? 'it has no managed node group to move.'
            : 'none of its managed node groups is moved.'
      }`,
      why: 'On Auto Mode nodes AWS runs the CNI and chooses prefixes, spare addresses and maxPods (110 at most): there is no aws-node there, and nothing to set.',
      nextActions:
        nodegroups.length === 0
          ? ['kubectl get nodes -l eks.amazonaws.com/compute-type=auto']
          : [
              `eksctl update auto-mode-config --help  # --drain-all-nodegroups moves all node groups of ${cluster.name} to Auto Mode instead`,
            ],
    },
  ];
}

const withoutAwsNode: Partial<Record<NodeKind, string>> = {
  fargate: 'Fargate node',
  hybrid: 'hybrid node',
  other: 'node that is no EC2 instance',
};

function withoutVpcCni({ cluster, nodes }: ClusterSnapshot): Finding[] {
  const kinds = Map.groupBy(nodes, nodeKind);
  const found = Object.entries(withoutAwsNode).flatMap(([kind, noun]) => {
    const number = [...kinds].find(([candidate]) => candidate === kind)?.[1].length ?? 0;
    if (number === 0) return [];
    return [kind === 'other' && number > 1 ? `${number} nodes that are no EC2 instances` : count(number, noun)];
  });
  if (found.length === 0) return [];
  return [
    {
      code: 'CLUSTER.OTHER_NODES',
      severity: 'advice',
      subject: cluster.name,
      summary: `${inWords(found)} of ${cluster.name} stay as they are, and count nowhere in this plan.`,
      why: 'aws-node does not run there: a Fargate node has one pod with an interface of its own, a hybrid node another CNI.',
      nextActions: ['kubectl get nodes -L eks.amazonaws.com/compute-type'],
    },
  ];
}

/** `a`, `a and b`, `a, b and c` */
const inWords = (parts: readonly string[]): string =>
  [parts.slice(0, -1).join(', '), ...parts.slice(-1)].filter((part) => part !== '').join(' and ');

function karpenter(snapshot: ClusterSnapshot, nodes: readonly ClusterNode[], request: PlanRequest): Finding {
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  const pools = [...new Set(nodes.flatMap((node) => karpenterPoolOf(node) ?? []))].toSorted();
  const byClass = Map.groupBy(nodes, ({ labels }) => labels['karpenter.k8s.aws/ec2nodeclass'] ?? null);
  const advice = [...byClass].flatMap(([nodeClass, own]) => {
    const used = new Set(own.map(({ instanceType }) => instanceType));
    const types = snapshot.instanceTypes.filter(({ instanceType }) => used.has(instanceType));
    if (types.length === 0) return [];
    const { value, limitedBy } = recommendedMaxPods(types, settings);
    const known = snapshot.karpenter?.nodeClasses.find(({ name }) => name === nodeClass);
    if ((known?.maxPods ?? 0) >= value) return [];
    const patch = `--type merge --patch '{"spec":{"kubelet":{"maxPods":${value}}}}'`;
    if (nodeClass !== null)
      return [`kubectl patch ec2nodeclass ${nodeClass} ${patch}  # ${limitedBy}; in YAML: ${yaml(value)}`];
    return [`kubectl get ec2nodeclasses  # in the one of ${listed(pools)}: ${yaml(value)} (${limitedBy})`];
  });
  return {
    code: 'CLUSTER.KARPENTER',
    severity: 'advice',
    subject: listed(pools, 3),
    summary: `Karpenter has ${count(nodes.length, 'node')} here (node pools ${listed(pools)}): the switch reaches them too, and their /28 blocks are counted; they are not replaced.`,
    why: 'Karpenter computes maxPods without prefixes until spec.kubelet.maxPods of the EC2NodeClass says otherwise. Once it does, Karpenter replaces the nodes by itself (drift), within the budgets of the node pool.',
    nextActions: advice.length > 0 ? advice : ['kubectl get ec2nodeclasses'],
  };
}

const yaml = (maxPods: number): string => `spec: { kubelet: { maxPods: ${maxPods} } }`;

const selfManagedNodes = (nodes: readonly ClusterNode[]): Finding => ({
  code: 'CLUSTER.SELF_MANAGED_NODES',
  severity: 'advice',
  subject: listed(
    nodes.map(({ name }) => name),
    3,
  ),
  summary: `${count(nodes.length, 'EC2 node')} in no managed node group: the switch reaches them too, and their /28 blocks are counted; they are not replaced.`,
  why: 'They attach prefixes and keep the maxPods that they were started with. A higher one in their launch template counts for nodes that come later.',
  nextActions: [],
});
