/** Plays a story: builds its world, lets its operators work in it, lets happen what happens, and looks at what came of it. */
import { createHash } from 'node:crypto';
import { runChecks } from '../../../src/checks/index.ts';
import { parseJournal } from '../../../src/domain/journal-chain.ts';
import type { RollbackScope } from '../../../src/domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../../../src/domain/migrate-error.ts';
import type { MigrationPlan, Phase, PlanRequest } from '../../../src/domain/plan.ts';
import { plainRequest } from '../../../src/domain/plan.ts';
import { type RunState, replay } from '../../../src/domain/run-state.ts';
import { nextSteps } from '../../../src/engine/dry-run.ts';
import { openSteps, succeededSteps } from '../../../src/engine/order.ts';
import { rollbackScopeNow } from '../../../src/engine/rollback.ts';
import { type RunResult, runPlan } from '../../../src/engine/run.ts';
import { workOf } from '../../../src/engine/work.ts';
import { makePlan } from '../../../src/planning/plan.ts';
import { scopeOf } from '../../../src/planning/scope.ts';
import type { Reporter } from '../../../src/ports/reporter.ts';
import { createRandom } from '../../../src/simulator/random.ts';
import type { SimHandler } from '../../../src/simulator/types.ts';
import { createWorld, type World } from '../../../src/simulator/world.ts';
import { survey } from '../../../src/survey/survey.ts';
import { templates } from '../../support/templates.ts';
import { secretOf } from './cluster.ts';
import { createDriver } from './driver.ts';
import { emptyLateNodes, type Healing, happen, person, scaleReplacementsUp } from './incidents.ts';
import { startWatch } from './invariants.ts';
import { type JournalFile, openFile } from './journal.ts';
import { networkOf } from './network.ts';
import { type Machine, type SimulatedProcess, type Stage, startProcess } from './process.ts';
import { type Operator, type Start, type Story, troublesEndAfterSeconds } from './story.ts';

export type End = 'done' | 'taken back' | 'refused' | 'stopped';

export interface Outcome {
  end: End;
  violations: string[];
  /** how often each kind of thing happened */
  counts: Record<string, number>;
  virtualSeconds: number;
  requests: number;
  /** equal for two plays of the same story */
  fingerprint: string;
}

/** Starts that are tried once all trouble is over, before somebody puts right what was done by hand; and after that. */
const patience = 5;
/** Starts that find the cluster locked. */
const longestWait = 60;

