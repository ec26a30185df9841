/** What a write may change of an object, and on what condition. */
import type { KubeObject, ObjectMeta } from '../types.ts';
import { copy } from './json.ts';
import { checkName } from './requests.ts';
import type { Resource } from './resources.ts';
import { conflict, invalid } from './status.ts';

type WithStatus = KubeObject & { status?: unknown };

/** What a whole object says of the uid is a condition. @throws StatusError 409 */
export function checkUid(
  resource: Resource,
  { metadata: { name, uid } }: KubeObject,
  wanted: string | undefined,
): void {
  if (!wanted || wanted === uid) return;
  throw conflict(resource, name, `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${uid}`);
}

/** @throws StatusError 400 for another name, 409 for an old resourceVersion, 422 for another uid. */
export function checkIdentity(resource: Resource, current: KubeObject, wanted: KubeObject): void {
  const { name, uid, resourceVersion } = current.metadata;
  const now = wanted.metadata;
  if (now.name) checkName(now.name, name);
  if (now.resourceVersion && now.resourceVersion !== resourceVersion) {
    const why = 'the object has been modified; please apply your changes to the latest version and try again';
    throw conflict(resource, name, why);
  }
  if (now.uid && now.uid !== uid) {
    const message = `Invalid value: "${now.uid}": field is immutable`;
    throw invalid(resource, name, [{ reason: 'FieldValueInvalid', message, field: 'metadata.uid' }]);
  }
}

/** `/status` changes the status alone, everything else leaves it; what the server keeps stays as it is. */
export function within(
  resource: Resource,
  subresource: string | undefined,
  current: WithStatus,
  wanted: WithStatus,
): KubeObject {
  const { status: before, ...kept } = current;
  const { status: after, ...changed } = wanted;
  const metadata = keptMetadata(current.metadata, wanted.metadata);
  if (subresource === 'status') {
    const { labels, annotations, managedFields } = metadata;
    const partly: ObjectMeta = { ...current.metadata };
    Object.assign(partly, copy({ labels, annotations, managedFields }));
    return copy({ ...kept, metadata: partly, status: after });
  }
  const status = resource.hasStatus ? before : after;
  const { apiVersion, kind } = current;
  return copy({ ...changed, apiVersion, kind, metadata, status });
}

function keptMetadata(current: ObjectMeta, wanted: ObjectMeta): ObjectMeta {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp } = current;
  const { deletionTimestamp, deletionGracePeriodSeconds, generateName } = current;
  const fixed = { namespace, generation, deletionTimestamp, deletionGracePeriodSeconds, generateName };
  const managedFields = wanted.managedFields ?? current.managedFields;
  const own: ObjectMeta = { ...wanted, name, uid, resourceVersion, creationTimestamp };
  Object.assign(own, fixed, { managedFields });
  return copy(own);
}
