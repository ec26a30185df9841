/** The engine over a fake world, a journal in memory and a clock that jumps. */
import assert from 'node:assert/strict';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import type { MigrationPlan, StepKind } from '../../src/domain/plan.ts';
import { type RunOptions, type RunResult, runPlan } from '../../src/engine/run.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';
import type { Reporter } from '../../src/ports/reporter.ts';
import type { RunLock } from '../../src/ports/run-lock.ts';
import { type Handlers, handlers } from '../../src/steps/index.ts';
import type { StepHandler } from '../../src/steps/step-handler.ts';
import { createWorld, type World } from '../support/fake-ports.ts';
import { memoryJournal, samplePlan } from '../support/sample-plan.ts';

export interface Rig {
  world: World;
  plan: MigrationPlan;
  journal: ReturnType<typeof memoryJournal>;
  /** in order: what was journalled, called, shown */
  warnings: string[];
  stop: AbortController;
  lost: AbortController;
  lockEvents: string[];
  run(
    options?: Partial<RunOptions>,
    parts?: { handlers?: Handlers; journal?: JournalStore; confirm?: () => Promise<void> },
  ): Promise<RunResult>;
}

export function createRig(plan = samplePlan()): Rig {
  const world = createWorld();
  const journal = memoryJournal();
  const warnings: string[] = [];
  const lockEvents: string[] = [];
  let runs = 0;
  const rig: Rig = {
    world,
    plan,
    journal,
    warnings,
    stop: new AbortController(),
    lost: new AbortController(),
    lockEvents,
    run(options = {}, { confirm = async () => rig.lost.signal.throwIfAborted(), ...parts } = {}) {
      runs += 1;
      const lock: RunLock = {
        async acquire(holder) {
          lockEvents.push(`acquired by ${holder.id}`);
          return {
            lost: rig.lost.signal,
            confirm,
            release: async () => void lockEvents.push('released'),
          };
        },
      };
      const reporter: Reporter = {
        runStarted: () => undefined,
        line: () => undefined,
        waiting: () => undefined,
        drain: () => undefined,
        warning: (message) => warnings.push(message),
      };
      return world.clock.run(
        runPlan({
          plan,
          ports: world.ports,
          journal,
          lock,
          reporter,
          ...parts,
          options: {
            consent: { given: true, by: 'me@host', how: 'confirm-flag' },
            pollIntervalMilliseconds: 5000,
            command: 'prefix-migrate apply',
            signal: rig.stop.signal,
            runId: `run-${runs}`,
            ...options,
          },
        }),
      );
    },
  };
  return rig;
}

export const types = (entries: JournalEntry[]): string[] => entries.map(({ type }) => type);
export const ofType = <T extends JournalEntry['type']>(entries: JournalEntry[], type: T) =>
  entries.filter((entry): entry is Extract<JournalEntry, { type: T }> => entry.type === type);
export const succeeded = (entries: JournalEntry[]): string[] =>
  ofType(entries, 'step-succeeded').map(({ stepId }) => stepId);

/** All handlers, each changed in the same way. */
export function eachHandler(change: <K extends StepKind>(handler: StepHandler<K>) => StepHandler<K>): Handlers {
  return {
    'uncordon-source': change(handlers['uncordon-source']),
    'scale-source': change(handlers['scale-source']),
    'delete-replacement': change(handlers['delete-replacement']),
    'delete-launch-template': change(handlers['delete-launch-template']),
    'reserve-subnet-cidr': change(handlers['reserve-subnet-cidr']),
    'release-subnet-cidr': change(handlers['release-subnet-cidr']),
    'configure-vpc-cni': change(handlers['configure-vpc-cni']),
    'patch-vpc-cni': change(handlers['patch-vpc-cni']),
    'await-vpc-cni': change(handlers['await-vpc-cni']),
    'create-launch-template': change(handlers['create-launch-template']),
    'create-nodegroup': change(handlers['create-nodegroup']),
    'await-nodegroup': change(handlers['await-nodegroup']),
    'create-with-eksctl': change(handlers['create-with-eksctl']),
    'compare-launch-template': change(handlers['compare-launch-template']),
    'verify-replacement': change(handlers['verify-replacement']),
    'scale-replacement': change(handlers['scale-replacement']),
    'protect-replacement': change(handlers['protect-replacement']),
    'unprotect-replacement': change(handlers['unprotect-replacement']),
    'cap-source': change(handlers['cap-source']),
    'restore-scaling': change(handlers['restore-scaling']),
    'suspend-processes': change(handlers['suspend-processes']),
    'resume-processes': change(handlers['resume-processes']),
    'cordon-source': change(handlers['cordon-source']),
    'drain-source': change(handlers['drain-source']),
    soak: change(handlers.soak),
    'delete-source': change(handlers['delete-source']),
    'hand-over-source': change(handlers['hand-over-source']),
    cleanup: change(handlers.cleanup),
  };
}

export const silent: Reporter = {
  runStarted: () => undefined,
  line: () => undefined,
  waiting: () => undefined,
  drain: () => undefined,
  warning: () => undefined,
};

export function mustFind<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}
