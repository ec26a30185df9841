import type { EnvSchema } from './snapshot.ts';

type Schema = Readonly<Record<string, unknown>>;

/**
 * What an add-on says of its environment, from the JSON schema of its configuration (EKS API, DescribeAddonConfiguration).
 * Undefined for text that is none, that describes no `env`, or that describes it in ways not read here.
 */
export function envSchemaOf(text: string | null): EnvSchema | undefined {
  const root = parse(text ?? '');
  const env = resolved(root, member(resolved(root, root), 'properties', 'env'));
  const variables = member(env, 'properties');
  // alternatives and patterns of names may take what `properties` does not name
  if (variables === undefined || combining.some((keyword) => env?.[keyword] !== undefined)) return undefined;
  return {
    takesOthers: env?.['additionalProperties'] !== false,
    variables: Object.fromEntries(Object.keys(variables).map((name) => [name, variable(root, variables[name])])),
  };
}

const combining = ['allOf', 'anyOf', 'oneOf', 'patternProperties'];

function variable(root: Schema | undefined, given: unknown): EnvSchema['variables'][string] {
  const { type, format, enum: values, pattern } = resolved(root, given) ?? {};
  const types = [type].flat().filter((one) => typeof one === 'string');
  return {
    ...(types.length > 0 && { type: types }),
    ...(typeof format === 'string' && { format }),
    ...(Array.isArray(values) && { enum: values.map(String) }),
    ...(typeof pattern === 'string' && { pattern }),
  };
}

/** Why the add-on refuses a value, for a sentence: `is not known there`; undefined when nothing speaks against it. */
export function refusalOf({ takesOthers, variables }: EnvSchema, name: string, value: string): string | undefined {
  const known = Object.hasOwn(variables, name) ? variables[name] : undefined;
  if (known === undefined) return takesOthers ? undefined : 'is no setting of it';
  const { type, format, enum: values, pattern } = known;
  if (type !== undefined && !type.includes('string')) return `has to be of type ${type.join(' or ')}, not text`;
  if (format === 'boolean' && !/^(true|false|t|f|1|0)$/i.test(value)) return 'has to be true or false';
  if (format === 'integer' && !/^[+-]?\d+$/.test(value)) return 'has to be a whole number';
  if (values !== undefined && !values.includes(value)) return `has to be one of ${values.join(', ')}`;
  return pattern === undefined || matches(pattern, value) ? undefined : `has to match ${pattern}`;
}

/** Patterns that JavaScript cannot read say nothing. */
function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return true;
  }
}

function parse(text: string): Schema | undefined {
  try {
    return asSchema(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** `#/definitions/Env` followed, a few times at most. */
function resolved(root: Schema | undefined, given: unknown, times = 8): Schema | undefined {
  const schema = asSchema(given);
  const reference = schema?.['$ref'];
  if (typeof reference !== 'string' || times === 0) return schema;
  return resolved(root, member(root, ...reference.replace(/^#\//, '').split('/')), times - 1);
}

const member = (schema: Schema | undefined, ...path: string[]): Schema | undefined =>
  path.reduce<Schema | undefined>((at, key) => asSchema(at?.[key]), schema);

const asSchema = (value: unknown): Schema | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
