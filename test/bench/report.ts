/** docs/benchmarks.md: a page by hand around sections that each kind of run writes anew. */
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const page = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

export type Section = 'simulator' | 'scale' | 'kubectl' | 'control-plane';

/** Replaces what stands between the marks of a section. */
export async function writeSection(section: Section, text: string): Promise<void> {
  const [begin, end] = [`<!-- ${section} -->`, `<!-- end of ${section} -->`];
  const before = await readFile(page, 'utf8');
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no marks for ${section}`);
  await writeFile(page, `${before.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${before.slice(to)}`);
}

/** `2026-01-31, 2 cores (AMD EPYC), 24 GiB, Node v24.21.0, npm run bench:drain` */
export function circumstances(command: string, now: Date, versions: string[] = []): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const machine = `${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${memory} GiB`;
  const all = [`Node ${process.version}`, ...versions].join(', ');
  return `Run on ${now.toISOString().slice(0, 10)} with \`${command}\`: ${machine}, ${all}.`;
}
