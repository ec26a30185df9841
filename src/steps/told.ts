import type { StepContext } from './step-handler.ts';

/** Whether this run has told what a person has to do: each run tells it once, so that whoever goes on with the plan sees it. */
export function isToldIn({ state }: StepContext, { id }: { id: string }): boolean {
  const notedIn = state.steps[id]?.notedIn ?? null;
  const current = state.runs.at(-1)?.runId ?? notedIn;
  return notedIn !== null && notedIn === current;
}
