import type { Finding } from './finding.ts';
import type { NodegroupTaint, Scaling } from './snapshot.ts';

export const phases = ['prepare', 'create', 'verify', 'cordon', 'drain', 'soak', 'delete', 'cleanup'] as const;
export type Phase = (typeof phases)[number];

/** additive: takes nothing away. disruptive: moves pods. destructive: cannot be undone. */
export type Impact = 'additive' | 'disruptive' | 'destructive';

/** What the person asked, validated, defaults filled once. Durations in seconds. */
export interface PlanRequest {
  clusterName: string;
  /** empty: every managed group that gains from it */
  nodegroups: string[];
  maxPods?: number;
  warmPrefixTarget?: number;
  warmIpTarget?: number;
  minimumIpTarget?: number;
  /** codes of blocking findings that the person accepts */
  allow: string[];
  /** default: from the forecast, at least 30 minutes */
  drainTimeoutSeconds?: number;
  soakSeconds: number;
  expiresInSeconds: number;
}

/** The plan. Frozen once made; `planId` is the SHA-256 (hex) of the canonical JSON of all other fields. */
export interface MigrationPlan {
  formatVersion: 1;
  toolVersion: string;
  planId: string;
  /** ISO 8601: the snapshot's observedAt plus the request's expiry */
  expiresAt: string;
  cluster: {
    name: string;
    region: string;
    accountId: string;
    kubernetesVersion: string;
    ipFamily: 'ipv4' | 'ipv6';
    endpoint: string;
    arn: string;
  };
  request: PlanRequest;
  expectations: Expectation[];
  findings: Finding[];
  nodegroups: NodegroupPlan[];
  subnets: SubnetPlan[];
  steps: AnyStep[];
  forecast: Forecast;
}

/** A fact the plan relies on. `path` is unique, such as `nodegroups.apps.amiType`; values are compared as canonical JSON. */
export interface Expectation {
  path: string;
  value: unknown;
  whenChanged: 'replan' | 'warn';
}

export interface MaxPods {
  value: number;
  source: 'requested' | 'calculated' | 'set-by-eks';
  /** what decided: `vCPU cap 110`, `m7g.medium: 6 prefixes of 16 addresses`, ... */
  limitedBy: string;
}

export interface NodegroupPlan {
  source: string;
  replacement: string;
  instanceTypes: string[];
  nodes: { source: number; replacement: number };
  maxPods: MaxPods;
  /** allocatable.pods of the source's nodes today (the smallest) */
  maxPodsBefore: number;
  prefixesPerNode: { idle: number; expected: number; full: number };
  /** pods that will be evicted from the source */
  pods: number;
  /** path of the rendered user data in the plan folder */
  userDataFile: string;
}

export interface SubnetPlan {
  subnetId: string;
  availabilityZone: string;
  cidr: string;
  freeAddresses: number;
  freePrefixes: number;
  freePrefixesAfter: number;
  peakDemand: number;
  fits: boolean;
}

export interface Forecast {
  lowerBoundSeconds: number;
  expectedSeconds: number;
  /** `shop/search`, the budget group that decides; null when nothing has to move */
  criticalWorkload: string | null;
}

/** Parameters of each kind of step: all it needs, rendered at plan time. */
export interface StepParams {
  'configure-vpc-cni': {
    clusterName: string;
    addonName: 'vpc-cni';
    addonVersion: string;
    /** configurationValues as they were; null when never set */
    before: string | null;
    /** the whole merged document, JSON */
    configurationValues: string;
    /** what must be in the environment of aws-node afterwards */
    env: Record<string, string>;
  };
  'create-launch-template': {
    launchTemplateName: string;
    /** EC2 LaunchTemplateData without user data */
    data: Record<string, unknown>;
    /** what we put into the user data, not encoded */
    userData: string;
    tags: Record<string, string>;
    /** the source's template, when it has one: checked against the hash before its user data is used */
    sourceTemplate: { launchTemplateId: string; version: string; userDataHash: string | null } | null;
  };
  'create-nodegroup': {
    clusterName: string;
    nodegroupName: string;
    source: string;
    launchTemplateName: string;
    instanceTypes: string[];
    amiType: string;
    capacityType: string;
    nodeRole: string;
    subnetIds: string[];
    /** size at creation: one node, verified before the group grows */
    scaling: Scaling;
    labels: Record<string, string>;
    taints: NodegroupTaint[];
    tags: Record<string, string>;
    kubernetesVersion: string | null;
    updateConfig: { maxUnavailable?: number; maxUnavailablePercentage?: number; updateStrategy?: string } | null;
    nodeRepairEnabled: boolean | null;
  };
  'verify-replacement': {
    clusterName: string;
    nodegroupName: string;
    /** at least this many nodes must pass */
    nodes: number;
    /** allocatable.pods that each node must report */
    maxPods: number;
    taints: NodegroupTaint[];
    timeoutSeconds: number;
  };
  'scale-replacement': { clusterName: string; nodegroupName: string; scaling: Scaling; timeoutSeconds: number };
  'cordon-source': { nodegroupNames: string[] };
  'drain-source': {
    nodegroupNames: string[];
    replacementNames: string[];
    timeoutSeconds: number;
    /** at most this share of a workload without budget is down at a time, in percent; at least one pod */
    unbudgetedPercent: number;
    /** consent recorded in the plan */
    allowEmptyDir: boolean;
    allowBarePods: boolean;
  };
  soak: { seconds: number };
  'delete-source': { clusterName: string; nodegroupName: string; replacementName: string; timeoutSeconds: number };
  cleanup: { clusterName: string };
}

export type StepKind = keyof StepParams;

export interface Step<K extends StepKind> {
  /** unique in the plan: `create-nodegroup/apps` */
  id: string;
  kind: K;
  phase: Phase;
  impact: Impact;
  dependsOn: string[];
  summary: string;
  params: StepParams[K];
}

export type AnyStep = { [K in StepKind]: Step<K> }[StepKind];
