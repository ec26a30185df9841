import type { Finding } from '../domain/finding.ts';
import type { Check } from './check.ts';

/** Would the update take comments away that somebody wrote into the configuration? */
export const vpcCniComments: Check = {
  codes: [
    {
      code: 'CNI.COMMENTS_LOST',
      meaning: 'The configuration of the add-on is YAML with comments, which the update does not keep.',
      canBeAllowed: false,
    },
  ],
  run({ cluster, vpcCni }, scope): Finding[] {
    if (scope.vpcCni.how !== 'update-addon' || !hasComments(vpcCni.addon?.configurationValues ?? '')) return [];
    return [
      {
        code: 'CNI.COMMENTS_LOST',
        severity: 'advice',
        subject: 'vpc-cni',
        summary:
          'The configuration of add-on vpc-cni is YAML with comments: apply writes it back as JSON, without them.',
        why: 'EKS takes the whole document. Every value stays; comments and layout do not.',
        nextActions: [
          `aws eks describe-addon --region ${cluster.region} --cluster-name ${cluster.name} --addon-name vpc-cni --query addon.configurationValues --output text  # to keep a copy`,
        ],
      },
    ];
  },
};

/** A `#` at the start of a word, outside of quotes. */
const hasComments = (yaml: string): boolean => /(^|\s)#/m.test(yaml.replaceAll(/"[^"\n]*"|'[^'\n]*'/g, '""'));
