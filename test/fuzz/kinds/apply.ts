import assert from 'node:assert/strict';
import { parseJournal } from '../../../src/domain/journal-chain.ts';
import { replay } from '../../../src/domain/run-state.ts';
import { createPlainReporter } from '../../../src/reporting/plain-reporter.ts';
import { operationName } from '../../../src/simulator/operation-name.ts';
import { createRandom } from '../../../src/simulator/random.ts';
import type { SimHandler, SimStream } from '../../../src/simulator/types.ts';
import { createWorld, type World } from '../../../src/simulator/world.ts';
import { planFor, startProcess } from '../../simulation/migration.ts';
import { memoryJournal } from '../../support/sample-plan.ts';
import { scenario } from '../base.ts';
import { hostileJson, type Json, mangled, mutated } from '../generate.ts';
import type { Kind } from '../kind.ts';
import { checkError, checkScreen, checkSecrets, judged } from '../oracle.ts';
import { hostileReply, type Reply } from '../replies.ts';
import { checkPlanShown } from '../screen.ts';

interface Case {
  seed: number;
  /** the so manieth request of these operations is answered otherwise; of a watch, its events are */
  operation: string;
  nth: number;
}

const operations = [
  'eks:DescribeCluster',
  'eks:DescribeNodegroup',
  'eks:CreateNodegroup',
  'eks:DescribeUpdate',
  'eks:UpdateNodegroupConfig',
  'eks:UpdateAddon',
  'eks:DescribeAddon',
  'eks:DeleteNodegroup',
  'ec2:DescribeLaunchTemplates',
  'ec2:CreateLaunchTemplate',
  'ec2:DescribeLaunchTemplateVersions',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'autoscaling:DescribeAutoScalingGroups',
  'autoscaling:DescribeScalingActivities',
  'autoscaling:SuspendProcesses',
  'k8s:list nodes',
  'k8s:list pods',
  'k8s:list poddisruptionbudgets',
  'k8s:list events',
  'k8s:get pods',
  'k8s:get nodes',
  'k8s:patch nodes',
  'k8s:get daemonsets',
  'k8s:create pods',
  'k8s:create pods/eviction',
  'k8s:get leases',
  'k8s:create leases',
  'k8s:update leases',
  'k8s:watch pods',
  'k8s:watch nodes',
  'k8s:watch poddisruptionbudgets',
];

/** Answers in the middle of a migration: the run ends well, or stops with an error and a sound journal. */
export const applyKind: Kind = {
  name: 'apply',
  what: 'answers during a whole apply, watches included',
  draw(random) {
    const made: Case = {
      seed: random.int(1, 2 ** 30),
      operation: random.pick(operations),
      nth: random.pick([0, 0, 1, 2, 5, 10]),
    };
    return Buffer.from(JSON.stringify(made));
  },
  async feed(input) {
    const { seed, operation, nth }: Case = JSON.parse(input.toString('utf8'));
    const world = createWorld(scenario('healthy'), { seed: 1 });
    const plan = await planFor(world);
    const random = createRandom(seed);
    let asked = 0;
    const through =
      (handler: SimHandler): SimHandler =>
      async (request) => {
        const response = await handler(request);
        if (operationName(request) !== operation || asked++ !== nth) return response;
        if (typeof response.body !== 'string') return { ...response, body: withHostileEvents(response.body) };
        const { status, body }: Reply = hostileReply(random, {
          operation,
          nth,
          status: response.status,
          body: response.body,
        });
        return { ...response, status, body };
      };
    const hostile: World = Object.assign(Object.create(Object.getPrototypeOf(world)), world, {
      aws: through(world.aws),
      kubernetes: through(world.kubernetes),
    });

    function withHostileEvents(stream: SimStream): SimStream {
      return {
        start: (sink) =>
          stream.start({
            ...sink,
            write(chunk) {
              sink.write(random.next() < 0.5 ? chunk : hostileEvents(chunk));
            },
            end: () => sink.end(),
            reset: () => sink.reset(),
          }),
      };
    }
    function hostileEvents(chunk: string): string {
      if (random.next() < 0.2) return mangled(random, chunk).toString('utf8');
      return chunk.replace(/^.*$/m, (line) => {
        if (line === '') return line;
        const event: Json = JSON.parse(line);
        return hostileJson(random, mutated(random, event)).replaceAll('\n', ' ');
      });
    }

    const journal = memoryJournal();
    const said: string[] = [];
    const reporter = createPlainReporter((line) => said.push(line), { verbose: true });
    let code: string | undefined;
    const thrown = await judged(async () => {
      const process = await startProcess(hostile, undefined, reporter);
      const result = await process.run(plan, journal);
      assert.ok(result !== 'cut');
      if (result.stoppedBy !== undefined) {
        checkError(result.stoppedBy);
        code = result.stoppedBy.code;
      }
      assert.ok([0, 2, 5, 6, 7].includes(result.exitCode), `exit code ${result.exitCode}`);
    });
    await reporter.close();
    checkScreen(said.join('\n'));
    checkSecrets(journal.text);
    const { lines } = parseJournal(journal.text);
    checkPlanShown(plan, undefined, replay(plan, lines));
    return thrown?.code ?? code;
  },
};
