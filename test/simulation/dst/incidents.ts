/** What persons and AWS do while a migration runs, and how it is put right again when nothing else goes on. */
import type { Node, Pod, PodDisruptionBudget } from '../../../src/simulator/kubernetes/objects.ts';
import type { SimRequest } from '../../../src/simulator/types.ts';
import type { World, WorldUser } from '../../../src/simulator/world.ts';
import type { PlanSeen, Watch } from './invariants.ts';
import type { Incident, IncidentKind } from './story.ts';

export const person: WorldUser = {
  name: 'person',
  accessKeyId: 'AKIASIMULATEDPERSON1',
  token: 'simulated-person',
  groups: ['system:masters'],
};

interface Surroundings {
  world: World;
  plan: PlanSeen;
  watch: Watch;
}

interface Place extends Surroundings {
  pick: number;
}

/** Puts it right again. */
export type Healing = () => void;
/** Undefined: there was nothing to do it to. */
type Act = (place: Place) => { text: string; heal?: Healing } | undefined;

export function happen(incident: Incident, place: Surroundings): ReturnType<Act> {
  return acts[incident.kind]({ ...place, pick: incident.pick });
}

const nodegroupLabel = 'eks.amazonaws.com/nodegroup';
const settled = (): void => undefined;

const acts: Record<IncidentKind, Act> = {
  'lose-source-node': (place) => lose(place, oneOf(place.pick, sourceNodes(place))),
  'lose-replacement-node': (place) => lose(place, oneOf(place.pick, replacementNodes(place))),
  'uncordon-source-node'(place) {
    const node = oneOf(
      place.pick,
      sourceNodes(place).filter(({ spec }) => spec.unschedulable),
    );
    if (node === undefined) return undefined;
    const { name } = node.metadata;
    setCordon(place, name, false);
    place.watch.others.opened.set(name, place.world.clock.now());
    place.watch.others.cordoned.delete(name);
    place.watch.others.movesExcused = true;
    return {
      text: `uncordons ${name}`,
      heal() {
        setCordon(place, name, true);
        place.watch.others.cordoned.add(name);
      },
    };
  },
  'cordon-other-node': (place) => cordon(place, oneOf(place.pick, [...sourceNodes(place), ...otherNodes(place)])),
  'cordon-replacement-node': (place) => cordon(place, oneOf(place.pick, replacementNodes(place))),
  'scale-source-up'(place) {
    const group = oneOf(place.pick, place.plan.nodegroups)?.source ?? '';
    const size = sourceNodes(place).filter(({ metadata }) => metadata.labels?.[nodegroupLabel] === group).length;
    if (size === 0) return undefined;
    const { maxSize } = place.world.scenario.nodegroups.find(({ name }) => name === group)?.scaling ?? { maxSize: 0 };
    const scalingConfig = { desiredSize: size + 1, maxSize: Math.max(maxSize, size + 1) };
    send(place, 'POST', `/clusters/${place.world.cluster.name}/node-groups/${group}/update-config`, { scalingConfig });
    place.watch.others.movesExcused = true;
    place.watch.others.sizes.add(group);
    return { text: `scales ${group} to ${size + 1}`, heal: settled };
  },
  'set-other-variable': (place) => setVariable(place, 'AWS_VPC_K8S_CNI_LOG_FILE', `/var/log/${place.pick}.log`),
  'set-our-variable': (place) => setVariable(place, 'WARM_PREFIX_TARGET', String(3 + (place.pick % 3))),
  'delete-pod'(place) {
    const pod = oneOf(place.pick, podsOf(place, 'shop'));
    if (pod === undefined) return undefined;
    const { namespace = '', name } = pod.metadata;
    place.watch.others.deletedPods.add(name);
    send(place, 'DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`);
    return { text: `deletes pod ${name}`, heal: settled };
  },
  'add-bare-pod': (place) => startPod(place, {}),
  'debug-source-node'(place) {
    const node = oneOf(place.pick, sourceNodes(place));
    return node && startPod(place, { nodeName: node.metadata.name, tolerations: [{ operator: 'Exists' }] });
  },
  'add-harmless-budget': (place) => addBudget(place, { maxUnavailable: 1 }, true),
  'add-blocking-budget': (place) => addBudget(place, { maxUnavailable: 0 }, true),
  'add-second-budget': (place) => addBudget(place, { maxUnavailable: 1 }, false),
  'delete-canary'(place) {
    const pod = oneOf(
      place.pick,
      podsOf(place, 'kube-system').filter(({ metadata }) => metadata.name.includes('canary')),
    );
    if (pod === undefined) return undefined;
    send(place, 'DELETE', `/api/v1/namespaces/kube-system/pods/${pod.metadata.name}`);
    return { text: `deletes ${pod.metadata.name}`, heal: settled };
  },
  'tag-source'(place) {
    const group = oneOf(place.pick, place.plan.nodegroups)?.source ?? '';
    const { region, accountId, name } = place.world.cluster;
    const arn = `arn:aws:eks:${region}:${accountId}:nodegroup/${name}/${group}/none`;
    send(place, 'POST', `/tags/${encodeURIComponent(arn)}`, { tags: { reviewed: 'yes' } });
    return { text: `tags ${group}`, heal: settled };
  },
};

function lose(place: Place, node: Node | undefined): ReturnType<Act> {
  const { world, watch } = place;
  if (node === undefined) return undefined;
  world.loseNode(node.metadata.name);
  watch.others.lostNodes.add(node.metadata.name);
  watch.others.movesExcused = true;
  return { text: `${node.metadata.name} is reclaimed`, heal: settled };
}

/** An autoscaler has taken all nodes of a replacement while nobody protected them: asked for again, as the program advises. */
export function scaleReplacementsUp(place: Surroundings): void {
  const have = new Set(replacementNodes(place).map(({ metadata }) => metadata.labels?.[nodegroupLabel]));
  for (const { replacement } of place.plan.nodegroups.filter((group) => !have.has(group.replacement))) {
    const path = `/clusters/${place.world.cluster.name}/node-groups/${replacement}/update-config`;
    send(place, 'POST', path, { scalingConfig: { desiredSize: 1 } });
  }
}

/** A node that came to a source when it was empty already: cordoned and drained by hand, as the program advises. */
export function emptyLateNodes(place: Surroundings): void {
  for (const { metadata } of sourceNodes(place)) {
    setCordon(place, metadata.name, true);
    for (const pod of place.world.store.podsOnNode<Pod>(metadata.name)) {
      if (pod.metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet')) continue;
      const { namespace = '', name } = pod.metadata;
      const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
      send(place, 'POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, eviction);
    }
  }
}

function cordon(place: Place, node: Node | undefined): ReturnType<Act> {
  if (node === undefined || node.spec.unschedulable) return undefined;
  const { name } = node.metadata;
  setCordon(place, name, true);
  place.watch.others.cordoned.add(name);
  return {
    text: `cordons ${name}`,
    heal() {
      // one that is being left may stay closed
      if (sourceNodes(place).some(({ metadata }) => metadata.name === name)) return;
      place.watch.others.cordoned.delete(name);
      setCordon(place, name, false);
      place.watch.others.opened.set(name, place.world.clock.now());
      place.watch.others.movesExcused = true;
    },
  };
}

function setCordon(place: Surroundings, name: string, unschedulable: boolean): void {
  if (place.world.store.get('nodes', undefined, name) === undefined) return;
  send(place, 'PATCH', `/api/v1/nodes/${name}`, { spec: { unschedulable } });
}

/** As `kubectl set env` does it. */
function setVariable(place: Place, name: string, value: string): ReturnType<Act> {
  const env = [{ name, value }];
  const spec = { template: { spec: { containers: [{ name: 'aws-node', env }] } } };
  const path = '/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node?fieldManager=kubectl-set';
  send(place, 'PATCH', path, { spec }, 'application/strategic-merge-patch+json');
  place.watch.others.variables.set(name, value);
  return {
    text: `sets ${name}=${value} on aws-node`,
    heal() {
      const was = place.watch.initial.env[name];
      const back = [was === undefined ? { name, $patch: 'delete' } : { name, value: was }];
      const template = { spec: { containers: [{ name: 'aws-node', env: back }] } };
      send(place, 'PATCH', path, { spec: { template } }, 'application/strategic-merge-patch+json');
      place.watch.others.variables.delete(name);
    },
  };
}

/** A pod that belongs to nobody, such as that of `kubectl run` or `kubectl debug node`. */
function startPod(place: Place, more: Record<string, unknown>): ReturnType<Act> {
  const name = `by-hand-${place.pick}`;
  const resources = { requests: { cpu: '10m' } };
  const containers = [{ name: 'shell', image: 'registry.example.com/shell:1', resources }];
  const pods = '/api/v1/namespaces/shop/pods';
  send(place, 'POST', pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers, ...more } });
  return { text: `starts a pod ${name}`, heal: () => send(place, 'DELETE', `${pods}/${name}`) };
}

function addBudget(place: Place, limit: { maxUnavailable: number }, isAlone: boolean): ReturnType<Act> {
  const { store } = place.world;
  const budgets = store.list<PodDisruptionBudget>('poddisruptionbudgets', 'shop');
  const covered = new Set(budgets.map(({ spec }) => spec.selector?.matchLabels?.['app']));
  const apps = [...new Set(podsOf(place, 'shop').map(({ metadata }) => metadata.labels?.['app'] ?? ''))].filter(
    (app) => app !== '' && covered.has(app) !== isAlone,
  );
  const app = oneOf(place.pick, apps);
  if (app === undefined) return undefined;
  const name = `by-hand-${place.pick}`;
  const collection = '/apis/policy/v1/namespaces/shop/poddisruptionbudgets';
  const metadata = { name };
  const spec = { ...limit, selector: { matchLabels: { app } } };
  send(place, 'POST', collection, { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec });
  return {
    text: `adds a budget for ${app}: maxUnavailable ${limit.maxUnavailable}${isAlone ? '' : ', the second one'}`,
    heal: () => send(place, 'DELETE', `${collection}/${name}`),
  };
}

/** Through the front door, as somebody else. What is refused does not happen. */
function send(
  { world }: Surroundings,
  method: string,
  path: string,
  body?: unknown,
  type = 'application/merge-patch+json',
): void {
  const handlers = world.handlersFor(person.name);
  const isKubernetes = path.startsWith('/api');
  const request: SimRequest = {
    method,
    path,
    headers: { 'content-type': method === 'PATCH' ? type : 'application/json' },
    body: body === undefined ? '' : JSON.stringify(body),
  };
  void (isKubernetes ? handlers.kubernetes(request) : handlers.aws(request));
}

const oneOf = <T>(pick: number, items: readonly T[]): T | undefined => items[pick % Math.max(1, items.length)];

const podsOf = ({ world }: Surroundings, namespace: string): Pod[] => world.store.list<Pod>('pods', namespace);

function nodesIn({ world }: Surroundings, isWanted: (group: string) => boolean): Node[] {
  return world.store.list<Node>('nodes').filter(({ metadata }) => isWanted(metadata.labels?.[nodegroupLabel] ?? ''));
}

const sourceNodes = (place: Surroundings): Node[] =>
  nodesIn(place, (group) => place.plan.nodegroups.some(({ source }) => source === group));
const replacementNodes = (place: Surroundings): Node[] =>
  nodesIn(place, (group) => place.plan.nodegroups.some(({ replacement }) => replacement === group));
const otherNodes = (place: Surroundings): Node[] =>
  nodesIn(place, (group) =>
    place.plan.nodegroups.every(({ source, replacement }) => source !== group && replacement !== group),
  );
