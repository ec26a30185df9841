import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { lowestTypes, podCap, prefixCapacity, recommendedMaxPods } from '../domain/max-pods.ts';
import { maxPodsBefore, usesPrefixes } from '../domain/nodegroup-pods.ts';
import { nodesOf, replacementTypesOf } from '../domain/nodegroups.ts';
import { planCommand } from '../domain/plan-command.ts';
import type { Scope, SkippedNodegroup, SkipReason } from '../domain/scope.ts';
import { isSelfManaged } from '../domain/self-managed.ts';
import type { ClusterSnapshot, InstanceType, Nodegroup } from '../domain/snapshot.ts';
import type { Check } from './check.ts';
import { planWithTypes } from './plan-with-types.ts';

/** A source that gains less than this share may not be worth its move. */
const smallGain = 0.1;

/** What the move brings each node group: nothing, little, or less than it could. */
export const nodegroupGain: Check = {
  codes: [
    { code: 'NODEGROUP.NO_GAIN', meaning: 'A replacement would not hold more pods per node.', canBeAllowed: false },
    { code: 'NODEGROUP.WOULD_LOSE', meaning: 'A replacement would hold fewer pods per node.', canBeAllowed: false },
    { code: 'NODEGROUP.ALREADY_PREFIX', meaning: 'The nodes use prefixes already.', canBeAllowed: false },
    { code: 'NODEGROUP.SMALL_GAIN', meaning: 'A replacement holds hardly more pods per node.', canBeAllowed: false },
    {
      code: 'NODEGROUP.OLD_MAX_PODS',
      meaning: 'The nodes have prefixes, but still the maxPods from before.',
      canBeAllowed: false,
    },
    {
      code: 'NODEGROUP.LOWEST_TYPE',
      meaning: 'One instance type of the group holds maxPods of all of them down.',
      canBeAllowed: false,
    },
    { code: 'PLAN.NOTHING_TO_DO', meaning: 'No managed node group gains from the move.', canBeAllowed: false },
  ],
  run(snapshot, scope) {
    const { cluster } = snapshot;
    const managed = snapshot.nodegroups.filter(({ nodegroupName }) => !isSelfManaged(nodegroupName));
    const found = [
      ...scope.skipped.flatMap((group) => leftOut(snapshot, scope, group)),
      ...scope.sources.flatMap((source) => judged(snapshot, scope, source)),
    ];
    // of a type that nobody knows another check says so: that it gains nothing cannot be said
    if (scope.sources.length > 0 || scope.skipped.some(({ reason }) => reason === 'unknown-type')) return found;
    const nothing: Finding = {
      code: 'PLAN.NOTHING_TO_DO',
      severity: 'advice',
      subject: cluster.name,
      summary:
        managed.length === 0
          ? `Cluster ${cluster.name} has no managed node groups.`
          : `No node group of ${cluster.name} gains from the move.`,
      why: 'A plan moves the managed node groups whose nodes would hold more pods with prefixes.',
      nextActions: [],
    };
    return [...found, nothing];
  },
};

const codes: Partial<Record<SkipReason, string>> = {
  'no-gain': 'NODEGROUP.NO_GAIN',
  'would-lose': 'NODEGROUP.WOULD_LOSE',
  'already-done': 'NODEGROUP.ALREADY_PREFIX',
};

