import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAwsPorts } from '../../src/adapters/aws/aws-ports.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { lockedPorts } from '../../src/engine/locked-ports.ts';
import { createVirtualClock } from '../../src/simulator/clock.ts';
import { clockOver } from '../support/fake-cluster.ts';
import { noTools } from '../support/no-tools.ts';

const clock = clockOver(createVirtualClock(0));
const cluster = {
  name: 'demo',
  endpoint: 'https://kubernetes.invalid',
  certificateAuthorityData: '',
  token: () => Promise.reject(new Error('nothing is to be sent')),
};
const ports = {
  ...createAwsPorts({ clock, region: 'us-west-2' }),
  kubernetes: await createKubernetesPort({ clock, cluster }),
  tools: noTools,
  clock,
};

/** By their names, so that a new one is not forgotten. Leases and the journal are written by the lock and the journal. */
const changes =
  /^(create|update|delete|suspend|resume|annotate|restart|set|cordon|uncordon|evict|run|resize|terminate)/;

for (const part of ['eks', 'ec2', 'autoScaling', 'cloudFormation', 'kubernetes', 'tools'] as const) {
  for (const name of Object.keys(ports[part]).filter((method) => changes.test(method))) {
    test(`${part}.${name} is not called without the lock`, async () => {
      const locked = lockedPorts(ports, () => Promise.reject(new Error('the lock is lost')));
      const call: unknown = Reflect.get(locked[part], name);
      assert.ok(typeof call === 'function');
      await assert.rejects(async () => Reflect.apply(call, undefined, []), /^Error: the lock is lost$/);
    });
  }
}
