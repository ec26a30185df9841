/**
 * The seams inside the embedded world. Each part (AWS, Kubernetes, ipamd, transports) is written against this page.
 * The simulator imports nothing of the rest of the program: an error shared by both would be invisible.
 */

/** One clock for the whole world. `now` is epoch milliseconds; a timer runs its callback once. */
export interface SimClock {
  now(): number;
  after(delayMs: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** Seeded pseudo-random numbers; `fork` gives an independent stream, so that one part's draws do not shift another's. */
export interface Random {
  /** in [0, 1) */
  next(): number;
  /** integer in [min, max] */
  int(min: number, max: number): number;
  pick<T>(items: readonly T[]): T;
  fork(label: string): Random;
}

/** A request as it came over the wire. `path` is raw: percent-encoded, with the query string. Header names are lower case. */
export interface SimRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** A streamed body (a watch). `start` is called once; the returned function is called when the client goes away. */
export interface SimStream {
  start(sink: { write(chunk: string): void; end(): void; reset(): void }): () => void;
}

export interface SimResponse {
  status: number;
  headers: Record<string, string>;
  body: string | SimStream;
}

/** A request handler of one service. It may answer later (a promise), but never waits on real time itself. */
export type SimHandler = (request: SimRequest) => SimResponse | Promise<SimResponse>;

/** A Kubernetes object as stored: plain JSON. The kinds the world itself works on are typed in kubernetes/objects.ts. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: {
    apiVersion: string;
    kind: string;
    name: string;
    uid: string;
    controller?: boolean;
    blockOwnerDeletion?: boolean;
  }[];
  finalizers?: string[];
  generateName?: string;
  managedFields?: unknown[];
}

export interface KubeEvent<T extends KubeObject = KubeObject> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: T;
}

/**
 * The state of the Kubernetes API, as used inside the process by controllers, ipamd and EKS (the API server adds HTTP,
 * authorisation and validation on top). `resource` is the plural name (`pods`, `nodes`, `daemonsets`, ...).
 * Objects that come out are frozen or copies: change them through `update`. Every change raises the one resourceVersion
 * and notifies subscribers synchronously, after the change is complete.
 */
export interface KubeStore {
  get<T extends KubeObject>(resource: string, namespace: string | undefined, name: string): T | undefined;
  list<T extends KubeObject>(resource: string, namespace?: string): T[];
  /** Pods bound to a node, from an index. */
  podsOnNode<T extends KubeObject>(nodeName: string): T[];
  /** Fills uid, resourceVersion, creationTimestamp, generation. Throws when the name exists. */
  create<T extends KubeObject>(resource: string, object: Omit<T, 'metadata'> & { metadata: Partial<ObjectMeta> }): T;
  /** Applies `mutate` to a copy and stores it when it differs. Undefined when the object is gone. */
  update<T extends KubeObject>(
    resource: string,
    namespace: string | undefined,
    name: string,
    mutate: (draft: T) => void,
  ): T | undefined;
  /** Removes it at once (no grace period, no finalizers). */
  remove(resource: string, namespace: string | undefined, name: string): KubeObject | undefined;
  subscribe<T extends KubeObject>(resource: string, listener: (event: KubeEvent<T>) => void): () => void;
}

/** What the kubelet of a node asks of its CNI plugin. Implemented by ipamd (AWS side), used by the kubelet (Kubernetes side). */
export interface PodNetwork {
  /** An address for a pod that is not hostNetwork, or the text of the sandbox error; the kubelet asks again later. */
  attach(nodeName: string, pod: { namespace: string; name: string; uid: string }): { ip: string } | { error: string };
  detach(nodeName: string, podUid: string): void;
  /** The daemon in this pod comes up: undefined when it does, or why its container ends with an error and starts again. */
  daemonStarts?(nodeName: string, podUid: string): { error: string } | undefined;
}

/** What the AWS side needs of the cluster beyond its store. Implemented by the Kubernetes side. */
export interface ClusterControl {
  store: KubeStore;
  /** The eviction subresource, in-process: true when the eviction was accepted. Used by EKS when it drains on its own. */
  evict(namespace: string, podName: string): boolean;
  /** Deletes a pod with its grace period (what a controller or a person does), not asking any budget. */
  deletePod(namespace: string, podName: string): void;
  /** The node's kubelet falls silent: it may not talk to the API any more. */
  stopKubelet?(nodeName: string): void;
}
