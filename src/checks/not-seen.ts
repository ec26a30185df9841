import { autoScalingGroupsUnseen } from '../domain/self-managed.ts';
import type { Cluster, NotSeen } from '../domain/snapshot.ts';
import { type Check, listed } from './check.ts';

/** What is not known without each of these, as kubectl names them. */
const firstWebhooks = 'webhooks that have to move first';
const joinRoles = 'whether deleting a node group cuts off nodes that share its role';
const nodeClasses = 'maxPods of nodes that Karpenter makes';
const reasons: Record<string, string | string[]> = {
  [autoScalingGroupsUnseen]: 'which nodes are of Auto Scaling groups that EKS does not manage',
  'access entries': joinRoles,
  apis: 'whether Karpenter is installed',
  configmaps: joinRoles,
  cronjobs: 'whether CronJobs fit on the new nodes',
  'ec2nodeclasses.karpenter.k8s.aws': nodeClasses,
  'nodepools.karpenter.sh': nodeClasses,
  csinodes: 'how many volumes a node can have',
  jobs: 'whether Jobs are running',
  mutatingwebhookconfigurations: firstWebhooks,
  persistentvolumeclaims: 'where volumes can be attached',
  persistentvolumes: 'where volumes can be attached',
  resourcequotas: 'quotas without room for a second pod',
  services: [firstWebhooks, 'Services with externalTrafficPolicy Local'],
  validatingwebhookconfigurations: firstWebhooks,
};

/** What the survey could not look at. */
export const notSeen: Check = {
  codes: [
    {
      code: 'CLUSTER.NOT_SEEN',
      meaning: 'Some kinds of objects could not be read, so that what depends on them was not checked.',
      canBeAllowed: false,
    },
  ],
  run({ cluster, notSeen: missing }, { sources }) {
    if (missing.length === 0 || sources.length === 0) return [];
    const resources = missing.map(({ resource }) => resource);
    const unchecked = new Set(resources.flatMap((resource) => reasons[resource] ?? `what depends on ${resource}`));
    const why = missing.map((each) => `${each.resource}: ${each.why}`);
    return [
      {
        code: 'CLUSTER.NOT_SEEN',
        severity: 'warning',
        subject: cluster.name,
        summary: `${listed(resources, 10)} of ${cluster.name} could not be read. Not checked: ${listed([...unchecked], 10)}.`,
        why: listed(why, 2),
        nextActions: commands(cluster, missing),
      },
    ];
  },
};

/** What AWS tells, not Kubernetes. */
const isOfAws = ({ resource }: NotSeen): boolean =>
  resource === autoScalingGroupsUnseen || resource === 'access entries';

/** What gives the caller the right to read them. */
function commands({ name, region, accountId }: Cluster, missing: readonly NotSeen[]): string[] {
  const ofKubernetes = missing.filter((one) => !isOfAws(one));
  return [
    ...(ofKubernetes.length === missing.length
      ? []
      : [
          `prefix-migrate policy --phase plan --cluster ${name} --region ${region} --account ${accountId}  # what AWS has to allow`,
        ]),
    ...(ofKubernetes.some(({ resource }) => resource === 'configmaps')
      ? ['kubectl -n kube-system auth can-i get configmaps/aws-auth']
      : []),
    ...(ofKubernetes.length === 0 ? [] : kubernetesCommands(ofKubernetes)),
  ];
}

/** A kind that the API server does not have cannot be read by anybody. */
function kubernetesCommands(missing: readonly NotSeen[]): string[] {
  const forbidden = missing.filter(({ why }) => /forbidden/i.test(why));
  const user = forbidden.map(({ why }) => /User "([^"]+)"/.exec(why)?.[1]).find((name) => name !== undefined);
  const resources = forbidden
    .map(({ resource }) => resource)
    .filter((resource) => resource !== 'apis' && resource !== 'configmaps');
  const role = 'prefix-migrate-survey';
  if (resources[0] === undefined) return ['kubectl api-resources'];
  return [
    `kubectl auth can-i list ${resources[0]} --all-namespaces`,
    `kubectl create clusterrole ${role} --verb=list --resource=${resources.join(',')}`,
    ...(user === undefined ? [] : [`kubectl create clusterrolebinding ${role} --clusterrole=${role} --user='${user}'`]),
  ];
}
