import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const subnets = threeSubnets();

const settings = `# settled with the platform team
[settings]
motd = "shop nodes"

[settings.kubernetes] # EKS adds how to join
max-pods = 29
"log-level" = 3

[settings.kubernetes.node-labels]
"shop.example.com/pool" = "search"
`;

export const bottlerocket: Scenario = demoCluster({
  name: 'bottlerocket',
  title:
    'Two node groups of Bottlerocket, one with settings of its own in a launch template, 29 pods per node among them',
  subnets,
  nodegroups: [
    nodegroup('general', 3, subnets, { amiType: 'BOTTLEROCKET_x86_64' }),
    nodegroup('search', 2, subnets, {
      amiType: 'BOTTLEROCKET_x86_64',
      labels: { role: 'search' },
      launchTemplate: {
        name: 'search-nodes',
        data: { blockDeviceMappingSet: [{ deviceName: '/dev/xvdb', ebs: { volumeSize: '60', volumeType: 'gp3' } }] },
        userData: settings,
      },
    }),
  ],
  workloads: [
    deployment('shop', 'web', 9),
    deployment('shop', 'api', 6),
    deployment('shop', 'search', 4, { nodeSelector: { role: 'search' } }),
  ],
  budgets: [budget('shop', 'web', { maxUnavailable: 1 }), budget('shop', 'search', { maxUnavailable: 1 })],
});
