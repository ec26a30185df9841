import { conflictCode, wantedEnv } from '../domain/cni-settings.ts';
import { refusalOf } from '../domain/env-schema.ts';
import type { Finding } from '../domain/finding.ts';
import { planCommand } from '../domain/plan-command.ts';
import type { Scope } from '../domain/scope.ts';
import type { Check } from './check.ts';
import { updateVpcCni } from './vpc-cni-version.ts';

/** Would the add-on take what the plan writes? Its own schema tells; where EKS does not show that, nothing is said. */
export const vpcCniSettingRefused: Check = {
  codes: [
    {
      code: 'CNI.SETTING_REFUSED',
      meaning: 'This version of the add-on does not take a setting that the plan would write.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const { addon, env } = snapshot.vpcCni;
    const schema = addon?.envSchema;
    if (schema === undefined || scope.vpcCni.how !== 'update-addon') return [];
    const adopted = scope.vpcCni.settings.flatMap(({ name, live, change }) =>
      change === 'adopt' && live !== null ? [[name, live] as const] : [],
    );
    const written = { ...Object.fromEntries(adopted), ...wantedEnv(env, scope.request) };
    return Object.entries(written).flatMap(([name, value]): Finding[] => {
      const refusal = refusalOf(schema, name, value);
      if (refusal === undefined) return [];
      const asked = fields.get(name);
      const isAdopted = adopted.some(([one]) => one === name) && scope.request.allow.includes(conflictCode);
      return [
        {
          code: 'CNI.SETTING_REFUSED',
          severity: 'blocking',
          subject: `vpc-cni ${name}`,
          summary: `Add-on vpc-cni ${addon?.version} does not take ${name}=${value}: it ${refusal}.`,
          why: 'The schema of its configuration says so, and EKS refuses every update that breaks it.',
          nextActions: [
            ...(asked !== undefined && asked in scope.request
              ? [`${planWithout(scope, asked)}  # leaves ${name} out`]
              : []),
            ...(isAdopted
              ? [`kubectl -n kube-system set env daemonset/aws-node --containers aws-node ${name}-  # then plan again`]
              : []),
            ...updateVpcCni(snapshot),
          ],
        },
      ];
    });
  },
};

/** Members of the request that a person sets these with. */
const fields = new Map<string, TargetField>([
  ['WARM_PREFIX_TARGET', 'warmPrefixTarget'],
  ['WARM_IP_TARGET', 'warmIpTarget'],
  ['MINIMUM_IP_TARGET', 'minimumIpTarget'],
]);
type TargetField = 'warmPrefixTarget' | 'warmIpTarget' | 'minimumIpTarget';

function planWithout({ request }: Scope, field: TargetField): string {
  const { [field]: _leftOut, ...others } = request;
  return planCommand(others);
}
