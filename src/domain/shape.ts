/**
 * Shapes of data that comes from outside, as small checks that are put together like the types they stand for. The compiler
 * holds a shape to its type: a member that is missing, or of another kind, does not compile.
 */
export interface Shape<T> extends Check {
  /** never there at run time: binds the shape to its type */
  readonly of?: (value: T) => T;
}

interface Check {
  /** The first thing in `value` that is not as it should be; undefined when all is. Members it does not know may be there. */
  mismatch(value: unknown): Mismatch | undefined;
}

export interface Mismatch {
  /** `pods[3].labels.app`; empty for the value itself */
  path: string;
  /** `text`, `a list` */
  expected: string;
  /** kind of what is there, never the value: it may be a secret */
  found: string;
}

/** `pods[3].labels is missing, and should be an object` */
export const mismatchText = ({ path, expected, found }: Mismatch, whole: string): string =>
  found === 'nothing'
    ? `${path || whole} is missing, and should be ${expected}`
    : `${path || whole} is ${found}, and should be ${expected}`;

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a whole number' : 'a number';
  if (typeof value === 'string') return 'text';
  return typeof value === 'boolean' ? 'true or false' : 'an object';
}

const shape = <T>(expected: string, fits: (value: unknown) => boolean): Shape<T> => ({
  mismatch: (value) => (fits(value) ? undefined : { path: '', expected, found: other(kindOf(value), expected) }),
});

/** Of two things of the same kind, `is text, and should be text` would help nobody. */
const other = (found: string, expected: string): string =>
  expected.startsWith(found) ? `another ${found.replace(/^an? /, '')}` : found;

export const text: Shape<string> = shape('text', (value) => typeof value === 'string');
export const flag: Shape<boolean> = shape('true or false', (value) => typeof value === 'boolean');
export const number: Shape<number> = shape('a number', (value) => Number.isFinite(value));
/** Zero or more, and small enough to be counted with. */
export const whole: Shape<number> = shape(
  'a whole number of 0 or more',
  (value) => Number.isSafeInteger(value) && Number(value) >= 0,
);
/** Whatever JSON can say, but no deeper than what reads it may go down. */
export const anything: Shape<unknown> = shape('a value of at most 64 levels', (value) => isShallow(value, 64));
/** Text that a pattern matches; `expected` says it in words: `a time like 2026-01-31T08:00:00Z`. */
export const textLike = (expected: string, fits: RegExp | ((value: string) => boolean)): Shape<string> =>
  shape(expected, (value) => typeof value === 'string' && (fits instanceof RegExp ? fits.test(value) : fits(value)));

/** Text that can be a key: no member that every object has, such as `__proto__`. */
export const keyText: Shape<string> = shape('a name', (value) => typeof value === 'string' && !(value in {}));

export const oneOf = <const T extends string | number | boolean>(...values: T[]): Shape<T> =>
  shape(values.map((value) => JSON.stringify(value)).join(' or '), (value) => values.some((each) => each === value));

export const time: Shape<string> = textLike(
  'a time like 2026-01-31T08:00:00Z',
  (value) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(Date.parse(value)),
);

/** Null, or of the shape. */
export const orNull = <T>(inner: Shape<T>): Shape<T | null> => ({
  mismatch: (value) => (value === null ? undefined : inner.mismatch(value)),
});

/** Of one shape or of the other; what is wrong is told of the last. */
export const either = <A, B>(first: Shape<A>, last: Shape<B>): Shape<A | B> => ({
  mismatch: (value) => (first.mismatch(value) === undefined ? undefined : last.mismatch(value)),
});

export const listOf = <T>(inner: Shape<T>): Shape<T[]> => ({
  mismatch(value) {
    if (!Array.isArray(value)) return { path: '', expected: 'a list', found: kindOf(value) };
    for (const [index, item] of value.entries()) {
      const found = inner.mismatch(item);
      if (found !== undefined) return within(`[${index}]`, found);
    }
    return undefined;
  },
});

/** A list of two, each of its own shape. */
export const pair = <A, B>(first: Shape<A>, second: Shape<B>): Shape<[A, B]> => ({
  mismatch(value) {
    if (!Array.isArray(value) || value.length !== 2) return { path: '', expected: 'a pair', found: kindOf(value) };
    const inFirst = first.mismatch(value[0]);
    if (inFirst !== undefined) return within('[0]', inFirst);
    const inSecond = second.mismatch(value[1]);
    return inSecond && within('[1]', inSecond);
  },
});

/** Named by anything, all of one shape. */
export const recordOf = <T>(inner: Shape<T>): Shape<Record<string, T>> => ({
  mismatch(value) {
    if (!isRecord(value)) return { path: '', expected: 'an object', found: kindOf(value) };
    for (const key of Object.keys(value)) {
      const found = inner.mismatch(value[key]);
      if (found !== undefined) return within(key, found);
    }
    return undefined;
  },
});

/** A member that may be absent. */
export interface Optional<T> extends Shape<T> {
  readonly isOptional: true;
}
export const optional = <T>(inner: Shape<T>): Optional<T> => ({
  isOptional: true,
  mismatch: (value) => (value === undefined ? undefined : inner.mismatch(value)),
});

export type Members<T> = {
  [K in keyof T]-?: undefined extends T[K] ? Optional<Exclude<T[K], undefined>> : Shape<T[K]>;
};

export function object<T extends object>(members: Members<T>): Shape<T> {
  const shapes = Object.entries<Check>(members);
  return {
    mismatch(value) {
      if (!isRecord(value)) return { path: '', expected: 'an object', found: kindOf(value) };
      for (const [key, member] of shapes) {
        const found = member.mismatch(Object.hasOwn(value, key) ? value[key] : undefined);
        if (found !== undefined) return within(key, found);
      }
      return undefined;
    },
  };
}

/** One of several objects, told apart by a member. */
export function variants<U extends object, Tag extends keyof U & string>(
  tag: Tag,
  shapes: { [V in U[Tag] & string]: Members<Omit<Extract<U, Record<Tag, V>>, Tag>> },
): Shape<U> {
  const known = new Map(Object.entries<Members<object>>(shapes).map(([name, members]) => [name, object(members)]));
  return {
    mismatch(value) {
      if (!isRecord(value)) return { path: '', expected: 'an object', found: kindOf(value) };
      const name = value[tag];
      const found = typeof name === 'string' ? known.get(name) : undefined;
      if (found !== undefined) return found.mismatch(value);
      const expected = `one of ${[...known.keys()].join(', ')}`;
      return { path: tag, expected, found: typeof name === 'string' ? 'another word' : kindOf(name) };
    },
  };
}

/** All that the first one has, and what the second one has besides. */
export const both = <A extends object, B extends object>(first: Shape<A>, second: Shape<B>): Shape<A & B> => ({
  mismatch: (value) => first.mismatch(value) ?? second.mismatch(value),
});

const isShallow = (value: unknown, levels: number): boolean =>
  value !== undefined &&
  (typeof value !== 'object' ||
    value === null ||
    (levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1))));

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const within = (key: string, { path, ...rest }: Mismatch): Mismatch => ({
  path: path === '' || path.startsWith('[') ? `${key}${path}` : `${key}.${path}`,
  ...rest,
});
