import type { AutoScalingPort } from './auto-scaling.ts';
import type { Clock } from './clock.ts';
import type { Ec2Port } from './ec2.ts';
import type { EksPort } from './eks.ts';
import type { IdentityPort } from './identity.ts';
import type { KubernetesPort } from './kubernetes.ts';

/** The outside world as steps, survey and drain see it. */
export interface Ports {
  eks: EksPort;
  ec2: Ec2Port;
  autoScaling: AutoScalingPort;
  identity: IdentityPort;
  kubernetes: KubernetesPort;
  clock: Clock;
}
