import { sha256Hex } from '../domain/canonical-json.ts';
import { MigrateError } from '../domain/migrate-error.ts';
import { inParallel } from '../domain/parallel.ts';
import type { StepParams } from '../domain/plan.ts';
import type { ClusterNode, Pod } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { sameAgain, stoppedPartWay } from './conflict.ts';
import { shortPlanId } from './ownership.ts';

/** Canary pods live where the CNI lives: what lets them in there lets in the CNI, too. */
export const canaryNamespace = 'kube-system';

const planLabel = 'prefix-migrate/canary-of-plan';
const nodegroupLabel = 'prefix-migrate/nodegroup';
/** For admission rules that make an exception. */
const managedBy = { 'app.kubernetes.io/managed-by': 'prefix-migrate' };

export const isCanary = (pod: Pod): boolean => pod.labels[planLabel] !== undefined;

/**
 * Every canary of the cluster that `planId` may remove for this node group: its own, and those that a crashed run of
 * another plan left behind, for there is one run at a time in a cluster. Without a node group: all canaries.
 */
export async function findCanaries(ports: Ports, planId?: string, nodegroupName?: string): Promise<Pod[]> {
  const all = await ports.kubernetes.listPods({ namespace: canaryNamespace, labelSelector: planLabel });
  if (planId === undefined || nodegroupName === undefined) return all;
  return all.filter((pod) => isStale(pod, planId) || pod.labels[nodegroupLabel] === nodegroupName);
}

/** Left behind by another plan. */
export const isStale = ({ labels }: Pod, planId: string): boolean => labels[planLabel] !== shortPlanId(planId);

/** Calls about canaries, at a time. */
const parallelCalls = 8;

export async function removeCanaries(canaries: readonly Pod[], ports: Ports): Promise<void> {
  await inParallel(parallelCalls, canaries, ({ namespace, name, uid }) =>
    ports.kubernetes.deletePod(namespace, name, uid),
  );
}

export interface CanaryOrder {
  node: ClusterNode;
  /** canaries that the node is to have in all */
  wanted: number;
  /** its canaries that are there and hold, or are about to hold, an address */
  living: Pod[];
}

/**
 * Makes the canaries that are missing. Their names are those of their node and number, so that a canary that is there
 * already is not made twice.
 *
 * @throws MigrateError VERIFY.CANARY_REFUSED when the API server, a policy or a quota does not let them in
 */
export async function createCanaries(
  params: StepParams['verify-replacement'],
  planId: string,
  orders: readonly CanaryOrder[],
  ports: Ports,
): Promise<void> {
  if (orders.length === 0) return;
  const { nodegroupName, canaryImage: asked } = params;
  const images = asked === null ? await ports.kubernetes.nodeImages(nodegroupName) : {};
  const cni = asked === null ? await ports.kubernetes.getDaemonSet('kube-system', 'aws-node', 'aws-node') : undefined;
  const manifests = orders.flatMap((order) => {
    const { node, wanted, living } = order;
    const taken = new Set(living.map(({ name }) => name));
    const container = canaryContainer(asked, images[node.name] ?? [], cni?.image ?? null);
    return Array.from({ length: wanted }, (_, index) => canaryName(planId, node, index))
      .filter((name) => !taken.has(name))
      .slice(0, wanted - living.length)
      .map((name) => ({ order, body: canaryPod({ name, planId, nodegroupName, nodeName: node.name, container }) }));
  });
  await inParallel(parallelCalls, manifests, async ({ order, body }) => {
    try {
      await ports.kubernetes.createPod(canaryNamespace, body);
    } catch (error) {
      throw refused(error, order, params.clusterName);
    }
  });
}

const canaryName = (planId: string, node: ClusterNode, index: number): string =>
  `prefix-migrate-canary-${sha256Hex(`${planId}/${node.uid}`).slice(0, 10)}-${index}`;

interface CanaryContainer {
  image: string;
  command?: string[];
}

/**
 * A pod that does nothing but hold an address, bound to its node past the scheduler: taints do not matter. It fits the Pod
 * Security Standard `restricted` and quotas of CPU and memory, and ends by itself after ten minutes should nobody delete it.
 * Its address comes with its sandbox, before its image is looked at, and stays while the container is started again and
 * again: an image that cannot be had or does not run is no obstacle.
 */
