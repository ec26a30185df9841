import type { PodNetwork, SimClock, Timer } from '../types.ts';
import { deleteObject } from './deletion.ts';
import type { RecordEvent } from './events.ts';
import { behaviour, type Condition, type ContainerStatus, type Node, noAddresses, type Pod } from './objects.ts';
import { conditionOf, isFinished, isReady, isTerminating, setCondition } from './pods.ts';
import type { KubernetesStore } from './store.ts';
import { keyOf, splitKey } from './work-queue.ts';

/** From binding to running containers: sandbox, image, start. */
const startMs = 500;
const firstRetryMs = 2_000;
const longestRetryMs = 60_000;
/** Between two starts of a container that ends with an error. */
const firstRestartMs = 10_000;
const longestRestartMs = 300_000;
/** Without a renewed lease for so long, a node counts as lost. */
const silenceMs = 50_000;
const component = 'kubelet';

export interface Kubelets {
  /** The node falls silent (its instance is gone, or its kubelet died): nothing starts or ends there any more. */
  stop(nodeName: string): void;
}

export interface KubeletOptions {
  store: KubernetesStore;
  clock: SimClock;
  record: RecordEvent;
  network: PodNetwork;
  /** Whether nodes become Ready only once their aws-node pod is (default), or at once. */
  awaitCni: boolean;
}

/** What the kubelet of a pod's node remembers of it. */
interface PodWork {
  key: string;
  uid: string;
  nodeName: string;
  timer?: Timer;
  /** The end of its work. */
  ending?: Timer;
  /** When a terminating pod ends, epoch milliseconds. */
  endsAt?: number;
  attempts: number;
  attached: boolean;
}

