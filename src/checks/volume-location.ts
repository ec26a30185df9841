import type { Finding } from '../domain/finding.ts';
import { planCommand } from '../domain/plan-command.ts';
import { fitsTerms, type SchedulingNode, stayingNodes } from '../domain/scheduling.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot, NodeSelectorRequirement, Pod, VolumeClaim } from '../domain/snapshot.ts';
import { claimsByName, volumeFits } from '../domain/volumes.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, listed, planAgain } from './check.ts';
import { byWorkload } from './moving.ts';

/** Volumes of pods that move, where no new node can use them. */
export const volumeLocation: Check = {
  codes: [
    {
      code: 'VOLUME.LOCAL',
      meaning: 'A volume of a pod that moves is on the disk of its old node.',
      canBeAllowed: true,
    },
    {
      code: 'VOLUME.ZONE',
      meaning: 'A volume of a pod that moves is in an availability zone where no node will be.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    const claims = claimsByName(snapshot);
    const moved = scope.movingPods.flatMap((pod) =>
      pod.persistentVolumeClaims
        .flatMap((name) => claims.get(nameOf({ namespace: pod.namespace, name })) ?? [])
        .map((claim) => ({ pod, claim })),
    );
    const placed = lookAt(snapshot, scope);
    const found = moved.flatMap((one) => {
      const where = placed(one.claim);
      return where === null ? [] : [{ ...one, where }];
    });
    const onDisk = found.filter(({ where }) => where === 'disk');
    const inZones = Map.groupBy(
      found.filter(({ where }) => where !== 'disk'),
      ({ where }) => where,
    );
    return [
      ...byWorkload(
        onDisk.map(({ pod }) => pod),
        snapshot,
      ).map(({ subject, namespace, pods }) =>
        localFinding(
          scope,
          subject,
          namespace,
          onDisk.filter(({ pod }) => pods.includes(pod)).map(({ claim }) => claim),
          pods,
        ),
      ),
      ...[...inZones].map(([zone, those]) => zoneFinding(snapshot, scope, zone, those)),
    ];
  },
};

/** `disk`: on the disk of a node that goes; the name of a zone: there, where no node will be; null: it can move. */
function lookAt(snapshot: ClusterSnapshot, scope: Scope): (claim: VolumeClaim) => string | null {
  const nodes: SchedulingNode[] = [...scope.replacements, ...stayingNodes(snapshot, scope.sources)];
  const known = new Map<string, string | null>();
  return (claim) => {
    const { nodeAffinity, driver } = claim;
    if (nodeAffinity.length === 0) return driver === 'hostPath' || driver === 'local' ? 'disk' : null;
    const key = JSON.stringify(nodeAffinity);
    const answer = known.get(key);
    if (answer !== undefined) return answer;
    const found = nodes.some((node) => volumeFits(claim, node)) ? null : zoneOf(claim, nodes);
    known.set(key, found);
    return found;
  };
}

const isZone = ({ key, operator }: NodeSelectorRequirement): boolean => /\/zone(-id)?$/.test(key) && operator === 'In';

/** The zone that keeps it off every node; `disk` when it is something else. */
function zoneOf({ nodeAffinity }: VolumeClaim, nodes: readonly SchedulingNode[]): string {
  const zones = [
    ...new Set(nodeAffinity.flatMap(({ expressions }) => expressions.filter(isZone)).flatMap(({ values }) => values)),
  ];
  const elsewhere = nodeAffinity.map(({ expressions, fields }) => ({
    expressions: expressions.filter((one) => !isZone(one)),
    fields,
  }));
  const isFree = elsewhere.some(({ expressions, fields }) => expressions.length + fields.length === 0);
  const isOnlyZone = zones.length > 0 && (isFree || nodes.some((node) => fitsTerms(elsewhere, node)));
  return isOnlyZone ? zones.toSorted().join(', ') : 'disk';
}

function localFinding(
  scope: Scope,
  name: string,
  namespace: string,
  claims: readonly VolumeClaim[],
  pods: readonly Pod[],
): Finding {
  const stays = claims.some(({ nodeAffinity }) => nodeAffinity.length > 0);
  const names = [...new Set(claims.map((claim) => claim.name))];
  return {
    code: 'VOLUME.LOCAL',
    severity: 'blocking',
    subject: name,
    summary: `${name}: ${count(names.length, 'volume')} of ${count(pods.length, 'pod')} ${names.length === 1 ? 'is' : 'are'} on the disk of the old nodes: ${listed(names)}.`,
    why: stays
      ? 'The volume can be used on that node only: the pod would stay Pending for ever, and the data goes with the node.'
      : 'A hostPath volume is a folder of the node: the pod starts with another one, and the data goes with the node.',
    nextActions: [
      `kubectl -n ${namespace} get pvc ${names.slice(0, 5).join(' ')}  # copy what is in them to volumes that can move`,
      `${planAgain(scope, { allow: ['VOLUME.LOCAL'] })}  # when the application makes its data anew, and you will delete the claims`,
    ],
  };
}

function zoneFinding(
  { cluster, subnets }: ClusterSnapshot,
  scope: Scope,
  zone: string,
  those: readonly { pod: Pod; claim: VolumeClaim }[],
): Finding {
  const { request, sources } = scope;
  const pods = [...new Set(those.map(({ pod }) => nameOf(pod)))];
  const now =
    request.subnetIds.length > 0 ? request.subnetIds : [...new Set(sources.flatMap(({ subnetIds }) => subnetIds))];
  const there = subnets.filter(
    ({ availabilityZone, vpcId }) => zone.split(', ').includes(availabilityZone) && vpcId === cluster.vpcId,
  );
  return {
    code: 'VOLUME.ZONE',
    severity: 'blocking',
    subject: zone,
    summary: `${count(pods.length, 'pod')} ${pods.length === 1 ? 'has its' : 'have their'} volumes in ${zone}, where no new node and no other will be: ${listed(pods)}.`,
    why: 'The replacement has no subnet there. A volume of Amazon EBS stays in its zone, so that these pods would stay Pending.',
    nextActions: [
      ...there.map(({ subnetId }) => planCommand({ ...request, subnetIds: [...new Set([...now, subnetId])] })),
      `${planAgain(scope, { allow: ['VOLUME.ZONE'] })}  # when the volumes can be made anew in another zone`,
    ],
  };
}
