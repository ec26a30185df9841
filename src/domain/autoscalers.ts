import type { ClusterSnapshot, Workload } from './snapshot.ts';

/** `registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.0` -> `cluster-autoscaler` */
const imageName = (image: string): string => image.replace(/@.*$/, '').replace(/^.*\//, '').replace(/:.*$/, '');

/**
 * The first workload with replicas whose image or own name fits, whether it is Ready or not: it may come back at any moment.
 * A ReplicaSet of a Deployment is passed over for the Deployment.
 */
const runningOf = (snapshot: ClusterSnapshot, name: RegExp): Workload | null =>
  snapshot.workloads.find(
    (workload) =>
      workload.replicas > 0 &&
      workload.controller === null &&
      (name.test(workload.name) || (workload.images ?? []).some((image) => name.test(imageName(image)))),
  ) ?? null;

/** The Kubernetes cluster autoscaler, from any registry; null when there is none, or it is scaled to 0. */
export const clusterAutoscalerOf = (snapshot: ClusterSnapshot): Workload | null =>
  runningOf(snapshot, /cluster-autoscaler(-amd64|-arm64)?$/);

/** The AWS Node Termination Handler, as a Deployment (queue) or a DaemonSet (instance metadata). */
export const terminationHandlerOf = (snapshot: ClusterSnapshot): Workload | null =>
  runningOf(snapshot, /aws-node-termination-handler(-v2)?$/);

/** Whether the API server knows the kinds of Karpenter; its controller may run where nobody sees it. */
export const hasKarpenter = ({ apiGroups }: ClusterSnapshot): boolean => apiGroups.includes('karpenter.sh');
