import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { kubeReservedMemoryMiB, recommendedMaxPods } from '../domain/max-pods.ts';
import { instanceTypesOf } from '../domain/nodegroups.ts';
import { type Check, planAgain } from './check.ts';

/** Memory that kubelet keeps free before it evicts pods on EKS images, in MiB. */
const evictionThresholdMiB = 100;

/** More pods than EKS recommends, or than the memory of the instances makes sense for. */
export const nodegroupMaxPods: Check = {
  codes: [
    {
      code: 'NODEGROUP.MAX_PODS_ABOVE_CAP',
      meaning: 'The requested maxPods is above what EKS recommends, and EKS may not apply it.',
      canBeAllowed: false,
    },
    {
      code: 'NODEGROUP.MEMORY_TIGHT',
      meaning: 'The memory reserved for so many pods is a large part of the instance.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const settings = interfaceSettings(envAfter(snapshot.vpcCni, scope.request));
    return scope.sources.flatMap((source): Finding[] => {
      const { nodegroupName } = source;
      const { known } = instanceTypesOf(snapshot, source);
      const recommended = recommendedMaxPods(known, settings).value;
      const maxPods = scope.request.maxPods ?? recommended;
      const above: Finding = {
        code: 'NODEGROUP.MAX_PODS_ABOVE_CAP',
        severity: 'warning',
        subject: nodegroupName,
        summary: `Node group ${nodegroupName}: ${maxPods} pods per node are asked for, EKS recommends ${recommended}.`,
        why: 'EKS may hold managed node groups to its own limit; the first node is checked before anything else happens.',
        nextActions: [planAgain(scope, `--max-pods ${recommended}`)],
      };
      const reserved = kubeReservedMemoryMiB(maxPods) + evictionThresholdMiB;
      const tight = known
        .filter(({ memoryMiB }) => reserved > memoryMiB / 4)
        .map(
          ({ instanceType, memoryMiB }): Finding => ({
            code: 'NODEGROUP.MEMORY_TIGHT',
            severity: 'warning',
            subject: nodegroupName,
            summary: `Node group ${nodegroupName}: ${reserved} of ${memoryMiB} MiB of ${instanceType} are set aside for ${maxPods} pods.`,
            why: 'EKS images reserve 255 MiB and 11 MiB per possible pod, whether it runs or not.',
            nextActions: [planAgain(scope, '--max-pods N  # the number of pods that really fit')],
          }),
        );
      return maxPods > recommended ? [above, ...tight] : tight;
    });
  },
};
