/**
 * The members of Kubernetes objects that are read, as they come over the wire. Any of them may be absent or null, so
 * none is trusted to be there. (Kubernetes API reference: core/v1, apps/v1, batch/v1, policy/v1, storage.k8s.io/v1,
 * admissionregistration.k8s.io/v1, coordination.k8s.io/v1)
 */
type Maybe<T> = T | null | undefined;
type Many<T> = Maybe<T[]>;
type Names = Maybe<Record<string, string>>;

type Resources = Maybe<{
  cpu?: Maybe<string>;
  memory?: Maybe<string>;
  pods?: Maybe<string>;
  [name: string]: Maybe<string>;
}>;

export interface WireMeta {
  /** of a list */
  continue?: Maybe<string>;
  name?: Maybe<string>;
  namespace?: Maybe<string>;
  uid?: Maybe<string>;
  resourceVersion?: Maybe<string>;
  generation?: Maybe<number>;
  creationTimestamp?: Maybe<string>;
  deletionTimestamp?: Maybe<string>;
  finalizers?: Many<string>;
  labels?: Names;
  annotations?: Names;
  ownerReferences?: Many<{
    apiVersion?: Maybe<string>;
    kind?: Maybe<string>;
    name?: Maybe<string>;
    uid?: Maybe<string>;
    controller?: Maybe<boolean>;
  }>;
  managedFields?: Many<{ manager?: Maybe<string>; time?: Maybe<string>; fieldsV1?: unknown }>;
}

export interface WireObject {
  metadata?: Maybe<WireMeta>;
}

interface WireCondition {
  type?: Maybe<string>;
  status?: Maybe<string>;
  reason?: Maybe<string>;
  message?: Maybe<string>;
  lastTransitionTime?: Maybe<string>;
}

export interface WireNode extends WireObject {
  spec?: Maybe<{
    providerID?: Maybe<string>;
    unschedulable?: Maybe<boolean>;
    taints?: Many<{ key?: Maybe<string>; value?: Maybe<string>; effect?: Maybe<string> }>;
  }>;
  status?: Maybe<{
    capacity?: Resources;
    allocatable?: Resources;
    conditions?: Many<WireCondition>;
    images?: Many<{ names?: Many<string> }>;
    nodeInfo?: Maybe<{ osImage?: Maybe<string> }>;
  }>;
}

interface WireResources {
  requests?: Resources;
}

export interface WireContainer {
  name?: Maybe<string>;
  image?: Maybe<string>;
  restartPolicy?: Maybe<string>;
  resources?: Maybe<WireResources>;
  ports?: Many<{
    containerPort?: Maybe<number>;
    hostPort?: Maybe<number>;
    protocol?: Maybe<string>;
    hostIP?: Maybe<string>;
  }>;
  env?: Many<{ name?: Maybe<string>; value?: Maybe<string>; valueFrom?: unknown }>;
}

interface WireContainerState {
  running?: Maybe<{ startedAt?: Maybe<string> }>;
  waiting?: Maybe<{ reason?: Maybe<string>; message?: Maybe<string> }>;
  terminated?: Maybe<{ reason?: Maybe<string>; message?: Maybe<string>; exitCode?: Maybe<number> }>;
}

interface WireSelectorRequirement {
  key?: Maybe<string>;
  operator?: Maybe<string>;
  values?: Many<string>;
}

export interface WireSelector {
  matchLabels?: Names;
  matchExpressions?: Many<WireSelectorRequirement>;
}

export interface WireNodeSelectorTerm {
  matchExpressions?: Many<WireSelectorRequirement>;
  matchFields?: Many<WireSelectorRequirement>;
}

interface WireNodeSelector {
  nodeSelectorTerms?: Many<WireNodeSelectorTerm>;
}

export interface WirePodAffinityTerm {
  topologyKey?: Maybe<string>;
  labelSelector?: Maybe<WireSelector>;
  namespaces?: Many<string>;
  namespaceSelector?: Maybe<WireSelector>;
}

interface WirePodAffinity {
  requiredDuringSchedulingIgnoredDuringExecution?: Many<WirePodAffinityTerm>;
}

