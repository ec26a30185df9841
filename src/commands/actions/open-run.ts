import type { Io } from '../../cli/io.ts';
import { stopOnSignals, unlessAborted } from '../../cli/signals.ts';
import {
  type ConnectionOptions,
  connect,
  type JournalStore,
  locked,
  openJournal,
  openPlanFolder,
  type PlanFolder,
  type Ports,
  type RunLock,
  realClock,
  type StateLocation,
} from '../../composition.ts';
import type { DrainLimits } from '../../domain/drain-limits.ts';
import type { Phase } from '../../domain/plan.ts';
import { type RunState, replay } from '../../domain/run-state.ts';
import { refuseOtherPlan } from '../../engine/run-journal.ts';
import { createListrReporter } from '../../reporting/listr-reporter.ts';
import { createNdjsonReporter } from '../../reporting/ndjson-reporter.ts';
import { createPlainReporter } from '../../reporting/plain-reporter.ts';
import type { ClosableReporter } from '../../reporting/reporter.ts';
import { warningOfEnd } from './credentials-end.ts';
import { refuseOtherCluster, refuseOtherName } from './refusals.ts';

/** What apply and rollback have in common. */
export interface RunTarget {
  /** plan folder, or the plan.json in it */
  target: string;
  /** where the journal is */
  state: StateLocation;
  confirm: string | undefined;
  dryRun: boolean;
  /** ask for missing rights before the first act */
  preflight: boolean;
  clusterName: string | undefined;
  pollIntervalMilliseconds: number;
  /** of the drain, in this run */
  limits?: DrainLimits;
  toolVersion: string;
  connection: Omit<ConnectionOptions, 'clusterName'>;
}

/** A plan with its journal, and the cluster that it was made for. */
export interface OpenedRun {
  folder: PlanFolder;
  journal: JournalStore;
  lock: RunLock;
  state: RunState;
  ports: Ports;
  /** ARN of the caller, for the journal */
  caller: string;
  /** aborts when the person or the system asks for a stop */
  signal: AbortSignal;
  reporter: ClosableReporter;
}

/**
 * Opens a plan to work on it, and closes what it opened when `work` is over. `refuse` throws what can be said without the
 * cluster; `refuseState` what the journal says, as soon as it is read.
 */
export async function withRun<T>(
  options: Pick<RunTarget, 'target' | 'state' | 'clusterName' | 'connection'> & { until?: Phase | undefined },
  io: Io,
  refuse: (folder: PlanFolder) => void,
  refuseState: (state: RunState, folder: PlanFolder, now: number) => void,
  work: (run: OpenedRun) => Promise<T>,
): Promise<T> {
  const folder = await openPlanFolder(options.target);
  const { plan } = folder;
  refuseOtherName(plan, options.clusterName);
  refuse(folder);
  const { connection } = options;
  const clock = connection.clock ?? realClock();
  const stateOf = async (journal: JournalStore): Promise<RunState> => {
    const { lines } = await journal.read();
    refuseOtherPlan(lines, plan);
    const state = replay(plan, lines);
    refuseState(state, folder, clock.now());
    return state;
  };
  // what a journal on this machine says is said before anything is asked of the cluster
  const local = options.state.kind === 'file' ? openJournal(folder, options.state, null) : null;
  const known = local && { journal: local, state: await stateOf(local) };
  const reporter = createReporter(io);
  const stop = stopOnSignals({
    notice: (line) => reporter.notice(line),
    sleep: (milliseconds) => realClock().sleep(milliseconds),
    command: io.commandLine,
  });
  const open = async (): Promise<OpenedRun> => {
    const { region = plan.cluster.region } = connection;
    const ports = await connect({
      ...connection,
      region,
      clusterName: plan.cluster.name,
      signal: stop.overdue,
      log: (line) => io.verbose && io.progress(line),
    });
    const caller = await refuseOtherCluster(plan, ports);
    const store = known?.journal ?? openJournal(folder, options.state, { ports, connection });
    const held = locked({
      ports,
      folder,
      state: options.state,
      journal: store,
      command: io.commandLine,
      onWarning: (message) => reporter.warning(message),
    });
    await held.refuseElsewhere();
    const { lock, journal } = held;
    const state = known?.state ?? (await stateOf(journal));
    const endsAt = await ports.identity.credentialsEnd();
    const warning = warningOfEnd(reporter, { endsAt, until: options.until, clock, command: io.commandLine });
    return { folder, journal, lock, state, ports, caller, signal: stop.asked, reporter: warning };
  };
  try {
    return await work(await unlessAborted(stop.asked, open()));
  } finally {
    await reporter.close();
    stop.dispose();
  }
}

function createReporter(io: Io): ClosableReporter {
  if (io.json) return createNdjsonReporter(io.result, io.progress, realClock());
  if (!io.live) return createPlainReporter(io.progress, { verbose: io.verbose });
  return createListrReporter({ clock: realClock(), stderr: io.stderr, colour: io.colour.stderr });
}
