import type { Job } from '../../domain/snapshot.ts';
import { controllerOf } from './owner.ts';
import { templateOf } from './placement.ts';
import type { WireCronJob, WireJob } from './wire.ts';

export function isFinished({ status }: WireJob): boolean {
  return (status?.conditions ?? []).some(
    (condition) => (condition.type === 'Complete' || condition.type === 'Failed') && condition.status === 'True',
  );
}

export function toJob(job: WireJob): Job {
  const { spec, status } = job;
  return {
    kind: 'Job',
    ...identityOf(job),
    active: status?.active ?? 0,
    startedAt: status?.startTime ?? null,
    suspended: spec?.suspend === true,
    ...specOf(spec),
  };
}

export function toCronJob(cronJob: WireCronJob): Job {
  const { spec, status } = cronJob;
  return {
    kind: 'CronJob',
    ...identityOf(cronJob),
    active: status?.active?.length ?? 0,
    startedAt: null,
    suspended: spec?.suspend === true,
    ...specOf(spec?.jobTemplate?.spec),
  };
}

function identityOf(object: WireJob | WireCronJob): Pick<Job, 'namespace' | 'name' | 'uid' | 'controller'> {
  const { namespace, name, uid } = object.metadata ?? {};
  return { namespace: namespace ?? '', name: name ?? '', uid: uid ?? '', controller: controllerOf(object) };
}

const actions = ['Ignore', 'FailJob', 'Count', 'FailIndex'] as const;

function specOf(
  spec: WireJob['spec'],
): Pick<Job, 'activeDeadlineSeconds' | 'backoffLimit' | 'onDisruption' | 'template'> {
  // the first rule that matches decides
  const rule = (spec?.podFailurePolicy?.rules ?? []).find(({ onPodConditions }) =>
    (onPodConditions ?? []).some(({ type, status }) => type === 'DisruptionTarget' && (status ?? 'True') === 'True'),
  );
  return {
    activeDeadlineSeconds: spec?.activeDeadlineSeconds ?? null,
    backoffLimit: spec?.backoffLimit ?? null,
    onDisruption: actions.find((action) => action === rule?.action) ?? null,
    template: templateOf(spec?.template),
  };
}
