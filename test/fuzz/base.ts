/** Valid documents to begin with, made once by the program itself. */
import { runChecks } from '../../src/checks/index.ts';
import { formatLine } from '../../src/domain/journal-chain.ts';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import type { MigrationPlan } from '../../src/domain/plan.ts';
import { plainRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import { scenarios } from '../../src/simulator/scenarios/index.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { survey } from '../../src/survey/survey.ts';
import { createBench } from '../adapters/virtual.ts';
import { templates } from '../support/templates.ts';
import { portsOf } from '../survey/ports-of.ts';

export function scenario(name: string): Scenario {
  const found = scenarios.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
}

export interface Base {
  world: World;
  snapshot: ClusterSnapshot;
  plan: MigrationPlan;
}

const made = new Map<string, Promise<Base>>();

/** World, snapshot and plan of a scenario, made once. */
export function baseOf(name: string): Promise<Base> {
  const known = made.get(name) ?? make(name);
  made.set(name, known);
  return known;
}

async function make(name: string): Promise<Base> {
  const world = createWorld(scenario(name), { seed: 1 });
  const bench = createBench(world.clock);
  const ports = await portsOf(world, bench);
  const clusterName = world.cluster.name;
  const snapshot = await bench.run(survey(ports, { clusterName, subnetIds: [] }));
  return { world, snapshot, plan: planOf(snapshot) };
}

export function planOf(snapshot: ClusterSnapshot): MigrationPlan {
  const request = plainRequest(snapshot.cluster.name);
  const findings = runChecks(snapshot, request, scopeOf(snapshot, request));
  return makePlan({ snapshot, request, findings, toolVersion: '0.0.0-test', templates });
}

const at = '2026-03-01T10:00:00.000Z';

/** Every type of entry, and every kind of progress. */
export function entriesFor(plan: MigrationPlan): JournalEntry[] {
  const runId = 'host_1_2';
  const { planId } = plan;
  const [first, second = first] = plan.steps;
  const stepId = first?.id ?? 'soak';
  const drain = plan.steps.find(({ kind }) => kind === 'drain-source')?.id ?? stepId;
  const pod = 'shop/web-1';
  const progress = (of: string, entry: Extract<JournalEntry, { type: 'step-progress' }>['progress']): JournalEntry => ({
    type: 'step-progress',
    runId,
    stepId: of,
    progress: entry,
  });
  const failure = { code: 'STEP.DEADLINE', message: 'too late', why: 'the pod', nextActions: ['kubectl get pods'] };
  const started: JournalEntry = {
    type: 'run-started',
    runId,
    planId,
    toolVersion: '0.0.0-test',
    command: 'prefix-migrate apply x',
    holder: runId,
    until: null,
  };
  return [
    started,
    { type: 'approval', runId, planId, by: 'arn:aws:iam::1:user/x', how: 'confirm-flag', phases: ['cordon', 'drain'] },
    { type: 'step-started', runId, stepId, token: 'a'.repeat(32) },
    progress(stepId, { kind: 'update-requested', what: 'scaling', id: 'u-1' }),
    progress(stepId, { kind: 'recorded', what: 'scaling', value: { minSize: 1, maxSize: 3, desiredSize: 2 } }),
    progress(stepId, { kind: 'note', message: 'waiting for the update' }),
    { type: 'step-succeeded', runId, stepId, detail: 'done' },
    { type: 'step-started', runId, stepId: drain, token: 'b'.repeat(32) },
    progress(drain, { kind: 'cordoned', node: 'ip-10-0-1-7', uid: 'n-1' }),
    progress(drain, { kind: 'eviction-intent', pod, uid: 'p-1', node: 'ip-10-0-1-7', budget: 'shop/web' }),
    progress(drain, { kind: 'eviction-outcome', pod, uid: 'p-1', outcome: 'refused', detail: 'Cannot evict pod' }),
    progress(drain, { kind: 'eviction-outcome', pod, uid: 'p-1', outcome: 'accepted' }),
    progress(drain, { kind: 'pod-gone', pod, uid: 'p-1', node: 'ip-10-0-1-7' }),
    progress(drain, { kind: 'restarted', deployment: 'shop/cart', at }),
    progress(drain, { kind: 'comes-back', workload: 'Deployment shop/web' }),
    progress(drain, {
      kind: 'verified-node',
      node: 'ip-10-0-1-9',
      instanceId: 'i-1',
      prefixes: ['10.0.1.16/28'],
      allocatablePods: 110,
      evidence: 'prefix',
    }),
    { type: 'step-failed', runId, stepId: drain, failure, tokenSpent: true },
    { type: 'run-paused', runId, reason: 'failed', detail: 'STEP.DEADLINE' },
    { type: 'unlocked', runId: 'host_2', by: 'arn:aws:iam::1:user/y', reason: 'the runner is gone', holder: runId },
    { ...started, runId: 'host_3', rollback: { kept: [] } },
    { type: 'approval', runId: 'host_3', planId, by: 'x', how: 'prompt', phases: ['drain'], rollback: true },
    { type: 'step-started', runId: 'host_3', stepId: `undo/${second?.id}`, token: 'c'.repeat(32) },
    {
      type: 'run-finished',
      runId: 'host_3',
      exitCode: 0,
      summary: {
        nodesBefore: 3,
        nodesAfter: 2,
        podsMoved: 10,
        evictions: 12,
        evictionsRefused: 1,
        prefixesAttached: 4,
        maxPodsBefore: 29,
        maxPodsAfter: 110,
      },
    },
  ];
}

/** A journal with a sound chain, whatever its entries say. */
export function chained(entries: readonly JournalEntry[]): string {
  let before: string | null = null;
  let text = '';
  for (const [index, entry] of entries.entries()) {
    before = formatLine(before, index + 1, at, entry);
    text += `${before}\n`;
  }
  return text;
}
