/** Input that nobody would send by accident, drawn from a seed. */
import type { Random } from '../../src/simulator/types.ts';

/** Stands in every piece of text that would be a command if a shell read it. */
export const marker = 'PWNED';

/** Text that has hurt programs. */
export const hostileTexts: readonly string[] = [
  '',
  ' ',
  '\n',
  '\0',
  'a\0b',
  '\r\n',
  '\u001b[2J\u001b[1;31mred',
  '\u001b]0;title\u0007',
  '\u001b]8;;https://evil.test\u001b\\click\u001b]8;;\u001b\\',
  '\u009b31m',
  '\u0007\b\b\b\u007f',
  '\u202egnp.exe',
  '\u2066x\u2069',
  '\u200bzero\u200d\ufeffwidth',
  '\u2028line\u2029',
  '\ud800',
  '\udc00x',
  '\u{1f600}',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  `$(${marker})`,
  `\`${marker}\``,
  `x;${marker};y`,
  `x|${marker}`,
  `x&${marker}&`,
  `x\n${marker}\ny`,
  `x > ${marker}`,
  `'${marker}'`,
  `'; ${marker} '`,
  `"$(${marker})"`,
  `\\'$(${marker})`,
  '-rf',
  '--help',
  '../../../etc/passwd',
  '/etc/passwd',
  '..',
  '.',
  'a/b',
  'C:\\x',
  'con',
  '%00%2e%2e',
  '{{7*7}}',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is the point
  '${7*7}',
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  '<!--',
  '-->',
  ']]>',
  '&amp;&lt;',
  '&x;',
  '| a | b |',
  '[x](javascript:alert(1))',
  '# heading',
  'on',
  'no',
  '0x10',
  '1e3',
  '012',
  '1:30',
  'null',
  'true',
  '~',
  '!!js/function x',
  '*a',
  '&a b',
  'NaN',
  'Infinity',
  '-1',
  '1e999',
  '999999999999999999999',
  'x'.repeat(300),
  'x'.repeat(20_000),
  '(a+)+$',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!',
];

const hostileNumbers = [0, -1, -0, 0.5, 1e9, 2 ** 31, 2 ** 53, 1e21, 1e300, Number.MAX_SAFE_INTEGER, -1e300, 1e-300];
const hostileKeys = ['__proto__', 'constructor', 'prototype', 'toString', 'length', '', 'a b', '\u001b[2J', '0', '-1'];

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Of those that a shell or a terminal would obey. */
const sharpTexts = hostileTexts.filter((text) => text.includes(marker) || /[\p{Cc}\u202a-\u202e]/u.test(text));

export const hostileText = (random: Random): string => random.pick(random.next() < 0.4 ? sharpTexts : hostileTexts);

export const hostileKey = (random: Random): string => random.pick(hostileKeys);

/** A value of a kind that was perhaps not expected. */
export function hostileValue(random: Random): Json {
  switch (random.int(0, 9)) {
    case 0:
      return null;
    case 1:
      return random.next() < 0.5;
    case 2:
      return random.pick(hostileNumbers);
    case 3:
      return [];
    case 4:
      return {};
    case 5:
      return nested(random.pick([3, 100, 3000]), random.next() < 0.5);
    case 6:
      return Array.from({ length: random.pick([1, 50]) }, () => hostileText(random));
    case 7:
      return own([[random.pick(hostileKeys), random.next() < 0.5 ? own([['polluted', true]]) : hostileText(random)]]);
    default:
      return hostileText(random);
  }
}

/** An object that has even `__proto__` as a member of its own, as JSON.parse makes it. */
const own = (entries: readonly (readonly [string, Json])[]): { [key: string]: Json } => Object.fromEntries(entries);

function nested(depth: number, lists: boolean): Json {
  let value: Json = 'deep';
  for (let level = 0; level < depth; level += 1) value = lists ? [value] : { a: value };
  return value;
}

/** Somewhere in a document, as the path of keys to it: parts with few members are met as often as those with many. */
function placeIn(random: Random, value: Json): (string | number)[] {
  if (typeof value !== 'object' || value === null || random.next() < 0.08) return [];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  if (keys.length === 0) return [];
  const key = random.pick<string | number>(keys);
  return [key, ...placeIn(random, (Array.isArray(value) ? value[Number(key)] : value[key]) ?? null)];
}

/** The document with some members of another kind, gone, doubled, renamed, or with hostile text. Never changes the original. */
export function mutated(random: Random, document: Json, most = 5): Json {
  if (random.next() < 0.35)
    return sprinkled(random, document, random.pick([0.003, 0.03, 0.3, 0.3]), hostileText(random));
  let changed: Json = document;
  for (let times = random.pick([1, 1, 1, 2, most]); times > 0; times -= 1) {
    changed = mutatedAt(random, changed, placeIn(random, changed));
  }
  return changed;
}

