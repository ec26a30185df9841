import { MigrateError } from '../../domain/migrate-error.ts';
import type { CloudFormationPort } from '../../ports/cloudformation.ts';
import { cleanText } from '../clean-text.ts';
import type { Operation } from './errors.ts';
import { causeName, type Session } from './session.ts';

const eventsShown = 10;

const operation = (name: string, stack: string): Operation => ({
  service: 'cloudformation',
  name,
  resource: `stack ${stack}`,
});

/** CloudFormation through the AWS SDK. */
export function createCloudFormationPort(session: Session): CloudFormationPort {
  return {
    async describeStack(name) {
      const page = await unlessNoStack(
        session.call(operation('DescribeStacks', name), { repeatable: true }, async (http) => {
          const { sdk, client } = await session.cloudFormation();
          return client.send(new sdk.DescribeStacksCommand({ StackName: name }), http);
        }),
      );
      const stack = page?.Stacks?.[0];
      if (stack === undefined || stack.StackStatus === 'DELETE_COMPLETE') return undefined;
      return {
        name: stack.StackName ?? name,
        status: stack.StackStatus ?? '',
        reason: stack.StackStatusReason ? cleanText(stack.StackStatusReason) : null,
        terminationProtection: stack.EnableTerminationProtection ?? false,
      };
    },

    async stackResources(name) {
      const page = await unlessNoStack(
        session.call(operation('DescribeStackResources', name), { repeatable: true }, async (http) => {
          const { sdk, client } = await session.cloudFormation();
          return client.send(new sdk.DescribeStackResourcesCommand({ StackName: name }), http);
        }),
      );
      return (page?.StackResources ?? []).map((resource) => ({
        logicalId: resource.LogicalResourceId ?? '',
        type: resource.ResourceType ?? '',
        physicalId: resource.PhysicalResourceId ?? null,
      }));
    },

    async deleteStack(name, token) {
      await session.call(operation('DeleteStack', name), { repeatable: true }, async (http) => {
        const { sdk, client } = await session.cloudFormation();
        return client.send(new sdk.DeleteStackCommand({ StackName: name, ClientRequestToken: token }), http);
      });
    },

    async failedDeletions(name) {
      const page = await unlessNoStack(
        session.call(operation('DescribeStackEvents', name), { repeatable: true }, async (http) => {
          const { sdk, client } = await session.cloudFormation();
          return client.send(new sdk.DescribeStackEventsCommand({ StackName: name }), http);
        }),
      );
      return (page?.StackEvents ?? [])
        .filter(
          ({ ResourceStatus, ResourceType }) =>
            ResourceStatus === 'DELETE_FAILED' && ResourceType !== 'AWS::CloudFormation::Stack',
        )
        .slice(0, eventsShown)
        .map(({ LogicalResourceId, ResourceStatusReason }) =>
          cleanText(`${LogicalResourceId}: ${ResourceStatusReason ?? 'no reason given'}`),
        );
    },
  };
}

/** CloudFormation says `ValidationError` for a stack that does not exist, and for bad input. */
async function unlessNoStack<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const isGone =
      error instanceof MigrateError && error.cause instanceof Error && /does not exist/.test(error.cause.message);
    if (isGone && causeName(error) === 'ValidationError') return undefined;
    throw error;
  }
}
