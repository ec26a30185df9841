/**
 * The address daemon of the VPC CNI (ipamd, in pod aws-node), one per node, IPv4, network card 0. It keeps a pool of
 * secondary addresses or of /28 prefixes on the interfaces of its instance and gives them to pods.
 * Source: aws/amazon-vpc-cni-k8s, pkg/ipamd/ipamd.go and datastore/data_store.go (v1.9 to v1.23).
 *
 * The real daemon looks every 5 seconds. Here it looks on the same beat, but only after something changed: a settled
 * world has no timers.
 */
import type { PodNetwork, Random, SimClock, Timer } from '../types.ts';
import { formatAddress, parseBlock } from './addresses.ts';
import type { Ec2, Eni, Instance } from './ec2.ts';
import { AwsError } from './errors.ts';
import { supportsPrefixes } from './instance-types.ts';

/** What the environment of container aws-node says. */
export interface CniSettings {
  /** `[1, 19, 2]` */
  version: readonly number[];
  prefixDelegation: boolean;
  warmEniTarget: number;
  warmPrefixTarget: number;
  warmIpTarget: number;
  minimumIpTarget: number;
  maxEni: number;
  customNetworking: boolean;
  /** Keys that name the ENIConfig of a node. */
  eniConfigAnnotation: string;
  eniConfigLabel: string;
  podEni: boolean;
  subnetDiscovery: boolean;
  /** Take addresses on a cordoned node too. */
  manageNonSchedulable: boolean;
}

/** strconv.ParseBool */
const goBooleans: Record<string, boolean> = {
  ...Object.fromEntries(['1', 't', 'T', 'true', 'True', 'TRUE'].map((text) => [text, true])),
  ...Object.fromEntries(['0', 'f', 'F', 'false', 'False', 'FALSE'].map((text) => [text, false])),
};

/** Reads the environment as ipamd does: what is not a whole number, or no boolean, counts as unset. */
export function readCniSettings(env: Record<string, string>, version: readonly number[]): CniSettings {
  const whole = (name: string, standard: number): number => {
    const text = env[name];
    return text !== undefined && /^[+-]?\d+$/.test(text) ? Math.max(0, Number(text)) : standard;
  };
  const flag = (name: string, standard: boolean): boolean => goBooleans[env[name] ?? ''] ?? standard;
  return {
    version,
    prefixDelegation: flag('ENABLE_PREFIX_DELEGATION', false) && atLeast(version, [1, 9, 0]),
    warmEniTarget: whole('WARM_ENI_TARGET', 1),
    warmPrefixTarget: whole('WARM_PREFIX_TARGET', 0),
    warmIpTarget: whole('WARM_IP_TARGET', 0),
    minimumIpTarget: whole('MINIMUM_IP_TARGET', 0),
    maxEni: whole('MAX_ENI', 0),
    customNetworking: flag('AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG', false),
    eniConfigAnnotation: env['ENI_CONFIG_ANNOTATION_DEF'] || 'k8s.amazonaws.com/eniConfig',
    eniConfigLabel: env['ENI_CONFIG_LABEL_DEF'] || 'k8s.amazonaws.com/eniConfig',
    podEni: flag('ENABLE_POD_ENI', false),
    subnetDiscovery: flag('ENABLE_SUBNET_DISCOVERY', true) && atLeast(version, [1, 18, 0]),
    manageNonSchedulable: flag('AWS_MANAGE_ENIS_NON_SCHEDULABLE', false),
  };
}

/** `v1.19.2-eksbuild.1` is `[1, 19, 2]`. */
export function parseVersion(text: string): number[] {
  const match = /v?(\d+)\.(\d+)\.(\d+)/.exec(text);
  return match ? match.slice(1, 4).map(Number) : [0, 0, 0];
}

export function atLeast(version: readonly number[], minimum: readonly number[]): boolean {
  const index = minimum.findIndex((part, place) => (version[place] ?? 0) !== part);
  return index === -1 || (version[index] ?? 0) > (minimum[index] ?? 0);
}

export interface Ipamd {
  network: PodNetwork;
  addNode(node: { name: string; instance: Instance; maxPods: number }): void;
  removeNode(name: string): void;
  /**
   * nodeInit: with custom networking (since v1.13.0) the daemon ends with an error when it starts with an empty pool that
   * it cannot fill. The text of the error, or undefined when it comes up.
   */
  initialise(nodeName: string, settings: CniSettings): string | undefined;
  /** An ENIConfig came, changed or went. */
  eniConfigsChanged(): void;
  /** aws-node came up (again) on this node. */
  start(nodeName: string, settings: CniSettings): void;
  /** aws-node is away: pods keep their addresses, new ones get none. */
  stop(nodeName: string): void;
  setCordoned(nodeName: string, cordoned: boolean): void;
  /** Until called, growing takes no time: the world is still being set up. */
  goLive(): void;
}