/** One hostile text in many places: as a person would who may choose names. */
function sprinkled(random: Random, value: Json, share: number, text: string): Json {
  if (typeof value === 'string') {
    if (random.next() >= share) return value;
    const at = random.int(0, value.length);
    return random.next() < 0.5 ? text : value.slice(0, at) + text + value.slice(at);
  }
  if (Array.isArray(value)) return value.map((item) => sprinkled(random, item, share, text));
  if (typeof value !== 'object' || value === null) return value;
  return own(Object.entries(value).map(([key, item]) => [key, sprinkled(random, item, share, text)]));
}

function mutatedAt(random: Random, value: Json, [key, ...rest]: readonly (string | number)[]): Json {
  if (key === undefined) return hostileLike(random, value);
  if (Array.isArray(value)) {
    const at = Number(key);
    if (rest.length > 0) return value.with(at, mutatedAt(random, value[at] ?? null, rest));
    const item = value[at] ?? null;
    return random.pick<() => Json>([
      () => value.toSpliced(at, 1),
      () => value.toSpliced(at, 0, ...Array.from({ length: typeof item === 'object' ? 1 : 200 }, () => item)),
      () => value.with(at, hostileLike(random, item)),
      () => value.toReversed(),
    ])();
  }
  if (typeof value !== 'object' || value === null) return hostileLike(random, value);
  const others = Object.entries(value).filter(([name]) => name !== key);
  const member = value[key] ?? null;
  if (rest.length > 0) return own([...others, [String(key), mutatedAt(random, member, rest)]]);
  return random.pick<() => Json>([
    () => own(others),
    () => own([...others, [String(key), hostileLike(random, member)]]),
    () => own([...others, [String(key), hostileLike(random, member)]]),
    () => own([...others, [hostileText(random), member], [String(key), member]]),
    () => own([...others, [random.pick(hostileKeys), hostileValue(random)], [String(key), member]]),
  ])();
}

/** Often of the same kind, because the first check stops what is not. */
function hostileLike(random: Random, value: Json): Json {
  if (random.next() < 0.3) return hostileValue(random);
  if (typeof value === 'number') return random.pick([...hostileNumbers, value + 1, -value, value * 1000]);
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') {
    const at = random.int(0, value.length);
    return random.next() < 0.5 ? hostileText(random) : value.slice(0, at) + hostileText(random) + value.slice(at);
  }
  return hostileValue(random);
}

/** JSON as a hostile program writes it: numbers that are none, members twice, odd space around. */
export function hostileJson(random: Random, value: Json): string {
  const text = JSON.stringify(value, null, random.pick([0, 0, 2]));
  return random.pick<() => string>([
    () => text,
    () => text,
    () => text,
    () => text,
    () => text.replace(/:(\d+)/, () => `:${random.pick(['1e999', '-0', '0.1e-999', '9'.repeat(400)])}`),
    () => text.replace(/"(\w+)":/, '"$1":null,"$1":'),
    () => `\ufeff${text}`,
    () => text.replaceAll('\n', '\r\n'),
  ])();
}

/** Bytes changed without an idea of what they mean. */
export function mangled(random: Random, text: string): Buffer {
  const bytes = Buffer.from(text);
  const at = (): number => random.int(0, Math.max(0, bytes.length - 1));
  return random.pick<() => Buffer>([
    () => bytes.subarray(0, at()),
    () => Buffer.concat([bytes.subarray(0, at()), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), bytes.subarray(at())]),
    () => Buffer.concat([bytes, bytes]),
    () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
    () => Buffer.from(text.replaceAll('\n', '\r\n')),
    () => {
      for (let times = random.int(1, 8); times > 0; times -= 1) bytes[at()] = random.int(0, 255);
      return bytes;
    },
    () => Buffer.from(Array.from({ length: random.int(0, 200) }, () => random.int(0, 255))),
    () => Buffer.concat([bytes.subarray(0, at()), Buffer.from(hostileText(random)), bytes.subarray(at())]),
    () =>
      Buffer.from(random.pick(['[', '{"a":', '"', '{', '[[', '- ', '<a>', '\0']).repeat(random.pick([1, 50, 20_000]))),
  ])();
}

/** Mutated as a document mostly, and now and then as bytes. */
export const hostileDocument = (random: Random, document: Json): Buffer =>
  random.next() < 0.85
    ? Buffer.from(hostileJson(random, mutated(random, document)))
    : mangled(random, JSON.stringify(document, null, 2));
