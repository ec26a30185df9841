import {
  annotationKey,
  type EniConfigChoice,
  eniConfigOfNode,
  eniConfigsOfNewNodes,
  type FutureEniConfig,
  labelKey,
  usesCustomNetworking,
} from '../domain/eni-config.ts';
import type { Finding } from '../domain/finding.ts';
import { nodesOf, replacementSubnets } from '../domain/nodegroups.ts';
import { isSelfManaged } from '../domain/self-managed.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { ClusterSnapshot, EniConfig, Nodegroup } from '../domain/snapshot.ts';
import { howToSet } from './audit/settings.ts';
import { type Check, listed } from './check.ts';

/** Custom networking: will the nodes of each replacement find an ENIConfig, in every zone, and can they use it? */
export const eniConfig: Check = {
  codes: [
    {
      code: 'ENICONFIG.MISSING',
      meaning: 'New nodes would look for an ENIConfig that does not exist, and aws-node would not come up there.',
      canBeAllowed: true,
    },
    {
      code: 'ENICONFIG.CHANGES',
      meaning: 'New nodes would use another ENIConfig than the old nodes of the same zone.',
      canBeAllowed: false,
    },
    {
      code: 'ENICONFIG.SUBNET',
      meaning: 'Nodes cannot use the subnet of their ENIConfig.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { sources, request }) {
    if (!usesCustomNetworking(snapshot.vpcCni.env)) return [];
    return sources.flatMap((source) => {
      const future = eniConfigsOfNewNodes(snapshot, source, replacementSubnets(source, request));
      return zonesOf(future).flatMap((zone): Finding[] => {
        const before = choicesBefore(snapshot, source, zone.availabilityZone);
        if (zone.config === null) return [missing(snapshot, source, zone, before)];
        return [...unusable(snapshot, source, zone, zone.config), ...changed(snapshot, source, zone, before)];
      });
    });
  },
};

/** Each zone with one ENIConfig once, whatever the number of subnets. */
const zonesOf = (future: readonly FutureEniConfig[]): FutureEniConfig[] => [
  ...new Map(future.map((found) => [`${found.availabilityZone} ${found.name}`, found])).values(),
];

/** What the old nodes of a zone use, each ENIConfig once. */
function choicesBefore(snapshot: ClusterSnapshot, source: Nodegroup, zone: string | null): EniConfigChoice[] {
  const nodes = nodesOf(snapshot, source.nodegroupName).filter(({ availabilityZone }) => availabilityZone === zone);
  const choices = nodes.map((node) => eniConfigOfNode(node, snapshot.vpcCni.env));
  return [...new Map(choices.map((choice) => [choice.name, choice])).values()];
}

const inZone = ({ availabilityZone, nodeSubnetId }: FutureEniConfig): string =>
  availabilityZone === null ? `in ${nodeSubnetId}` : `in ${availabilityZone}`;

function missing(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  zone: FutureEniConfig,
  before: readonly EniConfigChoice[],
): Finding {
  const { nodegroupName } = source;
  const names = snapshot.eniConfigs.map(({ name }) => name);
  const there = names.length === 0 ? 'There is no ENIConfig at all' : `There is ${listed(names)}`;
  const key = labelKey(snapshot.vpcCni.env);
  return {
    code: 'ENICONFIG.MISSING',
    severity: zone.name === null ? 'warning' : 'blocking',
    subject: nodegroupName,
    summary:
      zone.name === null
        ? `Node group ${nodegroupName}: which ENIConfig its new nodes ${inZone(zone)} look for depends on their label ${key}, which cannot be told before they are there.`
        : `Node group ${nodegroupName}: its new nodes ${inZone(zone)} would look for ENIConfig ${zone.name}, which does not exist.`,
    why: `${there}. Without its ENIConfig aws-node attaches no interface, ends with an error and starts again, and the node does not become Ready.${byHand(before)}`,
    nextActions: cures(snapshot, source, zone, before),
  };
}

/** What somebody has put on the old nodes, and new ones will lack. */
function byHand(before: readonly EniConfigChoice[]): string {
  const [lost] = before.filter(({ by }) => by !== 'default');
  if (lost === undefined) return '';
  return ` The old nodes name ENIConfig ${lost.name} by ${lost.by} ${lost.key}: what is put on a node by hand does not come to new nodes.`;
}

/** How new nodes find the ENIConfig that the old ones use: by their zone, or by a label of the node group. */
function cures(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  zone: FutureEniConfig,
  before: readonly EniConfigChoice[],
): string[] {
  const { cluster, eniConfigs, vpcCni } = snapshot;
  const used = eniConfigs.find(({ name }) => before.some((choice) => choice.name === name));
  const zones = zonesOfGroup(snapshot, source);
  const look = 'kubectl get eniconfigs.crd.k8s.amazonaws.com';
  if (zone.availabilityZone === null) return [look];
  if (used === undefined)
    return [`${look}  # create ${zone.name ?? zone.availabilityZone} with a subnet ${inZone(zone)}`];
  if (zones.length === 1 && !isSelfManaged(source.nodegroupName)) {
    const labels = JSON.stringify({ addOrUpdateLabels: { [labelKey(vpcCni.env)]: used.name } });
    return [
      `aws eks update-nodegroup-config --region ${cluster.region} --cluster-name ${cluster.name} --nodegroup-name ${source.nodegroupName} --labels ${shellWord(labels)}`,
    ];
  }
  const byZone = eniConfigs.some(({ name }) => name === zone.availabilityZone);
  return [
    ...(byZone ? [] : [`echo '${manifest(zone.availabilityZone, used)}' | kubectl apply -f -`]),
    ...howToSet(snapshot, { ENI_CONFIG_LABEL_DEF: 'topology.kubernetes.io/zone' }),
  ];
}

const zonesOfGroup = ({ subnets }: ClusterSnapshot, { subnetIds }: Nodegroup): string[] => [
  ...new Set(subnets.filter(({ subnetId }) => subnetIds.includes(subnetId)).map((subnet) => subnet.availabilityZone)),
];

const manifest = (name: string, { subnetId, securityGroups }: EniConfig): string =>
  JSON.stringify({
    apiVersion: 'crd.k8s.amazonaws.com/v1alpha1',
    kind: 'ENIConfig',
    metadata: { name },
    spec: { subnet: subnetId, securityGroups },
  });

function changed(
  { vpcCni, cluster }: ClusterSnapshot,
  { nodegroupName }: Nodegroup,
  zone: FutureEniConfig,
  before: readonly EniConfigChoice[],
): Finding[] {
  const other = before.find(({ name }) => name !== zone.name);
  if (other === undefined) return [];
  return [
    {
      code: 'ENICONFIG.CHANGES',
      severity: 'warning',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: its new nodes ${inZone(zone)} would use ENIConfig ${zone.name}, its old ones use ${other.name}.`,
      why: `Pods then come to another subnet with other security groups.${byHand([other])}`,
      nextActions: [
        ...(isSelfManaged(nodegroupName)
          ? []
          : [
              `aws eks update-nodegroup-config --region ${cluster.region} --cluster-name ${cluster.name} --nodegroup-name ${nodegroupName} --labels ${shellWord(JSON.stringify({ addOrUpdateLabels: { [labelKey(vpcCni.env)]: other.name } }))}  # when ${other.name} is right`,
            ]),
        `kubectl get nodes ${isSelfManaged(nodegroupName) ? '' : `-l eks.amazonaws.com/nodegroup=${nodegroupName} `}-o yaml  # label ${shellWord(labelKey(vpcCni.env))}, annotation ${shellWord(annotationKey(vpcCni.env))}`,
      ],
    },
  ];
}

