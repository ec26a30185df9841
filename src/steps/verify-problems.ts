import { interfaceSettings, isOn, prefixDelegationIsOn } from '../domain/cni-settings.ts';
import { newSubnetAdvice, podSubnetOfNode, usesCustomNetworking } from '../domain/eni-config.ts';
import {
  type InterfaceSettings,
  plainInterfaces,
  recommendedMaxPods,
  secondaryMaxPods,
  slots,
} from '../domain/max-pods.ts';
import type { MigrateError } from '../domain/migrate-error.ts';
import type { StepParams } from '../domain/plan.ts';
import { adviseReservation } from '../domain/reservation.ts';
import type { ClusterNode, EniConfig, InstanceType, Pod } from '../domain/snapshot.ts';
import { type SubnetView, spoilersInWords, viewSubnet } from '../domain/subnet-owners.ts';
import type { Ports } from '../ports/ports.ts';
import { sameAgain, stoppedPartWay } from './conflict.ts';
import { optional } from './optional.ts';
import { cordonedBy } from './ownership.ts';
import { podsOfNodes } from './pods-of-nodes.ts';
import { type PrefixEvidence, prefixEvidence } from './prefix-evidence.ts';

type Params = StepParams['verify-replacement'];

/** The replacement, and how many nodes it is to have. */
export type Replacement = Pick<Params, 'clusterName' | 'nodegroupName' | 'source' | 'nodes'>;

/** A node with what was seen of it. `pods`: all on it. */
export interface SeenNode {
  node: ClusterNode;
  evidence: PrefixEvidence;
  pods: Pod[];
}

/** Why a node is not what the plan says, and will not be by waiting. */
export type Problem = SeenNode &
  (
    | { kind: 'not-nitro'; type: InstanceType }
    | { kind: 'max-pods' }
    | { kind: 'stray'; strays: Pod[] }
    | { kind: 'no-prefix'; waitedMilliseconds: number }
    | { kind: 'no-address'; waiting: Pod[]; wanted: number; waitedMilliseconds: number }
  );

/** The problem in the user's words: looks closer at the node, its aws-node pod and its subnet. Reads only. */
export function explain(problem: Problem, params: Params, ports: Ports): Promise<MigrateError> | MigrateError {
  switch (problem.kind) {
    case 'not-nitro':
      return notNitro(problem, params);
    case 'max-pods':
      return wrongMaxPods(problem, params, ports);
    case 'stray':
      return strayAddress(problem);
    case 'no-prefix':
      return noPrefix(problem, params, ports);
    case 'no-address':
      return noAddress(problem, params, ports);
  }
}

/**
 * Why nodes of a replacement are not Ready: looks at the one that has waited longest. With custom networking aws-node comes
 * up only with a prefix, and the node with it. Null when there is no such node. Reads only.
 */
export async function explainNotReady(replacement: Replacement, ports: Ports): Promise<MigrateError | null> {
  const { nodegroupName, nodes } = replacement;
  const all = await ports.kubernetes.listNodes(nodegroupName);
  const waiting = all.filter(({ ready }) => !ready).toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
  const [node] = waiting;
  if (node === undefined) return null;
  const pods = (await podsOfNodes([node], ports)).get(node.name) ?? [];
  const evidence = (await prefixEvidence([node], ports)).get(node.name);
  const found =
    evidence === undefined || evidence.prefixes.length > 0
      ? { cause: `${node.name} holds prefixes already: another cause keeps it from being Ready.`, nextActions: [] }
      : await diagnose({ node, evidence, pods }, replacement, ports);
  return stoppedPartWay({
    code: 'NODEGROUP.NOT_READY',
    message: `${all.length - waiting.length} of ${nodes} nodes of ${nodegroupName} are Ready. ${waiting.length} more ${waiting.length === 1 ? 'has' : 'have'} joined and ${waiting.length === 1 ? 'is' : 'are'} not Ready, such as ${node.name}.`,
    why: found.cause,
    nextActions: [`kubectl describe node ${node.name}`, ...found.nextActions, sameAgain],
  });
}

