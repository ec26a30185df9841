/** ENIConfig objects of custom networking: which one a node names, and what it says. Source: pkg/eniconfig/eniconfig.go. */
import type { EniConfigSpec } from '../scenario.ts';
import type { KubeObject, KubeStore } from '../types.ts';
import type { CniSettings, EniConfig } from './ipamd.ts';

interface EniConfigObject extends KubeObject {
  spec: { subnet: string; securityGroups?: string[] };
}

/** Stands above annotation and label. */
const externalLabel = 'vpc.amazonaws.com/externalEniConfig';

/** The ENIConfig that a node names: undefined when there is none of this name, or no such node. */
export function eniConfigOf(store: KubeStore, nodeName: string, settings: CniSettings): EniConfig | undefined {
  const metadata = store.get('nodes', undefined, nodeName)?.metadata;
  if (!metadata) return undefined;
  const { labels = {}, annotations = {} } = metadata;
  const name =
    labels[externalLabel] ?? annotations[settings.eniConfigAnnotation] ?? labels[settings.eniConfigLabel] ?? 'default';
  const spec = store.get<EniConfigObject>('eniconfigs', undefined, name)?.spec;
  return spec && { subnetId: spec.subnet, securityGroups: spec.securityGroups ?? [] };
}

export function createEniConfig(store: KubeStore, { name, subnetId, securityGroups }: EniConfigSpec): void {
  store.create<EniConfigObject>('eniconfigs', {
    apiVersion: 'crd.k8s.amazonaws.com/v1alpha1',
    kind: 'ENIConfig',
    metadata: { name },
    spec: { subnet: subnetId, ...(securityGroups === undefined ? {} : { securityGroups }) },
  });
}
