import type { LabelSelector, LabelSelectorRequirement, Node, NodeSelectorTerm, Pod } from './objects.ts';

type Labels = Record<string, string> | undefined;

/** A selector of the query string that does not parse. Its message is what the API server says. */
export class BadSelector extends Error {}

/** LabelSelector of an object. No selector matches nothing, an empty one everything. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (!selector) return false;
  for (const key in selector.matchLabels) if (labels?.[key] !== selector.matchLabels[key]) return false;
  return (selector.matchExpressions ?? []).every((requirement) => meets(requirement, labels?.[requirement.key]));
}

/** One requirement of label selectors and node selectors, on the value of its key. */
export function meets({ operator, values = [] }: LabelSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

/** `spec.nodeSelector` and the required node affinity of a pod. */
export function matchesNode(spec: Pod['spec'], node: Node): boolean {
  const { labels } = node.metadata;
  for (const key in spec.nodeSelector) if (labels?.[key] !== spec.nodeSelector[key]) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || matchesTerms(required.nodeSelectorTerms, node);
}

/** Terms are alternatives; a term without requirements matches nothing. */
export function matchesTerms(terms: readonly NodeSelectorTerm[], node: Node): boolean {
  return terms.some(({ matchExpressions = [], matchFields = [] }) => {
    if (matchExpressions.length + matchFields.length === 0) return false;
    return (
      matchExpressions.every((requirement) => meets(requirement, node.metadata.labels?.[requirement.key])) &&
      matchFields.every((requirement) => meets(requirement, node.metadata.name))
    );
  });
}

/** `a=b,c!=d,e in (f,g),h notin (i),j,!k` of the query string. */
export function parseLabelSelector(text: string): (labels: Labels) => boolean {
  const requirements = splitOutsideParentheses(text).map(parseRequirement);
  return (labels) => requirements.every((requirement) => meets(requirement, labels?.[requirement.key]));
}

function splitOutsideParentheses(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function parseRequirement(text: string): LabelSelectorRequirement {
  const set = /^([\w./-]+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(text);
  if (set) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim());
    return { key: set[1] ?? '', operator: set[2] === 'in' ? 'In' : 'NotIn', values };
  }
  const comparison = /^([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)$/.exec(text);
  if (comparison) {
    const [, key = '', operator, value = ''] = comparison;
    return { key, operator: operator === '!=' ? 'NotIn' : 'In', values: [value] };
  }
  const bare = /^(!?)\s*([\w./-]+)$/.exec(text);
  if (bare) return { key: bare[2] ?? '', operator: bare[1] ? 'DoesNotExist' : 'Exists' };
  throw new BadSelector(`unable to parse requirement: found '${text}', expected: a label requirement`);
}

/** `a=b,c!=d` of the query string: field, value and whether it must be equal. */
export interface FieldRequirement {
  field: string;
  value: string;
  equals: boolean;
}

export function parseFieldSelector(text: string): FieldRequirement[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const match = /^(.+?)(!=|==|=)(.*)$/.exec(part);
      if (!match) throw new BadSelector(`invalid selector: '${text}'; can't understand '${part}'`);
      const [, field = '', operator, value = ''] = match;
      return { field, value, equals: operator !== '!=' };
    });
}
