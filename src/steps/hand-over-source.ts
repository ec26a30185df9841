import { nodegroupOwnerText } from '../domain/nodegroup-owner.ts';
import type { StepHandler } from './step-handler.ts';

/**
 * Leaves a source to the tool that made it: deleted by us it would be made again, or break the state of that tool. Says what
 * has to be done there; the source stays as it is, drained and cordoned. Changes nothing.
 */
export const handOverSource: StepHandler<'hand-over-source'> = {
  title: ({ params }) => `leave node group ${params.nodegroupName} to ${nodegroupOwnerText(params.owner)}`,

  observe: async ({ params: { nodegroupName, owner, instructions } }) => ({
    kind: 'satisfied',
    detail: `${nodegroupName} stays, drained and cordoned, left to ${nodegroupOwnerText(owner)} (${owner.evidence}). There: ${instructions.join('; ')}`,
  }),

  act: async () => undefined,

  describeCall: ({ params }) => `none: ${params.instructions.join('; ')}`,

  /** It changes nothing. */
  undo: () => undefined,

  deadlineSeconds: () => 60,
};
