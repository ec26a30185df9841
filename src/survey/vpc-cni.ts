import { withoutSecrets } from '../domain/cni-names.ts';
import type { EnvSchema, VpcCni, VpcCniOwner } from '../domain/snapshot.ts';
import type { Addon } from '../ports/eks.ts';
import type { DaemonSet } from '../ports/kubernetes.ts';

/** aws-node as add-on and DaemonSet tell it, and who has the last word on it. */
export function vpcCniOf(addon: Addon | undefined, daemonSet: DaemonSet | undefined, envSchema?: EnvSchema): VpcCni {
  // images that are named by a digest have no tag
  const manifestVersion = daemonSet?.env['VPC_CNI_VERSION'];
  return {
    managedBy: addon !== undefined ? 'eks-addon' : daemonSet !== undefined ? 'self-managed' : 'absent',
    owner: addon !== undefined ? ownerOfAddon(addon) : ownerOfDaemonSet(daemonSet),
    version: versionIn(/:v?(\d+\.\d+\.\d+)/, daemonSet?.image) ?? versionIn(/^v?(\d+\.\d+\.\d+)/, manifestVersion),
    addon:
      addon === undefined
        ? null
        : {
            version: addon.version,
            status: addon.status,
            configurationValues: addon.configurationValues,
            healthIssues: addon.healthIssues,
            ...(envSchema !== undefined && { envSchema }),
          },
    env: withoutSecrets(daemonSet?.env ?? {}),
    envManagers: daemonSet?.envManagers ?? {},
    initEnv: withoutSecrets(daemonSet?.initEnv ?? {}),
    rollout: daemonSet?.rollout ?? null,
  };
}

const stackTag = 'aws:cloudformation:stack-name';

/** EKS changes the DaemonSet; but what changes the add-on is told by its tags alone, and only where somebody set some. */
function ownerOfAddon({ addonName, tags }: Addon): VpcCniOwner {
  const stack = tags[stackTag];
  if (stack !== undefined) return { tool: 'cloudformation', name: stack, evidence: `tag ${stackTag} of the add-on` };
  const terraform = Object.entries(tags).find(
    ([key, value]) => /terraform|tofu/i.test(`${key}=${value}`) && !/^(false|no|0)$/i.test(value),
  );
  return terraform === undefined
    ? { tool: 'eks', name: null, evidence: `EKS add-on ${addonName}` }
    : { tool: 'terraform', name: null, evidence: `tag ${terraform.join('=')} of the add-on` };
}

/**
 * Flux before Helm, because its HelmReleases leave the marks of Helm, too; Terraform before Helm for the same reason. The
 * label app.kubernetes.io/managed-by=Helm means nothing: the manifest that EKS itself installs carries it.
 */
function ownerOfDaemonSet(daemonSet: DaemonSet | undefined): VpcCniOwner {
  const { labels = {}, annotations = {}, managers = [] } = daemonSet ?? {};
  const helm = helmRelease(daemonSet);
  const manager = (pattern: RegExp): string | undefined => managers.find((name) => pattern.test(name));

  for (const kind of ['kustomize', 'helm']) {
    const [name, namespace] = [labels[`${kind}.toolkit.fluxcd.io/name`], labels[`${kind}.toolkit.fluxcd.io/namespace`]];
    if (name !== undefined) {
      return { tool: 'flux', name: joined(namespace, name), evidence: `label ${kind}.toolkit.fluxcd.io/name` };
    }
  }
  const tracking = annotations['argocd.argoproj.io/tracking-id'];
  if (tracking !== undefined) {
    // `application:group/Kind:namespace/name`
    const [name = tracking] = tracking.split(':');
    return { tool: 'argo-cd', name, evidence: 'annotation argocd.argoproj.io/tracking-id' };
  }
  const instance = labels['argocd.argoproj.io/instance'];
  if (instance !== undefined) return { tool: 'argo-cd', name: instance, evidence: 'label argocd.argoproj.io/instance' };
  const argo = manager(/^argocd/);
  if (argo !== undefined) {
    return { tool: 'argo-cd', name: labels['app.kubernetes.io/instance'] ?? null, evidence: `field manager ${argo}` };
  }
  const flux = manager(/^(kustomize|helm)-controller$/);
  if (flux !== undefined) return { tool: 'flux', name: helm?.name ?? null, evidence: `field manager ${flux}` };
  const terraform = manager(/terraform|tofu/i);
  if (terraform !== undefined) {
    return { tool: 'terraform', name: helm?.name ?? null, evidence: `field manager ${terraform}` };
  }
  return helm ?? { tool: 'nobody', name: null, evidence: 'no add-on, release, application or stack claims it' };
}

function helmRelease(daemonSet: DaemonSet | undefined): VpcCniOwner | undefined {
  const { labels = {}, annotations = {} } = daemonSet ?? {};
  const release = annotations['meta.helm.sh/release-name'];
  if (release === undefined) return undefined;
  const chart = /^aws-vpc-cni-(\d.*)$/.exec(labels['helm.sh/chart'] ?? '')?.[1];
  return {
    tool: 'helm',
    name: joined(annotations['meta.helm.sh/release-namespace'] ?? 'kube-system', release),
    evidence: 'annotation meta.helm.sh/release-name',
    ...(chart !== undefined && { chartVersion: chart }),
  };
}

const joined = (namespace: string | undefined, name: string): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

/** `1.19.2` of `602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.19.2-eksbuild.1`; null for other tags. */
const versionIn = (pattern: RegExp, text: string | null | undefined): string | null =>
  pattern.exec(text ?? '')?.[1] ?? null;
