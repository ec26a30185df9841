import { amiFamilies, type UserDataTemplates } from '../ami-families/index.ts';
import { amiFamilyOf, isSupportedFamily } from '../domain/ami.ts';
import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { nodeMemory } from '../domain/node-memory.ts';
import { maxPodsBefore } from '../domain/nodegroup-pods.ts';
import { desiredNodes, instanceTypeNames, instanceTypesOf, nodesOf, podsToMove } from '../domain/nodegroups.ts';
import type { Forecast, MigrationPlan, NodegroupPlan, PlanRequest } from '../domain/plan.ts';
import { planIdOf } from '../domain/plan-id.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { forecast as forecastDrain } from '../drain/forecast.ts';
import { expectationsOf } from './expectations.ts';
import { nameHash, replacementName } from './names.ts';
import { resolveMaxPods } from './resolve-max-pods.ts';
import { scopeOf } from './scope.ts';
import { replacementSubnets } from './select.ts';
import { planSteps, unbudgetedPercent } from './steps.ts';
import { prefixesPerNode } from './subnets.ts';

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
  const { sources } = scope;
  const hash = nameHash(snapshot, request);
  const planned = sources.map((nodegroup) => ({ nodegroup, plan: nodegroupPlan(snapshot, nodegroup, request, hash) }));
  const forecast = drainForecast(
    snapshot,
    sources.map(({ nodegroupName }) => nodegroupName),
  );
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
  };
  // through JSON once, so that the plan in memory is the plan that will be read back
  const plain: typeof plan = JSON.parse(JSON.stringify(plan));
  const { formatVersion, ...rest } = plain;
  return { formatVersion, planId: planIdOf(plain), ...rest };
}

function nodegroupPlan(
  snapshot: ClusterSnapshot,
  nodegroup: Nodegroup,
  request: PlanRequest,
  hash: string,
): NodegroupPlan {
  const source = nodegroup.nodegroupName;
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  const { known } = instanceTypesOf(snapshot, nodegroup);
  const maxPods = resolveMaxPods(known, settings, request.maxPods);
  const replacement = replacementName(source, hash);
  return {
    source,
    replacement,
    instanceTypes: instanceTypeNames(snapshot, nodegroup),
    subnetIds: replacementSubnets(nodegroup, request),
    nodes: { source: nodesOf(snapshot, source).length, replacement: desiredNodes(snapshot, nodegroup) },
    maxPods,
    maxPodsBefore: maxPodsBefore(snapshot, nodegroup, known, settings),
    prefixesPerNode: prefixesPerNode(snapshot, nodegroup, request, maxPods),
    memory: nodeMemory(snapshot, nodegroup, maxPods.value),
    pods: podsToMove(snapshot, [source]).length,
    userDataFile: `user-data/${replacement}.${userDataExtension(nodegroup)}`,
  };
}

function drainForecast(snapshot: ClusterSnapshot, sourceNames: readonly string[]): Forecast {
  const { lowerBoundSeconds, expectedSeconds, criticalWorkload } = forecastDrain(snapshot, sourceNames, {
    unbudgetedPercent,
  });
  return { lowerBoundSeconds, expectedSeconds, criticalWorkload };
}

function userDataExtension({ amiType }: Nodegroup): string {
  const family = amiFamilyOf(amiType);
  return isSupportedFamily(family) ? amiFamilies[family].extension : 'txt';
}
