/** The CloudFormation query API, version 2010-05-15, for stacks that have made a node group. Shapes: botocore service model. */
import type { Scenario, StackSpec } from '../scenario.ts';
import type { SimClock } from '../types.ts';
import type { Ec2, LaunchTemplate } from './ec2.ts';
import { AwsError } from './errors.ts';
import type { Nodegroups } from './nodegroups.ts';
import { isoTime, type ParamTree, required, textOf, type XmlTree } from './query.ts';

export const cloudFormationNamespace = 'http://cloudformation.amazonaws.com/doc/2010-05-15/';

export interface CloudFormation {
  call(action: string, params: ParamTree, caller: StackCaller): XmlTree | undefined;
}

/** What a stack does is done in the name of whoever asked for it: each throws when they may not. */
export interface StackCaller {
  mayDeleteNodegroup(name: string): void;
  mayDeleteTemplate(id: string): void;
}

interface Stack {
  spec: StackSpec;
  id: string;
  status: 'CREATE_COMPLETE' | 'DELETE_IN_PROGRESS' | 'DELETE_FAILED' | 'DELETE_COMPLETE';
  reason: string | undefined;
  /** Newest first. */
  events: { at: number; logicalId: string; type: string; status: string; reason: string | undefined }[];
}

const lookEveryMilliseconds = 15_000;
const parameters: Record<string, readonly string[]> = {
  DescribeStacks: ['StackName', 'NextToken'],
  DescribeStackResources: ['StackName', 'LogicalResourceId'],
  DescribeStackEvents: ['StackName', 'NextToken'],
  DeleteStack: ['StackName', 'ClientRequestToken', 'RoleARN'],
};

