/**
 * What the program may need of AWS and Kubernetes, by what it does: the one table that the policies, the questions before a run
 * and `docs/rights.md` come from. Resource types and condition keys are those of the service authorization reference
 * (https://docs.aws.amazon.com/service-authorization/latest/reference/).
 */
import { type Phase, phases, type StepKind } from './plan.ts';

/** What is known of a right before it is used. */
export type RightAnswer = 'allowed' | 'denied' | 'unknown';

/** One access to the Kubernetes API, as RBAC names it (ResourceAttributes of authorization.k8s.io/v1). */
export interface KubernetesAccess {
  verb: string;
  /** `''` is the core group */
  group: string;
  resource: string;
  subresource?: string;
  namespace?: string;
  name?: string;
}

/**
 * What an action is about, as narrow as IAM can say it. `any`: IAM knows no resource there. `of-region`: nor there, but the
 * region. `nodegroup`, the groups of Auto Scaling and `stack` are those of the step.
 */
export type AwsTarget =
  | 'any'
  | 'of-region'
  | 'cluster'
  | 'access-entries'
  | 'nodegroups'
  | 'nodegroup'
  | 'vpc-cni'
  | 'scaling-group'
  | 'self-managed-group'
  | 'released-groups'
  | 'new-template'
  | 'own-template'
  | 'template-tags'
  | 'reservation-tags'
  | 'instance-tags'
  | 'node-role'
  | 'service-role'
  | 'instance-profiles'
  | 'callers'
  | 'stack'
  | 'stack-role'
  | 'stack-template'
  | 'journal-bucket'
  | 'journal-objects';

/** Where: everywhere, in kube-system, there on one object, or in the namespaces of Deployments that are rolled over. */
export type KubernetesTarget = 'cluster' | 'kube-system' | 'aws-node' | 'aws-auth' | 'lease' | 'surge';

export interface Needs {
  /** IAM actions by what they are about */
  aws?: Partial<Record<AwsTarget, readonly string[]>>;
  /** `patch nodes`, `create pods/eviction` */
  kubernetes?: Partial<Record<KubernetesTarget, readonly string[]>>;
}

/** What is done at other times than by a step. */
export type Occasion = 'look' | 'surroundings' | 'rights' | 'lock' | 'journal-kubernetes' | 'journal-s3';
export type Use = Occasion | StepKind;

export interface Row extends Needs {
  /** in words */
  does: string;
  /** phases that it can stand in; absent for what belongs to none */
  phases?: readonly (Phase | 'rollback')[];
  /** what is not always used, and when it is; some of it no policy grants */
  sometimes?: readonly (Needs & { when: string; leftOut?: true })[];
  /** only in plans that ask for it, and when; a policy without a plan leaves it out */
  onlyWhen?: string;
  /** what these lists cannot tell */
  beyond?: string;
}

const patchNodes: Needs = { kubernetes: { cluster: ['patch nodes'] } };
/** A node that changed at the same moment is looked at by its name. */
const aNodeAtOnce = { when: 'somebody else changes a node at the same moment', kubernetes: { cluster: ['get nodes'] } };
const whyNoNodes = {
  when: 'nodes do not come: why not',
  aws: { any: ['autoscaling:DescribeScalingActivities'] },
};
const selfManaged = (...actions: string[]) => ({
  when: 'the source is an Auto Scaling group of its own (asg/NAME)',
  aws: { 'self-managed-group': actions },
});
const ofStack = {
  when: 'the group goes with its CloudFormation stack',
  aws: {
    stack: [
      'cloudformation:DeleteStack',
      'cloudformation:DescribeStackEvents',
      'cloudformation:DescribeStackResources',
      'cloudformation:DescribeStacks',
    ],
    // CloudFormation deletes what is in the stack in the name of the caller
    'stack-role': [
      'iam:DeleteInstanceProfile',
      'iam:DeleteRole',
      'iam:DeleteRolePolicy',
      'iam:DetachRolePolicy',
      'iam:GetRole',
      'iam:RemoveRoleFromInstanceProfile',
    ],
    'stack-template': ['ec2:DeleteLaunchTemplate'],
  },
};
const drain: Needs & Pick<Row, 'sometimes'> = {
  kubernetes: {
    cluster: ['create pods/eviction', 'patch nodes', 'watch nodes', 'watch pods', 'watch poddisruptionbudgets'],
  },
  sometimes: [
    aNodeAtOnce,
    { when: 'a pod does not start: why not', kubernetes: { cluster: ['list events'] } },
    {
      when: 'a Deployment is rolled over instead (plan --surge)',
      kubernetes: { surge: ['get deployments', 'patch deployments'] },
    },
  ],
};
/** EKS authorises a look at an update on the cluster, too. */
const resize: Needs = {
  aws: { cluster: ['eks:DescribeUpdate'], nodegroup: ['eks:DescribeUpdate', 'eks:UpdateNodegroupConfig'] },
};

