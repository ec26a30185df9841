import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { kubeReservedMemoryMiB, recommendedMaxPods } from '../domain/max-pods.ts';
import { desiredNodes, instanceTypesOf, nodesOf } from '../domain/nodegroups.ts';
import { type Check, count } from './check.ts';

const bytesPerMiB = 1024 * 1024;

/** Whether the pods of a source still fit the memory of as many nodes, now that each sets more of it aside. */
export const nodegroupMemory: Check = {
  codes: [
    {
      code: 'NODEGROUP.MEMORY_SHORT',
      meaning: 'The pods request more memory than the same number of replacement nodes will offer.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { sources, request }) {
    const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
    return sources.flatMap((source): Finding[] => {
      const { nodegroupName } = source;
      const nodes = nodesOf(snapshot, nodegroupName);
      if (nodes.length === 0) return [];
      const maxPods = request.maxPods ?? recommendedMaxPods(instanceTypesOf(snapshot, source).known, settings).value;
      const offered = nodes.map(({ allocatable: { memoryBytes, pods } }) =>
        Math.max(0, memoryBytes / bytesPerMiB - kubeReservedMemoryMiB(maxPods) + kubeReservedMemoryMiB(pods)),
      );
      const wanted = desiredNodes(snapshot, source);
      const offeredMiB = Math.floor((sum(offered) / nodes.length) * wanted);
      const names = new Set(nodes.map(({ name }) => name));
      const running = snapshot.pods.filter(
        ({ nodeName, phase }) =>
          nodeName !== null && names.has(nodeName) && phase !== 'Succeeded' && phase !== 'Failed',
      );
      const requestedMiB = Math.ceil(sum(running.map(({ requests }) => requests.memoryBytes)) / bytesPerMiB);
      if (requestedMiB <= offeredMiB) return [];
      return [
        {
          code: 'NODEGROUP.MEMORY_SHORT',
          severity: 'warning',
          subject: nodegroupName,
          summary: `Node group ${nodegroupName}: its pods request ${requestedMiB} MiB, ${count(wanted, 'new node')} will offer ${offeredMiB}.`,
          why: `With maxPods ${maxPods} each node sets ${kubeReservedMemoryMiB(maxPods)} MiB aside. Pods without room stay Pending, and the drain waits.`,
          nextActions: [
            `aws eks update-nodegroup-config --cluster-name ${snapshot.cluster.name} --nodegroup-name ${nodegroupName} --scaling-config desiredSize=${wanted + 1}`,
            `prefix-migrate plan --cluster ${request.clusterName} --max-pods N  # the number of pods that really fit`,
          ],
        },
      ];
    });
  },
};

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
