/** What lies between the processes and the world: faults, each in its time. */
import { type FaultRule, withFaults } from '../../../src/simulator/faults.ts';
import { operationName } from '../../../src/simulator/operation-name.ts';
import { createRandom } from '../../../src/simulator/random.ts';
import type { SimClock, SimHandler, SimRequest } from '../../../src/simulator/types.ts';
import type { World } from '../../../src/simulator/world.ts';
import type { Stage } from './process.ts';
import type { Story } from './story.ts';

/** Gives each process its own way to each of the two servers. */
export function networkOf(
  story: Story,
  world: World,
  begin: number,
  touch: () => void,
  count: (what: string) => void,
  trace: (line: string) => void,
): Stage['network'] {
  const random = createRandom(story.seed).fork('network');
  const clock: SimClock = {
    now: () => world.clock.now(),
    after: (ms, callback) =>
      world.clock.after(ms, () => {
        touch();
        callback();
      }),
  };
  const rules = story.troubles.flatMap(({ rule, from, seconds }): FaultRule[] =>
    rule === undefined ? [] : [{ ...rule, during: [begin + from * 1000, begin + (from + seconds) * 1000] }],
  );
  const missing = story.troubles.find(({ kind }) => kind === 'not-found-after-create');
  return (handler, part, strike) => {
    const note = (fault: string, request: SimRequest): void => {
      strike();
      count(`fault: ${fault}`);
      trace(`fault ${fault} on ${operationName(request)}`);
    };
    const applying = rules.filter(
      ({ operation }) => operation === '*' || operation.startsWith('k8s:') === (part === 'kubernetes'),
    );
    const faulty = withFaults(handler, applying, { clock, random: random.fork(part) });
    const told: SimHandler = async (request) => {
      try {
        const response = await faulty(request);
        const fault = response.headers['x-simulator-fault'];
        if (fault !== undefined) note(fault, request);
        return response;
      } catch (error) {
        note('reset', request);
        throw error;
      }
    };
    return missing === undefined ? told : lateToShow(told, missing.seconds * 1000, clock, note);
  };
}

const groupNamed = ({ path, body }: SimRequest, operation: string): string | undefined => {
  if (operation === 'eks:CreateNodegroup') return JSON.parse(body).nodegroupName;
  if (operation === 'eks:DescribeNodegroup') return decodeURIComponent(path.split('/node-groups/')[1] ?? '');
  return undefined;
};

/** What was just created is not found for a while, by some of the looks. */
function lateToShow(
  handler: SimHandler,
  lagMs: number,
  clock: SimClock,
  note: (fault: string, request: SimRequest) => void,
): SimHandler {
  const random = createRandom(lagMs);
  const young = new Map<string, number>();
  const missing = withFaults(handler, [{ operation: '*', kind: 'not-found' }], { clock, random });
  return async (request) => {
    const operation = operationName(request);
    const name = groupNamed(request, operation);
    if (name !== undefined && operation === 'eks:DescribeNodegroup') {
      const until = young.get(name) ?? 0;
      if (clock.now() < until && random.next() < 0.6) {
        note('not-found', request);
        return missing(request);
      }
    }
    const response = await handler(request);
    if (name !== undefined && operation === 'eks:CreateNodegroup' && response.status < 300)
      young.set(name, clock.now() + lagMs);
    return response;
  };
}
