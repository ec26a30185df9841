/** ConfigMap kube-system/aws-auth: EKS adds the role of a managed node group, and takes it out with the last that has it. */
import type { KubeObject, KubeStore } from '../types.ts';

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

const place = ['configmaps', 'kube-system', 'aws-auth'] as const;

const rowOf = (role: string): string =>
  `- groups:\n  - system:bootstrappers\n  - system:nodes\n  rolearn: ${role}\n  username: system:node:{{EC2PrivateDNSName}}\n`;

/** Lets instances with this role join. */
export function allowRole(store: KubeStore, role: string): void {
  const [resource, namespace, name] = place;
  if (!store.get(resource, namespace, name)) {
    store.create<ConfigMap>(resource, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace, name },
      data: { mapRoles: rowOf(role) },
    });
    return;
  }
  store.update<ConfigMap>(resource, namespace, name, (draft) => {
    const mapRoles = draft.data?.['mapRoles'] ?? '';
    if (!mapRoles.includes(rowOf(role))) draft.data = { ...draft.data, mapRoles: mapRoles + rowOf(role) };
  });
}

export function forbidRole(store: KubeStore, role: string): void {
  store.update<ConfigMap>(...place, (draft) => {
    draft.data = { ...draft.data, mapRoles: (draft.data?.['mapRoles'] ?? '').replace(rowOf(role), '') };
  });
}
