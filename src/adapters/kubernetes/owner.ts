import type { OwnerReference } from '../../domain/snapshot.ts';
import type { WireObject } from './wire.ts';

export function controllerOf({ metadata }: WireObject): OwnerReference | null {
  const owner = (metadata?.ownerReferences ?? []).find((each) => each.controller === true);
  if (owner === undefined) return null;
  return { apiVersion: owner.apiVersion ?? '', kind: owner.kind ?? '', name: owner.name ?? '', uid: owner.uid ?? '' };
}
