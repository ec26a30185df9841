import { threeNodes } from './parts.ts';

export const minimumAlone = threeNodes({
  name: 'minimum-ip-alone',
  title: 'MINIMUM_IP_TARGET without WARM_IP_TARGET: harmless so far, with prefixes no node gets past 32 pods',
  vpcCni: { configurationValues: '{"env":{"MINIMUM_IP_TARGET":"27"}}' },
});
