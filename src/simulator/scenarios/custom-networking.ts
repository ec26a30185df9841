import type { EniConfigSpec, Scenario, SubnetSpec } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup } from './parts.ts';

/** Few addresses for nodes, and for the pods of each zone a subnet of the range for carrier networks. */
const nodeSubnets: SubnetSpec[] = ['a', 'b'].map((zone, index) => ({
  subnetId: `subnet-0${String(index + 1).repeat(4)}0de${zone.repeat(9)}`,
  cidr: `10.0.${index}.0/26`,
  availabilityZone: `us-west-2${zone}`,
}));

const podSubnets: SubnetSpec[] = nodeSubnets.map(({ availabilityZone }, index) => ({
  subnetId: `subnet-0${String(index + 1).repeat(4)}c64${['a', 'b'][index]?.repeat(9)}`,
  cidr: `100.64.${index * 4}.0/22`,
  availabilityZone,
}));

/** One for each zone, with the name of the zone, as ENI_CONFIG_LABEL_DEF looks for it. */
const eniConfigs: EniConfigSpec[] = podSubnets.map(({ subnetId, availabilityZone }) => ({
  name: availabilityZone,
  subnetId,
  securityGroups: ['sg-0d0d5f00d5f00d5f0'],
}));

export const customNetworking: Scenario = demoCluster({
  name: 'custom-networking',
  title: 'Custom networking: pods in 100.64.0.0/10, one ENIConfig for each zone',
  subnets: [...nodeSubnets, ...podSubnets],
  vpcCni: {
    managedBy: 'eks-addon',
    version: 'v1.19.2-eksbuild.1',
    configurationValues: JSON.stringify({
      env: {
        AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'true',
        ENI_CONFIG_LABEL_DEF: 'topology.kubernetes.io/zone',
      },
    }),
  },
  eniConfigs,
  nodegroups: [nodegroup('general', 4, nodeSubnets)],
  workloads: [deployment('shop', 'web', 10), deployment('shop', 'api', 8), deployment('shop', 'worker', 6)],
  budgets: [budget('shop', 'web', { maxUnavailable: 2 }), budget('shop', 'api', { maxUnavailable: 1 })],
});
