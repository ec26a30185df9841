import type { EvaluationResult } from '@aws-sdk/client-iam';
import type { RightAnswer } from '../../domain/rights.ts';
import type { IamPort, SimulatedAction } from '../../ports/iam.ts';
import { createPageGuard } from '../readable.ts';
import type { RetryLimits } from '../retry.ts';
import type { Operation } from './errors.ts';
import { iamServer } from './servers.ts';
import { type Session, unlessAbsent } from './session.ts';

const absent = ['NoSuchEntity', 'NoSuchEntityException'];
/** A preflight does not wait for IAM. */
const soon: Partial<RetryLimits> = { attempts: 2, attemptMilliseconds: 2000, totalMilliseconds: 2000 };

/** IAM through the AWS SDK; it has one endpoint for all regions. */
export function createIamPort(session: Session): IamPort {
  async function simulatePages(
    principalArn: string,
    actions: readonly string[],
    resourceArns: readonly string[],
  ): Promise<EvaluationResult[]> {
    const operation: Operation = { service: 'iam', name: 'SimulatePrincipalPolicy', resource: principalArn };
    const results: EvaluationResult[] = [];
    let marker: string | undefined;
    const guard = createPageGuard(iamServer, principalArn);
    do {
      const page = await session.call(operation, { repeatable: true, limits: soon }, async (http) => {
        const { sdk, client } = await session.iam();
        const input = {
          PolicySourceArn: principalArn,
          ActionNames: [...actions],
          ResourceArns: [...resourceArns],
          ...(marker === undefined ? {} : { Marker: marker }),
        };
        return client.send(new sdk.SimulatePrincipalPolicyCommand(input), http);
      });
      results.push(...(page.EvaluationResults ?? []));
      marker = page.IsTruncated ? page.Marker || undefined : undefined;
      guard(marker);
    } while (marker !== undefined);
    return results;
  }

  /** A session says the name of its role and not the path before it, which those of IAM Identity Center have. */
  async function roleArn(name: string): Promise<string | undefined> {
    const operation: Operation = { service: 'iam', name: 'GetRole', resource: `role ${name}` };
    const found = await session.call(operation, { repeatable: true, limits: soon }, async (http) => {
      const { sdk, client } = await session.iam();
      return client.send(new sdk.GetRoleCommand({ RoleName: name }), http);
    });
    return found.Role?.Arn;
  }

  return {
    async simulate(callerArn, actions, resourceArns) {
      const { arn, role } = principalOf(callerArn);
      const simulated = async (principal: string) =>
        (await simulatePages(principal, actions, resourceArns)).flatMap(toAnswers);
      const found = await unlessAbsent(absent, simulated(arn));
      if (found !== undefined) return found;
      const real = role === undefined ? undefined : await unlessAbsent(absent, roleArn(role));
      return real === undefined || real === arn ? [] : simulated(real);
    },

    async instanceProfileRole(nameOrArn) {
      const name = nameOrArn.split('/').at(-1) ?? nameOrArn;
      const operation: Operation = { service: 'iam', name: 'GetInstanceProfile', resource: `instance profile ${name}` };
      const found = await unlessAbsent(
        absent,
        session.call(operation, { repeatable: true }, async (http) => {
          const { sdk, client } = await session.iam();
          return client.send(new sdk.GetInstanceProfileCommand({ InstanceProfileName: name }), http);
        }),
      );
      return found?.InstanceProfile?.Roles?.[0]?.Arn;
    },
  };
}

/** Whose policies count: of `arn:aws:sts::1:assumed-role/ROLE/SESSION` those of the role. */
export function principalOf(callerArn: string): { arn: string; role?: string } {
  const [, partition, account, role] = /^arn:([\w-]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(callerArn) ?? [];
  return role === undefined ? { arn: callerArn } : { arn: `arn:${partition}:iam::${account}:role/${role}`, role };
}

/** What is asked about several resources is answered for each, and in sum. */
const toAnswers = (result: EvaluationResult): SimulatedAction[] => {
  const action = result.EvalActionName ?? '';
  const each = result.ResourceSpecificResults ?? [];
  if (each.length === 0) return [{ action, resourceArn: result.EvalResourceName ?? '*', answer: answerOf(result) }];
  return each.map((one) => ({
    action,
    resourceArn: one.EvalResourceName ?? '*',
    answer: answerOf({ EvalDecision: one.EvalResourceDecision, MissingContextValues: one.MissingContextValues }),
  }));
};

/** A denial counts unless it rests on a condition whose value only the real request has. */
function answerOf({
  EvalDecision,
  MissingContextValues = [],
}: Pick<EvaluationResult, 'EvalDecision' | 'MissingContextValues'>): RightAnswer {
  if (EvalDecision === 'allowed') return 'allowed';
  return EvalDecision === undefined || MissingContextValues.length > 0 ? 'unknown' : 'denied';
}