const minutes = (milliseconds: number): string => `${Math.floor(milliseconds / 60_000)} minutes`;
const planAgain = ({ clusterName, source }: Params): string =>
  `prefix-migrate plan --cluster ${clusterName} --nodegroup ${source}`;

function notNitro({ node, type }: Problem & { kind: 'not-nitro' }, params: Params): MigrateError {
  return stoppedPartWay({
    code: 'VERIFY.NOT_NITRO',
    message: `Node ${node.name} of ${params.nodegroupName} is a ${type.instanceType}, which cannot use prefixes: it stays in secondary IP mode.`,
    why: 'Prefixes need Nitro or bare metal instances. On others the VPC CNI falls back without an error or an event, whatever its settings say.',
    nextActions: [
      `take ${type.instanceType} out of the instance types of ${params.source}`,
      `then make a new plan: ${planAgain(params)}`,
    ],
  });
}

function strayAddress({ node, strays }: Problem & { kind: 'stray' }): MigrateError {
  const [first] = strays;
  const named = `${first?.namespace}/${first?.name} (${first?.podIp})`;
  return stoppedPartWay({
    code: 'VERIFY.STRAY_ADDRESS',
    message: `${strays.length === 1 ? `Pod ${named}` : `${strays.length} pods, such as ${named},`} on ${node.name} has an address that is in no prefix and on no interface of the node.`,
    why: 'EC2 may give such an address to somebody else. The VPC CNI has let go of a prefix that was in use (amazon-vpc-cni-k8s issue 3824), or an interface was taken off by hand.',
    nextActions: [
      ...strays
        .slice(0, 3)
        .map(({ namespace, name }) => `kubectl -n ${namespace} delete pod ${name}  # the next one gets a new address`),
      `kubectl -n kube-system get pods -l k8s-app=aws-node --field-selector spec.nodeName=${node.name} -o jsonpath='{.items[*].spec.containers[*].image}'  # its version, for the release notes`,
      sameAgain,
    ],
  });
}

async function wrongMaxPods({ node }: Problem, params: Params, ports: Ports): Promise<MigrateError> {
  const { clusterName, nodegroupName, maxPods: planned } = params;
  const found = node.allocatable.pods;
  const region = regionOf(node);
  return stoppedPartWay({
    code: 'VERIFY.WRONG_MAX_PODS',
    message: `Node ${node.name} of ${nodegroupName} takes ${found} pods, but the plan says ${planned}.`,
    why: `${await originOf(found, node, params, ports)} A running node does not change it.`,
    nextActions: [
      `kubectl get --raw /api/v1/nodes/${node.name}/proxy/configz  # maxPods as its kubelet has it`,
      `aws ec2 describe-launch-template-versions${region} --launch-template-name ${nodegroupName} --versions '$Latest' --query 'LaunchTemplateVersions[0].LaunchTemplateData.UserData' --output text | base64 -d  # what was asked for`,
      `to go on with what the node can do, first: aws eks delete-nodegroup${region} --cluster-name ${clusterName} --nodegroup-name ${nodegroupName}`,
      `then: ${planAgain(params)} --max-pods ${found}`,
    ],
  });
}

