/**
 * Model of Karpenter's termination queue when all nodes go at once (its fastest), written after
 * kubernetes-sigs/karpenter at 2266468104. It reads from its caches; those cost it one list and one watch each.
 */
import { createClient, type PodObject } from '../client.ts';
import type { Contender } from '../rig.ts';

/** https://github.com/kubernetes-sigs/karpenter/blob/2266468104/pkg/operator/options/options.go#L122-L123 */
const limit = { qps: 200, burst: 300 };
/** https://github.com/kubernetes-sigs/karpenter/blob/2266468104/pkg/controllers/node/termination/terminator/eviction.go#L57-L58 */
const firstRetryMs = 100;
const longestRetryMs = 10_000;
/** https://github.com/kubernetes-sigs/karpenter/blob/2266468104/pkg/controllers/node/termination/controller.go#L212 */
const requeueMs = 1_000;

export const karpenter: Contender = {
  name: 'Karpenter, all nodes at once',
  async run({ process, podsOn, nodes, cordonLate, stopped }) {
    const { clock } = process;
    const client = createClient(process, limit);
    const queue = new Set<string>();
    await client.get('/api/v1/pods?limit=500');
    await client.get('/api/v1/nodes?limit=500');

    /** https://github.com/kubernetes-sigs/karpenter/blob/2266468104/pkg/controllers/node/termination/terminator/eviction.go#L241-L289 */
    async function evict(pod: PodObject): Promise<void> {
      for (let wait = firstRetryMs; ; wait = Math.min(longestRetryMs, wait * 2)) {
        const { status } = await client.evict(pod, { preconditions: { uid: pod.metadata.uid } });
        if (status === 201 || status === 404 || status === 409 || stopped()) break;
        await clock.sleep(wait);
      }
      queue.delete(pod.metadata.uid);
    }

    for (;;) {
      let left = 0;
      cordonLate();
      for (const node of nodes()) {
        const pods = podsOn(node);
        left += pods.length;
        const waiting = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
        // Critical pods only when the others are gone:
        // https://github.com/kubernetes-sigs/karpenter/blob/2266468104/pkg/controllers/node/termination/terminator/terminator.go#L138-L158
        const common = waiting.filter(({ spec }) => !/^system-.*-critical$/.test(spec.priorityClassName ?? ''));
        for (const pod of common.length > 0 ? common : waiting) {
          if (queue.has(pod.metadata.uid)) continue;
          queue.add(pod.metadata.uid);
          void evict(pod);
        }
      }
      if (left === 0 || stopped()) return null;
      await clock.sleep(requeueMs);
    }
  },
};
