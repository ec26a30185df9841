import type { Server } from '../readable.ts';

const server = (name: string, look: string): Server => ({ area: 'AWS', name, look });

export const eksServer = server('EKS', 'aws eks list-clusters');
export const ec2Server = server('EC2', 'aws ec2 describe-subnets');
export const autoScalingServer = server('EC2 Auto Scaling', 'aws autoscaling describe-auto-scaling-groups');
export const cloudFormationServer = server('CloudFormation', 'aws cloudformation list-stacks');
export const iamServer = server('IAM', 'aws iam list-roles');
export const stsServer = server('STS', 'aws sts get-caller-identity');