/** Which formula or setting the number of pods comes from, as far as the number itself tells. */
async function originOf(found: number, node: ClusterNode, params: Params, ports: Ports): Promise<string> {
  const group = await optional(ports.eks.describeNodegroup(params.clusterName, params.nodegroupName));
  const cni = await optional(ports.kubernetes.getDaemonSet('kube-system', 'aws-node', 'aws-node'));
  const names = [...new Set([node.instanceType ?? [], group?.instanceTypes ?? []].flat())];
  const types = (await optional(ports.ec2.describeInstanceTypes(names))) ?? [];
  const own = types.filter(({ instanceType }) => instanceType === node.instanceType);
  const settings = cni === undefined ? plainInterfaces : interfaceSettings(cni.env);
  const of = (formula: typeof secondaryMaxPods): number[] =>
    [own, types].flatMap((some) => (some.length === 0 ? [] : formula(some, settings).value));
  const image = group?.amiType === 'CUSTOM' ? ' (the group has a custom image)' : '';
  if (own.length === 0) {
    return `The number was set by EKS, by the image${image} or by a setting of the kubelet, and went over the user data of the plan.`;
  }
  const [isSecondary, isPrefix] = [secondaryMaxPods, recommendedMaxPods].map((formula) => of(formula).includes(found));
  if (isSecondary && isPrefix) {
    return `${found} is what EKS computes for ${names.join(', ')} in both modes: its own value went over that of the user data.`;
  }
  if (isSecondary) {
    return `${found} is what ${node.instanceType} takes in secondary IP mode. Either EKS computed it before the switch had reached it and put it over the user data of the plan, or that user data did not reach the kubelet${image}.`;
  }
  if (isPrefix) {
    return `${found} is what EKS computes for ${names.join(', ')} with prefixes: its own value went over that of the user data.`;
  }
  const [secondary = 0] = of(secondaryMaxPods);
  const [prefixes = 0] = of(recommendedMaxPods);
  return `${found} is neither what ${node.instanceType} takes in secondary IP mode (${secondary}) nor with prefixes (${prefixes}): the image${image} or a setting of the kubelet says so.`;
}

async function noPrefix(problem: Problem & { kind: 'no-prefix' }, params: Params, ports: Ports): Promise<MigrateError> {
  const { node, waitedMilliseconds } = problem;
  const { cause, nextActions } = await diagnose(problem, params, ports);
  return stoppedPartWay({
    code: 'VERIFY.NO_PREFIX',
    message: `Node ${node.name} of ${params.nodegroupName} is Ready, but has got no prefix in ${minutes(waitedMilliseconds)}: its pods get no address out of one.`,
    why: cause,
    nextActions: [...nextActions, sameAgain],
  });
}

async function noAddress(
  problem: Problem & { kind: 'no-address' },
  params: Params,
  ports: Ports,
): Promise<MigrateError> {
  const { node, evidence, waiting, wanted, waitedMilliseconds } = problem;
  const { cause, nextActions } = await diagnose(problem, params, ports);
  const [first] = waiting;
  const trouble = first?.trouble ? ` ${first.namespace}/${first.name}: ${first.trouble.replace(/\.$/, '')}.` : '';
  return stoppedPartWay({
    code: 'VERIFY.NO_ADDRESS',
    message: `${waiting.length} of ${wanted} canary pods on ${node.name} of ${params.nodegroupName} got no address out of a prefix in ${minutes(waitedMilliseconds)}; the node holds ${evidence.prefixes.length} prefixes.`,
    why: `${cause}${trouble}`,
    nextActions: [
      ...(first === undefined
        ? []
        : [`kubectl -n ${first.namespace} get events --field-selector involvedObject.name=${first.name}`]),
      ...nextActions,
      sameAgain,
    ],
  });
}

interface Diagnosis {
  cause: string;
  nextActions: string[];
}

/** Why aws-node of a node gets no (further) prefix: what can be seen, the nearest cause first; else what is left. */
async function diagnose(seen: SeenNode, params: Replacement, ports: Ports): Promise<Diagnosis> {
  const { pods } = seen;
  const daemon = pods.find(({ namespace, labels }) => namespace === 'kube-system' && labels['k8s-app'] === 'aws-node');
  const envs = await optional(ports.kubernetes.podEnvironments('kube-system', 'k8s-app=aws-node', 'aws-node'));
  const env = envs?.[daemon?.name ?? ''];
  const settings = interfaceSettings(env ?? {});
  const off = daemon === undefined ? null : isOff(daemon, env);
  const closed = isClosed(seen.node, env);
  if (closed !== null) {
    if (off === null) return closed;
    return { cause: `${closed.cause} ${off.cause}`, nextActions: [...closed.nextActions, ...off.nextActions] };
  }
  return off ?? (await noSlot(seen, settings, ports)) ?? (await afterSubnet(seen, daemon, env ?? {}, params, ports));
}

