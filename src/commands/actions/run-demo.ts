import { endProcess, startInBackground } from '../../cli/background.ts';
import type { Io } from '../../cli/io.ts';
import {
  type ConnectionOptions,
  listFolder,
  openJournal,
  openPlanFolder,
  readTextFile,
  realClock,
  removeFolder,
  scaledClock,
  writePrivateFile,
} from '../../composition.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { plainRequest } from '../../domain/plan.ts';
import { replay } from '../../domain/run-state.ts';
import { summarize } from '../../domain/run-summary.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { demoText } from '../../reporting/formats/demo-text.ts';
import { jsonLine } from '../../reporting/text.ts';
import { applyPlan } from './apply-plan.ts';
import { planCluster } from './plan-cluster.ts';
import { type WorldReport, worldPath } from './world-report.ts';

export interface DemoOptions {
  folder: string;
  speed: number;
  toolVersion: string;
  root: string;
}

/** The world's process and how to reach it. Kept in the demo's folder, so that the next `demo` finds a living world. */
interface WorldRecord {
  pid: number;
  exported: Record<string, string>;
}

/**
 * The world runs in a process of its own, because it has to outlive this one: killed at any place and started again, the
 * demo finds the world and the journal, and goes on like `apply` does. The last screen ends the world; left alone, it ends
 * by itself.
 */
export async function runDemo(options: DemoOptions, io: Io): Promise<ExitCode> {
  const { record, report, found } = await reachWorld(options, io);
  const { AWS_REGION, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, KUBECONFIG, PREFIX_MIGRATE_CLUSTER } =
    record.exported as Partial<Record<string, string>>;
  const clusterName = PREFIX_MIGRATE_CLUSTER ?? '';
  const clock = scaledClock(realClock(), report.speed, report.now);
  const connection: ConnectionOptions = {
    clusterName,
    clock,
    region: AWS_REGION,
    kubeconfig: KUBECONFIG,
    aws: {
      endpoint: AWS_ENDPOINT_URL,
      credentials: { accessKeyId: AWS_ACCESS_KEY_ID ?? '', secretAccessKey: AWS_SECRET_ACCESS_KEY ?? '' },
    },
  };
  const folder = `${options.folder}/plan`;
  // the demo has a last screen of its own, and is the only one to write a result as JSON
  const quiet: Io = { ...io, json: false, result: () => {} };
  if (!found) {
    io.progress(`\n$ prefix-migrate plan --cluster ${clusterName} --soak 1m --out ${shellWord(folder)}\n`);
    const request = { ...plainRequest(clusterName), soakSeconds: 60 };
    const code = await planCluster(
      { request, folder, format: 'text', toolVersion: options.toolVersion, root: options.root, connection },
      io.json ? quiet : io,
    );
    if (code !== ExitCode.done) return code;
  }
  io.progress(`\n$ prefix-migrate apply ${shellWord(folder)} --confirm ${clusterName}`);
  io.progress('  (--confirm is the consent to move pods; here the demo itself gives it)\n');
  const code = await applyPlan(
    {
      target: folder,
      until: undefined,
      confirm: clusterName,
      approve: undefined,
      state: { kind: 'file' },
      dryRun: false,
      preflight: true,
      clusterName,
      pollIntervalMilliseconds: 5000,
      toolVersion: options.toolVersion,
      connection,
    },
    quiet,
  );
  const opened = await openPlanFolder(folder);
  const { plan } = opened;
  const { lines } = await openJournal(opened, { kind: 'file' }, null).read();
  const { observed } = await askWorld(record);
  const state = replay(plan, lines);
  io.result(
    io.json
      ? `${jsonLine({ cluster: clusterName, planId: plan.planId, folder, summary: summarize(plan, state), observed })}\n`
      : demoText(plan, state, observed, { folder, colour: io.colour.stdout }),
  );
  endProcess(record.pid);
  return code;
}

/** The living world of an earlier demo with its plan, or a new one. */
async function reachWorld(
  { folder, speed }: DemoOptions,
  io: Io,
): Promise<{ record: WorldRecord; report: WorldReport; found: boolean }> {
  const file = `${folder}/world.json`;
  const text = await readTextFile(file);
  const old: WorldRecord | undefined = text === undefined ? undefined : JSON.parse(text);
  const report = old && (await askWorld(old).catch(() => undefined));
  const planned = (await readTextFile(`${folder}/plan/plan.json`)) !== undefined;
  if (old && report && planned) {
    io.progress(
      `The embedded cluster of the last demo is still there (process ${old.pid}): going on where it stopped.`,
    );
    return { record: old, report, found: true };
  }
  if (old && report) endProcess(old.pid);
  await clear(folder, old !== undefined);
  io.progress(`Starting an embedded EKS cluster on this machine, ${speed} times as fast as a real one.`);
  const record = await startInBackground(
    ['simulate', 'healthy', '--speed', String(speed), '--idle-timeout', '15m'],
    'PREFIX_MIGRATE_CLUSTER',
  );
  await writePrivateFile(file, `${JSON.stringify(record, null, 2)}\n`);
  return { record, report: await askWorld(record), found: false };
}

/** Takes away what an earlier demo left, and nothing that no demo wrote. */
async function clear(folder: string, isDemo: boolean): Promise<void> {
  if (!isDemo && (await listFolder(folder)).length > 0) {
    throw new MigrateError({
      code: 'DEMO.FOLDER',
      message: `${folder} holds something that no demo wrote.`,
      why: 'The demo empties its folder before it starts, and would take it away.',
      nextActions: ['prefix-migrate demo --out ANOTHER_DIR'],
      exitCode: ExitCode.invalidInput,
    });
  }
  await removeFolder(folder);
}

async function askWorld({ exported }: WorldRecord): Promise<WorldReport> {
  const response = await fetch(`${exported['AWS_ENDPOINT_URL'] ?? ''}${worldPath}`);
  if (!response.ok) throw new Error(`the embedded world answered ${response.status}`);
  const report: WorldReport = JSON.parse(await response.text());
  return report;
}