function leftOut(snapshot: ClusterSnapshot, scope: Scope, group: SkippedNodegroup): Finding[] {
  const { nodegroupName, reason, detail, requested } = group;
  const code = codes[reason];
  const nodegroup = snapshot.nodegroups.find((one) => one.nodegroupName === nodegroupName);
  if (code === undefined || nodegroup === undefined) return [];
  const { known } = replacementTypesOf(snapshot, nodegroup, scope.request);
  return [
    {
      code,
      severity: requested ? 'warning' : 'advice',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName} is left out: ${detail}.`,
      why: whyLeftOut(snapshot, scope, reason, known),
      nextActions: reason === 'would-lose' ? moreThanNow(snapshot, scope, nodegroup, known) : [],
    },
  ];
}

function whyLeftOut(
  snapshot: ClusterSnapshot,
  { request }: Scope,
  reason: SkipReason,
  types: readonly InstanceType[],
): string {
  if (reason === 'already-done') return 'There is nothing to move it to.';
  if (request.maxPods !== undefined) return `--max-pods ${request.maxPods} is not more than its nodes allow today.`;
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  const cap = Math.min(...types.map(({ vcpus }) => podCap(vcpus)));
  if (recommendedMaxPods(types, settings).value < cap)
    return 'Its types have no more addresses for pods, with the settings of the VPC CNI as they are.';
  return reason === 'would-lose'
    ? `Somebody set the value of today: EKS recommends ${cap} at most for this size (110 pods up to 30 vCPUs, 250 above), with or without prefixes.`
    : `Its interfaces have addresses for ${cap} pods without prefixes; the limit of EKS (110 pods up to 30 vCPUs, 250 above) stays.`;
}

/** A value above the one of today, where there are addresses for it. */
function moreThanNow(
  snapshot: ClusterSnapshot,
  scope: Scope,
  { nodegroupName }: Nodegroup,
  types: readonly InstanceType[],
): string[] {
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, scope.request));
  const most = Math.min(...types.map((type) => prefixCapacity(type, settings)), 250);
  const now = Math.max(...nodesOf(snapshot, nodegroupName).map(({ allocatable }) => allocatable.pods));
  return most > now
    ? [`${planCommand({ ...scope.request, nodegroups: [nodegroupName], maxPods: most })}  # to have more all the same`]
    : [];
}

function judged(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  const { request } = scope;
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  const { known } = replacementTypesOf(snapshot, source, request);
  const before = maxPodsBefore(snapshot, source, settings);
  const after = request.maxPods ?? recommendedMaxPods(known, settings).value;
  const others = scope.sources.map((one) => one.nodegroupName).filter((name) => name !== nodegroupName);
  const small: Finding = {
    code: 'NODEGROUP.SMALL_GAIN',
    severity: 'advice',
    subject: nodegroupName,
    summary: `Node group ${nodegroupName}: new nodes allow ${after} pods each instead of ${before}.`,
    why: `That is ${Math.round((after / before - 1) * 100)} % more for moving every pod of the group.`,
    nextActions:
      others.length === 0 ? [] : [`${planCommand({ ...request, nodegroups: others })}  # leaves ${nodegroupName} out`],
  };
  return [
    ...((after - before) / before < smallGain ? [small] : []),
    ...(usesPrefixes(snapshot, source) ? [oldMaxPods(source, before, after)] : []),
    ...(request.maxPods === undefined ? lowest(snapshot, scope, source, known) : []),
  ];
}

/** Prefixes are there: what is missing is a new node. */
const oldMaxPods = ({ nodegroupName }: Nodegroup, before: number, after: number): Finding => ({
  code: 'NODEGROUP.OLD_MAX_PODS',
  severity: 'advice',
  subject: nodegroupName,
  summary: `The nodes of ${nodegroupName} hold prefixes already, but allow ${before} pods each, not ${after}.`,
  why: 'maxPods is given to a node when it starts and stays, so the plan only replaces the nodes.',
  nextActions: [],
});

function lowest(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup, types: readonly InstanceType[]): Finding[] {
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, scope.request));
  const found = lowestTypes(types, settings);
  if (found === undefined) return [];
  const { names, value, without } = found;
  const { nodegroupName } = source;
  const [verb, them] = names.length === 1 ? ['allows', 'it'] : ['allow', 'them'];
  return [
    {
      code: 'NODEGROUP.LOWEST_TYPE',
      severity: 'advice',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: ${names.join(', ')} ${verb} ${value} pods; without ${them} each node would allow ${without.value}.`,
      why: 'All nodes of a managed node group get the same maxPods, the smallest of its types. The types of the source cannot be changed, those of its replacement can.',
      nextActions: [
        planWithTypes(
          scope,
          source,
          types.filter(({ instanceType }) => !names.includes(instanceType)),
        ),
      ],
    },
  ];
}
