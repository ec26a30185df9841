import type { Finding } from '../domain/finding.ts';
import type { Check } from './check.ts';

/** Node groups that are left out because the move would bring them nothing. */
export const nodegroupGain: Check = {
  codes: [
    { code: 'NODEGROUP.NO_GAIN', meaning: 'A replacement would not hold more pods per node.', canBeAllowed: false },
    { code: 'NODEGROUP.ALREADY_PREFIX', meaning: 'The nodes use prefixes already.', canBeAllowed: false },
    { code: 'PLAN.NOTHING_TO_DO', meaning: 'No managed node group gains from the move.', canBeAllowed: false },
  ],
  run({ cluster, nodegroups }, { sources, skipped }) {
    const leftOut = skipped.flatMap(({ nodegroupName, reason, detail, requested }): Finding[] => {
      if (reason !== 'no-gain' && reason !== 'already-done') return [];
      return [
        {
          code: reason === 'no-gain' ? 'NODEGROUP.NO_GAIN' : 'NODEGROUP.ALREADY_PREFIX',
          severity: requested ? 'warning' : 'advice',
          subject: nodegroupName,
          summary: `Node group ${nodegroupName} is left out: ${detail}.`,
          why:
            reason === 'no-gain'
              ? 'Prefixes raise the number of addresses; the limit of EKS (110 pods up to 30 vCPUs, 250 above) stays.'
              : 'There is nothing to move it to.',
          nextActions: ['Nothing to do'],
        },
      ];
    });
    if (sources.length > 0) return leftOut;
    const nothing: Finding = {
      code: 'PLAN.NOTHING_TO_DO',
      severity: 'advice',
      subject: cluster.name,
      summary:
        nodegroups.length === 0
          ? `Cluster ${cluster.name} has no managed node groups: nothing to do.`
          : `No node group of ${cluster.name} gains from the move: nothing to do.`,
      why: 'A plan moves the managed node groups whose nodes would hold more pods with prefixes.',
      nextActions: ['Nothing to do'],
    };
    return [...leftOut, nothing];
  },
};
