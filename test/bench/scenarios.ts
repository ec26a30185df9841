/** The clusters of the benchmark. The seed draws sizes and times; the shape is what each one is about. */
import { createRandom } from '../../src/simulator/random.ts';
import type { BudgetSpec, NodegroupSpec, Scenario, WorkloadSpec } from '../../src/simulator/scenario.ts';
import {
  budget,
  demoCluster,
  deployment,
  nodegroup,
  statefulSet,
  threeSubnets,
} from '../../src/simulator/scenarios/parts.ts';
import type { KubeObject, Random } from '../../src/simulator/types.ts';
import type { World } from '../../src/simulator/world.ts';
import { type BoundOptions, boundOf } from './bound.ts';
import { drainParams } from './contenders/ours.ts';
import { type Case, closedTaint } from './rig.ts';

export interface BenchScenario {
  name: string;
  title: string;
  make: (seed: number) => Case;
}

const subnets = threeSubnets();
const namespace = 'shop';

/** m5.xlarge with prefixes: 110 pods a node. */
function group(name: string, size: number, more: Partial<NodegroupSpec> = {}): NodegroupSpec {
  return nodegroup(name, size, subnets, { instanceTypes: ['m5.xlarge'], ...more });
}

interface Parts extends BoundOptions {
  nodes?: number;
  groups?: NodegroupSpec[];
  workloads: WorkloadSpec[];
  budgets?: BudgetSpec[];
}