export function canaryPod(parts: {
  name: string;
  planId: string;
  nodegroupName: string;
  nodeName: string;
  container: CanaryContainer;
}): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: parts.name,
      namespace: canaryNamespace,
      labels: { ...managedBy, [planLabel]: shortPlanId(parts.planId), [nodegroupLabel]: parts.nodegroupName },
    },
    spec: {
      nodeName: parts.nodeName,
      restartPolicy: 'Always',
      activeDeadlineSeconds: 600,
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      tolerations: [{ operator: 'Exists' }],
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65535,
        runAsGroup: 65535,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'canary',
          ...parts.container,
          // the default would be Always for a tag `latest`
          imagePullPolicy: 'IfNotPresent',
          resources: { requests: { cpu: '1m', memory: '8Mi' }, limits: { cpu: '20m', memory: '32Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  };
}

/** `localhost/kubernetes/pause:latest` (what AL2023 images start every pod with), `.../eks/pause:3.10`, `.../pause@sha256:...` */
const pause = /(^|\/)pause[:@]/;
/** Keeps asking a server that is not there, for as long as a canary may live: the one program of the image that waits. */
const waitInAwsNode = ['/app/grpc-health-probe', '-addr=127.0.0.1:1', '-connect-timeout=10m'];

/**
 * What a canary runs: what was asked for, else an image that its node has, so that nothing has to be pulled. Pause images
 * do nothing and run as anybody; the image of aws-node (`cniImage`) is on every node and has a program that waits. Where
 * the node does not tell its images, the pause image in the registry that aws-node came from.
 */
export function canaryContainer(
  asked: string | null,
  nodeImages: readonly string[],
  cniImage: string | null,
): CanaryContainer {
  if (asked !== null) return { image: asked };
  const pauses = nodeImages.filter((name) => pause.test(name));
  // a tag says more to people than a digest
  const image = pauses.find((name) => !name.includes('@')) ?? pauses[0];
  if (image !== undefined) return { image };
  if (cniImage !== null && nodeImages.includes(cniImage)) return { image: cniImage, command: waitInAwsNode };
  const registry = cniImage?.split('/')[0] ?? '';
  return {
    image: /^\d+\.dkr\.ecr\./.test(registry) ? `${registry}/eks/pause:3.10` : 'registry.k8s.io/pause:3.10',
  };
}

/** Who does not let canaries in, by the words of the API server, and what helps. */
const refusals: { words: RegExp; who: string; action: string }[] = [
  {
    words: /exceeded quota/,
    who: 'a ResourceQuota',
    action: `kubectl -n ${canaryNamespace} get resourcequotas  # raise the one that the reason names`,
  },
  {
    words: /violates PodSecurity/,
    who: 'Pod Security admission',
    action: `kubectl get namespace ${canaryNamespace} --show-labels  # the canary fits "restricted": compare with the reason`,
  },
  {
    words: /(minimum|maximum) .+ usage per|limit to request ratio/,
    who: 'a LimitRange',
    action: `kubectl -n ${canaryNamespace} get limitranges -o yaml  # the canary asks for 1m CPU and 8Mi memory`,
  },
  {
    words: /denied the request|ValidatingAdmissionPolicy/,
    who: 'an admission webhook or policy',
    action: `kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations,validatingadmissionpolicies  # let pods in ${canaryNamespace} with label app.kubernetes.io/managed-by=prefix-migrate pass`,
  },
];

/** Who refused, by what the API server says; undefined when it is none of these (missing permission). */
export const refusalOf = (words: string): { who: string; action: string } | undefined =>
  refusals.find((known) => known.words.test(words));

/** A refusal that only a person can change, with the way around it; every other failure as it is. */
function refused(error: unknown, { node, wanted }: CanaryOrder, clusterName: string): unknown {
  if (!(error instanceof MigrateError) || !/^KUBERNETES\.(FORBIDDEN|REFUSED)$/.test(error.code)) return error;
  const known = refusalOf(error.why);
  return stoppedPartWay({
    code: 'VERIFY.CANARY_REFUSED',
    message: `Node ${node.name} of ${clusterName} could not be proven: ${known?.who ?? 'the API server'} does not let a canary pod into ${canaryNamespace}.`,
    why: `${error.why} ${wanted > 1 ? 'Canaries in this number were asked for with --canary-pods.' : 'A canary is needed while no other pod of the node has an address out of a prefix.'}`,
    nextActions: [
      ...(known === undefined ? error.nextActions : [known.action]),
      ...(wanted > 1
        ? []
        : [
            `or start a pod there yourself, with an image that the node can get: kubectl run prefix-witness --image=registry.k8s.io/pause:3.10 --overrides='{"spec":{"nodeName":"${node.name}","tolerations":[{"operator":"Exists"}]}}' (afterwards: kubectl delete pod prefix-witness)`,
          ]),
      sameAgain,
    ],
  });
}
