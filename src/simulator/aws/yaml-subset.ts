/**
 * As much YAML as add-on values and NodeConfig documents use: JSON, or nested block mappings of scalars; block lists of
 * scalars too. Anything else throws, so that nothing is read wrongly.
 */
export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

export function parseYamlSubset(text: string): Value {
  try {
    const value: Value = JSON.parse(text);
    return value;
  } catch {
    return parseBlocks(text);
  }
}

/** The value at a path of mappings, or undefined. */
export function valueAt(value: Value | undefined, path: readonly string[]): Value | undefined {
  return path.reduce<Value | undefined>(
    (found, key) => (found !== null && typeof found === 'object' && !Array.isArray(found) ? found[key] : undefined),
    value,
  );
}

interface Line {
  indent: number;
  text: string;
}

function parseBlocks(text: string): Value {
  const lines = text
    .split(/\r?\n/)
    .filter((line) => !/^\s*(#|---|$)/.test(line))
    .map((line): Line => ({ indent: line.search(/\S/), text: line.trim() }));
  if (lines.length === 0) return {};
  const { value, next } = block(lines, 0);
  if (next < lines.length) throw new SyntaxError(`cannot read: ${lines[next]?.text}`);
  return value;
}

function block(lines: readonly Line[], start: number): { value: Value; next: number } {
  const first = lines[start];
  if (!first) return { value: null, next: start };
  const list: Value[] = [];
  const map: Record<string, Value> = {};
  const isList = first.text.startsWith('- ');
  let index = start;
  for (let line = lines[index]; line && line.indent === first.indent; line = lines[index]) {
    index += 1;
    if (isList) {
      if (!line.text.startsWith('- ')) break;
      list.push(scalar(line.text.slice(2)));
      continue;
    }
    const [, key, rest = ''] = /^("[^"]*"|'[^']*'|[^\s:"'{[][^:]*):(?:\s+(.*))?$/.exec(line.text) ?? [];
    if (key === undefined) throw new SyntaxError(`cannot read: ${line.text}`);
    const name = key.replaceAll(/^["']|["']$/g, '');
    const following = lines[index];
    const nested =
      following &&
      (following.indent > line.indent || (following.indent === line.indent && following.text.startsWith('- ')));
    if (rest !== '') map[name] = scalar(rest);
    else if (nested) {
      const child = block(lines, index);
      map[name] = child.value;
      index = child.next;
    } else map[name] = null;
  }
  return { value: isList ? list : map, next: index };
}

function scalar(text: string): Value {
  const quoted = /^(?:"([^"\\]*)"|'([^']*)')\s*(?:#.*)?$/.exec(text);
  if (quoted) return quoted[1] ?? quoted[2] ?? '';
  const plain = text.replace(/\s+#.*$/, '');
  if (plain === '{}') return {};
  if (plain === '[]') return [];
  if (/^[{["'&*!|>%@`]/.test(plain)) throw new SyntaxError(`cannot read: ${text}`);
  if (plain === 'true' || plain === 'false') return plain === 'true';
  if (plain === 'null' || plain === '~') return null;
  return /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : plain;
}
