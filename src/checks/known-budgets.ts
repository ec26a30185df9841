import type { PodDisruptionBudget } from '../domain/snapshot.ts';

/** Budgets that come with add-ons and charts, and that are known to hold up drains: what helps there. */
const known: [name: RegExp, hint: string][] = [
  [
    /^coredns/,
    'CoreDNS comes with two replicas; scaled to one, its budget may hold it for ever. Two that are Ready on different nodes let it move.',
  ],
  [
    /^ebs-csi-controller/,
    'The EBS CSI controller is Ready only while it may call EC2: look at its IAM role when its pods are not.',
  ],
  [
    /^metrics-server/,
    'metrics-server often runs as one pod; with two it can move, and a short gap stops autoscaling only.',
  ],
  [
    /^istiod/,
    'istiod comes with minAvailable 1 and, without load, one replica: raise the minReplicas of its HorizontalPodAutoscaler to 2, which would undo a scale by hand.',
  ],
  [
    /^cert-manager/,
    'cert-manager, its webhook and its cainjector come with one replica each: two of each can move; one leads at a time.',
  ],
  [
    /^karpenter/,
    'Karpenter keeps its two pods on different nodes, and off nodes that it made itself: it needs two nodes of managed groups.',
  ],
];

/** A sentence with a space before it; empty when nothing is known about a budget of this name. */
export function knownBudgetHint({ name }: PodDisruptionBudget): string {
  const hint = known.find(([pattern]) => pattern.test(name))?.[1];
  return hint === undefined ? '' : ` ${hint}`;
}
