import { type AnyStep, type MigrationPlan, type Phase, phases, type StepKind } from './plan.ts';
import type { RunState } from './run-state.ts';

/** How long a kind of step usually takes, in seconds, where its parameters do not say it. EKS makes nodes in minutes. */
const usualSeconds: Readonly<Record<StepKind, number>> = {
  'reserve-subnet-cidr': 5,
  'release-subnet-cidr': 5,
  'configure-vpc-cni': 120,
  'patch-vpc-cni': 60,
  'await-vpc-cni': 600,
  'create-launch-template': 5,
  'create-nodegroup': 120,
  'await-nodegroup': 600,
  'create-with-eksctl': 240,
  'compare-launch-template': 5,
  'verify-replacement': 60,
  'scale-replacement': 150,
  'protect-replacement': 150,
  'unprotect-replacement': 5,
  'cap-source': 30,
  'restore-scaling': 30,
  'suspend-processes': 5,
  'resume-processes': 5,
  'cordon-source': 5,
  'uncordon-source': 5,
  'drain-source': 0,
  soak: 0,
  'scale-source': 150,
  'delete-source': 300,
  'hand-over-source': 0,
  'delete-replacement': 300,
  'delete-launch-template': 5,
  cleanup: 5,
};

/**
 * Seconds that the rest of a plan is expected to take, up to a phase: the longest chain of steps that wait for each other. An
 * estimate: the drain by its forecast, EKS by experience, nothing for what a person has to do.
 */
export function secondsLeft(plan: MigrationPlan, state: Readonly<RunState>, until: Phase = 'cleanup'): number {
  const last = phases.indexOf(until);
  const open = new Map(
    plan.steps
      .filter(({ id, phase }) => state.steps[id]?.status !== 'succeeded' && phases.indexOf(phase) <= last)
      .map((step) => [step.id, step]),
  );
  const ends = new Map<string, number>();
  const endOf = (step: AnyStep): number => {
    const known = ends.get(step.id);
    if (known !== undefined) return known;
    const before = step.dependsOn.flatMap((id) => open.get(id) ?? []);
    const end = Math.max(0, ...before.map(endOf)) + secondsOf(step, plan);
    ends.set(step.id, end);
    return end;
  };
  return Math.max(0, ...[...open.values()].map(endOf));
}

function secondsOf(step: AnyStep, { forecast }: MigrationPlan): number {
  if (step.kind === 'soak') return step.params.seconds;
  return step.kind === 'drain-source' ? forecast.expectedSeconds : usualSeconds[step.kind];
}
