import { runsAsWanted } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import type { Check } from './check.ts';

/** Who manages aws-node, and can it be changed now? */
export const vpcCniManager: Check = {
  codes: [
    { code: 'CNI.NOT_EKS_ADDON', meaning: 'The VPC CNI is not installed as an EKS add-on.', canBeAllowed: false },
    { code: 'CNI.NOT_READY', meaning: 'The VPC CNI add-on is being changed.', canBeAllowed: false },
    { code: 'CNI.HEALTH', meaning: 'EKS reports health issues of the VPC CNI add-on.', canBeAllowed: false },
  ],
  run({ cluster, vpcCni }, { sources, request }) {
    const { managedBy, addon } = vpcCni;
    const clusterName = cluster.name;
    if (sources.length === 0) return [];
    if (managedBy !== 'eks-addon' || addon === null) {
      const absent = managedBy === 'absent';
      if (!absent && runsAsWanted(vpcCni, request)) return [];
      return [
        {
          code: 'CNI.NOT_EKS_ADDON',
          severity: 'blocking',
          subject: 'vpc-cni',
          summary: absent
            ? 'There is no DaemonSet kube-system/aws-node: the cluster does not use the VPC CNI.'
            : 'aws-node is managed by hand or by other tools, not as the EKS add-on vpc-cni.',
          why: absent
            ? 'Prefix delegation is a feature of the VPC CNI.'
            : 'This version of prefix-migrate changes the VPC CNI through the EKS add-on only.',
          nextActions: absent
            ? ['Not supported by prefix-migrate']
            : [`aws eks create-addon --cluster-name ${clusterName} --addon-name vpc-cni --resolve-conflicts NONE`],
        },
      ];
    }
    const findings: Finding[] = [];
    const look = `aws eks describe-addon --cluster-name ${clusterName} --addon-name vpc-cni`;
    if (['CREATING', 'UPDATING', 'DELETING'].includes(addon.status)) {
      findings.push({
        code: 'CNI.NOT_READY',
        severity: 'blocking',
        subject: 'vpc-cni',
        summary: `Add-on vpc-cni is ${addon.status}.`,
        why: 'EKS carries out one update of an add-on at a time.',
        nextActions: [`aws eks wait addon-active --cluster-name ${clusterName} --addon-name vpc-cni`],
      });
    }
    for (const issue of addon.healthIssues) {
      findings.push({
        code: 'CNI.HEALTH',
        severity: 'warning',
        subject: 'vpc-cni',
        summary: `Add-on vpc-cni has health issue ${issue.code}.`,
        why: issue.message,
        nextActions: [look],
      });
    }
    return findings;
  },
};
