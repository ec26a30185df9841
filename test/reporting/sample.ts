import type { JournalEntry, JournalLine } from '../../src/domain/journal-entry.ts';
import type { ForecastGroup, MigrationPlan, SubnetPlan, VpcCniSetting } from '../../src/domain/plan.ts';
import { plainRequest, stages } from '../../src/domain/plan.ts';

/** A variable of aws-node that is set nowhere, but for what is told. */
export const setting = (name: string, told: Partial<VpcCniSetting> = {}): VpcCniSetting => ({
  name,
  configured: null,
  live: null,
  setBy: null,
  target: null,
  change: 'none',
  ...told,
});

const timeline = (free: number, ...taken: [number, number, number, number]): SubnetPlan['timeline'] =>
  stages.map((stage, index) => ({ stage, taken: taken[index] ?? 0, left: free - (taken[index] ?? 0) }));

/** Pods under a budget of their own, but for what is told. */
export const aGroup = (told: Partial<ForecastGroup> & { name: string }): ForecastGroup => ({
  kind: 'budget',
  budget: told.kind === undefined ? told.name : null,
  pods: 4,
  atOnce: 1,
  cycleSeconds: 30,
  terminationSeconds: 30,
  graceSeconds: 30,
  startSeconds: 0,
  lowerBoundSeconds: 60,
  expectedSeconds: 120,
  savedByOneMoreReplicaSeconds: told.name === 'shop/search' ? 720 : 0,
  savedByOneMoreAtOnceSeconds: 0,
  ...told,
});

/** A plan of one node group, as far as the formats read it. */
export const samplePlan: MigrationPlan = {
  formatVersion: 1,
  toolVersion: '0.1.0',
  planId: '7f3a9c21aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  expiresAt: '2026-11-23T05:00:00.000Z',
  cluster: {
    name: 'prod',
    region: 'eu-west-1',
    accountId: '111122223333',
    kubernetesVersion: '1.33',
    ipFamily: 'ipv4',
    endpoint: 'https://prod.example',
    arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/prod',
  },
  request: plainRequest('prod'),
  expectations: [],
  findings: [],
  order: { order: 'safe-flip', reason: 'Every subnet has room for it.', considered: [] },
  vpcCni: {
    owner: { tool: 'eks', name: null, evidence: 'EKS add-on vpc-cni' },
    version: '1.19.2',
    how: 'update-addon',
    settings: [
      setting('ENABLE_PREFIX_DELEGATION', { live: 'false', setBy: 'eks', target: 'true', change: 'set' }),
      setting('WARM_PREFIX_TARGET', { target: '1', change: 'set' }),
      setting('WARM_ENI_TARGET', { live: '1', setBy: 'eks', target: '1' }),
    ],
    configurationValues: null,
    instructions: [],
  },
  nodegroups: [
    {
      source: 'apps',
      replacement: 'apps-pd-7f3a9c21',
      instanceTypes: ['m5.large'],
      subnetIds: ['subnet-0aa1', 'subnet-0bb2'],
      nodes: { source: 4, replacement: 4 },
      maxPods: { value: 110, source: 'calculated', limitedBy: 'vCPU cap 110' },
      maxPodsBefore: 29,
      prefixesPerNode: { idle: 1, expected: 2, full: 7 },
      memory: {
        reservedBeforeMiB: 574,
        reservedAfterMiB: 1465,
        allocatableBeforeMiB: 7067,
        allocatableAfterMiB: 6176,
      },
      pods: 60,
      capacity: { nodesNeeded: 2, limitedBy: 'pods', unplaced: [] },
      userDataFile: 'user-data/apps.mime',
      owner: { tool: 'nobody', name: null, evidence: 'no tag of a tool' },
      differences: [
        { field: 'zebra', source: '(not shown)', replacement: null, reason: 'not copied: unknown to this version' },
        {
          field: 'launchTemplate.IamInstanceProfile',
          source: '{"Arn":"arn:aws:iam::111122223333:instance-profile/nodes"}',
          replacement: null,
          reason: 'EKS makes an instance profile of the node role and sets it itself',
        },
        { field: 'kubeReserved.memory', source: '574Mi', replacement: '1465Mi', reason: 'kubelet keeps more' },
        { field: 'maxPods', source: '29', replacement: '110', reason: 'what this plan is for (vCPU cap 110)' },
      ],
    },
  ],
  subnets: [
    {
      subnetId: 'subnet-0aa1',
      availabilityZone: 'eu-west-1a',
      cidr: '10.0.1.0/24',
      freeAddresses: 161,
      freePrefixes: 7,
      freePrefixesAfter: 9,
      peakDemand: 6,
      fits: true,
      timeline: timeline(7, 1, 2, 3, 6),
      map: 'A1o....L3P...EKA',
    },
    {
      subnetId: 'subnet-0bb2',
      availabilityZone: 'eu-west-1b',
      cidr: '10.0.2.0/24',
      freeAddresses: 98,
      freePrefixes: 2,
      freePrefixesAfter: 4,
      peakDemand: 6,
      fits: false,
      timeline: timeline(2, 1, 2, 3, 6),
      map: 'A1o.2o5Lo1o3L.oA',
    },
  ],
  steps: [
    {
      id: 'create-nodegroup/apps',
      kind: 'create-nodegroup',
      phase: 'create',
      impact: 'additive',
      dependsOn: [],
      summary: 'create apps-pd-7f3a9c21 with one node',
      params: {
        clusterName: 'prod',
        nodegroupName: 'apps-pd-7f3a9c21',
        source: 'apps',
        launchTemplateName: 'apps-pd-7f3a9c21',
        instanceTypes: ['m5.large'],
        amiType: 'AL2023_x86_64_STANDARD',
        capacityType: 'ON_DEMAND',
        nodeRole: 'arn:aws:iam::111122223333:role/node',
        subnetIds: ['subnet-0aa1'],
        scaling: { minSize: 1, maxSize: 4, desiredSize: 1 },
        labels: {},
        taints: [],
        tags: {},
        kubernetesVersion: null,
        updateConfig: null,
        nodeRepairConfig: null,
      },
    },
    {
      id: 'drain-source',
      kind: 'drain-source',
      phase: 'drain',
      impact: 'disruptive',
      dependsOn: ['create-nodegroup/apps'],
      summary: 'move 60 pods off apps',
      params: {
        nodegroupNames: ['apps'],
        replacementNames: ['apps-pd-7f3a9c21'],
        timeoutSeconds: 1800,
        unbudgetedPercent: 25,
        allowEmptyDir: false,
        allowBarePods: false,
        first: [],
        surge: [],
        waitForJobsSeconds: 0,
      },
    },
    {
      id: 'soak',
      kind: 'soak',
      phase: 'soak',
      impact: 'additive',
      dependsOn: ['drain-source'],
      summary: 'wait 10m',
      params: { seconds: 600 },
    },
  ],
  forecast: {
    lowerBoundSeconds: 1440,
    expectedSeconds: 1860,
    criticalWorkload: 'shop/search',
    limitedBy: 'budget',
    groups: [
      aGroup({ name: 'shop/search', pods: 12, atOnce: 1, cycleSeconds: 154, expectedSeconds: 1860 }),
      aGroup({ name: 'shop/api', pods: 40, atOnce: 4, cycleSeconds: 60, expectedSeconds: 640, startSeconds: 30 }),
      aGroup({ name: 'tools/*', kind: 'singletons', pods: 8, atOnce: 1, cycleSeconds: 30, expectedSeconds: 248 }),
    ],
    groupsLeftOut: 0,
  },
  rehearsal: { pods: 60, asked: 60, accepted: 58, refused: 2, partBecause: null },
};

