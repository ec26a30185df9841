import type { UserDataTemplates } from '../ami-families/index.ts';
import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { nodeMemory } from '../domain/node-memory.ts';
import { ownerOf } from '../domain/nodegroup-owner.ts';
import { maxPodsBefore } from '../domain/nodegroup-pods.ts';
import { nodesOf, podsToMove, replacementTypeNames, replacementTypesOf } from '../domain/nodegroups.ts';
import type { MigrationPlan, NodegroupPlan, PlanRequest, RehearsalSummary } from '../domain/plan.ts';
import { planIdOf } from '../domain/plan-id.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { differencesOf } from './differences.ts';
import { expectationsOf } from './expectations.ts';
import { karpenterPlan } from './karpenter.ts';
import { nameHash, replacementName } from './names.ts';
import { replacementOf } from './replacement.ts';
import { resolveMaxPods } from './resolve-max-pods.ts';
import { scopeOf } from './scope.ts';
import { replacementSubnets } from './select.ts';
import { planSteps } from './steps.ts';
import { prefixesPerNode } from './subnets.ts';
import { canRender, userDataExtension } from './user-data.ts';

/** Texts of the folder templates/. */
export interface Templates {
  userData: UserDataTemplates;
}

export interface PlanInputs {
  snapshot: ClusterSnapshot;
  request: PlanRequest;
  /** what the checks say about this snapshot and request */
  findings: Finding[];
  toolVersion: string;
  templates: Templates;
}

/**
 * Decides everything: same inputs, same bytes, same planId. A plan without steps means that there is nothing to do, or
 * that a finding is in the way. Throws MigrateError (exit 2) for a request that cannot be met: a node group that does not
 * exist, more pods than a node has addresses for, an add-on configuration that cannot be read.
 */
export function makePlan({ snapshot, request, findings, toolVersion, templates }: PlanInputs): MigrationPlan {
  const { cluster } = snapshot;
  const scope = scopeOf(snapshot, request);
  const { sources, forecast } = scope;
  const hash = nameHash(snapshot, request);
  const karpenter = karpenterPlan(snapshot, request);
  const planned = sources.map((nodegroup) => ({ nodegroup, plan: nodegroupPlan(snapshot, nodegroup, scope, hash) }));
  const plan: Omit<MigrationPlan, 'planId'> = {
    formatVersion: 1,
    toolVersion,
    expiresAt: new Date(Date.parse(snapshot.observedAt) + request.expiresInSeconds * 1000).toISOString(),
    cluster: {
      name: cluster.name,
      region: cluster.region,
      accountId: cluster.accountId,
      kubernetesVersion: cluster.kubernetesVersion,
      ipFamily: cluster.ipFamily,
      endpoint: cluster.endpoint,
      arn: cluster.arn,
    },
    request,
    expectations: expectationsOf(snapshot, sources, request, scope.order.order),
    findings,
    order: scope.order,
    vpcCni: scope.vpcCni,
    nodegroups: planned.map(({ plan: one }) => one),
    subnets: scope.subnets,
    steps: planSteps({
      snapshot,
      request,
      hash,
      sources: planned,
      order: scope.order.order,
      reservations: scope.reservations,
      expectedDrainSeconds: forecast.expectedSeconds,
      userData: templates.userData,
    }),
    forecast,
    rehearsal: rehearsalSummary(snapshot, scope),
    ...(karpenter === undefined ? {} : { karpenter }),
  };
  // through JSON once, so that the plan in memory is the plan that will be read back
  const plain: typeof plan = JSON.parse(JSON.stringify(plan));
  const { formatVersion, ...rest } = plain;
  return { formatVersion, planId: planIdOf(plain), ...rest };
}

function nodegroupPlan(
  snapshot: ClusterSnapshot,
  nodegroup: Nodegroup,
  { request, capacity, nodes: sizes }: Scope,
  hash: string,
): NodegroupPlan {
  const source = nodegroup.nodegroupName;
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  const { known } = replacementTypesOf(snapshot, nodegroup, request);
  const maxPods = resolveMaxPods(known, settings, request.maxPods);
  const replacement = replacementName(source, hash);
  const nodes = {
    source: nodesOf(snapshot, source).length,
    replacement: sizes.get(source) ?? nodegroup.scaling.desiredSize,
  };
  const { nodesNeeded, limitedBy, unplaced, unplacedPods } = capacity.get(source) ?? {
    nodesNeeded: 0,
    limitedBy: 'nothing',
    unplaced: [],
    unplacedPods: 0,
  };
  const plan: Omit<NodegroupPlan, 'differences'> = {
    source,
    replacement,
    instanceTypes: replacementTypeNames(snapshot, nodegroup, request),
    subnetIds: replacementSubnets(nodegroup, request),
    nodes,
    maxPods,
    maxPodsBefore: maxPodsBefore(snapshot, nodegroup, settings),
    prefixesPerNode: prefixesPerNode(snapshot, nodegroup, request, maxPods, nodes.replacement),
    memory: nodeMemory(snapshot, nodegroup, known, maxPods.value),
    pods: podsToMove(snapshot, [source]).length,
    capacity: { nodesNeeded, limitedBy, unplaced, ...(unplacedPods ? { unplacedPods } : {}) },
    userDataFile: `user-data/${replacement}.${userDataExtension(snapshot, nodegroup, request)}`,
    owner: ownerOf(nodegroup),
  };
  const made = replacementOf(snapshot, nodegroup, plan, request, hash);
  const isMade = canRender(snapshot, nodegroup, request);
  return { ...plan, differences: isMade ? differencesOf(snapshot, nodegroup, plan, request, made) : [] };
}

function rehearsalSummary({ evictionRehearsal }: ClusterSnapshot, { request, movingPods }: Scope): RehearsalSummary {
  if (evictionRehearsal !== null) {
    const { pods, asked, accepted, refusals, partBecause } = evictionRehearsal;
    const unanswered = refusals.filter(({ kind }) => kind === 'no-answer').length;
    const refused = refusals.length - unanswered;
    return { pods, asked, accepted, refused, ...(unanswered > 0 ? { unanswered } : {}), partBecause };
  }
  const nothing = { pods: movingPods.length, asked: 0, accepted: 0, refused: 0 };
  if (movingPods.length === 0) return { ...nothing, partBecause: null };
  return { ...nothing, partBecause: request.rehearseEvictions ? 'not asked' : 'not asked (--no-rehearse-evictions)' };
}
