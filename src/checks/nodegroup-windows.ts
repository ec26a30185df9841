import type { Finding } from '../domain/finding.ts';
import type { Scope } from '../domain/scope.ts';
import { type Check, planAgain } from './check.ts';

/** Node groups of Windows are left out: aws-node does not run there. */
export const nodegroupWindows: Check = {
  codes: [
    {
      code: 'NODEGROUP.WINDOWS',
      meaning: 'The nodes run Windows: their prefixes are switched on elsewhere, and not by this tool.',
      canBeAllowed: false,
    },
  ],
  run: ({ cluster, vpcCni }, scope) =>
    scope.skipped
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
                  `aws eks describe-addon --cluster-name ${cluster.name} --addon-name vpc-cni --query addon.configurationValues  # set enableWindowsIpam and enableWindowsPrefixDelegation to "true" there as well: its next update would write the ConfigMap again`,
                ]
              : []),
            ...(requested
              ? [`${planAgain(scope, { nodegroups: without(scope, nodegroupName) })}  # leaves it out`]
              : []),
          ],
        }),
      ),
};

const without = ({ request }: Scope, nodegroupName: string): string[] =>
  request.nodegroups.filter((other) => other !== nodegroupName);
