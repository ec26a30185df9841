/** DaemonSet kube-system/aws-node: what the manifest of the VPC CNI says, and reading it back. */
import { isObject } from '../kubernetes/json.ts';
import { behaviour, type Container, type DaemonSet, type EnvVar } from '../kubernetes/objects.ts';
import type { ObjectMeta } from '../types.ts';
import { parseVersion } from './ipamd.ts';

export type Env = Record<string, string>;

/** Environment of container aws-node without any configuration: config/master/aws-k8s-cni.yaml. */
export function standardEnv(
  version: string,
  names: { clusterName: string; vpcId: string; ipFamily?: 'ipv4' | 'ipv6' },
): Env {
  const isIpv6 = names.ipFamily === 'ipv6';
  const log = '/host/var/log/aws-routed-eni';
  return {
    ADDITIONAL_ENI_TAGS: '{}',
    ANNOTATE_POD_IP: 'false',
    AWS_VPC_CNI_NODE_PORT_SUPPORT: 'true',
    AWS_VPC_ENI_MTU: '9001',
    AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'false',
    AWS_VPC_K8S_CNI_EXTERNALSNAT: 'false',
    AWS_VPC_K8S_CNI_LOGLEVEL: 'DEBUG',
    AWS_VPC_K8S_CNI_LOG_FILE: `${log}/ipamd.log`,
    AWS_VPC_K8S_CNI_RANDOMIZESNAT: 'prng',
    AWS_VPC_K8S_CNI_VETHPREFIX: 'eni',
    AWS_VPC_K8S_PLUGIN_LOG_FILE: '/var/log/aws-routed-eni/plugin.log',
    AWS_VPC_K8S_PLUGIN_LOG_LEVEL: 'DEBUG',
    CLUSTER_NAME: names.clusterName,
    DISABLE_INTROSPECTION: 'false',
    DISABLE_METRICS: 'false',
    DISABLE_NETWORK_RESOURCE_PROVISIONING: 'false',
    ENABLE_IPv4: String(!isIpv6),
    ENABLE_IPv6: String(isIpv6),
    ENABLE_POD_ENI: 'false',
    ENABLE_PREFIX_DELEGATION: String(isIpv6),
    VPC_CNI_VERSION: version.replace(/-.*/, ''),
    VPC_ID: names.vpcId,
    WARM_ENI_TARGET: '1',
    WARM_PREFIX_TARGET: '1',
  };
}

export function awsNodeImage(version: string, region: string): string {
  return `602401143452.dkr.ecr.${region}.amazonaws.com/amazon-k8s-cni:${version}`;
}

/** The values of the environment that are given as text. */
export function envOf(container: Container | undefined): Env {
  const pairs = (container?.env ?? []).flatMap(({ name, value }): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  return Object.fromEntries(pairs);
}

export function awsNodeContainer(spec: { containers: Container[] } | undefined): Container | undefined {
  return spec?.containers.find(({ name }) => name === 'aws-node');
}

/** Version of the daemon in this container: image tag, else VPC_CNI_VERSION. */
export function versionOf(container: Container | undefined): number[] {
  const tag = container?.image?.split(':').at(-1) ?? '';
  const version = parseVersion(tag);
  return version.some((part) => part > 0) ? version : parseVersion(envOf(container)['VPC_CNI_VERSION'] ?? '');
}

/** Sets text values, keeps the rest of the list and its order; `undefined` removes. */
export function mergeEnv(env: readonly EnvVar[], values: Record<string, string | undefined>): EnvVar[] {
  const kept = env
    .filter(({ name }) => !(name in values) || values[name] !== undefined)
    .map((variable) =>
      values[variable.name] === undefined ? variable : { name: variable.name, value: values[variable.name] ?? '' },
    );
  const present = new Set(kept.map(({ name }) => name));
  const added = Object.entries(values).flatMap(([name, value]): EnvVar[] =>
    value === undefined || present.has(name) ? [] : [{ name, value }],
  );
  return [...kept, ...added];
}

/** Who owns which variable, as server-side apply and kubectl leave it. */
export function managedFields(time: string, owners: Record<string, readonly string[]>): unknown[] {
  return Object.entries(owners)
    .filter(([, names]) => names.length > 0)
    .map(([manager, names]) => ({
      manager,
      operation: manager === 'eks' ? 'Apply' : 'Update',
      apiVersion: 'apps/v1',
      time,
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:spec': {
          'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"aws-node"}': { 'f:env': fieldsOf(names) } } } },
        },
      },
    }));
}

