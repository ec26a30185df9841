/** Hostile answers: one recorded answer of a server in place of the right one, mutated. */
import { createAwsPorts } from '../../src/adapters/aws/aws-ports.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { withSelfManagedGroups } from '../../src/adapters/self-managed.ts';
import { runChecks } from '../../src/checks/index.ts';
import { makeReport } from '../../src/commands/actions/audit-cluster.ts';
import { plainJson } from '../../src/domain/canonical-json.ts';
import { isBare } from '../../src/domain/evictable.ts';
import { plainRequest } from '../../src/domain/plan.ts';
import { barePodYaml } from '../../src/exports/bare-pod.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import type { Ports } from '../../src/ports/ports.ts';
import { auditMarkdown } from '../../src/reporting/formats/audit-markdown.ts';
import { auditText } from '../../src/reporting/formats/audit-text.ts';
import { withoutControlCharacters } from '../../src/reporting/text.ts';
import { operationName } from '../../src/simulator/operation-name.ts';
import type { Random, SimHandler, SimResponse } from '../../src/simulator/types.ts';
import type { World } from '../../src/simulator/world.ts';
import { rehearseEvictions } from '../../src/survey/rehearse-evictions.ts';
import { survey } from '../../src/survey/survey.ts';
import { createBench } from '../adapters/virtual.ts';
import { noTools } from '../support/no-tools.ts';
import { templates } from '../support/templates.ts';
import { baseOf } from './base.ts';
import { hostileJson, hostileText, type Json, mangled, mutated } from './generate.ts';
import { canary, checkScreen, checkSecrets, judged } from './oracle.ts';
import { checkPlanShown, checkShown } from './screen.ts';

/** What a server says instead, to the `nth` request for `operation` and, when `forever`, to all after it. */
export interface Reply {
  operation: string;
  nth: number;
  forever: boolean;
  status: number;
  body: string;
}

interface Recorded {
  operation: string;
  nth: number;
  status: number;
  body: string;
}

/** More requests than any survey of these worlds needs. */
const mostRequests = 3000;

/** `seen` is told of each answer; those that `instead` names are replaced. */
function intercepting(
  handler: SimHandler,
  instead: readonly Reply[],
  seen: (reply: Recorded) => void = () => undefined,
  used: () => void = () => undefined,
): SimHandler {
  const counts = new Map<string, number>();
  let requests = 0;
  return async (request) => {
    requests += 1;
    if (requests > mostRequests) throw new Error(`a loop: more than ${mostRequests} requests`);
    const operation = operationName(request);
    const nth = counts.get(operation) ?? 0;
    counts.set(operation, nth + 1);
    const reply = instead.find(
      (each) => each.operation === operation && (each.nth === nth || (each.forever && nth > each.nth)),
    );
    const response = await handler(request);
    if (typeof response.body !== 'string') return response;
    if (reply === undefined) {
      seen({ operation, nth, status: response.status, body: response.body });
      return response;
    }
    used();
    return { ...response, status: reply.status, body: reply.body } satisfies SimResponse;
  };
}

function portsTo(world: World, bench: ReturnType<typeof createBench>, through: (handler: SimHandler) => SimHandler) {
  const { accessKeyId, token } = world.administrator;
  const aws = createAwsPorts({
    clock: bench.clock,
    region: world.cluster.region,
    credentials: { accessKeyId, secretAccessKey: world.administrator.secretAccessKey },
    requestHandler: bench.requestHandler(through(world.aws)),
    random: () => 0.5,
  });
  return createKubernetesPort({
    clock: bench.clock,
    cluster: {
      name: world.cluster.name,
      endpoint: 'https://cluster.test',
      certificateAuthorityData: '',
      token: () => Promise.resolve({ token, expiresAt: Number.POSITIVE_INFINITY }),
    },
    dispatcher: bench.dispatcher(through(world.kubernetes)),
    random: () => 0.5,
  }).then((kubernetes): Ports => withSelfManagedGroups({ ...aws, kubernetes, tools: noTools, clock: bench.clock }));
}

/** All that plan and audit do with a cluster, but for sockets and files. */
async function lookAt(ports: Ports, clusterName: string): Promise<void> {
  const said: string[] = [];
  const snapshot = await survey(ports, { clusterName, subnetIds: [] }, (what) => said.push(what));
  checkScreen(said.join('\n'));
  const request = plainRequest(clusterName);
  const scope = scopeOf(snapshot, request);
  for (const { detail } of scope.skipped) checkScreen(withoutControlCharacters(detail));
  for (const { namespace, name } of scope.movingPods.filter(isBare)) {
    const found = await ports.kubernetes.podManifest(namespace, name);
    if (found !== undefined) checkSecrets(barePodYaml(found.manifest, found.redacted));
  }
  const evictionRehearsal = await rehearseEvictions(ports, scope.movingPods, () => undefined);
  const seen = { ...snapshot, evictionRehearsal };
  checkSecrets(plainJson(seen, 2));
  const findings = runChecks(seen, request, scope);
  checkPlanShown(makePlan({ snapshot: seen, request, findings, toolVersion: '0.0.0-test', templates }), seen);
  const report = withoutControlCharacters(makeReport(seen, { minFreePrefixes: 10, toolVersion: 'x' }));
  checkShown(auditText(report, { allNodes: true, colour: false }));
  checkScreen(auditMarkdown(report, { allNodes: true }));
}

const recordings = new Map<string, Promise<Recorded[]>>();

/** Every answer of a survey, with secrets where a cluster has some. */
export function recordingOf(name: string): Promise<Recorded[]> {
  const known = recordings.get(name) ?? record(name);
  recordings.set(name, known);
  return known;
}