/** A subnet that no interface of these nodes can be in. */
function unusable(
  snapshot: ClusterSnapshot,
  { nodegroupName }: Nodegroup,
  zone: FutureEniConfig,
  config: EniConfig,
): Finding[] {
  const subnet = snapshot.subnets.find(({ subnetId }) => subnetId === config.subnetId);
  const problem =
    config.subnetId === null
      ? 'names no subnet'
      : subnet === undefined
        ? `names ${config.subnetId}, which EC2 does not know`
        : zone.availabilityZone !== null && subnet.availabilityZone !== zone.availabilityZone
          ? `names ${subnet.subnetId} in ${subnet.availabilityZone}`
          : undefined;
  if (problem === undefined) return [];
  return [
    {
      code: 'ENICONFIG.SUBNET',
      severity: 'blocking',
      subject: config.name,
      summary: `Node group ${nodegroupName}: ENIConfig ${config.name}, which its new nodes ${inZone(zone)} would use, ${problem}.`,
      why: 'EC2 attaches an interface to an instance of the same availability zone only. Without one aws-node ends with an error, and the node does not become Ready.',
      nextActions: [
        `aws ec2 describe-subnets --region ${snapshot.cluster.region} --filters Name=vpc-id,Values=${snapshot.cluster.vpcId} --query 'Subnets[].[SubnetId,AvailabilityZone,CidrBlock]' --output text`,
        `kubectl edit eniconfig.crd.k8s.amazonaws.com ${config.name}`,
      ],
    },
  ];
}
