import type { Pod } from '../domain/snapshot.ts';

/** Annotation of a node that this program has cordoned; its value is `shortPlanId`. */
export const cordonedBy = 'prefix-migrate/cordoned-by';

/** Enough of a plan's id to tell plans apart in labels and annotations. */
export const shortPlanId = (planId: string): string => planId.slice(0, 12);

/** Tags and labels of our own on things that we create. */
const ownPrefix = 'prefix-migrate';

/** Whether a thing found by its name is the one that the plan asked for: our tags are on it, with the planned values. */
export function isOurs(planned: Record<string, string>, found: Record<string, string>): boolean {
  const own = Object.keys(planned).filter((key) => key.startsWith(ownPrefix));
  const keys = own.length > 0 ? own : Object.keys(planned);
  return keys.length > 0 && keys.every((key) => found[key] === planned[key]);
}

/** Canary pods live where the CNI lives: what lets them in there lets in the CNI, too. */
export const canaryNamespace = 'kube-system';

const planLabel = `${ownPrefix}/canary-of-plan`;
const nodegroupLabel = `${ownPrefix}/nodegroup`;

export function canarySelector(planId: string, nodegroupName?: string): string {
  const ofPlan = `${planLabel}=${shortPlanId(planId)}`;
  return nodegroupName === undefined ? ofPlan : `${ofPlan},${nodegroupLabel}=${nodegroupName}`;
}

export const isCanary = (pod: Pod): boolean => pod.labels[planLabel] !== undefined;

/**
 * A pod that does nothing but hold an address, bound to `nodeName` past the scheduler. It fits the Pod Security Standard
 * `restricted`, and ends by itself after ten minutes should nobody delete it.
 */
export function canaryPod(parts: {
  name: string;
  planId: string;
  nodegroupName: string;
  nodeName: string;
  image: string;
}): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: parts.name,
      namespace: canaryNamespace,
      labels: {
        'app.kubernetes.io/managed-by': ownPrefix,
        [planLabel]: shortPlanId(parts.planId),
        [nodegroupLabel]: parts.nodegroupName,
      },
    },
    spec: {
      nodeName: parts.nodeName,
      restartPolicy: 'Never',
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
          name: 'pause',
          image: parts.image,
          resources: { requests: { cpu: '1m', memory: '8Mi' }, limits: { memory: '16Mi' } },
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

/**
 * The pause image in the registry that the CNI's image comes from: nodes can reach it, also without Internet.
 * `602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.19.2` gives `.../eks/pause:3.10`.
 */
export function pauseImage(cniImage: string | null): string {
  const registry = cniImage?.split('/')[0] ?? '';
  return /^\d+\.dkr\.ecr\./.test(registry) ? `${registry}/eks/pause:3.10` : 'registry.k8s.io/pause:3.10';
}