function cluster(parts: Parts): Case {
  const { nodes = 6, workloads, budgets = [], unbudgetedPercent = 25 } = parts;
  const groups = parts.groups ?? [group('old', nodes)];
  const size = groups.reduce((sum, { scaling }) => sum + scaling.desiredSize, 0);
  const labels = Object.assign({}, ...groups.map((each) => each.labels ?? {}));
  const scenario: Scenario = demoCluster({
    name: 'bench',
    title: 'a source to empty and a replacement with room for all of it',
    subnets,
    vpcCni: {
      managedBy: 'eks-addon',
      version: 'v1.19.2-eksbuild.1',
      configurationValues: JSON.stringify({ env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' } }),
    },
    nodegroups: [...groups, group('new', size + 1, { labels, taints: [closedTaint] })],
    workloads,
    budgets,
    ebsCsi: { attachLimit: 25 },
  });
  const { seconds, stays } = boundOf(scenario, parts);
  const sources = groups.map(({ name }) => name);
  return {
    scenario,
    sources,
    boundSeconds: seconds,
    stays,
    params: drainParams(sources, { unbudgetedPercent }),
  };
}

/** Deployments that differ in size, start and end; light, so that only the number of pods fills a node. */
function services(random: Random, count: number, replicas: [number, number] = [4, 10]): WorkloadSpec[] {
  return Array.from({ length: count }, (_, index) =>
    deployment(namespace, `app-${index}`, random.int(...replicas), {
      readySeconds: random.int(10, 30),
      terminationSeconds: random.int(2, 8),
      cpu: '20m',
      memory: '16Mi',
    }),
  );
}

const budgets = (workloads: readonly WorkloadSpec[], limit: Partial<BudgetSpec>): BudgetSpec[] =>
  workloads.map(({ name }) => budget(namespace, name, limit));

const one = { maxUnavailable: 1 };
/** So long a program may wait for somebody to help, once nothing moves any more. */
const patienceSeconds = 180;

/** A spread cluster, the base of several scenarios. */
function spread(seed: number): Parts & { nodes: number } {
  const workloads = services(createRandom(seed), 20, [5, 10]);
  return { nodes: 10, workloads, budgets: budgets(workloads, one) };
}

function statefulParts(random: Random, ends: [number, number] = [5, 15]): Parts {
  const sets = Array.from({ length: 3 }, (_, index) =>
    statefulSet(namespace, `db-${index}`, random.int(3, 5), {
      // the start contains detach and attach: the zonal volumes of the simulator take no time of their own
      readySeconds: 15 + random.int(10, 20),
      terminationSeconds: random.int(...ends),
      memory: '64Mi',
      volume: 'gp3',
    }),
  );
  return { workloads: sets, budgets: budgets(sets, one) };
}

export const scenarios: BenchScenario[] = [
  {
    name: 'no-budget',
    title: 'no PDB, a quarter of each workload at a time by our own rule',
    make: (seed) => cluster({ workloads: services(createRandom(seed), 8) }),
  },
  {
    name: 'no-budget-all',
    title: 'no PDB, told that all may go at once',
    make: (seed) => cluster({ workloads: services(createRandom(seed), 8), unbudgetedPercent: 100 }),
  },
  {
    name: 'spread',
    title: 'spread, maxUnavailable 1',
    make: (seed) => cluster(spread(seed)),
  },
  {
    name: 'lumpy',
    title: 'lumpy placement: all pods of a workload on one node',
    make(seed) {
      const random = createRandom(seed);
      const nodes = 5;
      const groups = Array.from({ length: nodes }, (_, index) =>
        group(`old-${index}`, 1, { labels: { [`lump-${index}`]: 'yes' } }),
      );
      const workloads = services(random, 10).map((workload, index) => ({
        ...workload,
        nodeSelector: { [`lump-${index % nodes}`]: 'yes' },
      }));
      return cluster({ groups, workloads, budgets: budgets(workloads, { maxUnavailable: '20%' }) });
    },
  },
  {
    name: 'stateful',
    title: 'stateful sets with volumes',
    make: (seed) => cluster(statefulParts(createRandom(seed))),
  },
  {
    name: 'dense',
    title: '8 nodes of 110 pods, maxUnavailable 2',
    make(seed) {
      // two places of each node are those of aws-node and kube-proxy, two in all those of CoreDNS
      const workloads = services(createRandom(seed), 78, [11, 11]);
      return cluster({ nodes: 8, workloads, budgets: budgets(workloads, { maxUnavailable: 2 }) });
    },
  },
  {
    name: 'never',
    title: 'one PDB that never allows an eviction',
    make(seed) {
      const { nodes, workloads, budgets: limits = [] } = spread(seed);
      const last = workloads.at(-1)?.name ?? '';
      const parts = {
        nodes,
        workloads,
        budgets: limits.map((limit) => (limit.name === last ? budget(namespace, last, { maxUnavailable: 0 }) : limit)),
      };
      const says = new RegExp(`${last}.*PDB.*needs \\d+ healthy, has \\d+, expected \\d+.*kubectl`, 's');
      return { ...cluster(parts), refusal: { says, withinSeconds: patienceSeconds } };
    },
  },
  {
    name: 'two-budgets',
    title: 'one workload in two PDBs',
    make(seed) {
      const { nodes, workloads, budgets: limits = [] } = spread(seed);
      const last = workloads.at(-1)?.name ?? '';
      const second = { ...budget(namespace, last, one), name: `${last}-again` };
      const says = new RegExp(`${last}.*more than one PodDisruptionBudget.*${last}-again.*kubectl`, 's');
      return {
        ...cluster({ nodes, workloads, budgets: [...limits, second] }),
        refusal: { says, withinSeconds: patienceSeconds },
      };
    },
  },
  {
    name: 'crash-looping',
    title: 'two crash-looping apps under a PDB, one of which may always be evicted',
    make(seed) {
      const workloads = services(createRandom(seed), 8).map((workload, index) =>
        index < 2 ? { ...workload, neverReady: true } : workload,
      );
      const always = { ...budget(namespace, 'app-1', one), unhealthyPodEvictionPolicy: 'AlwaysAllow' as const };
      const limits = budgets(workloads, one).map((limit) => (limit.name === 'app-1' ? always : limit));
      return {
        ...cluster({ workloads, budgets: limits }),
        // it may heal, so the deadline of half an hour decides
        refusal: { says: /app-0.*PDB.*needs \d+ healthy, has 0, expected \d+.*kubectl/s, withinSeconds: 1800 },
      };
    },
  },
  {
    name: 'killed',
    title: 'killed at 50 % and started again',
    make: (seed) => ({ ...cluster(spread(seed)), killedAt: 0.5 }),
  },
  {
    name: 'late',
    title: 'pods that land late on an old node, and a node that joins the old group',
    make(seed) {
      const parts = spread(seed);
      const late = { 'app-0': { pods: 2, at: 20 } };
      return {
        ...cluster({ ...parts, late }),
        meanwhile({ world, after }) {
          after(20, () => bindTwoMore(world, 'app-0'));
          after(5, () => void scaleUp(world));
        },
      };
    },
  },
  {
    name: 'recreated',
    title: 'a stateful pod deleted by somebody between refusal and retry',
    make(seed) {
      // Gone and back within kubectl's 5 s: who asks by name alone finds another pod.
      return {
        ...cluster({ ...statefulParts(createRandom(seed), [2, 4]), oneDeleted: true }),
        meanwhile: ({ world, after }) => after(1, () => deleteOneOfEachSet(world)),
      };
    },
  },
  {
    name: 'slow-api',
    title: '200 ms latency, 2 % of 5xx',
    make: (seed) => ({
      ...cluster(spread(seed)),
      latencyMs: 200,
      faults: [{ operation: 'k8s:*', kind: 'server-error', probability: 0.02 }],
    }),
  },
  {
    name: 'watch-cuts',
    title: 'watches cut, and too old (410)',
    make: (seed) => ({
      ...cluster(spread(seed)),
      faults: [
        { operation: 'k8s:watch *', kind: 'watch-cut', probability: 0.3, events: 7 },
        { operation: 'k8s:watch *', kind: 'gone', probability: 0.2 },
      ],
    }),
  },
];

/** No time is a multiple of another, so that polls do not race with what they look for. */
const brief = { readySeconds: 4, terminationSeconds: 2.5, cpu: '20m', memory: '16Mi' };

/** Four nodes and short times, for wall time. */
export function short(): Case {
  const workloads = Array.from({ length: 6 }, (_, index) => deployment(namespace, `app-${index}`, 4, { ...brief }));
  const { scenario, ...rest } = cluster({ nodes: 4, workloads, budgets: budgets(workloads, one) });
  // half a second of lag would be much of such cycles
  return { ...rest, scenario: { ...scenario, timings: { ...scenario.timings, disruptionController: 0.05 } } };
}

const podPath = (name: string): string => `/api/v1/namespaces/${namespace}/pods/${name}`;

async function request(world: World, method: string, path: string, body: object = {}): Promise<void> {
  const headers = { authorization: `Bearer ${world.administrator.token}`, 'content-type': 'application/json' };
  await world.kubernetes({ method, path, headers, body: JSON.stringify(body) });
}

/** The first of each stateful set that is not on its way out. */
function deleteOneOfEachSet(world: World): void {
  const sets = new Set<string>();
  for (const { metadata } of world.store.list('pods', namespace).toSorted(byName)) {
    const set = metadata.labels?.['app'] ?? '';
    if (metadata.deletionTimestamp !== undefined || sets.has(set)) continue;
    sets.add(set);
    void request(world, 'DELETE', podPath(metadata.name));
  }
}

const byName = (a: KubeObject, b: KubeObject): number => (a.metadata.name < b.metadata.name ? -1 : 1);

/** Somebody scales a Deployment up and binds its new pods to an old node, past the scheduler and the cordon. */
function bindTwoMore({ store }: World, app: string): void {
  const isOf = ({ metadata }: KubeObject): boolean => metadata.labels?.['app'] === app;
  const [set] = store.list<Replicated>('replicasets', namespace).filter(isOf);
  const [node] = store
    .list<Cordoned>('nodes')
    .filter(({ spec, metadata }) => spec.unschedulable && metadata.labels?.['eks.amazonaws.com/nodegroup'] === 'old');
  if (!set || !node) throw new Error(`no ${app} to scale up`);
  for (const resource of ['deployments', 'replicasets']) {
    const name = resource === 'deployments' ? app : set.metadata.name;
    store.update<Replicated>(resource, namespace, name, ({ spec }) => {
      spec.replicas += 2;
    });
  }
  for (const suffix of ['late1', 'late2']) {
    store.create<Bound>('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...set.spec.template.metadata,
        name: `${set.metadata.name}-${suffix}`,
        namespace,
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            name: set.metadata.name,
            uid: set.metadata.uid,
            controller: true,
          },
        ],
      },
      spec: { ...set.spec.template.spec, nodeName: node.metadata.name },
    });
  }
}

/** The Auto Scaling group of the source starts one more node. */
async function scaleUp(world: World): Promise<void> {
  const { accessKeyId } = world.administrator;
  const { desiredSize, ...limits } = group('old', 10).scaling;
  await world.aws({
    method: 'POST',
    path: `/clusters/${world.cluster.name}/node-groups/old/update-config`,
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/x`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ scalingConfig: { ...limits, desiredSize: desiredSize + 1 }, clientRequestToken: 'late' }),
  });
}

type Replicated = KubeObject & {
  spec: { replicas: number; template: { metadata: { labels?: Record<string, string> }; spec: object } };
};
type Bound = KubeObject & { spec: object };
type Cordoned = KubeObject & { spec: { unschedulable?: boolean } };
