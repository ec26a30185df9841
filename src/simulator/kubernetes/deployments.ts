/** One ReplicaSet per template, and the way from one to the next. */

import { copy, equal } from './json.ts';
import type { Deployment, PodTemplateSpec, ReplicaSet } from './objects.ts';
import type { ControllerContext } from './owned-pods.ts';
import { ownerReference, podsOf, templateHash } from './owned-pods.ts';
import { isTerminating, setCondition } from './pods.ts';
import { scaled } from './quantity.ts';
import { replicaFailure } from './replica-sets.ts';
import { compareText, type KubernetesStore } from './store.ts';
import { splitKey } from './work-queue.ts';

const revision = 'deployment.kubernetes.io/revision';

export function syncDeployment(context: ControllerContext, key: string): void {
  const { store } = context;
  const [namespace, name] = splitKey(key);
  const deployment = store.get<Deployment>('deployments', namespace, name);
  if (!deployment) return;
  if (!isTerminating(deployment) && !deployment.spec.paused) {
    const sets = setsOf(store, deployment);
    const current = sets.find((set) => sameTemplate(set.spec.template, deployment.spec.template));
    const old = sets.filter((set) => set !== current);
    roll(context, deployment, current ?? createReplicaSet(context, deployment, sets), old);
  }
  writeDeploymentStatus(store, deployment);
}

function setsOf(store: KubernetesStore, deployment: Deployment): ReplicaSet[] {
  return store
    .ownedBy<ReplicaSet>(deployment.metadata.uid)
    .filter(({ kind }) => kind === 'ReplicaSet')
    .toSorted((a, b) => compareText(a.metadata.creationTimestamp, b.metadata.creationTimestamp));
}

function sameTemplate(ofSet: PodTemplateSpec, wanted: PodTemplateSpec): boolean {
  const { 'pod-template-hash': _, ...labels } = ofSet.metadata?.labels ?? {};
  return (
    equal(ofSet.spec, wanted.spec) &&
    equal({ ...ofSet.metadata, labels }, { ...wanted.metadata, labels: wanted.metadata?.labels ?? {} })
  );
}

function createReplicaSet(context: ControllerContext, deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet {
  const { store } = context;
  const { namespace, name } = deployment.metadata;
  const { selector, template } = deployment.spec;
  const hash = templateHash(template);
  const labels = { ...template.metadata?.labels, 'pod-template-hash': hash };
  const number = 1 + Math.max(0, ...sets.map((set) => Number(set.metadata.annotations?.[revision] ?? 0)));
  const set = store.create<ReplicaSet>('replicasets', {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace ? { namespace } : {}),
      labels,
      annotations: { [revision]: String(number) },
      ownerReferences: [ownerReference(deployment)],
    },
    spec: {
      replicas: 0,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, 'pod-template-hash': hash } },
      template: { ...copy(template), metadata: { ...template.metadata, labels } },
    },
    status: { replicas: 0 },
  });
  store.update<Deployment>('deployments', namespace, name, ({ metadata }) => {
    metadata.annotations = { ...metadata.annotations, [revision]: String(number) };
  });
  return set;
}

function roll(
  context: ControllerContext,
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): void {
  const { replicas = 1, strategy } = deployment.spec;
  const running = old.filter((set) => (set.spec.replicas ?? 0) > 0 || set.status.replicas > 0);
  if (running.length === 0) {
    scaleSet(context, deployment, current, replicas);
    dropHistory(context, deployment, old);
  } else if (strategy?.type === 'Recreate') {
    for (const set of running) scaleSet(context, deployment, set, 0);
    const gone = running.every((set) => podsOf(context.store, set).length === 0);
    if (gone) scaleSet(context, deployment, current, replicas);
  } else rollStep(context, deployment, current, running);
}

