import { createAwsPorts } from '../../src/adapters/aws/aws-ports.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { withSelfManagedGroups } from '../../src/adapters/self-managed.ts';
import type { Ports } from '../../src/ports/ports.ts';
import type { World } from '../../src/simulator/world.ts';
import type { Bench } from '../adapters/virtual.ts';
import { noTools } from '../support/no-tools.ts';

/** The real adapters over a world in this process. */
export async function portsOf(
  world: Pick<World, 'administrator' | 'cluster' | 'aws' | 'kubernetes'>,
  bench: Bench,
): Promise<Ports> {
  const { accessKeyId, secretAccessKey, token } = world.administrator;
  const aws = createAwsPorts({
    clock: bench.clock,
    region: world.cluster.region,
    credentials: { accessKeyId, secretAccessKey },
    requestHandler: bench.requestHandler(world.aws),
    random: () => 0.5,
  });
  const kubernetes = await createKubernetesPort({
    clock: bench.clock,
    cluster: {
      name: world.cluster.name,
      endpoint: 'https://cluster.test',
      certificateAuthorityData: '',
      token: () => Promise.resolve({ token, expiresAt: Number.POSITIVE_INFINITY }),
    },
    dispatcher: bench.dispatcher(world.kubernetes),
    random: () => 0.5,
  });
  return withSelfManagedGroups({ ...aws, kubernetes, tools: noTools, clock: bench.clock });
}
