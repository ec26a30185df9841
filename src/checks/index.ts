import type { Finding } from '../domain/finding.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { PlanRequest } from '../domain/plan.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot } from '../domain/snapshot.ts';
import { accessMissing } from './access-missing.ts';
import { asgSuspendedProcesses } from './asg-suspended-processes.ts';
import { autoscaler } from './autoscaler.ts';
import { capacity } from './capacity.ts';
import type { Check } from './check.ts';
import { cluster } from './cluster.ts';
import { corednsOnlyOnSource } from './coredns-only-on-source.ts';
import { customNetworking } from './custom-networking.ts';
import { daemonsetSelectsSource } from './daemonset-selects-source.ts';
import { drainTimeout } from './drain-timeout.ts';
import { eniConfig } from './eni-config.ts';
import { evictionRefused } from './eviction-refused.ts';
import { evictionRehearsal } from './eviction-rehearsal.ts';
import { hostPort } from './host-port.ts';
import { instanceType } from './instance-type.ts';
import { jobRunning } from './job-running.ts';
import { karpenterNodeClass } from './karpenter-node-class.ts';
import { nodeLost } from './node-lost.ts';
import { nodegroupAmi } from './nodegroup-ami.ts';
import { nodegroupGain } from './nodegroup-gain.ts';
import { nodegroupHealth } from './nodegroup-health.ts';
import { nodegroupMaxPods } from './nodegroup-max-pods.ts';
import { nodegroupMemory } from './nodegroup-memory.ts';
import { nodegroupOwner } from './nodegroup-owner.ts';
import { nodegroupRemoteAccess } from './nodegroup-remote-access.ts';
import { nodegroupRoleShared } from './nodegroup-role-shared.ts';
import { nodegroupSelfManaged } from './nodegroup-self-managed.ts';
import { nodegroupSettings } from './nodegroup-settings.ts';
import { nodegroupTemplate } from './nodegroup-template.ts';
import { nodegroupUnknownField } from './nodegroup-unknown-field.ts';
import { nodegroupWindows } from './nodegroup-windows.ts';
import { notSeen } from './not-seen.ts';
import { order } from './order.ts';
import { otherCniCheck } from './other-cni.ts';
import { otherNodes } from './other-nodes.ts';
import { pdbMissing } from './pdb-missing.ts';
import { pdbMultiple } from './pdb-multiple.ts';
import { pdbNeverAllows } from './pdb-never-allows.ts';
import { pdbNotNow } from './pdb-not-now.ts';
import { pdbSelectsNothing } from './pdb-selects-nothing.ts';
import { pdbSyncFailed } from './pdb-sync-failed.ts';
import { placementAntiAffinity } from './placement-anti-affinity.ts';
import { placementLost } from './placement-lost.ts';
import { placementSpread } from './placement-spread.ts';
import { podBare } from './pod-bare.ts';
import { podDoNotDisrupt } from './pod-do-not-disrupt.ts';
import { podEmptyDir } from './pod-empty-dir.ts';
import { podGrace } from './pod-grace.ts';
import { podHostPath } from './pod-host-path.ts';
import { podSelectsSource } from './pod-selects-source.ts';
import { podStatic } from './pod-static.ts';
import { podStuckTerminating } from './pod-stuck-terminating.ts';
import { podUnknownController } from './pod-unknown-controller.ts';
import { quotaNoRoom } from './quota-no-room.ts';
import { serviceLocalTraffic } from './service-local-traffic.ts';
import { subnetAddresses } from './subnet-addresses.ts';
import { subnetMapIncomplete } from './subnet-map-incomplete.ts';
import { subnetPrefixes } from './subnet-prefixes.ts';
import { subnetReservation } from './subnet-reservation.ts';
import { subnetZones } from './subnet-zones.ts';
import { volumeAttachLimit } from './volume-attach-limit.ts';
import { volumeLocation } from './volume-location.ts';
import { vpcCniComments } from './vpc-cni-comments.ts';
import { vpcCniConflict } from './vpc-cni-conflict.ts';
import { vpcCniManager } from './vpc-cni-manager.ts';
import { vpcCniMinimum } from './vpc-cni-minimum.ts';
import { vpcCniNumbers } from './vpc-cni-numbers.ts';
import { vpcCniOwner } from './vpc-cni-owner.ts';
import { vpcCniSettingRefused } from './vpc-cni-setting-refused.ts';
import { vpcCniUnknownSetting } from './vpc-cni-unknown-setting.ts';
import { vpcCniVersionCheck } from './vpc-cni-version.ts';
import { vpcCniWarmTargets } from './vpc-cni-warm-targets.ts';
import { webhookOnlyOnSource } from './webhook-only-on-source.ts';
import { workloadSurge } from './workload-surge.ts';

