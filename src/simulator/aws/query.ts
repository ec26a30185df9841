/**
 * The form-in, XML-out protocols: EC2 (`ec2`, flattened lists, lists as `<item>`) and Auto Scaling and STS (`query`,
 * lists as `<member>`). Answers are trees of element names; an array is a list, undefined is left out.
 */
import type { SimResponse } from '../types.ts';
import { AwsError } from './errors.ts';

export type Param = string | ParamTree;
export interface ParamTree {
  [name: string]: Param;
}
export type Xml = string | number | boolean | undefined | readonly Xml[] | XmlTree;
export interface XmlTree {
  [element: string]: Xml;
}

/** The text of an element; undefined when it is something else. */
export function scalar(value: Xml): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** `A.1.B=x` becomes `{A: {1: {B: 'x'}}}`. */
export function parseForm(body: string): ParamTree {
  const root: ParamTree = {};
  for (const [path, value] of new URLSearchParams(body)) {
    const names = path.split('.');
    if (names.includes('__proto__')) throw new AwsError('UnknownParameter', `The parameter ${path} is not recognized`);
    const last = names.pop() ?? path;
    let tree = root;
    for (const name of names) {
      const child = tree[name] ?? {};
      if (typeof child === 'string')
        throw new AwsError('InvalidParameterCombination', `The parameter ${path} is ambiguous`);
      tree[name] = child;
      tree = child;
    }
    tree[last] = value;
  }
  return root;
}

/** The elements of a 1-based list parameter, in order. */
export function listOf(param: Param | undefined): Param[] {
  if (param === undefined || typeof param === 'string') return [];
  return Object.keys(param)
    .toSorted((a, b) => Number(a) - Number(b))
    .map((key) => param[key] ?? '');
}

export function stringsOf(param: Param | undefined): string[] {
  return listOf(param).filter((value) => typeof value === 'string');
}

export function textOf(param: Param | undefined): string | undefined {
  return typeof param === 'string' ? param : undefined;
}

export function treeOf(param: Param | undefined): ParamTree {
  return typeof param === 'object' ? param : {};
}

export function required(params: ParamTree, name: string): string {
  const value = textOf(params[name]);
  if (value === undefined || value === '') {
    throw new AwsError('MissingParameter', `The request must contain the parameter ${name}`);
  }
  return value;
}

export function tagsOf(param: Param | undefined): Record<string, string> {
  return Object.fromEntries(
    listOf(param)
      .map(treeOf)
      .map((tag) => [textOf(tag['Key']) ?? '', textOf(tag['Value']) ?? '']),
  );
}

export function tagSet(tags: Record<string, string>): Xml {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

type Filters<T> = Record<string, (item: T) => readonly (string | number | boolean | undefined)[]>;

/** EC2 filters: values of one filter are alternatives, filters add up; `*` and `?` are wildcards, `\` escapes them. */
export function filtered<T>(
  items: readonly T[],
  param: Param | undefined,
  filters: Filters<T>,
  tags?: (item: T) => Record<string, string>,
): T[] {
  const tests = listOf(param).map((entry) => {
    const { Name, Value } = treeOf(entry);
    const name = textOf(Name) ?? '';
    const values = stringsOf(Value);
    if (values.length === 0) throw new AwsError('InvalidParameterValue', `The filter '${name}' has no values`);
    if (values.length > 200) {
      throw new AwsError(
        'FilterLimitExceeded',
        'The maximum number of filter values specified on a single call is 200',
      );
    }
    const patterns = values.map(wildcard);
    const read = readerOf(name, filters, tags);
    return (item: T): boolean =>
      read(item).some((value) => value !== undefined && patterns.some((pattern) => pattern(String(value))));
  });
  return items.filter((item) => tests.every((test) => test(item)));
}

function readerOf<T>(
  name: string,
  filters: Filters<T>,
  tags?: (item: T) => Record<string, string>,
): Filters<T>[string] {
  if (tags && name.startsWith('tag:')) return (item) => [tags(item)[name.slice(4)]];
  if (tags && name === 'tag-key') return (item) => Object.keys(tags(item));
  const reader = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (!reader) throw new AwsError('InvalidParameterValue', `The filter '${name}' is invalid`);
  return reader;
}

function wildcard(value: string): (candidate: string) => boolean {
  if (!/[*?\\]/.test(value)) return (candidate) => candidate === value;
  const source = value.replaceAll(/\\[*?\\]|[*?]|[^*?\w]/gu, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    return /^\\[*?\\]$/.test(part) ? part : `\\u{${part.codePointAt(0)?.toString(16) ?? ''}}`;
  });
  const pattern = new RegExp(`^${source}$`, 'su');
  return (candidate) => pattern.test(candidate);
}

