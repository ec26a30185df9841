import type { RightAnswer } from '../domain/rights.ts';
import type { InstanceType, LaunchTemplateVersion, NetworkInterface, Subnet } from '../domain/snapshot.ts';

export interface LaunchTemplate {
  launchTemplateId: string;
  launchTemplateName: string;
  latestVersion: string;
  tags: Record<string, string>;
}

/** A range of a subnet that EC2 keeps for one purpose (EC2 API reference, SubnetCidrReservation). */
export interface SubnetCidrReservation {
  id: string;
  cidr: string;
  type: 'prefix' | 'explicit';
  tags: Record<string, string>;
}

/** What EC2 says to a request as a dry run: to the action itself, or to another one that belongs to it. */
export interface DryRunAnswer {
  /** `ec2:CreateTags` */
  action: string;
  answer: RightAnswer;
}

/** EC2, in domain words. Paged, retried and translated like EksPort. */
export interface Ec2Port {
  /** Types that do not exist in the region are not in the answer. */
  describeInstanceTypes(names: string[]): Promise<InstanceType[]>;
  /** Names of the types that meet InstanceRequirements, as an Auto Scaling group or a launch template has them. */
  instanceTypesThatMeet(requirements: Record<string, unknown>, architectures: string[]): Promise<string[]>;
  /** Subnets with their CIDR reservations. One that EC2 does not know is an error, or missing from the answer. */
  describeSubnets(subnetIds: string[], options?: { unknown: 'refuse' | 'leave-out' }): Promise<Subnet[]>;
  /** IPv4 reservations, those of the owner of a shared subnet included; undefined when the subnet does not exist. */
  subnetCidrReservations(subnetId: string): Promise<SubnetCidrReservation[] | undefined>;
  /**
   * Reserves a range for prefixes. EC2 takes no token: after a lost answer, the reservation is found by range and tags.
   * Throws RESERVATION.OVERLAP (retryable), RESERVATION.INVALID_CIDR and RESERVATION.LIMIT.
   */
  createSubnetCidrReservation(request: {
    subnetId: string;
    cidr: string;
    description: string;
    tags: Record<string, string>;
  }): Promise<void>;
  /** Deleting what is gone is success. Prefixes that nodes hold in the range stay with them. */
  deleteSubnetCidrReservation(reservationId: string): Promise<void>;
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
  /** Whether the caller may make such a template and tag it. A dry run: nothing is made. */
  mayCreateLaunchTemplate(request: {
    data: Record<string, unknown>;
    tags: Record<string, string>;
  }): Promise<DryRunAnswer>;
  /** Whether the caller may reserve a range of a subnet and tag the reservation. A dry run: nothing is reserved. */
  mayReserveSubnetCidr(request: {
    subnetId: string;
    cidr: string;
    tags: Record<string, string>;
  }): Promise<DryRunAnswer>;
}
