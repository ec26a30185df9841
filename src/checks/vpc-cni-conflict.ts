import { notConfigurable } from '../domain/cni-names.ts';
import { conflictCode, isOn, prefixDelegationIsOn, target, wantedEnv } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import type { VpcCniSetting } from '../domain/plan.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { VpcCni } from '../domain/snapshot.ts';
import { type Check, planAgain } from './check.ts';

/** Has somebody else set what the add-on is about to write? EKS would refuse the whole update. */
export const vpcCniConflict: Check = {
  codes: [
    {
      code: conflictCode,
      meaning: 'A setting of aws-node was changed past the EKS add-on that owns it.',
      canBeAllowed: true,
    },
  ],
  run({ vpcCni }, scope) {
    const wanted = wantedEnv(vpcCni.env, scope.request);
    const isAllowed = scope.request.allow.includes(conflictCode);
    return scope.vpcCni.settings.flatMap((setting): Finding[] => {
      const { name, live, isHidden, change, setBy } = setting;
      const isAdopted = change === 'adopt' && !(name in wanted);
      if (change !== 'conflict' && !isAdopted) return [];
      const isAdoptable = !(name in wanted) && live !== null && !notConfigurable.has(name);
      const has = setting.configured === null ? 'has its default there' : `has ${shown(setting.configured)}`;
      const finding = {
        code: conflictCode,
        severity: 'blocking',
        subject: `aws-node ${name}`,
        summary: `${name} is ${isHidden ? 'set to a value that is not shown' : shown(live)} on aws-node, set by ${setBy ?? 'somebody'} past the EKS add-on, which ${has}.`,
      } as const;
      if (isAdoptable) {
        return [
          {
            ...finding,
            why: 'EKS refuses an update of the add-on that would overwrite the value of somebody else, and prefix-migrate never makes it do so. Once in the configuration of the add-on, the value stays, and no later update stumbles over it.',
            nextActions: [
              ...(isAllowed
                ? []
                : [
                    `${planAgain(scope, { allow: [conflictCode] })}  # takes ${shellWord(`${name}=${oneLine(live)}`)} into the configuration`,
                  ]),
              `${setEnv} ${name}-  # gives it back to the add-on; then plan again`,
            ],
          },
        ];
      }
      return [
        {
          ...finding,
          canBeAllowed: false,
          why: `The plan needs ${shown(setting.target)} there. EKS refuses an update of the add-on that would overwrite the value of somebody else, and the value as it is cannot be kept.`,
          nextActions: [...wayOut(vpcCni, setting), planAgain(scope)],
        },
      ];
    });
  },
};

const setEnv = 'kubectl -n kube-system set env daemonset/aws-node --containers aws-node';

/** To remove the variable is safest, where that changes nothing on the nodes; else it gets the value of the plan already now. */
function wayOut({ env }: VpcCni, { name, live, target: wanted }: VpcCniSetting): string[] {
  const remove = `${setEnv} ${name}-`;
  if (hasNoEffect(env, name)) return [`${remove}  # aws-node behaves the same without it`];
  if (live === null || wanted === null || notConfigurable.has(name)) return [`${remove}  # the add-on sets it again`];
  return [`${setEnv} ${name}=${wanted}  # has its effect at once, on every node`];
}

/** Whether aws-node does the same without the variable: its value is what the VPC CNI assumes, or counts in prefix mode only. */
function hasNoEffect(env: VpcCni['env'], name: string): boolean {
  if (name === 'ENABLE_PREFIX_DELEGATION') return !isOn(env, name);
  if (name === 'WARM_PREFIX_TARGET') return !prefixDelegationIsOn(env) || target(env, name) === 0;
  return (name === 'WARM_IP_TARGET' || name === 'MINIMUM_IP_TARGET') && target(env, name) === 0;
}

const shown = (value: string | null): string => (value === null ? 'no value' : `"${oneLine(value)}"`);

/** A second line would be a command of its own to whoever pastes. */
const oneLine = (value: string | null): string => (value ?? '').replaceAll(/\s+/g, ' ');
