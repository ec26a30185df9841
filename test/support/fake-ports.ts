/**
 * Small in-memory ports with a call log, for tests of steps and engine: one cluster with as much behaviour as the steps can
 * see. Time is virtual. Not the simulator: nothing here speaks a protocol.
 */

import { sha256Hex } from '../../src/domain/canonical-json.ts';
import { ExitCode, MigrateError } from '../../src/domain/migrate-error.ts';
import type {
  AutoScalingGroup,
  ClusterNode,
  HealthIssue,
  NetworkInterface,
  Nodegroup,
  Pod,
} from '../../src/domain/snapshot.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Stack, StackResource } from '../../src/ports/cloudformation.ts';
import type { LaunchTemplate, SubnetCidrReservation } from '../../src/ports/ec2.ts';
import type { Addon, EksUpdate } from '../../src/ports/eks.ts';
import type { DaemonSet, Followed } from '../../src/ports/kubernetes.ts';
import type { Ports } from '../../src/ports/ports.ts';
import type { ToolResult } from '../../src/ports/tools.ts';

export interface VirtualClock extends Clock {
  /** Runs `work`, jumping to the next timer whenever nothing else can happen. */
  run<T>(work: Promise<T>): Promise<T>;
  after(milliseconds: number, effect: () => void): void;
}

export const startTime = Date.parse('2026-11-22T08:00:00Z');

export function createVirtualClock(): VirtualClock {
  let time = startTime;
  let order = 0;
  const timers = new Set<{ at: number; order: number; fire: () => void }>();
  const set = (milliseconds: number, fire: () => void) => {
    const timer = { at: time + Math.max(0, milliseconds), order: ++order, fire };
    timers.add(timer);
    return timer;
  };
  return {
    now: () => time,
    monotonic: () => time,
    after: (milliseconds, effect) => void set(milliseconds, effect),
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const timer = set(milliseconds, resolve);
        signal?.addEventListener('abort', () => {
          if (timers.delete(timer)) reject(signal.reason);
        });
      }),
    async run(work) {
      let settled = false;
      const end = (): void => {
        settled = true;
      };
      work.then(end, end);
      for (let jumps = 0; ; jumps += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        if (settled) return work;
        const [next] = [...timers].toSorted((a, b) => a.at - b.at || a.order - b.order);
        if (next === undefined || jumps > 20_000) throw new Error('the work waits for something that never comes');
        timers.delete(next);
        time = next.at;
        next.fire();
      }
    },
  };
}

export interface Call {
  /** `eks.createNodegroup` */
  name: string;
  write: boolean;
  args: unknown[];
}

const writes = new Set([
  'createNodegroup',
  'updateNodegroupScaling',
  'deleteNodegroup',
  'deleteStack',
  'run',
  'updateAddon',
  'createLaunchTemplate',
  'deleteLaunchTemplate',
  'createSubnetCidrReservation',
  'deleteSubnetCidrReservation',
  'cordon',
  'uncordon',
  'annotateNode',
  'suspendProcesses',
  'resumeProcesses',
  'resizeGroup',
  'terminateInstance',
  'deleteGroup',
  'evict',
  'createPod',
  'deletePod',
  'putLease',
  'setEnvironment',
]);