/** In the order in which people should read their findings. */
export const checks: Check[] = [
  cluster,
  notSeen,
  accessMissing,
  otherNodes,
  karpenterNodeClass,
  autoscaler,
  otherCniCheck,
  vpcCniManager,
  vpcCniVersionCheck,
  vpcCniOwner,
  vpcCniConflict,
  vpcCniComments,
  vpcCniSettingRefused,
  vpcCniUnknownSetting,
  vpcCniNumbers,
  vpcCniMinimum,
  vpcCniWarmTargets,
  customNetworking,
  eniConfig,
  nodegroupWindows,
  instanceType,
  nodegroupAmi,
  nodegroupOwner,
  nodegroupTemplate,
  nodegroupSettings,
  nodegroupSelfManaged,
  nodegroupRoleShared,
  nodegroupHealth,
  subnetPrefixes,
  subnetAddresses,
  subnetReservation,
  subnetMapIncomplete,
  subnetZones,
  order,
  evictionRefused,
  pdbNeverAllows,
  pdbSyncFailed,
  pdbMultiple,
  podBare,
  podEmptyDir,
  podDoNotDisrupt,
  podSelectsSource,
  daemonsetSelectsSource,
  placementLost,
  nodeLost,
  placementAntiAffinity,
  placementSpread,
  hostPort,
  volumeLocation,
  volumeAttachLimit,
  capacity,
  workloadSurge,
  asgSuspendedProcesses,
  drainTimeout,
  podGrace,
  podStuckTerminating,
  pdbNotNow,
  evictionRehearsal,
  webhookOnlyOnSource,
  corednsOnlyOnSource,
  jobRunning,
  podUnknownController,
  podHostPath,
  podStatic,
  pdbMissing,
  pdbSelectsNothing,
  quotaNoRoom,
  serviceLocalTraffic,
  nodegroupMaxPods,
  nodegroupMemory,
  nodegroupRemoteAccess,
  nodegroupUnknownField,
  nodegroupGain,
];

/**
 * All findings about a snapshot; those that the request accepts carry `allowed`. Throws INPUT.ALLOW (exit 2) for a code
 * that does not exist, and for one that is in the way here and can never be accepted. One that cannot, although others of
 * its code can, stays blocking and says so.
 */
export function runChecks(snapshot: ClusterSnapshot, request: PlanRequest, scope: Scope): Finding[] {
  const known = checks.flatMap(({ codes }) => codes);
  const unknown = request.allow.find((code) => !known.some((candidate) => candidate.code === code));
  if (unknown !== undefined) throw notAllowable(unknown, known);
  return checks
    .flatMap((check) => check.run(snapshot, scope))
    .map((finding) => {
      if (finding.severity !== 'blocking' || !request.allow.includes(finding.code)) return finding;
      if (!known.some(({ code, canBeAllowed }) => code === finding.code && canBeAllowed))
        throw notAllowable(finding.code, known, finding);
      return finding.canBeAllowed === false
        ? { ...finding, why: `--allow ${finding.code} does not cover it. ${finding.why}` }
        : { ...finding, allowed: true };
    });
}

function notAllowable(code: string, known: Check['codes'], finding?: Finding): MigrateError {
  const allowable = known.filter(({ canBeAllowed }) => canBeAllowed).map((candidate) => candidate.code);
  return new MigrateError({
    code: 'INPUT.ALLOW',
    message: finding ? `${code} cannot be accepted with --allow.` : `--allow ${code}: there is no such finding.`,
    why: finding
      ? `The plan could not be carried out: ${finding.summary}`
      : 'A code that is misspelt would accept nothing.',
    nextActions: [...(finding?.nextActions ?? []), `codes that can be accepted: ${allowable.join(', ')}`],
    exitCode: ExitCode.invalidInput,
  });
}
