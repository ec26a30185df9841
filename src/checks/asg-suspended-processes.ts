import type { Finding } from '../domain/finding.ts';
import type { AutoScalingGroup } from '../domain/snapshot.ts';
import { type Check, planAgain } from './check.ts';

/** Harmless here: without them the group is quieter, which a drain likes. */
const welcome = new Set(['AZRebalance', 'AlarmNotification', 'ScheduledActions']);

/** Auto Scaling groups of the sources in which somebody has switched something off. */
export const asgSuspendedProcesses: Check = {
  codes: [
    {
      code: 'ASG.SUSPENDED_PROCESSES',
      meaning: 'Processes of an Auto Scaling group are suspended; with Terminate among them it cannot be deleted.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    const { region } = snapshot.cluster;
    const groups = new Map(snapshot.autoScalingGroups.map((group) => [group.name, group]));
    return scope.sources.flatMap(({ nodegroupName, autoScalingGroupNames }) =>
      autoScalingGroupNames
        .flatMap((name) => groups.get(name) ?? [])
        .flatMap((group): Finding[] => {
          const processes = group.suspendedProcesses.filter((process) => !welcome.has(process));
          if (processes.length === 0) return [];
          const again = planAgain(scope, { allow: ['ASG.SUSPENDED_PROCESSES'] });
          return [suspended(nodegroupName, group, processes, region, again)];
        }),
    );
  },
};

function suspended(
  nodegroupName: string,
  { name }: AutoScalingGroup,
  processes: readonly string[],
  region: string,
  again: string,
): Finding {
  const isStuck = processes.includes('Terminate');
  return {
    code: 'ASG.SUSPENDED_PROCESSES',
    severity: isStuck ? 'blocking' : 'warning',
    subject: nodegroupName,
    summary: `Auto Scaling group ${name} of node group ${nodegroupName} has suspended processes: ${processes.join(', ')}.`,
    why: isStuck
      ? 'Without Terminate it ends no instance, so that the deletion of the node group would not come to an end.'
      : 'Somebody had a reason. The replacement starts with no process suspended, and lost nodes of the source may not come back during the drain.',
    nextActions: [
      `aws autoscaling resume-processes --region ${region} --auto-scaling-group-name ${name} --scaling-processes ${processes.join(' ')}`,
      ...(isStuck ? [`${again}  # when you resume it before the deletion`] : []),
    ],
  };
}
