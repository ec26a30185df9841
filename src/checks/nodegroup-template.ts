import type { Finding } from '../domain/finding.ts';
import { imageOfReplacement } from '../domain/node-image.ts';
import { templateOf } from '../domain/nodegroups.ts';
import { type Check, planAgain } from './check.ts';

/** Sources with a launch template of their own: its settings are copied, its user data is joined with ours. */
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
      if (template === undefined) {
        return [
          {
            ...shared,
            severity: 'blocking',
            summary: `Node group ${nodegroupName}: launch template ${name} could not be read.`,
            why: 'Whatever it says would be lost: disks, security groups, user data.',
            nextActions: [
              ...(others.length === 0
                ? []
                : [`${planAgain(scope, { nodegroups: others })}  # leaves ${nodegroupName} out`]),
              `aws ec2 describe-launch-template-versions --region ${snapshot.cluster.region} --launch-template-id ${launchTemplate.id} --versions ${launchTemplate.version}`,
            ],
          },
        ];
      }
      const image = imageOfReplacement(snapshot, source, scope.request);
      if ('obstacle' in image) return [];
      const kept = [
        'its settings are copied',
        ...(image.imageId === null ? [] : [`its image ${image.imageId} is kept`]),
        ...(template.imageId !== null && image.imageId === null ? [`its image ${template.imageId} is left`] : []),
        ...(template.userDataHash === null ? [] : ['its user data is joined with maxPods']),
      ];
      const why = [
        'The replacement gets a template of its own, so that later changes of the old one do not reach it.',
        ...(template.userDataHash === null
          ? []
          : ['User data goes from EC2 to EC2 when the template is made: it is in no file of the plan.']),
        ...(image.imageId === null
          ? []
          : [
              'EKS adds nothing to an image of your own, so that the user data has to say all that nodes need to join.',
            ]),
      ];
      return [
        {
          ...shared,
          severity: 'advice',
          summary: `Node group ${nodegroupName} has launch template ${name}: ${kept.join(', ')}.`,
          why: why.join(' '),
          nextActions: [],
        },
      ];
    }),
};
