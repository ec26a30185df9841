import type { Scenario } from '../scenario.ts';
import { bottlerocket } from './bottlerocket.ts';
import { withClusterAutoscaler } from './cluster-autoscaler.ts';
import { createFails } from './create-fails.ts';
import { customImage } from './custom-image.ts';
import { customNetworking } from './custom-networking.ts';
import { fragmentedByOldNodes } from './fragmented-by-old-nodes.ts';
import { fragmentedSubnet } from './fragmented-subnet.ts';
import { healthy } from './healthy.ts';
import { helmCni } from './helm-cni.ts';
import { ipv6 } from './ipv6.ts';
import { karpenter } from './karpenter.ts';
import { logLevelByHand } from './log-level-by-hand.ts';
import { minimumAlone } from './minimum-ip-alone.ts';
import { mixedTypes } from './mixed-types.ts';
import { noGain } from './no-gain.ts';
import { notNitro } from './not-nitro.ts';
import { oldMaxPods } from './old-max-pods.ts';
import { oneZoneShort } from './one-zone-short.ts';
import { eksctlOwned, terraformOwned } from './owned.ts';
import { permanentPdbBlock } from './permanent-pdb-block.ts';
import { selfManaged } from './self-managed.ts';
import { selfManagedCni } from './self-managed-cni.ts';
import { warmIpByHand } from './warm-ip-by-hand.ts';
import { warmIpLeftOver } from './warm-ip-left-over.ts';
import { workloadTraps } from './workload-traps.ts';

export const scenarios: readonly Scenario[] = [
  healthy,
  permanentPdbBlock,
  workloadTraps,
  withClusterAutoscaler,
  createFails,
  fragmentedSubnet,
  fragmentedByOldNodes,
  oneZoneShort,
  notNitro,
  mixedTypes,
  noGain,
  customNetworking,
  ipv6,
  selfManaged,
  karpenter,
  selfManagedCni,
  helmCni,
  logLevelByHand,
  warmIpByHand,
  oldMaxPods,
  warmIpLeftOver,
  minimumAlone,
  bottlerocket,
  customImage,
  eksctlOwned,
  terraformOwned,
];
