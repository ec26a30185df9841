// Hostile input for every way into the program: `npm run fuzz -- --cases 10000 [--kind plan] [--from 1]`.
// One case again: `npm run fuzz -- --kind plan --seed 123`, or `--file PATH`. Ends with 1 when something was found.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { campaign, drawn } from '../test/fuzz/campaign.ts';
import { kinds } from '../test/fuzz/kinds/index.ts';

/** A case that takes longer hangs. */
const longestSeconds = 60;
delete process.env.KUBECONFIG;

if (isMainThread) await main();
else await work();

async function main() {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      kind: { type: 'string' },
      seed: { type: 'string' },
      file: { type: 'string' },
      save: { type: 'string' },
    },
  });
  const chosen = kinds.filter(({ name }) => values.kind === undefined || name === values.kind);
  if (chosen.length === 0)
    throw new Error(`no kind ${values.kind}; there are ${kinds.map(({ name }) => name).join(', ')}`);
  if (values.seed !== undefined || values.file !== undefined) {
    const [kind] = chosen;
    const input = values.file === undefined ? await drawn(kind, Number(values.seed)) : readFileSync(values.file);
    process.stdout.write(input.length > 3000 ? `${input.length} bytes\n` : `${input.toString()}\n`);
    console.log(`refused with: ${(await kind.feed(input)) ?? 'nothing, it was taken'}`);
    return;
  }
  let bad = 0;
  console.log(`seeds ${values.from} to ${Number(values.from) + Number(values.cases) - 1}`);
  for (const kind of chosen) bad += await run(kind, Number(values.from), Number(values.cases), values.save);
  process.exitCode = bad === 0 ? 0 : 1;
}

/** In a thread, so that a case that never ends can be told. */
function run(kind, from, cases, save) {
  return new Promise((resolve) => {
    const begin = performance.now();
    const worker = new Worker(new URL(import.meta.url), { workerData: { name: kind.name, from, cases, save } });
    let current = { seed: from, since: performance.now() };
    const watchdog = setInterval(() => {
      if (performance.now() - current.since < longestSeconds * 1000) return;
      console.log(`${kind.name}: HANGS: npm run fuzz -- --kind ${kind.name} --seed ${current.seed}`);
      clearInterval(watchdog);
      void worker.terminate();
      resolve(1);
    }, 1000);
    worker.on('message', ({ seed, result }) => {
      if (seed !== undefined) current = { seed, since: performance.now() };
      if (result === undefined) return;
      clearInterval(watchdog);
      const seconds = ((performance.now() - begin) / 1000).toFixed(0);
      const { accepted, refused, found } = result;
      const codes = Object.entries(refused).toSorted((a, b) => b[1] - a[1]);
      console.log(
        `${kind.name}: ${cases} cases in ${seconds} s, ${accepted} taken, ${found} found; refused: ${codes.map(([code, n]) => `${code} ${n}`).join(', ')}`,
      );
      resolve(found);
    });
    worker.on('exit', (code) => {
      clearInterval(watchdog);
      if (code === 0) return;
      console.log(`${kind.name}: ended with ${code} at seed ${current.seed}`);
      resolve(1);
    });
    worker.on('error', (error) => {
      clearInterval(watchdog);
      console.log(`${kind.name}: ended at seed ${current.seed}: ${error.stack}`);
      resolve(1);
    });
  });
}

async function work() {
  const { name, from, cases, save } = workerData;
  const kind = kinds.find((each) => each.name === name);
  const tell = parentPort.postMessage.bind(parentPort);
  const { found, ...result } = await campaign(kind, from, cases, (seed) => tell({ seed }));
  const seen = new Map();
  for (const { seed, input, error } of found) {
    const where =
      error instanceof Error ? `${error.message.split('\n')[0]?.slice(0, 300)} ${firstOwnLine(error)}` : String(error);
    const known = seen.get(where) ?? [];
    seen.set(where, [...known, seed]);
    if (known.length > 0 || save === undefined) continue;
    mkdirSync(save, { recursive: true });
    writeFileSync(`${save}/${name}-${seed}`, input);
  }
  for (const [where, seeds] of seen) {
    console.log(`${name}: ${seeds.length} x ${where}\n    npm run fuzz -- --kind ${name} --seed ${seeds[0]}`);
  }
  tell({ result: { ...result, found: found.length } });
}

/** Where in our files it was thrown. */
function firstOwnLine({ stack = '' }) {
  const lines = stack.split('\n').slice(1);
  return lines.find((line) => /\/(src|test)\//.test(line) && !line.includes('oracle'))?.trim() ?? '';
}
