/** Who set which field (`metadata.managedFields`), and server-side apply, which asks that. */
import type { KubeObject } from '../types.ts';
import { copy, equal, isObject } from './json.ts';
import { mergeKeyOf } from './patch.ts';
import { StatusError } from './status.ts';

/** A tree of fields; `.` is the item of a list itself. */
export interface FieldSet {
  [part: string]: FieldSet;
}

export interface ManagedFieldsEntry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time: string;
  fieldsType: 'FieldsV1';
  fieldsV1: FieldSet;
  subresource?: string;
}

export interface Writer {
  manager: string;
  subresource?: string | undefined;
  time: string;
  operation: ManagedFieldsEntry['operation'];
}

/** A field: `f:spec`, `k:{"name":"aws-node"}`, ... joined by a character that no name has. */
type Path = string;
const joint = '\u0000';

/** Every leaf of an object with its value. Lists without a merge key are one leaf. */
function leaves(object: KubeObject): Map<Path, unknown> {
  const found = new Map<Path, unknown>();
  const { apiVersion: _, kind: __, metadata, ...rest } = object;
  const { labels, annotations, ownerReferences, finalizers } = metadata;
  walk({ metadata: { labels, annotations, ownerReferences, finalizers }, ...rest }, [], '', found);
  return found;
}

function walk(value: unknown, path: readonly string[], field: string, found: Map<Path, unknown>): void {
  if (value === undefined) return;
  const key = Array.isArray(value) ? mergeKeyOf(field, value) : undefined;
  if (isObject(value) && Object.keys(value).length > 0) {
    for (const name in value) walk(value[name], [...path, `f:${name}`], name, found);
  } else if (Array.isArray(value) && key !== undefined) {
    for (const item of value) {
      const id = isObject(item) ? item[key] : undefined;
      walk(item, [...path, `k:${JSON.stringify({ [key]: id })}`], '', found);
    }
  } else found.set(path.join(joint), value);
}

function pathsOf(fields: FieldSet, path: readonly string[] = []): Path[] {
  const entries = Object.entries(fields).filter(([name]) => name !== '.');
  if (entries.length === 0) return path.length > 0 ? [path.join(joint)] : [];
  return entries.flatMap(([name, below]) => pathsOf(below, [...path, name]));
}

function treeOf(paths: Iterable<Path>): FieldSet {
  const root: FieldSet = {};
  for (const path of paths) {
    let at = root;
    for (const part of path.split(joint)) {
      const below = at[part] ?? (part.startsWith('k:') ? { '.': {} } : {});
      at[part] = below;
      at = below;
    }
  }
  return root;
}

function entriesOf(object: KubeObject): ManagedFieldsEntry[] {
  const { managedFields = [] }: { managedFields?: unknown[] } = object.metadata;
  return managedFields.filter(isEntry);
}

function isEntry(value: unknown): value is ManagedFieldsEntry {
  return isObject(value) && isObject(value['fieldsV1']);
}

/** Notes on `draft` that `writer` set what differs from `before`; what others had set there is theirs no longer. */
export function recordOwnership(draft: KubeObject, before: KubeObject | undefined, writer: Writer): void {
  const now = leaves(draft);
  const then = before ? leaves(before) : new Map<Path, unknown>();
  const changed = new Set([...now].filter(([path, value]) => !equal(value, then.get(path))).map(([path]) => path));
  if (changed.size === 0 && [...then.keys()].every((path) => now.has(path))) return;
  const own = ({ manager, operation, subresource }: ManagedFieldsEntry): boolean =>
    manager === writer.manager && operation === writer.operation && subresource === writer.subresource;
  const others = entriesOf(draft).filter((each) => !own(each));
  const mine = entriesOf(draft).find(own);
  const kept = [...pathsOf(mine?.fieldsV1 ?? {}), ...changed].filter((path) => now.has(path));
  draft.metadata.managedFields = [
    ...others.flatMap((each) => shrunk(each, (path) => now.has(path) && !changed.has(path))),
    ...(kept.length > 0 ? [newEntry(draft, writer, kept)] : []),
  ];
}

function shrunk(before: ManagedFieldsEntry, keep: (path: Path) => boolean): ManagedFieldsEntry[] {
  const paths = pathsOf(before.fieldsV1);
  const kept = paths.filter(keep);
  if (kept.length === paths.length) return [before];
  return kept.length > 0 ? [{ ...before, fieldsV1: treeOf(kept) }] : [];
}

function newEntry(object: KubeObject, writer: Writer, paths: Iterable<Path>): ManagedFieldsEntry {
  const { manager, operation, time, subresource } = writer;
  return {
    manager,
    operation,
    apiVersion: object.apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: treeOf(paths),
    ...(subresource ? { subresource } : {}),
  };
}

