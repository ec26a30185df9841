import type { Finding } from '../domain/finding.ts';
import { chainedCni, otherCni, type RunningCni } from '../domain/other-cni.ts';
import type { Check } from './check.ts';

/** Another CNI in place of aws-node, or on top of it. */
export const otherCniCheck: Check = {
  codes: [
    { code: 'CNI.OTHER_CNI', meaning: 'Another CNI gives the pods their addresses.', canBeAllowed: false },
    { code: 'CNI.CHAINED', meaning: 'Another CNI works on top of aws-node.', canBeAllowed: false },
  ],
  run(snapshot, { sources }) {
    if (sources.length === 0) return [];
    const other = otherCni(snapshot);
    if (other !== undefined) return [inPlaceOfAwsNode(other, snapshot.vpcCni.managedBy === 'absent')];
    const chained = chainedCni(snapshot);
    return chained === undefined ? [] : [onTopOfAwsNode(chained)];
  },
};

const nameOf = ({ daemonSet }: RunningCni): string =>
  daemonSet === null ? 'aws-node' : `${daemonSet.namespace}/${daemonSet.name}`;

const inPlaceOfAwsNode = (found: RunningCni, isAbsent: boolean): Finding => ({
  code: 'CNI.OTHER_CNI',
  severity: 'blocking',
  subject: nameOf(found),
  summary: `DaemonSet kube-system/aws-node ${isAbsent ? 'is not there' : 'wants to run on no node'}${
    found.daemonSet === null
      ? ', and no other CNI that is known here has taken its place.'
      : `; ${found.product} gives pods their addresses (DaemonSet ${nameOf(found)} on ${found.daemonSet.replicas} nodes).`
  }`,
  why:
    'Prefix delegation is a setting of aws-node, which would change nothing here. ' +
    (found.product === 'Cilium'
      ? 'Cilium in ENI mode has a setting of its own, eni.awsEnablePrefixDelegation, which counts for new nodes only.'
      : 'Nothing of the cluster is changed.'),
  nextActions: [
    'kubectl get daemonsets --all-namespaces',
    ...(found.product === 'Cilium'
      ? [`helm get values cilium --all -n ${found.daemonSet?.namespace}  # ipam.mode, eni`]
      : []),
  ],
});

const onTopOfAwsNode = (found: RunningCni): Finding => ({
  code: 'CNI.CHAINED',
  severity: 'advice',
  subject: nameOf(found),
  summary: `${found.product} (DaemonSet ${nameOf(found)}) runs beside aws-node: taken for CNI chaining.`,
  why: 'In chaining mode addresses come from aws-node, so that prefixes work as without it. The first new node proves it before any pod is moved.',
  nextActions: ['kubectl -n kube-system get configmap cilium-config -o yaml  # cni-chaining-mode: aws-cni'],
});
