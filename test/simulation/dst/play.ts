/** Plays a story: builds its world, lets its operators work in it, lets happen what happens, and looks at what came of it. */
import { createHash } from 'node:crypto';
import { runChecks } from '../../../src/checks/index.ts';
import { driftWatch } from '../../../src/commands/actions/drift.ts';
import { parseJournal } from '../../../src/domain/journal-chain.ts';
import type { RollbackScope } from '../../../src/domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../../../src/domain/migrate-error.ts';
import type { MigrationPlan, Phase, PlanRequest } from '../../../src/domain/plan.ts';
import { plainRequest } from '../../../src/domain/plan.ts';
import { type RunState, replay } from '../../../src/domain/run-state.ts';
import { nextSteps } from '../../../src/engine/dry-run.ts';
import { openSteps, succeededSteps } from '../../../src/engine/order.ts';
import { rollbackScopeNow } from '../../../src/engine/rollback.ts';
import { runPlan } from '../../../src/engine/run.ts';
import { workOf } from '../../../src/engine/work.ts';
import { makePlan } from '../../../src/planning/plan.ts';
import { scopeOf } from '../../../src/planning/scope.ts';
import type { Reporter } from '../../../src/ports/reporter.ts';
import { createRandom } from '../../../src/simulator/random.ts';
import type { SimHandler } from '../../../src/simulator/types.ts';
import { createWorld, type World } from '../../../src/simulator/world.ts';
import { survey } from '../../../src/survey/survey.ts';
import { templates } from '../../support/templates.ts';
import { follow } from './advice.ts';
import { secretOf } from './cluster.ts';
import { createDriver } from './driver.ts';
import { happen, type Trouble } from './incidents.ts';
import { startWatch } from './invariants.ts';
import { type JournalFile, openFile } from './journal.ts';
import { networkOf } from './network.ts';
import { person } from './person.ts';
import { type Machine, type SimulatedProcess, type Stage, startProcess } from './process.ts';
import type { Operator, Start, Story } from './story.ts';

/** `broken`: a check has failed. `open fault`: the product cannot end it, which is known (see `openFaults`). */
export type End = 'done' | 'taken back' | 'refused' | 'open fault' | 'broken';

/** Stops without a way on that are known and not mended yet. An entry goes with its fault. */
const openFaults: readonly { what: string; code: string; said: RegExp }[] = [];

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

