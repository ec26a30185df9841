import type { Io } from '../../src/cli/io.ts';

/** A screen that nobody looks at: what was written is kept. */
export function quietIo(change: Partial<Io> = {}): { io: Io; results: string[]; lines: string[] } {
  const [results, lines]: [string[], string[]] = [[], []];
  const io: Io = {
    result: (text) => void results.push(text),
    progress: (line) => void lines.push(line),
    stderr: process.stderr,
    stdin: process.stdin,
    colour: { stdout: false, stderr: false },
    width: 80,
    live: false,
    canPrompt: false,
    json: false,
    verbose: false,
    commandLine: 'prefix-migrate test',
    environment: {},
    ...change,
  };
  return { io, results, lines };
}
