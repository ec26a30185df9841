import { kubeReservedMemoryMiB } from '../domain/max-pods.ts';
import { type AmiFamilyRenderer, fillTemplate, groupLabels, type OwnImage, registeredTaints } from './renderer.ts';

/**
 * Amazon Linux 2 and Ubuntu: kubelet gets its arguments from `/etc/eks/bootstrap.sh`, which EKS, or a script of the source,
 * calls with `--kubelet-extra-args` (amazon-eks-ami, templates/al2/runtime/bootstrap.sh). Ours is a script that runs before them and
 * puts itself in front of it, so that our maxPods is the last argument whoever calls. The memory is set in the file that
 * kubelet reads, each time before it starts: the flag for it would replace the other reservations as well.
 */
export const al2: AmiFamilyRenderer = {
  extension: 'mime',
  format: 'mime',
  position: 'first',
  render: (template, { maxPods, own }) =>
    fillTemplate(template, {
      maxPods,
      kubeReservedMemoryMiB: kubeReservedMemoryMiB(maxPods),
      own: own === undefined ? [] : ownLines(own),
    }),
};

/**
 * Arguments that EKS would give to its own images, where the caller has none: of two lists of labels Ubuntu knows the last,
 * and of two lists of taints every kubelet. The name of the group is set right whoever says it, since it may be in a variable.
 */
function ownLines(own: OwnImage): string[] {
  const labels = Object.entries(groupLabels(own)).map(([key, value]) => `${key}=${value}`);
  const taints = registeredTaints(own.taints);
  return [
    `labels=${labels.join(',')}`,
    'case $extra in',
    `  *eks.amazonaws.com/nodegroup=*) extra=$(sed -E "s#eks\\.amazonaws\\.com/nodegroup=[^, ']+#eks.amazonaws.com/nodegroup=${own.nodegroupName}#" <<< "$extra") ;;`,
    '  *--node-labels*) extra=$(sed -E "s#--node-labels[= ]+#&$labels,#" <<< "$extra") ;;',
    '  *) extra="$extra --node-labels=$labels" ;;',
    'esac',
    ...(taints === undefined
      ? []
      : [`[[ $extra == *--register-with-taints* ]] || extra="$extra --register-with-taints=${taints}"`]),
  ];
}