interface Agent {
  name: string;
  instance: Instance;
  maxPods: number;
  cordoned: boolean;
  /** Undefined while aws-node is not running. */
  settings: CniSettings | undefined;
  startedAt: number;
  lastLook: number;
  /** Pod UID to address. */
  assigned: Map<string, Assignment>;
  taken: Set<string>;
  /** Prefix to the number of its assigned addresses. */
  used: Map<string, number>;
  /** Address to the time from which a pod may have it again. */
  cooling: Map<string, number>;
  timer: Timer | undefined;
  /** An EC2 call is under way. */
  busy: boolean;
  pausedUntil: number;
  lastShrink: number;
  /** Waits until addresses come free in this subnet, or until there is an ENIConfig. */
  blockedOn: string | undefined;
}

export interface EniConfig {
  subnetId: string;
  securityGroups: string[];
}

interface Assignment {
  ip: string;
  eni: Eni;
  /** The prefix it is from; undefined for a secondary address. */
  prefix: string | undefined;
}

type Action =
  | { kind: 'assign'; eni: Eni; count: number }
  | { kind: 'new-eni'; count: number }
  | { kind: 'release'; eni: Eni; addresses: string[]; prefixes: string[]; notBefore: number }
  | { kind: 'delete-eni'; eni: Eni; notBefore: number };

type Growth = Extract<Action, { kind: 'assign' | 'new-eni' }>;

const prefixSize = 16;
const beat = 5_000;
const shrinkInterval = 30_000;
const addressCooldown = 30_000;
const insufficientPause = 120_000;
const minEniAge = 60_000;
const noEniConfig = 'eniconfig';

const noAddress =
  'plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container';
const emptyPool = 'Initialization failure: Failed to attach any ENIs for custom networking';
const notRunning =
  'plugin type="aws-cni" name="aws-cni" failed (add): add cmd: Error received from AddNetwork gRPC call: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:50051: connect: connection refused"';

