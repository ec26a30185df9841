import { threeNodes } from './parts.ts';

export const logLevelByHand = threeNodes({
  name: 'log-level-by-hand',
  title: 'An EKS add-on whose log level somebody set with kubectl, so that EKS finds a conflict',
  vpcCni: { setByHand: { AWS_VPC_K8S_CNI_LOGLEVEL: 'INFO' } },
});