type Env = Readonly<Record<string, string | null>>;

/** Whether the node is cordoned, where that keeps aws-node from asking for prefixes. */
function isClosed({ name, unschedulable, annotations }: ClusterNode, env: Env | undefined): Diagnosis | null {
  const variable = 'AWS_MANAGE_ENIS_NON_SCHEDULABLE';
  if (!unschedulable || (env !== undefined && isOn(env, variable))) return null;
  const whose = cordonedBy in annotations ? '' : ', which this plan has not done';
  const unless = env === undefined ? `, unless it runs with ${variable}=true` : '';
  return {
    cause: `${name} is cordoned${whose}: aws-node attaches no prefix to a cordoned node${unless}.`,
    nextActions: [`kubectl uncordon ${name}`],
  };
}

/** What aws-node on the node itself is told. */
function isOff({ name }: Pod, env: Env | undefined): Diagnosis | null {
  if (env === undefined || prefixDelegationIsOn(env)) return null;
  return {
    cause: `kube-system/${name} on the node runs without ENABLE_PREFIX_DELEGATION=true in its container aws-node, and so stays in secondary IP mode.`,
    nextActions: [
      'kubectl -n kube-system get daemonset aws-node -o yaml  # does its container aws-node (not the init container) set it?',
      'kubectl -n kube-system rollout status daemonset/aws-node',
      `kubectl -n kube-system delete pod ${name}  # once the DaemonSet has it: the next pod starts with it`,
    ],
  };
}

/** Whether it runs. With custom networking it does not where the subnet is full, which comes before. */
function runsIll({ name, trouble }: Pod): Diagnosis | null {
  if (trouble === null) return null;
  return {
    cause: `kube-system/${name} on the node does not run well: ${trouble}`,
    nextActions: [`kubectl -n kube-system describe pod ${name}`],
  };
}

async function noSlot(
  { node, evidence: { prefixes, secondaryAddresses } }: SeenNode,
  settings: InterfaceSettings,
  ports: Ports,
): Promise<Diagnosis | null> {
  const names = node.instanceType === null ? [] : [node.instanceType];
  const [type] = (await optional(ports.ec2.describeInstanceTypes(names))) ?? [];
  if (type === undefined || prefixes.length + secondaryAddresses.length < slots(type, settings)) return null;
  return {
    cause: `All ${slots(type, settings)} slots of the interfaces of a ${type.instanceType} are taken: ${prefixes.length} prefixes, ${secondaryAddresses.length} single addresses.`,
    nextActions: [
      `kubectl -n kube-system delete pod -l k8s-app=aws-node --field-selector spec.nodeName=${node.name}  # single addresses that no pod has go when it starts`,
    ],
  };
}

/** The subnet, when it is full; else what is left to suspect. */
async function afterSubnet(
  { node, evidence }: SeenNode,
  daemon: Pod | undefined,
  env: Env,
  params: Replacement,
  ports: Ports,
): Promise<Diagnosis> {
  const eniConfigs = (usesCustomNetworking(env) && (await optional(ports.kubernetes.listEniConfigs()))) || [];
  const subnetId = podSubnetOfNode({ vpcCni: { env }, eniConfigs }, node, evidence.interfaces);
  const found = subnetId === null ? null : await viewOf(subnetId, params, ports);
  const ill = daemon === undefined ? null : runsIll(daemon);
  if (found?.view.freePrefixes === 0) {
    const { cause, nextActions } = fullSubnet(found, { vpcCni: { env }, eniConfigs }, params);
    return ill === null ? { cause, nextActions } : { cause: `${cause} ${ill.cause}`, nextActions };
  }
  if (ill !== null) return ill;
  const room =
    found === null
      ? `Nothing is known of the free /28 blocks in ${subnetId ?? 'the subnet of its pods'}.`
      : `${nameOf(found.view)} has ${found.view.freePrefixes} free /28 blocks at present${hidden(found.view)}.`;
  if (daemon === undefined) {
    return {
      cause: `No aws-node pod is on the node, so that nobody asks EC2 for prefixes. ${room}`,
      nextActions: ['kubectl -n kube-system describe daemonset aws-node'],
    };
  }
  const isTold = prefixDelegationIsOn(env) ? ' with ENABLE_PREFIX_DELEGATION=true' : '';
  return {
    cause: `${room} kube-system/${daemon.name} runs${isTold}. What is left, the likeliest first: its role may not call ec2:AssignPrivateIpAddresses; the subnet was full when it asked, and it asks again two minutes later; EC2 throttles it.`,
    nextActions: [
      'kubectl -n kube-system get events --field-selector reason=MissingIAMPermissions',
      `grep -i error /var/log/aws-routed-eni/ipamd.log  # on ${node.name}`,
    ],
  };
}

