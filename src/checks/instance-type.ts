import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { shippedDataDate } from '../domain/instance-types/lookup.ts';
import { nearestNitroTypes } from '../domain/instance-types/nearest-nitro.ts';
import { type InterfaceSettings, recommendedMaxPods, supportsPrefixes } from '../domain/max-pods.ts';
import { replacementTypesOf } from '../domain/nodegroups.ts';
import { planCommand } from '../domain/plan-command.ts';
import type { Scope, SkippedNodegroup } from '../domain/scope.ts';
import type { ClusterSnapshot, InstanceType, Nodegroup } from '../domain/snapshot.ts';
import { type Check, count } from './check.ts';
import { planWithTypes } from './plan-with-types.ts';

/** Node groups whose instance types cannot use prefixes, or that EC2 says nothing about. One that nobody asked for is only left out. */
export const instanceType: Check = {
  codes: [
    { code: 'INSTANCE.NOT_NITRO', meaning: 'Prefixes need Nitro or bare metal instances.', canBeAllowed: false },
    { code: 'INSTANCE.UNKNOWN', meaning: 'Nothing is known about the instance type.', canBeAllowed: false },
    {
      code: 'INSTANCE.FROM_SHIPPED_DATA',
      meaning: 'EC2 did not describe the instance type; facts shipped with this program are used.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) => [
    ...scope.skipped.flatMap((group): Finding[] => {
      const nodegroup = snapshot.nodegroups.find(({ nodegroupName }) => nodegroupName === group.nodegroupName);
      if (nodegroup === undefined) return [];
      if (group.reason === 'not-nitro') return [notNitro(snapshot, scope, nodegroup, group)];
      return group.reason === 'unknown-type' ? [unknownType(snapshot, scope, nodegroup, group)] : [];
    }),
    ...fromShippedData(snapshot, scope),
  ],
};

function notNitro(
  snapshot: ClusterSnapshot,
  scope: Scope,
  nodegroup: Nodegroup,
  { nodegroupName, detail, requested }: SkippedNodegroup,
): Finding {
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, scope.request));
  const { known } = replacementTypesOf(snapshot, nodegroup, scope.request);
  const kept = known.filter(supportsPrefixes);
  const proposals = known
    .filter((type) => !supportsPrefixes(type))
    .map((type) => ({ type, nearest: nearestNitroTypes(type) }));
  const wanted = kept.length > 0 ? kept : proposals.flatMap(({ nearest }) => nearest.slice(0, 1));
  const others = scope.sources.map((source) => source.nodegroupName);
  return {
    code: 'INSTANCE.NOT_NITRO',
    severity: requested ? 'blocking' : 'warning',
    subject: nodegroupName,
    summary: `Node group ${nodegroupName}${requested ? '' : ' is left out'}: ${detail}.`,
    why: [
      'On other instances the VPC CNI stays in secondary IP mode without an error, and a higher maxPods leaves pods without address.',
      ...proposals
        .filter(({ nearest }) => nearest.length > 0)
        .map(
          ({ type, nearest }) =>
            `Nitro types like ${sized(type)}: ${nearest.map((one) => withPods(one, settings)).join(', ')}.`,
        ),
      ...(kept.length === 0
        ? []
        : [
            `Without ${proposals.map(({ type }) => type.instanceType).join(', ')} each node would allow ${recommendedMaxPods(kept, settings).value} pods.`,
          ]),
    ].join(' '),
    nextActions: [
      ...(wanted.length === 0 ? [] : [planWithTypes(scope, nodegroup, wanted)]),
      ...(requested && others.length > 0
        ? [`${planCommand({ ...scope.request, nodegroups: others })}  # without ${nodegroupName}`]
        : []),
    ],
  };
}

/** `m4.large (2 vCPUs, 8 GiB)` */
const sized = ({ instanceType: name, vcpus, memoryMiB }: InstanceType): string =>
  vcpus === 0 ? name : `${name} (${count(vcpus, 'vCPU')}, ${Number((memoryMiB / 1024).toFixed(1))} GiB)`;

const withPods = (type: InstanceType, settings: InterfaceSettings): string =>
  sized(type).replace(/\)$/, `, ${recommendedMaxPods([type], settings).value} pods)`);

function unknownType(
  snapshot: ClusterSnapshot,
  { request }: Scope,
  nodegroup: Nodegroup,
  { nodegroupName, detail, requested }: SkippedNodegroup,
): Finding {
  const { unknown } = replacementTypesOf(snapshot, nodegroup, request);
  return {
    code: 'INSTANCE.UNKNOWN',
    severity: requested ? 'blocking' : 'warning',
    subject: nodegroupName,
    summary: `Node group ${nodegroupName} cannot be judged: ${detail}.`,
    why: `Without the number of interfaces and addresses maxPods cannot be calculated. EC2 does not describe the type in ${snapshot.cluster.region}, or the caller may not ask, and the data of ${shippedDataDate} in this program does not have it.`,
    nextActions: [
      `aws ec2 describe-instance-types --region ${snapshot.cluster.region} --instance-types ${unknown.join(' ')}`,
    ],
  };
}

function fromShippedData(snapshot: ClusterSnapshot, { sources, request }: Scope): Finding[] {
  const types = sources.flatMap((source) => replacementTypesOf(snapshot, source, request).known);
  const shipped = new Map(types.filter(({ origin }) => origin !== 'ec2').map((type) => [type.instanceType, type]));
  const names = [...shipped.keys()].toSorted();
  const { cluster } = snapshot;
  const refused = [...shipped.values()].some(({ origin }) => origin === 'not-allowed');
  if (names.length === 0) return [];
  return [
    {
      code: 'INSTANCE.FROM_SHIPPED_DATA',
      severity: 'advice',
      subject: cluster.name,
      summary: `Limits of ${names.join(', ')} are those of ${shippedDataDate} that come with this program.`,
      why: refused
        ? 'EC2 refused ec2:DescribeInstanceTypes. AWS rarely changes a type; the first new node is checked before anything is moved.'
        : `EC2 does not describe them in ${cluster.region}. AWS rarely changes a type; the first new node is checked before anything is moved.`,
      nextActions: [`aws ec2 describe-instance-types --region ${cluster.region} --instance-types ${names.join(' ')}`],
    },
  ];
}
