import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { evictionThresholdMiB, kubeReservedMemoryMiB, recommendedMaxPods } from '../domain/max-pods.ts';
import { maxPodsBefore } from '../domain/nodegroup-pods.ts';
import { replacementTypesOf } from '../domain/nodegroups.ts';
import { planCommand } from '../domain/plan-command.ts';
import type { InstanceType } from '../domain/snapshot.ts';
import type { Check } from './check.ts';
import { planWithTypes } from './plan-with-types.ts';

/** Share of the memory above which it is said. */
const largeShare = 1 / 4;

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
      const { known } = replacementTypesOf(snapshot, source, scope.request);
      const recommended = recommendedMaxPods(known, settings).value;
      const maxPods = scope.request.maxPods ?? recommended;
      const before = maxPodsBefore(snapshot, source, settings);
      const again = (value: number) => planCommand({ ...scope.request, nodegroups: [nodegroupName], maxPods: value });
      const above: Finding = {
        code: 'NODEGROUP.MAX_PODS_ABOVE_CAP',
        severity: 'warning',
        subject: nodegroupName,
        summary: `Node group ${nodegroupName}: ${maxPods} pods per node are asked for, EKS recommends ${recommended}.`,
        why: "AWS documents that EKS holds managed node groups to its own value; nodeadm lets the group's user data win over it. Which of the two it is, the first new node shows: it is checked before any pod is moved, and the run stops there when it allows fewer.",
        nextActions: [again(recommended)],
      };
      const reserved = kubeReservedMemoryMiB(maxPods) + evictionThresholdMiB;
      const isTight = ({ memoryMiB }: InstanceType) => memoryMiB > 0 && reserved > memoryMiB * largeShare;
      const roomy = known.filter((type) => !isTight(type));
      const tight = known.filter(isTight).map(({ instanceType, memoryMiB }): Finding => {
        const sensible = podsFor(memoryMiB * largeShare - evictionThresholdMiB);
        return {
          code: 'NODEGROUP.MEMORY_TIGHT',
          severity: 'warning',
          subject: nodegroupName,
          summary: `Node group ${nodegroupName}: ${reserved} of ${memoryMiB} MiB of ${instanceType} are set aside for ${maxPods} pods.`,
          why:
            'EKS images reserve 255 MiB and 11 MiB per possible pod, whether it runs or not.' +
            (sensible > before ? '' : ` A quarter of it is enough for ${Math.max(0, sensible)} pods.`) +
            (roomy.length === 0 ? '' : ` Without ${instanceType} it would be ${shares(reserved, roomy)}.`),
          nextActions: [
            ...(sensible > before ? [`${again(sensible)}  # sets a quarter of the memory aside`] : []),
            ...(roomy.length === 0 ? [] : [`${planWithTypes(scope, source, roomy)}  # without ${instanceType}`]),
          ],
        };
      });
      return maxPods > recommended ? [above, ...tight] : tight;
    });
  },
};

/** Pods for which this much is reserved at most. */
const podsFor = (memoryMiB: number): number => Math.floor((memoryMiB - kubeReservedMemoryMiB(0)) / 11);

/** `1565 of 8192 MiB (m5.large)` of the smallest type. */
function shares(reserved: number, types: readonly InstanceType[]): string {
  const [smallest] = types.toSorted((a, b) => a.memoryMiB - b.memoryMiB);
  return `${reserved} of ${smallest?.memoryMiB} MiB (${smallest?.instanceType})`;
}
