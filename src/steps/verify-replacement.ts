import { contains, parseCidr, parseIpv4 } from '../domain/addresses.ts';
import { supportsPrefixes } from '../domain/max-pods.ts';
import { nodeAddresses } from '../domain/node-addresses.ts';
import type { Step, StepParams } from '../domain/plan.ts';
import type { ClusterNode, InstanceType, Nodegroup, NodegroupTaint, Pod } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import {
  type CanaryOrder,
  canaryNamespace,
  createCanaries,
  findCanaries,
  isCanary,
  isStale,
  removeCanaries,
} from './canary.ts';
import { askForSize, atLeast, sizeOf, sizeUpdate, wrongSize } from './nodegroup-size.ts';
import { optional } from './optional.ts';
import { podsOfNodes } from './pods-of-nodes.ts';
import { type PrefixEvidence, prefixEvidence } from './prefix-evidence.ts';
import type { StepContext, StepHandler } from './step-handler.ts';
import { switchedBack } from './switched-back.ts';
import { explain, explainNotReady, type Problem, type SeenNode } from './verify-problems.ts';

type Params = StepParams['verify-replacement'];

/** What is known of one Ready node that is not verified yet. */
type Verdict =
  | { kind: 'passes'; node: ClusterNode; evidence: PrefixEvidence; witness: string }
  | ({ kind: 'needs-canary'; detail: string } & CanaryOrder)
  | { kind: 'waits'; detail: string }
  | { kind: 'wrong'; problem: Problem };

interface Survey {
  /** nodes that are there, Ready or not */
  joined: number;
  ready: number;
  verified: string[];
  verdicts: Verdict[];
  canaries: Pod[];
}

/** So long a pod may be without an address, or with a strange one, before that means something. */
const patienceMilliseconds = 3 * 60 * 1000;
/** ipamd asks EC2 again two minutes after a refusal: by then it has been refused twice. */
const prefixMilliseconds = 5 * 60 * 1000;

/**
 * Proves prefix delegation node by node: prefixes in EC2, the number of pods that the kubelet allows, and a pod that has
 * its address from a prefix of its own node. A pod that is there anyway is proof enough; a canary is made only when none is,
 * or when more than one address is to be proven. Nodes that were taken away meanwhile (an autoscaler) are asked for again.
 */
