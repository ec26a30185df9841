import { threeNodes } from './parts.ts';

export const selfManagedCni = threeNodes({
  name: 'self-managed-cni',
  title: 'aws-node as EKS installed it with the cluster, never made an add-on',
  vpcCni: { managedBy: 'self-managed' },
});
