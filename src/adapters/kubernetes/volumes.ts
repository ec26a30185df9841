import type { CsiNode, NodeSelectorTerm, VolumeClaim } from '../../domain/snapshot.ts';
import { isObject } from '../is-object.ts';
import { toNodeSelectorTerms } from './placement.ts';
import type { WireCsiNode, WireVolume, WireVolumeClaim } from './wire.ts';

/** Driver and node affinity of a volume, by the volume's name. */
export type Volumes = ReadonlyMap<string, Pick<VolumeClaim, 'driver' | 'nodeAffinity'>>;

export const toVolume = (volume: WireVolume): [string, Pick<VolumeClaim, 'driver' | 'nodeAffinity'>] => [
  volume.metadata?.name ?? '',
  { driver: driverOf(volume), nodeAffinity: nodeAffinityOf(volume) },
];

export function toVolumeClaim({ metadata, spec }: WireVolumeClaim, volumes: Volumes): VolumeClaim {
  const volumeName = spec?.volumeName || null;
  const volume = volumes.get(volumeName ?? '');
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    volumeName,
    storageClass: spec?.storageClassName || null,
    accessModes: spec?.accessModes ?? [],
    driver: volume?.driver ?? null,
    nodeAffinity: volume?.nodeAffinity ?? [],
  };
}

/** Members of a volume's spec that are objects and no source. */
const noSource = new Set(['capacity', 'claimRef', 'nodeAffinity']);

/** The CSI driver, or the one member of the spec that says what kind of volume it is. */
function driverOf({ spec }: WireVolume): string | null {
  if (spec?.csi != null) return spec.csi.driver || 'csi';
  return Object.entries(spec ?? {}).find(([key, value]) => isObject(value) && !noSource.has(key))?.[0] ?? null;
}

const zoneLabel = 'topology.kubernetes.io/zone';
const oldZoneLabel = 'failure-domain.beta.kubernetes.io/zone';

/**
 * What the volume says itself, and for volumes from before CSI the label of their zone, which the scheduler heeds likewise;
 * several zones are joined by `__`. (Kubernetes: plugin VolumeZone)
 */
function nodeAffinityOf({ metadata, spec }: WireVolume): NodeSelectorTerm[] {
  const terms = toNodeSelectorTerms(spec?.nodeAffinity?.required?.nodeSelectorTerms);
  const zones = metadata?.labels?.[zoneLabel] || metadata?.labels?.[oldZoneLabel];
  if (!zones) return terms;
  const inZone = { key: zoneLabel, operator: 'In' as const, values: zones.split('__') };
  return (terms.length === 0 ? [{ expressions: [], fields: [] }] : terms).map(({ expressions, fields }) => ({
    expressions: [...expressions, inZone],
    fields,
  }));
}

export const toCsiNode = ({ metadata, spec }: WireCsiNode): CsiNode => ({
  nodeName: metadata?.name ?? '',
  drivers: (spec?.drivers ?? []).map(({ name, allocatable }) => ({
    name: name ?? '',
    count: allocatable?.count ?? null,
  })),
});
