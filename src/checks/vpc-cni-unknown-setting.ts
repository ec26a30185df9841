import { settingNames } from '../domain/cni-settings.ts';
import type { Check } from './check.ts';

/** Variables that look like a setting of the VPC CNI but are none, so that they do nothing. */
export const vpcCniUnknownSetting: Check = {
  codes: [
    {
      code: 'CNI.UNKNOWN_SETTING',
      meaning: 'aws-node has a variable that the VPC CNI does not know and ignores.',
      canBeAllowed: false,
    },
  ],
  run({ vpcCni }) {
    return Object.keys(vpcCni.env).flatMap((name) => {
      const meant = meantBy(name);
      if (meant === undefined) return [];
      return [
        {
          code: 'CNI.UNKNOWN_SETTING',
          severity: 'warning' as const,
          subject: `aws-node ${name}`,
          summary: `aws-node sets ${name}; the VPC CNI does not know this name and ignores it.`,
          why: `It means ${meant}. Whoever set it believes in an effect that is not there.`,
          nextActions: [`kubectl -n kube-system set env daemonset/aws-node --containers aws-node ${name}-`],
        },
      ];
    });
  },
};

/** The real name inside a made-up one: `AWS_VPC_K8S_CNI_WARM_IP_TARGET`, `WARM_PREFIX_TARGETS`, `PREFIX_DELEGATION_ENABLED`. */
function meantBy(name: string): string | undefined {
  if (settingNames.some((known) => known === name) || otherRealNames.has(name)) return undefined;
  if (/PREFIX_?DELEGATION/i.test(name)) return 'ENABLE_PREFIX_DELEGATION';
  return settingNames.find((known) => name.toUpperCase().includes(known));
}

/** Names of the VPC CNI that contain another one. */
const otherRealNames = new Set<string>([]);
