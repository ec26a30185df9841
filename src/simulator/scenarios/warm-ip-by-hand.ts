import { threeNodes } from './parts.ts';

export const warmIpByHand = threeNodes({
  name: 'warm-ip-by-hand',
  title: 'An EKS add-on with IP targets set by kubectl over those of its configuration',
  vpcCni: {
    configurationValues: '{"env":{"WARM_IP_TARGET":"5","MINIMUM_IP_TARGET":"10"}}',
    setByHand: { WARM_IP_TARGET: '10' },
  },
});
