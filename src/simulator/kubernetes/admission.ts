/** What stands between a wish and the store, for clients and controllers alike: admission webhooks, then quotas. */
import type { KubeObject } from './objects.ts';
import { isKind, type Pod } from './objects.ts';
import { admitToQuotas } from './quotas.ts';
import type { KubernetesStore } from './store.ts';
import { type AdmissionRequest, callWebhooks } from './webhooks.ts';

export interface Admitted
  extends Pick<AdmissionRequest, 'operation' | 'group' | 'version' | 'resource' | 'subresource'> {
  namespace?: string | undefined;
  object: KubeObject;
  dryRun?: boolean;
}

/** @throws StatusError 403 or 500 */
export type Admit = (request: Admitted) => void;

export function createAdmission(store: KubernetesStore): Admit {
  return ({ object, dryRun = false, ...request }) => {
    callWebhooks(store, { ...request, labels: object.metadata.labels });
    const creates = request.operation === 'CREATE' && request.subresource === undefined;
    if (creates && request.resource === 'pods' && isKind<Pod>(object, 'Pod')) admitToQuotas(store, object, dryRun);
  };
}
