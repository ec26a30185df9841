/** The patch formats of the Kubernetes API, on plain JSON. */
import { copy, equal, isObject } from './json.ts';
import { badRequest, StatusError } from './status.ts';

type Members = Record<string, unknown>;

/** JSON merge patch (RFC 7396). */
export function mergePatch<T>(target: T, patch: unknown): T;
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Members = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/**
 * The lists that strategic merge (and server-side apply) merges by a key, as the API types declare them
 * (`patchMergeKey` in k8s.io/api). Every other list is replaced as a whole: taints and tolerations too.
 */
const mergeKeys: Record<string, string> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  conditions: 'type',
  addresses: 'type',
  podIPs: 'ip',
  hostIPs: 'ip',
  ownerReferences: 'uid',
};

const mergedPrimitives = new Set(['finalizers', 'podCIDRs']);

/** The merge key of a list; `ports` of a container and of a Service have different ones. */
export function mergeKeyOf(field: string, items: readonly unknown[]): string | undefined {
  if (field !== 'ports') return mergeKeys[field];
  return items.some((item) => isObject(item) && 'containerPort' in item) ? 'containerPort' : 'port';
}

/** Strategic merge patch, with its directives `$patch`, `$retainKeys`, `$setElementOrder` and `$deleteFromPrimitiveList`. */
export function strategicMerge<T>(target: T, patch: unknown): T;
export function strategicMerge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  if (patch['$patch'] === 'replace') return without(patch, '$patch');
  if (patch['$patch'] === 'delete') return {};
  const result: Members = isObject(target) ? { ...target } : {};
  const retained = patch['$retainKeys'];
  if (Array.isArray(retained)) for (const key of Object.keys(result)) if (!retained.includes(key)) delete result[key];
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) applyDirective(result, key, value);
    else if (value === null) delete result[key];
    else if (Array.isArray(value)) result[key] = mergeList(key, result[key], value);
    else result[key] = strategicMerge(result[key], value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$setElementOrder/')) reorder(result, key.slice(key.indexOf('/') + 1), value);
  }
  return result;
}

function applyDirective(result: Members, key: string, value: unknown): void {
  const [directive, field = ''] = key.split('/');
  const list = result[field];
  if (directive === '$deleteFromPrimitiveList' && Array.isArray(value) && Array.isArray(list)) {
    result[field] = list.filter((item) => !value.includes(item));
  } else if (!['$patch', '$retainKeys', '$setElementOrder', '$deleteFromPrimitiveList'].includes(directive ?? '')) {
    throw badRequest(`unknown patch directive ${key}`);
  }
}

function mergeList(field: string, target: unknown, patch: readonly unknown[]): unknown[] {
  const before = Array.isArray(target) ? target : [];
  if (mergedPrimitives.has(field)) return [...new Set([...before, ...patch])];
  const key = mergeKeyOf(field, [...before, ...patch]);
  const replaces = patch.some((item) => isObject(item) && item['$patch'] === 'replace');
  if (key === undefined || replaces) return patch.filter((item) => !isObject(item) || !('$patch' in item)).map(plain);
  let result = [...before];
  for (const item of patch) {
    if (!isObject(item) || item[key] === undefined) {
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    }
    const index = result.findIndex((other) => isObject(other) && other[key] === item[key]);
    if (item['$patch'] === 'delete') result = result.filter((_, position) => position !== index);
    else if (index < 0) result.push(plain(strategicMerge({}, item)));
    else result[index] = strategicMerge(result[index], item);
  }
  return result;
}

function plain(value: unknown): unknown {
  return isObject(value) ? strategicMerge({}, value) : value;
}

function reorder(result: Members, field: string, order: unknown): void {
  const list = result[field];
  if (!Array.isArray(list) || !Array.isArray(order)) return;
  const key = mergeKeyOf(field, list);
  const rank = (item: unknown): number => {
    const position = order.findIndex((wanted) =>
      key && isObject(item) && isObject(wanted) ? wanted[key] === item[key] : wanted === item,
    );
    return position < 0 ? order.length : position;
  };
  result[field] = [...list].toSorted((a, b) => rank(a) - rank(b));
}

function without(object: Members, key: string): Members {
  const { [key]: _, ...rest } = object;
  return rest;
}

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

/** JSON patch (RFC 6902). */
export function jsonPatch<T>(target: T, patch: unknown): T;
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch is a list of operations');
  let document: Members = { root: copy(target) };
  const operations: Operation[] = patch;
  for (const operation of operations) document = applyOperation(document, operation);
  return document['root'];
}

function applyOperation(document: Members, { op, path, from, value }: Operation): Members {
  switch (op) {
    case 'add':
      return put(document, path, value, true);
    case 'remove':
      return remove(document, path);
    case 'replace':
      at(document, path);
      return put(document, path, value, false);
    case 'copy':
      return put(document, path, copy(at(document, from ?? '')), true);
    case 'move': {
      const moved = at(document, from ?? '');
      return put(remove(document, from ?? ''), path, moved, true);
    }
    case 'test':
      if (!equal(at(document, path), value)) throw refusedPatch(`testing value ${path} failed`);
      return document;
    default:
      throw badRequest(`unexpected operation kind: ${op}`);
  }
}

function pointer(path: string): string[] {
  const parts = path.split('/').slice(1);
  return ['root', ...parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))];
}

function at(document: Members, path: string): unknown {
  let value: unknown = document;
  for (const part of pointer(path)) {
    const next: unknown = Array.isArray(value) ? value[Number(part)] : isObject(value) ? value[part] : undefined;
    if (next === undefined) throw refusedPatch(`the path ${path} does not exist`);
    value = next;
  }
  return value;
}

function parentOf(document: Members, path: string): { parent: unknown; last: string } {
  const parts = pointer(path);
  const last = parts.pop() ?? '';
  let parent: unknown = document;
  for (const part of parts)
    parent = Array.isArray(parent) ? parent[Number(part)] : isObject(parent) ? parent[part] : undefined;
  return { parent, last };
}

function put(document: Members, path: string, value: unknown, insert: boolean): Members {
  const { parent, last } = parentOf(document, path);
  if (Array.isArray(parent)) {
    const index = last === '-' ? parent.length : Number(last);
    if (!Number.isInteger(index) || index > parent.length) throw refusedPatch(`the path ${path} does not exist`);
    parent.splice(index, insert ? 0 : 1, value);
  } else if (isObject(parent)) parent[last] = value;
  else throw refusedPatch(`the path ${path} does not exist`);
  return document;
}

function remove(document: Members, path: string): Members {
  at(document, path);
  const { parent, last } = parentOf(document, path);
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (isObject(parent)) delete parent[last];
  return document;
}

function refusedPatch(message: string): StatusError {
  const text = `the server rejected our request due to an error in our request: ${message}`;
  return new StatusError(422, 'Invalid', text, {});
}