/**
 * Server-side apply: `config` becomes what its manager says of the object. Fields that the manager applied before and
 * left out now go; fields of others stay.
 *
 * @throws StatusError 409 with a cause for each field that another manager set otherwise, unless `force`.
 */
export function applyConfig(current: KubeObject, config: KubeObject, writer: Writer, force: boolean): KubeObject {
  const wanted = leaves(config);
  const now = leaves(current);
  const isMine = (each: ManagedFieldsEntry): boolean => each.manager === writer.manager && each.operation === 'Apply';
  const others = entriesOf(current).filter((each) => !isMine(each));
  const differs = (path: Path): boolean => wanted.has(path) && now.has(path) && !equal(wanted.get(path), now.get(path));
  const conflicts = others.flatMap((each) =>
    pathsOf(each.fieldsV1)
      .filter(differs)
      .map((path) => ({ manager: describe(each), field: readable(path) })),
  );
  if (conflicts.length > 0 && !force) throw applyConflict(conflicts);

  const before = entriesOf(current)
    .filter(isMine)
    .flatMap((each) => pathsOf(each.fieldsV1));
  const ofOthers = new Set(others.flatMap((each) => pathsOf(each.fieldsV1)));
  const abandoned = before.filter((path) => !wanted.has(path) && !ofOthers.has(path));
  const merged = mergeApplied(copy(current), config, '');
  for (const path of abandoned) drop(merged, path.split(joint));
  const { uid, resourceVersion, creationTimestamp } = current.metadata;
  Object.assign(merged.metadata, { uid, resourceVersion, creationTimestamp });
  merged.metadata.managedFields = [
    ...others.flatMap((each) => shrunk(each, (path) => !differs(path))),
    newEntry(current, writer, wanted.keys()),
  ];
  return merged;
}

function mergeApplied<T>(target: T, config: unknown, field: string): T;
function mergeApplied(target: unknown, config: unknown, field: string): unknown {
  if (Array.isArray(config)) {
    const before = Array.isArray(target) ? target : [];
    const key = mergeKeyOf(field, [...before, ...config]);
    if (key === undefined) return config;
    const result = [...before];
    for (const item of config) {
      const id = isObject(item) ? item[key] : undefined;
      const index = result.findIndex((other) => isObject(other) && other[key] === id);
      if (index < 0) result.push(item);
      else result[index] = mergeApplied(result[index], item, '');
    }
    return result;
  }
  if (!isObject(config)) return config;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const name in config) result[name] = mergeApplied(result[name], config[name], name);
  return result;
}

/** Removes one field; a list item whose last field goes, goes too. */
function drop(value: unknown, path: readonly string[]): void {
  const [part = '', ...rest] = path;
  if (!isObject(value)) return;
  const name = part.slice(2);
  if (rest.length === 0) {
    delete value[name];
    return;
  }
  const below = value[name];
  const [item] = rest;
  if (!Array.isArray(below) || !item?.startsWith('k:')) {
    drop(below, rest);
    return;
  }
  const key: Record<string, unknown> = JSON.parse(item.slice(2));
  const index = below.findIndex((each) => isObject(each) && Object.entries(key).every(([k, v]) => each[k] === v));
  if (index < 0) return;
  drop(below[index], rest.slice(1));
  if (isObject(below[index]) && Object.keys(below[index]).length === 0) below.splice(index, 1);
}

function describe({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const name = subresource ? `"${manager}" with subresource "${subresource}"` : `"${manager}"`;
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

/** `.spec.template.spec.containers[name="aws-node"].env[name="X"].value` */
function readable(path: Path): string {
  return path
    .split(joint)
    .map((part) => {
      if (part.startsWith('f:')) return `.${part.slice(2)}`;
      const key: Record<string, unknown> = JSON.parse(part.slice(2));
      const keys = Object.entries(key);
      return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}

function applyConflict(conflicts: readonly { manager: string; field: string }[]): StatusError {
  const [first] = conflicts;
  const managers = [...new Set(conflicts.map(({ manager }) => manager))].toSorted();
  const text =
    conflicts.length === 1
      ? `conflict with ${first?.manager}: ${first?.field}`
      : managers
          .flatMap((manager) => [
            `conflicts with ${manager}:`,
            ...conflicts.filter((each) => each.manager === manager).map(({ field }) => `- ${field}`),
          ])
          .join('\n');
  const plural = conflicts.length === 1 ? 'conflict' : 'conflicts';
  return new StatusError(409, 'Conflict', `Apply failed with ${conflicts.length} ${plural}: ${text}`, {
    causes: conflicts.map(({ manager, field }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${manager}`,
      field,
    })),
  });
}
