import type { Finding } from '../domain/finding.ts';
import { type QuotaShortage, quotaShortages } from '../domain/quotas.ts';
import type { ResourceQuota } from '../domain/snapshot.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, listed } from './check.ts';

/** Quotas that refuse the successor of a pod as long as the pod is not gone. */
export const quotaNoRoom: Check = {
  codes: [
    {
      code: 'QUOTA.NO_ROOM',
      meaning: 'A quota has no room for a new pod before the old one is gone.',
      canBeAllowed: false,
    },
  ],
  run({ resourceQuotas }, { movingPods }) {
    const pods = Map.groupBy(
      // a StatefulSet waits anyway, and a bare pod has no successor
      movingPods.filter(({ controller }) => controller !== null && controller.kind !== 'StatefulSet'),
      ({ namespace }) => namespace,
    );
    return resourceQuotas.flatMap((quota) => {
      const pod = pods.get(quota.namespace)?.find((each) => quotaShortages(quota, each).length > 0);
      return pod === undefined ? [] : [noRoom(quota, nameOf(pod), quotaShortages(quota, pod))];
    });
  },
};

function noRoom({ namespace, name }: ResourceQuota, pod: string, shortages: readonly QuotaShortage[]): Finding {
  const short = shortages.map(
    ({ resource, hard, used, needed }) =>
      `${resource} ${amount(resource, used)} of ${amount(resource, hard)} used, and a pod needs ${amount(resource, needed)}`,
  );
  const hard = Object.fromEntries(
    shortages.map(({ resource, used, needed }) => [resource, amount(resource, used + needed)]),
  );
  return {
    code: 'QUOTA.NO_ROOM',
    severity: 'warning',
    subject: `${namespace}/${name}`,
    summary: `Quota ${namespace}/${name} has no room for a pod like ${pod} besides those that are there: ${listed(short)}.`,
    why: 'A pod that is ending still counts: its successor is refused until it is gone, and tried again later. So long there is one pod less.',
    nextActions: [
      `kubectl -n ${namespace} describe quota ${name}`,
      `kubectl -n ${namespace} patch quota ${name} --type=merge -p '${JSON.stringify({ spec: { hard } })}'`,
    ],
  };
}

/** As Kubernetes writes it: CPU in millis, memory in whole Mi where it is. */
function amount(resource: string, value: number): string {
  if (/(^|\.)cpu$/.test(resource)) return value % 1000 === 0 ? String(value / 1000) : `${value}m`;
  const mebibytes = value / 2 ** 20;
  return /(memory|storage)$/.test(resource) && Number.isInteger(mebibytes) && value > 0
    ? `${mebibytes}Mi`
    : String(value);
}
