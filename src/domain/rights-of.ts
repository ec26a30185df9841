/** The table of rights laid over one cluster, or over one plan: which resources each right is about. */
import type { AnyStep } from './plan.ts';
import {
  type AwsTarget,
  accessOf,
  type KubernetesAccess,
  type KubernetesTarget,
  type PolicyPhase,
  rights,
  stepKinds,
  type TableRight,
  tableRights,
  type Use,
} from './rights.ts';
import { selfManagedPrefix } from './snapshot.ts';
import type { StateLocation } from './state-location.ts';

/** What rights are laid over. A placeholder such as `ACCOUNT` stands for what is not known. */
export interface RightsScene {
  cluster: { name: string; region: string; accountId: string };
  /** ARNs */
  nodeRoles: readonly string[];
  /** value of the tag `prefix-migrate/plan` of what the plan makes; null: of any plan */
  planTag: string | null;
  /** name of the Lease, which a cluster's name need not be */
  leaseName: string;
  state: StateLocation;
}

/** What is done: by a step of a plan, or by any step of its kind, or at other times. */
export interface Work {
  use: Use;
  step: AnyStep | null;
}

/** Condition of IAM: operator, key, value. */
export type Condition = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

interface Common {
  work: Work;
  /** when it is used; null: always */
  when: string | null;
}
export interface AwsRight extends Common {
  action: string;
  target: AwsTarget;
  /** ARNs, or `*` */
  resources: readonly string[];
  condition: Condition | null;
}
export interface KubernetesRight extends Common {
  target: KubernetesTarget;
  access: KubernetesAccess;
}
export interface Rights {
  aws: AwsRight[];
  kubernetes: KubernetesRight[];
}

/** What a run does besides its steps, in each place that a journal can be in. */
export const runUses = ({ kind }: StateLocation): Use[] => [
  'look',
  'rights',
  'lock',
  ...(kind === 'kubernetes' ? (['journal-kubernetes'] as const) : []),
  ...(kind === 's3' ? (['journal-s3'] as const) : []),
];

/** Of no plan in particular: what any plan does that asks for nothing special. */
export function generalWorks(phases: readonly PolicyPhase[], state: StateLocation): Work[] {
  const kinds = stepKinds.filter((kind) => {
    const row = rights[kind];
    return row.onlyWhen === undefined && row.phases?.some((phase) => phases.includes(phase));
  });
  return worksOf([...usesBesides(phases, state), ...kinds]);
}

/** Of one plan, with the steps that would take it back. */
export function planWorks(
  plan: readonly AnyStep[],
  back: readonly AnyStep[],
  phases: readonly PolicyPhase[],
  state: StateLocation,
): Work[] {
  const steps = [...plan.filter(({ phase }) => phases.includes(phase)), ...(phases.includes('rollback') ? back : [])];
  return [...worksOf(usesBesides(phases, state)), ...stepWorks(steps)];
}

export const stepWorks = (steps: readonly AnyStep[]): Work[] => steps.map((step) => ({ use: step.kind, step }));
export const worksOf = (uses: readonly Use[]): Work[] => uses.map((use) => ({ use, step: null }));

const usesBesides = (phases: readonly PolicyPhase[], state: StateLocation): Use[] => [
  ...(phases.some((phase) => phase !== 'plan') ? runUses(state) : (['look', 'rights'] as const)),
  ...(phases.includes('plan') ? (['surroundings'] as const) : []),
];

/** Every right of what is done. What a step has nothing of (no stack, no Deployment to roll over) is not in it. */
export function rightsOf(works: readonly Work[], scene: RightsScene): Rights {
  const all: Rights = { aws: [], kubernetes: [] };
  for (const work of works) {
    for (const right of tableRights([work.use])) {
      if (right.leftOut) continue;
      const common = { work, when: right.when };
      if (right.service === 'aws') {
        const resources = resourcesOf[right.target](scene, work.step);
        const condition = conditions[right.target]?.(scene, work.step) ?? null;
        if (resources.length > 0)
          all.aws.push({ ...common, action: right.action, target: right.target, resources, condition });
      } else {
        for (const access of accessesOf(right, scene, work.step))
          all.kubernetes.push({ ...common, target: right.target, access });
      }
    }
  }
  return all;
}

