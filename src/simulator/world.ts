/** A whole world from a scenario: AWS and Kubernetes on one clock and one seed, booted to a settled state. */
import type { Ec2 } from './aws/ec2.ts';
import { createAws } from './aws/index.ts';
import type { PolicyDocument } from './aws/policy.ts';
import { createVirtualClock, type WorldClock } from './clock.ts';
import { startClusterAutoscaler } from './cluster-autoscaler.ts';
import { type FaultRule, withFaults } from './faults.ts';
import { type AccessRule, type RbacObject, rulesOfBindings, type User } from './kubernetes/api-server.ts';
import { createCluster } from './kubernetes/cluster.ts';
import type { Node, Pod } from './kubernetes/objects.ts';
import type { DisruptionReport } from './kubernetes/observer.ts';
import { isReady } from './kubernetes/pods.ts';
import { createRandom } from './random.ts';
import { createRequestLog, credentialOf, type RequestLog, withRequestLog } from './request-log.ts';
import type { Scenario } from './scenario.ts';
import { type StateSnapshot, snapshotState, workloadOf } from './state.ts';
import type { KubeStore, SimHandler, SimRequest } from './types.ts';

export interface WorldOptions {
  /** A virtual one at the start of 2026 unless told. A clock that runs is held while the world boots. */
  clock?: WorldClock;
  /** Decides every random choice; 1 unless told. */
  seed?: number;
  faults?: readonly FaultRule[];
  /** People beside the administrator. */
  users?: readonly WorldUser[];
}

export interface WorldUser {
  name: string;
  accessKeyId: string;
  /** Bearer token for the Kubernetes API. An EKS token signed with the access key is as good. */
  token: string;
  /** What the Kubernetes API allows; everything for `system:masters`. */
  groups?: readonly string[];
  rules?: readonly AccessRule[];
  /** Actions that AWS refuses: `ec2:CreateTags` */
  deniedActions?: readonly string[];
  /** What AWS allows; everything without it. */
  policy?: PolicyDocument;
}

/** What somebody may do from now on: by an IAM policy, and by roles of Kubernetes and what binds them. */
export interface WorldRights {
  policy?: PolicyDocument;
  rbac: readonly RbacObject[];
  /** of the user in Kubernetes */
  groups: readonly string[];
}

export interface Handlers {
  aws: SimHandler;
  kubernetes: SimHandler;
}

export interface WorldStats {
  /** Budgets that a voluntary disruption broke. */
  budgetViolations: number;
  /** How often a pod had to move, for the workload that suffered most: 1 when each of its pods moved once. */
  evictionsPerPod: number;
  disruptions: DisruptionReport;
  nodes: number;
  pods: number;
  readyPods: number;
  /** /28 blocks on interfaces */
  prefixes: number;
}

export interface World extends Handlers {
  scenario: Scenario;
  cluster: Scenario['cluster'];
  clock: WorldClock;
  log: RequestLog;
  administrator: { accessKeyId: string; secretAccessKey: string; token: string };
  /** The same handlers for requests that carry no or other credentials: they count as those of this user. */
  handlersFor(userName: string): Handlers;
  /** In place of what the user could do before. */
  setRights(userName: string, rights: WorldRights): void;
  /** Since the end of the boot. */
  stats(): WorldStats;
  snapshotOfState(): Promise<StateSnapshot>;
  /** What DescribeCluster says of the Kubernetes API: its URL, and its certificate as PEM. */
  setEndpoint(endpoint: { url: string; certificate: string }): void;
  /** A Spot instance is reclaimed, or one dies: its kubelet is silent from now on, and nobody drains the node. */
  loseNode(nodeName: string): void;
  /** The kubelet of a node does not answer: what is there neither starts nor ends. */
  stopKubelet(nodeName: string): void;
  /** For tests that play somebody else in the cluster. */
  store: KubeStore;
  /** For tests that look at addresses as they come and go. */
  ec2: Ec2;
}

const administrator = {
  accessKeyId: 'AKIASIMULATEDADMIN01',
  secretAccessKey: 'not-a-secret-of-any-account',
  token: 'simulated-administrator',
};

const startOf2026 = Date.UTC(2026, 0, 1);