export interface World {
  clock: VirtualClock;
  ports: Ports;
  calls: Call[];
  addon: Addon | undefined;
  daemonSet: DaemonSet;
  /** environment of the aws-node pods by pod name */
  awsNodePods: Record<string, Record<string, string | null>>;
  updates: Map<string, EksUpdate>;
  launchTemplates: Map<string, LaunchTemplate & { userData: string }>;
  /** by subnet */
  reservations: Map<string, SubnetCidrReservation[]>;
  userDataOfVersions: Record<string, string | null>;
  nodegroups: Map<string, Nodegroup>;
  /** CloudFormation stacks by name, with the node group that goes with each */
  stacks: Map<string, Stack & { nodegroupName: string; resources: StackResource[]; failures: string[] }>;
  /** null: not installed; gets the arguments and the text of the file */
  eksctl: ((args: readonly string[], config: string) => ToolResult) | null;
  /** temporary files by path */
  files: Map<string, string>;
  /** none unless a test adds them */
  autoScalingGroups: AutoScalingGroup[];
  nodes: ClusterNode[];
  pods: Pod[];
  interfaces: NetworkInterface[];
  /** names of the images on each node */
  nodeImages: Record<string, string[]>;
  /** what new nodes are like */
  newNodes: { pods: number; prefixes: string[] | null; daemonSetPod: boolean };
  /** the group that is asked for fails with these instead of becoming ACTIVE */
  createFailure: HealthIssue[] | null;
  /** the next add-on update ends so */
  updateFailure: EksUpdate['errors'] | null;
  /** called before each call; may throw */
  intercept: (call: Call) => void;
  writes(): string[];
  /** changes the DaemonSet and, 40 seconds later, its pods: what an owner of aws-node does */
  rollOut(env: Record<string, string | null>): void;
  addNode(nodegroupName: string, overrides?: Partial<ClusterNode>): ClusterNode;
  addPod(overrides: Partial<Pod> & { name: string; nodeName: string }): Pod;
}

