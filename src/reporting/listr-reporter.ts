import { stripVTControlCharacters } from 'node:util';
import { DefaultRenderer, Listr, ListrDefaultRendererLogLevels, ListrLogger, ProcessOutput } from 'listr2';
import type { Clock } from '../ports/clock.ts';
import { isCommand } from './formats/findings.ts';
import { type LiveView, phaseRows } from './phase-rows.ts';
import type { ClosableReporter } from './reporter.ts';
import { cut, hanging, withoutControlCharacters } from './text.ts';

const repaintMilliseconds = 250;
const hint = '  Ctrl-C stops cleanly; the same command goes on.';

/**
 * The live view on a terminal: at most twelve lines, painted at most four times a second, on stderr. listr2 only draws;
 * order, retries and signals belong to the engine. Nothing is drawn before the first line of the journal, since consent
 * may be asked for until then. Notes of the journal stay above it, in full.
 */
export function createListrReporter(options: {
  clock: Clock;
  stderr: NodeJS.WriteStream;
  colour: boolean;
}): ClosableReporter {
  const { stderr, clock, colour } = options;
  let view: (LiveView & { waiting: Map<string, string> }) | undefined;
  let painting: Promise<void> | undefined;
  let lastLine = hint;
  let closed = false;
  const stop = new AbortController();
  const warnings: string[] = [];
  /** to be written above the view */
  const notes: string[] = [];
  const width = (): number => Math.min(stderr.columns, 120);

  /** The rows as they are now; the last line tells what Ctrl-C does, or did. */
  function picture(): string[] {
    if (view === undefined) return [];
    const rows = phaseRows(view, { colour, width: width() }).flatMap(({ title, lines }) => [title, ...lines]);
    return stop.signal.aborted ? rows : [...rows, cut(lastLine, width() - 2)];
  }

  const say = (lines: readonly string[]): boolean => stderr.write(lines.map((line) => `${line}\n`).join(''));

  /** Takes the view away for notes, and paints it anew below them; at the end it stays. */
  async function paint(): Promise<void> {
    while (!stop.signal.aborted) {
      await paintUntilNotes();
      say(notes.splice(0));
    }
    say(picture());
  }

  async function paintUntilNotes(): Promise<void> {
    let shown = picture();
    // A narrower terminal breaks the lines that stand there: all of their parts have to go, not only as many as there were.
    const cleanUp = (): void => {
      const parts = shown.map((line) => Math.ceil(stripVTControlCharacters(line).length / stderr.columns));
      const rows = parts.reduce((sum, count) => sum + Math.max(1, count), 0);
      if (rows > shown.length) stderr.write(`\u001b[${rows}A\u001b[J${'\n'.repeat(shown.length)}`);
      shown = [];
    };
    stderr.on('resize', cleanUp);
    const list = new Listr(
      [
        {
          title: shown.join('\n'),
          async task(_context: unknown, row: { title: string }): Promise<void> {
            while (!stop.signal.aborted && notes.length === 0) {
              await clock.sleep(repaintMilliseconds, stop.signal).catch(() => {});
              const now = picture();
              // Each assignment repaints.
              if (now.join('\n') !== shown.join('\n')) row.title = now.join('\n');
              shown = now;
            }
          },
        },
      ],
      {
        registerSignalListeners: false,
        renderer: OnStderr,
        fallbackRendererCondition: false,
        rendererOptions: {
          lazy: true,
          clearOutput: true,
          indentation: 0,
          formatOutput: 'truncate',
          icon: Object.fromEntries(Object.values(ListrDefaultRendererLogLevels).map((level) => [level, ''])),
          logger: new ListrLogger({
            useIcons: true,
            processOutput: new ProcessOutput(withOwnWrite(stderr), withOwnWrite(stderr)),
          }),
        },
      },
    );
    await list.run();
    stderr.off('resize', cleanUp);
  }

  return {
    runStarted(plan, state) {
      view = { plan, state, waiting: new Map(), drain: undefined };
    },
    line({ entry }, state) {
      if (view) view.state = state;
      if (entry.type === 'step-progress' && entry.progress.kind === 'note')
        notes.push(...noteLines(entry.stepId, entry.progress.message));
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
      else stderr.write(`warning: ${message}\n`);
    },
    notice(line) {
      lastLine = `  ${line}`;
      if (!painting) stderr.write(`${line}\n`);
    },
    async close() {
      stop.abort();
      await painting;
      if (painting && !closed) stderr.write('\n');
      closed = true;
      for (const message of warnings.splice(0)) stderr.write(`warning: ${message}\n`);
    },
  };
}

/** listr2 asks whether stdout is a terminal, and would write plain lines there if not; the view is on stderr. */
class OnStderr extends DefaultRenderer {
  static override nonTTY = true;
}

/** A note in at most 80 columns, but for a command, which is there to be pasted. */
export function noteLines(stepId: string, message: string): string[] {
  const text = withoutControlCharacters(message);
  return isCommand(text) ? [`    -> ${text.replaceAll('\n', ' ')}`] : hanging(`  ${stepId}: `, text, 4);
}

/**
 * The stream with a `write` of its own. listr2 replaces `write` while it paints, and on the stream itself that would keep
 * the terminal's cursor hidden when a second Ctrl-C ends the process at once.
 */
function withOwnWrite(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  const own: Record<PropertyKey, unknown> = { write: stream.write.bind(stream) };
  return new Proxy(stream, {
    get: (target, key) => (Object.hasOwn(own, key) ? own[key] : Reflect.get(target, key)),
    set(_target, key, value) {
      own[key] = value;
      return true;
    },
  });
}
