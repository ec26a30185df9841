/** The IAM query API, version 2010-05-08: what a preflight asks. Shapes: botocore iam service model. */
import { AwsError } from './errors.ts';
import { decide, type PolicyDocument } from './policy.ts';
import { listOf, type ParamTree, required, stringsOf, textOf, treeOf, type XmlTree } from './query.ts';

export const iamNamespace = 'https://iam.amazonaws.com/doc/2010-05-08/';

export interface IamContext {
  accountId: string;
  /** ARN of the role behind the caller */
  callerRole: string;
  /** undefined: it may do everything */
  policy: PolicyDocument | undefined;
  /** ARNs of node roles */
  roles: readonly string[];
}

export function callIam(action: string, params: ParamTree, context: IamContext): XmlTree {
  switch (action) {
    case 'SimulatePrincipalPolicy':
      return simulate(params, context);
    case 'GetRole':
      return { Role: roleItem(required(params, 'RoleName'), context) };
    case 'GetInstanceProfile': {
      const name = required(params, 'InstanceProfileName');
      const { accountId, roles } = context;
      // EKS names the profiles that it makes for a node group by the group, people theirs by the role
      const own =
        roles.find((arn) => arn.split('/').at(-1) === name) ?? (name.startsWith('eks-') ? roles[0] : undefined);
      if (own === undefined) throw noSuchEntity(`Instance Profile ${name} cannot be found.`);
      const Roles = [roleItem(own.split('/').at(-1) ?? '', context)];
      return {
        InstanceProfile: {
          InstanceProfileName: name,
          Arn: `arn:aws:iam::${accountId}:instance-profile/${name}`,
          Roles,
        },
      };
    }
    default:
      throw new AwsError('InvalidAction', `Could not find operation ${action} for version 2010-05-08`);
  }
}

const noSuchEntity = (message: string): AwsError => new AwsError('NoSuchEntity', message, 404);

function roleItem(name: string, { callerRole, roles }: IamContext): XmlTree {
  const arn = [callerRole, ...roles].find((one) => one.split('/').at(-1) === name);
  if (arn === undefined) throw noSuchEntity(`The role with name ${name} cannot be found.`);
  return { RoleName: name, Arn: arn, Path: '/', RoleId: 'AROASIMULATED', CreateDate: '2026-01-01T00:00:00Z' };
}

/** One result for each action, with the decision for each resource. */
function simulate(params: ParamTree, { callerRole, policy }: IamContext): XmlTree {
  const principal = required(params, 'PolicySourceArn');
  if (principal !== callerRole) throw noSuchEntity(`The entity ${principal} cannot be found.`);
  const given = listOf(treeOf(params['ContextEntries'])['member']).map(treeOf);
  const context = Object.fromEntries(
    given.map((entry) => [
      textOf(entry['ContextKeyName']) ?? '',
      stringsOf(treeOf(entry['ContextKeyValues'])['member'])[0] ?? '',
    ]),
  );
  const resources = stringsOf(treeOf(params['ResourceArns'])['member']);
  const results = stringsOf(treeOf(params['ActionNames'])['member']).map((action) => {
    const each = (resources.length === 0 ? ['*'] : resources).map((resource) => ({
      resource,
      ...(policy === undefined
        ? { decision: 'allowed' as const, missing: [] }
        : decide(policy, { action, resource, context })),
    }));
    const worst = each.find(({ decision }) => decision !== 'allowed')?.decision ?? 'allowed';
    return {
      EvalActionName: action,
      EvalResourceName: '*',
      EvalDecision: worst,
      MatchedStatements: [],
      MissingContextValues: [...new Set(each.flatMap(({ missing }) => missing))],
      ResourceSpecificResults: each.map(({ resource, decision, missing }) => ({
        EvalResourceName: resource,
        EvalResourceDecision: decision,
        MissingContextValues: missing,
      })),
    };
  });
  return { EvaluationResults: results, IsTruncated: false };
}