/** What decides where a pod runs. */
export interface WirePodSpec {
  hostNetwork?: Maybe<boolean>;
  nodeSelector?: Names;
  tolerations?: Many<{
    key?: Maybe<string>;
    operator?: Maybe<string>;
    value?: Maybe<string>;
    effect?: Maybe<string>;
  }>;
  affinity?: Maybe<{
    nodeAffinity?: Maybe<{ requiredDuringSchedulingIgnoredDuringExecution?: Maybe<WireNodeSelector> }>;
    podAffinity?: Maybe<WirePodAffinity>;
    podAntiAffinity?: Maybe<WirePodAffinity>;
  }>;
  topologySpreadConstraints?: Many<{
    topologyKey?: Maybe<string>;
    whenUnsatisfiable?: Maybe<string>;
    maxSkew?: Maybe<number>;
    minDomains?: Maybe<number>;
    labelSelector?: Maybe<WireSelector>;
    matchLabelKeys?: Many<string>;
    nodeTaintsPolicy?: Maybe<string>;
  }>;
  containers?: Many<WireContainer>;
  initContainers?: Many<WireContainer>;
}

export interface WireTemplate {
  metadata?: Maybe<WireMeta>;
  spec?: Maybe<WirePodSpec>;
}

export interface WirePod extends WireObject {
  spec?: Maybe<
    WirePodSpec & {
      nodeName?: Maybe<string>;
      priorityClassName?: Maybe<string>;
      terminationGracePeriodSeconds?: Maybe<number>;
      overhead?: Resources;
      resources?: Maybe<WireResources>;
      volumes?: Many<{
        name?: Maybe<string>;
        emptyDir?: Maybe<{ medium?: Maybe<string>; sizeLimit?: Maybe<string> }>;
        hostPath?: Maybe<{ path?: Maybe<string> }>;
        persistentVolumeClaim?: Maybe<{ claimName?: Maybe<string> }>;
        ephemeral?: Maybe<object>;
      }>;
    }
  >;
  status?: Maybe<{
    phase?: Maybe<string>;
    reason?: Maybe<string>;
    message?: Maybe<string>;
    podIP?: Maybe<string>;
    conditions?: Many<WireCondition>;
    containerStatuses?: Many<{
      name?: Maybe<string>;
      restartCount?: Maybe<number>;
      state?: Maybe<WireContainerState>;
    }>;
    initContainerStatuses?: Many<{ name?: Maybe<string>; state?: Maybe<WireContainerState> }>;
  }>;
}

export interface WirePodDisruptionBudget extends WireObject {
  spec?: Maybe<{
    selector?: Maybe<WireSelector>;
    minAvailable?: Maybe<number | string>;
    maxUnavailable?: Maybe<number | string>;
    unhealthyPodEvictionPolicy?: Maybe<string>;
  }>;
  status?: Maybe<{
    observedGeneration?: Maybe<number>;
    disruptionsAllowed?: Maybe<number>;
    currentHealthy?: Maybe<number>;
    desiredHealthy?: Maybe<number>;
    expectedPods?: Maybe<number>;
    disruptedPods?: Names;
    conditions?: Many<WireCondition>;
  }>;
}

export interface WireWorkload extends WireObject {
  spec?: Maybe<{
    replicas?: Maybe<number>;
    paused?: Maybe<boolean>;
    strategy?: Maybe<{
      type?: Maybe<string>;
      rollingUpdate?: Maybe<{ maxSurge?: Maybe<number | string>; maxUnavailable?: Maybe<number | string> }>;
    }>;
    template?: Maybe<WireTemplate>;
  }>;
  status?: Maybe<{
    observedGeneration?: Maybe<number>;
    replicas?: Maybe<number>;
    readyReplicas?: Maybe<number>;
    desiredNumberScheduled?: Maybe<number>;
    updatedNumberScheduled?: Maybe<number>;
    numberAvailable?: Maybe<number>;
    numberUnavailable?: Maybe<number>;
    numberReady?: Maybe<number>;
  }>;
}

export interface WireLease extends WireObject {
  spec?: Maybe<{
    holderIdentity?: Maybe<string>;
    leaseDurationSeconds?: Maybe<number>;
    acquireTime?: Maybe<string>;
    renewTime?: Maybe<string>;
    leaseTransitions?: Maybe<number>;
  }>;
}

export interface WireConfigMap extends WireObject {
  data?: Maybe<Record<string, string>>;
}

export interface WireEniConfig extends WireObject {
  spec?: Maybe<{ subnet?: Maybe<string>; securityGroups?: Many<string> }>;
}

interface WireJobSpec {
  suspend?: Maybe<boolean>;
  activeDeadlineSeconds?: Maybe<number>;
  backoffLimit?: Maybe<number>;
  podFailurePolicy?: Maybe<{
    rules?: Many<{ action?: Maybe<string>; onPodConditions?: Many<{ type?: Maybe<string>; status?: Maybe<string> }> }>;
  }>;
  template?: Maybe<WireTemplate>;
}

