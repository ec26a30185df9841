/** What the controllers of workloads share: their pods, and how they make them. */
import type { KubeObject, Random, SimClock } from '../types.ts';
import type { Admit } from './admission.ts';
import { nameSuffix } from './defaults.ts';
import type { RecordEvent } from './events.ts';
import { isKind, type OwnerReference, type Pod, type PodTemplateSpec } from './objects.ts';
import { StatusError } from './status.ts';
import type { KubernetesStore } from './store.ts';

/** The label that says of which template a pod of a StatefulSet or DaemonSet is. */
export const revisionLabel = 'controller-revision-hash';

export interface ControllerContext {
  store: KubernetesStore;
  clock: SimClock;
  random: Random;
  record: RecordEvent;
  admit: Admit;
  /** Deletes a pod as a controller does: with its grace period, asking no budget. */
  deletePod(pod: Pod): void;
}

export function podsOf(store: KubernetesStore, owner: KubeObject): Pod[] {
  return store.ownedBy(owner.metadata.uid).filter((owned) => isKind<Pod>(owned, 'Pod'));
}

export function ownerReference({ apiVersion, kind, metadata }: KubeObject): OwnerReference {
  const { name, uid } = metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** The hash that names a revision of a template: ten letters and digits that spell nothing. */
export function templateHash(template: unknown): string {
  const text = JSON.stringify(template);
  let low = 0x811c9dc5;
  let high = 0x1b873593;
  for (let index = 0; index < text.length; index++) {
    low = Math.imul(low ^ text.charCodeAt(index), 0x01000193);
    high = Math.imul(high ^ text.charCodeAt(index), 0x85ebca6b);
  }
  const digits = `${(low >>> 0).toString().padStart(5, '0')}${(high >>> 0).toString().padStart(5, '0')}`.slice(0, 10);
  return Array.from(digits, (digit) => 'bcdf456789'[Number(digit)]).join('');
}

export interface NewPod {
  owner: KubeObject;
  template: PodTemplateSpec;
  name: string;
  generateName?: string;
  labels: Record<string, string>;
  adjust?: (spec: Pod['spec']) => void;
  /** Beyond those of the template. */
  finalizers?: readonly string[];
}

/** Undefined once the pod is there; otherwise why admission refused it, which an event of its owner tells too. */
export function createPod(
  { store, record, admit }: ControllerContext,
  { owner, template, name, ...more }: NewPod,
): StatusError | undefined {
  const { annotations } = template.metadata ?? {};
  const { namespace } = owner.metadata;
  const spec = { ...template.spec };
  more.adjust?.(spec);
  const finalizers = [...(template.metadata?.finalizers ?? []), ...(more.finalizers ?? [])];
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      ...(more.generateName ? { generateName: more.generateName } : {}),
      ...(namespace ? { namespace } : {}),
      labels: { ...template.metadata?.labels, ...more.labels },
      ...(annotations ? { annotations } : {}),
      ...(finalizers.length > 0 ? { finalizers } : {}),
      ownerReferences: [ownerReference(owner)],
    },
    spec,
  };
  const component = `${owner.kind.toLowerCase()}-controller`;
  try {
    const object = { ...pod, metadata: { ...pod.metadata, uid: '', resourceVersion: '', creationTimestamp: '' } };
    admit({ operation: 'CREATE', group: '', version: 'v1', resource: 'pods', namespace, object });
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    const told =
      owner.kind === 'StatefulSet'
        ? `create Pod ${name} in StatefulSet ${owner.metadata.name} failed error: ${error.message}`
        : `Error creating: ${error.message}`;
    record(owner, 'Warning', 'FailedCreate', told, component);
    return error;
  }
  store.create('pods', pod);
  record(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${name}`, component);
  return undefined;
}

export function freeName({ store, random }: ControllerContext, namespace: string, prefix: string): string {
  for (;;) {
    const name = prefix + nameSuffix(random);
    if (!store.get('pods', namespace, name)) return name;
  }
}

export function isOf(pod: Pod, hash: string): boolean {
  return pod.metadata.labels?.[revisionLabel]?.endsWith(hash) === true;
}