export function createIpamd(deps: {
  ec2: Ec2;
  clock: SimClock;
  /** Decides what a Go map decides: which interface and which prefix a pod gets its address from. */
  random: Random;
  clusterName: string;
  /** Seconds. */
  timings: { prefixAttach: number; eniAttach: number };
  /** The ENIConfig that the node names now. */
  eniConfigOf?: (nodeName: string, settings: CniSettings) => EniConfig | undefined;
}): Ipamd {
  const { ec2, clock, random, clusterName, timings, eniConfigOf } = deps;
  const agents = new Map<string, Agent>();
  const blocked = new Map<string, Set<Agent>>();
  let live = false;

  ec2.onSpaceFreed(unblock);

  function unblock(cause: string): void {
    const waiting = blocked.get(cause);
    if (!waiting) return;
    blocked.delete(cause);
    for (const agent of waiting) {
      agent.blockedOn = undefined;
      wake(agent);
    }
  }

  function wake(agent: Agent): void {
    if (!agent.settings || agent.busy || agent.timer) return;
    if (!live) {
      growAtOnce(agent);
      return;
    }
    const action = nextAction(agent, agent.settings, clock.now());
    if (!action || (grows(action) && agent.blockedOn !== undefined)) return;
    const earliest = grows(action) ? agent.pausedUntil : action.notBefore;
    const since = clock.now() - agent.startedAt;
    const thisBeat = agent.startedAt + Math.ceil(since / beat) * beat;
    const nextBeat = thisBeat > agent.lastLook ? thisBeat : thisBeat + beat;
    agent.timer = clock.after(Math.max(nextBeat, earliest) - clock.now(), () => {
      agent.timer = undefined;
      look(agent);
    });
  }

  function look(agent: Agent): void {
    agent.lastLook = clock.now();
    const action = agent.settings && nextAction(agent, agent.settings, clock.now());
    if (!action) return;
    if (!grows(action)) {
      if (action.notBefore <= clock.now()) shrink(agent, action);
      wake(agent);
      return;
    }
    if (clock.now() < agent.pausedUntil) {
      wake(agent);
      return;
    }
    agent.busy = true;
    const seconds = action.kind === 'new-eni' ? timings.eniAttach : timings.prefixAttach;
    clock.after(seconds * 1000, () => {
      agent.busy = false;
      if (agents.get(agent.name) !== agent || !agent.settings) return;
      grow(agent, agent.settings, action);
      wake(agent);
    });
  }

  function growAtOnce(agent: Agent): void {
    for (;;) {
      const action = agent.settings && growth(agent, agent.settings, poolOf(agent, agent.settings));
      if (!agent.settings || !action || agent.blockedOn !== undefined) return;
      grow(agent, agent.settings, action);
    }
  }

  function grow(agent: Agent, settings: CniSettings, action: Growth): void {
    const { instance } = agent;
    const prefix = usesPrefixes(agent, settings);
    const assign = (eni: Eni, count: number): string[] =>
      prefix ? ec2.assignPrefixes(eni, count) : ec2.assignAddresses(eni, count);
    const config = settings.customNetworking ? eniConfigOf?.(agent.name, settings) : undefined;
    const subnets = action.kind === 'assign' ? [action.eni.subnetId] : subnetsForNewEni(agent, settings, config);
    const attempts: (() => void)[] =
      action.kind === 'assign'
        ? [action.count, 1].map((count) => (): void => void assign(action.eni, count))
        : subnets.map((subnetId) => (): void => {
            const eni = ec2.createEni({
              subnetId,
              description: `aws-K8S-${instance.id}`,
              groups:
                config && config.securityGroups.length > 0 ? config.securityGroups : (instance.enis[0]?.groups ?? []),
              tags: {
                'cluster.k8s.amazonaws.com/name': clusterName,
                'node.k8s.amazonaws.com/instance_id': instance.id,
                'node.k8s.amazonaws.com/createdAt': new Date(clock.now()).toISOString(),
                'eks:eni:owner': 'amazon-vpc-cni',
              },
              ...(prefix ? { prefixCount: action.count } : { secondaryCount: action.count }),
            });
            try {
              ec2.attach(
                eni,
                instance,
                1 + Math.max(0, ...instance.enis.map((one) => one.attachment?.deviceIndex ?? 0)),
              );
            } catch (error) {
              ec2.deleteEni(eni);
              throw error;
            }
          });
    for (const attempt of attempts) {
      try {
        attempt();
        return;
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
      }
    }
    agent.pausedUntil = clock.now() + insufficientPause;
    const [cause = noEniConfig] = subnets;
    agent.blockedOn = cause;
    const waiting = blocked.get(cause) ?? new Set();
    blocked.set(cause, waiting.add(agent));
  }

  /** The node's own subnet and those tagged for the CNI in its zone, the one with most free addresses first. */
  function subnetsForNewEni(agent: Agent, settings: CniSettings, config: EniConfig | undefined): string[] {
    if (settings.customNetworking) return config ? [config.subnetId] : [];
    const own = ec2.subnets.get(agent.instance.subnetId);
    if (!own || !settings.subnetDiscovery) return [agent.instance.subnetId];
    const role = 'kubernetes.io/role/cni';
    return [...ec2.subnets.values()]
      .filter((subnet) => subnet.availabilityZone === own.availabilityZone)
      .filter((subnet) => subnet.tags[role] === '1' || (subnet === own && subnet.tags[role] !== '0'))
      .toSorted((a, b) => b.space.available() - a.space.available())
      .map((subnet) => subnet.id);
  }

  function shrink(agent: Agent, action: Extract<Action, { kind: 'release' | 'delete-eni' }>): void {
    agent.lastShrink = clock.now();
    if (action.kind === 'delete-eni') ec2.deleteEni(action.eni);
    else ec2.unassign(action.eni, action);
  }

  function attach(nodeName: string, pod: { uid: string }): { ip: string } | { error: string } {
    const agent = agents.get(nodeName);
    if (!agent?.settings) return { error: notRunning };
    const before = agent.assigned.get(pod.uid);
    if (before) return { ip: before.ip };
    const found = freeAddress(agent, agent.settings, clock.now(), random);
    if (found) {
      agent.assigned.set(pod.uid, found);
      agent.taken.add(found.ip);
      if (found.prefix !== undefined) agent.used.set(found.prefix, usedOf(agent, found.prefix) + 1);
    }
    wake(agent);
    return found ? { ip: found.ip } : { error: noAddress };
  }

  function detach(nodeName: string, podUid: string): void {
    const agent = agents.get(nodeName);
    const gone = agent?.assigned.get(podUid);
    if (!agent || !gone) return;
    agent.assigned.delete(podUid);
    agent.taken.delete(gone.ip);
    if (gone.prefix !== undefined) agent.used.set(gone.prefix, usedOf(agent, gone.prefix) - 1);
    agent.cooling.set(gone.ip, clock.now() + addressCooldown);
    if (agent.settings) releaseLeftover(agent, agent.settings, gone);
    wake(agent);
  }

  /** An address of the other mode does not go back into the pool. Since v1.20.0 a leftover secondary one stays attached. */
  function releaseLeftover(agent: Agent, settings: CniSettings, { ip, eni, prefix }: Assignment): void {
    const prefixMode = usesPrefixes(agent, settings);
    if (prefixMode && prefix === undefined && !atLeast(settings.version, [1, 20, 0])) {
      ec2.unassign(eni, { addresses: [ip] });
    }
    if (!prefixMode && prefix !== undefined && usedOf(agent, prefix) === 0) ec2.unassign(eni, { prefixes: [prefix] });
  }

  function start(nodeName: string, settings: CniSettings): void {
    const agent = agents.get(nodeName);
    if (!agent) return;
    agent.timer?.cancel();
    agent.timer = undefined;
    agent.settings = settings;
    agent.startedAt = clock.now();
    agent.lastLook = -1;
    forgetFailures(agent);
    releaseOtherMode(agent, settings);
    wake(agent);
  }

  /** What a daemon remembers of them ends with it. */
  function forgetFailures(agent: Agent): void {
    agent.pausedUntil = 0;
    if (agent.blockedOn !== undefined) blocked.get(agent.blockedOn)?.delete(agent);
    agent.blockedOn = undefined;
  }

  /** Without custom networking all of this happens in `start`, which comes a few seconds later. */
  function initialise(nodeName: string, settings: CniSettings): string | undefined {
    const agent = agents.get(nodeName);
    if (!agent || !settings.customNetworking || !atLeast(settings.version, [1, 13, 0])) return undefined;
    releaseOtherMode(agent, settings);
    const action = growth(agent, settings, poolOf(agent, settings));
    if (action) {
      forgetFailures(agent);
      grow(agent, settings, action);
    }
    const pool = poolOf(agent, settings);
    return pool.units === 0 && shortage(pool, agent, settings) > 0 ? emptyPool : undefined;
  }

  /** What aws-node does first: give back what is unused and of the other mode. */
  function releaseOtherMode(agent: Agent, settings: CniSettings): void {
    const prefixMode = usesPrefixes(agent, settings);
    for (const eni of agent.instance.enis) {
      const unused = prefixMode
        ? { addresses: eni.secondaries.filter((address) => !agent.taken.has(address)) }
        : { prefixes: eni.prefixes.filter((prefix) => usedOf(agent, prefix) === 0) };
      if (Object.values(unused).flat().length > 0) ec2.unassign(eni, unused);
    }
  }

  return {
    network: { attach, detach },
    addNode({ name, instance, maxPods }) {
      agents.set(name, {
        name,
        instance,
        maxPods,
        cordoned: false,
        settings: undefined,
        startedAt: 0,
        lastLook: -1,
        assigned: new Map(),
        taken: new Set(),
        used: new Map(),
        cooling: new Map(),
        timer: undefined,
        busy: false,
        pausedUntil: 0,
        lastShrink: 0,
        blockedOn: undefined,
      });
    },
    removeNode(name) {
      const agent = agents.get(name);
      if (!agent) return;
      agent.timer?.cancel();
      agents.delete(name);
      if (agent.blockedOn !== undefined) blocked.get(agent.blockedOn)?.delete(agent);
    },
    initialise,
    eniConfigsChanged: () => unblock(noEniConfig),
    start,
    stop(nodeName) {
      const agent = agents.get(nodeName);
      if (!agent) return;
      agent.timer?.cancel();
      agent.timer = undefined;
      agent.settings = undefined;
    },
    setCordoned(nodeName, cordoned) {
      const agent = agents.get(nodeName);
      if (!agent || agent.cordoned === cordoned) return;
      agent.cordoned = cordoned;
      wake(agent);
    },
    goLive() {
      live = true;
      for (const agent of agents.values()) wake(agent);
    },
  };
}

