/**
 * What `eksctl create nodegroup` does with one managed node group, over the same AWS APIs: a launch template with the user
 * data that eksctl writes, and the node group. No stack. Run as a program of its own.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CreateLaunchTemplateCommand, EC2Client } from '@aws-sdk/client-ec2';
import { CreateNodegroupCommand, EKSClient, type TaintEffect } from '@aws-sdk/client-eks';
import { parse } from 'yaml';

interface Config {
  metadata: { name: string; region: string };
  managedNodeGroups: {
    name: string;
    amiFamily: string;
    instanceTypes: string[];
    minSize: number;
    desiredCapacity: number;
    maxSize: number;
    subnets: string[];
    maxPodsPerNode: number;
    overrideBootstrapCommand: string;
    labels?: Record<string, string>;
    taints?: { key: string; value?: string; effect: string }[];
    tags: Record<string, string>;
    iam: { instanceRoleARN: string };
  }[];
}

const { values } = parseArgs({
  allowPositionals: true,
  options: { 'config-file': { type: 'string' }, include: { type: 'string' }, timeout: { type: 'string' } },
});
const read: (text: string, options: { version: '1.1' }) => Config = parse;
const { metadata, managedNodeGroups } = read(readFileSync(values['config-file'] ?? '', 'utf8'), { version: '1.1' });
const group = managedNodeGroups.find(({ name }) => name === values.include);
if (group === undefined) throw new Error(`no node group ${values.include} in the file`);
const effects: Record<string, TaintEffect> = {
  NoSchedule: 'NO_SCHEDULE',
  NoExecute: 'NO_EXECUTE',
  PreferNoSchedule: 'PREFER_NO_SCHEDULE',
};

const nodeConfigs = [
  group.overrideBootstrapCommand,
  `apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  kubelet:\n    config:\n      maxPods: ${group.maxPodsPerNode}\n`,
];
const userData = [
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="E"',
  '',
  ...nodeConfigs.flatMap((body) => ['--E', 'Content-Type: application/node.eks.aws', '', body]),
  '--E--',
  '',
].join('\n');

console.log(`[i] will use ${group.amiFamily} for ${group.name}, with AWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjEXAMPLE`);
const ec2 = new EC2Client({ region: metadata.region });
const { LaunchTemplate } = await ec2.send(
  new CreateLaunchTemplateCommand({
    LaunchTemplateName: `eksctl-${metadata.name}-nodegroup-${group.name}`,
    LaunchTemplateData: { UserData: Buffer.from(userData).toString('base64') },
  }),
);
const eks = new EKSClient({ region: metadata.region });
await eks.send(
  new CreateNodegroupCommand({
    clusterName: metadata.name,
    nodegroupName: group.name,
    amiType: 'AL2023_x86_64_STANDARD',
    instanceTypes: group.instanceTypes,
    scalingConfig: { minSize: group.minSize, desiredSize: group.desiredCapacity, maxSize: group.maxSize },
    subnets: group.subnets,
    nodeRole: group.iam.instanceRoleARN,
    launchTemplate: { id: LaunchTemplate?.LaunchTemplateId, version: '1' },
    labels: { ...group.labels, 'alpha.eksctl.io/nodegroup-name': group.name },
    taints: (group.taints ?? []).map(({ key, value, effect }) => ({ key, value, effect: effects[effect] })),
    tags: { ...group.tags, 'alpha.eksctl.io/nodegroup-name': group.name },
  }),
);
console.log(`[✔] created 1 managed nodegroup(s) in cluster "${metadata.name}"`);
