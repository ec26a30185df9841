import type { Finding } from '../domain/finding.ts';
import { nodesOf } from '../domain/nodegroups.ts';
import { type Obstacle, obstacleOn } from '../domain/scheduling.ts';
import type { Scope } from '../domain/scope.ts';
import { isSelfManaged } from '../domain/self-managed.ts';
import type { ClusterNode, ClusterSnapshot, Nodegroup, Placement } from '../domain/snapshot.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, planAgain } from './check.ts';
import { byWorkload } from './moving.ts';
import { createNodesAfter, editCommand, type NodesAfter } from './nodes-after.ts';

/** Pods, and templates of pods, that no node will take once the old ones are gone. */
export const podSelectsSource: Check = {
  codes: [
    {
      code: 'POD.SELECTS_SOURCE',
      meaning: 'A pod demands a node label that the replacement will not have.',
      canBeAllowed: true,
    },
    {
      code: 'PLACEMENT.NOT_TOLERATED',
      meaning: 'The nodes of the replacement will have a taint that a pod does not tolerate.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    const homeless = [...homelessPods(snapshot, scope), ...homelessTemplates(snapshot, scope)];
    const first = new Map(homeless.toReversed().map((one) => [one.subject, one]));
    return homeless.filter((one) => first.get(one.subject) === one).map((one) => findingOf(snapshot, scope, one));
  },
};

/** What finds no node, and why not on the replacement of the node group where it runs or could run now. */
interface Homeless {
  /** `shop/search` */
  subject: string;
  /** `3 pods of shop/search` */
  who: string;
  source: Nodegroup;
  obstacle: Obstacle;
  /** the node that has it, or could have it now */
  node: ClusterNode;
  placement: Placement;
  change: string;
  isSure: boolean;
}

const todo = (obstacle: Obstacle): string =>
  obstacle.kind === 'taint' ? `tolerate ${obstacle.taint}` : 'demand a label of the node group instead';

const isHomeless = ({ kinds, staying }: NodesAfter): boolean => kinds.length + staying.length === 0;

function homelessPods(snapshot: ClusterSnapshot, scope: Scope): Homeless[] {
  const nodes = new Map(snapshot.nodes.map((node) => [node.name, node]));
  const sources = new Map(scope.sources.map((source) => [source.nodegroupName, source]));
  const after = createNodesAfter(snapshot, scope);
  return byWorkload(scope.movingPods, snapshot).flatMap((owned) => {
    const stuck = owned.pods.filter((pod) => isHomeless(after(pod)));
    const [pod] = stuck;
    const node = nodes.get(pod?.nodeName ?? '');
    const source = sources.get(node?.nodegroupName ?? '');
    if (pod === undefined || node === undefined || source === undefined) return [];
    const obstacle = obstacleOnReplacement(scope, source, pod);
    if (obstacle === null) return [];
    const who = owned.owner === null ? `Pod ${owned.subject}` : `${count(stuck.length, 'pod')} of ${owned.subject}`;
    const change = editCommand(owned, todo(obstacle));
    return [{ subject: owned.subject, who, source, obstacle, node, placement: pod, change, isSure: true }];
  });
}

/** Templates that an old node suits and no node will: their next pods would wait. Templates that suit no node now are no matter of ours. */
function homelessTemplates(snapshot: ClusterSnapshot, scope: Scope): Homeless[] {
  const after = createNodesAfter(snapshot, scope);
  const workloads = snapshot.workloads
    .filter(({ kind, controller }) => kind !== 'DaemonSet' && !(kind === 'ReplicaSet' && controller !== null))
    .map(({ replicas, ...one }) => ({ ...one, isSure: replicas > 0 }));
  const jobs = snapshot.jobs
    .filter(({ controller }) => controller === null)
    .map(({ suspended, ...one }) => ({ ...one, isSure: !suspended }));
  return [...workloads, ...jobs].flatMap(({ kind, namespace, name, template, isSure }) => {
    if (template === undefined || !isHomeless(after(template))) return [];
    const found = homeOf(snapshot, scope, template);
    const obstacle = found === undefined ? null : obstacleOnReplacement(scope, found.source, template);
    if (found === undefined || obstacle === null) return [];
    const subject = nameOf({ namespace, name });
    const change = `kubectl -n ${namespace} edit ${kind.toLowerCase()}/${name}  # ${todo(obstacle)}`;
    return [{ ...found, subject, who: `New pods of ${subject}`, obstacle, placement: template, change, isSure }];
  });
}

/** A node of a source that such a pod could be on now. */
function homeOf(
  snapshot: ClusterSnapshot,
  { sources }: Scope,
  placement: Placement,
): { source: Nodegroup; node: ClusterNode } | undefined {
  for (const source of sources) {
    const node = nodesOf(snapshot, source.nodegroupName).find(
      (one) => obstacleOn(placement, { ...one, unschedulable: false, taints: groupTaints(one) }) === null,
    );
    if (node !== undefined) return { source, node };
  }
  return undefined;
}

/** Kubernetes puts its own taints on a node that is cordoned or in trouble. */
const groupTaints = ({ taints }: ClusterNode) => taints.filter(({ key }) => !key.startsWith('node.kubernetes.io/'));

const obstacleOnReplacement = ({ replacements }: Scope, source: Nodegroup, placement: Placement): Obstacle | null =>
  replacements
    .filter((kind) => kind.source === source.nodegroupName)
    .map((kind) => obstacleOn(placement, kind))
    .find((obstacle) => obstacle !== null) ?? null;

function findingOf(snapshot: ClusterSnapshot, scope: Scope, homeless: Homeless): Finding {
  const { subject, who, source, obstacle, node, placement, change, isSure } = homeless;
  const code = obstacle.kind === 'label' ? 'POD.SELECTS_SOURCE' : 'PLACEMENT.NOT_TOLERATED';
  const fitsNow = obstacleOn(placement, { ...node, unschedulable: false, taints: groupTaints(node) }) === null;
  const lost = obstacle.kind === 'label' ? keptByGroup(homeless, obstacle.keys) : [];
  const { cluster } = snapshot;
  return {
    code,
    severity: isSure ? 'blocking' : 'warning',
    subject,
    summary:
      obstacle.kind === 'label'
        ? `${who}: ${obstacle.demand} fits ${fitsNow ? 'the old nodes only' : `no node, not even ${node.name} where it runs`}.`
        : `${who}: no toleration for ${obstacle.kind === 'taint' ? obstacle.taint : 'a cordon'}, a taint that the new nodes of ${source.nodegroupName} will have.`,
    why:
      (obstacle.kind === 'label'
        ? whyLost(lost, obstacle.keys)
        : `Node group ${source.nodegroupName} has this taint, although ${node.name} ${fitsNow ? 'does not have it' : 'has pods that came before it'}.`) +
      ' No other node that stays in service takes such pods: they would stay Pending.',
    nextActions: [
      ...(lost.length === 0 || isSelfManaged(source.nodegroupName)
        ? []
        : [
            `aws eks update-nodegroup-config --region ${cluster.region} --cluster-name ${cluster.name} --nodegroup-name ${source.nodegroupName} --labels 'addOrUpdateLabels={${lost.map((label) => label.join('=')).join(',')}}'  # then plan again: the replacement gets the labels of the group`,
          ]),
      change,
      `${planAgain(scope, { allow: [code] })}  # when you will change it during the drain`,
    ],
  };
}

/** Labels that somebody put on the old node and that the group could give to new ones. */
const keptByGroup = ({ node, source }: Homeless, keys: readonly string[]): [string, string][] =>
  keys.flatMap((key): [string, string][] => {
    const value = node.labels[key];
    const isOurs = !/(^|\.)(kubernetes\.io|k8s\.io|amazonaws\.com|eksctl\.io)\//.test(key);
    return value !== undefined && isOurs && source.labels[key] !== value ? [[key, value]] : [];
  });

function whyLost(lost: readonly [string, string][], keys: readonly string[]): string {
  if (lost.length > 0)
    return 'The old nodes have this label from somebody, not from their node group, so that new nodes come without it.';
  if (keys.some((key) => key === 'kubernetes.io/hostname' || key === 'metadata.name'))
    return 'New nodes have other names.';
  return 'The replacement has another name and does not carry this label.';
}