export interface WireJob extends WireObject {
  spec?: Maybe<WireJobSpec>;
  status?: Maybe<{ active?: Maybe<number>; startTime?: Maybe<string>; conditions?: Many<WireCondition> }>;
}

export interface WireCronJob extends WireObject {
  spec?: Maybe<{ suspend?: Maybe<boolean>; jobTemplate?: Maybe<{ spec?: Maybe<WireJobSpec> }> }>;
  status?: Maybe<{ active?: Many<object> }>;
}

export interface WireVolumeClaim extends WireObject {
  spec?: Maybe<{ volumeName?: Maybe<string>; storageClassName?: Maybe<string>; accessModes?: Many<string> }>;
}

/** The source of the volume is the member that is none of these: `csi`, `local`, `nfs`. */
export interface WireVolume extends WireObject {
  spec?: Maybe<{
    csi?: Maybe<{ driver?: Maybe<string> }>;
    nodeAffinity?: Maybe<{ required?: Maybe<WireNodeSelector> }>;
  }>;
}

export interface WireCsiNode extends WireObject {
  spec?: Maybe<{
    drivers?: Many<{ name?: Maybe<string>; allocatable?: Maybe<{ count?: Maybe<number> }> }>;
  }>;
}

export interface WireWebhooks extends WireObject {
  webhooks?: Many<{
    name?: Maybe<string>;
    failurePolicy?: Maybe<string>;
    clientConfig?: Maybe<{ service?: Maybe<{ namespace?: Maybe<string>; name?: Maybe<string> }> }>;
    namespaceSelector?: Maybe<WireSelector>;
    objectSelector?: Maybe<WireSelector>;
    matchConditions?: Many<object>;
    rules?: Many<WireWebhookRule>;
  }>;
}

export interface WireWebhookRule {
  apiGroups?: Many<string>;
  apiVersions?: Many<string>;
  operations?: Many<string>;
  resources?: Many<string>;
  scope?: Maybe<string>;
}

/** Answer to a SelfSubjectAccessReview (authorization.k8s.io/v1). */
export interface WireAccessReview extends WireObject {
  status?: Maybe<{ allowed?: Maybe<boolean>; denied?: Maybe<boolean>; evaluationError?: Maybe<string> }>;
}

/** NodePool of karpenter.sh; the kubelet is in it until v1beta1, and in the EC2NodeClass since v1. */
export interface WireNodePool extends WireObject {
  spec?: Maybe<{
    template?: Maybe<{
      spec?: Maybe<{
        nodeClassRef?: Maybe<{ name?: Maybe<string> }>;
        kubelet?: Maybe<{ maxPods?: Maybe<number> }>;
      }>;
    }>;
  }>;
}

/** EC2NodeClass of karpenter.k8s.aws. */
export interface WireNodeClass extends WireObject {
  spec?: Maybe<{
    amiFamily?: Maybe<string>;
    amiSelectorTerms?: Many<{ alias?: Maybe<string> }>;
    kubelet?: Maybe<{ maxPods?: Maybe<number> }>;
  }>;
}

export interface WireService extends WireObject {
  spec?: Maybe<{ type?: Maybe<string>; selector?: Names; externalTrafficPolicy?: Maybe<string> }>;
}

export interface WireResourceQuota extends WireObject {
  spec?: Maybe<{ hard?: Resources; scopes?: Many<string>; scopeSelector?: Maybe<object> }>;
  status?: Maybe<{ hard?: Resources; used?: Resources }>;
}

export interface WireEvent extends WireObject {
  reason?: Maybe<string>;
  message?: Maybe<string>;
  firstTimestamp?: Maybe<string>;
  lastTimestamp?: Maybe<string>;
  eventTime?: Maybe<string>;
  series?: Maybe<{ lastObservedTime?: Maybe<string> }>;
}

/** An object of some kind: which one, the path of the request says, and so what to read it as. */
export type WireAny = WireObject;

/** Whatever comes back: an object, a list, the answer of `/version` or of `/apis`. */
export type WireAnswer = WireObject & {
  kind?: Maybe<string>;
  items?: Many<WireObject>;
  groups?: Many<{ name?: Maybe<string> }>;
  /** of a ConfigMap */
  data?: Maybe<Record<string, string>>;
  gitVersion?: Maybe<string>;
};

export interface WireWatchEvent {
  type?: Maybe<string>;
  object?: Maybe<WireAny & { code?: Maybe<number> }>;
}
