import { meantBy } from '../domain/cni-names.ts';
import { settingNames } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { VpcCni } from '../domain/snapshot.ts';
import type { Check } from './check.ts';

/** Variables that look like a setting of the VPC CNI but are none, or stand where nothing reads them: they do nothing. */
export const vpcCniUnknownSetting: Check = {
  codes: [
    {
      code: 'CNI.UNKNOWN_SETTING',
      meaning: 'aws-node has a variable that the VPC CNI does not know and ignores.',
      canBeAllowed: false,
    },
    {
      code: 'CNI.SETTING_ON_INIT_CONTAINER',
      meaning: 'A setting of aws-node stands on its init container alone, which does not read it.',
      canBeAllowed: false,
    },
  ],
  run: ({ vpcCni }) => [...unknownSettings(vpcCni), ...onInitContainer(vpcCni)],
};

export const unknownSettings = ({ env }: VpcCni): Finding[] =>
  Object.keys(env).flatMap((name): Finding[] => {
    const meant = meantBy(name);
    if (meant === undefined) return [];
    return [
      {
        code: 'CNI.UNKNOWN_SETTING',
        severity: 'warning',
        subject: `aws-node ${name}`,
        summary: `aws-node sets ${name}; the VPC CNI does not know this name and ignores it.`,
        why: `It means ${meant}. Whoever set it believes in an effect that is not there.`,
        nextActions: [
          `kubectl -n kube-system set env daemonset/aws-node --containers aws-node ${shellWord(`${name}-`)}`,
        ],
      },
    ];
  });

export const onInitContainer = ({ env, initEnv }: VpcCni): Finding[] =>
  settingNames
    .filter((name) => name in initEnv && initEnv[name] !== env[name])
    .map((name) => ({
      code: 'CNI.SETTING_ON_INIT_CONTAINER',
      severity: 'warning',
      subject: `aws-vpc-cni-init ${name}`,
      summary: `${name}=${initEnv[name]} stands on init container aws-vpc-cni-init; aws-node itself has ${env[name] ?? 'none'}.`,
      why: 'Only container aws-node reads it. Whoever set it believes in an effect that is not there.',
      nextActions: [
        `kubectl -n kube-system set env daemonset/aws-node --containers aws-vpc-cni-init ${shellWord(`${name}-`)}`,
      ],
    }));
