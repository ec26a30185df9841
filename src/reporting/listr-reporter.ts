import { Listr, ListrDefaultRendererLogLevels, ListrLogger, ProcessOutput } from 'listr2';
import type { Clock } from '../ports/clock.ts';
import { type LiveView, linesIndent, type PhaseRow, phaseRows } from './phase-rows.ts';
import type { ClosableReporter } from './reporter.ts';

const repaintMilliseconds = 250;

/**
 * The live view on a terminal: at most eight rows, painted at most four times a second, on stderr. listr2 only draws;
 * order, retries and signals belong to the engine. Nothing is drawn before the first line of the journal, since consent
 * may be asked for until then.
 */
export function createListrReporter(options: {
  clock: Clock;
  stderr: NodeJS.WriteStream;
  colour: boolean;
}): ClosableReporter {
  let view: (LiveView & { waiting: Map<string, string> }) | undefined;
  let painting: Promise<void> | undefined;
  const stop = new AbortController();
  const warnings: string[] = [];
  const width = (): number => Math.min(options.stderr.columns ?? 80, 100);

  const rows = (): PhaseRow[] => (view ? phaseRows(view, { colour: options.colour, width: width() }) : []);

  async function paint(): Promise<void> {
    let ended = false;
    options.stderr.write('  Ctrl-C stops cleanly; the same command goes on.\n\n');
    const list = new Listr(
      rows().map((first, index) => ({
        title: first.title,
        task: async (_context: unknown, row: { title: string; output: string }): Promise<void> => {
          for (let shown = ''; ; ) {
            const now = rows()[index] ?? first;
            const text = [now.title, ...now.lines].join('\n');
            // Each assignment repaints the whole list.
            if (text !== shown) {
              if (row.title !== now.title) row.title = now.title;
              if (now.lines.length > 0) row.output = now.lines.join('\n');
              shown = text;
            }
            if (ended) return;
            await options.clock.sleep(repaintMilliseconds, stop.signal).catch(() => {
              ended = true;
            });
          }
        },
      })),
      {
        concurrent: true,
        exitOnError: false,
        registerSignalListeners: false,
        renderer: 'default',
        fallbackRendererCondition: false,
        rendererOptions: {
          lazy: true,
          indentation: linesIndent,
          formatOutput: 'truncate',
          icon: Object.fromEntries(Object.values(ListrDefaultRendererLogLevels).map((level) => [level, ''])),
          logger: new ListrLogger({
            useIcons: true,
            processOutput: new ProcessOutput(options.stderr, options.stderr),
          }),
        },
      },
    );
    await list.run();
  }

  return {
    runStarted(plan, state) {
      view = { plan, state, waiting: new Map(), drain: undefined };
    },
    line(_line, state) {
      if (view) view.state = state;
      painting ??= paint();
    },
    waiting({ stepId, detail }) {
      view?.waiting.set(stepId, detail);
    },
    drain(status) {
      if (view) view.drain = status;
    },
    warning(message) {
      if (painting) warnings.push(message);
      else options.stderr.write(`warning: ${message}\n`);
    },
    async close() {
      stop.abort();
      await painting;
      for (const message of warnings) options.stderr.write(`warning: ${message}\n`);
    },
  };
}
