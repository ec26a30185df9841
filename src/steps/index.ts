import type { StepKind } from '../domain/plan.ts';
import { cleanup } from './cleanup.ts';
import { configureVpcCni } from './configure-vpc-cni.ts';
import { cordonSource } from './cordon-source.ts';
import { createLaunchTemplate } from './create-launch-template.ts';
import { createNodegroup } from './create-nodegroup.ts';
import { deleteSource } from './delete-source.ts';
import { drainSource } from './drain-source.ts';
import { scaleReplacement } from './scale-replacement.ts';
import { soak } from './soak.ts';
import type { StepHandler } from './step-handler.ts';
import { verifyReplacement } from './verify-replacement.ts';

export type Handlers = { [K in StepKind]: StepHandler<K> };

/** Who does what: one handler for each kind of step. */
export const handlers: Handlers = {
  'configure-vpc-cni': configureVpcCni,
  'create-launch-template': createLaunchTemplate,
  'create-nodegroup': createNodegroup,
  'verify-replacement': verifyReplacement,
  'scale-replacement': scaleReplacement,
  'cordon-source': cordonSource,
  'drain-source': drainSource,
  soak,
  'delete-source': deleteSource,
  cleanup,
};
