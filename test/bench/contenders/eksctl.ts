/** Model of `eksctl drain nodegroup --parallel N`, written after eksctl-io/eksctl at 99984adb61. */
import { type Client, createClient, podsOfNode, withoutDaemons } from '../client.ts';
import type { Contender, Run } from '../rig.ts';

/** https://github.com/eksctl-io/eksctl/blob/99984adb61/pkg/eks/client.go#L71-L72 */
const limit = { qps: 25, burst: 50 };
/** --pod-eviction-wait-period, --timeout and --max-grace-period as they are unless told */
const waitMs = 10_000;
const timeoutMs = 25 * 60_000;
const longestGraceSeconds = 600;
/** https://github.com/eksctl-io/eksctl/blob/99984adb61/pkg/drain/nodegroup.go#L27 */
const afterErrorMs = 5_000;

export const eksctl = (parallel: number): Contender => ({
  name: `eksctl drain --parallel ${parallel}`,
  run: (run) => drain(run, parallel),
});

/** Drain, https://github.com/eksctl-io/eksctl/blob/99984adb61/pkg/drain/nodegroup.go#L86-L173 */
async function drain(run: Run, parallel: number): Promise<string | null> {
  const { clock } = run.process;
  const client = createClient(run.process, limit);
  const deadline = clock.now() + timeoutMs;
  const drained = new Set<string>();
  await client.get('/api/v1'); // CanUseEvictions
  await client.get('/api/v1/nodes');
  for (;;) {
    if (clock.now() > deadline) return 'timed out waiting for nodegroup to be drained';
    await client.get('/api/v1/nodes');
    run.cordonLate();
    const waiting = run.nodes().filter((node) => !drained.has(node));
    if (waiting.length === 0) return null;
    let failure: string | null = null;
    await Promise.all(
      Array.from({ length: parallel }, async () => {
        for (let node = waiting.shift(); node !== undefined && failure === null; node = waiting.shift()) {
          drained.add(node);
          const error = await emptyNode(client, run, node, () => clock.now() > deadline || failure !== null);
          if (error === null) continue;
          await clock.sleep(afterErrorMs);
          failure ??= error;
        }
      }),
    );
    // One error ends it all.
    if (failure !== null) return failure;
  }
}

/** evictPods, https://github.com/eksctl-io/eksctl/blob/99984adb61/pkg/drain/nodegroup.go#L201-L243 */
async function emptyNode(client: Client, { process }: Run, node: string, stop: () => boolean): Promise<string | null> {
  for (;;) {
    if (stop()) return `timed out waiting for node "${node}" to be drained`;
    const { status, items, message } = await client.get(podsOfNode(node));
    if (status !== 200) return `errs: ${message}`;
    const pods = await withoutDaemons(client, items);
    if (pods.length === 0) return null;
    let refused = false;
    // One after the other, those on their way out too.
    for (const pod of pods) {
      const grace = Math.min(pod.spec.terminationGracePeriodSeconds ?? 30, longestGraceSeconds);
      const answer = await client.evict(pod, { gracePeriodSeconds: grace }, 'v1beta1');
      if (answer.status === 201) continue;
      if (!recoverable.has(answer.status)) {
        return `unrecoverable error evicting pod: ${pod.metadata.namespace}/${pod.metadata.name}: ${answer.message}`;
      }
      refused = true;
    }
    if (refused) await process.clock.sleep(waitMs);
  }
}

/** https://github.com/eksctl-io/eksctl/blob/99984adb61/pkg/drain/nodegroup.go#L252-L272 */
const recoverable = new Set([404, 410, 429, 503, 504]);
