import type { OwnerReference } from '../../domain/snapshot.ts';
import type { WireObject } from './wire.ts';

/** The API server takes whatever a pod says of its owner, and it may end up in a command that somebody pastes. */
const word = (text: string | null | undefined): string => (text ?? '').replaceAll(/[^\w@%+=:,./-]/g, '-').slice(0, 253);

export function controllerOf({ metadata }: WireObject): OwnerReference | null {
  const owner = (metadata?.ownerReferences ?? []).find((each) => each.controller === true);
  if (owner === undefined) return null;
  const { apiVersion, kind, name, uid } = owner;
  return { apiVersion: apiVersion ?? '', kind: word(kind), name: word(name), uid: uid ?? '' };
}
