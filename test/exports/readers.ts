/** Readers of what we write, that are not ours: HCL by the parser of Terraform, YAML 1.1 as eksctl, kubectl and CloudFormation read it. */
import { parse as parseHcl } from '@cdktf/hcl2json';
import { parseAllDocuments, parse as parseYaml } from 'yaml';

type Data = Record<string, unknown>;

/** The file as data; expressions stay text, `${aws_launch_template.apps.id}`. Throws when it is no HCL. */
export async function readHcl(text: string): Promise<Data> {
  const found: unknown = await parseHcl('file.tf', text);
  return Object(plain(found));
}

/** The parser gives strings as templates of HCL: what is no expression has its signs doubled. */
function plain(value: unknown): unknown {
  if (typeof value === 'string') return isExpression(value) ? value : unescaped(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [unescaped(key), plain(member)]));
}

const isExpression = (text: string): boolean => /^\$\{[\s\S]*\}$/.test(text);
const unescaped = (text: string): string => text.replaceAll(/([$%])\1\{/g, '$1{');

/** One resource of a kind by its label. */
export const resourceOf = (file: Data, type: string, label: string): Data => at(file, ['resource', type, label, 0]);

export function at(value: unknown, path: readonly (string | number)[]): Data {
  return path.reduce((found, key) => Object(found)[key], Object(value));
}

/** What `base64encode(join("\n", [...]))` says; expressions in it as `${...}`. */
export async function textOfLines(expression: unknown): Promise<string> {
  const [, lines] = /^\$\{base64encode\(join\("\\n", (\[[\s\S]*\])\)\)\}$/.exec(String(expression)) ?? [];
  if (lines === undefined) throw new Error(`no lines: ${String(expression)}`);
  const { lines: read } = await readHcl(`lines = ${lines}`);
  return Object(read).join('\n');
}

export const readYaml11 = (text: string): Data => parseYaml(text, { version: '1.1', schema: 'yaml-1.1' });

export const readYaml11Documents = (text: string): Data[] =>
  [...parseAllDocuments(text, { version: '1.1', schema: 'yaml-1.1' })].map((document) => document.toJS());
