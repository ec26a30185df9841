/**
 * What must hold whatever happens, checked from outside after every request, every line of the journal and at the end. It
 * knows the world and the wire, and nothing of the product: an error that both shared would be invisible.
 */
import { createHash } from 'node:crypto';
import type { DaemonSet, Lease, Node, Pod } from '../../../src/simulator/kubernetes/objects.ts';
import { isWrite } from '../../../src/simulator/operation-name.ts';
import type { SimRequest } from '../../../src/simulator/types.ts';
import type { World } from '../../../src/simulator/world.ts';

/** Of a plan, what these checks read. */
export interface PlanSeen {
  planId: string;
  nodegroups: readonly { source: string; replacement: string; maxPods: { value: number } }[];
  steps: readonly { id: string; kind: string; params: unknown }[];
}

interface Run {
  runId: string;
  plan: PlanSeen;
  journal: JournalSeen;
  direction: 'apply' | 'rollback' | 'looks only';
  /** steps that this run has written down as started, with the token */
  started: Map<string, string>;
}

interface JournalSeen {
  lines: Line[];
  lastText: string;
  /** of each step: the token now, when it was first written, and whether it failed for good since */
  tokens: Map<string, { token: string; at: number; isSpent: boolean }>;
  intents: Map<string, string>;
}

/** Something that happened, and the runs that a watch has told of it. */
interface News {
  at: number;
  isIn: (text: string) => boolean;
  heardBy: Set<string>;
}

interface Line {
  seq: number;
  prev: string;
  entry: Entry;
}

interface Entry {
  type: string;
  runId?: string;
  stepId?: string;
  token?: string;
  tokenSpent?: boolean;
  progress?: { kind: string; uid?: string; pod?: string; outcome?: string };
}

/** Kinds of steps, and the requests that are theirs. */
const calls: Record<string, RegExp> = {
  'reserve-subnet-cidr': /^ec2:CreateSubnetCidrReservation$/,
  'release-subnet-cidr': /^ec2:DeleteSubnetCidrReservation$/,
  'configure-vpc-cni': /^eks:UpdateAddon$/,
  'patch-vpc-cni': /^k8s:patch daemonsets$/,
  'create-launch-template': /^ec2:CreateLaunchTemplate$/,
  'create-nodegroup': /^eks:CreateNodegroup$/,
  'verify-replacement': /^(k8s:(create|delete) pods|eks:UpdateNodegroupConfig)$/,
  'scale-replacement': /^eks:UpdateNodegroupConfig$/,
  'protect-replacement': /^k8s:patch nodes$/,
  'unprotect-replacement': /^k8s:patch nodes$/,
  'cap-source': /^eks:UpdateNodegroupConfig$/,
  'restore-scaling': /^eks:UpdateNodegroupConfig$/,
  'suspend-processes': /^autoscaling:SuspendProcesses$/,
  'resume-processes': /^autoscaling:ResumeProcesses$/,
  'cordon-source': /^k8s:patch nodes$/,
  'drain-source': /^k8s:(create pods\/eviction|patch nodes|patch deployments)$/,
  'delete-source': /^(eks:DeleteNodegroup|k8s:patch nodes|k8s:create pods\/eviction)$/,
  cleanup: /^k8s:delete pods$/,
  'uncordon-source': /^k8s:patch nodes$/,
  'scale-source': /^eks:UpdateNodegroupConfig$/,
  'delete-replacement': /^(eks:DeleteNodegroup|k8s:patch nodes|k8s:create pods\/eviction)$/,
  'delete-launch-template': /^ec2:DeleteLaunchTemplate$/,
};
const withToken = /^(eks:(CreateNodegroup|UpdateNodegroupConfig|UpdateAddon)|ec2:CreateLaunchTemplate)$/;
const scales: ReadonlySet<string> = new Set(['create-nodegroup', 'scale-replacement']);
const locks = /^k8s:\w+ leases$/;

const leaseSeconds = 60;
/** What comes so shortly before a request cannot have been seen by it. */
const unseenMs = 3_000;
/** So long the disruption controller takes to count anew. */
const unprocessedMs = 600;
const tokenSpentAfterMs = 90_000;
const patienceMs = 3 * 60_000;
const nodegroupLabel = 'eks.amazonaws.com/nodegroup';
const ownMark = /^prefix-migrate|scale-down-disabled$/;

