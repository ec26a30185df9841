/**
 * Identity-based policies, evaluated as IAM does: an explicit deny wins, without an allow everything is denied. Elements,
 * wildcards, operators and the IfExists suffix: IAM user guide, "IAM JSON policy reference".
 */

export interface PolicyDocument {
  Version?: string;
  Statement: PolicyStatement | readonly PolicyStatement[];
}

export interface PolicyStatement {
  Sid?: string;
  Effect: 'Allow' | 'Deny';
  Action: string | readonly string[];
  Resource: string | readonly string[];
  Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** What a request asks to be allowed, with the values of its condition keys. */
export interface Authorization {
  action: string;
  /** ARN, or `*` */
  resource: string;
  context: Readonly<Record<string, string>>;
}

export interface Decision {
  decision: 'allowed' | 'implicitDeny' | 'explicitDeny';
  /** condition keys that statements about this action and resource ask for and that have no value */
  missing: string[];
}

export function decide(document: PolicyDocument, { action, resource, context }: Authorization): Decision {
  const about = [document.Statement]
    .flat()
    .filter(
      (statement) =>
        [statement.Action].flat().some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
        [statement.Resource].flat().some((pattern) => matches(pattern, resource)),
    );
  const keys = about.flatMap(({ Condition = {} }) => Object.values(Condition).flatMap((tests) => Object.keys(tests)));
  const missing = [...new Set(keys)].filter((key) => keyValue(context, key) === undefined);
  const effects = new Set(about.filter(({ Condition = {} }) => holds(Condition, context)).map(({ Effect }) => Effect));
  const decision = effects.has('Deny') ? 'explicitDeny' : effects.has('Allow') ? 'allowed' : 'implicitDeny';
  return { decision, missing };
}

function holds(conditions: NonNullable<PolicyStatement['Condition']>, context: Authorization['context']): boolean {
  return Object.entries(conditions).every(([name, tests]) => {
    const ifExists = name.endsWith('IfExists');
    const operator = ifExists ? name.slice(0, -'IfExists'.length) : name;
    return Object.entries(tests).every(([key, wanted]) => {
      const value = keyValue(context, key);
      if (operator === 'Null') return [wanted].flat().includes(String(value === undefined));
      if (value === undefined) return ifExists;
      return compare(operator, [wanted].flat(), value);
    });
  });
}

function compare(operator: string, wanted: readonly string[], value: string): boolean {
  switch (operator) {
    case 'StringEquals':
      return wanted.includes(value);
    case 'StringNotEquals':
      return !wanted.includes(value);
    case 'StringLike':
    case 'ArnLike':
    case 'ArnEquals':
      return wanted.some((pattern) => matches(pattern, value));
    case 'Bool':
      return wanted.includes(value);
    default:
      throw new Error(`the simulator does not know the condition operator ${operator}`);
  }
}

/** Names of condition keys are not case-sensitive; those of a tag in it are. */
function keyValue(context: Authorization['context'], key: string): string | undefined {
  if (Object.hasOwn(context, key)) return context[key];
  const found = Object.keys(context).find((name) => name.toLowerCase() === key.toLowerCase());
  return found === undefined ? undefined : context[found];
}

/** `*` is anything, `?` one character. */
function matches(pattern: string, value: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern === value;
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(value);
}
