/** From the launch template of a person to what EKS launches. EKS user guide, "Customize managed nodes with launch templates". */
import { AwsError } from './errors.ts';
import { scalar, type XmlTree } from './query.ts';
import { decode, parseMultipart, renderMultipart } from './user-data.ts';

/** Of the cluster; nodes without a group of their own get it. */
export const clusterSecurityGroup = 'sg-0c1a57e45ec0417d5';

/** @throws AwsError InvalidRequestException */
export function checkTemplate(data: XmlTree): void {
  const interfaces = Array.isArray(data['networkInterfaceSet']) ? data['networkInterfaceSet'] : [];
  const forbidden: [string, boolean][] = [
    ['a subnet in a network interface', interfaces.some((one) => typeof one === 'object' && 'subnetId' in one)],
    ['an IAM instance profile', data['iamInstanceProfile'] !== undefined],
    ['shutdown behavior', data['instanceInitiatedShutdownBehavior'] !== undefined],
    ['hibernation options', data['hibernationOptions'] !== undefined],
  ];
  const found = forbidden.find(([, present]) => present);
  if (found)
    throw new AwsError(
      'InvalidRequestException',
      `Launch template must not specify ${found[0]} for a managed node group.`,
    );
}

/** The user data of a template, as text. */
export const userDataOf = (data: XmlTree): string => decode(scalar(data['userData']) ?? '');

/** What nodes need to join; EKS puts it before the user data that the person gave, on Amazon Linux 2 behind it. */
export interface NodeBootstrap {
  amiType: string;
  labels: Record<string, string>;
  clusterName: string;
  endpoint: string;
  certificateAuthority: string;
  maxPods: number;
}

export function mergedUserData(given: string, bootstrap: NodeBootstrap): string {
  const { amiType, clusterName, endpoint, certificateAuthority, maxPods } = bootstrap;
  const labels = Object.entries(bootstrap.labels).map(([key, value]) => `${key}=${value}`);
  if (amiType.startsWith('BOTTLEROCKET')) {
    // The user's settings replace those of EKS.
    const own = /^\s*"?max-pods"?\s*=/m.test(given) ? '' : `max-pods = ${maxPods}\n`;
    const server = `[settings.kubernetes]\ncluster-name = "${clusterName}"\napi-server = "${endpoint}"\ncluster-certificate = "${certificateAuthority}"\n`;
    return given.includes('[settings.kubernetes]')
      ? given.replace('[settings.kubernetes]', server + own.trimEnd())
      : `${server}${own}${given}`;
  }
  if (amiType.startsWith('AL2_')) {
    const call = [
      `/etc/eks/bootstrap.sh ${clusterName} --kubelet-extra-args '--node-labels=${labels.join(',')} --max-pods=${maxPods}'`,
      `--b64-cluster-ca ${certificateAuthority} --apiserver-endpoint ${endpoint} --dns-cluster-ip 172.20.0.10 --use-max-pods false`,
    ];
    const own = { contentType: 'text/x-shellscript', body: `#!/bin/bash\nset -ex\n${call.join(' ')}` };
    return renderMultipart([...(parseMultipart(given) ?? []), own]);
  }
  const nodeConfig = [
    'apiVersion: node.eks.aws/v1alpha1',
    'kind: NodeConfig',
    'spec:',
    '  cluster:',
    `    name: ${clusterName}`,
    `    apiServerEndpoint: ${endpoint}`,
    `    certificateAuthority: ${certificateAuthority}`,
    '    cidr: 172.20.0.0/16',
    '  kubelet:',
    '    config:',
    `      maxPods: ${maxPods}`,
    '    flags:',
    `    - --node-labels=${labels.join(',')}`,
  ];
  const own = { contentType: 'application/node.eks.aws', body: nodeConfig.join('\n') };
  return renderMultipart([own, ...(parseMultipart(given) ?? [])]);
}

/** A name like an AMI id for each AMI type and version. */
export function imageFor(amiType: string, version: string): string {
  const digits = Buffer.from(`${amiType}/${version}`).toString('hex').padEnd(17, '0').slice(-16);
  return `ami-0${digits}`;
}

/** Undefined when the template names none. */
export function securityGroupsOf(data: XmlTree): string[] | undefined {
  const interfaces = Array.isArray(data['networkInterfaceSet']) ? data['networkInterfaceSet'] : [];
  const [first] = interfaces;
  const ofInterface = typeof first === 'object' && 'groupSet' in first ? first.groupSet : undefined;
  const groups = data['securityGroupIdSet'] ?? ofInterface;
  const names = Array.isArray(groups) ? groups.filter((group) => typeof group === 'string') : [];
  return names.length > 0 ? names : undefined;
}

export function instanceTags(data: XmlTree): Record<string, string> {
  const specifications = Array.isArray(data['tagSpecificationSet']) ? data['tagSpecificationSet'] : [];
  const tags: Record<string, string> = {};
  for (const specification of specifications) {
    if (typeof specification !== 'object' || !('resourceType' in specification)) continue;
    if (specification.resourceType !== 'instance' || !Array.isArray(specification.tagSet)) continue;
    for (const tag of specification.tagSet) {
      if (typeof tag === 'object' && 'key' in tag && typeof tag.key === 'string')
        tags[tag.key] = scalar(tag.value) ?? '';
    }
  }
  return tags;
}
