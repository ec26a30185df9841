import { threeNodes } from './parts.ts';

export const warmIpLeftOver = threeNodes({
  name: 'warm-ip-left-over',
  title: 'IP targets made for secondary addresses, which keep two spare prefixes on every node',
  vpcCni: { configurationValues: '{"env":{"WARM_IP_TARGET":"30","MINIMUM_IP_TARGET":"40"}}' },
});
