/** Commands of the AWS CLI for a node group, whether EKS manages it or not. */
import { autoScalingGroupName, isSelfManaged } from './self-managed.ts';
import { shellWord } from './shell-word.ts';
import type { Scaling } from './snapshot.ts';

interface Where {
  clusterName: string;
  /** that of the caller unless told */
  region?: string;
}

const inRegion = ({ region }: Where): string => (region === undefined ? '' : ` --region ${region}`);

const sameFlags = (where: Where, nodegroupName: string): string =>
  `${inRegion(where)} --cluster-name ${where.clusterName} --nodegroup-name ${nodegroupName}`;

/** Shows it. */
export const showCommand = (where: Where, nodegroupName: string): string =>
  isSelfManaged(nodegroupName)
    ? `aws autoscaling describe-auto-scaling-groups${inRegion(where)} --auto-scaling-group-names ${shellWord(autoScalingGroupName(nodegroupName))}`
    : `aws eks describe-nodegroup${sameFlags(where, nodegroupName)}`;

/** Changes its size; members that are left out stay as they are. */
export function resizeCommand(
  where: Where,
  nodegroupName: string,
  { minSize, maxSize, desiredSize }: Partial<Scaling>,
): string {
  if (!isSelfManaged(nodegroupName)) {
    const config = given({ minSize, maxSize, desiredSize }).map((pair) => pair.join('='));
    return `aws eks update-nodegroup-config${sameFlags(where, nodegroupName)} --scaling-config ${config.join(',')}`;
  }
  const flags = given({ 'min-size': minSize, 'max-size': maxSize, 'desired-capacity': desiredSize });
  return `aws autoscaling update-auto-scaling-group${inRegion(where)} --auto-scaling-group-name ${shellWord(autoScalingGroupName(nodegroupName))}${flags.map(([name, value]) => ` --${name} ${value}`).join('')}`;
}

const given = (sizes: Record<string, number | undefined>): [string, number][] =>
  Object.entries(sizes).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
