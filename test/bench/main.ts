/** The command line of the benchmark: `npm run bench:drain -- --help`. */
import { parseArgs } from 'node:util';
import { createRealClock } from '../../src/adapters/clock/real-clock.ts';
import { levelOne } from './level-one.ts';
import { circumstances, writeSection } from './report.ts';
import { callText, cells, columns, limits, markdownTable, plainTable } from './results.ts';
import { scenarios } from './scenarios.ts';

const help = `Drains clusters with prefix-migrate and with models of its peers, beside a lower bound.

  npm run bench:drain                          identical seeded clusters in the simulator, about five minutes
  npm run bench:drain -- --scenario spread     one of: ${scenarios.map(({ name }) => name).join(', ')}
  npm run bench:drain -- --seeds 20            seeds of the peers (5); ours has at least 20
  npm run bench:drain -- --scale               the scheduler alone with 500 and 5,000 nodes
  npm run bench:drain -- --kubectl             the real kubectl beside prefix-migrate, over HTTPS and in wall time
  npm run bench:drain -- --kubeconfig FILE     both on a real control plane with fake (KWOK) nodes
  ... --write                                  puts the figures into docs/benchmarks.md

Ends with 1 when prefix-migrate misses a target.
`;

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', default: false },
      scenario: { type: 'string', multiple: true },
      seeds: { type: 'string', default: '5' },
      scale: { type: 'boolean', default: false },
      kubectl: { type: 'boolean', default: false },
      kubeconfig: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const clock = createRealClock();
  const command = ['npm run bench:drain', ...(args.length > 0 ? ['--', ...args.map(withoutPath)] : [])].join(' ');
  const here = (versions: string[] = []): string => circumstances(command, new Date(clock.now()), versions);
  if (values.scale) {
    const { runScale } = await import('./scale.ts');
    return conclude('scale', values.write, await runScale(print), here());
  }
  if (values.kubectl) {
    const { runRealKubectl } = await import('./real-kubectl.ts');
    const { versions, ...rest } = await runRealKubectl(clock, print);
    return conclude('kubectl', values.write, rest, here(versions));
  }
  if (values.kubeconfig !== undefined) {
    const { runControlPlane } = await import('./control-plane.ts');
    const { versions, ...rest } = await runControlPlane(values.kubeconfig, clock, print);
    return conclude('control-plane', values.write, rest, here(versions));
  }
  return conclude('simulator', values.write, await runSimulator(values.scenario, Number(values.seeds)), here());
}

/** A finished run: its section of the page, and what ours missed. */
export interface Finished {
  markdown: string;
  missed: string[];
}

async function conclude(
  section: Parameters<typeof writeSection>[0],
  write: boolean,
  { markdown, missed }: Finished,
  where: string,
): Promise<number> {
  if (write) await writeSection(section, `${where}\n\n${markdown}`);
  print(
    missed.length === 0
      ? '\nAll targets are met.'
      : `\nTargets missed:\n${missed.map((each) => `  ${each}`).join('\n')}`,
  );
  return missed.length === 0 ? 0 : 1;
}

async function runSimulator(names: string[] | undefined, theirSeeds: number): Promise<Finished> {
  if (!(theirSeeds >= 1)) throw new Error('--seeds must be a number from 1');
  const sections: string[] = [];
  const { missed } = await levelOne({
    ...(names && { names }),
    ourSeeds: Math.max(20, theirSeeds),
    theirSeeds,
    done({ name, title }, rows) {
      print(`\n${name}: ${title}\n${plainTable(columns, rows.map(cells))}`);
      const calls = rows.map((row) => `- ${row.contender}: ${callText(row)}`).join('\n');
      sections.push(
        `### ${name}: ${title}\n\n${markdownTable(columns, rows.map(cells))}\n\n<details><summary>calls</summary>\n\n${calls}\n\n</details>`,
      );
    },
  });
  const { ratio, callsPerNodeAndPod } = limits;
  const memory = Math.round(process.resourceUsage().maxRSS / 1024);
  const verdict =
    missed.length === 0
      ? `Targets met in every run: at most ${ratio} times the lower bound and never above a contender, at most ${callsPerNodeAndPod} calls for each node and pod plus watches, no violation, one move per pod.`
      : `Targets missed:\n\n${missed.map((each) => `- ${each}`).join('\n')}`;
  return {
    markdown: [verdict, `Peak memory of the whole benchmark, worlds included: ${memory} MB.`, ...sections].join('\n\n'),
    missed,
  };
}

/** Paths of this machine stay here. */
const withoutPath = (argument: string): string => (argument.includes('/') ? 'FILE' : argument);

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
