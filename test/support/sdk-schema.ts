/** What the schemas of the SDKs say about a structure: its members, a random value of it, and EC2's XML of a value. */
import fc from 'fast-check';

interface Member {
  name: string;
  /** element in XML; empty in JSON protocols */
  element: string;
  schema: unknown;
}

const inner = (schema: unknown): unknown => {
  const bare: unknown = Array.isArray(schema) && schema.length === 2 ? schema[0] : schema;
  const known: unknown = typeof bare === 'function' ? bare() : bare;
  return known;
};
const traitOf = (schema: unknown): string => {
  const traits: unknown = Array.isArray(schema) && schema.length === 2 ? schema[1] : undefined;
  const found = typeof traits === 'object' && traits !== null ? Object.entries(traits) : [];
  return String(found.find(([name]) => name === 'xmlName')?.[1] ?? '');
};

/** Members of a structure; undefined for anything else. */
export function membersOf(schema: unknown): Member[] | undefined {
  const known = inner(schema);
  if (!Array.isArray(known) || known[0] !== 3) return undefined;
  const [, , , , names, schemas] = known;
  return names.map((name: string, index: number) => ({
    name,
    element: traitOf(schemas[index]),
    schema: schemas[index],
  }));
}

/** Schema of the items of a list, and its element in XML; undefined for anything else. */
export function itemsOf(schema: unknown): { schema: unknown; element: string } | undefined {
  const known = inner(schema);
  if (Array.isArray(known) && known[0] === 1) return { schema: known[4], element: traitOf(known[4]) || 'member' };
  return typeof known === 'number' && known >= 64 && known < 128
    ? { schema: known - 64, element: 'member' }
    : undefined;
}

const kindOf = (schema: unknown): number => {
  const known = inner(schema);
  // a simple type with a name of its own stands as an array
  return Array.isArray(known) ? Number(inner(known[4])) : Number(known);
};

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/);
const date = fc.integer({ min: 1_600_000_000, max: 1_800_000_000 });

/** A value in JSON of the schema, each member there or not. `given`: arbitraries of certain members by path, `a.b.*.c`. */
export function arbitraryOf(
  schema: unknown,
  given: Record<string, fc.Arbitrary<unknown>>,
  path = '',
): fc.Arbitrary<unknown> {
  const own = given[path];
  if (own !== undefined) return own;
  const members = membersOf(schema);
  if (members !== undefined) {
    const record = Object.fromEntries(
      members.map(({ name, schema: of }) => [name, arbitraryOf(of, given, path === '' ? name : `${path}.${name}`)]),
    );
    return fc.record(record, { requiredKeys: [] });
  }
  const items = itemsOf(schema);
  if (items !== undefined) {
    // AWS gives no item without anything in it
    const item = arbitraryOf(items.schema, given, `${path}.*`).filter((one) => JSON.stringify(one) !== '{}');
    return fc.array(item, { minLength: 1, maxLength: 2 });
  }
  switch (kindOf(schema)) {
    case 1:
      return fc.integer({ min: 1, max: 99 });
    case 2:
      return fc.boolean();
    case 4:
      return date;
    case 128:
      return fc.dictionary(word, word, { maxKeys: 3, noNullPrototype: true });
    default:
      return word;
  }
}

/** EC2's XML of a value; dates as ISO 8601. */
export function xmlOf(schema: unknown, value: unknown): string {
  if (value === undefined || value === null) return '';
  const members = membersOf(schema);
  if (members !== undefined) {
    const record = new Map(Object.entries(value));
    return members
      .filter(({ name }) => record.get(name) !== undefined)
      .map(({ name, element, schema: of }) => `<${element}>${xmlOf(of, record.get(name))}</${element}>`)
      .join('');
  }
  const items = itemsOf(schema);
  if (items !== undefined && Array.isArray(value))
    return value.map((item) => `<${items.element}>${xmlOf(items.schema, item)}</${items.element}>`).join('');
  if (kindOf(schema) === 4) return new Date(Number(value) * 1000).toISOString();
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