export function createCloudFormation(deps: {
  scenario: Scenario;
  clock: SimClock;
  nodegroups: Nodegroups;
  ec2: Ec2;
}): CloudFormation {
  const { scenario, clock, nodegroups, ec2 } = deps;
  const { region, accountId, name: clusterName } = scenario.cluster;
  const stacks = (scenario.stacks ?? []).map(
    (spec, index): Stack => ({
      spec,
      id: `arn:aws:cloudformation:${region}:${accountId}:stack/${spec.name}/00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      status: 'CREATE_COMPLETE',
      reason: undefined,
      events: [],
    }),
  );
  const createdAt = clock.now() - 30 * 86_400_000;

  /** A deleted stack is found by its id only. */
  function find(name: string): Stack {
    const found = stacks.find(
      ({ spec, id, status }) => id === name || (spec.name === name && status !== 'DELETE_COMPLETE'),
    );
    if (found) return found;
    throw new AwsError('ValidationError', `Stack with id ${name} does not exist`);
  }

  function note(stack: Stack, status: Stack['status'], reason?: string): void {
    stack.status = status;
    stack.reason = reason;
    event(stack, stack.spec.name, 'AWS::CloudFormation::Stack', status, reason);
  }

  function event(stack: Stack, logicalId: string, type: string, status: string, reason?: string): void {
    stack.events.unshift({ at: clock.now(), logicalId, type, status, reason });
  }

  const templateOf = ({ spec }: Stack): LaunchTemplate | undefined =>
    [...ec2.launchTemplates.values()].find(({ name }) => name === spec.name);

  /** False when the caller may not, which the stack then tells. */
  function isAllowed(stack: Stack, logicalId: string, type: string, ask: () => void): boolean {
    try {
      ask();
      return true;
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      event(stack, logicalId, type, 'DELETE_FAILED', error.message);
      note(stack, 'DELETE_FAILED', `The following resource(s) failed to delete: [${logicalId}].`);
      return false;
    }
  }

  function remove(stack: Stack, caller: StackCaller): void {
    if (stack.status === 'DELETE_IN_PROGRESS' || stack.status === 'DELETE_COMPLETE') return;
    if (stack.spec.terminationProtection) {
      throw new AwsError(
        'ValidationError',
        `Stack [${stack.spec.name}] cannot be deleted while TerminationProtection is enabled`,
      );
    }
    note(stack, 'DELETE_IN_PROGRESS', 'User Initiated');
    const name = stack.spec.nodegroup;
    const group = nodegroups.all.get(name);
    if (group && group.status !== 'DELETING') {
      const may = isAllowed(stack, 'ManagedNodeGroup', 'AWS::EKS::Nodegroup', () => caller.mayDeleteNodegroup(name));
      if (!may) return;
      nodegroups.remove(name);
    }
    clock.after(lookEveryMilliseconds, () => lookAfter(stack, caller));
  }

  /** The node group goes first, then what it was made with. */
  function lookAfter(stack: Stack, caller: StackCaller): void {
    const { nodegroup, ownsRole, deletionFails } = stack.spec;
    if (nodegroups.all.has(nodegroup)) {
      clock.after(lookEveryMilliseconds, () => lookAfter(stack, caller));
      return;
    }
    event(stack, 'ManagedNodeGroup', 'AWS::EKS::Nodegroup', 'DELETE_COMPLETE');
    const template = templateOf(stack);
    if (template) {
      const [logicalId, type] = ['LaunchTemplate', 'AWS::EC2::LaunchTemplate'];
      if (!isAllowed(stack, logicalId, type, () => caller.mayDeleteTemplate(template.id))) return;
      ec2.launchTemplates.delete(template.id);
      event(stack, logicalId, type, 'DELETE_COMPLETE');
    }
    const failure = ownsRole
      ? {
          logicalId: 'NodeInstanceRole',
          reason: 'Cannot delete entity, must remove roles from instance profile first.',
        }
      : deletionFails;
    if (failure) {
      event(stack, failure.logicalId, 'AWS::IAM::Role', 'DELETE_FAILED', failure.reason);
      note(stack, 'DELETE_FAILED', `The following resource(s) failed to delete: [${failure.logicalId}].`);
      return;
    }
    note(stack, 'DELETE_COMPLETE');
  }

  function resources(stack: Stack): XmlTree[] {
    const { name, nodegroup, ownsRole } = stack.spec;
    const template = templateOf(stack);
    return [
      ['ManagedNodeGroup', 'AWS::EKS::Nodegroup', `${clusterName}/${nodegroup}`],
      ...(template ? [['LaunchTemplate', 'AWS::EC2::LaunchTemplate', template.id]] : []),
      ...(ownsRole ? [['NodeInstanceRole', 'AWS::IAM::Role', `${clusterName}-node`]] : []),
    ].map(([LogicalResourceId, ResourceType, PhysicalResourceId]) => ({
      StackName: name,
      LogicalResourceId,
      ResourceType,
      PhysicalResourceId,
      Timestamp: isoTime(createdAt),
      ResourceStatus: 'CREATE_COMPLETE',
    }));
  }

  const operations: Record<string, (params: ParamTree, caller: StackCaller) => XmlTree | undefined> = {
    DescribeStacks(params) {
      const name = textOf(params['StackName']);
      const found = name === undefined ? stacks.filter(({ status }) => status !== 'DELETE_COMPLETE') : [find(name)];
      return {
        Stacks: found.map(({ spec, id, status, reason }) => ({
          StackId: id,
          StackName: spec.name,
          CreationTime: isoTime(createdAt),
          StackStatus: status,
          StackStatusReason: reason,
          EnableTerminationProtection: spec.terminationProtection ?? false,
        })),
      };
    },
    DescribeStackResources: (params) => ({ StackResources: resources(find(required(params, 'StackName'))) }),
    DescribeStackEvents(params) {
      const { id, spec, events } = find(required(params, 'StackName'));
      return {
        StackEvents: events.map(({ at, logicalId, type, status, reason }, index) => ({
          StackId: id,
          EventId: `${spec.name}-${events.length - index}`,
          StackName: spec.name,
          LogicalResourceId: logicalId,
          ResourceType: type,
          Timestamp: isoTime(at),
          ResourceStatus: status,
          ResourceStatusReason: reason,
        })),
      };
    },
    DeleteStack(params, caller) {
      const name = required(params, 'StackName');
      const found = stacks.find(({ spec, id }) => spec.name === name || id === name);
      // one that does not exist is deleted already
      if (found) remove(found, caller);
      return undefined;
    },
  };

  return {
    call(action, params, caller) {
      const operation = Object.hasOwn(operations, action) ? operations[action] : undefined;
      if (!operation) throw new AwsError('InvalidAction', `Could not find operation ${action} for version 2010-05-15`);
      const known = ['Action', 'Version', ...(parameters[action] ?? [])];
      const unknown = Object.keys(params).find((name) => !known.includes(name));
      if (unknown) throw new AwsError('ValidationError', `The parameter ${unknown} is not recognized`);
      return operation(params, caller);
    },
  };
}
