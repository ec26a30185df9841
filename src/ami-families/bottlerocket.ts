import type { NodegroupTaint } from '../domain/snapshot.ts';
import { type AmiFamilyRenderer, clusterValues, fillTemplate, groupLabels, kubernetesEffect } from './renderer.ts';

/**
 * Bottlerocket: settings in TOML, which EKS lays over its own (EKS user guide, "Customize managed nodes with launch
 * templates"). It sizes the reserved memory by max-pods itself (https://bottlerocket.dev, "settings.kubernetes").
 */
export const bottlerocket: AmiFamilyRenderer = {
  extension: 'toml',
  format: 'toml',
  position: 'last',
  render: (template, { maxPods, own }) =>
    fillTemplate(template, {
      maxPods,
      cluster: own?.isComplete
        ? [
            `cluster-name = "${clusterValues.name}"`,
            `api-server = "${clusterValues.endpoint}"`,
            `cluster-certificate = "${clusterValues.certificateAuthority}"`,
            `cluster-dns-ip = "${clusterValues.dnsIp}"`,
          ]
        : [],
      labels:
        own === undefined
          ? []
          : [
              '',
              '[settings.kubernetes.node-labels]',
              ...Object.entries(groupLabels(own)).map(([key, value]) => `"${key}" = "${value}"`),
            ],
      taints: own === undefined || own.taints.length === 0 ? [] : taintLines(own.taints),
    }),
};

const taintLines = (taints: readonly NodegroupTaint[]): string[] => [
  '',
  '[settings.kubernetes.node-taints]',
  ...[...new Set(taints.map(({ key }) => key))].map((key) => {
    const values = taints
      .filter((taint) => taint.key === key)
      .map((taint) => `${taint.value ?? ''}:${kubernetesEffect(taint)}`);
    return `"${key}" = [${values.map((value) => `"${value}"`).join(', ')}]`;
  }),
];
