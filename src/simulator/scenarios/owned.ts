import type { NodegroupSpec, Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const subnets = threeSubnets();

/** Three nodes and a small shop, whose node group somebody else has made. */
const ownedBy = (
  scenario: Pick<Scenario, 'name' | 'title'> & Partial<Scenario>,
  tags: Record<string, string>,
  launchTemplate?: Pick<NodegroupSpec, 'launchTemplate'>,
): Scenario =>
  demoCluster({
    ...scenario,
    subnets,
    nodegroups: [nodegroup('general', 3, subnets, { tags, ...launchTemplate })],
    workloads: [deployment('shop', 'web', 9), deployment('shop', 'api', 6)],
    budgets: [budget('shop', 'web', { maxUnavailable: 1 })],
  });

const stack = 'eksctl-demo-nodegroup-general';

export const eksctlOwned: Scenario = ownedBy(
  {
    name: 'eksctl-owned',
    title: 'A node group of eksctl, which goes with its CloudFormation stack',
    stacks: [{ name: stack, nodegroup: 'general' }],
  },
  {
    'alpha.eksctl.io/cluster-name': 'demo',
    'alpha.eksctl.io/nodegroup-name': 'general',
    'alpha.eksctl.io/nodegroup-type': 'managed',
    'aws:cloudformation:stack-name': stack,
    'aws:cloudformation:logical-id': 'ManagedNodeGroup',
  },
  // as eksctl makes it, in the stack and with its name
  {
    launchTemplate: {
      name: stack,
      data: {
        blockDeviceMappingSet: [
          {
            deviceName: '/dev/xvda',
            ebs: { volumeSize: '80', volumeType: 'gp3', iops: '3000', throughput: '125' },
          },
        ],
        metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: '2' },
        tagSpecificationSet: ['instance', 'volume', 'network-interface'].map((resourceType) => ({
          resourceType,
          tagSet: [
            { key: 'Name', value: 'demo-general-Node' },
            { key: 'alpha.eksctl.io/nodegroup-name', value: 'general' },
            { key: 'alpha.eksctl.io/nodegroup-type', value: 'managed' },
          ],
        })),
      },
    },
  },
);

export const terraformOwned: Scenario = ownedBy(
  { name: 'terraform-owned', title: 'A node group of Terraform, which is drained and left to it' },
  { ManagedBy: 'terraform', team: 'platform' },
);
