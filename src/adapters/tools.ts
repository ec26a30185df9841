import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { ToolResult, ToolsPort } from '../ports/tools.ts';
import { cleanText } from './clean-text.ts';
import { removeFolder, writeTemporaryFile } from './files/private-files.ts';

const linesKept = 20;

/** Programs of this machine, with `env` as theirs. `log` gets what they write, line by line. */
export function createToolsPort(env: Record<string, string | undefined>, log: (line: string) => void): ToolsPort {
  return {
    temporaryFile: async (name, text) => (await writeTemporaryFile(name, text)).path,

    // it has a folder of its own
    removeFile: (path) => removeFolder(dirname(path)),

    run: (program, args, signal) =>
      new Promise<ToolResult | undefined>((resolve, reject) => {
        const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
        const lastLines: string[] = [];
        const take = (text: string): void => {
          const line = withoutCredentials(cleanText(text));
          if (line === '') return;
          log(`${program}: ${line}`);
          lastLines.push(line);
          if (lastLines.length > linesKept) lastLines.shift();
        };
        const flushes = [child.stdout, child.stderr].map((stream) => {
          const lines = splitLines(take);
          stream.setEncoding('utf8').on('data', (chunk: string) => lines.push(chunk));
          return () => lines.flush();
        });
        const end = (): void => void child.kill('SIGTERM');
        if (signal.aborted) end();
        signal.addEventListener('abort', end, { once: true });
        child.on('error', (error) => {
          signal.removeEventListener('abort', end);
          if ('code' in error && error.code === 'ENOENT') resolve(undefined);
          else reject(cannotRun(program, error));
        });
        child.on('close', (exitCode) => {
          signal.removeEventListener('abort', end);
          for (const flush of flushes) flush();
          resolve({ exitCode, lastLines });
        });
      }),
  };
}

/** A line without an end is taken once it is as long as this. */
const longestLine = 64 * 1024;

function splitLines(take: (line: string) => void): { push(chunk: string): void; flush(): void } {
  let rest = '';
  return {
    push(chunk) {
      const lines = `${rest}${chunk}`.split(/\r\n|\r|\n/);
      rest = lines.pop() ?? '';
      for (const line of lines) take(line);
      if (rest.length < longestLine) return;
      take(rest);
      rest = '';
    },
    flush() {
      take(rest);
      rest = '';
    },
  };
}

/** What programs that talk to AWS write when a request fails may hold keys and signatures. */
const withoutCredentials = (line: string): string =>
  line
    .replace(/(AKIA|ASIA)[A-Z0-9]{12,}/g, '$1...')
    .replace(/\/\/[^\s/@]+@/g, '//...@')
    .replace(
      /((?:secret|token|passw(?:or)?d|signature|credential|bearer)[\w-]*["']?\s*[=:]?\s*["']?)[^\s"'&,]{8,}/gi,
      '$1...',
    );

const cannotRun = (program: string, error: Error): MigrateError =>
  new MigrateError({
    code: 'TOOL.CANNOT_RUN',
    message: `${program} cannot be run: ${cleanText(error.message)}`,
    why: 'The system does not start it.',
    nextActions: [`${program} version  # has to work in this shell`, 'run the same command again'],
    exitCode: ExitCode.invalidInput,
    cause: error,
  });