async function record(name: string): Promise<Recorded[]> {
  const { world } = await baseOf(name);
  const replies: Recorded[] = [];
  const bench = createBench(world.clock);
  const ports = await portsTo(world, bench, (handler) => intercepting(handler, [], (reply) => replies.push(reply)));
  await bench.run(lookAt(ports, world.cluster.name));
  return replies;
}

/** Feeds an answer to plan and audit. Returns the code of a proper error. */
export async function feedReplies(name: string, instead: readonly Reply[]): Promise<string | undefined> {
  const { world } = await baseOf(name);
  const bench = createBench(world.clock);
  let isUsed = false;
  const ports = await portsTo(world, bench, (handler) =>
    intercepting(handler, instead, undefined, () => {
      isUsed = true;
    }),
  );
  const error = await judged(() => bench.run(lookAt(ports, world.cluster.name)));
  return error?.code ?? (isUsed ? undefined : 'NEVER ASKED');
}

/** An answer that a server could be made to give. */
export function hostileReply(random: Random, recorded: Recorded): Reply {
  const { operation, nth } = recorded;
  const choice = random.next();
  const base = { operation, nth, forever: random.next() < 0.2, status: recorded.status };
  if (choice < 0.12)
    return {
      ...base,
      status: random.pick([400, 403, 404, 409, 410, 429, 500, 503]),
      body: errorBody(random, recorded),
    };
  if (choice < 0.2) return { ...base, body: mangled(random, recorded.body).toString('utf8') };
  return {
    ...base,
    body: recorded.body.startsWith('<') ? hostileXml(random, recorded.body) : jsonBody(random, recorded.body),
  };
}

function jsonBody(random: Random, body: string): string {
  const document: Json = JSON.parse(body === '' ? 'null' : body);
  const choice = random.next();
  const changed = choice < 0.15 ? withSecrets(document) : choice < 0.9 ? withoutNoise(document) : document;
  return hostileJson(random, mutated(random, changed, 40));
}

/** What is long and hardly read. */
function withoutNoise(document: Json): Json {
  if (Array.isArray(document)) return document.map(withoutNoise);
  if (typeof document !== 'object' || document === null) return document;
  const kept = Object.entries(document).filter(([key]) => key !== 'managedFields');
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutNoise(value)]));
}

/** Secrets where clusters have them: annotations, environment of pods. */
function withSecrets(document: Json): Json {
  if (Array.isArray(document)) return document.map(withSecrets);
  if (typeof document !== 'object' || document === null) return document;
  return Object.fromEntries(
    Object.entries(document).map(([key, value]) => {
      if (key === 'annotations' || key === 'metadata') {
        const members = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
        const annotation = { 'kubectl.kubernetes.io/last-applied-configuration': canary };
        return [key, key === 'annotations' ? { ...members, ...annotation } : { annotations: annotation, ...members }];
      }
      if (key === 'env' && Array.isArray(value)) return [key, [...value, { name: 'DB_PASSWORD', value: canary }]];
      return [key, withSecrets(value)];
    }),
  );
}

const entities =
  '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>';

/** Query services answer in XML: elements with other text, doubled, gone, without an end, with entities. */
function hostileXml(random: Random, body: string): string {
  const elements = [...body.matchAll(/<(\w+)>([^<]*)<\/\1>/g)];
  if (elements.length === 0) return mangled(random, body).toString('utf8');
  const [whole = '', name = '', text = ''] = random.pick(elements);
  const value = hostileText(random);
  const escaped = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const element = (inner: string): string => `<${name}>${inner}</${name}>`;
  return random.pick<() => string>([
    () => body.replace(whole, () => element(escaped)),
    () => body.replace(whole, () => element(escaped)),
    () => body.replaceAll(whole, () => element(text + escaped)),
    () => body.replace(whole, () => element(value)),
    () => body.replace(whole, ''),
    () => body.replace(whole, () => whole.repeat(random.pick([2, 500]))),
    () => body.replace(whole, () => element('<item><item/></item>')),
    () => body.replace(whole, () => `<${name}>${text}`),
    () => body.replaceAll(`<${name}>`, '<__proto__>').replaceAll(`</${name}>`, '</__proto__>'),
    () => body.replace(whole, () => element('-1e999')),
    () => body.replace(/^(<\?xml[^>]*\?>)?/, (head) => head + entities).replace(whole, () => element('&c;')),
    () => body.replace(/<(\w+)\/>|$/, `<nextToken>again</nextToken>`),
    () => body.replace(/<\/(\w+Response)>/, '<nextToken>again</nextToken></$1>'),
  ])();
}

function errorBody(random: Random, { operation, body }: Recorded): string {
  const message = hostileText(random) + hostileText(random);
  const code = random.pick([
    'ResourceNotFoundException',
    'AccessDenied',
    'Throttling',
    'InvalidRequestException',
    hostileText(random),
  ]);
  if (operation.startsWith('k8s:')) {
    const causes = random.pick<Json>([
      [],
      null,
      {},
      [{ reason: 1 }],
      [null],
      [{ reason: 'DisruptionBudget', message }],
    ]);
    const status: Json = {
      kind: 'Status',
      message,
      reason: code,
      code: 400,
      details: { causes, retryAfterSeconds: random.pick<Json>([1, -1, 'x', 1e9]) },
    };
    return hostileJson(random, random.next() < 0.5 ? status : mutated(random, status));
  }
  if (body.startsWith('<')) {
    const clean = (text: string): string =>
      random.next() < 0.8 ? text.replaceAll('&', '&amp;').replaceAll('<', '&lt;') : text;
    return `<Response><Errors><Error><Code>${clean(code)}</Code><Message>${clean(message)}</Message></Error></Errors><RequestID>${clean(message)}</RequestID></Response>`;
  }
  return hostileJson(random, mutated(random, { __type: code, message, code }));
}
