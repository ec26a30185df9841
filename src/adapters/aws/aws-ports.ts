import type { AutoScalingPort } from '../../ports/auto-scaling.ts';
import type { CloudFormationPort } from '../../ports/cloudformation.ts';
import type { Ec2Port } from '../../ports/ec2.ts';
import type { EksPort } from '../../ports/eks.ts';
import type { IamPort } from '../../ports/iam.ts';
import type { IdentityPort } from '../../ports/identity.ts';
import { createAutoScalingPort } from './auto-scaling.ts';
import {
  checkedAutoScaling,
  checkedCloudFormation,
  checkedEc2,
  checkedEks,
  checkedIam,
  checkedIdentity,
} from './checked-ports.ts';
import { createCloudFormationPort } from './cloudformation.ts';
import { endOf } from './credentials-end.ts';
import { createEc2Port } from './ec2.ts';
import { createEksPort } from './eks.ts';
import { createIamPort } from './iam.ts';
import { createTokenSource, type TokenSource } from './kubernetes-token.ts';
import { type AwsOptions, createSession, type Session } from './session.ts';

export type { AwsOptions } from './session.ts';

export interface AwsPorts {
  eks: EksPort;
  ec2: Ec2Port;
  autoScaling: AutoScalingPort;
  cloudFormation: CloudFormationPort;
  iam: IamPort;
  identity: IdentityPort;
  /** as the SDK resolves it. @throws MigrateError AWS.NO_REGION */
  region(): Promise<string>;
  /** a bearer token for the Kubernetes API of a cluster */
  kubernetesToken: TokenSource;
}

/**
 * The AWS side of the ports: credentials, region and endpoints from the SDK's own chain (AWS_PROFILE, AWS_REGION,
 * AWS_ENDPOINT_URL and so on). Nothing is loaded before the first call.
 */
export function createAwsPorts(options: AwsOptions): AwsPorts {
  const session = createSession(options);
  const identity = checkedIdentity(createIdentityPort(session));
  const ec2 = checkedEc2(createEc2Port(session, identity));
  return {
    eks: checkedEks(createEksPort(session)),
    ec2,
    autoScaling: checkedAutoScaling(createAutoScalingPort(session, ec2)),
    cloudFormation: checkedCloudFormation(createCloudFormationPort(session)),
    iam: checkedIam(createIamPort(session)),
    identity,
    region: session.region,
    kubernetesToken: createTokenSource(session),
  };
}

function createIdentityPort(session: Session): IdentityPort {
  return {
    async credentialsEnd() {
      const { client } = await session.sts();
      // a call tells better what is wrong with them
      return client.config.credentials().then(endOf, () => null);
    },
    async caller() {
      const { Account, Arn } = await session.call(
        { service: 'sts', name: 'GetCallerIdentity', resource: 'the caller' },
        { repeatable: true },
        async (http) => {
          const { sdk, client } = await session.sts();
          return client.send(new sdk.GetCallerIdentityCommand({}), http);
        },
      );
      return { accountId: Account ?? '', arn: Arn ?? '' };
    },
  };
}
