import type { StepParams } from '../domain/plan.ts';
import type { Ports } from '../ports/ports.ts';
import { attempt } from './optional.ts';
import type { StepContext, StepHandler } from './step-handler.ts';
import { recordName } from './suspend-processes.ts';

type Params = StepParams['resume-processes'];

/**
 * Resumes the processes that the plan suspended, and no others. What AWS refuses is told with the command that does it. A
 * plan that ends well needs no such step: the group is deleted, and AZRebalance does not hinder that.
 */
export const resumeProcesses: StepHandler<'resume-processes'> = {
  title: ({ params }) => `resume ${params.processes.join(', ')} of ${params.nodegroupName}`,

  async observe({ id, params }, ports, { state }) {
    const { nodegroupName, processes } = params;
    if ((state.steps[id]?.notedIn ?? null) !== null) return { kind: 'satisfied', detail: notResumed(params, state) };
    const look = await attempt(suspendedByUs(params, ports, state));
    if ('refusal' in look) return { kind: 'satisfied', detail: `${notResumed(params, state)} ${look.refusal}` };
    const [open] = look.answer;
    return open === undefined
      ? { kind: 'satisfied', detail: `no process of ${nodegroupName} is suspended by this plan` }
      : { kind: 'actionable', detail: `${processes.join(', ')} of Auto Scaling group ${open.name} is suspended` };
  },

  async act({ params }, ports, run) {
    const look = await attempt(suspendedByUs(params, ports, run.state));
    if ('refusal' in look) return;
    for (const { name, processes } of look.answer) {
      if (run.signal.aborted) return;
      const asked = await attempt(ports.autoScaling.resumeProcesses(name, processes));
      if (!('refusal' in asked)) continue;
      await run.progress({ kind: 'note', message: `${notResumed(params, run.state)} ${asked.refusal}` });
      return;
    }
  },

  describeCall: ({ params }) =>
    `autoscaling:ResumeProcesses ${params.processes.join(', ')} of ${params.autoScalingGroupNames.join(', ')}`,

  undo: () => undefined,

  deadlineSeconds: () => 15 * 60,
};

/** What a person pastes to resume processes of an Auto Scaling group. */
export const resumeCommand = (autoScalingGroupName: string, processes: readonly string[]): string =>
  `aws autoscaling resume-processes --auto-scaling-group-name ${autoScalingGroupName} --scaling-processes ${processes.join(' ')}`;

interface Suspended {
  name: string;
  processes: string[];
}

async function suspendedByUs(params: Params, ports: Ports, state: StepContext['state']): Promise<Suspended[]> {
  const ours = new Map(recorded(params, state).map(({ name, processes }) => [name, processes]));
  const groups = ours.size === 0 ? [] : await ports.autoScaling.describeGroups([...ours.keys()]);
  return groups
    .map(({ name, suspendedProcesses }) => ({
      name,
      processes: (ours.get(name) ?? []).filter((process) => suspendedProcesses.includes(process)),
    }))
    .filter(({ processes }) => processes.length > 0);
}

/** Those that were not suspended before, by group that the step has touched. */
const recorded = ({ autoScalingGroupNames, processes, recordedBy }: Params, state: StepContext['state']): Suspended[] =>
  autoScalingGroupNames.flatMap((name) => {
    const before = state.steps[recordedBy]?.recorded[recordName(name)];
    if (!Array.isArray(before)) return [];
    const ours = processes.filter((process) => !before.includes(process));
    return ours.length === 0 ? [] : [{ name, processes: ours }];
  });

const notResumed = (params: Params, state: StepContext['state']): string =>
  `${params.processes.join(', ')} of ${params.nodegroupName} stays suspended until somebody runs: ${recorded(
    params,
    state,
  )
    .map(({ name, processes }) => resumeCommand(name, processes))
    .join('; ')}.`;
