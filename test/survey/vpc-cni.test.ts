import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Addon } from '../../src/ports/eks.ts';
import type { DaemonSet } from '../../src/ports/kubernetes.ts';
import { vpcCniOf } from '../../src/survey/vpc-cni.ts';

const addon = (tags: Record<string, string> = {}): Addon => ({
  addonName: 'vpc-cni',
  version: 'v1.19.2-eksbuild.1',
  status: 'ACTIVE',
  configurationValues: null,
  healthIssues: [],
  tags,
});
/** As EKS itself installs it: rendered from the chart, so that it carries the labels of Helm. */
const daemonSet = (overrides: Partial<DaemonSet> = {}): DaemonSet => ({
  image: '602401143452.dkr.ecr.eu-west-1.amazonaws.com/amazon-k8s-cni:v1.19.2-eksbuild.1',
  env: {},
  envManagers: {},
  initEnv: {},
  rollout: { generation: 1, observedGeneration: 1, desired: 2, updated: 2, available: 2, unavailable: 0 },
  annotations: { 'deprecated.daemonset.template.generation': '1' },
  managers: ['eks', 'kube-controller-manager', 'kubectl-set'],
  ...overrides,
  labels: {
    'app.kubernetes.io/instance': 'aws-vpc-cni',
    'app.kubernetes.io/managed-by': 'Helm',
    'helm.sh/chart': 'aws-vpc-cni-1.19.2',
    ...overrides.labels,
  },
});
const release = { 'meta.helm.sh/release-name': 'cni', 'meta.helm.sh/release-namespace': 'kube-system' };

describe('owner', () => {
  const rows: [string, Addon | undefined, Partial<DaemonSet>, string][] = [
    ['the add-on', addon({ team: 'a' }), {}, 'eks null: EKS add-on vpc-cni'],
    [
      'the add-on, whatever the manifest says',
      addon(),
      { annotations: { ...release, 'argocd.argoproj.io/tracking-id': 'x:apps/DaemonSet:kube-system/aws-node' } },
      'eks null: EKS add-on vpc-cni',
    ],
    [
      'the add-on of a stack',
      addon({ 'aws:cloudformation:stack-name': 'eksctl-shop-addon-vpc-cni' }),
      {},
      'cloudformation eksctl-shop-addon-vpc-cni: tag aws:cloudformation:stack-name of the add-on',
    ],
    [
      'the add-on of Terraform',
      addon({ ManagedBy: 'Terraform' }),
      {},
      'terraform null: tag ManagedBy=Terraform of the add-on',
    ],
    [
      'the add-on with Terraform: true',
      addon({ terraform: 'true' }),
      {},
      'terraform null: tag terraform=true of the add-on',
    ],
    ['the add-on with Terraform: false', addon({ terraform: 'false' }), {}, 'eks null: EKS add-on vpc-cni'],
    [
      'the copy that EKS installed, with labels of Helm',
      undefined,
      {},
      'nobody null: no add-on, release, application or stack claims it',
    ],
    [
      'Helm',
      undefined,
      { annotations: release },
      'helm kube-system/cni: annotation meta.helm.sh/release-name, chart 1.19.2',
    ],
    [
      'Argo CD by annotation',
      undefined,
      { annotations: { 'argocd.argoproj.io/tracking-id': 'cni-prod:apps/DaemonSet:kube-system/aws-node' } },
      'argo-cd cni-prod: annotation argocd.argoproj.io/tracking-id',
    ],
    [
      'Argo CD by its label',
      undefined,
      { labels: { 'argocd.argoproj.io/instance': 'cni' } },
      'argo-cd cni: label argocd.argoproj.io/instance',
    ],
    [
      'Argo CD by its manager',
      undefined,
      { labels: { 'app.kubernetes.io/instance': 'network' }, managers: ['argocd-controller'] },
      'argo-cd network: field manager argocd-controller',
    ],
    [
      'Flux Kustomization',
      undefined,
      {
        labels: { 'kustomize.toolkit.fluxcd.io/name': 'infra', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' },
        managers: ['kustomize-controller'],
      },
      'flux flux-system/infra: label kustomize.toolkit.fluxcd.io/name',
    ],
    [
      'Flux HelmRelease, which leaves marks of Helm, too',
      undefined,
      {
        annotations: release,
        labels: { 'helm.toolkit.fluxcd.io/name': 'cni', 'helm.toolkit.fluxcd.io/namespace': 'flux-system' },
      },
      'flux flux-system/cni: label helm.toolkit.fluxcd.io/name',
    ],
    ['Terraform', undefined, { managers: ['Terraform'] }, 'terraform null: field manager Terraform'],
    [
      'Terraform through Helm',
      undefined,
      { annotations: release, managers: ['terraform-provider-helm_v2.17.0_x5'] },
      'terraform kube-system/cni: field manager terraform-provider-helm_v2.17.0_x5',
    ],
  ];
  for (const [name, found, overrides, expected] of rows) {
    test(name, () => {
      const { owner } = vpcCniOf(found, daemonSet(overrides));
      const chart = owner.chartVersion === undefined ? '' : `, chart ${owner.chartVersion}`;
      assert.equal(`${owner.tool} ${owner.name}: ${owner.evidence}${chart}`, expected);
    });
  }
  test('no DaemonSet and no add-on', () => {
    const { managedBy, owner, env } = vpcCniOf(undefined, undefined);
    assert.deepEqual([managedBy, owner.tool, env], ['absent', 'nobody', {}]);
  });
});

const versionOf = (image: string | null, env: Record<string, string> = {}) =>
  vpcCniOf(undefined, daemonSet({ image, env })).version;
test('version: of the image, or of the manifest where the image has no tag', () => {
  assert.equal(versionOf('602401143452.dkr.ecr.eu-west-1.amazonaws.com/amazon-k8s-cni:v1.19.2-eksbuild.1'), '1.19.2');
  assert.equal(versionOf('mirror.example:5000/cni@sha256:0123', { VPC_CNI_VERSION: 'v1.18.5' }), '1.18.5');
  assert.equal(versionOf('mirror.example:5000/cni:latest'), null);
});
