import { isAtLeast } from './version.ts';

/**
 * Environment of container aws-node in the manifest that the VPC CNI is released with, and that its EKS add-on and Helm
 * chart start from: value, and the release that brought it (1.9.0: that or an earlier one). None of the values has ever
 * changed. Not here: references to the pod and the node.
 * (config/master/aws-k8s-cni.yaml of amazon-vpc-cni-k8s, tags v1.9.0 to v1.23.1, read 2026-08-20)
 */
const manifest: Readonly<Record<string, readonly [value: string, since: string]>> = {
  ADDITIONAL_ENI_TAGS: ['{}', '1.9.0'],
  AWS_VPC_CNI_NODE_PORT_SUPPORT: ['true', '1.9.0'],
  AWS_VPC_ENI_MTU: ['9001', '1.9.0'],
  AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: ['false', '1.9.0'],
  AWS_VPC_K8S_CNI_EXTERNALSNAT: ['false', '1.9.0'],
  AWS_VPC_K8S_CNI_LOGLEVEL: ['DEBUG', '1.9.0'],
  AWS_VPC_K8S_CNI_LOG_FILE: ['/host/var/log/aws-routed-eni/ipamd.log', '1.9.0'],
  AWS_VPC_K8S_CNI_RANDOMIZESNAT: ['prng', '1.9.0'],
  AWS_VPC_K8S_CNI_VETHPREFIX: ['eni', '1.9.0'],
  AWS_VPC_K8S_PLUGIN_LOG_FILE: ['/var/log/aws-routed-eni/plugin.log', '1.9.0'],
  AWS_VPC_K8S_PLUGIN_LOG_LEVEL: ['DEBUG', '1.9.0'],
  DISABLE_INTROSPECTION: ['false', '1.9.0'],
  DISABLE_METRICS: ['false', '1.9.0'],
  DISABLE_NETWORK_RESOURCE_PROVISIONING: ['false', '1.9.1'],
  ENABLE_IMDS_ONLY_MODE: ['false', '1.19.6'],
  ENABLE_IPv4: ['true', '1.10.0'],
  ENABLE_IPv6: ['false', '1.10.0'],
  ENABLE_MULTI_NIC: ['false', '1.20.0'],
  ENABLE_POD_ENI: ['false', '1.9.0'],
  ENABLE_PREFIX_DELEGATION: ['false', '1.9.0'],
  ENABLE_SUBNET_DISCOVERY: ['true', '1.18.0'],
  NETWORK_POLICY_ENFORCING_MODE: ['standard', '1.17.1'],
  WARM_ENI_TARGET: ['1', '1.9.0'],
  WARM_PREFIX_TARGET: ['1', '1.9.0'],
};

/** What the EKS add-on of this version sets when nobody configures it. */
export function manifestEnv(version: string | null): Record<string, string> {
  const entries = Object.entries(manifest).filter(([, [, since]]) => since === '1.9.0' || isAtLeast(version, since));
  return Object.fromEntries(entries.map(([name, [value]]) => [name, value]));
}

/**
 * Variables that the add-on sets itself and takes no configuration for: its own version, the cluster, the IP family.
 * (schema of its configuration, `aws eks describe-addon-configuration`)
 */
export const notConfigurable: ReadonlySet<string> = new Set([
  'CLUSTER_ENDPOINT',
  'CLUSTER_NAME',
  'ENABLE_IPv4',
  'ENABLE_IPv6',
  'MY_NODE_NAME',
  'MY_POD_NAME',
  'VPC_CNI_VERSION',
  'VPC_ID',
]);

/**
 * Every variable that the VPC CNI reads or that belongs on its DaemonSet.
 * (README.md, cmd, pkg and utils of amazon-vpc-cni-k8s at v1.23.1, read 2026-08-20)
 */
export const vpcCniNames: ReadonlySet<string> = new Set([
  ...Object.keys(manifest),
  ...notConfigurable,
  'ANNOTATE_POD_IP',
  'AWS_CLUSTER_ID',
  'AWS_EC2_ENDPOINT',
  'AWS_EXTERNAL_SERVICE_CIDRS',
  'AWS_MANAGE_ENIS_NON_SCHEDULABLE',
  'AWS_REGION',
  'AWS_VPC_K8S_CNI_BACKING_STORE',
  'AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER',
  'AWS_VPC_K8S_CNI_CONNMARK',
  'AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS',
  'AWS_VPC_K8S_EGRESS_V4_PLUGIN_LOG_FILE',
  'AWS_VPC_K8S_EGRESS_V6_PLUGIN_LOG_FILE',
  'DISABLE_LEAKED_ENI_CLEANUP',
  'DISABLE_POD_V6',
  'DISABLE_TCP_EARLY_DEMUX',
  'ENABLE_BANDWIDTH_PLUGIN',
  'ENABLE_NFTABLES',
  'ENABLE_V4_EGRESS',
  'ENABLE_V6_EGRESS',
  'ENI_CONFIG_ANNOTATION_DEF',
  'ENI_CONFIG_LABEL_DEF',
  'HOST_CNI_BIN_PATH',
  'HOST_CNI_CONFDIR_PATH',
  'HTTP_TIMEOUT',
  'INTROSPECTION_BIND_ADDRESS',
  'IP_COOLDOWN_PERIOD',
  'MANAGE_UNTAGGED_ENI',
  'MAX_ENI',
  'MINIMUM_IP_TARGET',
  'POD_MTU',
  'POD_SECURITY_GROUP_ENFORCING_MODE',
  'USE_CLOUDWATCH',
  'USE_PROMETHEUS',
  'WARM_IP_TARGET',
]);

/** Words that people put before a real name. */
const addedPrefix =
  /^(AWS_VPC_K8S_CNI_|AWS_VPC_CNI_|AWS_VPC_K8S_|AWS_VPC_|AWS_K8S_CNI_|VPC_CNI_|AWS_CNI_|CNI_|K8S_CNI_)+/;

/** `WARM_PREFIX_TARGETS` and `MIN_IP_TARGET` read like the real names. */
const plainForm = (name: string): string =>
  name
    .toUpperCase()
    .replace(addedPrefix, '')
    .split('_')
    .map((word) => (word === 'MIN' ? 'MINIMUM' : word.replace(/(?<=X)ES$|S$/, '')))
    .join('_');

const byPlainForm = new Map([...vpcCniNames].map((name) => [plainForm(name), name]));

/** Names that stand inside others only when somebody made the longer one up. */
const telling = ['WARM_PREFIX_TARGET', 'WARM_IP_TARGET', 'MINIMUM_IP_TARGET', 'WARM_ENI_TARGET', 'MAX_ENI'];

/**
 * The real setting that a made-up name means, such as WARM_IP_TARGET for `AWS_VPC_K8S_CNI_WARM_IP_TARGET`; undefined for
 * real names, and for names that have nothing to do with the VPC CNI.
 */
export function meantBy(name: string): string | undefined {
  if (vpcCniNames.has(name)) return undefined;
  if (/PREFIX_?DELEGATION/i.test(name)) return 'ENABLE_PREFIX_DELEGATION';
  return byPlainForm.get(plainForm(name)) ?? telling.find((known) => name.toUpperCase().includes(known));
}