function grows(action: Action): action is Growth {
  return action.kind === 'assign' || action.kind === 'new-eni';
}

/** Instances that are neither Nitro nor bare metal stay with secondary addresses, whatever is asked. */
function usesPrefixes(agent: Agent, settings: CniSettings): boolean {
  return settings.prefixDelegation && supportsPrefixes(agent.instance.type);
}

function podEnis(agent: Agent, settings: CniSettings): Eni[] {
  return settings.customNetworking ? agent.instance.enis.slice(1) : agent.instance.enis;
}

const addressesOfPrefix = new Map<string, readonly string[]>();

function addressesIn(prefix: string): readonly string[] {
  const known = addressesOfPrefix.get(prefix);
  if (known) return known;
  const { base, size } = parseBlock(prefix);
  const addresses = Array.from({ length: size }, (_, index) => formatAddress(base + index));
  addressesOfPrefix.set(prefix, addresses);
  return addresses;
}

function usedOf(agent: Agent, prefix: string): number {
  return agent.used.get(prefix) ?? 0;
}

/** From any interface and any prefix that has one left: the daemon walks maps, whose order is left to chance. */
function freeAddress(agent: Agent, settings: CniSettings, now: number, random: Random): Assignment | undefined {
  const isFree = (address: string): boolean => !agent.taken.has(address) && (agent.cooling.get(address) ?? 0) <= now;
  for (const eni of fromAnywhere(podEnis(agent, settings), random)) {
    if (usesPrefixes(agent, settings)) {
      for (const prefix of fromAnywhere(eni.prefixes, random)) {
        if (usedOf(agent, prefix) === prefixSize) continue;
        const ip = addressesIn(prefix).find(isFree);
        if (ip !== undefined) return { ip, eni, prefix };
      }
    } else {
      const ip = fromAnywhere(eni.secondaries, random).find(isFree);
      if (ip !== undefined) return { ip, eni, prefix: undefined };
    }
  }
  return undefined;
}

