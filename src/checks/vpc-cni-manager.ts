import type { Finding } from '../domain/finding.ts';
import { otherCni } from '../domain/other-cni.ts';
import type { Check } from './check.ts';

/** Who manages aws-node, and can it be changed now? */
export const vpcCniManager: Check = {
  codes: [
    { code: 'CNI.NOT_EKS_ADDON', meaning: 'The cluster does not use the VPC CNI.', canBeAllowed: false },
    { code: 'CNI.NOT_READY', meaning: 'The VPC CNI add-on is being changed.', canBeAllowed: false },
    { code: 'CNI.HEALTH', meaning: 'EKS reports health issues of the VPC CNI add-on.', canBeAllowed: false },
  ],
  run(snapshot, { sources }) {
    const { managedBy, addon } = snapshot.vpcCni;
    const clusterName = snapshot.cluster.name;
    if (sources.length === 0) return [];
    if (managedBy === 'absent') {
      // another check names what is there instead
      if (otherCni(snapshot) !== undefined) return [];
      return [
        {
          code: 'CNI.NOT_EKS_ADDON',
          severity: 'blocking',
          subject: 'vpc-cni',
          summary: 'There is no DaemonSet kube-system/aws-node: the cluster does not use the VPC CNI.',
          why: 'Prefix delegation is a feature of the VPC CNI.',
          nextActions: ['kubectl get daemonsets --all-namespaces  # which CNI is there instead'],
        },
      ];
    }
    if (addon === null) return [];
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
