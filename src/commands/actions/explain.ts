import { commandLineOf, withCallersFlags } from '../../cli/callers-flags.ts';
import type { Io } from '../../cli/io.ts';
import { isHolderGone, type PlanFolder, realClock } from '../../composition.ts';
import type { JournalLine } from '../../domain/journal-entry.ts';
import { ExitCode } from '../../domain/migrate-error.ts';
import { planFolder } from '../../domain/plan-command.ts';
import { type RunState, replay } from '../../domain/run-state.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { workOf } from '../../engine/work.ts';
import { type Explained, explainText, type Seen } from '../../reporting/formats/explain-text.ts';
import { jsonLine } from '../../reporting/text.ts';
import { explainBudget, explainNode, explainWorkload } from './explain-cluster.ts';
import { drainView } from './explain-drain.ts';
import { withFindings } from './explain-findings.ts';
import { explainMigration, isDraining } from './explain-migration.ts';
import { explainFinding, explainNodegroup, explainStep, explainSubnet } from './explain-plan.ts';
import { explainPod } from './explain-pod.ts';
import { fromSnapshot, look, readSnapshot, type Sight } from './explain-sight.ts';
import { type Subject, subjectsMeant, subjectsOfCluster, subjectsOfPlan, theOne } from './explain-subject.ts';
import { type ReadTarget, readJournal } from './read-journal.ts';

export interface ExplainOptions extends ReadTarget {
  subject: string | undefined;
}

/** `explain`: reads the folder and, where that says more, the cluster. Changes nothing. */
export async function explainPlan(options: ExplainOptions, io: Io): Promise<ExitCode> {
  const { subject, connection } = options;
  const { folder, lines } = await readJournal(options, io);
  const run = replay(folder.plan, lines);
  const snapshot = await readSnapshot(folder);
  const { explained, seen } = await answer(folder, lines, run, snapshot, subject, connection);
  const { planId, cluster } = folder.plan;
  const isUsual = folder.path === planFolder(cluster.name);
  const commandLine = isUsual ? io.commandLine : `${io.commandLine} ${commandLineOf(['--out', folder.path])}`;
  io.result(
    io.json
      ? `${jsonLine({ planId, cluster: cluster.name, seen, ...explained })}\n`
      : withCallersFlags(explainText(explained, seen, { colour: io.colour.stdout }), commandLine),
  );
  return ExitCode.done;
}

const told = (explained: Explained, { seen }: Sight): { explained: Explained; seen: Seen } => ({ explained, seen });

async function answer(
  folder: PlanFolder,
  lines: readonly JournalLine[],
  run: RunState,
  snapshot: ClusterSnapshot | undefined,
  text: string | undefined,
  connection: ExplainOptions['connection'],
): Promise<{ explained: Explained; seen: Seen }> {
  const { path } = folder;
  // once a rollback has begun, pods leave other nodes, and the steps are its own; those of the plan can still be asked about
  const plan = workOf(folder.plan, run);
  const allSteps = { ...plan, steps: [...new Set([...folder.plan.steps, ...plan.steps])] };
  const ofPlan = subjectsOfPlan(allSteps);
  const recorded = fromSnapshot(plan, snapshot, null);

  if (text === undefined) {
    const sight = isDraining(plan, run) ? await look(folder, snapshot, connection) : recorded;
    const now = new Date((connection.clock ?? realClock()).now()).toISOString();
    const isGone = isHolderGone(run.runs.at(-1)?.runId ?? '');
    return told(explainMigration(plan, run, drainView(plan, run, sight), { folder: path, now, isGone }), sight);
  }
  const [planned] = subjectsMeant(text, ofPlan);
  if (planned !== undefined && planned.kind !== 'nodegroup') return told(ofFolder(planned), recorded);
  const sight = await look(folder, snapshot, connection);
  const known = [...ofPlan, ...subjectsOfCluster(sight, run)];
  const subject = theOne(text, known, path);
  const drain = drainView(plan, run, sight);
  switch (subject.kind) {
    case 'pod':
      return told(withFindings(await explainPod(subject.name, plan, run, lines, sight, drain), plan, sight), sight);
    case 'pdb':
      return told(withFindings(explainBudget(subject.name, plan, sight, drain), plan, sight), sight);
    case 'workload':
      return told(withFindings(explainWorkload(subject.name, plan, sight, drain), plan, sight), sight);
    case 'node':
      return told(explainNode(subject.name, plan, run, sight, drain), sight);
    case 'nodegroup':
      return told(explainNodegroup(subject.name, plan, sight, path), sight);
    case 'step':
    case 'finding':
    case 'subnet':
    case 'migration':
      return told(ofFolder(subject), recorded);
  }

  /** What the folder alone can tell. */
  function ofFolder({ kind, name }: Subject): Explained {
    if (kind === 'step') return explainStep(name, allSteps, run, lines, path);
    if (kind === 'finding') return explainFinding(name, plan);
    return explainSubnet(name, plan, path);
  }
}
