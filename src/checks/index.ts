import type { Finding } from '../domain/finding.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { PlanRequest } from '../domain/plan.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot } from '../domain/snapshot.ts';
import type { Check } from './check.ts';
import { cluster } from './cluster.ts';
import { customNetworking } from './custom-networking.ts';
import { eniConfig } from './eni-config.ts';
import { instanceType } from './instance-type.ts';
import { nodegroupAmi } from './nodegroup-ami.ts';
import { nodegroupGain } from './nodegroup-gain.ts';
import { nodegroupHealth } from './nodegroup-health.ts';
import { nodegroupMaxPods } from './nodegroup-max-pods.ts';
import { nodegroupMemory } from './nodegroup-memory.ts';
import { nodegroupRemoteAccess } from './nodegroup-remote-access.ts';
import { nodegroupTemplate } from './nodegroup-template.ts';
import { nodegroupUnknownField } from './nodegroup-unknown-field.ts';
import { nodegroupWindows } from './nodegroup-windows.ts';
import { order } from './order.ts';
import { otherCniCheck } from './other-cni.ts';
import { otherNodes } from './other-nodes.ts';
import { pdbMissing } from './pdb-missing.ts';
import { pdbMultiple } from './pdb-multiple.ts';
import { pdbNeverAllows } from './pdb-never-allows.ts';
import { podBare } from './pod-bare.ts';
import { podEmptyDir } from './pod-empty-dir.ts';
import { podSelectsSource } from './pod-selects-source.ts';
import { subnetAddresses } from './subnet-addresses.ts';
import { subnetMapIncomplete } from './subnet-map-incomplete.ts';
import { subnetPrefixes } from './subnet-prefixes.ts';
import { subnetReservation } from './subnet-reservation.ts';
import { subnetZones } from './subnet-zones.ts';
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

/** In the order in which people should read their findings. */
export const checks: Check[] = [
  cluster,
  otherNodes,
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
  nodegroupTemplate,
  nodegroupHealth,
  subnetPrefixes,
  subnetAddresses,
  subnetReservation,
  subnetMapIncomplete,
  subnetZones,
  order,
  pdbNeverAllows,
  pdbMultiple,
  podBare,
  podEmptyDir,
  podSelectsSource,
  pdbMissing,
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