/** A cluster `prod` whose add-on is in secondary IP mode, with one source group `apps` of two nodes and a pod on each. */
export function createWorld(): World {
  const clock = createVirtualClock();
  const calls: Call[] = [];
  const tokens = new Map<string, string>();
  const followers = new Set<{ resource: keyof Followed; deliver: () => void }>();
  const followed: { [K in keyof Followed]: () => Followed[K][] } = {
    pods: () => world.pods,
    nodes: () => world.nodes,
    podDisruptionBudgets: () => [],
  };
  let serial = 0;
  const iso = (): string => new Date(clock.now()).toISOString();

  const tell = (resource: keyof Followed): void => {
    for (const follower of followers) if (follower.resource === resource) follower.deliver();
  };

  /** One effect per token: the second time the first answer comes again. */
  const once = (token: string, effect: () => string): string => {
    const known = tokens.get(token);
    if (known !== undefined) return known;
    const answer = effect();
    tokens.set(token, answer);
    return answer;
  };
  const newUpdate = (seconds: number, errors: EksUpdate['errors'], finish: () => void): string => {
    const update: EksUpdate = { id: `update-${++serial}`, status: 'InProgress', errors: [] };
    world.updates.set(update.id, update);
    clock.after(seconds * 1000, () => {
      update.status = errors.length > 0 ? 'Failed' : 'Successful';
      update.errors = errors;
      finish();
    });
    return update.id;
  };
  const removeNodesOf = (nodegroupName: string): void => {
    const names = new Set(world.nodes.filter((node) => node.nodegroupName === nodegroupName).map(({ name }) => name));
    world.nodes = world.nodes.filter(({ name }) => !names.has(name));
    world.pods = world.pods.filter(({ nodeName }) => nodeName === null || !names.has(nodeName));
    tell('nodes');
    tell('pods');
  };
  const podOf = (namespace: string, name: string): Pod | undefined =>
    world.pods.find((pod) => pod.namespace === namespace && pod.name === name);

  const eks: Ports['eks'] = {
    describeCluster: () => Promise.reject(new Error('no step asks for the cluster')),
    listNodegroups: async () => [...world.nodegroups.keys()].toSorted(),
    accessEntriesOfNodes: async () => [],
    describeNodegroup: async (_cluster, name) => structuredClone(world.nodegroups.get(name)),
    async createNodegroup({ launchTemplate, ...request }, token) {
      once(token, () => {
        const group: Nodegroup = {
          ...nodegroupDefaults,
          ...request,
          status: 'CREATING',
          launchTemplate: { ...launchTemplate, name: null },
        };
        world.nodegroups.set(request.nodegroupName, group);
        clock.after(120_000, () => {
          group.status = world.createFailure ? 'CREATE_FAILED' : 'ACTIVE';
          group.healthIssues = world.createFailure ?? [];
          if (world.createFailure) return;
          for (let count = 0; count < request.scaling.desiredSize; count += 1) world.addNode(request.nodegroupName);
        });
        return request.nodegroupName;
      });
    },
    updateNodegroupScaling: async (_cluster, name, scaling, token) =>
      once(token, () => {
        const group = world.nodegroups.get(name);
        if (group === undefined) throw new Error(`no group ${name}`);
        group.status = 'UPDATING';
        return newUpdate(20, [], () => {
          const now = { ...group.scaling, ...scaling };
          const more = now.desiredSize - group.scaling.desiredSize;
          Object.assign(group, { status: 'ACTIVE', scaling: now });
          clock.after(60_000, () => {
            for (let count = 0; count < more; count += 1) world.addNode(name);
          });
        });
      }),
    async deleteNodegroup(_cluster, name) {
      const group = world.nodegroups.get(name);
      if (group === undefined || group.status === 'DELETING') return;
      group.status = 'DELETING';
      clock.after(180_000, () => {
        removeNodesOf(name);
        world.nodegroups.delete(name);
      });
    },
    describeAddon: async () => structuredClone(world.addon),
    addonConfigurationSchema: async () => null,
    updateAddon: async ({ configurationValues }, token) =>
      once(token, () => {
        const { addon } = world;
        if (addon === undefined) throw new Error('no add-on');
        const errors = world.updateFailure ?? [];
        world.updateFailure = null;
        addon.status = 'UPDATING';
        return newUpdate(30, errors, () => {
          addon.status = errors.length > 0 ? 'UPDATE_FAILED' : 'ACTIVE';
          if (errors.length > 0) return;
          addon.configurationValues = configurationValues;
          const { env = {} } = parseConfiguration(configurationValues);
          world.rollOut({ ...manifestEnv, ...env });
        });
      }),
    describeUpdate: async (_cluster, id) => structuredClone(world.updates.get(id)),
    listUpdates: async () => [...world.updates.keys()],
  };

  const ec2: Ports['ec2'] = {
    describeInstanceTypes: async () => [],
    instanceTypesThatMeet: async () => [],
    describeSubnets: async () => [],
    networkInterfacesOfSubnets: async () => [],
    subnetCidrReservations: async (subnetId) => structuredClone(world.reservations.get(subnetId)),
    async createSubnetCidrReservation({ subnetId, cidr, tags }) {
      const there = world.reservations.get(subnetId);
      if (there?.some((one) => one.cidr === cidr && one.tags['prefix-migrate/plan'] === tags['prefix-migrate/plan']))
        return;
      there?.push({ id: `scr-${++serial}`, cidr, type: 'prefix', tags });
    },
    async deleteSubnetCidrReservation(id) {
      for (const [subnetId, all] of world.reservations) {
        world.reservations.set(
          subnetId,
          all.filter((one) => one.id !== id),
        );
      }
    },
    networkInterfacesOfInstances: async (ids) =>
      world.interfaces.filter(({ instanceId }) => ids.includes(instanceId ?? '')),
    mayCreateLaunchTemplate: async () => ({ action: 'ec2:CreateLaunchTemplate', answer: 'unknown' }),
    mayReserveSubnetCidr: async () => ({ action: 'ec2:CreateSubnetCidrReservation', answer: 'unknown' }),
    findLaunchTemplate: async (name) => structuredClone(world.launchTemplates.get(name)),
    async describeLaunchTemplateVersion(launchTemplateId, version) {
      const own = [...world.launchTemplates.values()].find(
        (template) => template.launchTemplateId === launchTemplateId,
      );
      const userData = own?.userData ?? world.userDataOfVersions[`${launchTemplateId}/${version}`];
      if (userData === undefined) return undefined;
      return {
        launchTemplateId,
        version,
        name: own?.launchTemplateName ?? launchTemplateId,
        imageId: null,
        instanceType: null,
        userDataHash: userData === null ? null : sha256Hex(userData),
        data: {},
      };
    },
    launchTemplateUserData: async (id, version) => world.userDataOfVersions[`${id}/${version}`] ?? null,
    async createLaunchTemplate({ name, userData, tags }, token) {
      once(token, () => {
        const launchTemplateId = `lt-${++serial}`;
        world.launchTemplates.set(name, {
          launchTemplateId,
          launchTemplateName: name,
          latestVersion: '1',
          tags,
          userData,
        });
        return launchTemplateId;
      });
      const template = world.launchTemplates.get(name);
      if (template === undefined) throw new Error(`no template ${name}`);
      return template;
    },
    async deleteLaunchTemplate(id) {
      for (const [name, template] of world.launchTemplates) {
        if (template.launchTemplateId === id) world.launchTemplates.delete(name);
      }
    },
  };

  const kubernetes: Ports['kubernetes'] = {
    serverUrl: () => 'https://prod.example',
    certificateAuthority: () => null,
    version: async () => 'v1.33.0',
    mayI: async () => 'unknown',
    getConfigMap: async () => undefined,
    putConfigMap: async () => 'conflict',
    listNodes: async (name) =>
      structuredClone(world.nodes.filter((node) => name === undefined || node.nodegroupName === name)),
    nodeImages: async () => structuredClone(world.nodeImages),
    listJobs: async () => [],
    listVolumeClaims: async () => [],
    listCsiNodes: async () => [],
    listPodWebhooks: async () => [],
    listServices: async () => [],
    listResourceQuotas: async () => [],
    apiGroups: async () => [],
    karpenter: async () => undefined,
    rolesOfAwsAuth: async () => [],
    podManifest: async () => undefined,
    podEvents: async () => [],
    async annotateNode(name, uid, annotations) {
      const node = world.nodes.find((each) => each.name === name && each.uid === uid);
      if (node === undefined) return undefined;
      const now: Record<string, string | null> = { ...node.annotations, ...annotations };
      node.annotations = Object.fromEntries(
        Object.entries(now).flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
      );
      tell('nodes');
      return structuredClone(node);
    },
    restartDeployment: async () => 'done',
    listPods: async ({ nodeName, namespace, labelSelector } = {}) => {
      const labels = (labelSelector ?? '')
        .split(',')
        .filter(Boolean)
        .map((pair) => pair.split('='));
      return structuredClone(
        world.pods.filter(
          (pod) =>
            (nodeName === undefined || pod.nodeName === nodeName) &&
            (namespace === undefined || pod.namespace === namespace) &&
            labels.every(([key = '', value]) => (value === undefined ? key in pod.labels : pod.labels[key] === value)),
        ),
      );
    },
    getPod: async (namespace, name) => structuredClone(podOf(namespace, name)),
    listPodDisruptionBudgets: async () => [],
    listWorkloads: async () => [],
    listEniConfigs: async () => [],
    getDaemonSet: async () => structuredClone(world.daemonSet),
    async setEnvironment(_namespace, _name, _container, { env, before }) {
      const live = world.daemonSet.env;
      const open = Object.keys(env).filter((name) => (live[name] ?? null) !== env[name]);
      if (open.length === 0) return 'done';
      if (open.some((name) => (live[name] ?? null) !== (before[name] ?? null))) return 'changed';
      world.rollOut(
        Object.fromEntries(
          Object.entries({ ...live, ...env }).filter(([name, value]) => value !== null || !open.includes(name)),
        ),
      );
      return 'done';
    },
    podEnvironments: async () => structuredClone(world.awsNodePods),
    async cordon(name, uid, { key, value }) {
      const node = world.nodes.find((each) => each.name === name && each.uid === uid);
      if (node === undefined) return undefined;
      node.unschedulable = true;
      node.annotations[key] = value;
      clock.after(1000, () => {
        node.taints = [{ key: 'node.kubernetes.io/unschedulable', value: null, effect: 'NoSchedule' }];
      });
      tell('nodes');
      return structuredClone(node);
    },
    async uncordon(name, key) {
      const node = world.nodes.find((each) => each.name === name);
      if (node === undefined) return undefined;
      node.unschedulable = false;
      delete node.annotations[key];
      clock.after(1000, () => {
        node.taints = [];
      });
      tell('nodes');
      return structuredClone(node);
    },
    async evict({ uid }) {
      const pod = world.pods.find((each) => each.uid === uid);
      if (pod === undefined) return { kind: 'gone', detail: 'not found' };
      const home = world.nodes.find((node) => !node.unschedulable);
      pod.deletionTimestamp = iso();
      clock.after(2000, () => {
        world.pods = world.pods.filter((each) => each.uid !== uid);
        world.addPod({ name: `${pod.name}-again`, nodeName: home?.name ?? '', controller: pod.controller });
        tell('pods');
      });
      return { kind: 'accepted' };
    },
    async createPod(namespace, manifest) {
      const { metadata, spec } = toPodManifest(JSON.stringify(manifest));
      if (podOf(namespace, metadata.name) !== undefined) return;
      const prefix = world.interfaces.find(
        ({ instanceId }) => instanceId === world.nodes.find(({ name }) => name === spec.nodeName)?.instanceId,
      )?.prefixes[0];
      const pod = world.addPod({
        ...metadata,
        namespace,
        nodeName: spec.nodeName,
        phase: 'Pending',
        podIp: null,
        controller: null,
      });
      clock.after(4000, () => {
        pod.podIp = prefix?.replace(/0\/28$/, '5') ?? '10.0.9.9';
      });
    },
    async deletePod(_namespace, _name, uid) {
      world.pods = world.pods.filter((pod) => pod.uid !== uid);
    },
    follow: (resource, listener, signal) =>
      new Promise((resolve) => {
        const deliver = (): void => listener({ type: 'replaced', items: structuredClone(followed[resource]()) });
        const follower = { resource, deliver };
        followers.add(follower);
        deliver();
        signal.addEventListener('abort', () => {
          followers.delete(follower);
          resolve();
        });
      }),
    getLease: async () => undefined,
    putLease: async () => 'conflict',
  };

  const autoScaling: Ports['autoScaling'] = {
    describeGroups: async (names) =>
      structuredClone(world.autoScalingGroups.filter(({ name }) => names.includes(name))),
    groupsOfInstances: async (ids) =>
      Object.fromEntries(
        world.autoScalingGroups.flatMap(({ name, instanceIds }) =>
          instanceIds.filter((id) => ids.includes(id)).map((id) => [id, name]),
        ),
      ),
    async resizeGroup(groupName, { minSize, maxSize, desiredSize }) {
      const group = world.autoScalingGroups.find(({ name }) => name === groupName);
      if (group === undefined) throw new Error(`no group ${groupName}`);
      group.minSize = minSize ?? group.minSize;
      group.maxSize = maxSize ?? group.maxSize;
      group.desiredCapacity = desiredSize ?? group.desiredCapacity;
    },
    async terminateInstance(instanceId) {
      const group = world.autoScalingGroups.find(({ instanceIds }) => instanceIds.includes(instanceId));
      if (group !== undefined && group.desiredCapacity === group.minSize) {
        throw new MigrateError({
          code: 'AWS.REFUSED',
          message: `Auto Scaling refused TerminateInstanceInAutoScalingGroup on instance ${instanceId}.`,
          why: 'desiredSize equals minSize',
          nextActions: ['aws autoscaling describe-auto-scaling-groups'],
          exitCode: ExitCode.stoppedPartWay,
        });
      }
      if (group !== undefined) {
        group.desiredCapacity -= 1;
        group.instanceIds = group.instanceIds.filter((id) => id !== instanceId);
      }
      world.nodes = world.nodes.filter((node) => node.instanceId !== instanceId);
      tell('nodes');
      return 'asked';
    },
    async deleteGroup(groupName) {
      world.autoScalingGroups = world.autoScalingGroups.filter(({ name }) => name !== groupName);
    },
    failedActivities: async () => ['Launching a new EC2 instance failed.'],
    async suspendProcesses(groupName, processes) {
      const group = world.autoScalingGroups.find(({ name }) => name === groupName);
      if (group !== undefined) group.suspendedProcesses = [...new Set([...group.suspendedProcesses, ...processes])];
    },
    async resumeProcesses(groupName, processes) {
      const group = world.autoScalingGroups.find(({ name }) => name === groupName);
      if (group === undefined) return;
      group.suspendedProcesses = group.suspendedProcesses.filter((name) => !processes.includes(name));
    },
  };

  const cloudFormation: Ports['cloudFormation'] = {
    async describeStack(name) {
      const stack = world.stacks.get(name);
      if (stack === undefined) return undefined;
      const { status, reason, terminationProtection } = stack;
      return { name, status, reason, terminationProtection };
    },
    stackResources: async (name) => structuredClone(world.stacks.get(name)?.resources ?? []),
    async deleteStack(name) {
      const stack = world.stacks.get(name);
      if (stack === undefined || stack.status === 'DELETE_IN_PROGRESS') return;
      stack.status = 'DELETE_IN_PROGRESS';
      if (stack.failures.length > 0) {
        clock.after(60_000, () => Object.assign(stack, { status: 'DELETE_FAILED', reason: 'it failed' }));
        return;
      }
      await eks.deleteNodegroup('prod', stack.nodegroupName);
      clock.after(200_000, () => world.stacks.delete(name));
    },
    failedDeletions: async (name) => world.stacks.get(name)?.failures ?? [],
  };

  const tools: Ports['tools'] = {
    async temporaryFile(name, text) {
      const path = `/tmp/${++serial}/${name}`;
      world.files.set(path, text);
      return path;
    },
    removeFile: async (path) => void world.files.delete(path),
    run: async (program, args) =>
      program === 'eksctl'
        ? world.eksctl?.(args, world.files.get(args[args.indexOf('--config-file') + 1] ?? '') ?? '')
        : undefined,
  };

  function logged<T extends object>(port: string, target: T): T {
    return new Proxy(target, {
      get(object, key, receiver) {
        const method: unknown = Reflect.get(object, key, receiver);
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          const call = { name: `${port}.${String(key)}`, write: writes.has(String(key)), args };
          calls.push(call);
          world.intercept(call);
          const answer: unknown = await method.apply(object, args);
          return answer;
        };
      },
    });
  }

  const world: World = {
    clock,
    calls,
    ports: {
      eks: logged('eks', eks),
      ec2: logged('ec2', ec2),
      autoScaling: logged('autoScaling', autoScaling),
      cloudFormation: logged('cloudFormation', cloudFormation),
      tools: logged('tools', tools),
      iam: { simulate: async () => [], instanceProfileRole: async () => undefined },
      identity: {
        credentialsEnd: async () => null,
        caller: async () => ({ accountId: '111122223333', arn: 'arn:aws:iam::111122223333:user/me' }),
      },
      kubernetes: logged('kubernetes', kubernetes),
      clock,
    },
    addon: {
      addonName: 'vpc-cni',
      version: 'v1.19.2-eksbuild.1',
      status: 'ACTIVE',
      configurationValues: null,
      healthIssues: [],
      tags: {},
    },
    daemonSet: {
      image: '602401143452.dkr.ecr.eu-west-1.amazonaws.com/amazon-k8s-cni:v1.19.2',
      env: { ...manifestEnv },
      envManagers: {},
      initEnv: {},
      rollout: { generation: 1, observedGeneration: 1, desired: 2, updated: 2, available: 2, unavailable: 0 },
      labels: {},
      annotations: {},
      managers: [],
    },
    awsNodePods: { 'aws-node-1': { ...manifestEnv }, 'aws-node-2': { ...manifestEnv } },
    updates: new Map(),
    launchTemplates: new Map(),
    reservations: new Map([['subnet-a', []]]),
    userDataOfVersions: {},
    nodegroups: new Map(),
    stacks: new Map(),
    eksctl: null,
    files: new Map(),
    autoScalingGroups: [],
    nodes: [],
    pods: [],
    interfaces: [],
    nodeImages: {},
    newNodes: { pods: 110, prefixes: null, daemonSetPod: true },
    createFailure: null,
    updateFailure: null,
    intercept: () => undefined,
    writes: () => calls.filter(({ write }) => write).map(({ name }) => name),
    rollOut(env) {
      const { daemonSet } = world;
      daemonSet.env = env;
      daemonSet.rollout = { ...daemonSet.rollout, generation: daemonSet.rollout.generation + 1, updated: 0 };
      clock.after(40_000, () => {
        const { rollout } = daemonSet;
        daemonSet.rollout = { ...rollout, observedGeneration: rollout.generation, updated: rollout.desired };
        for (const name of Object.keys(world.awsNodePods)) world.awsNodePods[name] = { ...daemonSet.env };
      });
    },
    addNode(nodegroupName, overrides = {}) {
      const number = ++serial;
      const prefixes = world.newNodes.prefixes ?? [`10.0.${number}.0/28`];
      const node: ClusterNode = {
        name: `ip-10-0-${number}-10`,
        uid: `node-${number}`,
        instanceId: `i-${number}`,
        instanceType: 'm5.large',
        availabilityZone: 'eu-west-1a',
        nodegroupName,
        labels: {},
        annotations: {},
        taints: [],
        unschedulable: false,
        ready: true,
        createdAt: iso(),
        capacityPods: world.newNodes.pods,
        allocatable: { pods: world.newNodes.pods, cpuMillis: 1930, memoryBytes: 7e9 },
        ...overrides,
      };
      world.nodes.push(node);
      world.interfaces.push({
        networkInterfaceId: `eni-${number}`,
        subnetId: 'subnet-a',
        interfaceType: 'interface',
        description: '',
        requesterManaged: false,
        status: 'in-use',
        instanceId: node.instanceId,
        deviceIndex: 0,
        addresses: [`10.0.200.${number}`],
        prefixes,
      });
      if (world.newNodes.daemonSetPod && prefixes[0] !== undefined) {
        const podIp = prefixes[0].replace(/0\/28$/, '3');
        const controller = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'logs', uid: 'ds-1' };
        world.addPod({ name: `logs-${number}`, nodeName: node.name, podIp, controller });
      }
      tell('nodes');
      return node;
    },
    addPod(overrides) {
      const pod: Pod = {
        namespace: 'shop',
        uid: `pod-${++serial}`,
        phase: 'Running',
        ready: true,
        createdAt: iso(),
        deletionTimestamp: null,
        controller: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'search-1', uid: 'rs-1' },
        labels: {},
        annotations: {},
        hostNetwork: false,
        podIp: '10.0.1.50',
        mirror: false,
        emptyDirVolumes: [],
        persistentVolumeClaims: [],
        requests: { cpuMillis: 100, memoryBytes: 1e8 },
        nodeSelector: {},
        tolerations: [],
        terminationGracePeriodSeconds: 30,
        trouble: null,
        ...overrides,
      };
      world.pods.push(pod);
      tell('pods');
      return pod;
    },
  };
  world.nodegroups.set('apps', {
    ...nodegroupDefaults,
    nodegroupName: 'apps',
    scaling: { minSize: 1, maxSize: 4, desiredSize: 2 },
  });
  world.newNodes = { pods: 29, prefixes: [], daemonSetPod: false };
  for (const name of ['search-a', 'search-b']) world.addPod({ name, nodeName: world.addNode('apps').name });
  world.newNodes = { pods: 110, prefixes: null, daemonSetPod: true };
  return world;
}

