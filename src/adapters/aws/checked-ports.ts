/** The AWS ports, each answer checked before anything relies on it: an endpoint may be anybody's, and answer anything. */
import {
  both,
  flag,
  listOf,
  number,
  object,
  oneOf,
  orNull,
  recordOf,
  type Shape,
  text,
  textLike,
} from '../../domain/shape.ts';
import {
  autoScalingGroupShape,
  clusterShape,
  eksName,
  healthIssuesShape,
  instanceTypeShape,
  launchTemplateShape,
  networkInterfaceShape,
  nodegroupShape,
  subnetReservationMembers,
  subnetShape,
  word,
  wordOrEmpty,
} from '../../domain/snapshot-shapes.ts';
import type { AutoScalingPort } from '../../ports/auto-scaling.ts';
import type { CloudFormationPort, Stack, StackResource } from '../../ports/cloudformation.ts';
import type { DryRunAnswer, Ec2Port, LaunchTemplate, SubnetCidrReservation } from '../../ports/ec2.ts';
import type { Addon, EksPort, EksUpdate } from '../../ports/eks.ts';
import type { IamPort } from '../../ports/iam.ts';
import type { IdentityPort } from '../../ports/identity.ts';
import { readableAnswer, type Server } from '../readable.ts';
import { autoScalingServer, cloudFormationServer, ec2Server, eksServer, iamServer, stsServer } from './servers.ts';

const orUndefined = <T>(inner: Shape<T>): Shape<T | undefined> => ({
  mismatch: (value) => (value === undefined ? undefined : inner.mismatch(value)),
});
const nothing: Shape<void> = { mismatch: () => undefined };
const texts = recordOf(text);
const id = textLike('an id that AWS gives', /^[\w.-]{1,255}$/);

/** What each method of a port answers. */
type Answers<P> = { [K in keyof P]: P[K] extends (...args: never[]) => Promise<infer T> ? Shape<T> : never };

/** The same port; what cannot be read is told by the method and what it asks for. */
function checked<P extends object>(from: Server, port: P, answers: Answers<P>): P {
  const shapes = new Map(Object.entries<Shape<unknown>>(answers));
  return new Proxy(port, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      const shape = shapes.get(String(name));
      if (typeof method !== 'function' || shape === undefined) return method;
      return (...args: unknown[]) => {
        const what = [name, ...args.filter((arg) => typeof arg === 'string')].join(' ');
        return readableAnswer(from, what, shape, () => Promise.resolve(Reflect.apply(method, target, args)));
      };
    },
  });
}

const addon = object<Addon>({
  addonName: text,
  version: wordOrEmpty,
  status: text,
  configurationValues: orNull(text),
  healthIssues: healthIssuesShape,
  tags: texts,
});
const update = object<EksUpdate>({
  id,
  status: oneOf('InProgress', 'Successful', 'Failed', 'Cancelled'),
  errors: listOf(object({ code: text, message: text, resourceIds: listOf(text) })),
});
const withAuthority = object<{ certificateAuthorityData: string }>({ certificateAuthorityData: text });

export const checkedEks = (eks: EksPort): EksPort =>
  checked(eksServer, eks, {
    describeCluster: both(clusterShape, withAuthority),
    listNodegroups: listOf(eksName),
    accessEntriesOfNodes: listOf(text),
    describeNodegroup: orUndefined(nodegroupShape),
    createNodegroup: nothing,
    updateNodegroupScaling: id,
    deleteNodegroup: nothing,
    describeAddon: orUndefined(addon),
    addonConfigurationSchema: orNull(text),
    updateAddon: id,
    describeUpdate: orUndefined(update),
    listUpdates: listOf(id),
  });

const reservation = object<SubnetCidrReservation>({ ...subnetReservationMembers, tags: texts });
const template = object<LaunchTemplate>({
  launchTemplateId: id,
  launchTemplateName: text,
  latestVersion: wordOrEmpty,
  tags: texts,
});

const rightAnswer = oneOf('allowed', 'denied', 'unknown');
const dryRun = object<DryRunAnswer>({ action: text, answer: rightAnswer });

export const checkedEc2 = (ec2: Ec2Port): Ec2Port =>
  checked(ec2Server, ec2, {
    describeInstanceTypes: listOf(instanceTypeShape),
    instanceTypesThatMeet: listOf(word),
    describeSubnets: listOf(subnetShape),
    subnetCidrReservations: orUndefined(listOf(reservation)),
    createSubnetCidrReservation: nothing,
    deleteSubnetCidrReservation: nothing,
    networkInterfacesOfSubnets: listOf(networkInterfaceShape),
    networkInterfacesOfInstances: listOf(networkInterfaceShape),
    findLaunchTemplate: orUndefined(template),
    describeLaunchTemplateVersion: orUndefined(launchTemplateShape),
    launchTemplateUserData: orNull(text),
    createLaunchTemplate: template,
    deleteLaunchTemplate: nothing,
    mayCreateLaunchTemplate: dryRun,
    mayReserveSubnetCidr: dryRun,
  });

export const checkedAutoScaling = (autoScaling: AutoScalingPort): AutoScalingPort =>
  checked(autoScalingServer, autoScaling, {
    describeGroups: listOf(autoScalingGroupShape),
    groupsOfInstances: texts,
    failedActivities: listOf(text),
    suspendProcesses: nothing,
    resumeProcesses: nothing,
    resizeGroup: nothing,
    terminateInstance: oneOf('asked', 'going'),
    deleteGroup: nothing,
  });

export const checkedCloudFormation = (cloudFormation: CloudFormationPort): CloudFormationPort =>
  checked(cloudFormationServer, cloudFormation, {
    describeStack: orUndefined(
      object<Stack>({ name: text, status: text, reason: orNull(text), terminationProtection: flag }),
    ),
    stackResources: listOf(object<StackResource>({ logicalId: text, type: text, physicalId: orNull(text) })),
    deleteStack: nothing,
    failedDeletions: listOf(text),
  });

const roleArn = textLike('the ARN of a role', /^arn:[\w+=,.@:/-]{0,2048}$/);

export const checkedIam = (iam: IamPort): IamPort =>
  checked(iamServer, iam, {
    simulate: listOf(object({ action: text, resourceArn: text, answer: rightAnswer })),
    instanceProfileRole: orUndefined(roleArn),
  });

const caller = object<{ accountId: string; arn: string }>({
  accountId: textLike('an account id', /^\d{0,12}$/),
  arn: textLike('an ARN', /^[\w+=,.@:/-]{0,2048}$/),
});

export const checkedIdentity = (identity: IdentityPort): IdentityPort =>
  checked(stsServer, identity, {
    caller,
    credentialsEnd: orNull(number),
  });
