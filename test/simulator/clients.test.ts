/** The clients of the product against the world, over real sockets and without. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { DescribeNetworkInterfacesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { DescribeClusterCommand, DescribeNodegroupCommand, EKSClient } from '@aws-sdk/client-eks';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { CoreV1Api, KubeConfig, Watch } from '@kubernetes/client-node';
import { createVirtualClock } from '../../src/simulator/clock.ts';
import { type HostedWorld, hostWorld } from '../../src/simulator/host.ts';
import { PortInUse } from '../../src/simulator/http-server.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { createTraffic, InProcessHandler } from '../support/in-process.ts';

let world: World;
let hosted: HostedWorld;

before(async () => {
  world = createWorld(healthy);
  hosted = await hostWorld(world);
});
after(() => hosted.close());

function settings() {
  const { accessKeyId, secretAccessKey } = world.administrator;
  return {
    endpoint: hosted.awsUrl,
    region: 'us-west-2',
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
  };
}

function kubeConfig(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(hosted.kubeconfig);
  return config;
}

test('the AWS clients', async () => {
  const eks = new EKSClient(settings());
  const { cluster } = await eks.send(new DescribeClusterCommand({ name: 'demo' }));
  assert.equal(cluster?.endpoint, hosted.kubernetesUrl);
  const authority = Buffer.from(cluster.certificateAuthority?.data ?? '', 'base64').toString();
  assert.match(authority, /^-----BEGIN CERTIFICATE-----/);
  const { nodegroup } = await eks.send(new DescribeNodegroupCommand({ clusterName: 'demo', nodegroupName: 'memory' }));
  assert.equal(nodegroup?.status, 'ACTIVE');
  assert.deepEqual(nodegroup.taints, [{ key: 'role', value: 'memory', effect: 'NO_SCHEDULE' }]);
  const ec2 = new EC2Client(settings());
  const { NetworkInterfaces = [] } = await ec2.send(new DescribeNetworkInterfacesCommand({}));
  assert.ok(NetworkInterfaces.filter(({ Attachment }) => Attachment?.InstanceId).length >= 6);
  const scaling = new AutoScalingClient(settings());
  const { AutoScalingGroups = [] } = await scaling.send(new DescribeAutoScalingGroupsCommand({}));
  assert.deepEqual(new Set(AutoScalingGroups.map(({ DesiredCapacity }) => DesiredCapacity)), new Set([2, 4]));
  const sts = new STSClient(settings());
  assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Account, '111122223333');
  for (const client of [eks, ec2, scaling, sts]) client.destroy();
});

test('the Kubernetes client, over HTTPS with the certificate of the kubeconfig', async () => {
  const api = kubeConfig().makeApiClient(CoreV1Api);
  const { items } = await api.listNode();
  assert.equal(items.length, 6);
  await assert.rejects(api.readNode({ name: 'none' }), { code: 404 });
  assert.equal(kubeConfig().getCurrentContext(), 'demo');
});

test('a watch over HTTPS sees a change', async () => {
  const seen = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<void>();
  const controller = await new Watch(kubeConfig()).watch(
    '/api/v1/namespaces',
    {},
    (type: string, { metadata }: { metadata: { name: string } }) => {
      if (metadata.name === 'fresh') seen.resolve(type);
    },
    () => ended.resolve(),
  );
  world.store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fresh' } });
  assert.equal(await seen.promise, 'ADDED');
  controller.abort();
  await ended.promise;
});

test('a kubeconfig names one context, like the cluster, and holds its token', () => {
  const config = kubeConfig();
  assert.deepEqual(
    config.getContexts().map(({ name }) => name),
    ['demo'],
  );
  assert.equal(config.getCurrentUser()?.token, world.administrator.token);
});

test('when the second port is taken, the first is free again', async () => {
  const taken = Number(new URL(hosted.kubernetesUrl).port);
  await assert.rejects(hostWorld(world, { kubernetesPort: taken }), PortInUse);
  const second = await hostWorld(createWorld(healthy));
  await second.close();
});

test('in-process and under the virtual clock, a program waits for a node group in no time', async () => {
  const clock = createVirtualClock(0);
  const { aws, administrator } = createWorld(healthy, { clock });
  const traffic = createTraffic();
  const eks = new EKSClient({
    region: 'us-west-2',
    credentials: administrator,
    maxAttempts: 1,
    requestHandler: new InProcessHandler(aws, traffic),
  });
  const begin = clock.now();
  const named = { clusterName: 'demo', nodegroupName: 'general' };
  const gone = async (): Promise<string> => {
    for (;;) {
      try {
        await eks.send(new DescribeNodegroupCommand(named));
      } catch (error) {
        if (error instanceof Error) return error.name;
      }
      await new Promise<void>((resolve) => {
        clock.after(15_000, resolve);
      });
    }
  };
  await aws({
    method: 'DELETE',
    path: '/clusters/demo/node-groups/general',
    headers: { authorization: `AWS4-HMAC-SHA256 Credential=${administrator.accessKeyId}/` },
    body: '',
  });
  assert.equal(await drive(clock, gone(), traffic), 'ResourceNotFoundException');
  assert.ok(clock.now() - begin > 60_000);
});
