/** A real control plane with fake nodes: prefix-migrate and `kubectl drain` empty the same nodes, one after the other. */
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import type { StepProgress } from '../../src/domain/journal-entry.ts';
import { drain } from '../../src/drain/drain.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { drainParams, stateOf } from './contenders/ours.ts';
import type { Finished } from './main.ts';
import { connectTo, createFleet, type Fleet, type FleetOptions, type RealApi, sample } from './real-api.ts';
import { drainWithKubectl, versionOfKubectl } from './real-kubectl.ts';
import { markdownTable, median, number, plainTable } from './results.ts';

export const fleetOptions: FleetOptions = {
  nodes: 20,
  deployments: 30,
  replicas: 10,
  maxUnavailable: 1,
  readyMs: 4_000,
  endMs: 1_000,
};

interface Measured {
  seconds: number;
  violations: number;
  /** pods told to stop */
  stopped: number;
  refused: number;
  times: { up: number[]; end: number[] };
}

export async function runControlPlane(
  kubeconfig: string,
  clock: Clock,
  print: (text: string) => void,
): Promise<Finished & { versions: string[] }> {
  const kubectlVersion = await versionOfKubectl();
  const api = await connectTo(kubeconfig);
  const { gitVersion } = await api.send('GET', '/version');
  const pods = fleetOptions.deployments * fleetOptions.replicas;
  print(`Kubernetes ${gitVersion}: ${fleetOptions.nodes} nodes with ${pods} pods ...`);
  const fleet = await createFleet(api, clock, fleetOptions);
  let mine: Measured;
  let theirs: Measured;
  try {
    mine = await measure(api, clock, fleet, () => drainOurs(kubeconfig, clock, fleet));
    print(`prefix-migrate: ${number(mine.seconds, 1)} s; putting the pods back ...`);
    await fleet.restore();
    theirs = await measure(api, clock, fleet, async () => {
      const output = await drainWithKubectl(kubeconfig, `eks.amazonaws.com/nodegroup=${fleet.source}`);
      return output.split('will retry after').length - 1;
    });
  } finally {
    await fleet.remove();
  }

  const ups = [...mine.times.up, ...theirs.times.up];
  const up = Math.min(...ups);
  const end = Math.min(...mine.times.end, ...theirs.times.end);
  const bound = (Math.ceil(fleetOptions.replicas / fleetOptions.maxUnavailable) - 1) * up + end;
  const head = ['program', 'seconds', 'over the bound', 'pods stopped', 'refused evictions', 'violations'];
  const row = (name: string, { seconds, stopped, refused, violations }: Measured): string[] => [
    name,
    number(seconds, 1),
    number(seconds / bound),
    String(stopped),
    String(refused),
    String(violations),
  ];
  const rows = [row('prefix-migrate', mine), row(`kubectl drain ${kubectlVersion}`, theirs)];
  print(plainTable(head, rows));
  const missed = [
    ...(mine.violations > 0 ? [`control plane: ${mine.violations} violations`] : []),
    ...(mine.stopped !== pods ? [`control plane: ${mine.stopped} pods were stopped, ${pods} had to move`] : []),
    ...(mine.seconds > theirs.seconds ? ['control plane: kubectl was faster'] : []),
  ];
  const markdown = [
    `${fleetOptions.nodes} nodes with ${pods} pods of ${fleetOptions.deployments} Deployments, each with a PDB of maxUnavailable ${fleetOptions.maxUnavailable}, ${fleetOptions.readyMs / 1000} s to Ready. Lower bound ${number(bound, 1)} s: nine cycles of ${number(up, 2)} s, the shortest start of a pod that was seen (the median is ${number(median(ups), 2)} s), and the shortest end, ${number(end, 2)} s. Violations are counted from the benchmark's own watch of pods and PDBs, at each event. kubectl took ${number(theirs.seconds / mine.seconds, 1)} times as long as prefix-migrate on the same nodes in the same run. A pod's time and the API server's answers are real; the kubelets are KWOK.`,
    markdownTable(head, rows),
    ...missed.map((each) => `- missed: ${each}`),
  ].join('\n\n');
  return { markdown, missed, versions: [`Kubernetes ${gitVersion}`, `kubectl ${kubectlVersion}`] };
}

/** @param act drains; gives the number of refused evictions */
async function measure(api: RealApi, clock: Clock, fleet: Fleet, act: () => Promise<number>): Promise<Measured> {
  await fleet.turn();
  const sampler = await sample(api, clock, fleet, fleetOptions);
  const begin = clock.now();
  const refused = await act();
  const seconds = (clock.now() - begin) / 1000;
  await sampler.stop();
  return { seconds, refused, violations: sampler.violations(), stopped: sampler.stopped(), times: sampler.times() };
}

async function drainOurs(kubeconfig: string, clock: Clock, { source, replacement }: Fleet): Promise<number> {
  const kubernetes = await createKubernetesPort({ kubeconfig, clock });
  const journal: StepProgress[] = [];
  await drain(
    drainParams([source], { replacementNames: [replacement] }),
    { kubernetes, clock },
    {
      signal: new AbortController().signal,
      state: stateOf([]),
      drainStatus: () => undefined,
      progress: async (progress) => void journal.push(progress),
    },
  );
  return journal.filter((entry) => entry.kind === 'eviction-outcome' && entry.outcome === 'budget-exhausted').length;
}
