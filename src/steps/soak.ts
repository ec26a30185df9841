import { formatDuration } from '../domain/duration.ts';
import type { StepHandler } from './step-handler.ts';

/** Lets time pass with everything on the replacements, before anything is deleted. */
export const soak: StepHandler<'soak'> = {
  title: ({ params }) => `soak for ${formatDuration(params.seconds)}`,

  async observe({ id, params: { seconds } }, { clock }, { state }) {
    const startedAt = state.steps[id]?.startedAt ?? null;
    const elapsed = startedAt === null ? 0 : (clock.now() - Date.parse(startedAt)) / 1000;
    if (elapsed >= seconds) return { kind: 'satisfied', detail: `${formatDuration(seconds)} have passed` };
    return { kind: 'in-progress', detail: `${formatDuration(Math.ceil(seconds - elapsed))} left` };
  },

  /** Never asked for: all it takes is time. */
  act: async () => undefined,

  describeCall: ({ params }) => `no call: waits ${formatDuration(params.seconds)}`,
  undo: () => undefined,
  deadlineSeconds: ({ params }) => params.seconds + 10 * 60,
};