export const verifyReplacement: StepHandler<'verify-replacement'> = {
  title: ({ params }) => `verify ${count(params.nodes)} of ${params.nodegroupName}`,

  async observe(step, ports, context) {
    const { nodes, nodegroupName } = step.params;
    const { joined, ready, verified, verdicts, canaries } = await survey(step, ports, context);
    const isPassing = verified.length >= nodes || verdicts.some(({ kind }) => kind === 'passes');
    const error = isPassing ? null : await switchedBack(step.params.clusterName, ports);
    if (error !== null) return { kind: 'conflict', error };
    for (const verdict of verdicts) {
      if (verdict.kind !== 'wrong') continue;
      return { kind: 'conflict', error: await explain(verdict.problem, step.params, ports) };
    }
    // a node is named in what calls for an act, so that the next one is seen to be news
    const passing = verdicts.filter((verdict) => verdict.kind === 'passes');
    if (passing[0] !== undefined) {
      const others = passing.length === 1 ? 'passes' : `and ${passing.length - 1} more of ${nodegroupName} pass`;
      return { kind: 'actionable', detail: `${passing[0].node.name} ${others}` };
    }
    if (verified.length >= nodes) {
      const staying = canaries.filter((canary) => canary.deletionTimestamp === null);
      if (staying.length > 0) return { kind: 'actionable', detail: `${staying.length} canary pods are still there` };
      if (canaries.length > 0) return { kind: 'in-progress', detail: 'canary pods are terminating' };
      return { kind: 'satisfied', detail: `${count(verified.length)} of ${nodegroupName} verified to use prefixes` };
    }
    const unproven = verdicts.find((verdict) => verdict.kind === 'needs-canary');
    if (unproven !== undefined) return { kind: 'actionable', detail: unproven.detail };
    const group = await groupTooSmall(step, joined, ports);
    if (group !== null) return await wrongSize(step.id, nodes, step.params.clusterName, group, ports, context);
    const reason = verdicts.find((verdict) => verdict.kind === 'waits')?.detail ?? `${ready} nodes are Ready`;
    return {
      kind: 'in-progress',
      detail: `${verified.length} of ${nodes} nodes of ${nodegroupName} verified; ${reason}`,
    };
  },

  async act(step, ports, run) {
    const { joined, verified, verdicts, canaries } = await survey(step, ports, run);
    for (const verdict of verdicts) {
      if (run.signal.aborted) return;
      if (verdict.kind !== 'passes') continue;
      const { node, evidence, witness } = verdict;
      if (evidence.secondaryAddresses.length > 0) {
        const message = `${node.name} also holds ${evidence.secondaryAddresses.length} secondary addresses: it started before the CNI had its new settings; they go when aws-node restarts there`;
        await run.progress({ kind: 'note', message });
      }
      await run.progress({
        kind: 'verified-node',
        node: node.name,
        instanceId: node.instanceId ?? '',
        prefixes: evidence.prefixes,
        allocatablePods: node.allocatable.pods,
        evidence: witness,
      });
    }
    const isEnough = verified.length + verdicts.filter(({ kind }) => kind === 'passes').length >= step.params.nodes;
    const isDone = ({ nodeName }: Pod): boolean => run.state.verifiedNodes[nodeName ?? ''] !== undefined;
    // one that the kubelet turned away, or that outlived its time, only stands in the way of the next
    const isSpent = (canary: Pod): boolean => isFinished(canary) || isStale(canary, run.planId);
    if (run.signal.aborted) return;
    await removeCanaries(
      canaries.filter((canary) => isStaying(canary) && (isEnough || isDone(canary) || isSpent(canary))),
      ports,
    );
    if (isEnough || run.signal.aborted) return;
    const orders = verdicts.filter((verdict) => verdict.kind === 'needs-canary');
    await createCanaries(step.params, run.planId, orders, ports);
    if (run.signal.aborted || sizeUpdate(step.id, run) !== undefined) return;
    const group = await groupTooSmall(step, joined, ports);
    if (group === null) return;
    const { clusterName, nodegroupName, nodes } = step.params;
    await askForSize(clusterName, nodegroupName, atLeast(nodes, group), ports, run);
  },

  describeCall: ({ params }) =>
    `reads only: nodes and pods of ${params.nodegroupName}, ec2:DescribeNetworkInterfaces; ${params.canaryPods > 1 ? `${params.canaryPods} canary pods in ${canaryNamespace} for each node` : `a canary pod in ${canaryNamespace} where no other pod has an address`}`,

  /** It changes nothing that lasts. */
  undo: () => undefined,

  deadlineSeconds: ({ params }) => params.timeoutSeconds,

  explainDeadline: ({ params }, ports) => explainNotReady(params, ports),

  async tidy({ params }, ports, { planId }) {
    await removeCanaries(await findCanaries(ports, planId, params.nodegroupName), ports);
  },
};

const count = (nodes: number): string => (nodes === 1 ? '1 node' : `${nodes} nodes`);

/** The group when it will never have as many nodes as are to be verified: they were taken away before anybody protected them. */
async function groupTooSmall(
  { params: { clusterName, nodegroupName, nodes } }: Step<'verify-replacement'>,
  joined: number,
  ports: Ports,
): Promise<Nodegroup | null> {
  if (joined >= nodes) return null;
  const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
  return group?.status === 'ACTIVE' && (await sizeOf(group, ports)) < nodes ? group : null;
}

async function survey({ params }: Step<'verify-replacement'>, ports: Ports, context: StepContext): Promise<Survey> {
  const nodes = await ports.kubernetes.listNodes(params.nodegroupName);
  const ready = nodes.filter((node) => node.ready);
  const isVerified = (node: ClusterNode): boolean => context.state.verifiedNodes[node.name] !== undefined;
  const open = ready.filter((node) => !isVerified(node));
  const canaries = await findCanaries(ports, context.planId, params.nodegroupName);
  const pods = await podsOfNodes(open, ports);
  // after the pods: whatever gave them their addresses is there by now
  const evidence = await prefixEvidence(open, ports);
  const seen = open.flatMap((node) => {
    const found = evidence.get(node.name);
    return found === undefined ? [] : { node, evidence: found, pods: pods.get(node.name) ?? [] };
  });
  const types = await typesOf(
    seen.filter(({ node, evidence: { prefixes } }) => prefixes.length === 0 || !takesPlanned(node, params)),
    ports,
  );
  const now = ports.clock.now();
  const runSince = Date.parse(context.state.runs.at(-1)?.startedAt ?? '') || 0;
  // a new run grants new time, in which the cause may have gone; it also bounds what differing clocks can do
  const ageOf = (createdAt: string): number => now - Math.max(Date.parse(createdAt), runSince);
  return {
    joined: nodes.length,
    ready: ready.length,
    verified: ready.filter(isVerified).map(({ name }) => name),
    verdicts: seen.map((one) => judge(params, one, types.get(one.node.instanceType ?? ''), context.planId, ageOf)),
    canaries,
  };
}

