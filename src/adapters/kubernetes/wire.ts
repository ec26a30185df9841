/**
 * The members of Kubernetes objects that are read, as they come over the wire. Any of them may be absent or null, so
 * none is trusted to be there. (Kubernetes API reference: core/v1, apps/v1, policy/v1, coordination.k8s.io/v1)
 */
type Maybe<T> = T | null | undefined;
type Many<T> = Maybe<T[]>;
type Names = Maybe<Record<string, string>>;

type Resources = Maybe<{ cpu?: Maybe<string>; memory?: Maybe<string>; pods?: Maybe<string> }>;

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
  env?: Many<{ name?: Maybe<string>; value?: Maybe<string>; valueFrom?: unknown }>;
}

interface WireContainerState {
  waiting?: Maybe<{ reason?: Maybe<string>; message?: Maybe<string> }>;
  terminated?: Maybe<{ reason?: Maybe<string>; message?: Maybe<string>; exitCode?: Maybe<number> }>;
}

export interface WirePod extends WireObject {
  spec?: Maybe<{
    nodeName?: Maybe<string>;
    hostNetwork?: Maybe<boolean>;
    nodeSelector?: Names;
    terminationGracePeriodSeconds?: Maybe<number>;
    overhead?: Resources;
    resources?: Maybe<WireResources>;
    tolerations?: Many<{
      key?: Maybe<string>;
      operator?: Maybe<string>;
      value?: Maybe<string>;
      effect?: Maybe<string>;
    }>;
    volumes?: Many<{
      name?: Maybe<string>;
      emptyDir?: Maybe<object>;
      persistentVolumeClaim?: Maybe<{ claimName?: Maybe<string> }>;
      ephemeral?: Maybe<object>;
    }>;
    containers?: Many<WireContainer>;
    initContainers?: Many<WireContainer>;
  }>;
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

interface WireSelector {
  matchLabels?: Names;
  matchExpressions?: Many<{ key?: Maybe<string>; operator?: Maybe<string>; values?: Many<string> }>;
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
    template?: Maybe<{ spec?: Maybe<{ containers?: Many<WireContainer>; initContainers?: Many<WireContainer> }> }>;
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

export interface WireEniConfig extends WireObject {
  spec?: Maybe<{ subnet?: Maybe<string>; securityGroups?: Many<string> }>;
}

/** An object of any of these kinds: which one, the path of the request says. */
export type WireAny = WireNode & WirePod & WirePodDisruptionBudget & WireWorkload & WireLease & WireEniConfig;

/** Whatever comes back: an object, a list, or the answer of `/version`. */
export type WireAnswer = WireAny & { items?: Many<WireAny>; gitVersion?: Maybe<string> };

export interface WireWatchEvent {
  type?: Maybe<string>;
  object?: Maybe<WireAny & { code?: Maybe<number> }>;
}
