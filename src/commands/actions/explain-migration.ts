import { blockers } from '../../domain/finding.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import { planCommand } from '../../domain/plan-command.ts';
import type { RunState } from '../../domain/run-state.ts';
import { summarize } from '../../domain/run-summary.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { canBeTakenBack } from '../../domain/taken-back.ts';
import type { Explained, Fact, PodAnswer } from '../../reporting/formats/explain-text.ts';
import { shortId } from '../../reporting/formats/plan-text.ts';
import { verdictOf } from '../../reporting/formats/status-text.ts';
import { count } from '../../reporting/text.ts';
import { causesOf, type DrainView, onTheWaySentence, podAnswers, podsSentence } from './explain-drain.ts';

const mostCauses = 5;

/** The drain is on, or was stopped in the middle of it: only then the cluster says more than the folder. */
export function isDraining(plan: MigrationPlan, run: RunState): boolean {
  const step = plan.steps.find(({ kind }) => kind === 'drain-source');
  const status = step === undefined ? undefined : run.steps[step.id]?.status;
  return status === 'started' || status === 'failed';
}

/** Where the migration stands, what holds it up, and the next command. `plan` is what is worked on, see `verdictOf`. */
export function explainMigration(
  plan: MigrationPlan,
  run: RunState,
  drain: DrainView | null,
  { folder, now, isGone }: { folder: string; now: string; isGone: boolean },
): Explained {
  const subject = { kind: 'migration' as const, name: `${plan.cluster.name}  plan ${shortId(plan.planId)}` };
  const said = (answer: string, facts: Fact[], nextActions: string[], pods: PodAnswer[] = []): Explained => ({
    subject,
    answer,
    facts,
    pods,
    nextActions,
  });
  const goOn = `prefix-migrate ${run.rollback === null ? 'apply' : 'rollback'} ${shellWord(folder)}`;
  const again = planCommand(plan.request);
  switch (verdictOf(plan, run)) {
    case 'finished':
      return plan.steps.length === 0
        ? said('The plan moves no node group: there is nothing to do.', [], [])
        : said('Finished: nothing is left to do.', [], [`prefix-migrate log ${shellWord(folder)}`]);
    case 'not-started': {
      const blocking = blockers(plan.findings);
      if (blocking.length > 0) {
        const more = blocking.length - mostCauses;
        return said(
          `Not started: ${count(blocking.length, 'finding')} in the way, so apply refuses the plan.`,
          [
            ...blocking
              .slice(0, mostCauses)
              .map(({ code, summary }) => ({ label: 'blocked', lines: [`${code}: ${summary}`] })),
            ...(more > 0 ? [{ label: '', lines: [`and ${more} more: ${folder}/plan.md has them all`] }] : []),
          ],
          [...new Set(blocking.slice(0, mostCauses).flatMap(({ nextActions }) => nextActions.slice(0, 1))), again],
        );
      }
      if (plan.expiresAt <= now) return said(`Not started, and expired at ${plan.expiresAt}.`, [], [again]);
      return said('Not started. Nothing stands in the way, as far as was seen.', [], [goOn]);
    }
    case 'rolled-back':
      return said('Taken back: nothing is left to undo.', keptFacts(run), [
        `prefix-migrate log ${shellWord(folder)}`,
        `${again} --out NEW_DIR   # to move again`,
      ]);
    case 'under-way':
    case 'stopped':
    case 'rolling-back': {
      const begun = plan.steps.find(({ id }) => run.steps[id]?.status !== 'succeeded');
      const isRunning = run.runs.at(-1)?.endedAt === null && !isGone;
      const what = run.rollback === null ? '' : 'It is being taken back. ';
      const where = begun === undefined ? '' : ` Phase ${begun.phase}, step ${begun.id}.`;
      const head = `${what}${isRunning ? 'Begun, and the last run has written no end: it still works, or was killed.' : 'Stopped part-way; it can go on.'}${where}`;
      const failures = plan.steps.flatMap(({ id }) => {
        const failure = run.steps[id]?.failure;
        return failure ? [{ id, failure }] : [];
      });
      const live = drain === null || !isDraining(plan, run) ? null : drainFacts(run, plan, drain);
      // what holds it up now says more than what did when it stopped
      const failed = live === null ? failures : [];
      return said(
        head,
        [
          ...failed.map(({ id, failure }) => ({ label: 'failed', lines: [`${id}: ${failure.message}`, failure.why] })),
          ...(live?.facts ?? []),
          ...keptFacts(run),
        ],
        [
          ...new Set([
            ...failed.flatMap(({ failure }) => failure.nextActions),
            ...(live?.nextActions ?? []),
            isRunning ? `${goOn}   # if no run works on it any more` : goOn,
            ...(run.rollback === null && !isRunning && canBeTakenBack(plan, run)
              ? [`prefix-migrate rollback ${shellWord(folder)}   # takes it back instead`]
              : []),
          ]),
        ],
        live === null ? [] : podAnswers(drain?.left ?? []),
      );
    }
  }
}

/** Of a rollback: what stays. */
const keptFacts = ({ rollback }: RunState): Fact[] =>
  rollback === null || rollback.kept.length === 0
    ? []
    : [
        {
          label: 'stays',
          lines: [`replaced, since the old node group is gone or being deleted: ${rollback.kept.join(', ')}`],
        },
      ];

/** What is still on the nodes to be left, and why. */
function drainFacts(
  run: RunState,
  plan: MigrationPlan,
  { state, left }: DrainView,
): Pick<Explained, 'facts' | 'nextActions'> {
  const causes = causesOf(left);
  const shown = causes.slice(0, mostCauses);
  const rest = causes.slice(mostCauses);
  const moving = onTheWaySentence(left);
  const { podsMoved } = summarize(plan, run);
  return {
    facts: [
      {
        label: 'drain',
        lines: [
          `${state.nodesEmpty} of ${count(state.nodesTotal, run.rollback === null ? 'old node' : 'new node')} empty, ${count(podsMoved, 'pod')} moved, ${left.length} left`,
        ],
      },
      ...shown.map(({ pods, reason }) => ({ label: 'waits', lines: [`${podsSentence(pods)}: ${reason}`] })),
      ...(rest.length === 0
        ? []
        : [
            {
              label: '',
              lines: [
                `and ${count(rest.length, 'cause')} more, of ${count(
                  rest.reduce((sum, { pods }) => sum + pods.length, 0),
                  'pod',
                )}`,
              ],
            },
          ]),
      ...(moving === '' ? [] : [{ label: 'moves', lines: [moving] }]),
    ],
    nextActions: shown.map(({ nextAction }) => nextAction),
  };
}