/** The types of nodes that are not as they should be: some types never will be. */
async function typesOf(suspects: SeenNode[], ports: Ports): Promise<Map<string, InstanceType>> {
  const names = [...new Set(suspects.flatMap(({ node }) => node.instanceType ?? []))];
  const types = names.length === 0 ? [] : ((await optional(ports.ec2.describeInstanceTypes(names))) ?? []);
  return new Map(types.map((type) => [type.instanceType, type]));
}

const takesPlanned = (node: ClusterNode, { maxPods }: Params): boolean => node.allocatable.pods === maxPods;

type AgeOf = (createdAt: string) => number;

/** What can be said at once comes first; then what has to be waited for, the cause before its effects. */
function judge(params: Params, seen: SeenNode, type: InstanceType | undefined, planId: string, ageOf: AgeOf): Verdict {
  const { node, evidence, pods } = seen;
  if (type !== undefined && !supportsPrefixes(type)) return wrong({ ...seen, kind: 'not-nitro', type });
  if (!takesPlanned(node, params)) return wrong({ ...seen, kind: 'max-pods' });
  const addresses = nodeAddresses(evidence.interfaces, pods).pods;
  const strays = evidence.interfaces.length === 0 ? [] : addresses.unknown.filter(isStaying);
  const settled = strays.filter(({ createdAt }) => ageOf(createdAt) >= patienceMilliseconds);
  if (settled.length > 0) return wrong({ ...seen, kind: 'stray', strays: settled });
  const missing = params.taints.filter((taint) => !hasTaint(node, taint));
  if (missing.length > 0) {
    return { kind: 'waits', detail: `${node.name} has not yet the taint ${missing.map(({ key }) => key).join(', ')}` };
  }
  if (evidence.prefixes.length === 0) {
    const waitedMilliseconds = ageOf(node.createdAt);
    return waitedMilliseconds < prefixMilliseconds
      ? { kind: 'waits', detail: `${node.name} is Ready but has no prefix yet` }
      : wrong({ ...seen, kind: 'no-prefix', waitedMilliseconds });
  }
  if (strays[0] !== undefined) {
    return { kind: 'waits', detail: `${nameOf(strays[0])} on ${node.name} has an address that is not one of its node` };
  }
  const own = pods.filter((pod) => isCanary(pod) && !isStale(pod, planId));
  return judgeAddresses(
    params,
    seen,
    { own, inPrefix: addresses.prefix.filter(isStaying), without: addresses.without },
    ageOf,
  );
}

const wrong = (problem: Problem): Verdict => ({ kind: 'wrong', problem });

/** `own`: canaries of this plan, in any state; the others: pods that want an address of the node, by what they have. */
interface Witnesses {
  own: Pod[];
  inPrefix: Pod[];
  without: Pod[];
}