/** Every run looks at the cluster first: rows of steps name what comes on top of that. */
export const rights: Readonly<Record<Use, Row>> = {
  look: {
    does: 'looks at the cluster: plan, audit, and every run',
    aws: {
      cluster: ['eks:DescribeCluster', 'eks:ListNodegroups'],
      nodegroups: ['eks:DescribeNodegroup'],
      'vpc-cni': ['eks:DescribeAddon'],
      any: [
        'autoscaling:DescribeAutoScalingGroups',
        'ec2:DescribeInstanceTypes',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeSubnets',
        'ec2:GetSubnetCidrReservations',
      ],
    },
    kubernetes: {
      cluster: [
        'list nodes',
        'list pods',
        'list poddisruptionbudgets',
        'list daemonsets',
        'list deployments',
        'list replicasets',
        'list statefulsets',
      ],
      'aws-node': ['get daemonsets'],
    },
    sometimes: [
      { when: 'the VPC CNI is an EKS add-on', aws: { any: ['eks:DescribeAddonConfiguration'] } },
      { when: 'a node group has a launch template', aws: { any: ['ec2:DescribeLaunchTemplateVersions'] } },
      { when: 'there is no cluster of that name: which there are', aws: { any: ['eks:ListClusters'] } },
      { when: 'custom networking', kubernetes: { cluster: ['list eniconfigs'] } },
      {
        when: 'there are nodes of no node group',
        aws: {
          any: ['autoscaling:DescribeAutoScalingInstances', 'ec2:GetInstanceTypesFromInstanceRequirements'],
          'instance-profiles': ['iam:GetInstanceProfile'],
        },
      },
      {
        when: 'which roles may join: not known without',
        aws: { cluster: ['eks:ListAccessEntries'], 'access-entries': ['eks:DescribeAccessEntry'] },
        kubernetes: { 'aws-auth': ['get configmaps'] },
      },
      {
        when: 'Karpenter is installed',
        kubernetes: { cluster: ['list nodepools', 'list ec2nodeclasses'] },
      },
    ],
  },
  surroundings: {
    does: 'what surrounds the workloads: plan; each may be missing, and a finding says what was not checked',
    kubernetes: {
      cluster: [
        'list jobs',
        'list cronjobs',
        'list persistentvolumeclaims',
        'list persistentvolumes',
        'list csinodes',
        'list validatingwebhookconfigurations',
        'list mutatingwebhookconfigurations',
        'list services',
        'list resourcequotas',
      ],
    },
    sometimes: [
      { when: 'bare pods: their manifests are kept', kubernetes: { cluster: ['get pods'] } },
      {
        // RBAC does not tell a dry run from an eviction
        when: 'evictions are rehearsed, by a role that may drain',
        kubernetes: { cluster: ['create pods/eviction'] },
        leftOut: true,
      },
    ],
  },
  rights: {
    does: 'asks IAM for missing rights before a run; without the answer it goes on',
    sometimes: [{ when: 'IAM is asked', aws: { callers: ['iam:GetRole', 'iam:SimulatePrincipalPolicy'] } }],
  },
  lock: {
    does: 'one run at a time: a Lease in kube-system',
    kubernetes: { 'kube-system': ['create leases'], lease: ['get leases', 'update leases'] },
  },
  'journal-kubernetes': {
    does: 'the journal in the cluster: --state kubernetes',
    // how many ConfigMaps it takes is not known beforehand, so they cannot be named
    kubernetes: { 'kube-system': ['create configmaps', 'get configmaps', 'update configmaps'] },
  },
  'journal-s3': {
    does: 'the journal in S3: --state s3://BUCKET/PREFIX',
    aws: { 'journal-bucket': ['s3:ListBucket'], 'journal-objects': ['s3:GetObject', 's3:PutObject'] },
  },
  'reserve-subnet-cidr': {
    does: 'reserves ranges for prefixes',
    phases: ['prepare'],
    onlyWhen: 'plan --reserve-subnet-cidr',
    aws: { 'of-region': ['ec2:CreateSubnetCidrReservation'], 'reservation-tags': ['ec2:CreateTags'] },
  },
  'release-subnet-cidr': {
    does: 'gives reserved ranges back',
    phases: ['rollback'],
    onlyWhen: 'plan --reserve-subnet-cidr',
    aws: { 'of-region': ['ec2:DeleteSubnetCidrReservation'] },
  },
  'configure-vpc-cni': {
    does: 'switches the EKS add-on to prefixes, or back',
    phases: ['prepare', 'rollback'],
    aws: { cluster: ['eks:DescribeUpdate'], 'vpc-cni': ['eks:DescribeUpdate', 'eks:UpdateAddon'] },
  },
  'patch-vpc-cni': {
    does: 'switches aws-node to prefixes, or back',
    phases: ['prepare', 'rollback'],
    onlyWhen: 'the VPC CNI is no EKS add-on',
    kubernetes: { 'aws-node': ['patch daemonsets'] },
  },
  'await-vpc-cni': { does: 'waits for somebody else to switch aws-node', phases: ['prepare'] },
  'create-launch-template': {
    does: 'makes the launch template of a replacement',
    phases: ['prepare'],
    aws: {
      'new-template': ['ec2:CreateLaunchTemplate'],
      'template-tags': ['ec2:CreateTags'],
      any: ['ec2:DescribeLaunchTemplateVersions', 'ec2:DescribeLaunchTemplates'],
    },
  },
  'create-nodegroup': {
    does: 'makes a replacement',
    phases: ['create'],
    aws: {
      cluster: ['eks:CreateNodegroup'],
      nodegroup: ['eks:TagResource'],
      'node-role': ['iam:PassRole'],
      any: ['ec2:DescribeLaunchTemplates'],
    },
    sometimes: [
      whyNoNodes,
      {
        when: 'EKS asks in the name of the caller',
        aws: {
          'of-region': ['ec2:RunInstances'],
          'instance-tags': ['ec2:CreateTags'],
          'node-role': ['iam:GetRole', 'iam:ListAttachedRolePolicies'],
          'service-role': ['iam:GetRole'],
        },
      },
    ],
  },
  'compare-launch-template': {
    does: "reads EKS's own copy of the launch template",
    phases: ['create'],
    sometimes: [{ when: 'EC2 tells', aws: { any: ['ec2:DescribeLaunchTemplateVersions'] } }],
  },
  'await-nodegroup': { does: 'waits for somebody else to make a replacement', phases: ['create'] },
  'create-with-eksctl': {
    does: 'makes a replacement with eksctl',
    phases: ['create'],
    onlyWhen: 'plan --create-with eksctl',
    beyond: 'eksctl needs rights of its own: https://eksctl.io/usage/minimum-iam-policies/',
  },
  'verify-replacement': {
    does: 'verifies the nodes of a replacement',
    phases: ['verify'],
    kubernetes: { 'kube-system': ['create pods', 'delete pods'] },
    sometimes: [whyNoNodes],
  },
  'scale-replacement': {
    does: 'gives a replacement its size',
    phases: ['verify'],
    ...resize,
    sometimes: [whyNoNodes],
  },
  'protect-replacement': {
    does: 'keeps a cluster autoscaler away from new nodes',
    phases: ['verify', 'rollback'],
    ...patchNodes,
    sometimes: [aNodeAtOnce],
  },
  'unprotect-replacement': {
    does: 'leaves nodes to the cluster autoscaler again',
    phases: ['cleanup', 'rollback'],
    ...patchNodes,
    sometimes: [aNodeAtOnce],
  },
  'cap-source': {
    does: 'holds the growth of a node group',
    phases: ['prepare', 'cordon', 'rollback'],
    ...resize,
    sometimes: [selfManaged('autoscaling:UpdateAutoScalingGroup')],
  },
  'restore-scaling': {
    does: 'lets a node group grow again',
    phases: ['rollback'],
    ...resize,
    sometimes: [selfManaged('autoscaling:UpdateAutoScalingGroup')],
  },
  'suspend-processes': {
    does: 'keeps Auto Scaling from evening out zones',
    phases: ['prepare', 'cordon'],
    aws: { 'scaling-group': ['autoscaling:SuspendProcesses'] },
  },
  'resume-processes': {
    does: 'lets Auto Scaling even out zones again',
    phases: ['rollback'],
    aws: { 'scaling-group': ['autoscaling:ResumeProcesses'] },
  },
  'cordon-source': {
    does: 'cordons nodes',
    phases: ['prepare', 'cordon', 'rollback'],
    ...patchNodes,
    sometimes: [aNodeAtOnce],
  },
  'uncordon-source': {
    does: 'uncordons nodes',
    phases: ['rollback'],
    ...patchNodes,
    sometimes: [aNodeAtOnce],
  },
  'drain-source': {
    does: 'evicts pods',
    phases: ['drain', 'rollback'],
    ...drain,
    sometimes: [
      ...(drain.sometimes ?? []),
      {
        when: 'empty nodes are ended (plan --release-nodes)',
        aws: { 'released-groups': ['autoscaling:TerminateInstanceInAutoScalingGroup'] },
      },
    ],
  },
  soak: { does: 'waits', phases: ['soak'] },
  'delete-source': {
    does: 'deletes a source',
    phases: ['delete'],
    aws: { nodegroup: ['eks:DeleteNodegroup'] },
    sometimes: [ofStack, selfManaged('autoscaling:DeleteAutoScalingGroup')],
  },
  'hand-over-source': { does: 'leaves a source to the tool that owns it', phases: ['delete'] },
  cleanup: {
    does: 'removes canary pods',
    phases: ['cleanup', 'rollback'],
    kubernetes: { 'kube-system': ['delete pods'] },
    sometimes: [{ when: 'what is left is named', aws: { any: ['ec2:DescribeLaunchTemplates'] } }],
  },
  'scale-source': {
    does: 'gives a source its nodes back',
    phases: ['rollback'],
    ...resize,
    sometimes: [whyNoNodes, selfManaged('autoscaling:UpdateAutoScalingGroup')],
  },
  'delete-replacement': {
    does: 'deletes a replacement',
    phases: ['rollback'],
    ...drain,
    aws: { nodegroup: ['eks:DeleteNodegroup'] },
    sometimes: [...(drain.sometimes ?? []), ofStack],
  },
  'delete-launch-template': {
    does: 'deletes the launch template of a replacement',
    phases: ['rollback'],
    aws: { 'own-template': ['ec2:DeleteLaunchTemplate'], any: ['ec2:DescribeLaunchTemplates'] },
  },
};