export async function play(story: Story, tell: (line: string) => void = () => undefined): Promise<Outcome> {
  const world = createWorld(story.scenario, { seed: story.seed, users: [person] });
  const { clock } = world;
  const begin = clock.now();
  const counts: Record<string, number> = {};
  const fingerprint = createHash('sha256');
  const trace = (line: string): void => {
    const text = `${((clock.now() - begin) / 1000).toFixed(3).padStart(10)}  ${line}`;
    fingerprint.update(text);
    tell(text);
  };
  const count = (what: string): void => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const watch = startWatch(world, secretOf(story.seed));
  const driver = createDriver(world);
  const random = createRandom(story.seed).fork('processes');
  const stage: Stage = {
    world,
    random,
    touch: driver.touch,
    trace,
    count,
    watch: { sending: (...request) => watch.sending(...request) },
    endpoint: await endpointOf(world),
    network: networkOf(story, world, begin, driver.touch, count, trace),
  };
  const machines = story.skews.map(
    (seconds, host): Machine => ({ host: `host${host}`, skewMs: seconds * 1000, alive: new Set() }),
  );
  const finish = (end: End): Outcome => ({
    end,
    violations: watch.violations,
    counts,
    virtualSeconds: (clock.now() - begin) / 1000,
    requests: world.log.entries.length,
    fingerprint: fingerprint.digest('hex'),
  });
  let processes = 0;
  const processOn = async (host: number, blows: Start['blows']): Promise<SimulatedProcess> => {
    const machine = machines[host];
    if (machine === undefined) throw new Error(`no host ${host}`);
    processes += 1;
    const process = await startProcess(stage, `${machine.host}_${processes}`, machine, blows, world.cluster.name);
    driver.processes.add(process);
    return process;
  };

  async function planFor(request: Partial<PlanRequest>): Promise<MigrationPlan> {
    const quiet = { ...stage, network: (handler: SimHandler) => handler };
    const machine: Machine = { host: 'planner', skewMs: 0, alive: new Set() };
    processes += 1;
    const planner = await startProcess(quiet, `planner_${processes}`, machine, [], world.cluster.name);
    driver.processes.add(planner);
    watch.start(planner.id, { planId: '', nodegroups: [], steps: [] }, 'none', 'looks only');
    const wanted: PlanRequest = { ...plainRequest(world.cluster.name), ...request };
    const snapshot = await survey(planner.ports, { clusterName: world.cluster.name, subnetIds: wanted.subnetIds });
    const findings = runChecks(snapshot, wanted, scopeOf(snapshot, wanted));
    watch.tells('the snapshot', JSON.stringify(snapshot));
    driver.processes.delete(planner);
    planner.kill();
    return makePlan({ snapshot, request: wanted, findings, toolVersion: '0.0.0-test', templates });
  }

  const whole = async (): Promise<End> => {
    const plan = await planFor(story.request);
    watch.tells('the plan', JSON.stringify(plan));
    const blocking = plan.findings.filter(({ severity, allowed }) => severity === 'blocking' && allowed !== true);
    if (blocking.length > 0 || plan.steps.length === 0) {
      trace(
        `the plan is refused: ${blocking.map(({ code, subject }) => `${code} ${subject}`).join(', ') || 'nothing to do'}`,
      );
      return 'refused';
    }
    world.log.clear();
    const other = story.operators.some(({ hasOtherPlan }) => hasOtherPlan)
      ? await planFor({ ...story.request, canaryPods: (story.request.canaryPods ?? 1) + 1 })
      : undefined;
    // a lost node or an autoscaler may have brought one
    const healings: Healing[] = [
      () => {
        if (lastCode.startsWith('DELETE.') && !shared.isTakenBack) emptyLateNodes({ world, plan, watch });
        if (lastCode === 'NODEGROUP.SIZE_TAKEN_BACK') scaleReplacementsUp({ world, plan, watch });
      },
    ];
    const lines = lineCounter();
    const file = (name: string): JournalFile => ({
      text: '',
      written(runId, line) {
        watch.written(runId, line);
        trace(`${runId} writes ${summaryOf(line)}`);
        if (name === 'journal') lines.add(summaryOf(line));
      },
    });
    const journal = file('journal');
    const otherJournal = file('journal of the other plan');
    const incidents = story.incidents.map(async (incident) => {
      await lines.reach(incident.after);
      await driver.sleep(incident.seconds * 1000);
      const done = happen(incident, { world, plan, watch });
      if (done === undefined) return;
      count(`incident: ${incident.kind}`);
      trace(`somebody ${done.text}`);
      if (done.heal) healings.push(done.heal);
    });
    void incidents;
    const shared = { isTakenBack: false, healed: 0 };
    const operators = story.operators.map((operator, number) =>
      operator.hasOtherPlan && other
        ? operate({ operator, number, plan: other, file: otherJournal, isOther: true })
        : operate({ operator, number, plan, file: journal, isOther: false }),
    );
    const ends = await Promise.all(operators);
    const end: End = ends.includes('stopped') ? 'stopped' : shared.isTakenBack ? 'taken back' : 'done';
    await driver.sleep(15 * 60_000);
    if (watch.violations.length > 0) return end;
    if (isCalm(story)) watch.neverRefused();
    if (end === 'taken back') await watch.takenBack(plan, keptOf(plan, journal));
    else await watch.done(plan);
    return end;

    /** Starts the program again and again until it is through. */
    async function operate(work: {
      operator: Operator;
      number: number;
      plan: MigrationPlan;
      file: JournalFile;
      isOther: boolean;
    }): Promise<End> {
      const { operator } = work;
      let quiet = 0;
      for (let attempt = 0; ; attempt += 1) {
        const start: Start = operator.starts[attempt] ?? {
          waitSeconds: attempt === 0 ? 0 : random.int(1, 90),
          host: 0,
          blows: [],
        };
        await driver.sleep(start.waitSeconds * 1000);
        const wantsBack = operator.rollbackFrom !== undefined && attempt >= operator.rollbackFrom;
        if (wantsBack) shared.isTakenBack = true;
        const isOver = await runOnce(work, start, shared.isTakenBack && !work.isOther);
        if (isOver) return 'done';
        if (lastCode === 'ROLLBACK.TOO_LATE') {
          // then what was begun is brought to its end
          shared.isTakenBack = false;
          delete operator.rollbackFrom;
        }
        if (watch.violations.length > 0) return 'stopped';
        const isQuiet = attempt >= operator.starts.length && clock.now() - begin > troublesEndAfterSeconds * 1000;
        // while another run works there is nothing to do but wait
        quiet += isQuiet && (lastCode !== 'LOCK.HELD' || attempt > longestWait) ? 1 : 0;
        if (attempt >= operator.starts.length && !isQuiet) await driver.sleep(random.int(60, 600) * 1000);
        if (quiet <= patience) continue;
        if (shared.healed < 3 && healings.length > 0) {
          shared.healed += 1;
          quiet = 0;
          count('put right by hand');
          trace('somebody puts right what was done by hand');
          for (const heal of healings) heal();
          continue;
        }
        watch.violated(`it does not come to an end: ${lastWords}`);
        return 'stopped';
      }
    }
  };
  let lastWords = '';
  let lastCode = '';

  /** True when everything is done that this operator wants. */
  async function runOnce(
    { plan, file, isOther }: { plan: MigrationPlan; file: JournalFile; isOther: boolean },
    start: Start,
    rollback: boolean,
  ): Promise<boolean> {
    const state = replay(plan, parseJournal(file.text).lines);
    const isBegun = Object.values(state.steps).some(({ status }) => status !== 'pending');
    if (rollback && !isBegun) {
      trace('nothing to take back');
      return true;
    }
    const process = await processOn(start.host, start.blows);
    const until: Phase | undefined = isOther ? 'prepare' : start.until;
    count(rollback ? 'run: rollback' : 'run: apply');
    trace(`${process.id} starts${rollback ? ' a rollback' : ''}${until === undefined ? '' : ` until ${until}`}`);
    if (random.next() < 0.1) await lookOnly(process, workOf(plan, state), state);
    watch.start(process.id, plan, isOther ? 'other' : 'journal', rollback ? 'rollback' : 'apply');
    const running = runPlan({
      plan,
      ports: process.ports,
      journal: openFile(file, process),
      lock: process.lock,
      reporter: listening(
        (text) => watch.tells('a message', text),
        (planned) => watch.works(process.id, planned),
      ),
      options: {
        ...(until !== undefined && !rollback && { until }),
        ...(rollback && { rollback: (now: Readonly<RunState>) => rollbackScope(plan, now, process) }),
        consent: { given: true, by: 'operator', how: 'confirm-flag' },
        pollIntervalMilliseconds: 15_000,
        command: rollback ? 'rollback' : 'apply',
        signal: process.signal,
        runId: process.id,
      },
    });
    const result = await Promise.race([running, process.dead]).catch((error: unknown) => {
      if (error instanceof MigrateError) return error;
      watch.violated(`${process.id} ends with a bug: ${error instanceof Error ? error.stack : String(error)}`);
      return 'cut' as const;
    });
    // what it left running goes with it
    driver.processes.delete(process);
    process.kill();
    if (result === 'cut') {
      watch.others.killed.add(process.id);
      return false;
    }
    judge(process.id, result);
    if (result instanceof MigrateError || result.exitCode !== ExitCode.done) return false;
    const work = rollback ? workOf(plan, result.state) : plan;
    return openSteps(work, succeededSteps(result.state), isOther ? until : undefined).length === 0;
  }

  function judge(id: string, result: RunResult | MigrateError): void {
    const error = result instanceof MigrateError ? result : result.stoppedBy;
    const { exitCode } = result;
    const words = error === undefined ? '' : ` ${error.code}: ${error.message} ${error.why}`;
    // how full the disk of this machine is belongs to no story
    lastWords = `exit ${exitCode}${words}`.replace(/\d+ GiB of \d+ GiB are free/, 'the disk is as it is');
    lastCode = error?.code ?? '';
    trace(`${id} ends: ${lastWords}`);
    count(`exit ${exitCode}`);
    watch.tells('an error', `${lastWords} ${error?.nextActions.join(' ') ?? ''}`);
    const expected: ExitCode[] = [
      ExitCode.done,
      ExitCode.invalidInput,
      ExitCode.stoppedPartWay,
      ExitCode.locked,
      ExitCode.terminated,
    ];
    // somebody has begun to take the plan back
    if (lastCode === 'ROLLBACK.BEGUN') expected.push(ExitCode.stalePlan);
    if (!expected.includes(exitCode)) watch.violated(`${id} ends with exit code ${exitCode}: ${lastWords}`);
  }

  /** `--dry-run`: must change nothing. */
  async function lookOnly(process: SimulatedProcess, work: MigrationPlan, state: RunState): Promise<void> {
    watch.start(process.id, work, 'none', 'looks only');
    const looking = nextSteps(work, state, process.ports).catch((error: unknown) => {
      if (!(error instanceof MigrateError)) throw error;
    });
    await Promise.race([looking, process.dead]);
    count('run: dry run');
  }

  const end = await driver.run(whole(), () => watch.violations.length > 0);
  return finish(end ?? 'stopped');
}