export type Watch = ReturnType<typeof startWatch>;

export function startWatch(world: World, secret: string) {
  const { store, ec2, clock } = world;
  const violations: string[] = [];
  const runs = new Map<string, Run>();
  const journals = new Map<string, JournalSeen>();
  /** pods that a run asked for, `namespace/name` */
  const ownPods = new Set<string>();
  const initial = { ...picture(world), unready: unready(world) };
  let leaseChangedAt = Number.NEGATIVE_INFINITY;
  let holding = '';
  const lostAt = new Map<string, number>();
  let apart = { drainBegan: Number.POSITIVE_INFINITY, direction: '' };
  /** when a run that came to its end gave the lock back, and when runs were killed that could not */
  let endedAt = Number.NEGATIVE_INFINITY;
  const killedAt = new Map<string, number>();
  /** evictions by pod: who asked, and when */
  const asked = new Map<string, { runId: string; at: number }>();
  /** when a run last read an object */
  const reads = new Map<string, number>();
  const news: News[] = [];
  /** pods that went with a lost node */
  const goneWithNode = new Map<string, News>();
  const openedNodes = new Map<string, News>();
  /** What persons and AWS have done, as far as it excuses something or must be respected. */
  const others = {
    cordoned: new Set<string>(),
    deletedPods: new Set<string>(),
    variables: new Map<string, string>(),
    /** variables that somebody has taken out */
    removed: new Set<string>(),
    /** all that others had set on aws-node is gone, as somebody wanted it */
    overwritten: false,
    /** node groups whose size is no longer what it was */
    sizes: new Set<string>(),
    /** node groups that get a node because of it */
    grown: new Set<string>(),
    lostNodes: new Set<string>(),
    opens(node: string): void {
      openedNodes.set(
        node,
        tell((text) => text.includes(`"name":"${node}"`) && !text.includes('"unschedulable":true')),
      );
    },
  };
  store.subscribe<Lease>('leases', ({ object: { spec } }) => {
    if (holding !== spec?.holderIdentity) lostAt.set(holding, clock.now());
    holding = spec?.holderIdentity ?? '';
    leaseChangedAt = clock.now();
  });
  store.subscribe<Pod>('pods', ({ type, object }) => {
    const { name, uid } = object.metadata;
    if (type === 'DELETED' && others.lostNodes.has(object.spec.nodeName ?? ''))
      goneWithNode.set(
        name,
        tell((text) => text.includes('"DELETED"') && text.includes(uid)),
      );
  });

  function tell(isIn: News['isIn']): News {
    const one = { at: clock.now(), isIn, heardBy: new Set<string>() };
    news.push(one);
    return one;
  }

  /** What a watch has told a run may be held against it. */
  function hears(runId: string, text: string): void {
    for (const { isIn, heardBy } of news) if (!heardBy.has(runId) && isIn(text)) heardBy.add(runId);
  }

  const violated = (text: string): undefined => {
    violations.push(`${new Date(clock.now()).toISOString().slice(11, 23)} ${text}`);
  };

  function start(runId: string, plan: PlanSeen, journalName: string, direction: Run['direction']): void {
    const journal = journals.get(journalName) ?? { lines: [], lastText: '', tokens: new Map(), intents: new Map() };
    journals.set(journalName, journal);
    runs.set(runId, { runId, plan, journal, direction, started: new Map() });
  }

  /** The steps that a run works on: of a rollback, they are not those of the plan. */
  function works(runId: string, { steps }: Pick<PlanSeen, 'steps'>): void {
    const run = runs.get(runId);
    if (run) run.plan = { ...run.plan, steps: [...run.plan.steps, ...steps] };
  }

  // ---- the journal

  function written(runId: string, text: string): undefined {
    const run = runs.get(runId);
    if (run === undefined) return violated(`a line of a process that nobody has started: ${runId}`);
    const { journal } = run;
    const line: Line = JSON.parse(text);
    const expected =
      journal.lastText === '' ? '0'.repeat(64) : createHash('sha256').update(journal.lastText).digest('hex');
    if (line.prev !== expected) violated(`line ${line.seq} of ${runId} does not belong to the line before it`);
    if (line.seq !== journal.lines.length + 1)
      violated(`line ${line.seq} of ${runId} comes after ${journal.lines.length}`);
    journal.lines.push(line);
    journal.lastText = text;
    if (text.includes(secret)) violated(`the journal tells a secret: ${text.slice(0, 200)}`);
    note(run, line.entry);
  }

  function note(run: Run, { type, stepId = '', token = '', tokenSpent, progress, runId }: Entry): void {
    const { journal } = run;
    if (runId !== run.runId) violated(`${run.runId} writes in the name of ${runId}`);
    if (type === 'step-started') {
      run.started.set(stepId, token);
      const known = journal.tokens.get(stepId);
      if (known?.token === token) return;
      if (known !== undefined && !known.isSpent && clock.now() - known.at < tokenSpentAfterMs) {
        violated(`${stepId} has a second token, and the first has not failed`);
      }
      journal.tokens.set(stepId, { token, at: clock.now(), isSpent: false });
    }
    const known = journal.tokens.get(stepId);
    if (type === 'step-failed' && tokenSpent === true && known) known.isSpent = true;
    if (progress?.kind === 'eviction-intent') journal.intents.set(progress.uid ?? '', run.runId);
    if (progress?.kind === 'eviction-outcome' && progress.outcome === 'accepted' && !wasEvicted(progress.uid ?? ''))
      violated(`${run.runId} writes that ${progress.pod} was evicted, and the API server has not done so`);
  }

  const wasEvicted = (wanted: string): boolean =>
    world.log.entries.some(
      ({ operation, status, details: { uid, dryRun } }) =>
        operation === 'k8s:create pods/eviction' && uid === wanted && dryRun === undefined && Number(status) < 300,
    );

  // ---- requests

  function sending(runId: string, operation: string, request: SimRequest): undefined {
    if (operation.startsWith('k8s:get ')) reads.set(`${runId} ${short(request)}`, clock.now());
    if (!isWrite(operation) || isDryRun(request)) return;
    const run = runs.get(runId);
    if (run === undefined) return violated(`${runId} sends ${operation} before anybody has started it`);
    if (run.direction === 'looks only') return violated(`${runId} only looks, and sends ${operation} ${request.path}`);
    if (locks.test(operation)) return;
    const about = `${runId} sends ${operation} ${short(request)}`;
    holdsTheLock(run, request, about);
    wroteItDown(run, operation, request, about);
    if (/^k8s:delete(collection)? /.test(operation)) deletes(operation, request, about);
    if (operation === 'k8s:create pods') ownPods.add(`${namespaceOf(request)}/${nameIn(request)}`);
    if (operation === 'k8s:create pods/eviction') evicts(run, request, about);
    if (operation === 'k8s:patch nodes') patchesNode(run, request, about);
    if (operation === 'eks:DeleteNodegroup') deletesNodegroup(run, request, about);
    if (operation === 'eks:CreateNodegroup') {
      const name = textIn(bodyOf(request)['nodegroupName']);
      if (!run.plan.nodegroups.some(({ replacement }) => replacement === name)) violated(`${about}: not of the plan`);
    }
    if (operation === 'ec2:DeleteSubnetCidrReservation') {
      const id = formOf(request).get('SubnetCidrReservationId') ?? '';
      if (initial.reservations.has(id)) violated(`${about}: it is somebody else's`);
    }
    if (operation === 'ec2:DeleteLaunchTemplate') {
      const form = formOf(request);
      const id = form.get('LaunchTemplateId') ?? form.get('LaunchTemplateName') ?? '';
      if (initial.templates.has(id)) violated(`${about}: it is somebody else's`);
    }
  }

  /**
   * As the API server knows it at this moment. A request that names the version it has read may come late: when it was read
   * under the lock, whatever the next holder does to the object makes it fail.
   */
  function holdsTheLock({ runId }: Run, request: SimRequest, about: string): undefined {
    const lease = leaseOfRun();
    const holder = lease?.spec?.holderIdentity ?? '';
    const expiresAt = leaseChangedAt + leaseSeconds * 1000;
    if (holder === runId && clock.now() < expiresAt) return;
    const readAt = isConditional(request) ? (reads.get(`${runId} ${short(request)}`) ?? Infinity) : Infinity;
    if (readAt < (holder === runId ? expiresAt : (lostAt.get(runId) ?? 0))) return;
    if (holder !== runId) return violated(`${about}: the lock is held by ${holder || 'nobody'}`);
    violated(
      `${about}: its lock was renewed ${(clock.now() - leaseChangedAt) / 1000} s ago, anybody may have it by now`,
    );
  }

  const lockHolder = (): string => leaseOfRun()?.spec?.holderIdentity ?? '';

  const leaseOfRun = (): Lease | undefined =>
    store.list<Lease>('leases', 'kube-system').find(({ metadata }) => metadata.name.startsWith('prefix-migrate-'));

  function wroteItDown(run: Run, operation: string, request: SimRequest, about: string): undefined {
    const steps = [...run.started].filter(([id]) => calls[kindOf(run.plan, id)]?.test(operation));
    if (steps.length === 0)
      return violated(`${about}: no step that does this is in the journal as started by this run`);
    if (!withToken.test(operation)) return;
    const token = operation.startsWith('ec2:')
      ? formOf(request).get('ClientToken')
      : bodyOf(request)['clientRequestToken'];
    if (!steps.some(([, known]) => known === token))
      violated(`${about}: its token ${textIn(token)} is not in the journal`);
  }

  function deletes(operation: string, request: SimRequest, about: string): void {
    const pod = `${namespaceOf(request)}/${nameIn(request)}`;
    if (operation !== 'k8s:delete pods' || !ownPods.has(pod)) violated(`${about}: it did not make it`);
  }

  function evicts(run: Run, request: SimRequest, about: string): undefined {
    const options = objectIn(bodyOf(request)['deleteOptions']);
    const uid = objectIn(options['preconditions'])['uid'];
    if (typeof uid !== 'string' || uid === '') return violated(`${about}: it names no uid`);
    if (run.journal.intents.get(uid) !== run.runId) violated(`${about}: the journal does not say so before`);
    if (options['gracePeriodSeconds'] === 0) violated(`${about}: without any grace`);
    const pod = store.get<Pod>('pods', namespaceOf(request), nameIn(request));
    if (pod === undefined || pod.metadata.uid !== uid) return;
    const node = store.get<Node>('nodes', undefined, pod.spec.nodeName ?? '');
    const group = groupOf(node);
    if (!leaving(run).has(group))
      return violated(`${about}: it is on ${pod.spec.nodeName} of ${group}, which is not drained`);
    if (pod.metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet'))
      violated(`${about}: it is of a DaemonSet`);
    if (apart.direction !== run.direction) apart = { direction: run.direction, drainBegan: clock.now() };
    asked.set(pod.metadata.name, { runId: run.runId, at: clock.now() });
    if (node === undefined) return;
    const { name, creationTimestamp } = node.metadata;
    const opened = openedNodes.get(name);
    const isTouched =
      opened !== undefined || (others.grown.has(group) && Date.parse(creationTimestamp) > apart.drainBegan);
    if (Date.parse(pod.metadata.creationTimestamp) > apart.drainBegan && !isTouched && !isByHand(pod))
      violated(`${about}: it came here during the drain, so it moves twice`);
    if (node.spec.unschedulable !== true && (opened === undefined || opened.heardBy.has(run.runId)))
      violated(`${about}: its node ${name} is not cordoned`);
  }

  function patchesNode(run: Run, request: SimRequest, about: string): void {
    const name = nameIn(request);
    const { unschedulable } = cordonIn(request);
    if (unschedulable === undefined) return;
    const group = groupOf(store.get<Node>('nodes', undefined, name));
    if (unschedulable) {
      if (!leaving(run).has(group)) violated(`${about}: a node of ${group} is cordoned, which is not drained`);
      return;
    }
    if (others.cordoned.has(name)) violated(`${about}: somebody else has cordoned it`);
    if (run.direction !== 'rollback') violated(`${about}: nothing is uncordoned on the way on`);
  }

  /** The groups that pods are moved off. */
  const leaving = ({ plan, direction }: Run): Set<string> =>
    new Set(plan.nodegroups.map(({ source, replacement }) => (direction === 'rollback' ? replacement : source)));

  function deletesNodegroup(run: Run, request: SimRequest, about: string): undefined {
    const name = decodeURIComponent(request.path.split('/node-groups/')[1]?.split('?')[0] ?? '');
    if (!leaving(run).has(name)) return violated(`${about}: it is neither a source of the plan nor ours to take back`);
    for (const node of nodesOf(name)) {
      for (const pod of store.podsOnNode<Pod>(node.metadata.name).filter(mustMove)) {
        if (clock.now() - Date.parse(pod.metadata.creationTimestamp) < unseenMs) continue;
        violated(`${about}: ${pod.metadata.namespace}/${pod.metadata.name} is still on ${node.metadata.name}`);
      }
    }
    const planned = run.plan.nodegroups.find(({ source }) => source === name);
    if (run.direction === 'rollback' || planned === undefined || nodesOf(name).length === 0) return;
    const ready = nodesOf(planned.replacement).filter(isReady);
    const good = ready.filter(
      (node) => prefixesOf(node) > 0 && Number(node.status.allocatable?.['pods']) >= planned.maxPods.value,
    );
    if (good.length === 0)
      violated(
        `${about}: no node of ${planned.replacement} is Ready, with prefixes and room for ${planned.maxPods.value} pods`,
      );
    const bad = ready.filter(
      (node) => !good.includes(node) && clock.now() - Date.parse(node.metadata.creationTimestamp) > patienceMs,
    );
    if (bad.length > 0)
      violated(
        `${about}: ${bad.map(({ metadata }) => metadata.name).join(', ')} of ${planned.replacement} is not as planned`,
      );
  }

  const nodesOf = (group: string): Node[] => store.list<Node>('nodes').filter((node) => groupOf(node) === group);

  const prefixesOf = (node: Node): number =>
    ec2.instances
      .get(node.spec.providerID?.split('/').at(-1) ?? '')
      ?.enis.reduce((sum, { prefixes }) => sum + prefixes.length, 0) ?? 0;

  // ---- the end

  /** By the world's own count. What a lost node takes along nobody asked for; nor can who evicts know of it before it is told. */
  function budgets(): void {
    for (const { at, budget, pod, cause, healthy, desired } of world.stats().disruptions.violations) {
      if (others.deletedPods.has(pod) || goneWithNode.has(pod)) continue;
      const request = asked.get(pod);
      const isUnknown = [...goneWithNode.values()].some(
        (gone) => gone.at <= at && at - gone.at <= unprocessedMs && !gone.heardBy.has(request?.runId ?? ''),
      );
      if (isUnknown) continue;
      violated(`budget ${budget} is broken by ${pod} (${cause}): ${healthy} healthy, ${desired} needed`);
    }
  }

  /** While nobody else disturbs anything, a drain knows what the budgets allow. */
  function neverRefused(): void {
    const refused = world.log.entries.filter(
      ({ operation, status }) => operation === 'k8s:create pods/eviction' && status === 429,
    );
    if (refused.length > 0) violated(`${refused.length} evictions were asked for that no budget allowed`);
  }

  /** Each accepted eviction is in the journal, and none else; each creation and deletion belongs to a step of it. */
  function storyIsTrue(): void {
    const told = new Map<string, string>();
    for (const { lines } of journals.values()) {
      for (const { entry } of lines) {
        const { progress } = entry;
        if (progress?.kind === 'eviction-intent') told.set(progress.uid ?? '', 'intent');
        if (progress?.kind === 'eviction-outcome') told.set(progress.uid ?? '', progress.outcome ?? '');
      }
    }
    const evicted = new Set<string>();
    for (const { operation, status, details, caller, fault } of world.log.entries) {
      const isDone = typeof status === 'number' && status < 300;
      if (caller !== 'administrator' || !isDone || details['dryRun'] !== undefined || fault !== undefined) continue;
      if (operation === 'k8s:create pods/eviction') evicted.add(details['uid'] ?? '');
    }
    for (const uid of evicted)
      if (!told.has(uid)) violated(`an eviction of ${uid} was done, and the journal does not tell`);
    for (const [uid, outcome] of told) {
      if (outcome === 'accepted' && !evicted.has(uid))
        violated(`the journal tells of an eviction of ${uid} that was not done`);
    }
  }

  /** Whatever was taken back or not: what served the migration alone is gone, and what others did stands. */
  function nothingLeft(): void {
    const canaries = store
      .list<Pod>('pods')
      .filter(({ metadata: { namespace, name } }) => ownPods.has(`${namespace}/${name}`) || name.includes('canary'));
    for (const { metadata } of canaries) violated(`canary ${metadata.name} is left behind`);
    const holder = lockHolder();
    // one that was killed gives nothing back; whoever ends well after that has taken the lock over
    if (holder !== '' && !((killedAt.get(holder) ?? -Infinity) > endedAt))
      violated(`the lock is still held by ${holder}`);
    nodesAsLeft();
    for (const workload of unready(world)) if (!initial.unready.includes(workload)) violated(`${workload} is not back`);
    for (const [variable, value] of others.variables) {
      const live = picture(world).env[variable];
      const isTold = [...journals.values()].some(({ lines }) => JSON.stringify(lines).includes(variable));
      if (live !== value && !isTold) violated(`${variable}=${value}, set by hand, is ${live} now, and nobody was told`);
    }
    for (const id of initial.reservations.keys())
      if (!ec2.reservations.has(id)) violated(`reservation ${id} of somebody else is gone`);
  }

  /** Open or closed, marked and tainted as before, but for what others did. */
  function nodesAsLeft(): void {
    for (const { metadata, spec } of store.list<Node>('nodes')) {
      const { name, annotations = {} } = metadata;
      const before = initial.nodes.get(name);
      const isClosed = spec.unschedulable === true;
      const wasClosed = before?.spec.unschedulable === true && !openedNodes.has(name);
      if (isClosed !== (wasClosed || others.cordoned.has(name)))
        violated(
          `${name} of ${groupOf({ metadata })} is ${isClosed ? 'still cordoned' : 'open, and somebody else has cordoned it'}`,
        );
      const marks = Object.keys(annotations).filter((key) => ownMark.test(key));
      const left = marks.filter((key) => before?.metadata.annotations?.[key] === undefined);
      if (left.length > 0) violated(`${name} keeps ${left.join(', ')}`);
      if (before && taintsOf(spec) !== taintsOf(before.spec)) violated(`${name} has taints ${taintsOf(spec)}`);
    }
  }

  /** Size limits and suspended processes of a node group; other sizes than that are somebody's wish. */
  async function hasLimits(group: string, scaling: unknown, suspended: readonly string[] = []): Promise<void> {
    const { nodegroups } = (await world.snapshotOfState()).outcome;
    const live = objectIn(objectIn(nodegroups[group])['scalingConfig']);
    for (const limit of ['minSize', 'maxSize']) {
      const wanted = objectIn(scaling)[limit];
      if (live[limit] !== wanted && !others.sizes.has(group))
        violated(`${limit} of ${group} is ${String(live[limit])}, not ${String(wanted)}`);
    }
    const [found, wanted] = [await suspendedOf(world, group), suspended.toSorted()].map(
      (names) => names.join() || 'none',
    );
    if (found !== wanted) violated(`suspended processes of ${group}: ${found}, and not ${wanted}`);
  }

  /** Of launch templates and reservations, only those that `kept` replacements need are left; and what another plan has made. */
  function nothingMoreThan(plan: PlanSeen, kept: readonly string[], isDone: boolean): void {
    const now = picture(world);
    const otherPlans = [...runs.values()].map((run) => run.plan).filter(({ planId }) => planId !== plan.planId);
    const needed = [
      ...kept,
      ...otherPlans.flatMap(({ nodegroups }) => nodegroups.map(({ replacement }) => replacement)),
    ];
    const templates = [...now.templates].filter(([id, name]) => !initial.templates.has(id) && !name.startsWith('eks-'));
    const left = templates.filter(([, name]) => !needed.includes(name)).map(([, name]) => name);
    if (left.length > 0) violated(`launch templates ${left.join(', ')} are left behind`);
    const ours = [...now.reservations].filter(([id]) => !initial.reservations.has(id)).map(([, range]) => range);
    const planned = kept.length === 0 ? [] : rangesOf(plan);
    const more = ours.filter((range) => ![...planned, ...otherPlans.flatMap(rangesOf)].includes(range));
    if (more.length > 0) violated(`reservations ${more.join(', ')} are left behind`);
    const missing = isDone ? planned.filter((range) => !ours.includes(range)) : [];
    if (missing.length > 0) violated(`reservations ${missing.join(', ')} are not there`);
  }

  return {
    violations,
    others,
    hears,
    killed: (runId: string) => void killedAt.set(runId, clock.now()),
    ended(): void {
      endedAt = clock.now();
    },
    /** Whoever holds it has shown so of late: it is taken over after two minutes, and clocks differ by one and a half. */
    isLockAlive: (): boolean => clock.now() - leaseChangedAt < 5 * 60_000,
    neverRefused,
    initial,
    start,
    works,
    written,
    sending,
    tells(what: string, text: string): void {
      if (text.includes(secret)) violated(`${what} tells a secret`);
    },
    violated,
    /** The whole plan is done: each source is gone, and its replacement is as planned. */
    async done(plan: PlanSeen): Promise<void> {
      const groups = await groupsOf(world);
      for (const { source, replacement, maxPods } of plan.nodegroups) {
        if (groups.has(source) || nodesOf(source).length > 0) violated(`source ${source} is still there`);
        if (!groups.has(replacement)) violated(`replacement ${replacement} is not there`);
        const ready = nodesOf(replacement).filter(isReady);
        const bad = ready.filter(
          (node) => prefixesOf(node) === 0 || Number(node.status.allocatable?.['pods']) < maxPods.value,
        );
        if (bad.length > 0)
          violated(`${bad.map(({ metadata }) => metadata.name).join(', ')} of ${replacement} is not as planned`);
        const sized = plan.steps.filter(
          ({ kind, params }) => scales.has(kind) && objectIn(params)['nodegroupName'] === replacement,
        );
        await hasLimits(replacement, objectIn(sized.at(-1)?.params)['scaling']);
      }
      nothingMoreThan(
        plan,
        plan.nodegroups.map(({ replacement }) => replacement),
        true,
      );
      end();
    },
    /** Everything is as it was. `kept`: sources whose deletion had begun, and what replaces them. */
    async takenBack(plan: PlanSeen, kept: readonly string[]): Promise<void> {
      const groups = await groupsOf(world);
      for (const { source, replacement } of plan.nodegroups) {
        if (kept.includes(source)) continue;
        if (groups.has(replacement)) violated(`replacement ${replacement} is left behind`);
        const was = world.scenario.nodegroups.find(({ name }) => name === source);
        if (groups.has(source)) await hasLimits(source, was?.scaling, was?.suspendedProcesses);
        else violated(`source ${source} is gone`);
      }
      const staying = plan.nodegroups.filter(({ source }) => kept.includes(source));
      nothingMoreThan(
        plan,
        staying.map(({ replacement }) => replacement),
        false,
      );
      if (kept.length === 0) {
        const { env } = picture(world);
        for (const name of new Set([...Object.keys(initial.env), ...Object.keys(env)])) {
          const want = others.variables.get(name) ?? initial.env[name];
          if (env[name] === undefined && others.removed.has(name)) continue;
          if (env[name] !== want && !others.overwritten) violated(`aws-node has ${name}=${env[name]}, and had ${want}`);
        }
      }
      end();
    },
  };

  function end(): void {
    budgets();
    storyIsTrue();
    nothingLeft();
  }
}

/** What a world has, as far as a migration may leave something in it. */
function picture({ store, ec2 }: World) {
  const daemon = store.get<DaemonSet>('daemonsets', 'kube-system', 'aws-node');
  const env = daemon?.spec.template.spec.containers.find(({ name }) => name === 'aws-node')?.env ?? [];
  return {
    templates: new Map(Array.from(ec2.launchTemplates.values(), ({ id, name }) => [id, name])),
    reservations: new Map(
      Array.from(ec2.reservations.values(), ({ id, subnetId, cidr }) => [id, `${subnetId} ${cidr}`]),
    ),
    nodes: new Map(store.list<Node>('nodes').map((node) => [node.metadata.name, structuredClone(node)])),
    env: Object.fromEntries(env.map(({ name, value }) => [name, value ?? ''])),
  };
}

/** Names of the suspended processes of a node group's Auto Scaling group. */
async function suspendedOf(world: World, group: string): Promise<string[]> {
  const body = 'Action=DescribeAutoScalingGroups&Version=2011-01-01';
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await world.handlersFor('administrator').aws({ method: 'POST', path: '/', headers, body });
  const found = textIn(answer.body)
    .split('<AutoScalingGroupARN>')
    .filter((text) => text.includes(`<Value>${group}</Value>`));
  return found.flatMap((text) => Array.from(text.matchAll(/<ProcessName>(\w+)</g), ([, name = '']) => name)).toSorted();
}

/** Ranges of subnets that a plan reserves. */
const rangesOf = ({ steps }: PlanSeen): string[] =>
  steps
    .filter(({ kind }) => kind === 'reserve-subnet-cidr')
    .map(({ params }) => `${textIn(objectIn(params)['subnetId'])} ${textIn(objectIn(params)['cidr'])}`);

const taintsOf = ({ taints = [] }: Node['spec']): string =>
  taints
    .filter(({ key }) => !key.startsWith('node.kubernetes.io/'))
    .map(({ key, value, effect }) => `${key}=${value}:${effect}`)
    .toSorted()
    .join(', ');

async function groupsOf(world: World): Promise<Set<string>> {
  const { outcome } = await world.snapshotOfState();
  return new Set(Object.keys(outcome.nodegroups));
}

/** Deployments and StatefulSets that do not have all their pods Ready. */
export function unready({ store }: World): string[] {
  return ['deployments', 'statefulsets'].flatMap((resource) =>
    store
      .list<Node & { spec: { replicas?: number }; status: { readyReplicas?: number } }>(resource)
      .filter(({ spec, status }) => (status.readyReplicas ?? 0) < (spec.replicas ?? 1))
      .map(({ metadata }) => `${resource} ${metadata.namespace}/${metadata.name}`),
  );
}

/** Somebody may put it anywhere at any time. */
const isByHand = ({ metadata }: Pod): boolean => metadata.ownerReferences === undefined;

const groupOf = (node: Pick<Node, 'metadata'> | undefined): string =>
  node?.metadata.labels?.[nodegroupLabel] ?? 'no group';

const isReady = ({ status }: Node): boolean =>
  (status.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');

function mustMove({ metadata, status }: Pod): boolean {
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return false;
  if (metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return false;
  return !metadata.ownerReferences?.some(({ kind, controller }) => kind === 'DaemonSet' && controller === true);
}

function kindOf(plan: PlanSeen, stepId: string): string {
  const planned = plan.steps.find(({ id }) => id === stepId);
  return planned?.kind ?? stepId;
}

const isDryRun = ({ path, body }: SimRequest): boolean =>
  /[?&]dryRun=/.test(path) || /"dryRun":\["All"\]|DryRun=true/.test(body);

const objectIn = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : {};

const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');

function bodyOf({ body }: SimRequest): Record<string, unknown> {
  return body.startsWith('{') ? objectIn(JSON.parse(body)) : {};
}

/** The API server refuses it when the object has changed since it was read: it cannot act on what another has done since. */
const isConditional = (request: SimRequest): boolean =>
  textIn(objectIn(bodyOf(request)['metadata'])['resourceVersion']) !== '';

const formOf = ({ body }: SimRequest): URLSearchParams => new URLSearchParams(body);
const segmentAfter = (path: string, name: string): string =>
  path.split('?')[0]?.split(`/${name}/`)[1]?.split('/')[0] ?? '';
const namespaceOf = ({ path }: SimRequest): string => segmentAfter(path, 'namespaces');

function nameIn(request: SimRequest): string {
  const inPath = segmentAfter(request.path, 'pods') || segmentAfter(request.path, 'nodes');
  return inPath || textIn(objectIn(bodyOf(request)['metadata'])['name']);
}

/** What a patch does to `spec.unschedulable`; undefined when it leaves it alone. */
function cordonIn({ body }: SimRequest): { unschedulable: boolean | undefined } {
  const parsed: unknown = JSON.parse(body);
  if (Array.isArray(parsed)) {
    const change = parsed.map(objectIn).findLast(({ path, op }) => path === '/spec/unschedulable' && op !== 'test');
    return { unschedulable: change && change['op'] !== 'remove' && change['value'] === true };
  }
  const spec = objectIn(objectIn(parsed)['spec']);
  return { unschedulable: 'unschedulable' in spec ? spec['unschedulable'] === true : undefined };
}

function short({ path, body }: SimRequest): string {
  if (path === '/') return body.slice(0, 120);
  return path.split('?')[0] ?? path;
}
