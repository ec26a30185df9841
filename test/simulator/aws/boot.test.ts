/** What machines of each system make of their user data. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Boot, bootOf, type System } from '../../../src/simulator/aws/boot.ts';

const message = (...parts: string[]): string =>
  `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n${parts.map((part) => `--B\nContent-Type: ${part}\n`).join('')}--B--\n`;
const nodeConfig = (spec: string): string => `application/node.eks.aws\n\nspec:\n${spec}`;
const script = (text: string): string => `text/x-shellscript\n\n#!/bin/bash\n${text}`;
const call = (extra: string): string =>
  script(`/etc/eks/bootstrap.sh demo --apiserver-endpoint https://x \\\n  --kubelet-extra-args '${extra}'`);
const wrapper = (pods: number): string =>
  script(`mv /etc/eks/bootstrap.sh /tmp/b\ncat > /etc/eks/bootstrap.sh <<'E'\nexec /tmp/b "$@" --max-pods=${pods}\nE`);

const rows: [name: string, system: System, userData: string, expected: Partial<Boot>][] = [
  [
    'the last of two NodeConfigs',
    'al2023',
    message(
      nodeConfig('  kubelet:\n    config:\n      maxPods: 29'),
      nodeConfig('  kubelet:\n    config:\n      maxPods: 110'),
    ),
    { maxPods: 110 },
  ],
  [
    'a flag over the configuration',
    'al2023',
    message(nodeConfig('  kubelet:\n    config:\n      maxPods: 110\n    flags:\n      - --max-pods=29')),
    { maxPods: 29 },
  ],
  [
    'labels of all flags, taints of the last',
    'al2023',
    message(
      nodeConfig(
        '  kubelet:\n    flags:\n      - --node-labels=a=1,b=2\n      - --register-with-taints=x=y:NoSchedule',
      ),
      nodeConfig('  kubelet:\n    flags:\n      - --node-labels=b=3\n      - --register-with-taints=z:NoExecute'),
    ),
    { labels: { a: '1', b: '3' }, taints: [{ key: 'z', effect: 'NoExecute' }] },
  ],
  [
    'a NodeConfig without MIME',
    'al2023',
    'spec:\n  cluster:\n    name: demo\n    apiServerEndpoint: https://x\n',
    { clusterName: 'demo', endpoint: 'https://x' },
  ],
  [
    'a script, which is nothing to nodeadm',
    'al2023',
    message(script('kubelet --max-pods=29')),
    { maxPods: undefined, clusterName: undefined },
  ],
  [
    'a call of bootstrap.sh',
    'al2',
    message(call('--max-pods=29 --node-labels=a=1')),
    { maxPods: 29, labels: { a: '1' }, clusterName: 'demo', endpoint: 'https://x' },
  ],
  ['the last argument of a call', 'ubuntu', message(call('--max-pods=29 --max-pods=58')), { maxPods: 58 }],
  [
    'what stands in front of bootstrap.sh',
    'al2',
    message(wrapper(110), call('--max-pods=29')),
    { maxPods: 110, clusterName: 'demo' },
  ],
  ['the first of two that do', 'al2', message(wrapper(110), wrapper(58), call('--max-pods=29')), { maxPods: 110 }],
  [
    'a bare script',
    'ubuntu',
    '#!/bin/bash\n/etc/eks/bootstrap.sh demo\n',
    { clusterName: 'demo', endpoint: undefined, maxPods: undefined },
  ],
  [
    'settings',
    'bottlerocket',
    '# x\n[settings.kubernetes] # y\nmax-pods = 110 # z\n"api-server" = "https://x"\ncluster-name = "demo"\n[settings.kubernetes.node-labels]\n"a/b" = "1"\n[settings.kubernetes.node-taints]\nrole = ["db:NoSchedule", ":NoExecute"]\n',
    {
      maxPods: 110,
      labels: { 'a/b': '1' },
      taints: [
        { key: 'role', value: 'db', effect: 'NoSchedule' },
        { key: 'role', effect: 'NoExecute' },
      ],
      clusterName: 'demo',
      endpoint: 'https://x',
    },
  ],
  [
    'dotted settings',
    'bottlerocket',
    'settings.kubernetes.max-pods = 29\n[settings]\nkubernetes.cluster-name = "demo"\n',
    { maxPods: 29, clusterName: 'demo' },
  ],
];

describe('bootOf', () => {
  for (const [name, system, userData, expected] of rows) {
    it(`${system}: ${name}`, () => {
      const found = bootOf(system, userData);
      assert.deepEqual({ ...found, ...expected }, found);
    });
  }
});
