import type { Finding } from '../domain/finding.ts';
import { templateOf } from '../domain/nodegroups.ts';
import { type Check, planAgain } from './check.ts';

/** Sources with a launch template of their own: its settings are copied, its user data and image cannot be yet. */
export const nodegroupTemplate: Check = {
  codes: [
    {
      code: 'NODEGROUP.CUSTOM_TEMPLATE',
      meaning: 'The group has a launch template of its own.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) =>
    scope.sources.flatMap((source): Finding[] => {
      if (source.launchTemplate === null) return [];
      const { nodegroupName, launchTemplate } = source;
      const others = scope.sources.map((one) => one.nodegroupName).filter((other) => other !== nodegroupName);
      const template = templateOf(snapshot, source);
      const name = `${launchTemplate.name ?? launchTemplate.id} version ${launchTemplate.version}`;
      const shared = { code: 'NODEGROUP.CUSTOM_TEMPLATE', subject: nodegroupName };
      const obstacle =
        template === undefined
          ? 'could not be read'
          : template.imageId !== null
            ? `names the image ${template.imageId}`
            : template.userDataHash !== null
              ? 'has user data of its own'
              : undefined;
      if (obstacle === undefined) {
        return [
          {
            ...shared,
            severity: 'advice',
            summary: `Node group ${nodegroupName} has launch template ${name}: its settings are copied.`,
            why: 'The replacement gets a template of its own, so that later changes of the old one do not reach it.',
            nextActions: [],
          },
        ];
      }
      return [
        {
          ...shared,
          severity: 'blocking',
          summary: `Node group ${nodegroupName}: launch template ${name} ${obstacle}.`,
          why: 'This version cannot join maxPods with it, and a replacement without it would not be the same. Its maxPods has to be raised by hand.',
          nextActions: [
            ...(others.length === 0
              ? []
              : [`${planAgain(scope, { nodegroups: others })}  # leaves ${nodegroupName} out`]),
            `aws ec2 describe-launch-template-versions --region ${snapshot.cluster.region} --launch-template-id ${launchTemplate.id} --versions ${launchTemplate.version}`,
          ],
        },
      ];
    }),
};
