import { kubeReservedMemoryMiB } from '../domain/max-pods.ts';
import { type AmiFamilyRenderer, clusterValues, fillTemplate, groupLabels, registeredTaints } from './renderer.ts';

/**
 * Amazon Linux 2023: a NodeConfig part of MIME user data, which EKS puts behind its own part, so that ours wins
 * (https://awslabs.github.io/amazon-eks-ami/nodeadm/). nodeadm sizes kubeReserved by the pods of secondary IP mode whatever
 * maxPods says (amazon-eks-ami, nodeadm/internal/kubelet/config.go), hence the memory is set here; kubelet keeps the other reservations, since a
 * drop-in is merged member by member. Flags of all parts are put together, and of one that is there twice kubelet adds up
 * labels and takes the last of anything else: taints are added when it is known that the source registers none.
 */
export const al2023: AmiFamilyRenderer = {
  extension: 'mime',
  format: 'mime',
  position: 'last',
  render(template, { maxPods, own }) {
    const taints = own?.isComplete ? registeredTaints(own.taints) : undefined;
    const labels = Object.entries(own === undefined ? {} : groupLabels(own)).map(([key, value]) => `${key}=${value}`);
    return fillTemplate(template, {
      maxPods,
      kubeReservedMemoryMiB: kubeReservedMemoryMiB(maxPods),
      cluster: own?.isComplete
        ? [
            '  cluster:',
            `    name: ${clusterValues.name}`,
            `    apiServerEndpoint: ${clusterValues.endpoint}`,
            `    certificateAuthority: ${clusterValues.certificateAuthority}`,
            `    cidr: ${clusterValues.serviceCidr}`,
          ]
        : [],
      flags: [
        ...(labels.length === 0 ? [] : ['    flags:', `      - --node-labels=${labels.join(',')}`]),
        ...(taints === undefined ? [] : [`      - --register-with-taints=${taints}`]),
      ],
    });
  },
};
