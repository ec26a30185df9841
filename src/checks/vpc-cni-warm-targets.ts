import {
  envAfter,
  hasIpTargets,
  interfaceSettings,
  poolSettings,
  target,
  vpcCniVersion,
} from '../domain/cni-settings.ts';
import { usesPoolAddress } from '../domain/evictable.ts';
import type { Finding } from '../domain/finding.ts';
import { prefixSize, recommendedMaxPods } from '../domain/max-pods.ts';
import { nodesOf, replacementTypesOf } from '../domain/nodegroups.ts';
import { steadyPrefixes } from '../domain/prefix-pool.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot } from '../domain/snapshot.ts';
import { type Check, count, planAgain } from './check.ts';

type Env = Readonly<Record<string, string | null>>;

/** From so many nodes on the VPC CNIs of a cluster together can reach the limits of the EC2 API. */
const manyNodes = 50;

/** Targets that were tuned for secondary IP mode, that do not work together, or that cost more than they look like. */
export const vpcCniWarmTargets: Check = {
  codes: [
    {
      code: 'CNI.IP_TARGETS_WIN',
      meaning: 'IP targets make the VPC CNI ignore WARM_PREFIX_TARGET.',
      canBeAllowed: false,
    },
    {
      code: 'CNI.NO_WARM_TARGET',
      meaning: 'No target is left, so that a node attaches and releases prefixes all the time.',
      canBeAllowed: true,
    },
    {
      code: 'CNI.WARM_TARGET_COST',
      meaning: 'Warm targets keep a whole prefix more than needed on every node.',
      canBeAllowed: false,
    },
    {
      code: 'CNI.WARM_TARGET_CALLS',
      meaning: 'A small WARM_IP_TARGET alone makes many calls of the EC2 API in a large cluster.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    if (scope.sources.length === 0) return [];
    const env = envAfter(snapshot.vpcCni, scope.request);
    return [
      ...leftOver(snapshot, scope, env),
      ...noTarget(scope, env),
      ...cost(snapshot, scope, env),
      ...calls(snapshot, scope, env),
    ];
  },
};

const ipTargets = (env: Env): string[] =>
  ['WARM_IP_TARGET', 'MINIMUM_IP_TARGET'].filter((name) => target(env, name) > 0);

/** `WARM_IP_TARGET=10 (in conflict with 5), MINIMUM_IP_TARGET=16` */
const inForce = (env: Env, names: readonly string[], { vpcCni }: Scope): string =>
  names
    .map((name) => {
      const conflict = vpcCni.settings.find((setting) => setting.name === name && setting.change === 'conflict');
      return `${name}=${env[name]}${conflict === undefined ? '' : ` (in conflict with ${conflict.target})`}`;
    })
    .join(', ');

/** The same settings with one spare prefix and no IP target, as the manifest has them. */
const withDefaults = (env: Env): Env => ({
  ...env,
  WARM_PREFIX_TARGET: '1',
  WARM_IP_TARGET: null,
  MINIMUM_IP_TARGET: null,
});

function leftOver(snapshot: ClusterSnapshot, scope: Scope, env: Env): Finding[] {
  const { request } = scope;
  const names = ipTargets(env);
  if (names.length === 0 || request.warmIpTarget !== undefined || request.minimumIpTarget !== undefined) return [];
  const now = onNodes(snapshot, scope, env);
  const standard = onNodes(snapshot, scope, withDefaults(env));
  return [
    {
      code: 'CNI.IP_TARGETS_WIN',
      severity: 'warning',
      subject: `aws-node ${names.join(', ')}`,
      summary: `${inForce(env, names, scope)} ${names.length === 1 ? 'wins' : 'win'} over WARM_PREFIX_TARGET, which is ignored.`,
      why: [
        'In secondary IP mode these targets kept single addresses instead of a whole network interface spare; now they are rounded up to prefixes of 16.',
        `A new node of ${now.nodegroupName} will hold ${count(now.idle, 'prefix', 'prefixes')} without pods and ${now.expected} with its ${count(now.pods, 'pod')}; with WARM_PREFIX_TARGET=1 it would be ${standard.idle} and ${standard.expected}.`,
        difference(now.all - standard.all, now.nodes),
      ].join(' '),
      nextActions: [
        `${planAgain(scope, { warmIpTarget: 0, minimumIpTarget: 0 })}  # 0 is as if not set: one spare prefix per node`,
        `${planAgain(scope, { warmIpTarget: 5, minimumIpTarget: 16 })}  # fewest addresses`,
      ],
    },
  ];
}

const difference = (blocks: number, nodes: number): string =>
  blocks === 0
    ? `On ${count(nodes, 'node')} that is no difference (estimate).`
    : `On ${count(nodes, 'node')} that is ${count(Math.abs(blocks), '/28 block')} ${blocks > 0 ? 'more' : 'fewer'} (estimate).`;

function noTarget(scope: Scope, env: Env): Finding[] {
  if (hasIpTargets(env) || target(env, 'WARM_PREFIX_TARGET') > 0) return [];
  return [
    {
      code: 'CNI.NO_WARM_TARGET',
      severity: 'blocking',
      subject: 'aws-node WARM_PREFIX_TARGET',
      summary: 'WARM_PREFIX_TARGET=0 without IP targets is not supported by the VPC CNI.',
      why: 'A node would attach a prefix for a pod, release it, and attach it again.',
      nextActions: [planAgain(scope, { warmPrefixTarget: 1 })],
    },
  ];
}

function cost(snapshot: ClusterSnapshot, scope: Scope, env: Env): Finding[] {
  const byIp = hasIpTargets(env);
  const name = byIp ? 'WARM_IP_TARGET' : 'WARM_PREFIX_TARGET';
  const spare = target(env, name);
  if (spare < (byIp ? prefixSize : 2)) return [];
  const now = onNodes(snapshot, scope, env);
  const frugal = onNodes(snapshot, scope, { ...env, [name]: byIp ? '5' : '1' });
  const extra = now.all - frugal.all;
  if (extra <= 0) return [];
  return [
    {
      code: 'CNI.WARM_TARGET_COST',
      severity: 'warning',
      subject: `aws-node ${name}`,
      summary: `${name}=${spare} takes about ${extra * prefixSize} more addresses than ${name}=${byIp ? 5 : 1} would, on ${count(now.nodes, 'new node')}.`,
      why: `${spare * (byIp ? 1 : prefixSize)} addresses and more stay spare on every node, for pods that start all at once; to attach a further prefix takes a second or so. (estimate, with the pods as planned)`,
      nextActions: [planAgain(scope, byIp ? { warmIpTarget: 5, minimumIpTarget: 16 } : { warmPrefixTarget: 1 })],
    },
  ];
}

function calls(snapshot: ClusterSnapshot, scope: Scope, env: Env): Finding[] {
  const warm = target(env, 'WARM_IP_TARGET');
  const nodes = snapshot.vpcCni.rollout?.desired ?? snapshot.nodes.length;
  if (warm === 0 || warm >= prefixSize || target(env, 'MINIMUM_IP_TARGET') > 0 || nodes < manyNodes) return [];
  return [
    {
      code: 'CNI.WARM_TARGET_CALLS',
      severity: 'warning',
      subject: 'aws-node WARM_IP_TARGET',
      summary: `WARM_IP_TARGET=${warm} without MINIMUM_IP_TARGET on ${nodes} nodes: each node attaches and releases a prefix whenever its pods pass a multiple of 16.`,
      why: 'The README of the VPC CNI advises against small targets alone in large clusters or with many pod changes: EC2 limits the calls of the whole account, and throttled nodes start pods late.',
      nextActions: [planAgain(scope, { warmIpTarget: warm, minimumIpTarget: 16 })],
    },
  ];
}

/** Prefixes with these settings on a node of the largest source, and on all new nodes together with their pods. */
function onNodes(snapshot: ClusterSnapshot, { sources, request, nodes: sizes }: Scope, env: Env) {
  const groups = sources.map((source) => {
    const { nodegroupName } = source;
    const { known } = replacementTypesOf(snapshot, source, request);
    const maxPods = request.maxPods ?? recommendedMaxPods(known, interfaceSettings(env)).value;
    const version = vpcCniVersion(snapshot.vpcCni);
    const prefixes = (pods: number) =>
      Math.max(0, ...known.map((type) => steadyPrefixes(pods, poolSettings(env, version, type, maxPods))));
    const names = new Set(nodesOf(snapshot, nodegroupName).map(({ name }) => name));
    const running = snapshot.pods.filter((pod) => pod.nodeName !== null && names.has(pod.nodeName));
    const nodes = Math.max(1, sizes.get(nodegroupName) ?? 1);
    const pods = Math.min(maxPods, Math.ceil(running.filter(usesPoolAddress).length / nodes));
    return { nodegroupName, nodes, pods, idle: prefixes(0), expected: prefixes(pods) };
  });
  const [largest = { nodegroupName: '', nodes: 0, pods: 0, idle: 0, expected: 0 }] = groups.toSorted(
    (a, b) => b.nodes - a.nodes,
  );
  return {
    ...largest,
    nodes: groups.reduce((sum, group) => sum + group.nodes, 0),
    all: groups.reduce((sum, group) => sum + group.nodes * group.expected, 0),
  };
}
