/** What persons and AWS do while a migration runs, and which stops of the program that explains. */
import type { DaemonSet, Node, Pod, PodDisruptionBudget } from '../../../src/simulator/kubernetes/objects.ts';
import type { PlanSeen } from './invariants.ts';
import { type Surroundings, scaleNodegroup, send, setCordon, setEnvironment } from './person.ts';
import type { Incident, IncidentKind } from './story.ts';

/** Something that may stop the program as long as it is there: only a person may put it right. */
export interface Trouble {
  /** of the errors that it explains */
  codes: readonly string[];
  /** what such an error has to say of it */
  named: RegExp;
  lasts: () => boolean;
  /** what a person does who reads of it, where no command is given */
  takeBack: () => void;
}

interface Scene extends Surroundings {
  plan: PlanSeen;
}

interface Place extends Scene {
  pick: number;
}

/** Undefined: there was nothing to do it to. */
type Act = (place: Place) => { text: string; trouble?: Trouble } | undefined;

export function happen(incident: Incident, scene: Scene): ReturnType<Act> {
  return acts[incident.kind]({ ...scene, pick: incident.pick });
}

const nodegroupLabel = 'eks.amazonaws.com/nodegroup';

const acts: Record<IncidentKind, Act> = {
  'lose-source-node': (place) => lose(place, oneOf(place.pick, sourceNodes(place))),
  'lose-replacement-node': (place) => lose(place, oneOf(place.pick, replacementNodes(place))),
  'uncordon-source-node'(place) {
    const closed = sourceNodes(place).filter(({ spec }) => spec.unschedulable);
    return mark(place, oneOf(place.pick, closed), false, ['DRAIN.DEADLINE', 'DELETE.NODE_SCHEDULABLE']);
  },
  'cordon-other-node': (place) =>
    mark(place, oneOf(place.pick, [...sourceNodes(place), ...otherNodes(place)].filter(isOpen)), true, []),
  'cordon-replacement-node': (place) =>
    mark(place, oneOf(place.pick, replacementNodes(place).filter(isOpen)), true, [
      'DRAIN.DEADLINE',
      'VERIFY.NO_PREFIX',
    ]),
  'scale-source-up'(place) {
    const group = oneOf(place.pick, place.plan.nodegroups)?.source ?? '';
    const size = sourceNodes(place).filter((node) => groupOf(node) === group).length;
    if (size === 0) return undefined;
    const { maxSize } = place.world.scenario.nodegroups.find(({ name }) => name === group)?.scaling ?? { maxSize: 0 };
    place.watch.others.grown.add(group);
    void scaleNodegroup(place, group, { desiredSize: size + 1, maxSize: Math.max(maxSize, size + 1) });
    return { text: `scales ${group} to ${size + 1}` };
  },
  'set-other-variable': (place) => setVariable(place, 'AWS_VPC_K8S_CNI_LOG_FILE', `/var/log/${place.pick}.log`),
  'set-our-variable': (place) => setVariable(place, 'WARM_PREFIX_TARGET', String(3 + (place.pick % 3))),
  'delete-pod'(place) {
    const pod = oneOf(place.pick, podsOf(place, 'shop'));
    if (pod === undefined) return undefined;
    const { namespace = '', name } = pod.metadata;
    place.watch.others.deletedPods.add(name);
    void send(place, 'DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`);
    return { text: `deletes pod ${name}` };
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
    const canaries = podsOf(place, 'kube-system').filter(({ metadata }) => metadata.name.includes('canary'));
    const pod = oneOf(place.pick, canaries);
    if (pod === undefined) return undefined;
    void send(place, 'DELETE', `/api/v1/namespaces/kube-system/pods/${pod.metadata.name}`);
    return { text: `deletes ${pod.metadata.name}` };
  },
  'tag-source'(place) {
    const group = oneOf(place.pick, place.plan.nodegroups)?.source ?? '';
    const { region, accountId, name } = place.world.cluster;
    const arn = `arn:aws:eks:${region}:${accountId}:nodegroup/${name}/${group}/none`;
    void send(place, 'POST', `/tags/${encodeURIComponent(arn)}`, { tags: { reviewed: 'yes' } });
    return { text: `tags ${group}` };
  },
};

function lose({ world, watch }: Place, node: Node | undefined): ReturnType<Act> {
  if (node === undefined) return undefined;
  world.loseNode(node.metadata.name);
  watch.others.lostNodes.add(node.metadata.name);
  watch.others.grown.add(groupOf(node));
  return { text: `${node.metadata.name} is reclaimed` };
}

/** Cordons a node, or uncordons it. */
function mark(place: Place, node: Node | undefined, closes: boolean, codes: readonly string[]): ReturnType<Act> {
  if (node === undefined) return undefined;
  const { name } = node.metadata;
  void setCordon(place, name, closes);
  return {
    text: `${closes ? 'cordons' : 'uncordons'} ${name}`,
    trouble: {
      codes,
      named: new RegExp(`(?=.*${name.split('.')[0]})(?=.*cordon)`, 's'),
      lasts() {
        const now = place.world.store.get<Node>('nodes', undefined, name);
        return now !== undefined && isOpen(now) !== closes;
      },
      takeBack: () => void setCordon(place, name, !closes),
    },
  };
}

function setVariable(place: Place, name: string, value: string): ReturnType<Act> {
  void setEnvironment(place, { [name]: value });
  return {
    text: `sets ${name}=${value} on aws-node`,
    trouble: {
      codes: ['CNI.CONFIG_CONFLICT', 'CNI.SETTING_CHANGED', 'PLAN.DRIFTED'],
      named: new RegExp(`${name}.*(by hand|omebody)|omebody.*${name}`, 's'),
      lasts: () => environment(place)[name] === value,
      takeBack: () => void setEnvironment(place, { [name]: place.watch.initial.env[name] ?? null }),
    },
  };
}

function environment({ world }: Scene): Record<string, string | undefined> {
  const daemon = world.store.get<DaemonSet>('daemonsets', 'kube-system', 'aws-node');
  const env = daemon?.spec.template.spec.containers.find(({ name }) => name === 'aws-node')?.env ?? [];
  return Object.fromEntries(env.map(({ name, value }) => [name, value]));
}

/** A pod that belongs to nobody, such as that of `kubectl run` or `kubectl debug node`. */
function startPod(place: Place, more: Record<string, unknown>): ReturnType<Act> {
  const name = `by-hand-${place.pick}`;
  const resources = { requests: { cpu: '10m' } };
  const containers = [{ name: 'shell', image: 'registry.example.com/shell:1', resources }];
  const metadata = { name };
  void send(place, 'POST', '/api/v1/namespaces/shop/pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers, ...more },
  });
  return { text: `starts a pod ${name}` };
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
  const spec = { ...limit, selector: { matchLabels: { app } } };
  void send(place, 'POST', collection, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name },
    spec,
  });
  return {
    text: `adds a budget for ${app}: maxUnavailable ${limit.maxUnavailable}${isAlone ? '' : ', the second one'}`,
    trouble: {
      codes: ['DRAIN.STUCK', 'DRAIN.DEADLINE'],
      named: new RegExp(name),
      lasts: () => store.get('poddisruptionbudgets', 'shop', name) !== undefined,
      takeBack: () => void send(place, 'DELETE', `${collection}/${name}`),
    },
  };
}

const oneOf = <T>(pick: number, items: readonly T[]): T | undefined => items[pick % Math.max(1, items.length)];

const isOpen = ({ spec }: Node): boolean => spec.unschedulable !== true;

const groupOf = ({ metadata }: Node): string => metadata.labels?.[nodegroupLabel] ?? '';

const podsOf = ({ world }: Scene, namespace: string): Pod[] => world.store.list<Pod>('pods', namespace);

const nodesIn = ({ world }: Scene, isWanted: (group: string) => boolean): Node[] =>
  world.store.list<Node>('nodes').filter((node) => isWanted(groupOf(node)));

const sourceNodes = (place: Scene): Node[] =>
  nodesIn(place, (group) => place.plan.nodegroups.some(({ source }) => source === group));
const replacementNodes = (place: Scene): Node[] =>
  nodesIn(place, (group) => place.plan.nodegroups.some(({ replacement }) => replacement === group));
const otherNodes = (place: Scene): Node[] =>
  nodesIn(place, (group) =>
    place.plan.nodegroups.every(({ source, replacement }) => source !== group && replacement !== group),
  );