/** As the command decides it. */
async function rollbackScope(
  plan: MigrationPlan,
  state: Readonly<RunState>,
  { ports }: SimulatedProcess,
): Promise<RollbackScope> {
  const scope = await rollbackScopeNow(plan, state, ports);
  if (scope.kept.length < plan.nodegroups.length) return scope;
  throw new MigrateError({
    code: 'ROLLBACK.TOO_LATE',
    message: 'Nothing can be taken back any more.',
    why: 'All sources are gone.',
    nextActions: [],
    exitCode: ExitCode.invalidInput,
  });
}

/** What the first rollback has written down. */
function keptOf(plan: MigrationPlan, { text }: JournalFile): string[] {
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  return replay(plan, lines).rollback?.kept ?? [];
}

function summaryOf(line: string): string {
  const { entry } = JSON.parse(line);
  const { type, runId: _runId, stepId = '', token: _token, progress, ...rest } = entry;
  const more = progress ?? rest;
  return `${type} ${stepId} ${JSON.stringify(more).slice(0, 240)}`;
}

function listening(hear: (text: string) => void, begins: (plan: MigrationPlan) => void): Reporter {
  return {
    runStarted: begins,
    line: () => undefined,
    waiting: ({ detail }) => hear(detail),
    drain: ({ lines, nextAction }) => hear(`${lines.join('\n')} ${nextAction ?? ''}`),
    warning: hear,
  };
}

/** Nothing befalls it but that it ends and is started again. */
const isCalm = ({ incidents, troubles, operators }: Story): boolean =>
  incidents.length + troubles.length === 0 &&
  operators.length === 1 &&
  operators.every(({ starts }) =>
    starts.every(({ blows }) => blows.every(({ kind }) => kind === 'crash' || kind === 'terminate')),
  );

function lineCounter() {
  let lines = 0;
  const waiting: { after: number | string; resolve: () => void }[] = [];
  return {
    add(line: string): void {
      lines += 1;
      for (const { after, resolve } of waiting) if (after === lines || line.startsWith(String(after))) resolve();
    },
    reach: (after: number | string): Promise<void> =>
      new Promise((resolve) => {
        waiting.push({ after, resolve });
      }),
  };
}

async function endpointOf(world: World): Promise<Stage['endpoint']> {
  const path = `/clusters/${world.cluster.name}`;
  const { body } = await world.handlersFor('administrator').aws({ method: 'GET', path, headers: {}, body: '' });
  const { cluster } = JSON.parse(typeof body === 'string' ? body : '');
  return { endpoint: cluster.endpoint, certificateAuthorityData: cluster.certificateAuthority.data };
}
