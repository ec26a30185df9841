import { shortInService } from '../domain/consent.ts';
import { nodesOf } from '../domain/nodegroups.ts';
import { planCommand, planFolder } from '../domain/plan-command.ts';
import type { Check } from './check.ts';
import { count, listed } from './check.ts';

/** What it costs to cordon the old nodes before the replacement is there. */
export const order: Check = {
  codes: [
    {
      code: 'ORDER.CORDON_FIRST',
      meaning:
        'The old nodes are cordoned before the switch, so that no new pod can start on them until new nodes are there.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { order: chosen, sources, request, vpcCni }) {
    if (chosen.order !== 'cordon-first' || sources.length === 0) return [];
    const names = sources.map(({ nodegroupName }) => nodegroupName);
    const nodes = names.flatMap((name) => nodesOf(snapshot, name));
    const open = nodes.filter(({ unschedulable }) => !unschedulable).length;
    const elsewhere = snapshot.nodes.filter(
      (node) => !node.unschedulable && node.ready && !nodes.includes(node),
    ).length;
    const pending = snapshot.pods
      .filter(
        ({ nodeName, phase, deletionTimestamp }) =>
          nodeName === null && phase === 'Pending' && deletionTimestamp === null,
      )
      .map(({ namespace, name }) => `${namespace}/${name}`);
    const waiting =
      pending.length === 0
        ? ''
        : ` ${count(pending.length, 'pod')} ${pending.length === 1 ? 'waits' : 'wait'} for a node already: ${listed(pending)}.`;
    const owner =
      vpcCni.how === 'wait-for-owner'
        ? ` The run then waits for ${vpcCni.owner.name ?? vpcCni.owner.tool} to change aws-node, with the old nodes cordoned: have that change at hand.`
        : '';
    const short = shortInService(chosen);
    return [
      {
        code: 'ORDER.CORDON_FIRST',
        severity: 'warning' as const,
        subject: listed(names),
        summary:
          `${count(open, 'node')} of ${listed(names)} ${open === 1 ? 'is' : 'are'} cordoned before the switch: until the first new nodes ` +
          `are verified, pods that crash with their node or are scaled up can start on ${elsewhere === 0 ? 'no node' : `${count(elsewhere, 'other node')} only`}.${waiting}`,
        why:
          `${chosen.reason} Containers that crash start again on their node; new pods wait. Nodes that an autoscaler adds to the ` +
          `old node groups meanwhile come up in service, attach prefixes, and are cordoned before the drain.${owner}`,
        nextActions: [
          short === ''
            ? `${planCommand({ ...request, order: 'safe-flip' })}  # keeps the old nodes in service`
            : `prefix-migrate apply ${planFolder(snapshot.cluster.name)} --confirm ${snapshot.cluster.name}  # consents to it: with the old nodes in service ${short}`,
        ],
      },
    ];
  },
};