/** All items, in their order round a ring, from a place that chance decides. */
function fromAnywhere<T>(items: readonly T[], random: Random): readonly T[] {
  if (items.length < 2) return items;
  const start = random.int(0, items.length - 1);
  return [...items.slice(start), ...items.slice(0, start)];
}

/** The pool in the unit of its mode: prefixes of 16, or single addresses. Leftovers of the other mode do not count. */
interface Pool {
  unit: number;
  units: number;
  freeUnits: number;
  assigned: number;
}

function poolOf(agent: Agent, settings: CniSettings, without?: Eni): Pool {
  const enis = podEnis(agent, settings).filter((eni) => eni !== without);
  if (usesPrefixes(agent, settings)) {
    const used = enis.flatMap((eni) => eni.prefixes).map((prefix) => usedOf(agent, prefix));
    return {
      unit: prefixSize,
      units: used.length,
      freeUnits: used.filter((count) => count === 0).length,
      assigned: used.reduce((sum, count) => sum + count, 0),
    };
  }
  const addresses = enis.flatMap((eni) => eni.secondaries);
  const assigned = addresses.filter((address) => agent.taken.has(address)).length;
  return { unit: 1, units: addresses.length, freeUnits: addresses.length - assigned, assigned };
}

/** Units to add; 0 when the pool is large enough. */
function shortage(pool: Pool, agent: Agent, settings: CniSettings): number {
  const total = pool.units * pool.unit;
  const available = total - pool.assigned;
  const { warmIpTarget, minimumIpTarget, warmPrefixTarget, warmEniTarget, version } = settings;
  if (total >= agent.maxPods && atLeast(version, [1, 17, 1])) return 0;
  if (warmIpTarget > 0 || minimumIpTarget > 0) {
    return Math.ceil(Math.max(warmIpTarget - available, minimumIpTarget - total, 0) / pool.unit);
  }
  const warmUnits = pool.unit === prefixSize ? warmPrefixTarget : warmEniTarget * (agent.instance.type.ipv4PerEni - 1);
  const tooLow = available < warmUnits * pool.unit || (warmUnits === 0 && available === 0);
  if (!tooLow) return 0;
  return pool.unit === prefixSize ? Math.max(1, warmUnits - pool.freeUnits) : agent.instance.type.ipv4PerEni - 1;
}

/** Units that may go. */
function excess(pool: Pool, settings: CniSettings): number {
  const { warmIpTarget, minimumIpTarget, warmPrefixTarget } = settings;
  if (warmIpTarget > 0 || minimumIpTarget > 0) {
    const warm = Math.min(pool.freeUnits, pool.units - Math.ceil((pool.assigned + warmIpTarget) / pool.unit));
    return Math.max(0, Math.min(warm, pool.units - Math.ceil(minimumIpTarget / pool.unit)));
  }
  return pool.unit === prefixSize ? Math.max(0, pool.freeUnits - warmPrefixTarget) : 0;
}