const partitionOf = (region: string): string =>
  region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';

const arn = ({ cluster: { region, accountId } }: RightsScene, service: string, rest: string): string =>
  `arn:${partitionOf(region)}:${service}:${service === 'iam' || service === 's3' ? '' : region}:${service === 's3' ? '' : accountId}:${rest}`;

/** ARNs of a target; none: a policy has nothing to say about it. */
const resourcesOf: Record<AwsTarget, (scene: RightsScene, step: AnyStep | null) => string[]> = {
  any: () => ['*'],
  'of-region': () => ['*'],
  cluster: (scene) => [arn(scene, 'eks', `cluster/${scene.cluster.name}`)],
  'access-entries': (scene) => [arn(scene, 'eks', `access-entry/${scene.cluster.name}/*`)],
  nodegroups: (scene) => [arn(scene, 'eks', `nodegroup/${scene.cluster.name}/*/*`)],
  nodegroup: (scene, step) =>
    (step === null ? ['*'] : managedGroupsOf(step)).map((name) =>
      arn(scene, 'eks', `nodegroup/${scene.cluster.name}/${name}/*`),
    ),
  'vpc-cni': (scene) => [arn(scene, 'eks', `addon/${scene.cluster.name}/vpc-cni/*`)],
  'scaling-group': (scene, step) =>
    (step === null ? ['*'] : scalingGroupsOf(step)).map((name) => scalingGroup(scene, name)),
  'self-managed-group': (scene, step) =>
    (step === null ? [] : groupNamesOf(step))
      .filter((name) => name.startsWith(selfManagedPrefix))
      .map((name) => scalingGroup(scene, name.slice(selfManagedPrefix.length))),
  'released-groups': (scene, step) =>
    (step?.kind === 'drain-source' && step.params.releaseNodes ? step.params.nodegroupNames : []).map((name) =>
      scalingGroup(
        scene,
        // as EKS names those that it makes
        name.startsWith(selfManagedPrefix) ? name.slice(selfManagedPrefix.length) : `eks-${name}-*`,
      ),
    ),
  'new-template': (scene) => [arn(scene, 'ec2', 'launch-template/*')],
  'own-template': (scene) => [arn(scene, 'ec2', 'launch-template/*')],
  'template-tags': (scene) => [arn(scene, 'ec2', 'launch-template/*')],
  'reservation-tags': (scene) => [arn(scene, 'ec2', 'subnet-cidr-reservation/*')],
  'instance-tags': (scene) =>
    ['instance/*', 'network-interface/*', 'spot-instances-request/*', 'volume/*'].map((one) => arn(scene, 'ec2', one)),
  'node-role': (scene, step) => (step?.kind === 'create-nodegroup' ? [step.params.nodeRole] : [...scene.nodeRoles]),
  'service-role': (scene) => [
    arn(scene, 'iam', 'role/aws-service-role/eks-nodegroup.amazonaws.com/AWSServiceRoleForAmazonEKSNodegroup'),
  ],
  'instance-profiles': (scene) => [arn(scene, 'iam', 'instance-profile/*')],
  callers: (scene) => [arn(scene, 'iam', 'role/*'), arn(scene, 'iam', 'user/*')],
  stack: (scene, step) => stacksOf(step).map((stack) => arn(scene, 'cloudformation', `stack/${stack}/*`)),
  'stack-role': (scene, step) =>
    stacksOf(step).flatMap((stack) => [
      arn(scene, 'iam', `role/${stack}-*`),
      arn(scene, 'iam', `instance-profile/${stack}-*`),
    ]),
  'stack-template': (scene, step) =>
    step?.kind === 'delete-source' && step.params.stackTemplate !== undefined
      ? [arn(scene, 'ec2', `launch-template/${step.params.stackTemplate}`)]
      : [],
  'journal-bucket': (scene) => (scene.state.kind === 's3' ? [arn(scene, 's3', scene.state.bucket)] : []),
  'journal-objects': (scene) => {
    const { state } = scene;
    return state.kind === 's3' ? [arn(scene, 's3', `${state.bucket}/${folderOf(state.prefix)}*`)] : [];
  },
};

