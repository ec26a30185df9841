/**
 * One run of a plan whose journal and lock are in a real cluster; what its steps do is played here, slowly enough that a
 * process can be killed between two of them. As a program: `node runner.ts KUBECONFIG CLUSTER_NAME`.
 */
import { argv, stdout } from 'node:process';
import { createRealClock } from '../../src/adapters/clock/real-clock.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { locked, newHolderId, openJournal, type PlanFolder } from '../../src/composition.ts';
import type { MigrationPlan } from '../../src/domain/plan.ts';
import { type RunResult, runPlan } from '../../src/engine/run.ts';
import type { Reporter } from '../../src/ports/reporter.ts';
import { eachHandler, silent } from '../engine/rig.ts';
import { createWorld } from '../support/fake-ports.ts';
import { samplePlan } from '../support/sample-plan.ts';

export const clock = createRealClock();

export const planOf = (clusterName: string): MigrationPlan => {
  const plan = samplePlan();
  return { ...plan, cluster: { ...plan.cluster, name: clusterName } };
};

const onWarning = (message: string): void => void stdout.write(`warning: ${message}\n`);

/** Opens journal and lock as a runner with nothing but the plan does. */
export async function openAll(kubeconfig: string, clusterName: string) {
  const ports = { ...createWorld().ports, kubernetes: await createKubernetesPort({ kubeconfig, clock }), clock };
  const plan = planOf(clusterName);
  const noFolder = { acquire: () => Promise.reject(new Error('a journal elsewhere needs no lock of a folder')) };
  const folder: PlanFolder = { path: 'p', dir: '/nowhere', plan, lock: noFolder };
  const state = { kind: 'kubernetes' } as const;
  const journal = openJournal(folder, state, { ports });
  return { ports, plan, ...locked({ ports, folder, state, journal, command: 'apply p', onWarning }) };
}

export async function runOnce(kubeconfig: string, clusterName: string, reporter: Reporter): Promise<RunResult> {
  const done = new Set<string>();
  const { ports, plan, journal, lock } = await openAll(kubeconfig, clusterName);
  const handlers = eachHandler((handler) => ({
    ...handler,
    observe: async ({ id }) =>
      done.has(id) ? { kind: 'satisfied', detail: 'done' } : { kind: 'actionable', detail: 'not yet' },
    act: async ({ id }) => {
      await clock.sleep(100);
      done.add(id);
    },
    tidy: async () => undefined,
  }));
  return runPlan({
    plan,
    ports,
    journal,
    lock,
    reporter,
    handlers,
    options: {
      consent: { given: true, by: 'test', how: 'confirm-flag' },
      pollIntervalMilliseconds: 50,
      command: 'apply p',
      signal: new AbortController().signal,
      runId: newHolderId(),
    },
  });
}

if (import.meta.main) {
  const [, , kubeconfig = '', clusterName = ''] = argv;
  await runOnce(kubeconfig, clusterName, {
    ...silent,
    line: ({ seq, entry }) => void stdout.write(`${seq} ${entry.type}\n`),
  });
}
