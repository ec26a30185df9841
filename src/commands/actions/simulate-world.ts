import type { Io } from '../../cli/io.ts';
import { stopOnSignals } from '../../cli/signals.ts';
import { realClock, writeTemporaryFile } from '../../composition.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { hanging, jsonLine } from '../../reporting/text.ts';
import { createRealClock } from '../../simulator/clock.ts';
import { type HostedWorld, hostWorld } from '../../simulator/host.ts';
import { PortInUse } from '../../simulator/http-server.ts';
import type { Scenario } from '../../simulator/scenario.ts';
import { scenarios } from '../../simulator/scenarios/index.ts';
import type { SimHandler, SimResponse } from '../../simulator/types.ts';
import { createWorld, type World, type WorldRights } from '../../simulator/world.ts';
import { type WorldReport, worldPath, worldRightsPath } from './world-report.ts';

export interface SimulateOptions {
  scenario: string;
  speed: number;
  seed: number;
  /** of AWS; Kubernetes gets the next one. 0: free ones */
  port: number;
  /** end when nobody asked anything for so long; undefined: never */
  idleSeconds: number | undefined;
}

export function listScenarios(io: Io): ExitCode {
  const list = scenarios.map(({ name, title }) => ({ name, title }));
  const width = Math.max(...list.map(({ name }) => name.length)) + 4;
  const lines = list.flatMap(({ name, title }) => hanging(`  ${name}`.padEnd(width), title, width));
  io.result(
    io.json ? `${jsonLine(list)}\n` : `${lines.join('\n')}\n\n  -> prefix-migrate simulate ${list[0]?.name ?? ''}\n`,
  );
  return ExitCode.done;
}

/** Runs an embedded region until a signal comes or nobody has asked anything for a while. */
export async function simulate(options: SimulateOptions, io: Io): Promise<ExitCode> {
  const scenario = scenarioNamed(options.scenario);
  const world = createWorld(scenario, { clock: createRealClock(options.speed), seed: options.seed });
  const clock = realClock();
  let lastRequest = clock.now();
  const noted =
    (handler: SimHandler): SimHandler =>
    (request) => {
      lastRequest = clock.now();
      return handler(request);
    };
  const hosted = await host(
    { ...world, aws: noted(withReport(world, options)), kubernetes: noted(world.kubernetes) },
    options.port,
  );
  const kubeconfig = await writeTemporaryFile('kubeconfig', hosted.kubeconfig);
  const stop = stopOnSignals({
    notice: () => {},
    sleep: (milliseconds) => clock.sleep(milliseconds),
    command: io.commandLine,
  });
  try {
    const exported = exportsOf(hosted, kubeconfig.path, world.cluster.name);
    io.result(io.json ? `${jsonLine(exported)}\n` : exportLines(exported));
    io.progress(`${scenario.name}: ${scenario.title}. Ctrl-C ends it.`);
    for (;;) {
      const idle = clock.now() - lastRequest;
      const left = options.idleSeconds === undefined ? 3_600_000 : options.idleSeconds * 1000 - idle;
      if (left <= 0) return ExitCode.done;
      await clock.sleep(left, stop.asked);
    }
  } catch (error) {
    if (error === stop.asked.reason && error instanceof MigrateError) return error.exitCode;
    throw error;
  } finally {
    stop.dispose();
    await hosted.close();
    await kubeconfig.remove();
  }
}

function scenarioNamed(name: string): Scenario {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (scenario !== undefined) return scenario;
  throw new MigrateError({
    code: 'INPUT.UNKNOWN_SCENARIO',
    message: `There is no scenario "${name}".`,
    why: `There are ${scenarios.map((candidate) => candidate.name).join(', ')}.`,
    nextActions: ['prefix-migrate simulate', 'prefix-migrate simulate healthy'],
    exitCode: ExitCode.invalidInput,
  });
}

async function host(world: World, port: number): Promise<HostedWorld> {
  try {
    return await hostWorld(world, port === 0 ? {} : { awsPort: port, kubernetesPort: port + 1 });
  } catch (error) {
    if (!(error instanceof PortInUse)) throw error;
    throw new MigrateError({
      code: 'INPUT.PORT_IN_USE',
      message: `Port ${error.port} is in use by another program.`,
      why: 'The embedded world needs two ports: the one you name for AWS and the next one for Kubernetes.',
      nextActions: ['choose another --port, or leave it out: free ports are found', `lsof -i :${error.port}`],
      exitCode: ExitCode.invalidInput,
      cause: error,
    });
  }
}

/** What the world saw, for the demo's last screen: one path beside those of AWS. */
function withReport(world: World, { scenario, speed }: SimulateOptions): SimHandler {
  return (request) => {
    if (request.method === 'PUT' && request.path === worldRightsPath) return setRights(world, request.body);
    if (request.method !== 'GET' || request.path !== worldPath) return world.aws(request);
    const { budgetViolations, evictionsPerPod, readyPods, prefixes } = world.stats();
    const observed = { budgetViolations, evictionsPerPod, readyPods, prefixes };
    const report: WorldReport = { scenario, speed, now: world.clock.now(), observed };
    return { status: 200, headers: { 'content-type': 'application/json' }, body: jsonLine(report) };
  };
}

/** For tests and for people who try a policy out. */
function setRights(world: World, body: string): SimResponse {
  try {
    const { iam, rbac }: { iam?: NonNullable<WorldRights['policy']>; rbac?: WorldRights['rbac'] } = JSON.parse(body);
    if (iam === undefined || rbac === undefined) throw new SyntaxError('iam and rbac are what it takes');
    world.setRights('administrator', { policy: iam, rbac, groups: ['prefix-migrate'] });
    return { status: 204, headers: {}, body: '' };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { status: 400, headers: { 'content-type': 'text/plain' }, body: `${error.message}\n` };
  }
}

const exportsOf = (hosted: HostedWorld, kubeconfig: string, clusterName: string): Record<string, string> => ({
  ...hosted.environment,
  KUBECONFIG: kubeconfig,
  PREFIX_MIGRATE_CLUSTER: clusterName,
});

/** For `eval` in a shell. Values are quoted for POSIX shells. */
function exportLines(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'\n`)
    .join('');
}
