import type { StepKind } from '../domain/plan.ts';
import { awaitNodegroup } from './await-nodegroup.ts';
import { awaitVpcCni } from './await-vpc-cni.ts';
import { capSource } from './cap-source.ts';
import { cleanup } from './cleanup.ts';
import { compareLaunchTemplate } from './compare-launch-template.ts';
import { configureVpcCni } from './configure-vpc-cni.ts';
import { cordonSource } from './cordon-source.ts';
import { createLaunchTemplate } from './create-launch-template.ts';
import { createNodegroup } from './create-nodegroup.ts';
import { createWithEksctl } from './create-with-eksctl.ts';
import { deleteLaunchTemplate } from './delete-launch-template.ts';
import { deleteReplacement } from './delete-replacement.ts';
import { deleteSource } from './delete-source.ts';
import { drainSource } from './drain-source.ts';
import { handOverSource } from './hand-over-source.ts';
import { patchVpcCni } from './patch-vpc-cni.ts';
import { protectReplacement } from './protect-replacement.ts';
import { releaseSubnetCidr } from './release-subnet-cidr.ts';
import { reserveSubnetCidr } from './reserve-subnet-cidr.ts';
import { restoreScaling } from './restore-scaling.ts';
import { resumeProcesses } from './resume-processes.ts';
import { scaleReplacement } from './scale-replacement.ts';
import { scaleSource } from './scale-source.ts';
import { soak } from './soak.ts';
import type { StepHandler } from './step-handler.ts';
import { suspendProcesses } from './suspend-processes.ts';
import { uncordonSource } from './uncordon-source.ts';
import { unprotectReplacement } from './unprotect-replacement.ts';
import { verifyReplacement } from './verify-replacement.ts';

export type Handlers = { [K in StepKind]: StepHandler<K> };

/** Who does what: one handler for each kind of step. */
export const handlers: Handlers = {
  'reserve-subnet-cidr': reserveSubnetCidr,
  'release-subnet-cidr': releaseSubnetCidr,
  'configure-vpc-cni': configureVpcCni,
  'patch-vpc-cni': patchVpcCni,
  'await-vpc-cni': awaitVpcCni,
  'create-launch-template': createLaunchTemplate,
  'create-nodegroup': createNodegroup,
  'await-nodegroup': awaitNodegroup,
  'create-with-eksctl': createWithEksctl,
  'compare-launch-template': compareLaunchTemplate,
  'verify-replacement': verifyReplacement,
  'scale-replacement': scaleReplacement,
  'protect-replacement': protectReplacement,
  'unprotect-replacement': unprotectReplacement,
  'cap-source': capSource,
  'restore-scaling': restoreScaling,
  'suspend-processes': suspendProcesses,
  'resume-processes': resumeProcesses,
  'cordon-source': cordonSource,
  'drain-source': drainSource,
  soak,
  'delete-source': deleteSource,
  'hand-over-source': handOverSource,
  cleanup,
  'uncordon-source': uncordonSource,
  'scale-source': scaleSource,
  'delete-replacement': deleteReplacement,
  'delete-launch-template': deleteLaunchTemplate,
};
