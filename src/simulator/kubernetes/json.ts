/** Plain JSON values, copied, compared and frozen. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy that may be changed. Members that are undefined are left out. */
export function copy<T>(value: T): T;
export function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => copy(item));
  if (!isObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const key in value) {
    const member = value[key];
    if (member !== undefined) result[key] = copy(member);
  }
  return result;
}

/** A copy of what may still change: frozen parts, which `settle` made, are taken as they are. */
export function adopt<T>(value: T): T;
export function adopt(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) return value.map((item) => adopt(item));
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, adopt(member)]));
}

/**
 * The value, deeply frozen, with every part that equals the same part of `previous` taken from there: so that versions
 * of an object share memory, and an unchanged one is `previous` itself. Members that are undefined are removed.
 */
export function settle<T>(value: T, previous?: T): T;
export function settle(value: unknown, previous?: unknown): unknown {
  if (value === previous) return value;
  if (Array.isArray(value)) return settleArray(value, previous);
  return isObject(value) ? settleObject(value, previous) : value;
}

function settleArray(value: unknown[], previous: unknown): unknown[] {
  const before = Array.isArray(previous) ? previous : [];
  let same = before.length === value.length && Array.isArray(previous);
  const frozen = Object.isFrozen(value);
  const result = frozen ? value : value.map((item, index) => settle(item, before[index]));
  if (same) same = result.every((item, index) => item === before[index]);
  if (same) return before;
  return frozen ? value : Object.freeze(result) && result;
}

function settleObject(value: Record<string, unknown>, previous: unknown): Record<string, unknown> {
  const before = isObject(previous) ? previous : undefined;
  if (Object.isFrozen(value)) return value;
  let same = before !== undefined;
  let count = 0;
  for (const key in value) {
    if (value[key] === undefined) {
      delete value[key];
      continue;
    }
    count += 1;
    const settled = settle(value[key], before?.[key]);
    value[key] = settled;
    if (same && settled !== before?.[key]) same = false;
  }
  if (same && before && Object.keys(before).length === count) return before;
  return Object.freeze(value);
}

export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && equal(a[key], b[key]));
}