const start = Date.parse('2026-11-22T23:59:00.000Z');

/** Journal lines of these entries, half a minute apart. */
export const journalOf = (...entries: JournalEntry[]): JournalLine[] =>
  entries.map((entry, index) => ({
    v: 1,
    seq: index + 1,
    at: new Date(start + index * 30_000).toISOString(),
    prev: '0'.repeat(64),
    entry,
  }));

const runId = 'run-1';

export const runStarted: JournalEntry = {
  type: 'run-started',
  runId,
  planId: samplePlan.planId,
  toolVersion: '0.1.0',
  command: 'prefix-migrate apply prefix-migrate-prod',
  holder: 'arn:aws:iam::111122223333:user/eve',
  until: null,
};
/** The first entry of a run that takes the plan back. */
export const rollbackStarted = (kept: string[] = []): JournalEntry => ({
  type: 'run-started',
  runId: 'run-2',
  planId: samplePlan.planId,
  toolVersion: '0.1.0',
  command: 'prefix-migrate rollback prefix-migrate-prod',
  holder: 'arn:aws:iam::111122223333:user/eve',
  until: null,
  rollback: { kept },
});
export const created: JournalEntry[] = [
  { type: 'step-started', runId, stepId: 'create-nodegroup/apps', token: 't-1' },
  { type: 'step-succeeded', runId, stepId: 'create-nodegroup/apps', detail: 'apps-pd-7f3a9c21 is ACTIVE' },
];
export const draining: JournalEntry[] = [
  { type: 'step-started', runId, stepId: 'drain-source', token: 't-2' },
  {
    type: 'step-progress',
    runId,
    stepId: 'drain-source',
    progress: { kind: 'eviction-intent', pod: 'shop/web-1', uid: 'u1', node: 'ip-10-0-1-7', budget: 'shop/web' },
  },
];
export const drainFailed: JournalEntry[] = [
  {
    type: 'step-failed',
    runId,
    stepId: 'drain-source',
    failure: {
      code: 'DRAIN.DEADLINE',
      message: '1 pod cannot move.',
      why: 'PDB shop/search needs 8 ready pods and has 8.',
      nextActions: ['kubectl -n shop logs search-5'],
    },
  },
  { type: 'run-paused', runId, reason: 'failed', detail: '1 pod cannot move.' },
];