/** One step of a rolling update: up within maxSurge, then down within maxUnavailable, sick pods first. */
function rollStep(
  context: ControllerContext,
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): void {
  const { replicas = 1, strategy } = deployment.spec;
  const surge = scaled(strategy?.rollingUpdate?.maxSurge ?? '25%', replicas, 'up');
  let unavailable = scaled(strategy?.rollingUpdate?.maxUnavailable ?? '25%', replicas, 'down');
  if (surge === 0 && unavailable === 0) unavailable = 1;
  const total = [current, ...old].reduce((sum, set) => sum + sizeOf(set), 0);
  const grown = Math.min(replicas, sizeOf(current) + Math.max(0, replicas + surge - total));
  scaleSet(context, deployment, current, Math.max(grown, Math.min(sizeOf(current), replicas)));

  const minAvailable = replicas - unavailable;
  let sick = Math.max(0, total - minAvailable - (sizeOf(current) - available(current)));
  let spare = [current, ...old].reduce((sum, set) => sum + available(set), 0) - minAvailable;
  for (const set of old) {
    const unready = Math.min(sick, sizeOf(set) - Math.min(sizeOf(set), available(set)));
    const ready = Math.min(Math.max(0, spare), sizeOf(set) - unready, Math.max(0, sick - unready));
    sick -= unready + ready;
    spare -= ready;
    scaleSet(context, deployment, set, sizeOf(set) - unready - ready);
  }
}

function sizeOf({ spec }: ReplicaSet): number {
  return spec.replicas ?? 0;
}

function available({ status }: ReplicaSet): number {
  return status.availableReplicas ?? 0;
}

function scaleSet(
  { store, record }: ControllerContext,
  deployment: Deployment,
  set: ReplicaSet,
  replicas: number,
): void {
  const { namespace, name } = set.metadata;
  const before = set.spec.replicas ?? 0;
  if (before === replicas) return;
  store.update<ReplicaSet>('replicasets', namespace, name, ({ spec }) => {
    spec.replicas = replicas;
  });
  const direction = replicas > before ? 'up' : 'down';
  const message = `Scaled ${direction} replica set ${name} from ${before} to ${replicas}`;
  record(deployment, 'Normal', 'ScalingReplicaSet', message, 'deployment-controller');
}

function dropHistory({ store }: ControllerContext, deployment: Deployment, old: readonly ReplicaSet[]): void {
  const surplus = old.length - (deployment.spec.revisionHistoryLimit ?? 10);
  for (const { metadata } of old.slice(0, Math.max(0, surplus)))
    store.remove('replicasets', metadata.namespace, metadata.name);
}

function writeDeploymentStatus(store: KubernetesStore, { metadata, spec }: Deployment): void {
  const deployment = store.get<Deployment>('deployments', metadata.namespace, metadata.name);
  if (!deployment) return;
  const sets = setsOf(store, deployment);
  const current = sets.find((set) => sameTemplate(set.spec.template, spec.template));
  const sum = (of: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((all, set) => all + (of(set) ?? 0), 0);
  const wanted = spec.replicas ?? 1;
  const replicas = sum((set) => set.status.replicas);
  const ready = sum((set) => set.status.readyReplicas);
  const updated = current?.status.replicas ?? 0;
  const maxUnavailable = scaled(spec.strategy?.rollingUpdate?.maxUnavailable ?? 0, wanted, 'down');
  const enough = ready >= wanted - maxUnavailable;
  const done = updated === wanted && replicas === wanted && ready === wanted;
  store.update<Deployment>('deployments', metadata.namespace, metadata.name, (draft) => {
    const now = store.timestamp();
    const availability = {
      type: 'Available',
      status: enough ? 'True' : 'False',
      reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: `Deployment ${enough ? 'has' : 'does not have'} minimum availability.`,
    };
    const progress = {
      type: 'Progressing',
      status: 'True',
      reason: done ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated',
      message: `ReplicaSet "${current?.metadata.name ?? ''}" ${done ? 'has successfully progressed' : 'is progressing'}.`,
    };
    draft.status = {
      observedGeneration: metadata.generation ?? 1,
      ...(replicas > 0 ? { replicas } : {}),
      ...(updated > 0 ? { updatedReplicas: updated } : {}),
      ...(ready > 0 ? { readyReplicas: ready, availableReplicas: ready } : {}),
      ...(wanted > ready ? { unavailableReplicas: wanted - ready } : {}),
      conditions: [
        ...setCondition(
          setCondition(
            draft.status?.conditions?.filter(({ type }) => type !== replicaFailure),
            availability,
            now,
          ),
          progress,
          now,
        ),
        ...sets
          .flatMap(({ status }) => status.conditions?.filter(({ type }) => type === replicaFailure) ?? [])
          .slice(0, 1),
      ],
    };
  });
}
