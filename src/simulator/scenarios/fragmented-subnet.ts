import type { Scenario, SubnetSpec } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup } from './parts.ts';

/** One address in nearly every /28 belongs to something else, so that hardly a block is free while most addresses are. */
const subnet: SubnetSpec = {
  subnetId: 'subnet-0f4a6d3e7c2b1a098',
  cidr: '10.0.8.0/24',
  availabilityZone: 'us-west-2a',
  foreignAddresses: [
    { kind: 'network_load_balancer', address: '10.0.8.21' },
    { kind: 'network_load_balancer', address: '10.0.8.43' },
    { kind: 'vpc_endpoint', address: '10.0.8.54' },
    { kind: 'vpc_endpoint', address: '10.0.8.76' },
    { kind: 'lambda', address: '10.0.8.87' },
    { kind: 'lambda', address: '10.0.8.103' },
    { kind: 'lambda', address: '10.0.8.118' },
    { kind: 'interface', address: '10.0.8.129' },
    { kind: 'interface', address: '10.0.8.158' },
    { kind: 'vpc_endpoint', address: '10.0.8.172' },
    { kind: 'lambda', address: '10.0.8.180' },
    { kind: 'network_load_balancer', address: '10.0.8.199' },
    { kind: 'interface', address: '10.0.8.217' },
    { kind: 'lambda', address: '10.0.8.233' },
  ],
};

export const fragmentedSubnet: Scenario = demoCluster({
  name: 'fragmented-subnet',
  title: 'A /24 with many free addresses and hardly a free /28 block',
  subnets: [subnet],
  nodegroups: [nodegroup('general', 3, [subnet])],
  workloads: [deployment('shop', 'web', 8), deployment('shop', 'api', 6)],
  budgets: [budget('shop', 'web', { maxUnavailable: 1 })],
});
