import { contains, parseCidr, parseIpv4 } from '../domain/addresses.ts';
import { sha256Hex } from '../domain/canonical-json.ts';
import type { MigrateError } from '../domain/migrate-error.ts';
import type { Step, StepParams } from '../domain/plan.ts';
import type { ClusterNode, NodegroupTaint, Pod } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { applyAgain, stoppedPartWay } from './conflict.ts';
import { canaryNamespace, canaryPod, canarySelector, isCanary, pauseImage } from './ownership.ts';
import { podsOfNodes } from './pods-of-nodes.ts';
import { type PrefixEvidence, prefixEvidence } from './prefix-evidence.ts';
import type { StepContext, StepHandler } from './step-handler.ts';

type Params = StepParams['verify-replacement'];

/** What is known of one Ready node that is not verified yet. */
type Verdict =
  | { kind: 'passes'; node: ClusterNode; evidence: PrefixEvidence; witness: string }
  | { kind: 'needs-canary'; node: ClusterNode }
  | { kind: 'waits'; detail: string }
  | { kind: 'wrong'; error: MigrateError };

interface Survey {
  ready: number;
  verified: string[];
  verdicts: Verdict[];
  canaries: Pod[];
}

/** So long a pod may be without an address before a canary takes its place as a witness. */
const patienceMilliseconds = 3 * 60 * 1000;
/** ipamd asks EC2 again two minutes after a refusal: by then it has been refused twice. */
const prefixMilliseconds = 5 * 60 * 1000;

/**
 * Proves prefix delegation node by node: prefixes in EC2, the number of pods that the kubelet allows, and a pod that has
 * its address from a prefix of its own node. A pod that is there anyway is proof enough; a canary is made only when none is.
 */