/** What `policy --phase` takes. */
export const policyPhases = ['plan', ...phases, 'rollback'] as const;
export type PolicyPhase = (typeof policyPhases)[number];

export const occasions: readonly Occasion[] = [
  'look',
  'surroundings',
  'rights',
  'lock',
  'journal-kubernetes',
  'journal-s3',
];

const isOccasion = (use: Use): use is Occasion => occasions.some((occasion) => occasion === use);

const uses = Object.keys(rights).filter((name): name is Use => name in rights);

/** Kinds of step in their order. */
export const stepKinds: readonly StepKind[] = uses.filter((use): use is StepKind => !isOccasion(use));

/** API groups of the resources that are used, by plural name. */
const groupOf: Readonly<Record<string, string>> = {
  daemonsets: 'apps',
  deployments: 'apps',
  replicasets: 'apps',
  statefulsets: 'apps',
  poddisruptionbudgets: 'policy',
  jobs: 'batch',
  cronjobs: 'batch',
  csinodes: 'storage.k8s.io',
  validatingwebhookconfigurations: 'admissionregistration.k8s.io',
  mutatingwebhookconfigurations: 'admissionregistration.k8s.io',
  leases: 'coordination.k8s.io',
  eniconfigs: 'crd.k8s.amazonaws.com',
  nodepools: 'karpenter.sh',
  ec2nodeclasses: 'karpenter.k8s.aws',
};

