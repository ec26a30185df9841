import type { AutoScalingPort } from './auto-scaling.ts';
import type { Clock } from './clock.ts';
import type { CloudFormationPort } from './cloudformation.ts';
import type { Ec2Port } from './ec2.ts';
import type { EksPort } from './eks.ts';
import type { IamPort } from './iam.ts';
import type { IdentityPort } from './identity.ts';
import type { KubernetesPort } from './kubernetes.ts';
import type { ToolsPort } from './tools.ts';

/** The outside world as steps, survey and drain see it. */
export interface Ports {
  eks: EksPort;
  ec2: Ec2Port;
  autoScaling: AutoScalingPort;
  cloudFormation: CloudFormationPort;
  iam: IamPort;
  identity: IdentityPort;
  kubernetes: KubernetesPort;
  tools: ToolsPort;
  clock: Clock;
}
