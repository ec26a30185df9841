import { kubeReservedMemoryMiB } from '../domain/max-pods.ts';
import { type AmiFamilyRenderer, fillTemplate } from './renderer.ts';

/**
 * Amazon Linux 2023: a NodeConfig part of MIME user data, which EKS puts behind its own part, so that ours wins
 * (https://awslabs.github.io/amazon-eks-ami/nodeadm/). nodeadm sizes kubeReserved by the pods of secondary IP mode whatever
 * maxPods says (amazon-eks-ami, nodeadm/internal/kubelet/config.go), hence the memory is set here; kubelet keeps the other reservations, since a
 * drop-in is merged member by member.
 */
export const al2023: AmiFamilyRenderer = {
  extension: 'mime',
  render: (template, { maxPods }) =>
    fillTemplate(template, { maxPods, kubeReservedMemoryMiB: kubeReservedMemoryMiB(maxPods) }),
};
