import type { StepParams } from '../domain/plan.ts';
import { undoPrefix } from '../domain/run-state.ts';
import type { AutoScalingGroup } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { attempt } from './optional.ts';
import type { StepHandler } from './step-handler.ts';

type Params = StepParams['suspend-processes'];

/**
 * Suspends processes of a source's Auto Scaling groups that end nodes without regard to budgets: AZRebalance. Those that
 * are suspended already are recorded and left. It only makes an unlikely event unlikelier, so it never stops a run: what AWS
 * refuses is told, and the run goes on.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
 */
export const suspendProcesses: StepHandler<'suspend-processes'> = {
  title: ({ params }) => `suspend ${params.processes.join(', ')} of ${params.nodegroupName}`,

  async observe({ id, params }, ports, { state }) {
    const look = await attempt(openGroups(params, ports));
    if ('refusal' in look) return { kind: 'satisfied', detail: `${notSuspended(params)} ${look.refusal}` };
    const [open] = look.answer;
    const what = params.processes.join(', ');
    if (open === undefined) return { kind: 'satisfied', detail: `${what} of ${params.nodegroupName} is suspended` };
    // asked for once, whatever came of it
    const isAsked = (state.steps[id]?.notedIn ?? null) !== null;
    return isAsked
      ? { kind: 'satisfied', detail: notSuspended(params) }
      : { kind: 'actionable', detail: `${what} of Auto Scaling group ${open.name} is active` };
  },

  async act({ params }, ports, run) {
    const look = await attempt(openGroups(params, ports));
    if ('refusal' in look) return;
    let outcome = `${params.processes.join(', ')} of ${params.nodegroupName} is suspended for the time of the migration`;
    for (const { name, suspendedProcesses } of look.answer) {
      if (run.signal.aborted) return;
      const open = params.processes.filter((process) => !suspendedProcesses.includes(process));
      await run.progress({ kind: 'recorded', what: recordName(name), value: suspendedProcesses });
      const asked = await attempt(ports.autoScaling.suspendProcesses(name, open));
      if ('refusal' in asked) outcome = `${notSuspended(params)} ${asked.refusal}`;
    }
    await run.progress({ kind: 'note', message: outcome });
  },

  describeCall: ({ params }) =>
    `autoscaling:SuspendProcesses ${params.processes.join(', ')} of ${params.autoScalingGroupNames.join(', ')}`,

  undo: ({ id, phase, impact, params }) => ({
    id: `${undoPrefix}${id}`,
    kind: 'resume-processes',
    phase,
    impact,
    dependsOn: [],
    summary: `resume ${params.processes.join(', ')} of ${params.nodegroupName}`,
    params: { ...params, recordedBy: id },
  }),

  deadlineSeconds: () => 15 * 60,
};

/** What is in the journal under it: the processes that were suspended before. */
export const recordName = (autoScalingGroupName: string): string =>
  `list of suspended processes of ${autoScalingGroupName}`;

async function openGroups({ autoScalingGroupNames, processes }: Params, ports: Ports): Promise<AutoScalingGroup[]> {
  const groups = await ports.autoScaling.describeGroups(autoScalingGroupNames);
  return groups.filter(({ suspendedProcesses }) => processes.some((name) => !suspendedProcesses.includes(name)));
}

const notSuspended = ({ processes, nodegroupName }: Params): string =>
  `${processes.join(', ')} of ${nodegroupName} was not suspended, and the run goes on without: should its zones come to differ, Auto Scaling may end an old node without regard to PodDisruptionBudgets.`;
