/** Somebody at a keyboard: requests through the front door, and the kubectl commands that stand for them. */
import type { Node } from '../../../src/simulator/kubernetes/objects.ts';
import type { SimRequest } from '../../../src/simulator/types.ts';
import type { World, WorldUser } from '../../../src/simulator/world.ts';
import type { Watch } from './invariants.ts';

export const person: WorldUser = {
  name: 'person',
  accessKeyId: 'AKIASIMULATEDPERSON1',
  token: 'simulated-person',
  groups: ['system:masters'],
};

export interface Surroundings {
  world: World;
  watch: Watch;
}

/** Status of the answer. What is refused does not happen. */
export async function send(
  { world }: Surroundings,
  method: string,
  path: string,
  body?: unknown,
  type = 'application/merge-patch+json',
): Promise<number> {
  const handlers = world.handlersFor(person.name);
  const request: SimRequest = {
    method,
    path,
    headers: { 'content-type': method === 'PATCH' ? type : 'application/json' },
    body: body === undefined ? '' : JSON.stringify(body),
  };
  const { status } = await (path.startsWith('/api') ? handlers.kubernetes(request) : handlers.aws(request));
  return status;
}

export function setCordon(place: Surroundings, name: string, unschedulable: boolean): Promise<number> {
  const { others } = place.watch;
  const node = place.world.store.get<Node>('nodes', undefined, name);
  // closed again with the mark of the plan still on it, it is the plan's to open
  const isMarked = Object.keys(node?.metadata.annotations ?? {}).includes('prefix-migrate/cordoned-by');
  if (!unschedulable) others.cordoned.delete(name);
  else if (!isMarked) others.cordoned.add(name);
  if (!unschedulable && node?.spec.unschedulable) others.opens(name);
  return send(place, 'PATCH', `/api/v1/nodes/${name}`, { spec: { unschedulable } });
}

/** As `kubectl set env` does it; null takes a variable out. */
export function setEnvironment(place: Surroundings, values: Readonly<Record<string, string | null>>): Promise<number> {
  const { variables, removed } = place.watch.others;
  for (const [name, value] of Object.entries(values)) {
    if (value === null) variables.delete(name);
    else variables.set(name, value);
    if (value === null) removed.add(name);
  }
  const env = Object.entries(values).map(([name, value]) =>
    value === null ? { name, $patch: 'delete' } : { name, value },
  );
  const spec = { template: { spec: { containers: [{ name: 'aws-node', env }] } } };
  const path = '/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node?fieldManager=kubectl-set';
  return send(place, 'PATCH', path, { spec }, 'application/strategic-merge-patch+json');
}

export function scaleNodegroup(place: Surroundings, group: string, scalingConfig: Record<string, number>) {
  place.watch.others.sizes.add(group);
  return send(place, 'POST', `/clusters/${place.world.cluster.name}/node-groups/${group}/update-config`, {
    scalingConfig,
  });
}
