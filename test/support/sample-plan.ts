import { formatLine, parseJournal } from '../../src/domain/journal-chain.ts';
import type { JournalEntry, JournalLine } from '../../src/domain/journal-entry.ts';
import type { AnyStep, MigrationPlan, NodegroupPlan, ReplacementParts, StepKind } from '../../src/domain/plan.ts';
import { plainRequest } from '../../src/domain/plan.ts';
import type { Scaling } from '../../src/domain/snapshot.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';

const ours = { 'prefix-migrate/plan': '7f3a9c21' };

/** Steps that move node group `source` of cluster prod, as planning orders them. */
function stepsOf(source: string): AnyStep[] {
  const replacement = `${source}-pd-7f3a9c21`;
  const verification = {
    clusterName: 'prod',
    nodegroupName: replacement,
    source,
    maxPods: 110,
    taints: [],
    canaryPods: 1,
    canaryImage: null,
  };
  return [
    {
      id: `create-launch-template/${source}`,
      kind: 'create-launch-template',
      phase: 'prepare',
      impact: 'additive',
      dependsOn: [],
      summary: 'launch template',
      params: {
        launchTemplateName: replacement,
        data: {},
        userData: 'NodeConfig',
        tags: ours,
        sourceTemplate: null,
      },
    },
    {
      id: `create-nodegroup/${source}`,
      kind: 'create-nodegroup',
      phase: 'create',
      impact: 'additive',
      dependsOn: ['configure-vpc-cni', `create-launch-template/${source}`],
      summary: 'node group',
      params: {
        clusterName: 'prod',
        nodegroupName: replacement,
        source,
        launchTemplateName: replacement,
        instanceTypes: ['m5.large'],
        amiType: 'AL2023_x86_64_STANDARD',
        capacityType: 'ON_DEMAND',
        nodeRole: 'arn:aws:iam::111122223333:role/node',
        subnetIds: ['subnet-a'],
        scaling: { minSize: 0, maxSize: 4, desiredSize: 0 },
        labels: {},
        taints: [],
        tags: ours,
        kubernetesVersion: '1.33',
        updateConfig: null,
        nodeRepairConfig: null,
      },
    },
    {
      id: `compare-launch-template/${source}`,
      kind: 'compare-launch-template',
      phase: 'create',
      impact: 'additive',
      dependsOn: [`create-nodegroup/${source}`],
      summary: 'compare',
      params: { clusterName: 'prod', nodegroupName: replacement, maxPods: 110, imageId: null },
    },
    {
      id: `scale-replacement/${source}/first`,
      kind: 'scale-replacement',
      phase: 'verify',
      impact: 'additive',
      dependsOn: [`compare-launch-template/${source}`],
      summary: 'one node',
      params: {
        clusterName: 'prod',
        nodegroupName: replacement,
        scaling: { minSize: 1, maxSize: 4, desiredSize: 1 },
        timeoutSeconds: 1200,
      },
    },
    {
      id: `verify-replacement/${source}/first`,
      kind: 'verify-replacement',
      phase: 'verify',
      impact: 'additive',
      dependsOn: [`scale-replacement/${source}/first`],
      summary: 'first node',
      params: { ...verification, nodes: 1, timeoutSeconds: 1200 },
    },
    {
      id: `scale-replacement/${source}`,
      kind: 'scale-replacement',
      phase: 'verify',
      impact: 'additive',
      dependsOn: [`verify-replacement/${source}/first`],
      summary: 'scale',
      params: {
        clusterName: 'prod',
        nodegroupName: replacement,
        scaling: { minSize: 1, maxSize: 4, desiredSize: 2 },
        timeoutSeconds: 1200,
      },
    },
    {
      id: `verify-replacement/${source}`,
      kind: 'verify-replacement',
      phase: 'verify',
      impact: 'additive',
      dependsOn: [`scale-replacement/${source}`],
      summary: 'all nodes',
      params: { ...verification, nodes: 2, timeoutSeconds: 900 },
    },
    {
      id: `delete-source/${source}`,
      kind: 'delete-source',
      phase: 'delete',
      impact: 'destructive',
      dependsOn: ['soak'],
      summary: 'delete',
      params: { clusterName: 'prod', nodegroupName: source, replacementName: replacement, timeoutSeconds: 1800 },
    },
  ];
}