function nextAction(agent: Agent, settings: CniSettings, now: number): Action | undefined {
  const pool = poolOf(agent, settings);
  return growth(agent, settings, pool) ?? reduction(agent, settings, pool, now);
}

function growth(agent: Agent, settings: CniSettings, pool: Pool): Growth | undefined {
  const short = shortage(pool, agent, settings);
  if (short === 0 || (agent.cordoned && !settings.manageNonSchedulable)) return undefined;
  const { type, enis } = agent.instance;
  const slots = type.ipv4PerEni - 1;
  const slotsLeft = (eni: Eni): number => slots - eni.secondaries.length - eni.prefixes.length;
  const eni = podEnis(agent, settings).find((candidate) => slotsLeft(candidate) > 0);
  if (eni) return { kind: 'assign', eni, count: Math.min(short, slotsLeft(eni)) };
  const limit = Math.min(type.enis, settings.maxEni > 0 ? settings.maxEni : type.enis) - Number(settings.podEni);
  return enis.length < limit ? { kind: 'new-eni', count: Math.min(short, slots) } : undefined;
}

function reduction(agent: Agent, settings: CniSettings, pool: Pool, now: number): Action | undefined {
  return release(agent, settings, pool) ?? removal(agent, settings, now);
}

/** Gives back what is over, on cordoned nodes too. In prefix mode a leftover secondary address may go in place of a prefix. */
function release(agent: Agent, settings: CniSettings, pool: Pool): Action | undefined {
  const over = excess(pool, settings);
  if (over === 0) return undefined;
  const enis = podEnis(agent, settings);
  const eni = enis.findLast((candidate) => unused(agent, settings, candidate).length > 0);
  if (!eni) return undefined;
  const ranges = unused(agent, settings, eni).slice(-over);
  return {
    kind: 'release',
    eni,
    addresses: ranges.filter((range) => !range.includes('/')),
    prefixes: ranges.filter((range) => range.includes('/')),
    notBefore: agent.lastShrink + shrinkInterval,
  };
}

const unused = (agent: Agent, settings: CniSettings, eni: Eni): string[] => [
  ...(usesPrefixes(agent, settings) ? eni.prefixes.filter((prefix) => usedOf(agent, prefix) === 0) : []),
  ...eni.secondaries.filter((address) => !agent.taken.has(address)),
];

/** Takes away an interface that nothing needs (getDeletableENI), never on a cordoned node. */
function removal(agent: Agent, settings: CniSettings, now: number): Action | undefined {
  if (agent.cordoned && !settings.manageNonSchedulable) return undefined;
  const [primary] = agent.instance.enis;
  const eni = podEnis(agent, settings).findLast(
    (candidate) => candidate !== primary && isIdle(agent, candidate) && isSpare(agent, settings, candidate),
  );
  if (!eni) return undefined;
  const cooled = [...eni.secondaries, ...eni.prefixes.flatMap(addressesIn)].map((ip) => agent.cooling.get(ip) ?? 0);
  const oldEnough = (eni.attachment?.attachedAt ?? now) + minEniAge;
  return { kind: 'delete-eni', eni, notBefore: Math.max(oldEnough, ...cooled) };
}

function isIdle(agent: Agent, eni: Eni): boolean {
  return (
    !eni.secondaries.some((address) => agent.taken.has(address)) &&
    eni.prefixes.every((prefix) => usedOf(agent, prefix) === 0)
  );
}

/** Whether what the other interfaces hold meets every target that is set, in whole prefixes in prefix mode. */
function isSpare(agent: Agent, settings: CniSettings, eni: Eni): boolean {
  const { warmIpTarget, minimumIpTarget, warmPrefixTarget, warmEniTarget } = settings;
  const others = poolOf(agent, settings, eni);
  const total = others.units * others.unit;
  const available = total - others.assigned;
  const whole = (addresses: number): number => Math.ceil(addresses / others.unit) * others.unit;
  if (available < whole(warmIpTarget) || total < whole(minimumIpTarget)) return false;
  if (others.unit === prefixSize) return others.units > 0 && others.freeUnits >= warmPrefixTarget;
  return warmIpTarget > 0 || minimumIpTarget > 0 || available >= warmEniTarget * (agent.instance.type.ipv4PerEni - 1);
}
