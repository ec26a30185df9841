import type { InstanceType, LaunchTemplateVersion, NetworkInterface, Subnet } from '../domain/snapshot.ts';

export interface LaunchTemplate {
  launchTemplateId: string;
  launchTemplateName: string;
  latestVersion: string;
  tags: Record<string, string>;
}

/** EC2, in domain words. Paged, retried and translated like EksPort. */
export interface Ec2Port {
  describeInstanceTypes(names: string[]): Promise<InstanceType[]>;
  /** Subnets with their CIDR reservations. */
  describeSubnets(subnetIds: string[]): Promise<Subnet[]>;
  networkInterfacesOfSubnets(subnetIds: string[]): Promise<NetworkInterface[]>;
  networkInterfacesOfInstances(instanceIds: string[]): Promise<NetworkInterface[]>;
  findLaunchTemplate(name: string): Promise<LaunchTemplate | undefined>;
  /** `version` is a number as text. User data is not part of the answer, only its hash. */
  describeLaunchTemplateVersion(launchTemplateId: string, version: string): Promise<LaunchTemplateVersion | undefined>;
  /** The decoded user data of one version, null when there is none. May hold secrets: never store or print it. */
  launchTemplateUserData(launchTemplateId: string, version: string): Promise<string | null>;
  /** `data` is LaunchTemplateData without UserData; `userData` is not encoded. */
  createLaunchTemplate(
    request: { name: string; data: Record<string, unknown>; userData: string; tags: Record<string, string> },
    token: string,
  ): Promise<LaunchTemplate>;
  /** Deleting what is gone is success. */
  deleteLaunchTemplate(launchTemplateId: string): Promise<void>;
}
