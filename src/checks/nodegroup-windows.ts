import type { Finding } from '../domain/finding.ts';
import type { Check } from './check.ts';

/** Node groups of Windows are left out: aws-node does not run there. */
export const nodegroupWindows: Check = {
  codes: [
    {
      code: 'NODEGROUP.WINDOWS',
      meaning: 'The nodes run Windows: their prefixes are switched on elsewhere, and not by this tool.',
      canBeAllowed: false,
    },
  ],
  run: ({ vpcCni }, { skipped }) =>
    skipped
      .filter(({ reason }) => reason === 'windows')
      .map(
        ({ nodegroupName, requested }): Finding => ({
          code: 'NODEGROUP.WINDOWS',
          severity: requested ? 'blocking' : 'advice',
          subject: nodegroupName,
          summary: `Node group ${nodegroupName} runs Windows: it is left as it is, and the switch does not reach its nodes.`,
          why:
            'Windows nodes get addresses from the VPC resource controller of EKS, which reads ConfigMap kube-system/amazon-vpc-cni. ' +
            'With prefixes it uses the first interface only, (addresses per interface - 1) x 16, up to maxPods; nodes that are there ' +
            'then mix both modes, so that a new node group is better. Custom networking is not supported there.',
          nextActions: [
            `kubectl -n kube-system patch configmap amazon-vpc-cni --type merge --patch '{"data":{"enable-windows-ipam":"true","enable-windows-prefix-delegation":"true"}}'`,
            ...(vpcCni.managedBy === 'eks-addon'
              ? [
                  'Set enableWindowsIpam and enableWindowsPrefixDelegation to "true" in the configuration of add-on vpc-cni as well: its next update would write the ConfigMap again',
                ]
              : []),
            `Create a new Windows node group in place of ${nodegroupName}, then drain and delete ${nodegroupName}`,
            ...(requested ? ['Leave this node group out: name the others with --nodegroup'] : []),
          ],
        }),
      ),
};
