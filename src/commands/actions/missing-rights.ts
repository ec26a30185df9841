import type { Ports } from '../../composition.ts';
import { MigrateError } from '../../domain/migrate-error.ts';
import type { MissingRight } from '../../domain/missing-right.ts';
import { inParallel } from '../../domain/parallel.ts';
import type { AnyStep } from '../../domain/plan.ts';
import type { KubernetesAccess } from '../../domain/rights.ts';
import {
  type AwsRight,
  type KubernetesRight,
  type RightsScene,
  rightsOf,
  runUses,
  stepWorks,
  type Work,
  worksOf,
} from '../../domain/rights-of.ts';

/** All questions together: what is not answered by then is not known. */
const patienceMilliseconds = 2000;
const atOnce = 16;

/** What IAM is asked about: EC2 answers for itself. What a plan has of these is always needed. */
const asked = {
  aws: /^(eks|autoscaling|cloudformation):|^iam:PassRole$/,
  ofAPlan: ['stack', 'self-managed-group', 'surge'],
};

/**
 * Rights that the steps need and that the caller does not have, as far as somebody says so: the API server of each access, EC2
 * of its creations (a dry run), IAM of the rest (a simulation). Changes nothing and takes no longer than two seconds. No
 * answer, or an unclear one, is none: the steps find out. `dryRuns: false` asks nothing that makes something where dry runs
 * are not known.
 */
export async function missingRights(
  ports: Ports,
  callerArn: string,
  scene: RightsScene,
  steps: readonly AnyStep[],
  { dryRuns = true }: { dryRuns?: boolean } = {},
): Promise<MissingRight[]> {
  const besides = runUses(scene.state).filter((use) => use === 'lock' || use.startsWith('journal'));
  const { aws, kubernetes } = rightsOf([...worksOf(besides), ...stepWorks(steps)], scene);
  const asks = [
    ...(dryRuns ? creations(ports, steps) : []),
    ...simulations(ports, callerArn, aws.filter(isCertain)),
    ...reviews(ports, kubernetes.filter(isCertain), steps),
  ];
  const answered = new AbortController();
  let isOver = false;
  const end = (): MissingRight[] => {
    isOver = true;
    return [];
  };
  const tooLate = ports.clock.sleep(patienceMilliseconds, answered.signal).then(end, end);
  const missing = await inParallel(atOnce, asks, async (ask) =>
    isOver ? [] : Promise.race([unlessUnclear(ask()), tooLate]),
  ).finally(() => answered.abort());
  return missing.flat().toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
}

const textOf = ({ right, on }: MissingRight): string => `${right} ${on ?? ''}`;

/** What is needed only sometimes is found out then, unless the plan says that it is. */
const isCertain = ({ when, target }: AwsRight | KubernetesRight): boolean =>
  when === null || asked.ofAPlan.includes(target);

async function unlessUnclear(answer: Promise<MissingRight[]>): Promise<MissingRight[]> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof MigrateError) return [];
    throw error;
  }
}

type Ask = () => Promise<MissingRight[]>;
type DryRunAnswer = Awaited<ReturnType<Ports['ec2']['mayReserveSubnetCidr']>>;

const told = ({ action, answer }: DryRunAnswer, needing: readonly AnyStep[]): MissingRight[] =>
  answer === 'denied' ? [{ right: action, on: null, neededBy: needing.map(({ id }) => id), toldBy: 'ec2' }] : [];

/** Templates and reservations as the steps would make them; all templates of a plan differ in nothing that rights are about. */
function creations({ ec2 }: Ports, steps: readonly AnyStep[]): Ask[] {
  const templates = steps.flatMap((step) => (step.kind === 'create-launch-template' ? [step] : []));
  const reservations = steps.flatMap((step) => (step.kind === 'reserve-subnet-cidr' ? [step] : []));
  const [template, reservation] = [templates[0], reservations[0]];
  return [
    ...(template === undefined
      ? []
      : [async () => told(await ec2.mayCreateLaunchTemplate(template.params), templates)]),
    ...(reservation === undefined
      ? []
      : [async () => told(await ec2.mayReserveSubnetCidr(reservation.params), reservations)]),
  ];
}

