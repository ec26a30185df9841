import { Readable } from 'node:stream';
import type { DescribeLaunchTemplateVersionsCommand } from '@aws-sdk/client-ec2';
import type { DescribeNodegroupCommand } from '@aws-sdk/client-eks';
import { isObject } from '../is-object.ts';

/** Members of the answer that are read into the domain, or that say nothing about how a replacement must look. */
const known: Record<string, readonly string[] | true> = {
  nodegroupName: true,
  nodegroupArn: true,
  clusterName: true,
  version: true,
  releaseVersion: true,
  createdAt: true,
  modifiedAt: true,
  status: true,
  capacityType: true,
  scalingConfig: ['minSize', 'maxSize', 'desiredSize'],
  instanceTypes: true,
  subnets: true,
  remoteAccess: ['ec2SshKey', 'sourceSecurityGroups'],
  amiType: true,
  nodeRole: true,
  labels: true,
  taints: true,
  resources: ['autoScalingGroups', 'remoteAccessSecurityGroup'],
  diskSize: true,
  health: true,
  updateConfig: ['maxUnavailable', 'maxUnavailablePercentage', 'updateStrategy'],
  nodeRepairConfig: [
    'enabled',
    'maxUnhealthyNodeThresholdCount',
    'maxUnhealthyNodeThresholdPercentage',
    'maxParallelNodesRepairedCount',
    'maxParallelNodesRepairedPercentage',
    'nodeRepairConfigOverrides',
  ],
  warmPoolConfig: ['enabled', 'minSize', 'maxGroupPreparedCapacity', 'poolState', 'reuseOnScaleIn'],
  launchTemplate: ['id', 'name', 'version'],
  tags: true,
};

/** Paths of members that carry something and that this version does not know: `warmPoolConfig`, `nodeRepairConfig.x`. */
export function unknownFieldsOf(body: unknown): string[] {
  const nodegroup = isObject(body) ? body['nodegroup'] : undefined;
  if (!isObject(nodegroup)) return [];
  return Object.entries(nodegroup)
    .filter(([, value]) => carriesSomething(value))
    .flatMap(([key, value]) => {
      const members = known[key];
      if (members === true) return [];
      if (members === undefined) return [key];
      const inside = isObject(value) ? Object.entries(value) : [];
      return inside
        .filter(([name, v]) => !members.includes(name) && carriesSomething(v))
        .map(([name]) => `${key}.${name}`);
    })
    .toSorted();
}

/** The JSON of the answer to the command; undefined before the answer or when it was no JSON. */
export function captureAnswer(command: DescribeNodegroupCommand): () => unknown {
  const { keep, text } = createKeeper();
  command.middlewareStack.add(keep, nearTheWire);
  return () => {
    try {
      const answer: unknown = JSON.parse(text());
      return answer;
    } catch {
      return undefined;
    }
  };
}

/** The XML of the answer to the command; empty before the answer. */
export function captureText(command: DescribeLaunchTemplateVersionsCommand): () => string {
  const { keep, text } = createKeeper();
  command.middlewareStack.add(keep, nearTheWire);
  return text;
}

/** After the SDK's own reader, so nearer to the wire. */
const nearTheWire = { step: 'deserialize', priority: 'low', name: 'captureAnswer' } as const;

/** Middleware that keeps the text of an answer, since the SDK drops members newer than itself. */
function createKeeper() {
  let text = '';
  const keep =
    <Args, Result extends { response: unknown }>(next: (args: Args) => Promise<Result>) =>
    async (args: Args): Promise<Result> => {
      const result = await next(args);
      const { response } = result;
      if (isObject(response) && isStream(response['body'])) {
        const parts: Buffer[] = [];
        for await (const part of response['body']) parts.push(Buffer.from(part));
        const body = Buffer.concat(parts);
        text = body.toString();
        Object.assign(response, { body: Readable.from([body]) });
      }
      return result;
    };
  return { keep, text: () => text };
}

/**
 * Members of the first LaunchTemplateData in an answer of EC2 that carry something and that the SDK does not know, by its
 * schema: `NewThing`, `MetadataOptions.NewThing`.
 */
export function unknownMembersOf(xml: string, schema: unknown): string[] {
  const data = xml.indexOf('<launchTemplateData>');
  const found = new Set<string>();
  const walk = (element: Element, of: unknown, path: string): void => {
    const [kind, , , , names, members] = Array.isArray(of) ? of : [];
    if (kind === list) for (const item of element.children) walk(item, schemaOf(names), path);
    if (kind !== structure || !Array.isArray(names) || !Array.isArray(members)) return;
    const byElement = new Map(members.map((member: unknown, index) => [elementName(member), [names[index], member]]));
    for (const child of element.children) {
      const [name, member] = byElement.get(child.name) ?? [];
      const here = `${path}${typeof name === 'string' ? name : `${child.name.charAt(0).toUpperCase()}${child.name.slice(1)}`}`;
      if (member !== undefined) walk(child, schemaOf(member), `${here}.`);
      else if (child.isFilled) found.add(here);
    }
  };
  if (data !== -1) walk(elementAt(xml, data), schemaOf(schema), '');
  return [...found].toSorted();
}

// a schema of the SDK is an array: its kind, two parts of its name, traits, then what is in it (@smithy/types, StaticSchema)
const list = 1;
const structure = 3;

/** A member stands as its schema, or as a pair of that and its traits; what is declared later as a function. */
function schemaOf(member: unknown): unknown {
  const inner: unknown = Array.isArray(member) && member.length === 2 ? member[0] : member;
  const found: unknown = typeof inner === 'function' ? inner() : inner;
  return found;
}

function elementName(member: unknown): string | undefined {
  const traits: unknown = Array.isArray(member) ? member[1] : undefined;
  const name = isObject(traits) ? traits['xmlName'] : undefined;
  return typeof name === 'string' ? name : undefined;
}

interface Element {
  name: string;
  children: Element[];
  /** it has text or an element with text in it */
  isFilled: boolean;
}

/** The element that begins there. */
function elementAt(xml: string, start: number): Element {
  const open: Element[] = [{ name: '', children: [], isFilled: false }];
  for (const [, isEnd, name, isEmpty, text] of xml.slice(start).matchAll(/<(\/?)([\w:.-]+)[^<>]*?(\/?)>|([^<>]+)/g)) {
    const innermost = open.at(-1);
    if (innermost === undefined) break;
    if (name === undefined) {
      if (text?.trim()) for (const element of open) element.isFilled = true;
    } else if (isEnd) {
      if (open.length <= 2) break;
      open.pop();
    } else {
      const element = { name, children: [], isFilled: false };
      innermost.children.push(element);
      if (!isEmpty) open.push(element);
    }
  }
  return open[0]?.children[0] ?? { name: '', children: [], isFilled: false };
}

const isStream = (value: unknown): value is AsyncIterable<Uint8Array | string> =>
  isObject(value) && Symbol.asyncIterator in value;

const carriesSomething = (value: unknown): boolean =>
  value != null &&
  value !== '' &&
  !(Array.isArray(value) && value.length === 0) &&
  !(isObject(value) && Object.values(value).every((inner) => !carriesSomething(inner)));