export function startKubelets({ store, clock, record, network, awaitCni }: KubeletOptions): Kubelets {
  const work = new Map<string, PodWork>();
  const silent = new Set<string>();

  store.watch<Node>('nodes', ({ type, object, previous }) => {
    const { name } = object.metadata;
    if (type === 'DELETED') {
      silent.delete(name);
      return;
    }
    if (type === 'ADDED') register(object);
    if (previous && isReady(object) && !isReady(previous)) {
      for (const pod of store.podsOnNode<Pod>(name)) if (pod.status.phase === 'Pending') consider(pod);
    }
    if (previous && previous.spec.unschedulable !== object.spec.unschedulable) {
      const reason = object.spec.unschedulable ? 'NodeNotSchedulable' : 'NodeSchedulable';
      record(object, 'Normal', reason, `Node ${name} status is now: ${reason}`, component);
    }
  });

  store.watch<Pod>('pods', ({ type, object }) => {
    if (type === 'DELETED') forget(object);
    else consider(object);
    if (awaitCni && isCni(object) && type !== 'DELETED' && isReady(object)) becomeReady(object);
  });

  function register(node: Node): void {
    const now = store.timestamp();
    store.update<Node>('nodes', undefined, node.metadata.name, ({ status }) => {
      for (const condition of nodeConditions(!awaitCni, now)) {
        status.conditions = setCondition(status.conditions, condition, now);
      }
      status.daemonEndpoints ??= { kubeletEndpoint: { Port: 10250 } };
    });
  }

  function becomeReady({ spec }: Pod): void {
    const { nodeName = '' } = spec;
    const node = store.get<Node>('nodes', undefined, nodeName);
    if (!node || isReady(node) || silent.has(nodeName)) return;
    const now = store.timestamp();
    store.update<Node>('nodes', undefined, nodeName, ({ status }) => {
      for (const condition of nodeConditions(true, now)) {
        status.conditions = setCondition(status.conditions, condition, now);
      }
      const pulled = spec.containers.flatMap(({ image }) => (image === undefined ? [] : { names: [image] }));
      status.images = [...pulled, ...(status.images ?? [])];
    });
    record(node, 'Normal', 'NodeReady', `Node ${nodeName} status is now: NodeReady`, component);
  }

  /** What the node lifecycle controller makes of a kubelet that says nothing. */
  function becomeUnknown(nodeName: string): void {
    const now = store.timestamp();
    const reason = { reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
    const node = store.update<Node>('nodes', undefined, nodeName, ({ status }) => {
      for (const { type, lastHeartbeatTime = now } of status.conditions ?? []) {
        const condition = { type, status: 'Unknown', lastHeartbeatTime, ...reason };
        status.conditions = setCondition(status.conditions, condition, now);
      }
    });
    if (!node) return;
    record(node, 'Normal', 'NodeNotReady', `Node ${nodeName} status is now: NodeNotReady`, 'node-controller');
    for (const { metadata } of store.podsOnNode<Pod>(nodeName)) {
      store.update<Pod>('pods', metadata.namespace, metadata.name, ({ status }) => {
        if (!conditionOf({ status }, 'Ready')) return;
        const condition = { type: 'Ready', status: 'False', lastProbeTime: null };
        status.conditions = setCondition(status.conditions, condition, now);
      });
    }
  }

  function consider(pod: Pod): void {
    const { nodeName } = pod.spec;
    if (!nodeName || silent.has(nodeName)) return;
    const { uid } = pod.metadata;
    let known = work.get(uid);
    if (!known) {
      if (isFinished(pod) && !isTerminating(pod)) return;
      known = { key: keyOf(pod), uid, nodeName, attempts: 0, attached: false };
      work.set(uid, known);
      if (pod.status.phase === 'Pending' && !admits(pod)) return;
    }
    if (isTerminating(pod)) terminate(pod, known);
    else if (pod.status.phase === 'Pending' && !known.timer) {
      if (pod.spec.hostNetwork || nodeReady(nodeName)) known.timer = clock.after(startMs, () => start(uid));
      else record(pod, 'Warning', 'NetworkNotReady', networkNotReady, component);
    }
  }

  /** The scheduler does not send more pods than fit; whoever binds a pod past it gets this answer. */
  function admits({ metadata, spec }: Pod): boolean {
    const { nodeName = '' } = spec;
    const capacity = Number(store.get<Node>('nodes', undefined, nodeName)?.status.allocatable?.['pods'] ?? Infinity);
    const others = store.podsOnNode<Pod>(nodeName).filter((pod) => pod.metadata.uid !== metadata.uid);
    const used = others.filter((pod) => !isFinished(pod)).length;
    if (used < capacity) return true;
    const message = `Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: ${used}, capacity: ${capacity}`;
    const rejected = store.update<Pod>('pods', metadata.namespace, metadata.name, ({ status }) => {
      Object.assign(status, { phase: 'Failed', reason: 'OutOfpods', message });
    });
    if (rejected) record(rejected, 'Warning', 'OutOfpods', message.replace('Pod was rejected: ', ''), component);
    return false;
  }

  function nodeReady(nodeName: string): boolean {
    const node = store.get<Node>('nodes', undefined, nodeName);
    return node !== undefined && isReady(node);
  }

  function current(uid: string): { known: PodWork; pod: Pod; node: Node } | undefined {
    const known = work.get(uid);
    if (!known || silent.has(known.nodeName)) return undefined;
    const [namespace, name] = splitKey(known.key);
    const pod = store.get<Pod>('pods', namespace, name);
    const node = store.get<Node>('nodes', undefined, known.nodeName);
    return pod?.metadata.uid === uid && node ? { known, pod, node } : undefined;
  }

  function start(uid: string): void {
    const found = current(uid);
    if (!found || isTerminating(found.pod)) return;
    const { known, pod, node } = found;
    const failed = isCni(pod) ? network.daemonStarts?.(known.nodeName, uid) : undefined;
    if (failed) {
      crash(pod, known, failed.error);
      return;
    }
    const hostIp = node.status.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
    const address = pod.spec.hostNetwork ? { ip: hostIp } : attach(known, pod, node);
    if ('error' in address) {
      record(pod, 'Warning', 'FailedCreatePodSandBox', sandboxText(pod, address.error), component);
      const wait = Math.min(longestRetryMs, firstRetryMs * 2 ** known.attempts);
      known.attempts += 1;
      known.timer = clock.after(wait, () => start(uid));
      return;
    }
    const readyMs = seconds(pod, behaviour.readySeconds, 0) * 1000;
    const never = pod.metadata.annotations?.[behaviour.neverReady] === 'true';
    run(pod, hostIp, address.ip, readyMs === 0 && !never);
    record(pod, 'Normal', 'Started', `Started container ${pod.spec.containers[0]?.name ?? ''}`, component);
    const runMs = timeOf(pod, behaviour.runSeconds);
    if (readyMs > 0 && !never) known.timer = clock.after(readyMs, () => ready(uid));
    else if (!never) crashLater(pod, known);
    if (runMs !== undefined) known.ending = clock.after(runMs, () => complete(uid));
  }

  /** Its work is done: the pod stays, and holds no address any more. */
  function complete(uid: string): void {
    const found = current(uid);
    if (!found || isTerminating(found.pod)) return;
    const { known, pod } = found;
    known.timer?.cancel();
    detach(known);
    stopContainers(pod, 'Succeeded', 0);
  }

  /** Some time after it became Ready, a container that is made so ends with an error. */
  function crashLater(pod: Pod, known: PodWork): void {
    const wait = timeOf(pod, behaviour.crashAfterSeconds);
    if (wait === undefined) return;
    known.timer = clock.after(wait, () => {
      const found = current(known.uid);
      if (found && !isTerminating(found.pod)) crash(found.pod, known, 'back-off restarting failed container');
    });
  }

  /** The first container ends at once: it is started again and again. */
  function crash({ metadata, spec }: Pod, known: PodWork, message: string): void {
    known.attempts += 1;
    const now = store.timestamp();
    const reason = 'CrashLoopBackOff';
    const updated = store.update<Pod>('pods', metadata.namespace, metadata.name, ({ status }) => {
      status.phase = 'Running';
      for (const condition of podConditions(false, now)) {
        status.conditions = setCondition(status.conditions, condition, now);
      }
      status.containerStatuses = spec.containers.map(({ name, image = '' }, index) => ({
        ...containerStatus(name, image),
        restartCount: index === 0 ? known.attempts : 0,
        state: index === 0 ? { waiting: { reason, message } } : { running: { startedAt: now } },
        ready: index !== 0,
      }));
    });
    if (updated) record(updated, 'Warning', 'BackOff', 'Back-off restarting failed container', component);
    const wait = Math.min(longestRestartMs, firstRestartMs * 2 ** (known.attempts - 1));
    known.timer = clock.after(wait, () => start(metadata.uid));
  }

  /** A sandbox lives as long as its pod, through all restarts of its containers. */
  function attach(known: PodWork, pod: Pod, node: Node): { ip: string } | { error: string } {
    if (known.attached && pod.status.podIP !== undefined) return { ip: pod.status.podIP };
    if (node.metadata.annotations?.[noAddresses] === 'true') return { error: noAddressError };
    const { namespace = '', name, uid } = pod.metadata;
    const result = network.attach(known.nodeName, { namespace, name, uid });
    known.attached = !('error' in result);
    return result;
  }

  function run({ metadata, spec }: Pod, hostIP: string, podIP: string, isUp: boolean): void {
    const now = store.timestamp();
    store.update<Pod>('pods', metadata.namespace, metadata.name, ({ status }) => {
      const others = status.conditions ?? [];
      status.phase = 'Running';
      status.conditions = [
        ...podConditions(isUp, now),
        ...others.filter(({ type }) => !podConditionTypes.includes(type)),
      ];
      status.hostIP = hostIP;
      status.hostIPs = [{ ip: hostIP }];
      status.podIP = podIP;
      status.podIPs = [{ ip: podIP }];
      status.startTime = now;
      status.containerStatuses = spec.containers.map(({ name, image = '' }) => ({
        ...containerStatus(name, image),
        restartCount: status.containerStatuses?.find((each) => each.name === name)?.restartCount ?? 0,
        state: { running: { startedAt: now } },
        ready: isUp,
        started: true,
      }));
    });
  }

  function ready(uid: string): void {
    const found = current(uid);
    if (!found || isTerminating(found.pod)) return;
    const { namespace, name } = found.pod.metadata;
    const now = store.timestamp();
    store.update<Pod>('pods', namespace, name, ({ status }) => {
      for (const condition of podConditions(true, now)) {
        status.conditions = setCondition(status.conditions, condition, now);
      }
      for (const container of status.containerStatuses ?? []) container.ready = true;
    });
    crashLater(found.pod, found.known);
  }

  function terminate(pod: Pod, known: PodWork): void {
    if (isFinished(pod)) return;
    const grace = pod.metadata.deletionGracePeriodSeconds ?? 30;
    const asked = seconds(pod, behaviour.terminationSeconds, 0);
    const endsAt = clock.now() + Math.min(asked, grace) * 1000;
    if (known.endsAt !== undefined && known.endsAt <= endsAt) return;
    if (known.endsAt === undefined) {
      const text = `Stopping container ${pod.spec.containers[0]?.name ?? ''}`;
      record(pod, 'Normal', 'Killing', text, component);
    }
    known.timer?.cancel();
    known.ending?.cancel();
    known.endsAt = endsAt;
    known.timer = clock.after(endsAt - clock.now(), () => end(known.uid));
  }

  function end(uid: string): void {
    const found = current(uid);
    if (!found) return;
    const { known, pod } = found;
    detach(known);
    // A server ends well when it is told to stop; a task is cut off.
    const cut = (pod.spec.restartPolicy ?? 'Always') !== 'Always';
    const ended = cut ? stopContainers(pod, 'Failed', 143) : stopContainers(pod, 'Succeeded', 0);
    if (ended) deleteObject(store, 'pods', ended, { gracePeriodSeconds: 0 });
  }

  function stopContainers({ metadata }: Pod, phase: 'Succeeded' | 'Failed', exitCode: number): Pod | undefined {
    const now = store.timestamp();
    const { namespace, name } = metadata;
    const reason = exitCode === 0 ? 'Completed' : 'Error';
    return store.update<Pod>('pods', namespace, name, ({ status }) => {
      status.phase = phase;
      for (const type of ['ContainersReady', 'Ready']) {
        const condition = { type, status: 'False', lastProbeTime: null, reason: 'PodCompleted' };
        if (conditionOf({ status }, type)) status.conditions = setCondition(status.conditions, condition, now);
      }
      for (const container of status.containerStatuses ?? []) {
        const startedAt = startOf(container) ?? now;
        container.state = { terminated: { exitCode, reason, startedAt, finishedAt: now } };
        container.ready = false;
        container.started = false;
      }
    });
  }

  function forget({ metadata }: Pod): void {
    const known = work.get(metadata.uid);
    if (!known) return;
    known.timer?.cancel();
    known.ending?.cancel();
    detach(known);
    work.delete(metadata.uid);
  }

  function detach(known: PodWork): void {
    if (!known.attached) return;
    known.attached = false;
    network.detach(known.nodeName, known.uid);
  }

  return {
    stop(nodeName) {
      silent.add(nodeName);
      for (const known of work.values()) {
        if (known.nodeName !== nodeName) continue;
        known.timer?.cancel();
        known.ending?.cancel();
      }
      clock.after(silenceMs, () => becomeUnknown(nodeName));
    },
  };
}

/** aws/amazon-vpc-cni-k8s cmd/routed-eni-cni-plugin: ipamd has nothing to give. */
const noAddressError = 'add cmd: failed to assign an IP address to container';

function isCni(pod: Pod): boolean {
  return pod.metadata.labels?.['k8s-app'] === 'aws-node';
}

/** Milliseconds; undefined when the pod says nothing of it. */
function timeOf(pod: Pod, annotation: string): number | undefined {
  const told = pod.metadata.annotations?.[annotation];
  return told === undefined ? undefined : seconds(pod, annotation, 0) * 1000;
}

function seconds(pod: Pod, annotation: string, otherwise: number): number {
  const value = Number(pod.metadata.annotations?.[annotation] ?? otherwise);
  return Number.isFinite(value) && value >= 0 ? value : otherwise;
}

const networkNotReady =
  'network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady ' +
  'message:Network plugin returns error: cni plugin not initialized';

/** As containerd reports a CNI plugin's error. */
function sandboxText({ metadata }: Pod, error: string): string {
  const sandbox = metadata.uid.replaceAll('-', '').repeat(2);
  return (
    'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox ' +
    `"${sandbox}": plugin type="aws-cni" name="aws-cni" failed (add): ${error}`
  );
}

function nodeConditions(ready: boolean, now: string): Condition[] {
  const good = { status: 'False', lastHeartbeatTime: now };
  return [
    {
      type: 'MemoryPressure',
      reason: 'KubeletHasSufficientMemory',
      message: 'kubelet has sufficient memory available',
      ...good,
    },
    { type: 'DiskPressure', reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure', ...good },
    {
      type: 'PIDPressure',
      reason: 'KubeletHasSufficientPID',
      message: 'kubelet has sufficient PID available',
      ...good,
    },
    ready
      ? {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastHeartbeatTime: now,
        }
      : {
          type: 'Ready',
          status: 'False',
          reason: 'KubeletNotReady',
          message: networkNotReady.replace('network is not ready: ', ''),
          lastHeartbeatTime: now,
        },
  ];
}

const podConditionTypes = ['PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready'];

function podConditions(ready: boolean, now: string): Condition[] {
  return podConditionTypes.map((type, index) => ({
    type,
    status: ready || index < 2 ? 'True' : 'False',
    lastProbeTime: null,
    lastTransitionTime: now,
    ...(ready || index < 2 ? {} : { reason: 'ContainersNotReady', message: 'containers with unready status' }),
  }));
}

function containerStatus(name: string, image: string): Omit<ContainerStatus, 'state' | 'ready'> {
  return { name, lastState: {}, restartCount: 0, image, imageID: '' };
}

function startOf({ state }: ContainerStatus): string | undefined {
  return (state as { running?: { startedAt?: string } }).running?.startedAt;
}