/** `create pods/eviction` in parts */
export function accessOf(words: string): Required<Pick<KubernetesAccess, 'verb' | 'group' | 'resource'>> & {
  subresource?: string;
} {
  const [verb = '', what = ''] = words.split(' ');
  const [resource = '', subresource] = what.split('/');
  return { verb, group: groupOf[resource] ?? '', resource, ...(subresource === undefined ? {} : { subresource }) };
}

/** As the table has it: one action or verb, and what it is for. */
export type TableRight = {
  use: Use /** null: always */;
  when: string | null /** no policy grants it for this */;
  leftOut: boolean;
} & (
  | { service: 'aws'; target: AwsTarget; action: string }
  | { service: 'kubernetes'; target: KubernetesTarget; action: string }
);

/** The rows of these uses, line by line. */
export function tableRights(of: readonly Use[]): TableRight[] {
  return of.flatMap((use) => {
    const row = rights[use];
    return [
      ...linesOf(use, null, row),
      ...(row.sometimes ?? []).flatMap((needs) => linesOf(use, needs.when, needs, needs.leftOut)),
    ];
  });
}

function linesOf(use: Use, when: string | null, { aws = {}, kubernetes = {} }: Needs, leftOut = false): TableRight[] {
  const common = { use, when, leftOut };
  return [
    ...entriesOf(aws).map(([target, action]): TableRight => ({ ...common, service: 'aws', target, action })),
    ...entriesOf(kubernetes).map(
      ([target, action]): TableRight => ({ ...common, service: 'kubernetes', target, action }),
    ),
  ];
}

const entriesOf = <T extends string>(lists: Partial<Record<T, readonly string[]>>): [T, string][] => {
  const pairs: [T, string][] = [];
  for (const target in lists) for (const action of lists[target] ?? []) pairs.push([target, action]);
  return pairs;
};
