/** Labels by which EKS and kubelet tell one node or one node group from others: they change. */
const ofThisGroup = new Set([
  'eks.amazonaws.com/nodegroup',
  'eks.amazonaws.com/nodegroup-image',
  'eks.amazonaws.com/sourceLaunchTemplateId',
  'eks.amazonaws.com/sourceLaunchTemplateVersion',
  'kubernetes.io/hostname',
]);

export const isOfThisGroup = (key: string): boolean => ofThisGroup.has(key);

/** Labels that kubelet, the cloud provider or EKS put on any node of the same type and zone. */
export const isGivenToEveryNode = (key: string): boolean =>
  !isOfThisGroup(key) && /(^|\.)(kubernetes\.io|k8s\.io|k8s\.aws|amazonaws\.com)\//.test(key);
