import { threeNodes } from './parts.ts';

export const helmCni = threeNodes({
  name: 'helm-cni',
  title: 'aws-node belongs to a Helm release, which would undo a change past it',
  vpcCni: { managedBy: 'helm' },
});
