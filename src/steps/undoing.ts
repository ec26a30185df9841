import { undoPrefix } from '../domain/run-state.ts';
import type { Ports } from '../ports/ports.ts';
import type { StepContext } from './step-handler.ts';

/** Of the step that a step of a rollback takes back. */
export const undoneId = (id: string): string => id.slice(undoPrefix.length);

/** Whether the step may have changed something: what never wrote that it begins has not. */
export function mayHaveActed({ steps }: StepContext['state'], id: string): boolean {
  const step = steps[id];
  return step !== undefined && (step.token !== null || step.generation > 0);
}

/** What is written down when a step of a rollback has asked for a deletion: it has seen what it deletes. */
export const deletion = 'its deletion';

/** AWS may answer reads from before a write for some time. */
const visibleAfterMilliseconds = 60_000;

/**
 * Whether what step `id` takes back may come into sight yet, although it is not there: it was asked for, nobody has seen it,
 * and the rollback has just begun.
 */
export function mayStillShow(id: string, { clock }: Ports, { state }: StepContext): boolean {
  const undone = undoneId(id);
  const wasSeen = state.steps[undone]?.status === 'succeeded' || deletion in (state.steps[id]?.updates ?? {});
  if (state.rollback === null || wasSeen || !mayHaveActed(state, undone)) return false;
  return clock.now() - Date.parse(state.rollback.startedAt) < visibleAfterMilliseconds;
}
