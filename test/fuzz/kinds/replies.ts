import type { Kind } from '../kind.ts';
import { feedReplies, hostileReply, type Reply, recordingOf } from '../replies.ts';

const worlds = ['workload-traps', 'custom-networking', 'healthy', 'helm-cni', 'cluster-autoscaler'];

interface Case {
  world: string;
  replies: Reply[];
}

const firstOfEach = <T extends { operation: string }>(replies: readonly T[]): T[] => [
  ...new Map(replies.map((reply) => [reply.operation, reply])).values(),
];

/** Answers of the servers whose operations begin so, to `plan` and `audit`. */
const replyKind = (name: string, what: string, prefix: RegExp): Kind => ({
  name,
  what,
  async draw(random) {
    const world = random.pick(worlds);
    const recorded = (await recordingOf(world)).filter(({ operation }) => prefix.test(operation));
    // those that say most half of the time, else each operation as often as any other, however often it is asked for
    const longest = recorded.toSorted((a, b) => b.body.length - a.body.length).slice(0, 6);
    const { operation } = random.next() < 0.5 ? random.pick(longest) : random.pick(firstOfEach(recorded));
    const chosen = random.pick(recorded.filter((reply) => reply.operation === operation));
    const made: Case = { world, replies: [hostileReply(random, chosen)] };
    return Buffer.from(JSON.stringify(made, null, 1));
  },
  feed(input) {
    const { world, replies }: Case = JSON.parse(input.toString('utf8'));
    return feedReplies(world, replies);
  },
});

export const eksKind = replyKind('eks', 'answers of EKS', /^eks:/);
export const queryKind = replyKind('ec2', 'answers of EC2, EC2 Auto Scaling and STS', /^(ec2|autoscaling|sts):/);
export const kubernetesKind = replyKind('kubernetes', 'answers of the API server', /^k8s:/);
