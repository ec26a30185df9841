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

/**
 * The environment as it may be written down: of variables that are not the VPC CNI's, such as credentials and proxies, the
 * names alone, since their values may be secrets; nor a URL that has credentials in it.
 */
export function withoutSecrets(env: Readonly<Record<string, string | null>>): Record<string, string | null> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, mayBeShown(name, value) ? value : null]));
}

const mayBeShown = (name: string, value: string | null): boolean =>
  vpcCniNames.has(name) && !/:\/\/[^/]*@/.test(value ?? '');

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

/** Names that other programs have much the same: HTTPS_TIMEOUT, VERSION. */
const common: ReadonlySet<string> = new Set(['HTTP_TIMEOUT', 'VPC_CNI_VERSION']);
const byPlainForm = new Map(
  [...vpcCniNames].filter((name) => !common.has(name)).map((name) => [plainForm(name), name]),
);

/**
 * Settings that decide about addresses: a slip in one of them is worth a word. A name that one of them stands inside was made
 * up by somebody.
 */
const watched = ['WARM_PREFIX_TARGET', 'WARM_IP_TARGET', 'MINIMUM_IP_TARGET', 'WARM_ENI_TARGET', 'MAX_ENI'];
const spelling = [...watched, 'ENABLE_PREFIX_DELEGATION', 'AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG', 'ENABLE_POD_ENI'];
/** Of short names one slip says enough: two make another word of them. */
const slips = (known: string): number => (known.length < 12 ? 1 : 2);

/**
 * The real setting that a made-up or misspelt name means, such as WARM_IP_TARGET for `AWS_VPC_K8S_CNI_WARM_IP_TARGET` and
 * `WARM_IP_TRAGET`; undefined for real names, and for names that have nothing to do with the VPC CNI.
 */
export function meantBy(name: string): string | undefined {
  if (vpcCniNames.has(name)) return undefined;
  const written = name.toUpperCase().replaceAll('-', '_');
  if (/PREFIX_?DELEGAT/.test(written)) return 'ENABLE_PREFIX_DELEGATION';
  return (
    byPlainForm.get(plainForm(written)) ??
    watched.find((known) => written.includes(known)) ??
    // `WARM_PREFIX`: the beginning of a name, of two words at least
    watched.find((known) => written.includes('_') && known.startsWith(`${written}_`)) ??
    spelling.find((known) => distance(written, known) <= slips(known))
  );
}

/** Letters to add, to leave out, to replace, or to swap with the next one (Damerau-Levenshtein, optimal string alignment). */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity;
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity;
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped));
    }
  }
  return at(a.length, b.length);
}
