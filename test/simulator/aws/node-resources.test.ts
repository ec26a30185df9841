/** What the images set aside on a node, and what user data changes about it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CreateLaunchTemplateCommand } from '@aws-sdk/client-ec2';
import { CreateNodegroupCommand } from '@aws-sdk/client-eks';
import { bootOf } from '../../../src/simulator/aws/boot.ts';
import { findInstanceType } from '../../../src/simulator/aws/instance-types.ts';
import type { Node } from '../../../src/simulator/kubernetes/objects.ts';
import { createRegion, nodeRole, scenario, subnetA, subnetB } from './region.ts';

const nodeConfig = (spec: string) =>
  `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n--B\nContent-Type: application/node.eks.aws\n\n${spec}\n--B--\n`;

describe('memory that user data sets aside', () => {
  const rows: [string, string, number | undefined][] = [
    ['Mi', '{"spec":{"kubelet":{"config":{"kubeReserved":{"memory":"1465Mi"}}}}}', 1465],
    ['Gi', 'spec:\n  kubelet:\n    config:\n      kubeReserved:\n        memory: 2Gi', 2048],
    ['bytes', '{"spec":{"kubelet":{"config":{"kubeReserved":{"memory":"1048576"}}}}}', 1],
    ['only CPU', '{"spec":{"kubelet":{"config":{"kubeReserved":{"cpu":"1"}}}}}', undefined],
    ['only maxPods', '{"spec":{"kubelet":{"config":{"maxPods":110}}}}', undefined],
  ];
  for (const [name, spec, expected] of rows) {
    it(name, () => assert.equal(bootOf('al2023', nodeConfig(spec)).reservedMemory, expected));
  }
  it('is read from no shell script', () =>
    assert.equal(bootOf('al2023', '#!/bin/sh\nexit 0\n').reservedMemory, undefined));
});

/** MiB that the node has for pods. */
const memory = (node: Node | undefined) => mebibytes(node?.status.allocatable?.['memory']);
const mebibytes = (text: string | undefined) => Number(/^(\d+)Ki$/.exec(text ?? '')?.[1]) / 1024;

/** MiB between capacity and allocatable of the group's nodes. */
const setAside = (nodegroup: { instanceTypes?: string[]; amiType?: string }) => {
  const base = scenario();
  const [group] = base.nodegroups;
  assert.ok(group !== undefined);
  const region = createRegion(scenario({ nodegroups: [{ ...group, ...nodegroup }] }));
  const [node] = region.nodes('old');
  return mebibytes(node?.status.capacity?.['memory']) - memory(node);
};

describe('allocatable memory', () => {
  it('nodeadm: 255 + 11 per pod of secondary IP mode, and 100 before eviction', () => {
    assert.equal(setAside({}), 255 + 11 * 29 + 100);
    const large = findInstanceType('m5.4xlarge');
    assert.deepEqual([large?.enis, large?.ipv4PerEni], [8, 30]);
    // 234 by the addresses, although EKS gives the node 110
    assert.equal(setAside({ instanceTypes: ['m5.4xlarge'] }), 255 + 11 * 234 + 100);
  });
  it('what user data says, in place of it', async () => {
    const { eks, ec2, seconds, nodes } = createRegion();
    const userData = nodeConfig('{"spec":{"kubelet":{"config":{"maxPods":110,"kubeReserved":{"memory":"1465Mi"}}}}}');
    await ec2.send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: 'dense',
        LaunchTemplateData: { UserData: Buffer.from(userData).toString('base64') },
      }),
    );
    await eks.send(
      new CreateNodegroupCommand({
        clusterName: 'demo',
        nodegroupName: 'new',
        nodeRole,
        subnets: [subnetA, subnetB],
        instanceTypes: ['m5.large'],
        launchTemplate: { name: 'dense' },
      }),
    );
    seconds(200);
    const [old] = nodes('old');
    const [dense] = nodes('new');
    assert.equal(dense?.status.allocatable?.['pods'], '110');
    assert.equal(memory(old) - memory(dense), 1465 - 574);
  });
  it('Bottlerocket: by the maxPods of the node', () => {
    assert.equal(setAside({ amiType: 'BOTTLEROCKET_x86_64', instanceTypes: ['m5.4xlarge'] }), 255 + 11 * 110 + 100);
  });
});
