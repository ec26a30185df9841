import { eksctlLacks, eksctlStack } from '../domain/eksctl-nodegroup.ts';
import type { Finding } from '../domain/finding.ts';
import { handOverInstructions, nodegroupOwnerText, ownedCode, ownerOf } from '../domain/nodegroup-owner.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { type Check, listed, planAgain } from './check.ts';

/** What made a source will miss it, or make it again, when something else deletes it. */
export const nodegroupOwner: Check = {
  codes: [
    {
      code: ownedCode,
      meaning: 'Another tool has made the node group: it is drained, and left to that tool to delete.',
      canBeAllowed: true,
    },
    {
      code: 'NODEGROUP.EKSCTL_STACK',
      meaning: 'eksctl has made the node group: it is deleted through its CloudFormation stack.',
      canBeAllowed: false,
    },
    {
      code: 'NODEGROUP.NOT_FOR_EKSCTL',
      meaning: 'A node group file of eksctl has no words for something of the source.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) =>
    scope.sources.flatMap((source) => [
      ...ofOwner(snapshot, scope, source),
      ...(scope.request.createWith === 'eksctl' ? withoutWords(snapshot, scope, source) : []),
    ]),
};

function ofOwner({ cluster }: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const { request } = scope;
  const owner = ownerOf(source);
  const { nodegroupName } = source;
  if (owner.tool === 'nobody') return [];
  if (owner.tool === 'eksctl') {
    const stack = owner.name ?? eksctlStack(cluster.name, nodegroupName);
    const isRoleOfStack = /-NodeInstanceRole-/.test(source.nodeRole);
    return [
      {
        code: 'NODEGROUP.EKSCTL_STACK',
        severity: 'advice',
        subject: nodegroupName,
        summary: `Node group ${nodegroupName} belongs to eksctl: it is deleted through stack ${stack}.`,
        why: isRoleOfStack
          ? `Deleted by itself it would leave its stack behind. But the stack seems to have made node role ${source.nodeRole.split('/').at(-1)}, which the replacement keeps: while that is so, the group is deleted by itself and the stack stays, so that nobody takes the role away.`
          : 'Deleted by itself it would leave its stack behind. The stack is deleted under the same conditions: empty nodes, and a replacement that has been verified.',
        nextActions: [
          `aws cloudformation describe-stack-resources --region ${cluster.region} --stack-name ${stack}`,
          ...(request.createWith === 'eksctl'
            ? []
            : [`${planAgain(scope, { createWith: 'eksctl' })}  # eksctl makes the new group, too`]),
        ],
      },
    ];
  }
  const name = nodegroupOwnerText(owner);
  const isDeletedByUs = request.allow.includes(ownedCode);
  const replacement = 'REPLACEMENT';
  return [
    {
      code: ownedCode,
      severity: 'warning',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName} belongs to ${name} (${owner.evidence}): it is drained${isDeletedByUs ? ' and, as you allow it, deleted' : ', but not deleted'}.`,
      why: isDeletedByUs
        ? `${name} will not find it again: it makes it anew, or stops with an error, unless it is taken out there as well.`
        : `${name} would make it again, or stop with an error, when something else deletes it. Two changes there, one after the other: the new group first, and the old one only when its pods have moved.`,
      nextActions: [
        ...handOverInstructions(
          owner,
          { source: nodegroupName, replacement },
          {
            clusterName: cluster.name,
            isMadeByUs: request.createWith !== 'external',
          },
        ).map((line) => `after the drain: ${line}`),
        ...(request.createWith === 'external'
          ? []
          : [`${planAgain(scope, { createWith: 'external' })}  # ${name} makes the new group, too`]),
        ...(isDeletedByUs ? [] : [`${planAgain(scope, { allow: [ownedCode] })}  # deletes it all the same`]),
      ],
    },
  ];
}

function withoutWords(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const lacks = eksctlLacks(snapshot, source, scope.request);
  if (lacks.length === 0) return [];
  const { nodegroupName } = source;
  return [
    {
      code: 'NODEGROUP.NOT_FOR_EKSCTL',
      severity: 'blocking',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: eksctl cannot make its replacement, which needs ${listed(lacks)}.`,
      why: 'A node group in a file of eksctl has no words for that beside maxPods, and a replacement without it would not be the same.',
      nextActions: [
        `${planAgain(scope, { createWith: 'api' })}  # this program makes it`,
        `${planAgain(scope, { createWith: 'external' })}  # another tool makes it, and this program waits`,
      ],
    },
  ];
}