export function createWorld(scenario: Scenario, options: WorldOptions = {}): World {
  const { clock = createVirtualClock(startOf2026), seed = 1, faults = [], users = [] } = options;
  const resume = clock.stop();
  const random = createRandom(seed);
  const people: WorldUser[] = [{ name: 'administrator', groups: ['system:masters'], ...administrator }, ...users];
  const personOf = (credential: string): WorldUser | undefined =>
    people.find(({ accessKeyId, token }) => accessKeyId === credential || token === credential);
  let caller: WorldUser | undefined;
  let endpoint = { url: `https://${scenario.cluster.name}.eks.invalid`, certificate: '' };

  const aws = createAws({
    scenario,
    clock,
    random: random.fork('aws'),
    apiServer: () => ({
      endpoint: endpoint.url,
      certificateAuthority: Buffer.from(endpoint.certificate).toString('base64'),
    }),
    credentials: (accessKeyId) => (personOf(accessKeyId) ? 'valid' : 'unknown'),
    denied: (action) => caller?.deniedActions?.includes(action) ?? false,
    policy: () => caller?.policy,
  });
  const cluster = createCluster({
    clock,
    random: random.fork('kubernetes'),
    network: aws.network,
    timings: scenario.timings,
    ...(scenario.ebsCsi ? { attachLimit: scenario.ebsCsi.attachLimit } : {}),
    ...(scenario.karpenter ? { installed: ['karpenter.sh', 'karpenter.k8s.aws'] } : {}),
    authenticate: (token) => kubernetesUser(personOf(credentialOf(bearing(token)) ?? '')),
  });
  const { store } = cluster;

  aws.boot(cluster);
  for (const quota of scenario.quotas ?? []) cluster.createQuota(quota);
  for (const service of scenario.services ?? []) cluster.createService(service);
  for (const workload of scenario.workloads) cluster.createWorkload(workload);
  for (const budget of scenario.budgets) cluster.createBudget(budget);
  settle(clock, store);
  for (const webhook of scenario.webhooks ?? []) cluster.createWebhook(webhook);
  aws.goLive();
  if (scenario.clusterAutoscaler) {
    const autoscaler = { store, clock, random: random.fork('cluster autoscaler'), scaling: aws.scaling };
    startClusterAutoscaler({ spec: scenario.clusterAutoscaler, ...autoscaler });
  }
  settle(clock, store);
  cluster.resetReport();
  resume();

  const log = createRequestLog();
  const observed = (handler: SimHandler, part: string): SimHandler =>
    withRequestLog(
      withFaults(handler, faults, { clock, random: random.fork(`faults of ${part}`) }),
      log,
      clock,
      (credential) => personOf(credential)?.name ?? credential,
    );
  const handlers: Handlers = {
    aws: observed((request) => {
      caller = personOf(credentialOf(request) ?? '');
      return aws.handle(request);
    }, 'aws'),
    kubernetes: observed(cluster.handle, 'kubernetes'),
  };

  return {
    ...handlers,
    scenario,
    cluster: scenario.cluster,
    clock,
    log,
    administrator,
    store,
    ec2: aws.ec2,
    loseNode(nodeName) {
      const { spec } = nodeOf(store, nodeName);
      cluster.stopKubelet(nodeName);
      aws.scaling.lose(spec.providerID?.split('/').at(-1) ?? '');
    },
    stopKubelet: (nodeName) => cluster.stopKubelet(nodeOf(store, nodeName).metadata.name),
    handlersFor(userName) {
      const person = people.find(({ name }) => name === userName);
      if (!person) throw new Error(`the world has no user ${userName}`);
      return {
        aws: signedBy(person.accessKeyId, handlers.aws),
        kubernetes: authorizedBy(`Bearer ${person.token}`, handlers.kubernetes),
      };
    },
    setRights(userName, { policy, rbac, groups }) {
      const index = people.findIndex(({ name }) => name === userName);
      const person = people[index];
      if (person === undefined) throw new Error(`the world has no user ${userName}`);
      const { policy: _before, ...rest } = person;
      const rules = rulesOfBindings(rbac, { name: userName, groups });
      people[index] = { ...rest, groups, rules, ...(policy && { policy }) };
    },
    stats() {
      const disruptions = cluster.report();
      const pods = store.list<Pod>('pods');
      return {
        budgetViolations: disruptions.violations.length,
        evictionsPerPod: Math.max(
          0,
          ...disruptions.workloads.map((workload) => workload.moves / podsOf(store, workload)),
        ),
        disruptions,
        nodes: store.list('nodes').length,
        pods: pods.length,
        readyPods: pods.filter(isReady).length,
        prefixes: [...aws.ec2.enis.values()].reduce((sum, { prefixes }) => sum + prefixes.length, 0),
      };
    },
    snapshotOfState: () =>
      snapshotState({
        clusterName: scenario.cluster.name,
        aws: signedBy(administrator.accessKeyId, aws.handle),
        ec2: aws.ec2,
        store,
      }),
    setEndpoint(given) {
      endpoint = given;
    },
  };
}

function nodeOf(store: KubeStore, name: string): Node {
  const node = store.get<Node>('nodes', undefined, name);
  if (!node) throw new Error(`the world has no node ${name}`);
  return node;
}

const quietMs = 60_000;
const bootLimitMs = 3_600_000;
const booted = ['nodes', 'pods', 'deployments', 'statefulsets', 'daemonsets', 'poddisruptionbudgets'];

/** Lets time pass until nothing has changed for a minute. */
function settle(clock: WorldClock, store: KubeStore): void {
  const begin = clock.now();
  let lastChange = begin;
  let last = '';
  const unsubscribe = booted.map((resource) =>
    store.subscribe(resource, ({ object }) => {
      lastChange = clock.now();
      last = `${resource} ${object.metadata.name}`;
    }),
  );
  while (clock.now() - lastChange < quietMs) {
    if (clock.now() - begin > bootLimitMs) throw new Error(`the scenario does not settle: ${last} keeps changing`);
    clock.advance(1_000);
  }
  for (const stop of unsubscribe) stop();
}

function podsOf(
  store: KubeStore,
  { kind, namespace, name }: { kind: string; namespace: string; name: string },
): number {
  return (
    store.list<Pod>('pods', namespace).filter((pod) => workloadOf(pod) === `${namespace}/${kind}/${name}`).length || 1
  );
}

function signedBy(accessKeyId: string, handler: SimHandler): SimHandler {
  return authorizedBy(`AWS4-HMAC-SHA256 Credential=${accessKeyId}/`, handler);
}

function authorizedBy(authorization: string, handler: SimHandler): SimHandler {
  return (request) => handler({ ...request, headers: { ...request.headers, authorization } });
}

function bearing(token: string): SimRequest {
  return { method: 'GET', path: '/', headers: { authorization: `Bearer ${token}` }, body: '' };
}

function kubernetesUser(person: WorldUser | undefined): User | undefined {
  return person && { name: person.name, groups: person.groups ?? [], rules: person.rules ?? [] };
}
