import type { NotSeen } from '../domain/snapshot.ts';
import { type Check, listed } from './check.ts';

/** What is not known without each of these, as kubectl names them. */
const firstWebhooks = 'webhooks that have to move first';
const reasons: Record<string, string | string[]> = {
  apis: 'whether Karpenter is installed',
  cronjobs: 'whether CronJobs fit on the new nodes',
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
        nextActions: commands(missing),
      },
    ];
  },
};

/** What gives the caller the right to read them; a kind that the API server does not have cannot be read by anybody. */
function commands(missing: readonly NotSeen[]): string[] {
  const forbidden = missing.filter(({ why }) => /forbidden/i.test(why));
  const user = forbidden.map(({ why }) => /User "([^"]+)"/.exec(why)?.[1]).find((name) => name !== undefined);
  const resources = forbidden.map(({ resource }) => resource).filter((resource) => resource !== 'apis');
  const role = 'prefix-migrate-survey';
  if (resources[0] === undefined) return ['kubectl api-resources'];
  return [
    `kubectl auth can-i list ${resources[0]} --all-namespaces`,
    `kubectl create clusterrole ${role} --verb=list --resource=${resources.join(',')}`,
    ...(user === undefined ? [] : [`kubectl create clusterrolebinding ${role} --clusterrole=${role} --user='${user}'`]),
  ];
}
