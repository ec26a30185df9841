import { manifestInstruction, ownerText, pairs } from '../domain/cni-owner.ts';
import { wantedEnv } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { otherCni } from '../domain/other-cni.ts';
import type { Check } from './check.ts';

/** Does somebody else have the last word on aws-node, who would turn the change back or has to make it? */
export const vpcCniOwner: Check = {
  codes: [
    {
      code: 'CNI.MANAGED_ELSEWHERE',
      meaning: 'Helm, GitOps, Terraform or CloudFormation has the last word on aws-node.',
      canBeAllowed: false,
    },
    {
      code: 'CNI.SELF_MANAGED',
      meaning: 'aws-node comes from a manifest, which would turn the change back when it is applied again.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    // where another CNI gives the addresses, nothing of aws-node is changed
    if (otherCni(snapshot) !== undefined) return [];
    const { vpcCni } = snapshot;
    const { how, owner, instructions } = scope.vpcCni;
    if (how === 'patch-daemon-set') return [selfManaged(wantedEnv(vpcCni.env, scope.request))];
    if (instructions.length === 0) return [];
    const who = ownerText(owner);
    const wanted = pairs(wantedEnv(vpcCni.env, scope.request), ', ');
    const finding = { code: 'CNI.MANAGED_ELSEWHERE', severity: 'warning', subject: 'aws-node' } as const;
    return [
      how === 'wait-for-owner'
        ? {
            ...finding,
            summary: `aws-node belongs to ${who} (${owner.evidence}), which has to set ${wanted}.`,
            why: 'It would turn back whatever anybody else sets. apply changes nothing there: it waits, for two hours at most, until every aws-node pod has the settings, and then goes on. It can be run again after that.',
            nextActions: instructions,
          }
        : {
            ...finding,
            summary: `Add-on vpc-cni belongs to ${who} (${owner.evidence}); apply sets ${wanted} through the EKS API all the same.`,
            why: 'The next change from there would take the settings back, and new nodes would have more maxPods than addresses. Put the same configuration there right after apply.',
            nextActions: instructions,
          },
    ];
  },
};

const selfManaged = (wanted: Record<string, string>): Finding => ({
  code: 'CNI.SELF_MANAGED',
  severity: 'warning',
  subject: 'aws-node',
  summary: `aws-node belongs to no tool that could be seen: apply sets ${pairs(wanted, ', ')} on its DaemonSet.`,
  why: 'The next kubectl apply of its manifest would turn that back, and new nodes would have more maxPods than addresses.',
  nextActions: [manifestInstruction(wanted)],
});