/** What the add-on sets when nobody configures it. */
const manifestEnv: Record<string, string | null> = {
  ENABLE_PREFIX_DELEGATION: 'false',
  WARM_ENI_TARGET: '1',
  WARM_PREFIX_TARGET: '1',
};

const toPodManifest: (text: string) => {
  metadata: { name: string; labels: Record<string, string> };
  spec: { nodeName: string };
} = JSON.parse;

const parseConfiguration: (text: string) => { env?: Record<string, string> } = JSON.parse;

const nodegroupDefaults: Nodegroup = {
  nodegroupName: '',
  arn: 'arn:aws:eks:eu-west-1:111122223333:nodegroup/prod/x',
  status: 'ACTIVE',
  kubernetesVersion: '1.33',
  releaseVersion: null,
  capacityType: 'ON_DEMAND',
  scaling: { minSize: 1, maxSize: 1, desiredSize: 1 },
  instanceTypes: ['m5.large'],
  subnetIds: ['subnet-a'],
  amiType: 'AL2023_x86_64_STANDARD',
  nodeRole: 'arn:aws:iam::111122223333:role/node',
  diskSize: null,
  labels: {},
  taints: [],
  tags: {},
  autoScalingGroupNames: ['eks-asg'],
  launchTemplate: null,
  updateConfig: null,
  nodeRepairConfig: null,
  remoteAccess: null,
  healthIssues: [],
  unknownFields: [],
};

/** An expected failure of an adapter. */
export const adapterError = (code: string, retryable: boolean): MigrateError =>
  new MigrateError({
    code,
    message: `${code} happened`,
    why: 'the test wants it',
    nextActions: ['try again'],
    exitCode: 2,
    retryable,
  });
