/** Deployments that are rolled over instead of evicted: the new pod is Ready before the old one goes. */
import { hashOf } from './pod.ts';
import { type DrainSettings, type Hold, type Owner, podKey, type Surge } from './state.ts';

/** How the API server answered the restart; `later`: the same call may succeed without anybody changing anything. */
export type RestartOutcome =
  | { kind: 'done' | 'gone' | 'later' }
  | { kind: 'refused'; detail: string; remedy: string | null };

export interface Restart {
  namespace: string;
  name: string;
  /** ISO 8601; the same for every attempt, so that there is one rollout */
  at: string;
}

export interface Surges {
  /** For a new owner; null when its pods are evicted like any others. */
  of(owner: Owner): Surge | null;
  /** One of its pods stands on a source node. */
  wanted(owner: Owner): void;
  /** Restarts to ask for now, each to be followed by `answered`. */
  take(now: number, mayGo: (owner: Owner) => boolean): Restart[];
  /** The Deployment that was asked, when it is known. */
  answered(restart: Restart, outcome: RestartOutcome, now: number): Owner | undefined;
  /** After `later`. */
  again(owner: Owner): void;
  /** Its pods have changed. */
  look(owner: Owner, now: number): void;
}

/** A pod that is on a source node so long after the rollout is complete stays there. */
const staysMilliseconds = 600_000;

/** Why a pod of such a Deployment is not evicted. */
export function surgeHold({ refusal, completeSince }: Surge, now: number): Hold {
  if (refusal !== null) return 'refused';
  return completeSince !== null && now >= completeSince + staysMilliseconds ? 'comes-back' : 'surging';
}

export function createSurges(
  settings: DrainSettings,
  restarted: Readonly<Record<string, string>>,
  lookAgainAt: (owner: Owner, at: number) => void,
): Surges {
  const names = new Set(settings.surge.map(podKey));
  const waiting = new Set<Owner>();
  const asked = new Map<string, Owner>();

  function look(owner: Owner, now: number): void {
    const { surge, pods, unready } = owner;
    if (surge === null || !surge.confirmed) return;
    const isNew = [...pods].every((pod) => pod.finished || (pod.deletedAt === null && !surge.old.has(hashOf(pod))));
    if (!isNew || unready.size > 0) surge.completeSince = null;
    else if (surge.completeSince === null) {
      surge.completeSince = now;
      lookAgainAt(owner, now + staysMilliseconds);
    }
  }

  return {
    look,
    of(owner) {
      if (owner.kind !== 'Deployment' || !names.has(podKey(owner))) return null;
      const at = restarted[podKey(owner)] ?? null;
      return { at, confirmed: false, old: new Set(), completeSince: null, refusal: null, remedy: null };
    },
    wanted(owner) {
      const isNew = owner.surge?.confirmed === false && owner.surge.refusal === null && !asked.has(podKey(owner));
      if (isNew) waiting.add(owner);
    },
    take(now, mayGo) {
      return Array.from(waiting).flatMap((owner) => {
        const { surge, namespace, name, pods } = owner;
        if (surge === null || !mayGo(owner)) return [];
        waiting.delete(owner);
        asked.set(podKey(owner), owner);
        // What an earlier run asked for may have happened: what was created since is new.
        const since = surge.at === null ? Infinity : Date.parse(surge.at);
        for (const pod of pods) if (pod.createdAt < since) surge.old.add(hashOf(pod));
        surge.at ??= new Date(now).toISOString();
        return [{ namespace, name, at: surge.at }];
      });
    },
    answered(restart, outcome, now) {
      const owner = asked.get(podKey(restart));
      if (owner === undefined || owner.surge === null) return undefined;
      // until it is asked again it counts as asked
      if (outcome.kind !== 'later') asked.delete(podKey(restart));
      if (outcome.kind === 'done') owner.surge.confirmed = true;
      else if (outcome.kind === 'gone') owner.surge = null;
      else if (outcome.kind === 'refused') {
        owner.surge.refusal = outcome.detail;
        owner.surge.remedy = outcome.remedy;
      }
      look(owner, now);
      return owner;
    },
    again(owner) {
      asked.delete(podKey(owner));
      waiting.add(owner);
    },
  };
}