export interface PageRules {
  names?: { max: string; token: string };
  min: number;
  max: number;
  /** Page size without MaxResults. */
  standard?: number;
  /** Parameters that may not be combined with MaxResults. */
  not?: readonly string[];
}

/** One page of a list, and the token of the next. */
export function pageOf<T>(
  items: readonly T[],
  params: ParamTree,
  rules: PageRules,
): { items: T[]; nextToken: string | undefined } {
  const names = rules.names ?? { max: 'MaxResults', token: 'NextToken' };
  const text = textOf(params[names.max]);
  const size = text === undefined ? (rules.standard ?? rules.max) : Number(text);
  if (!Number.isInteger(size) || size < rules.min || size > rules.max) {
    throw new AwsError(
      'InvalidParameterValue',
      `Value ( ${text} ) for parameter ${lowerFirst(names.max)} is invalid. Expecting a value between ${rules.min} and ${rules.max}.`,
    );
  }
  const clash = rules.not?.find((name) => text !== undefined && params[name] !== undefined);
  if (clash) {
    throw new AwsError(
      'InvalidParameterCombination',
      `The parameter ${clash} cannot be used with the parameter ${names.max}`,
    );
  }
  return cut(items, size, textOf(params[names.token]), () => {
    throw new AwsError('InvalidNextToken', `The token '${textOf(params[names.token])}' is invalid`);
  });
}

/** Tokens hold the place in the list; a token that is not one of ours calls `refuse`. */
export function cut<T>(
  items: readonly T[],
  size: number,
  token: string | undefined,
  refuse: () => never,
): { items: T[]; nextToken: string | undefined } {
  let start = 0;
  if (token !== undefined) {
    const text = Buffer.from(token, 'base64').toString();
    if (!/^from:\d+$/.test(text)) refuse();
    start = Number(text.slice(5));
  }
  const end = start + size;
  return {
    items: items.slice(start, end),
    nextToken: end < items.length ? Buffer.from(`from:${end}`).toString('base64') : undefined,
  };
}

export function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

function render(name: string, value: Xml, item: string): string {
  if (value === undefined) return '';
  if (!isList(value)) return `<${name}>${inner(value, item)}</${name}>`;
  // The one EC2 list whose elements have another name: group ids of an interface in a launch template.
  const element = name === 'groupSet' && typeof value[0] === 'string' ? 'groupId' : item;
  return `<${name}>${value.map((one) => render(element, one, item)).join('')}</${name}>`;
}

function inner(value: string | number | boolean | XmlTree, item: string): string {
  if (typeof value !== 'object') return String(value).replaceAll(/[&<>"']/g, (char) => entities[char] ?? char);
  return Object.entries(value)
    .map(([name, child]) => render(name, child, item))
    .join('');
}

function isList(value: Xml): value is readonly Xml[] {
  return Array.isArray(value);
}

const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n';

function xml(status: number, requestId: string, body: string): SimResponse {
  return {
    status,
    headers: { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': requestId },
    body: declaration + body,
  };
}

export function ec2Answer(action: string, requestId: string, tree: XmlTree): SimResponse {
  const body = inner({ requestId, ...tree }, 'item');
  return xml(
    200,
    requestId,
    `<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">${body}</${action}Response>`,
  );
}

export function ec2Error(error: AwsError, requestId: string): SimResponse {
  const details = inner({ Code: error.code, Message: error.message }, 'item');
  return xml(
    error.status,
    requestId,
    `<Response><Errors><Error>${details}</Error></Errors><RequestID>${requestId}</RequestID></Response>`,
  );
}

export function queryAnswer(
  namespace: string,
  action: string,
  requestId: string,
  tree: XmlTree | undefined,
): SimResponse {
  const result = tree ? render(`${action}Result`, tree, 'member') : '';
  const metadata = render('ResponseMetadata', { RequestId: requestId }, 'member');
  return xml(200, requestId, `<${action}Response xmlns="${namespace}">${result}${metadata}</${action}Response>`);
}

export function queryError(namespace: string, error: AwsError, requestId: string): SimResponse {
  const Type = error.status < 500 ? 'Sender' : 'Receiver';
  const body = inner({ Error: { Type, Code: error.code, Message: error.message }, RequestId: requestId }, 'member');
  return xml(error.status, requestId, `<ErrorResponse xmlns="${namespace}">${body}</ErrorResponse>`);
}