/** Whether pods show that addresses come out of prefixes: any pod when one suffices, canaries when several are asked for. */
function judgeAddresses(params: Params, seen: SeenNode, witnesses: Witnesses, ageOf: AgeOf): Verdict {
  const { node, evidence, pods } = seen;
  const { own, inPrefix, without } = witnesses;
  const living = own.filter((pod) => isStaying(pod) && !isFinished(pod));
  // the kubelet turns away what is more than its number, on the host network or not
  const room = node.allocatable.pods - pods.filter((pod) => !isFinished(pod) && !living.includes(pod)).length;
  const wanted = Math.max(1, Math.min(params.canaryPods, room));
  // The address of a canary is what counts: its image may be out of reach.
  const witness = inPrefix.find((pod) => pod.phase === 'Running' || isCanary(pod));
  if (params.canaryPods === 1 || room <= 0) {
    if (witness !== undefined) {
      return { kind: 'passes', node, evidence, witness: witnessText(witness, evidence.prefixes) };
    }
    const starting = without.find((pod) => !isCanary(pod) && ageOf(pod.createdAt) < patienceMilliseconds);
    if (starting !== undefined) return { kind: 'waits', detail: withoutAddress(starting, node) };
    if (room <= 0 && living.length === 0) {
      return { kind: 'waits', detail: `${node.name} is full, and none of its pods has an address out of a prefix` };
    }
  }
  if (living.length < wanted) {
    const [failed] = own.filter(isFinished);
    const why = failed === undefined ? '' : `; ${nameOf(failed)} ended: ${failed.trouble ?? failed.phase}`;
    const detail =
      wanted === 1
        ? `no pod on ${node.name} shows that addresses come from prefixes${why}`
        : `${living.length} of ${wanted} canary pods are on ${node.name}${why}`;
    return { kind: 'needs-canary', detail, node, wanted, living };
  }
  const proven = living.filter((pod) => inPrefix.includes(pod));
  if (proven.length >= wanted) {
    return { kind: 'passes', node, evidence, witness: densityText(proven, evidence.prefixes, params, wanted) };
  }
  const waiting = living.filter((pod) => !proven.includes(pod));
  const waitedMilliseconds = Math.max(...waiting.map(({ createdAt }) => ageOf(createdAt)));
  if (waitedMilliseconds >= prefixMilliseconds) {
    return wrong({ ...seen, kind: 'no-address', waiting, wanted, waitedMilliseconds });
  }
  const more = waiting.length > 1 ? ` (and ${waiting.length - 1} more of ${wanted})` : '';
  return { kind: 'waits', detail: `${waiting[0] === undefined ? '' : withoutAddress(waiting[0], node)}${more}` };
}

const isStaying = ({ deletionTimestamp }: Pod): boolean => deletionTimestamp === null;
const isFinished = ({ phase }: Pod): boolean => phase === 'Succeeded' || phase === 'Failed';
const nameOf = ({ namespace, name }: Pod): string => `${namespace}/${name}`;

const withoutAddress = (pod: Pod, node: ClusterNode): string =>
  `${nameOf(pod)} on ${node.name} has no address out of a prefix yet${pod.trouble === null ? '' : `: ${pod.trouble}`}`;

function witnessText(pod: Pod, prefixes: readonly string[]): string {
  const state =
    pod.phase === 'Running'
      ? ''
      : ` (it is ${pod.phase}${pod.trouble === null ? '' : `, ${pod.trouble}`}: its address is the proof)`;
  return `${nameOf(pod)} has ${pod.podIp}, out of ${prefixOf(pod, prefixes)}${state}`;
}

/** `17 canary pods have addresses out of 2 prefixes: 10.0.1.16/28 (16), 10.0.1.48/28 (1)` */
function densityText(
  canaries: readonly Pod[],
  prefixes: readonly string[],
  { canaryPods }: Params,
  wanted: number,
): string {
  if (canaries[0] !== undefined && canaryPods === 1) return witnessText(canaries[0], prefixes);
  const byPrefix = [...Map.groupBy(canaries, (pod) => prefixOf(pod, prefixes))];
  const list = byPrefix.map(([prefix, pods]) => `${prefix} (${pods.length})`).join(', ');
  const less = wanted < canaryPods ? `; ${canaryPods} were asked for, and the node takes no more pods` : '';
  return `${canaries.length} canary pods have addresses out of ${byPrefix.length === 1 ? '1 prefix' : `${byPrefix.length} prefixes`}: ${list}${less}`;
}

function prefixOf({ podIp }: Pod, prefixes: readonly string[]): string | undefined {
  const address = parseIpv4(podIp ?? '');
  return prefixes.find((text) => {
    const block = parseCidr(text);
    return block !== null && address !== null && contains(block, address);
  });
}

const kubernetesEffects = {
  NO_SCHEDULE: 'NoSchedule',
  NO_EXECUTE: 'NoExecute',
  PREFER_NO_SCHEDULE: 'PreferNoSchedule',
} as const;

const hasTaint = (node: ClusterNode, { key, value, effect }: NodegroupTaint): boolean =>
  node.taints.some(
    (taint) => taint.key === key && (taint.value ?? '') === (value ?? '') && taint.effect === kubernetesEffects[effect],
  );
