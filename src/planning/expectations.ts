import { clusterAutoscalerOf } from '../domain/autoscalers.ts';
import { canonicalJson } from '../domain/canonical-json.ts';
import { settingNames, wantedEnv } from '../domain/cni-settings.ts';
import { nodesOf } from '../domain/nodegroups.ts';
import type { Expectation, Order, PlanRequest } from '../domain/plan.ts';
import type { ClusterFacts, ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { createReplayer } from './replay.ts';

/** A fact that is no longer as planned. What is gone, or was not there before, is null. */
export interface Deviation {
  path: string;
  planned: unknown;
  now: unknown;
  whenChanged: 'replan' | 'warn';
}

/** The facts a plan for these sources relies on, with the order that it has chosen. Sources that the snapshot does not have say nothing. */
export function expectationsOf(
  snapshot: ClusterSnapshot,
  sources: readonly Pick<Nodegroup, 'nodegroupName'>[],
  request: PlanRequest,
  order: Order,
): Expectation[] {
  const names = sources.map(({ nodegroupName }) => nodegroupName);
  const present = snapshot.nodegroups.filter(({ nodegroupName }) => names.includes(nodegroupName));
  return [
    ...commonFacts(snapshot, request),
    ...present.flatMap((nodegroup) => nodegroupFacts(snapshot, nodegroup)),
    ...createReplayer(snapshot)(present, request, order).subnets.flatMap(({ subnetId, ground, fits }) => [
      replan(`subnets.${subnetId}.cidr`, ground.subnet.cidr),
      // a subnet that did not fit was accepted by the person: it may well have healed
      { path: `subnets.${subnetId}.fits`, value: fits, whenChanged: fits ? ('replan' as const) : ('warn' as const) },
    ]),
  ];
}

/** Those about the cluster as a whole, and about its VPC CNI. */
export const commonFacts = (facts: ClusterFacts, request: PlanRequest): Expectation[] => [
  ...clusterFacts(facts),
  ...vpcCniFacts(facts, request),
  ...eniConfigFacts(facts),
];

/** Compares the plan's expectations with those of a fresh snapshot, in the order of the plan. */
export function compareExpectations(planned: readonly Expectation[], fresh: readonly Expectation[]): Deviation[] {
  const now = new Map(fresh.map(({ path, value }) => [path, value]));
  return planned
    .map(({ path, value, whenChanged }) => ({ path, planned: value, now: now.get(path) ?? null, whenChanged }))
    .filter((fact) => canonicalJson(fact.planned) !== canonicalJson(fact.now));
}

const replan = (path: string, value: unknown): Expectation => ({ path, value, whenChanged: 'replan' });
const warn = (path: string, value: unknown): Expectation => ({ path, value, whenChanged: 'warn' });

function clusterFacts({ cluster }: ClusterFacts): Expectation[] {
  return [
    replan('cluster.arn', cluster.arn),
    replan('cluster.endpoint', cluster.endpoint),
    replan('cluster.certificateAuthorityHash', cluster.certificateAuthorityHash),
    replan('cluster.status', cluster.status),
    warn('cluster.kubernetesVersion', cluster.kubernetesVersion),
  ];
}

/** Custom networking: where new nodes get prefixes. Settings of the VPC CNI that were there when the plan was made count. */
function eniConfigFacts({ vpcCni: { env }, eniConfigs }: ClusterFacts): Expectation[] {
  const names = ['AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG', 'ENI_CONFIG_LABEL_DEF', 'ENI_CONFIG_ANNOTATION_DEF'];
  return [
    ...names.flatMap((name) => (name in env ? [replan(`vpcCni.env.${name}`, env[name])] : [])),
    ...eniConfigs.map(({ name, subnetId }) => replan(`eniConfigs.${name}.subnetId`, subnetId)),
  ];
}

function vpcCniFacts({ vpcCni }: ClusterFacts, request: PlanRequest): Expectation[] {
  const { tool, name: ownerName } = vpcCni.owner;
  // what another owner has to set it may set before the run that waits for it
  const awaited = vpcCni.managedBy === 'self-managed' && tool !== 'nobody' ? wantedEnv(vpcCni.env, request) : {};
  return [
    replan('vpcCni.managedBy', vpcCni.managedBy),
    replan('vpcCni.owner', { tool, name: ownerName }),
    replan('vpcCni.version', vpcCni.version),
    replan('vpcCni.addon.version', vpcCni.addon?.version ?? null),
    replan('vpcCni.addon.configurationValues', vpcCni.addon?.configurationValues ?? null),
    ...settingNames.map((name) => {
      const [path, value] = [`vpcCni.env.${name}`, vpcCni.env[name] ?? null];
      return name in awaited ? warn(path, value) : replan(path, value);
    }),
  ];
}

/** What the replacement copies. */
const copied = [
  'status',
  'amiType',
  'capacityType',
  'instanceTypes',
  'subnetIds',
  'nodeRole',
  'diskSize',
  'labels',
  'taints',
  'launchTemplate',
  'remoteAccess',
] as const;
const convenient = ['kubernetesVersion', 'updateConfig', 'nodeRepairConfig', 'tags'] as const;

/** What a node group says of itself, but for its size. */
export function groupFacts(nodegroup: Nodegroup): Expectation[] {
  const path = `nodegroups.${nodegroup.nodegroupName}`;
  return [
    ...copied.map((key) => replan(`${path}.${key}`, nodegroup[key])),
    ...convenient.map((key) => warn(`${path}.${key}`, nodegroup[key])),
    warn(`${path}.warmPoolConfig`, nodegroup.warmPoolConfig ?? null),
  ];
}

function nodegroupFacts(snapshot: ClusterSnapshot, nodegroup: Nodegroup): Expectation[] {
  const path = `nodegroups.${nodegroup.nodegroupName}`;
  // a cluster autoscaler changes the number of nodes at any time: the steps look at it again
  const size =
    clusterAutoscalerOf(snapshot) === null
      ? [
          warn(`${path}.scaling`, nodegroup.scaling),
          warn(`${path}.nodes`, nodesOf(snapshot, nodegroup.nodegroupName).length),
        ]
      : [limitsFact(nodegroup)];
  return [...groupFacts(nodegroup), ...size];
}

/** How small and how large it may become. */
export const limitsFact = ({ nodegroupName, scaling: { minSize, maxSize } }: Nodegroup): Expectation =>
  warn(`nodegroups.${nodegroupName}.scaling.limits`, { minSize, maxSize });
