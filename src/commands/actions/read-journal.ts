import type { Io } from '../../cli/io.ts';
import {
  type ConnectionOptions,
  connect,
  openJournal,
  openPlanFolder,
  type PlanFolder,
  type StateLocation,
} from '../../composition.ts';
import type { JournalLine } from '../../domain/journal-entry.ts';
import { refuseOtherPlan } from '../../engine/run-journal.ts';
import { refuseOtherCluster } from './refusals.ts';

/** A plan whose journal is only looked at. */
export interface ReadTarget {
  /** plan folder, or the plan.json in it */
  target: string;
  /** where the journal is */
  state: StateLocation;
  connection: Omit<ConnectionOptions, 'clusterName'>;
}

/** A plan and what its journal says. The cluster is asked only when the journal is in it. */
export async function readJournal(
  { target, state, connection }: ReadTarget,
  io: Io,
): Promise<{ folder: PlanFolder; lines: JournalLine[] }> {
  const folder = await openPlanFolder(target);
  const { plan } = folder;
  const outside = { connection };
  if (state.kind === 'kubernetes') {
    const { region = plan.cluster.region } = connection;
    const ports = await connect({ ...connection, region, clusterName: plan.cluster.name });
    await refuseOtherCluster(plan, ports);
    Object.assign(outside, { ports });
  }
  const { lines, tornTail } = await openJournal(folder, state, outside).read();
  refuseOtherPlan(lines, plan);
  if (tornTail) io.progress('warning: the last line of the journal was cut off while it was written; it is left out');
  return { folder, lines };
}