function nodegroupPlan(source: string): NodegroupPlan {
  return {
    source,
    replacement: `${source}-pd-7f3a9c21`,
    instanceTypes: ['m5.large'],
    subnetIds: ['subnet-a'],
    nodes: { source: 2, replacement: 2 },
    maxPods: { value: 110, source: 'calculated', limitedBy: 'vCPU cap 110' },
    maxPodsBefore: 29,
    prefixesPerNode: { idle: 1, expected: 2, full: 7 },
    memory: {
      reservedBeforeMiB: 574,
      reservedAfterMiB: 1465,
      allocatableBeforeMiB: 7067,
      allocatableAfterMiB: 6176,
    },
    pods: 2,
    capacity: { nodesNeeded: 2, limitedBy: 'pods', unplaced: [] },
    userDataFile: `user-data/${source}.mime`,
    owner: { tool: 'nobody', name: null, evidence: 'no tag of a tool' },
    differences: [],
  };
}

/** A plan that moves `sources` (default: apps) of cluster prod, with ten minutes of soak. */
export function samplePlan(sources: string[] = ['apps']): MigrationPlan {
  const steps: AnyStep[] = [
    {
      id: 'configure-vpc-cni',
      kind: 'configure-vpc-cni',
      phase: 'prepare',
      impact: 'additive',
      dependsOn: [],
      summary: 'add-on',
      params: {
        clusterName: 'prod',
        addonName: 'vpc-cni',
        addonVersion: 'v1.19.2-eksbuild.1',
        before: null,
        configurationValues: '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}',
        env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' },
        envBefore: { ENABLE_PREFIX_DELEGATION: 'false', WARM_PREFIX_TARGET: '1' },
        undoValues: '{}',
      },
    },
    ...sources.flatMap(stepsOf),
    {
      id: 'cordon-source',
      kind: 'cordon-source',
      phase: 'cordon',
      impact: 'disruptive',
      dependsOn: sources.map((source) => `verify-replacement/${source}`),
      summary: 'cordon',
      params: { nodegroupNames: sources },
    },
    {
      id: 'drain-source',
      kind: 'drain-source',
      phase: 'drain',
      impact: 'disruptive',
      dependsOn: ['cordon-source'],
      summary: 'drain',
      params: {
        nodegroupNames: sources,
        replacementNames: sources.map((source) => `${source}-pd-7f3a9c21`),
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
      summary: 'soak',
      params: { seconds: 600 },
    },
    {
      id: 'cleanup',
      kind: 'cleanup',
      phase: 'cleanup',
      impact: 'additive',
      dependsOn: sources.map((source) => `delete-source/${source}`),
      summary: 'clean up',
      params: { clusterName: 'prod', reserved: [] },
    },
  ];
  return {
    formatVersion: 1,
    toolVersion: '0.1.0',
    planId: 'ab'.repeat(32),
    expiresAt: '2026-11-23T08:00:00Z',
    cluster: {
      name: 'prod',
      region: 'eu-west-1',
      accountId: '111122223333',
      kubernetesVersion: '1.33',
      ipFamily: 'ipv4',
      endpoint: 'https://prod.example',
      arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/prod',
    },
    request: { ...plainRequest('prod'), nodegroups: sources },
    expectations: [],
    findings: [],
    order: { order: 'safe-flip', reason: 'Every subnet has room for it.', considered: [] },
    vpcCni: {
      owner: { tool: 'eks', name: null, evidence: 'EKS add-on vpc-cni' },
      version: '1.19.2',
      how: 'update-addon',
      settings: [],
      configurationValues: '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}',
      instructions: [],
    },
    nodegroups: sources.map(nodegroupPlan),
    subnets: [],
    steps,
    forecast: {
      lowerBoundSeconds: 60,
      expectedSeconds: 120,
      criticalWorkload: null,
      limitedBy: 'budget',
      groups: [],
      groupsLeftOut: 0,
    },
    rehearsal: { pods: 0, asked: 0, accepted: 0, refused: 0, partBecause: null },
  };
}

type StepOf<K extends StepKind> = Extract<AnyStep, { kind: K }>;

const range = { subnetId: 'subnet-a', cidr: '10.0.1.64/26', region: 'eu-west-1', tags: ours };

const rebalance = { nodegroupName: 'apps', autoScalingGroupNames: ['eks-asg'], processes: ['AZRebalance'] };

const terraform = { tool: 'terraform', name: null, evidence: 'tag terraform=true' } as const;

function sampleParts(scaling: Scaling): ReplacementParts {
  const [template, group] = stepsOf('apps');
  if (template?.kind !== 'create-launch-template' || group?.kind !== 'create-nodegroup') throw new Error('unreachable');
  return { template: template.params, group: { ...group.params, scaling } };
}

/** Steps of kinds that not every plan has. */
export const otherSteps: AnyStep[] = [
  {
    id: 'patch-vpc-cni',
    kind: 'patch-vpc-cni',
    phase: 'prepare',
    impact: 'additive',
    dependsOn: [],
    summary: 'DaemonSet',
    params: {
      env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_IP_TARGET: '5' },
      before: { ENABLE_PREFIX_DELEGATION: 'false', WARM_IP_TARGET: null },
    },
  },
  {
    id: 'await-vpc-cni',
    kind: 'await-vpc-cni',
    phase: 'prepare',
    impact: 'additive',
    dependsOn: [],
    summary: 'wait',
    params: {
      owner: {
        tool: 'helm',
        name: 'kube-system/aws-vpc-cni',
        evidence: 'annotation meta.helm.sh/release-name',
        chartVersion: '1.19.2',
      },
      env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' },
      instructions: ['helm upgrade aws-vpc-cni', 'and in the values file: env'],
      timeoutSeconds: 7200,
    },
  },
  {
    id: 'await-nodegroup/apps',
    kind: 'await-nodegroup',
    phase: 'create',
    impact: 'additive',
    dependsOn: [],
    summary: 'wait for the node group',
    params: { ...sampleParts({ minSize: 1, maxSize: 4, desiredSize: 2 }), owner: terraform, timeoutSeconds: 7200 },
  },
  {
    id: 'create-with-eksctl/apps',
    kind: 'create-with-eksctl',
    phase: 'create',
    impact: 'additive',
    dependsOn: [],
    summary: 'node group by eksctl',
    params: {
      ...sampleParts({ minSize: 0, maxSize: 4, desiredSize: 0 }),
      region: 'eu-west-1',
      maxPods: 110,
      timeoutSeconds: 3600,
    },
  },
  {
    id: 'hand-over-source/apps',
    kind: 'hand-over-source',
    phase: 'delete',
    impact: 'additive',
    dependsOn: [],
    summary: 'leave it to Terraform',
    params: {
      clusterName: 'prod',
      nodegroupName: 'apps',
      replacementName: 'apps-pd-7f3a9c21',
      owner: terraform,
      instructions: ['remove the block of apps', 'terraform apply'],
    },
  },
  {
    id: 'reserve-subnet-cidr/subnet-a/10.0.1.64/26',
    kind: 'reserve-subnet-cidr',
    phase: 'prepare',
    impact: 'additive',
    dependsOn: [],
    summary: 'reserve',
    params: { ...range, prefixes: 4, description: 'Prefixes of cluster prod' },
  },
  {
    id: 'undo/reserve-subnet-cidr/subnet-a/10.0.1.64/26',
    kind: 'release-subnet-cidr',
    phase: 'prepare',
    impact: 'additive',
    dependsOn: [],
    summary: 'release 10.0.1.64/26 of subnet-a',
    params: range,
  },
  {
    id: 'protect-replacement/apps',
    kind: 'protect-replacement',
    phase: 'verify',
    impact: 'additive',
    dependsOn: ['create-nodegroup/apps'],
    summary: 'protect',
    params: { nodegroupName: 'apps-pd-7f3a9c21', nodes: 2, timeoutSeconds: 2400 },
  },
  {
    id: 'unprotect-replacement/apps',
    kind: 'unprotect-replacement',
    phase: 'cleanup',
    impact: 'additive',
    dependsOn: ['delete-source/apps'],
    summary: 'unprotect',
    params: { nodegroupName: 'apps-pd-7f3a9c21' },
  },
  {
    id: 'cap-source/apps',
    kind: 'cap-source',
    phase: 'cordon',
    impact: 'disruptive',
    dependsOn: [],
    summary: 'cap',
    params: { clusterName: 'prod', nodegroupName: 'apps' },
  },
  {
    id: 'undo/cap-source/apps',
    kind: 'restore-scaling',
    phase: 'cordon',
    impact: 'disruptive',
    dependsOn: [],
    summary: 'let apps grow as before',
    params: { clusterName: 'prod', nodegroupName: 'apps', recordedBy: 'cap-source/apps' },
  },
  {
    id: 'suspend-processes/apps',
    kind: 'suspend-processes',
    phase: 'cordon',
    impact: 'disruptive',
    dependsOn: [],
    summary: 'suspend',
    params: rebalance,
  },
  {
    id: 'undo/suspend-processes/apps',
    kind: 'resume-processes',
    phase: 'cordon',
    impact: 'disruptive',
    dependsOn: [],
    summary: 'resume AZRebalance of apps',
    params: { ...rebalance, recordedBy: 'suspend-processes/apps' },
  },
  {
    id: 'undo/cordon-source',
    kind: 'uncordon-source',
    phase: 'prepare',
    impact: 'additive',
    dependsOn: [],
    summary: 'uncordon',
    params: { nodegroupNames: ['apps'] },
  },
  {
    id: 'undo/scale-source/apps',
    kind: 'scale-source',
    phase: 'prepare',
    impact: 'additive',
    dependsOn: [],
    summary: 'scale back',
    params: {
      clusterName: 'prod',
      nodegroupName: 'apps',
      replacementName: 'apps-pd-7f3a9c21',
      nodes: 2,
      timeoutSeconds: 1260,
    },
  },
  {
    id: 'undo/create-nodegroup/apps',
    kind: 'delete-replacement',
    phase: 'delete',
    impact: 'destructive',
    dependsOn: ['undo/drain-replacement'],
    summary: 'delete the replacement',
    params: {
      clusterName: 'prod',
      nodegroupName: 'apps-pd-7f3a9c21',
      source: 'apps',
      tags: ours,
      timeoutSeconds: 2460,
    },
  },
  {
    id: 'undo/create-launch-template/apps',
    kind: 'delete-launch-template',
    phase: 'delete',
    impact: 'destructive',
    dependsOn: ['undo/create-nodegroup/apps'],
    summary: 'delete the launch template',
    params: { launchTemplateName: 'apps-pd-7f3a9c21', tags: ours },
  },
];

/** The first step of a kind in the sample plan, or else among those that not every plan has. */
export function sampleStep<K extends StepKind>(kind: K): StepOf<K> {
  const all = [...samplePlan().steps, ...otherSteps];
  const step = all.find((candidate): candidate is StepOf<K> => candidate.kind === kind);
  if (step === undefined) throw new Error(`no step of kind ${kind}`);
  return step;
}

/** A journal in memory that is as strict as the file: text in, parsed and checked on every read, a torn tail cut off. */
export function memoryJournal(): JournalStore & { text: string; entries(): JournalEntry[] } {
  let last: string | null = null;
  let count = 0;
  const store = {
    text: '',
    entries: () => parseJournal(store.text).lines.map(({ entry }) => entry),
    async read() {
      const { lines, tornTail, lastLineText } = parseJournal(store.text);
      last = lastLineText;
      count = lines.length;
      if (tornTail) store.text = store.text.split('\n').slice(0, count).join('\n') + (count > 0 ? '\n' : '');
      return { lines, tornTail };
    },
    async append(at: string, entry: JournalEntry) {
      count += 1;
      last = formatLine(last, count, at, entry);
      store.text += `${last}\n`;
      const line: JournalLine = JSON.parse(last);
      return line;
    },
  };
  return store;
}