/** One question for the actions on the same resources. A look's own actions were seen to be allowed by the look. */
function simulations({ iam }: Ports, callerArn: string, rights: readonly AwsRight[]): Ask[] {
  const askable = rights.filter(({ action, condition }) => asked.aws.test(action) && condition === null);
  const bySubject = Map.groupBy(askable, ({ resources }) => resources.map(exampleOf).join(' '));
  const questions = [...bySubject.values()].map(
    (same): Ask =>
      async () => {
        const resources = (same[0]?.resources ?? []).map(exampleOf);
        const answers = await iam.simulate(callerArn, [...new Set(same.map(({ action }) => action))], resources);
        return answers
          .filter(({ answer }) => answer === 'denied')
          .map(({ action, resourceArn }) => ({
            right: action,
            on:
              resourceArn
                .split(':')
                .slice(5)
                .join(':')
                .replace(/\/0{8}-.*$/, '') || null,
            neededBy: stepsOf(same.filter((one) => one.action === action)),
            toldBy: 'iam',
          }));
      },
  );
  // who may not ask IAM, or has none, is not told so once for each
  return [
    async () => {
      const [first, ...others] = questions;
      const missing = (await first?.()) ?? [];
      return [...missing, ...(await inParallel(atOnce, others, (ask) => ask())).flat()];
    },
  ];
}

/** An ARN as a request has it: ids that are not known yet stand at its end. */
const exampleOf = (arn: string): string =>
  arn.replace(/\*$/, '00000000-0000-0000-0000-000000000000').replace('autoScalingGroup:*:', 'autoScalingGroup:0:');

function reviews({ kubernetes }: Ports, rights: readonly KubernetesRight[], steps: readonly AnyStep[]): Ask[] {
  const byAccess = Map.groupBy(rights, ({ access }) => JSON.stringify(access));
  return [...byAccess.values()].flatMap((same): Ask[] => {
    const access = same[0]?.access;
    if (access === undefined) return [];
    return [
      async () => {
        const answer = await kubernetes.mayI(access);
        if (answer !== 'denied' || (await mayInNamespaces(kubernetes, access, steps))) return [];
        const { verb, resource, subresource, namespace, name } = access;
        return [
          {
            right: `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`}`,
            on:
              namespace === undefined
                ? null
                : `${name === undefined ? 'namespace ' : ''}${namespace}${name === undefined ? '' : `/${name}`}`,
            neededBy: stepsOf(same),
            toldBy: 'kubernetes',
          },
        ];
      },
    ];
  });
}

/** Evictions may be allowed in each namespace that has pods to move, rather than everywhere. */
async function mayInNamespaces(
  kubernetes: Ports['kubernetes'],
  access: KubernetesAccess,
  steps: readonly AnyStep[],
): Promise<boolean> {
  if (access.subresource !== 'eviction') return false;
  const groups = steps.flatMap((step) => (step.kind === 'drain-source' ? step.params.nodegroupNames : []));
  const nodes = (await Promise.all(groups.map((name) => kubernetes.listNodes(name)))).flat();
  const names = new Set(nodes.map(({ name }) => name));
  const pods = (await kubernetes.listPods()).filter(({ nodeName }) => nodeName !== null && names.has(nodeName));
  const namespaces = [...new Set(pods.map(({ namespace }) => namespace))];
  const answers = await inParallel(atOnce, namespaces, (namespace) => kubernetes.mayI({ ...access, namespace }));
  // pods that no drain evicts may be in the namespaces that are closed
  return answers.some((answer) => answer !== 'denied');
}

const stepsOf = (rights: readonly { work: Work }[]): string[] => [
  ...new Set(rights.map(({ work: { use, step } }) => step?.id ?? (use === 'lock' ? 'the lock' : 'the journal'))),
];