interface FoundSubnet {
  view: SubnetView;
  advise: (prefixes: number) => ReturnType<typeof adviseReservation>;
}

async function viewOf(
  subnetId: string,
  { source }: Pick<Replacement, 'source'>,
  ports: Ports,
): Promise<FoundSubnet | null> {
  const [subnet] = (await optional(ports.ec2.describeSubnets([subnetId]))) ?? [];
  const interfaces = await optional(ports.ec2.networkInterfacesOfSubnets([subnetId]));
  if (subnet === undefined || interfaces === undefined) return null;
  const oldNodes = await ports.kubernetes.listNodes(source);
  const sourceInstances = new Set(oldNodes.flatMap(({ instanceId }) => instanceId ?? []));
  const { accountId } = (await optional(ports.identity.caller())) ?? { accountId: subnet.ownerId };
  const view = viewSubnet(subnet, interfaces, { sourceInstances, accountId });
  const region = subnet.availabilityZone.replace(/[a-z]$/, '');
  return { view, advise: (prefixes) => adviseReservation(subnet, view, { prefixes, singles: 8 }, region) };
}

const nameOf = ({ subnetId, cidr, availabilityZone }: SubnetView): string =>
  `Subnet ${subnetId} (${cidr}, ${availabilityZone})`;

/** Interfaces that the caller may not see (another account) hold addresses, too: the free blocks are then too many. */
const hidden = ({ complete, expectedAvailableCount, availableCount }: SubnetView): string =>
  complete
    ? ''
    : ` (at most: ${Math.abs(expectedAvailableCount - availableCount)} addresses in use there cannot be seen)`;

function fullSubnet(
  { view, advise }: FoundSubnet,
  cni: { vpcCni: { env: Env }; eniConfigs: EniConfig[] },
  params: Replacement,
): Diagnosis {
  const spoilers = spoilersInWords(view.spoilers);
  // an estimate: one prefix for the start, and one more as soon as pods come
  const { after, newSubnet } = advise(2 * params.nodes);
  const later = view.freePrefixesAfter;
  return {
    cause:
      `${nameOf(view)} has ${view.freeAddresses} free addresses, but no free /28 block (16 aligned ones in a row), ` +
      `so that EC2 answers InsufficientCidrBlocks.${spoilers === '' ? '' : ` Blocks spoilt by single addresses: ${spoilers}.`} ` +
      (later === 0
        ? `None comes free with the nodes of ${params.source}.`
        : `${later} ${later === 1 ? 'comes' : 'come'} free when the nodes of ${params.source} are gone.`),
    nextActions: [
      `prefix-migrate audit --cluster ${params.clusterName}  # all subnets of its nodes`,
      ...(after?.commands ?? []).map((command) => `${command}  # keeps single addresses out of what comes free`),
      newSubnetAdvice(cni, view, newSubnet),
    ],
  };
}

/** ` --region us-west-2`; empty where the node does not tell. */
function regionOf({ labels, availabilityZone }: ClusterNode): string {
  const region = labels['topology.kubernetes.io/region'] ?? availabilityZone?.replace(/[a-z]$/, '');
  return region === undefined ? '' : ` --region ${region}`;
}
