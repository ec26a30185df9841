/** The parts of the EC2 client that we use: what is not named here stays out of the bundle. */
export {
  CreateLaunchTemplateCommand,
  CreateSubnetCidrReservationCommand,
  DeleteLaunchTemplateCommand,
  DeleteSubnetCidrReservationCommand,
  DescribeInstanceTypesCommand,
  DescribeLaunchTemplatesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSubnetsCommand,
  EC2Client,
  GetInstanceTypesFromInstanceRequirementsCommand,
  GetSubnetCidrReservationsCommand,
  ResponseLaunchTemplateData$,
} from '@aws-sdk/client-ec2';