const scalingGroup = (scene: RightsScene, name: string): string =>
  arn(scene, 'autoscaling', `autoScalingGroup:*:autoScalingGroupName/${name}`);

const folderOf = (prefix: string): string => (prefix === '' ? '' : `${prefix}/`);

/** Names of node groups that a step is about. */
const groupNamesOf = ({ params }: AnyStep): string[] => ('nodegroupName' in params ? [params.nodegroupName] : []);
const managedGroupsOf = (step: AnyStep): string[] =>
  groupNamesOf(step).filter((name) => !name.startsWith(selfManagedPrefix));
const scalingGroupsOf = ({ params }: AnyStep): string[] =>
  'autoScalingGroupNames' in params ? params.autoScalingGroupNames : [];
const stacksOf = (step: AnyStep | null): string[] => {
  const stack = step !== null && 'stack' in step.params ? step.params.stack : undefined;
  return stack === undefined ? [] : [stack];
};

const planTag = 'prefix-migrate/plan';

type ConditionOf = (scene: RightsScene, step: AnyStep | null) => Condition | null;

const tagged =
  (key: 'RequestTag' | 'ResourceTag'): ConditionOf =>
  ({ planTag: tag }) =>
    tag === null
      ? { StringLike: { [`aws:${key}/${planTag}`]: '*' } }
      : { StringEquals: { [`aws:${key}/${planTag}`]: tag } };

const onCreation =
  (action: string): ConditionOf =>
  () => ({ StringEquals: { 'ec2:CreateAction': action } });

/** Under which condition; a target that is not here has none. */
const conditions: Partial<Record<AwsTarget, ConditionOf>> = {
  'of-region': ({ cluster }) => ({ StringEquals: { 'aws:RequestedRegion': cluster.region } }),
  'new-template': tagged('RequestTag'),
  'own-template': tagged('ResourceTag'),
  'template-tags': onCreation('CreateLaunchTemplate'),
  'reservation-tags': onCreation('CreateSubnetCidrReservation'),
  'instance-tags': onCreation('RunInstances'),
  'scaling-group': ({ cluster }, step) =>
    step === null ? { StringEquals: { 'aws:ResourceTag/eks:cluster-name': cluster.name } } : null,
  'journal-bucket': ({ state }) =>
    state.kind === 's3' ? { StringLike: { 's3:prefix': `${folderOf(state.prefix)}*` } } : null,
};

function accessesOf(
  { target, action }: Extract<TableRight, { service: 'kubernetes' }>,
  { leaseName }: RightsScene,
  step: AnyStep | null,
): KubernetesAccess[] {
  const access = accessOf(action);
  const namespace = 'kube-system';
  switch (target) {
    case 'cluster':
      return [access];
    case 'kube-system':
      return [{ ...access, namespace }];
    case 'aws-node':
    case 'aws-auth':
      return [{ ...access, namespace, name: target }];
    case 'lease':
      return [{ ...access, namespace, name: leaseName }];
    case 'surge':
      return surgedBy(step).map((deployment) => ({ ...access, ...deployment }));
  }
}

const surgedBy = (step: AnyStep | null): { namespace: string; name: string }[] => {
  if (step?.kind === 'drain-source') return step.params.surge;
  return step?.kind === 'delete-replacement' ? (step.params.drain?.surge ?? []) : [];
};
