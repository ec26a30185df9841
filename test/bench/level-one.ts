/** Level 1: everybody drains identical clusters of the embedded simulator, on a virtual clock and without sockets. */
import { eksctl } from './contenders/eksctl.ts';
import { karpenter } from './contenders/karpenter.ts';
import { kubectl, kubectlPerNode } from './contenders/kubectl.ts';
import { ours } from './contenders/ours.ts';
import { misses, type Row } from './results.ts';
import { type Contender, type Result, runCase } from './rig.ts';
import { type BenchScenario, scenarios } from './scenarios.ts';

export const models: Contender[] = [kubectl, kubectlPerNode, eksctl(1), eksctl(25), karpenter];

export interface LevelOneOptions {
  /** all unless told */
  names?: string[];
  contenders?: Contender[];
  ourSeeds: number;
  theirSeeds: number;
  /** told after each scenario */
  done?: (scenario: BenchScenario, rows: Row[]) => void;
}

export interface LevelOne {
  rows: Row[];
  /** what ours missed */
  missed: string[];
}

export async function levelOne(options: LevelOneOptions): Promise<LevelOne> {
  const { names, contenders = models, ourSeeds, theirSeeds, done } = options;
  const unknown = names?.find((name) => scenarios.every((scenario) => scenario.name !== name));
  if (unknown !== undefined)
    throw new Error(`no scenario ${unknown}; there are ${scenarios.map(({ name }) => name).join(', ')}`);
  const all: Row[] = [];
  const missed: string[] = [];
  for (const scenario of scenarios.filter(({ name }) => names === undefined || names.includes(name))) {
    const mine = await rowOf(scenario, ours, ourSeeds);
    const others: Row[] = [];
    for (const contender of contenders) others.push(await rowOf(scenario, contender, theirSeeds));
    missed.push(...misses(mine, others, scenario.make(1).refusal !== undefined));
    all.push(mine, ...others);
    done?.(scenario, [mine, ...others]);
  }
  return { rows: all, missed };
}

async function rowOf(scenario: BenchScenario, contender: Contender, seeds: number): Promise<Row> {
  const results: Result[] = [];
  for (let seed = 1; seed <= seeds; seed += 1) results.push(await runCase(contender, scenario.make(seed), seed));
  return { scenario: scenario.name, contender: contender.name, results };
}
