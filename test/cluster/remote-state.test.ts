/**
 * Journal and lock in a real API server. Runs only when PREFIX_MIGRATE_TEST_KUBECONFIG names a kubeconfig of a cluster that
 * may be written to: it makes ConfigMaps and Leases of its own in kube-system, and removes them.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createApi, pathOf, resources } from '../../src/adapters/kubernetes/api.ts';
import { configMapJournal } from '../../src/adapters/kubernetes/configmap-journal.ts';
import { connect } from '../../src/adapters/kubernetes/connection.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { createLeaseLock, leaseName, readLeaseLock } from '../../src/adapters/kubernetes/lease-lock.ts';
import type { KubernetesPort } from '../../src/ports/kubernetes.ts';
import { silent } from '../engine/rig.ts';
import { isCode, keepsTheContract, messagesIn, write } from '../support/journal-contract.ts';
import { clock, openAll, planOf, runOnce } from './runner.ts';

const kubeconfig = process.env['PREFIX_MIGRATE_TEST_KUBECONFIG'] ?? '';
const skip = kubeconfig === '' ? 'PREFIX_MIGRATE_TEST_KUBECONFIG is not set' : false;
const suffix = randomUUID().slice(0, 8);
const never = new AbortController().signal;

let kubernetes: KubernetesPort;
before(async () => {
  if (!skip) kubernetes = await createKubernetesPort({ kubeconfig, clock });
});

after(async () => {
  if (skip) return;
  const api = createApi({ connection: await connect({ kubeconfig }), clock });
  for (const resource of [resources.configMaps, resources.leases]) {
    const { items } = await api.list(resource, ({ metadata }) => metadata?.name ?? '', { namespace: 'kube-system' });
    for (const name of items.filter((each) => each.includes(suffix))) {
      const operation = { verb: 'delete', resource: resource.plural } as const;
      await api.call({ operation, repeatable: true, method: 'DELETE', path: pathOf(resource, 'kube-system', name) });
    }
  }
});

function placeOf(name: string) {
  const open = () => configMapJournal({ kubernetes, clusterName: `${name}-${suffix}`, planId: 'a'.repeat(64) });
  return { open, run: <T>(work: Promise<T>): Promise<T> => work };
}

test('keeps the contract of a journal', { skip }, async () => {
  await keepsTheContract(placeOf('contract'));
});

test('many writers at once: each line that was accepted is there once, and the chain holds', { skip }, async () => {
  const place = placeOf('race');
  const accepted: string[] = [];
  const writer = async (name: string): Promise<void> => {
    for (let round = 0; round < 10; round += 1) {
      const journal = place.open();
      try {
        for (let index = 0; index < 3; index += 1) {
          const message = `${name} ${round} ${index} ${'x'.repeat(4_000)}`;
          await write(journal, message);
          accepted.push(message);
        }
      } catch (error) {
        isCode('JOURNAL.CHANGED', 6)(error);
      }
    }
  };
  await Promise.all(['a', 'b', 'c', 'd'].map(writer));
  assert.ok(accepted.length >= 10);
  assert.deepEqual((await messagesIn(place)).toSorted(), accepted.toSorted());
});

test('a lock of a holder elsewhere that went silent is taken over after its duration, and not before', {
  skip,
  timeout: 90_000,
}, async () => {
  const clusterName = `lease-${suffix}`;
  const at = new Date(clock.now() - 3_600_000).toISOString();
  await kubernetes.putLease('kube-system', leaseName(clusterName), {
    holder: 'elsewhere_1.1_00000000-0000-0000-0000-000000000000',
    description: 'apply OTHER',
    acquiredAt: at,
    renewedAt: at,
    durationSeconds: 8,
    transitions: 2,
    resourceVersion: null,
  });
  const begin = clock.monotonic();
  const lock = createLeaseLock({ kubernetes, clock, clusterName });
  const held = await lock.acquire({ id: 'me', command: 'apply' }, never);
  assert.ok(clock.monotonic() - begin >= 8_000);
  assert.equal((await readLeaseLock(kubernetes, clusterName))?.transitions, 3);
  await held.release();
});

test('runner A is killed, runner B takes the plan to its end', { skip, timeout: 60_000 }, async () => {
  const clusterName = `Run_${suffix}`;
  const runner = fileURLToPath(new URL('runner.ts', import.meta.url));
  const a = spawn(process.execPath, [runner, kubeconfig, clusterName], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(a, 'close');
  let steps = 0;
  for await (const line of createInterface({ input: a.stdout })) {
    if (line.endsWith('step-succeeded')) steps += 1;
    if (steps === 3) a.kill('SIGKILL');
  }
  await ended;
  const left = await readLeaseLock(kubernetes, clusterName);
  assert.notEqual(left?.holder, '');
  assert.deepEqual(left?.journal, { planId: planOf(clusterName).planId, state: 'kubernetes' });

  const result = await runOnce(kubeconfig, clusterName, silent);
  assert.equal(result.exitCode, 0);
  const { journal, refuseElsewhere } = await openAll(kubeconfig, clusterName);
  await refuseElsewhere();
  const { lines } = await journal.read();
  const done = lines.flatMap(({ entry }) => (entry.type === 'step-succeeded' ? [entry.stepId] : []));
  assert.deepEqual(
    done.toSorted(),
    planOf(clusterName)
      .steps.map(({ id }) => id)
      .toSorted(),
  );
  assert.equal(lines.filter(({ entry }) => entry.type === 'run-started').length, 2);
  const free = await readLeaseLock(kubernetes, clusterName);
  assert.deepEqual([free?.holder, free?.transitions], ['', 1]);
});