export const verifyReplacement: StepHandler<'verify-replacement'> = {
  title: ({ params }) => `verify ${count(params.nodes)} of ${params.nodegroupName}`,

  async observe(step, ports, context) {
    const { nodes, nodegroupName } = step.params;
    const { ready, verified, verdicts, canaries } = await survey(step, ports, context);
    for (const verdict of verdicts) if (verdict.kind === 'wrong') return { kind: 'conflict', error: verdict.error };
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
    if (unproven !== undefined) {
      return {
        kind: 'actionable',
        detail: `no pod on ${unproven.node.name} shows that addresses come from prefixes`,
      };
    }
    const reason = verdicts.find((verdict) => verdict.kind === 'waits')?.detail ?? `${ready} nodes are Ready`;
    return {
      kind: 'in-progress',
      detail: `${verified.length} of ${nodes} nodes of ${nodegroupName} verified; ${reason}`,
    };
  },

  async act(step, ports, run) {
    const { nodegroupName } = step.params;
    const { verdicts, canaries } = await survey(step, ports, run);
    for (const verdict of verdicts) {
      if (run.signal.aborted) return;
      if (verdict.kind === 'needs-canary') await createCanary(step, verdict.node, canaries, ports, run);
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
    for (const canary of await findCanaries(run, nodegroupName, ports)) {
      if (run.state.verifiedNodes[canary.nodeName ?? ''] !== undefined) await removeCanary(canary, ports);
    }
  },

  describeCall: ({ params }) =>
    `reads only: nodes and pods of ${params.nodegroupName}, ec2:DescribeNetworkInterfaces; a canary pod in ${canaryNamespace} where no other pod has an address`,

  /** It changes nothing that lasts. */
  undo: () => undefined,

  deadlineSeconds: ({ params }) => params.timeoutSeconds,

  async tidy({ params }, ports, context) {
    for (const canary of await findCanaries(context, params.nodegroupName, ports)) await removeCanary(canary, ports);
  },
};

const count = (nodes: number): string => (nodes === 1 ? '1 node' : `${nodes} nodes`);

async function survey({ params }: Step<'verify-replacement'>, ports: Ports, context: StepContext): Promise<Survey> {
  const ready = (await ports.kubernetes.listNodes(params.nodegroupName)).filter((node) => node.ready);
  const isVerified = (node: ClusterNode): boolean => context.state.verifiedNodes[node.name] !== undefined;
  const open = ready.filter((node) => !isVerified(node));
  const evidence = await prefixEvidence(open, ports);
  const pods = await podsOfNodes(open, ports);
  const now = ports.clock.now();
  const runSince = Date.parse(context.state.runs.at(-1)?.startedAt ?? '') || 0;
  const verdicts = open.flatMap((node) => {
    const found = evidence.get(node.name);
    return found === undefined ? [] : judge(params, node, found, pods.get(node.name) ?? [], now, runSince);
  });
  return {
    ready: ready.length,
    verified: ready.filter(isVerified).map(({ name }) => name),
    verdicts,
    canaries: await findCanaries(context, params.nodegroupName, ports),
  };
}

function judge(
  params: Params,
  node: ClusterNode,
  evidence: PrefixEvidence,
  onNode: Pod[],
  now: number,
  runSince: number,
): Verdict {
  if (node.allocatable.pods !== params.maxPods) return { kind: 'wrong', error: wrongMaxPods(params, node) };
  const missing = params.taints.filter((taint) => !hasTaint(node, taint));
  if (missing.length > 0) {
    return { kind: 'waits', detail: `${node.name} has not yet the taint ${missing.map(({ key }) => key).join(', ')}` };
  }
  if (evidence.prefixes.length === 0) {
    // a new run grants new time, in which the cause may have gone; it also bounds what differing clocks can do
    const waited = now - Math.max(Date.parse(node.createdAt), runSince);
    return waited < prefixMilliseconds
      ? { kind: 'waits', detail: `${node.name} is Ready but has no prefix yet` }
      : { kind: 'wrong', error: noPrefix(node, evidence, waited) };
  }
  const blocks = evidence.prefixes.flatMap((prefix) => parseCidr(prefix) ?? []);
  const isInside = ({ podIp }: Pod): boolean => {
    const address = parseIpv4(podIp ?? '');
    return address !== null && blocks.some((block) => contains(block, address));
  };
  const pods = onNode.filter(
    (pod) => !pod.hostNetwork && pod.deletionTimestamp === null && pod.phase !== 'Succeeded' && pod.phase !== 'Failed',
  );
  // The address of a canary is what counts: its image may be out of reach.
  const witness = pods.find((pod) => isInside(pod) && (pod.phase === 'Running' || isCanary(pod)));
  if (witness !== undefined) {
    const prefix = evidence.prefixes.find((text) => isInsideText(text, witness.podIp));
    return {
      kind: 'passes',
      node,
      evidence,
      witness: `${witness.namespace}/${witness.name} has ${witness.podIp}, out of ${prefix}`,
    };
  }
  const starting = pods.find(
    (pod) => pod.podIp === null && (isCanary(pod) || now - Date.parse(pod.createdAt) < patienceMilliseconds),
  );
  if (starting === undefined && !pods.some(isCanary)) return { kind: 'needs-canary', node };
  const named = starting ?? pods.find(isCanary);
  return {
    kind: 'waits',
    detail: `${named?.namespace}/${named?.name} on ${node.name} has no address out of a prefix yet${named?.trouble ? `: ${named.trouble}` : ''}`,
  };
}

function isInsideText(prefix: string, podIp: string | null): boolean {
  const block = parseCidr(prefix);
  const address = parseIpv4(podIp ?? '');
  return block !== null && address !== null && contains(block, address);
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

function findCanaries({ planId }: StepContext, nodegroupName: string, ports: Ports): Promise<Pod[]> {
  return ports.kubernetes.listPods({
    namespace: canaryNamespace,
    labelSelector: canarySelector(planId, nodegroupName),
  });
}

async function createCanary(
  step: Step<'verify-replacement'>,
  node: ClusterNode,
  canaries: Pod[],
  ports: Ports,
  { planId }: StepContext,
) {
  // one that the kubelet turned away, or that outlived its time, only stands in the way of the next
  for (const canary of canaries) if (canary.nodeName === node.name) await removeCanary(canary, ports);
  const cni = await ports.kubernetes.getDaemonSet('kube-system', 'aws-node', 'aws-node');
  const manifest = canaryPod({
    name: `prefix-migrate-canary-${sha256Hex(`${planId}/${node.uid}`).slice(0, 10)}`,
    planId,
    nodegroupName: step.params.nodegroupName,
    nodeName: node.name,
    image: pauseImage(cni?.image ?? null),
  });
  await ports.kubernetes.createPod(canaryNamespace, manifest);
}

const removeCanary = ({ namespace, name, uid }: Pod, ports: Ports): Promise<void> =>
  ports.kubernetes.deletePod(namespace, name, uid);

function wrongMaxPods({ maxPods, nodegroupName }: Params, node: ClusterNode): MigrateError {
  return stoppedPartWay({
    code: 'VERIFY.WRONG_MAX_PODS',
    message: `Node ${node.name} of ${nodegroupName} takes ${node.allocatable.pods} pods, but the plan says ${maxPods}.`,
    why: `Likely causes: the node started before the VPC CNI had its new settings, the user data did not reach the kubelet, or EKS or the AMI set a limit of its own (instance type ${node.instanceType ?? 'unknown'}). Waiting does not change it.`,
    nextActions: [
      `kubectl describe node ${node.name}`,
      'look at the kubelet configuration on the node, or at the user data of its launch template',
      `make a new plan with what the node can do: prefix-migrate plan --cluster CLUSTER --max-pods ${node.allocatable.pods}`,
    ],
  });
}

function noPrefix(node: ClusterNode, { subnetId }: PrefixEvidence, waitedMilliseconds: number): MigrateError {
  const subnet = subnetId ?? 'its subnet';
  return stoppedPartWay({
    code: 'VERIFY.NO_PREFIX',
    message: `Node ${node.name} is Ready, but has got no prefix in ${Math.floor(waitedMilliseconds / 60_000)} minutes.`,
    why: `The most likely cause is that ${subnet} has no free /28 block left: it may have many free addresses and still no 16 aligned ones in a row (InsufficientCidrBlocks in the log of ipamd). The node stays Ready, but its pods get no address.`,
    nextActions: [
      `see what is in the subnet: prefix-migrate audit --cluster CLUSTER`,
      `make room: aws ec2 create-subnet-cidr-reservation --subnet-id ${subnetId ?? 'SUBNET'} --reservation-type prefix --cidr CIDR`,
      applyAgain,
    ],
  });
}
