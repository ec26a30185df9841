import { Readable } from 'node:stream';
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
  nodeRepairConfig: ['enabled'],
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

/**
 * Makes the command keep the JSON of its answer, since the SDK drops members newer than itself. The returned function
 * gives it, undefined before the answer or when it was no JSON.
 */
export function captureAnswer(command: DescribeNodegroupCommand): () => unknown {
  let text = '';
  command.middlewareStack.add(
    (next) => async (args) => {
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
    },
    // after the SDK's own reader, so nearer to the wire
    { step: 'deserialize', priority: 'low', name: 'captureAnswer' },
  );
  return () => {
    try {
      const answer: unknown = JSON.parse(text);
      return answer;
    } catch {
      return undefined;
    }
  };
}

const isStream = (value: unknown): value is AsyncIterable<Uint8Array | string> =>
  isObject(value) && Symbol.asyncIterator in value;

const carriesSomething = (value: unknown): boolean =>
  value != null &&
  value !== '' &&
  !(Array.isArray(value) && value.length === 0) &&
  !(isObject(value) && Object.values(value).every((inner) => !carriesSomething(inner)));