/** The other way round: the names of variables that each manager owns. */
export function envOwners(entries: readonly unknown[]): Record<string, string[]> {
  const owners: Record<string, string[]> = {};
  const path = ['f:spec', 'f:template', 'f:spec', 'f:containers', 'k:{"name":"aws-node"}', 'f:env'];
  for (const entry of entries) {
    if (!isObject(entry) || typeof entry['manager'] !== 'string') continue;
    let fields: unknown = entry['fieldsV1'];
    for (const part of path) fields = isObject(fields) ? fields[part] : undefined;
    const names = Object.keys(isObject(fields) ? fields : {}).flatMap(
      (key) => /^k:\{"name":"(.*)"\}$/.exec(key)?.[1] ?? [],
    );
    owners[entry['manager']] = [...(owners[entry['manager']] ?? []), ...names];
  }
  return owners;
}

function fieldsOf(names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [`k:{"name":"${name}"}`, { '.': {}, 'f:name': {}, 'f:value': {} }]));
}

export function buildAwsNode(spec: {
  version: string;
  region: string;
  env: Env;
  readySeconds: number;
  managedFields: unknown[];
  labels?: Record<string, string> | undefined;
  annotations?: Record<string, string> | undefined;
}): Omit<DaemonSet, 'metadata'> & { metadata: Partial<ObjectMeta> } {
  const labels = { 'app.kubernetes.io/name': 'aws-node', 'k8s-app': 'aws-node' };
  const variables: EnvVar[] = Object.entries(spec.env).map(([name, value]) => ({ name, value }));
  const image = awsNodeImage(spec.version, spec.region);
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: {
      name: 'aws-node',
      namespace: 'kube-system',
      labels: {
        ...labels,
        'app.kubernetes.io/instance': 'aws-vpc-cni',
        // EKS renders the chart, so that its own copies look like this too (aws/eks-charts, issue 1049)
        'app.kubernetes.io/managed-by': 'Helm',
        'app.kubernetes.io/version': spec.version.replace(/-.*/, ''),
        'helm.sh/chart': `aws-vpc-cni-${spec.version.replace(/^v|-.*/g, '')}`,
        ...spec.labels,
      },
      ...(spec.annotations && { annotations: spec.annotations }),
      managedFields: spec.managedFields,
    },
    spec: {
      selector: { matchLabels: { 'k8s-app': 'aws-node' } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } },
      revisionHistoryLimit: 10,
      template: {
        metadata: { labels, annotations: { [behaviour.readySeconds]: String(spec.readySeconds) } },
        spec: {
          hostNetwork: true,
          priorityClassName: 'system-node-critical',
          serviceAccountName: 'aws-node',
          terminationGracePeriodSeconds: 10,
          tolerations: [{ operator: 'Exists' }],
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [
                  {
                    matchExpressions: [
                      { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] },
                      {
                        key: 'eks.amazonaws.com/compute-type',
                        operator: 'NotIn',
                        values: ['fargate', 'hybrid', 'auto'],
                      },
                    ],
                  },
                ],
              },
            },
          },
          initContainers: [
            { name: 'aws-vpc-cni-init', image: image.replace('amazon-k8s-cni:', 'amazon-k8s-cni-init:') },
          ],
          containers: [
            {
              name: 'aws-node',
              image,
              env: [...variables, { name: 'MY_NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
              resources: { requests: { cpu: '25m' } },
            },
            {
              name: 'aws-eks-nodeagent',
              image: image.replace(/amazon-k8s-cni:.*/, 'aws-network-policy-agent:v1.2.1-eksbuild.1'),
              resources: { requests: { cpu: '25m' } },
            },
          ],
        },
      },
    },
    status: { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
  };
}
