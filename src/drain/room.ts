/** The capacity brake: pods of workloads that we disturbed and that find no place to run. */
import type { PodEvent } from '../ports/kubernetes.ts';
import type { DrainPod, DrainState } from './state.ts';

export interface Room {
  /** After each change of the pod, its node or its owner. */
  look(pod: DrainPod, now: number): void;
  forget(pod: DrainPod): void;
  /** A pod whose events shall be asked for now, to be followed by `told`; the watch does not show them. */
  take(now: number): DrainPod | undefined;
  /** Its events, the last one first; null when they could not be read. */
  told(pod: DrainPod, events: readonly PodEvent[] | null): void;
}

/** A pod that is bound for so long and does not start is asked about, and again after the same time. */
const unstartedMilliseconds = 30_000;
const betweenQuestionsMilliseconds = 10_000;

/** The scheduler's words when a node would do if it were not full. */
const wantsRoom = /Insufficient |Too many pods/;

/** Of the events of a pod that starts, those that tell whether it has a network. */
const sandboxFailed = 'FailedCreatePodSandBox';
const sandboxWorks = new Set(['Pulling', 'Pulled', 'Created', 'Started']);

export function createRoom(
  { nodes, withoutRoom }: Pick<DrainState, 'nodes' | 'withoutRoom'>,
  wakeAt: (at: number) => void,
): Room {
  /** when each is asked about, the next one first */
  const suspects = new Map<DrainPod, number>();
  let quietUntil = 0;

  function suspect(pod: DrainPod, now: number): void {
    suspects.delete(pod);
    suspects.set(pod, now + unstartedMilliseconds);
    wakeAt(now + unstartedMilliseconds);
  }

  /** Bound to a node that stays, and nothing tells why it does not run: an image or a container that fails would. */
  function isUnstarted({ pending, nodeName, deletedAt, trouble }: DrainPod): boolean {
    const stays = nodeName !== null && nodes.get(nodeName)?.source === false;
    return stays && pending && deletedAt === null && trouble === null;
  }

  function forget(pod: DrainPod): void {
    withoutRoom.delete(pod);
    suspects.delete(pod);
    pod.unstartedSince = 0;
  }

  return {
    forget,
    look(pod, now) {
      const { nodeName, owner, trouble, deletedAt, finished } = pod;
      if (owner?.disturbed !== true || deletedAt !== null || finished) forget(pod);
      else if (nodeName === null && wantsRoom.test(trouble ?? '')) withoutRoom.set(pod, trouble ?? '');
      else if (!isUnstarted(pod)) forget(pod);
      else if (pod.unstartedSince === 0) {
        forget(pod);
        pod.unstartedSince = now;
        suspect(pod, now);
      }
    },
    take(now) {
      const [next] = suspects;
      if (next === undefined || next[1] > now) return undefined;
      if (now < quietUntil) {
        wakeAt(quietUntil);
        return undefined;
      }
      quietUntil = now + betweenQuestionsMilliseconds;
      suspect(next[0], now);
      return next[0];
    },
    told(pod, events) {
      if (!suspects.has(pod) || events === null) return;
      const last = events.find(({ reason }) => reason === sandboxFailed || sandboxWorks.has(reason));
      if (last?.reason === sandboxFailed) withoutRoom.set(pod, `${last.reason}: ${last.message}`);
      else withoutRoom.delete(pod);
    },
  };
}
