/** What eksctl refuses although its schema allows it (pkg/apis/eksctl.io/v1alpha5/validation.go). */

type Group = Record<string, unknown>;

const withOwnTemplate = [
  'instanceType',
  'ami',
  'ssh',
  'securityGroups',
  'volumeSize',
  'instanceName',
  'instancePrefix',
  'maxPodsPerNode',
  'disableIMDSv1',
  'disablePodIMDS',
  'preBootstrapCommands',
  'overrideBootstrapCommand',
  'placement',
];
const refusedSettings = [
  'cluster-certificate',
  'api-server',
  'cluster-name',
  'cluster-dns-ip',
  'node-labels',
  'node-taints',
];

const has = (group: Group, key: string): boolean => group[key] !== undefined;

/** The rules that an entry of `managedNodeGroups` breaks. */
export function brokenRules(group: Group): string[] {
  const family = typeof group['amiFamily'] === 'string' ? group['amiFamily'] : 'AmazonLinux2023';
  const both = (key: string, others: readonly string[]): string[] =>
    has(group, key) ? others.filter((other) => has(group, other)).map((other) => `${key} with ${other}`) : [];
  const settings = Object.keys(Object(Object(Object(group['bottlerocket'])['settings'])['kubernetes']));
  const template = Object(group['launchTemplate']);
  return [
    ...both('ami', ['maxPodsPerNode', 'releaseVersion']),
    ...both('launchTemplate', withOwnTemplate),
    ...both('instanceType', ['instanceTypes']),
    ...(has(group, 'ami') && !has(group, 'amiFamily') ? ['ami without amiFamily'] : []),
    ...(has(group, 'ami') &&
    !has(group, 'overrideBootstrapCommand') &&
    !['AmazonLinux2023', 'Bottlerocket'].includes(family)
      ? ['ami without overrideBootstrapCommand']
      : []),
    ...(has(group, 'overrideBootstrapCommand') && !has(group, 'ami') && family !== 'AmazonLinux2023'
      ? ['overrideBootstrapCommand without ami']
      : []),
    ...(has(group, 'overrideBootstrapCommand') && ['Bottlerocket', 'Windows'].includes(family)
      ? [`overrideBootstrapCommand of ${family}`]
      : []),
    ...(has(group, 'bottlerocket') && family !== 'Bottlerocket' ? ['bottlerocket of another family'] : []),
    ...settings.filter((key) => refusedSettings.includes(key)).map((key) => `bottlerocket setting ${key}`),
    ...(has(group, 'launchTemplate') && !/^\d+$/.test(String(template['version']))
      ? ['version of launchTemplate']
      : []),
    ...Object.keys(Object(group['labels'])).filter((key) => key.startsWith('alpha.eksctl.io/')),
  ];
}
