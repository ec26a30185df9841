import { shellWord } from './shell-word.ts';
import type { VpcCniOwner } from './snapshot.ts';

type Env = Readonly<Record<string, string>>;

/** Who it is, for a sentence: `Helm release kube-system/aws-vpc-cni`. */
export function ownerText({ tool, name }: VpcCniOwner): string {
  const called = name === null ? '' : ` ${name}`;
  return {
    eks: 'the EKS add-on vpc-cni',
    cloudformation: `CloudFormation stack${called}`,
    helm: `Helm release${called}`,
    'argo-cd': name === null ? 'Argo CD' : `Argo CD application${called}`,
    flux: name === null ? 'Flux' : `Flux${called}`,
    terraform: name === null ? 'Terraform' : `Terraform, as release${called}`,
    nobody: 'nobody',
  }[tool];
}

/** `A=1 B=2` */
export const pairs = (env: Readonly<Record<string, string | null>>, separator = ' '): string =>
  Object.entries(env)
    .map(([name, value]) => `${name}=${value ?? ''}`)
    .join(separator);

/** What has to stand in the source of the add-on, where it has one, so that it is never turned back. */
export function addonInstructions({ tool, name }: VpcCniOwner, values: string): string[] {
  if (tool === 'terraform')
    return [`Set in resource aws_eks_addon of vpc-cni: configuration_values = jsonencode(${values})`];
  if (tool !== 'cloudformation') return [];
  // eksctl makes a stack of its own for each add-on
  return name?.startsWith('eksctl-')
    ? [`Set in the eksctl ClusterConfig: addons: [{name: vpc-cni, configurationValues: '${values}'}]`]
    : [`Set in resource AWS::EKS::Addon of stack ${name}: ConfigurationValues: '${values}'`];
}

/** How each tool sets variables of container aws-node in a DaemonSet that it owns. */
export function daemonSetInstructions({ tool, name, evidence, chartVersion }: VpcCniOwner, env: Env): string[] {
  const values = `env: {${list(env, (key, value) => `${key}: "${value}"`)}}`;
  const manifest = inManifest(env);
  switch (tool) {
    case 'helm':
      return [helmUpgrade(name, chartVersion, env), `Put into the values file of the release: ${values}`];
    case 'argo-cd':
      return [
        `Commit to the source of Argo CD application ${name ?? 'that owns aws-node'}: ${manifest}`,
        `Set in the values of chart aws-vpc-cni instead, where that is the source: ${values}`,
        name === null ? 'argocd app list  # then sync it' : `argocd app sync ${name}`,
      ];
    case 'flux': {
      const kind = /kustomize/.test(evidence) ? 'kustomization' : 'helmrelease';
      const [namespace, called] = name?.includes('/') ? name.split('/') : [undefined, name];
      return [
        kind === 'helmrelease'
          ? `Commit to HelmRelease ${name ?? 'that owns aws-node'}: spec: {values: {${values}}}`
          : `Commit to the source of Kustomization ${name ?? 'that owns aws-node'}: ${manifest}`,
        called == null
          ? 'flux get all --all-namespaces  # then reconcile it'
          : `flux reconcile ${kind} ${called}${namespace === undefined ? '' : ` --namespace ${namespace}`} --with-source`,
      ];
    }
    case 'terraform':
      return [
        `Set in resource helm_release: set = [${list(env, (key, value) => `{name = "env.${key}", value = "${value}", type = "string"}`)}]`,
        `Set in resource kubernetes_daemon_set instead, where there is one, container aws-node: ${list(env, (key, value) => `env { name = "${key}", value = "${value}" }`)}`,
        'terraform apply',
      ];
    case 'cloudformation':
    case 'eks':
    case 'nobody':
      return [
        `kubectl -n kube-system set env daemonset/aws-node --containers aws-node ${Object.entries(env)
          .map((pair) => shellWord(pair.join('=')))
          .join(' ')}`,
      ];
  }
}

/** What keeps the settings of a DaemonSet that nobody owns from the next `kubectl apply`. */
export const manifestInstruction = (env: Env): string =>
  `Put into the manifest that aws-node was installed from, at ${inManifest(env)}`;

const inManifest = (env: Env): string =>
  `container aws-node of DaemonSet kube-system/aws-node: env: [${list(env, (key, value) => `{name: ${key}, value: "${value}"}`)}]`;

/** At the version of its chart: without one Helm would update the VPC CNI as well. */
function helmUpgrade(name: string | null, chartVersion: string | undefined, env: Env): string {
  const [namespace = 'kube-system', release = 'aws-vpc-cni'] = (name ?? '').split('/').filter(Boolean);
  const version =
    (chartVersion === undefined ? undefined : shellWord(chartVersion)) ??
    `"$(helm get metadata ${shellWord(release)} --namespace ${shellWord(namespace)} | sed -n 's/^VERSION: //p')"`;
  const settings = Object.entries(env).map(([key, value]) => `--set-string ${shellWord(`env.${key}=${value}`)}`);
  return [
    'helm repo add eks https://aws.github.io/eks-charts &&',
    `helm upgrade ${shellWord(release)} eks/aws-vpc-cni --namespace ${shellWord(namespace)} --version ${version} --reuse-values`,
    ...settings,
  ].join(' ');
}

const list = (env: Env, entry: (name: string, value: string) => string): string =>
  Object.entries(env)
    .map(([name, value]) => entry(name, value))
    .join(', ');
