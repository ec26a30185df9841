/** The scheduler alone in large clusters, each size in a process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Finished } from './main.ts';
import { markdownTable, number, plainTable } from './results.ts';
import type { ScaleResult } from './scale-run.ts';

const program = fileURLToPath(new URL('scale-run.ts', import.meta.url));
const sizes = [500, 5_000];
/** Node takes what it may before it clears up, so the limit is given: what the scheduler needs is less. */
const heapMegabytes = 340;
const limits = { cpuSeconds: 60, megabytes: 600, growth: 2 };

export async function runScale(print: (text: string) => void): Promise<Finished> {
  const results: ScaleResult[] = [];
  for (const nodes of sizes) {
    print(`${nodes} nodes ...`);
    results.push(await inAProcess(nodes));
  }
  const head = [
    'nodes',
    'pods',
    'events',
    'virtual time s',
    'CPU s',
    'of it events',
    'of it status',
    'µs per event',
    'peak MB',
  ];
  const rows = results.map((each) => [
    number(each.nodes),
    number(each.pods),
    number(each.events),
    number(each.virtualSeconds, 0),
    number(each.cpuSeconds, 1),
    number(each.eventSeconds, 1),
    number(each.statusSeconds, 1),
    number(perEvent(each), 1),
    number(each.megabytes, 0),
  ]);
  print(plainTable(head, rows));
  const [small, large] = [results[0], results.at(-1)];
  if (!small || !large) throw new Error('nothing was run');
  const growth = perEvent(large) / perEvent(small);
  const says = `An event costs ${number(growth)} times as much with ${large.nodes} nodes as with ${small.nodes}.`;
  print(says);
  const missed = [
    ...(large.cpuSeconds > limits.cpuSeconds
      ? [`${number(large.cpuSeconds)} s of CPU, at most ${limits.cpuSeconds}`]
      : []),
    ...(large.megabytes > limits.megabytes ? [`${number(large.megabytes)} MB, at most ${limits.megabytes}`] : []),
    ...(growth > limits.growth ? [`an event costs ${number(growth)} times as much in the large cluster`] : []),
    ...results.flatMap(({ nodes, pods, evictions, refused, violations }) =>
      evictions === pods && refused === 0 && violations === 0
        ? []
        : [`${nodes} nodes: ${evictions} evictions of ${pods} pods, ${refused} refused, ${violations} violations`],
    ),
  ];
  const markdown = [
    `CPU and memory are those of the whole process, the world of the benchmark included; the limits are ${limits.cpuSeconds} s and ${limits.megabytes} MB. Node is started with --max-old-space-size=${heapMegabytes}: without a limit it lets garbage lie and takes about 1 GB in the large cluster. The status for the screen is made once a second, as in a real run. Half of the pods are in PDBs of one, a quarter in PDBs of 10 %, a tenth in stateful sets, the rest in none.`,
    markdownTable(head, rows),
    says,
    ...missed.map((each) => `- missed: ${each}`),
  ].join('\n\n');
  return { markdown, missed };
}

const perEvent = ({ eventSeconds, events }: ScaleResult): number => (eventSeconds * 1e6) / events;

function inAProcess(nodes: number): Promise<ScaleResult> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [`--max-old-space-size=${heapMegabytes}`, program, String(nodes)],
      { maxBuffer: 2 ** 20 },
      (error, stdout) => {
        if (error) reject(error);
        else resolve(JSON.parse(stdout));
      },
    );
  });
}
