import type { Io } from '../../cli/io.ts';
import { leaseName, openPlanFolder, type StateLocation } from '../../composition.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { iamPolicy, rbacObjects } from '../../domain/policies.ts';
import { type PolicyPhase, policyPhases, rights, stepKinds } from '../../domain/rights.ts';
import { generalWorks, planWorks, type RightsScene, rightsOf, type Work } from '../../domain/rights-of.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { stateText } from '../../domain/state-location.ts';
import { type Policies, policyText, rbacYaml } from '../../reporting/formats/policy-text.ts';
import { jsonLine, withoutControlCharacters } from '../../reporting/text.ts';
import { refuseOtherName } from './refusals.ts';
import { sceneOf, stepsBack } from './rights-of-plan.ts';

export interface PolicyOptions {
  /** plan folder; undefined: for any plan */
  target: string | undefined;
  /** empty: all */
  phases: readonly PolicyPhase[];
  cluster: string | undefined;
  region: string | undefined;
  account: string | undefined;
  nodeRoles: readonly string[];
  format: 'text' | 'iam' | 'rbac' | 'json';
  state: StateLocation;
}

/** The least that a migration needs, as IAM and Kubernetes take it. Asks nobody. */
export async function printPolicy(options: PolicyOptions, io: Io): Promise<ExitCode> {
  const { scene, works, notes } = await subjectOf(options);
  const { aws, kubernetes } = rightsOf(works, scene);
  const policies: Policies = {
    iam: iamPolicy(aws),
    rbac: rbacObjects(kubernetes),
    cluster: scene.cluster,
    notes: [...notes, ...beyondOf(works)],
    placeholders: placeholdersIn(jsonLine(iamPolicy(aws)) + jsonLine(rbacObjects(kubernetes))),
    command: commandOf(options),
  };
  if (options.format === 'iam' || options.format === 'rbac') {
    for (const note of policies.notes) io.progress(`note: ${note}`);
    if (policies.placeholders.length > 0) io.progress(`replace: ${policies.placeholders.join(', ')}`);
  }
  io.result(rendered(policies, options.format));
  return ExitCode.done;
}

function rendered(policies: Policies, format: PolicyOptions['format']): string {
  const { iam, rbac, notes, placeholders } = withoutControlCharacters(policies);
  switch (format) {
    case 'iam':
      return `${JSON.stringify(iam, null, 2)}\n`;
    case 'rbac':
      return rbacYaml(rbac);
    case 'json':
      return `${JSON.stringify({ iam, rbac, placeholders, notes }, null, 2)}\n`;
    case 'text':
      return policyText(withoutControlCharacters(policies));
  }
}

interface Subject {
  scene: RightsScene;
  works: Work[];
  notes: string[];
}

async function subjectOf(options: PolicyOptions): Promise<Subject> {
  const { target, state, cluster } = options;
  const phases = options.phases.length === 0 ? policyPhases : options.phases;
  if (target === undefined) {
    refuseBadNames(options);
    return { scene: generalScene(options), works: generalWorks(phases, state), notes: leftOut(phases) };
  }
  const { plan } = await openPlanFolder(target);
  refuseOtherName(plan, cluster);
  return {
    scene: sceneOf(plan, state),
    works: planWorks(plan.steps, stepsBack(plan), phases, state),
    notes: [],
  };
}

/** Words in capitals are no names of AWS, so that none passes for one. */
function generalScene({
  cluster = 'CLUSTER',
  region = 'REGION',
  account = 'ACCOUNT',
  ...more
}: PolicyOptions): RightsScene {
  const { nodeRoles, state } = more;
  return {
    cluster: { name: cluster, region, accountId: account },
    nodeRoles: nodeRoles.length > 0 ? nodeRoles : [`arn:aws:iam::${account}:role/NODE_ROLE`],
    planTag: null,
    leaseName: cluster === 'CLUSTER' ? 'prefix-migrate-CLUSTER' : leaseName(cluster),
    state,
  };
}

function refuseBadNames({ account, nodeRoles }: PolicyOptions): void {
  const bad =
    account !== undefined && !/^\d{12}$/.test(account)
      ? { flag: 'account', value: account, why: 'The id of an AWS account has twelve digits.' }
      : nodeRoles
          .filter((role) => !/^arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(role))
          .map((value) => ({
            flag: 'node-role',
            value,
            why: 'It is the ARN of a role: arn:aws:iam::111122223333:role/NAME.',
          }))[0];
  if (bad === undefined) return;
  throw new MigrateError({
    code: 'INPUT.VALUE',
    message: `--${bad.flag}: "${bad.value}" is not one.`,
    why: bad.why,
    nextActions: ['aws sts get-caller-identity', 'aws iam list-roles'],
    exitCode: ExitCode.invalidInput,
  });
}

/** What only some plans do, so that nobody misses it in silence. */
function leftOut(phases: readonly PolicyPhase[]): string[] {
  const kinds = stepKinds.filter((kind) => rights[kind].phases?.some((phase) => phases.includes(phase)));
  const onlyWhen = kinds.flatMap((kind) => rights[kind].onlyWhen ?? []);
  const special = ['stack', 'self-managed-group', 'released-groups', 'surge'];
  const sometimes = kinds.flatMap((kind) =>
    (rights[kind].sometimes ?? [])
      .filter(({ aws = {}, kubernetes = {} }) =>
        [...Object.keys(aws), ...Object.keys(kubernetes)].some((target) => special.includes(target)),
      )
      .map(({ when }) => when),
  );
  return [...new Set([...onlyWhen, ...sometimes])].map((when) => `left out, give DIR for a plan with it: ${when}`);
}

const beyondOf = (works: readonly Work[]): string[] => [
  ...new Set(works.flatMap(({ use }) => rights[use].beyond ?? [])),
];

const placeholdersIn = (text: string): string[] =>
  ['ACCOUNT', 'CLUSTER', 'NODE_ROLE', 'REGION'].filter((word) =>
    new RegExp(`(?<![\\w.])(prefix-migrate-)?${word}(?!\\w)`).test(text),
  );

/** The same again, for the lines that say how to go on. */
function commandOf({ target, phases, cluster, region, account, nodeRoles, state }: PolicyOptions): string {
  const flags = Object.entries({ cluster, region, account }).flatMap(([flag, value]) =>
    value === undefined || target !== undefined ? [] : [`--${flag}`, value],
  );
  return [
    'prefix-migrate',
    'policy',
    ...(target === undefined ? [] : [target]),
    ...phases.flatMap((phase) => ['--phase', phase]),
    ...flags,
    ...(target === undefined ? nodeRoles.flatMap((role) => ['--node-role', role]) : []),
    ...(state.kind === 'file' ? [] : ['--state', stateText(state)]),
  ]
    .map(shellWord)
    .join(' ');
}
