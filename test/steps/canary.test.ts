import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canaryContainer, canaryPod } from '../../src/steps/canary.ts';

const cni = '602401143452.dkr.ecr.eu-west-1.amazonaws.com/amazon-k8s-cni:v1.19.2';
const digest = 'registry.k8s.io/pause@sha256:ee6521f290b2168b6e0935a181d4cff9be1ac3f505666ef0e3c98fae8199917a';

describe('what a canary runs', () => {
  const rows: [string, Parameters<typeof canaryContainer>, string][] = [
    [
      'what was asked for',
      ['registry.internal/tiny:1', ['localhost/kubernetes/pause:latest'], cni],
      'registry.internal/tiny:1',
    ],
    [
      'the pause image of AL2023',
      [null, [cni, 'localhost/kubernetes/pause:latest'], cni],
      'localhost/kubernetes/pause:latest',
    ],
    [
      'that of Bottlerocket',
      [null, ['602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/pause:3.10'], cni],
      '602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/pause:3.10',
    ],
    ['a tag before a digest', [null, [digest, 'registry.k8s.io/pause:3.10'], cni], 'registry.k8s.io/pause:3.10'],
    ['a digest where there is no tag', [null, [digest], cni], digest],
    [
      'nothing that only sounds so',
      [null, ['example.com/pause-menu:1', 'example.com/unpause:2', 'example.com/pause/web:3'], null],
      'registry.k8s.io/pause:3.10',
    ],
    ['aws-node, where there is no pause image', [null, ['example.com/web:1', cni], cni], cni],
    [
      'the registry of aws-node, where the node does not tell',
      [null, [], cni],
      '602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/pause:3.10',
    ],
    [
      'the public one, where aws-node comes from elsewhere',
      [null, [], 'mirror.internal/amazon-k8s-cni:v1'],
      'registry.k8s.io/pause:3.10',
    ],
  ];
  for (const [name, args, image] of rows) {
    it(name, () => assert.equal(canaryContainer(...args).image, image));
  }

  it('in the image of aws-node a program that waits, and nothing else with a program of its own', () => {
    assert.equal(canaryContainer(null, [cni], cni).command?.[0], '/app/grpc-health-probe');
    assert.equal(canaryContainer(null, ['localhost/kubernetes/pause:latest'], cni).command, undefined);
    assert.equal(canaryContainer('x', [cni], cni).command, undefined);
  });
});

it('a canary is bound to its node, ends by itself, asks for nothing and may do nothing', () => {
  const manifest = canaryPod({
    name: 'prefix-migrate-canary-0123456789-0',
    planId: 'ab'.repeat(32),
    nodegroupName: 'apps-pd',
    nodeName: 'ip-10-0-1-10',
    container: { image: 'localhost/kubernetes/pause:latest' },
  });
  assert.deepEqual(manifest, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'prefix-migrate-canary-0123456789-0',
      namespace: 'kube-system',
      labels: {
        'app.kubernetes.io/managed-by': 'prefix-migrate',
        'prefix-migrate/canary-of-plan': 'abababababab',
        'prefix-migrate/nodegroup': 'apps-pd',
      },
    },
    spec: {
      nodeName: 'ip-10-0-1-10',
      restartPolicy: 'Always',
      activeDeadlineSeconds: 600,
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      tolerations: [{ operator: 'Exists' }],
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65535,
        runAsGroup: 65535,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'canary',
          image: 'localhost/kubernetes/pause:latest',
          imagePullPolicy: 'IfNotPresent',
          resources: { requests: { cpu: '1m', memory: '8Mi' }, limits: { cpu: '20m', memory: '32Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  });
});