/** Starts that may end without success though nothing has befallen them: what came before has its aftermath. */
const patience = 2;
const pollIntervalMilliseconds = 15_000;

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
    watch,
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
    const troubles: Trouble[] = [];
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
      if (done.trouble) troubles.push(done.trouble);
    });
    void incidents;
    const shared = { isTakenBack: false, isTooLate: false };
    if (other) troubles.push(otherPlan(otherJournal));
    const operators = story.operators.map((operator) =>
      operator.hasOtherPlan && other
        ? operate({ operator, plan: other, file: otherJournal, isOther: true })
        : operate({ operator, plan, file: journal, isOther: false }),
    );
    const ends = await Promise.all(operators);
    const isTakenBack = shared.isTakenBack || ends.every((each) => each === 'taken back');
    const end: End =
      ends.find((each) => each === 'broken' || each === 'open fault') ?? (isTakenBack ? 'taken back' : 'done');
    await driver.sleep(15 * 60_000);
    if (watch.violations.length > 0 || end === 'open fault') return end;
    if (isCalm(story)) watch.neverRefused();
    if (end === 'taken back') await watch.takenBack(plan, keptOf(plan, journal));
    else await watch.done(plan);
    return end;

    /** Starts the program again and again until it is through. */
    async function operate(work: Work): Promise<End> {
      const { operator } = work;
      let fruitless = 0;
      let advised = 0;
      const met = new Set<Trouble>();
      for (let attempt = 0; ; attempt += 1) {
        const start: Start = operator.starts[attempt] ?? { waitSeconds: random.int(1, 90), host: 0, blows: [] };
        await driver.sleep(start.waitSeconds * 1000);
        const wantsBack = !shared.isTooLate && attempt >= (operator.rollbackFrom ?? Infinity);
        if (wantsBack && !isBegun(work)) {
          trace('nothing to take back');
          return 'taken back';
        }
        shared.isTakenBack ||= wantsBack;
        const ended = await runOnce(work, start, shared.isTakenBack && !work.isOther);
        if (ended === 'over') return 'done';
        if (watch.violations.length > 0) return 'broken';
        if (!(ended instanceof MigrateError)) continue;
        if (ended.code === 'ROLLBACK.TOO_LATE' && ended.exitCode === ExitCode.invalidInput) {
          // then what was begun is brought to its end
          Object.assign(shared, { isTakenBack: false, isTooLate: true });
          continue;
        }
        if (ended.exitCode === ExitCode.locked && watch.isLockAlive()) {
          await driver.sleep(random.int(1, 240) * 1000);
          continue;
        }
        // begun by the other operator while this one waited for the lock
        if (ended.code === 'ROLLBACK.BEGUN' && shared.isTakenBack) continue;
        const known = troubles.filter((trouble) => explains(trouble, ended));
        if (work.isOther && known.length > 0) {
          count('one of two plans given up');
          return 'done';
        }
        for (const trouble of known) met.add(trouble);
        if (known.length > 0 && advised < met.size) {
          // what is advised helps at once, or not at all
          advised += 1;
          // two plans at once come to no end
          await operators[story.operators.findIndex(({ hasOtherPlan }) => hasOtherPlan)];
          await takeAdvice(ended);
          continue;
        }
        fruitless += 1;
        count(`unexplained: ${ended.code}`);
        if (fruitless <= patience) continue;
        const open = openFaults.find(({ code, said }) => code === ended.code && said.test(inWords(ended)));
        if (open !== undefined) {
          count(`open fault: ${open.what}`);
          return 'open fault';
        }
        watch.violated(`it does not come to an end, and nothing that is there explains it: ${inWords(ended)}`);
        return 'broken';
      }
    }

    /** Somebody does what the message says: its commands; or takes back what it names, where it has none. */
    async function takeAdvice(stop: MigrateError): Promise<void> {
      count(`advice followed: ${stop.code}`);
      try {
        const commands = await follow(stop.nextActions, { world, watch, sleep: driver.sleep, pick: random.int(0, 9) });
        for (const command of commands) trace(`somebody runs ${command}`);
        if (commands.length > 0) return;
        for (const trouble of troubles.filter((each) => explains(each, stop))) trouble.takeBack();
        trace('somebody takes back what it names');
      } catch (error) {
        watch.violated(`${error instanceof Error ? error.message : String(error)}; said by ${inWords(stop)}`);
      }
    }
  };

  /** What became of a run; an error when nothing has befallen it, and it has not come to its end. */
  async function runOnce(
    { plan, file, isOther }: Pick<Work, 'plan' | 'file' | 'isOther'>,
    start: Start,
    rollback: boolean,
  ): Promise<'over' | 'partly' | 'struck' | MigrateError> {
    const state = replay(plan, parseJournal(file.text).lines);
    const process = await processOn(start.host, start.blows);
    const { ports, signal } = process;
    const until: Phase | undefined = isOther ? 'prepare' : start.until;
    const command = rollback ? 'rollback' : 'apply';
    count(`run: ${command}`);
    trace(`${process.id} starts ${command}${until === undefined ? '' : ` until ${until}`}`);
    if (random.next() < 0.1) await lookOnly(process, workOf(plan, state), state);
    watch.start(process.id, plan, isOther ? 'other' : 'journal', command);
    const hear = (text: string): void => watch.tells('a message', text);
    const running = runPlan({
      plan,
      ports,
      journal: openFile(file, process),
      lock: process.lock,
      reporter: listening(hear, (planned) => watch.works(process.id, planned)),
      options: {
        ...(rollback
          ? { rollback: (now: Readonly<RunState>) => rollbackScope(plan, now, process) }
          : {
              ...(until && { until }),
              beforePhase: driftWatch({
                plan,
                folder: 'DIR',
                ports,
                command,
                signal,
                warn: hear,
                pollIntervalMilliseconds,
              }),
            }),
        consent: { given: true, by: 'operator', how: 'confirm-flag' },
        pollIntervalMilliseconds,
        folder: 'DIR',
        command,
        signal,
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
      watch.killed(process.id);
      return 'struck';
    }
    const error = result instanceof MigrateError ? result : result.stoppedBy;
    judge(process.id, result.exitCode, error);
    if (error !== undefined) return process.isStruck() ? 'struck' : error;
    if (result instanceof MigrateError) return result;
    watch.ended();
    const work = rollback ? workOf(plan, result.state) : plan;
    return openSteps(work, succeededSteps(result.state), isOther ? until : undefined).length === 0 ? 'over' : 'partly';
  }

  function judge(id: string, exitCode: ExitCode, error: MigrateError | undefined): void {
    const words = error === undefined ? '' : inWords(error);
    trace(`${id} ends: ${words || 'exit 0'}`);
    count(`exit ${exitCode}${error === undefined ? '' : ` ${error.code}`}`);
    watch.tells('an error', `${words} ${error?.nextActions.join(' ') ?? ''}`);
    const expected: ExitCode[] = [
      ExitCode.done,
      ExitCode.invalidInput,
      ExitCode.stoppedPartWay,
      ExitCode.locked,
      ExitCode.terminated,
    ];
    // somebody has begun to take the plan back, or changed what it relies on
    if (error?.code === 'ROLLBACK.BEGUN' || error?.code === 'PLAN.DRIFTED') expected.push(ExitCode.stalePlan);
    if (!expected.includes(exitCode)) watch.violated(`${id} ends with exit code ${exitCode}: ${words}`);
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
  return finish(end ?? 'broken');
}

/** The work of one operator. */
interface Work {
  operator: Operator;
  plan: MigrationPlan;
  file: JournalFile;
  /** not the plan that the story is about */
  isOther: boolean;
}

const isBegun = ({ plan, file }: Work): boolean =>
  Object.values(replay(plan, parseJournal(file.text).lines).steps).some(({ status }) => status !== 'pending');

/** Of two plans for one cluster, one finds what the other has done. */
const otherPlan = (file: JournalFile): Trouble => ({
  codes: ['PLAN.DRIFTED'],
  named: /ENABLE_PREFIX_DELEGATION|status of node group .* is gone now/,
  lasts: () => file.text !== '',
  takeBack: () => undefined,
});

/** It is still there, the error is one of those that it makes, and says so. */
const explains = ({ codes, named, lasts }: Trouble, error: MigrateError): boolean =>
  lasts() && codes.includes(error.code) && named.test(inWords(error));

/** How full the disk of this machine is belongs to no story. */
const inWords = ({ exitCode, code, message, why }: MigrateError): string =>
  `exit ${exitCode} ${code}: ${message} ${why}`.replace(/\d+ GiB of \d+ GiB are free/, 'the disk is as it is');

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
