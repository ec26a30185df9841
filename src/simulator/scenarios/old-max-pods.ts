import { threeNodes } from './parts.ts';

export const oldMaxPods = threeNodes({
  name: 'old-max-pods',
  title: 'Prefix delegation is on since long, and the nodes still take 29 pods',
  vpcCni: { configurationValues: '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}' },
  maxPods: 29,
});
