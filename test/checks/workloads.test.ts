import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type {
  AutoScalingGroup,
  ClusterSnapshot,
  Job,
  Pod,
  PodWebhook,
  ResourceQuota,
  Service,
  Workload,
} from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aDeployment, aPod, aRequest, aSnapshot, podsOf } from '../support/snapshot.ts';

const healthy = aSnapshot();
const appsNodes = ['ip-10-0-1-10', 'ip-10-0-2-10', 'ip-10-0-1-20'];

const findingsOf = (snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) => {
  const asked = aRequest({ nodegroups: ['apps'], ...request });
  return runChecks(snapshot, asked, scopeOf(snapshot, asked));
};
const brief = (snapshot: ClusterSnapshot, request?: Partial<PlanRequest>) =>
  findingsOf(snapshot, request).map(({ code, severity, subject }) => `${severity} ${code} ${subject}`);
const of = (code: string, snapshot: ClusterSnapshot, request?: Partial<PlanRequest>) => {
  const [finding, ...others] = findingsOf(snapshot, request).filter((each) => each.code === code);
  assert.ok(finding !== undefined && others.length === 0, code);
  return finding;
};

/** Every pod of `shop/web`, which is on the nodes of apps, changed. */
const web = (overrides: Partial<Pod>, more: Partial<ClusterSnapshot> = {}) =>
  aSnapshot({
    pods: healthy.pods.map((pod) => (pod.labels['app'] === 'web' ? { ...pod, ...overrides } : pod)),
    ...more,
  });
/** Where nothing is to be said about a pod: it stays, it is elsewhere, it is done. */
const exempt = (overrides: Partial<Pod>): [string, ClusterSnapshot][] => [
  [
    'a DaemonSet',
    web({ ...overrides, controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'log', uid: 'uid-log' } }),
  ],
  ['a mirror pod', web({ ...overrides, mirror: true })],
  ['another node group', web({ ...overrides, nodeName: 'ip-10-0-1-30' })],
  ['a finished pod', web({ ...overrides, phase: 'Succeeded' })],
];

describe('pods that something of', () => {
  const ownInterface = { 'vpc.amazonaws.com/pod-eni': '[]' };
  const argo = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Workflow', name: 'etl', uid: 'uid-etl' };
  const rows: [string, Partial<Pod>, Partial<PlanRequest>, string[]][] = [
    ['emptyDir', { emptyDirVolumes: ['tmp'] }, {}, ['blocking POD.EMPTY_DIR shop/web']],
    [
      'safe-to-evict: "false"',
      { annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' } },
      {},
      ['blocking POD.DO_NOT_DISRUPT shop/web'],
    ],
    [
      'do-not-disrupt',
      { annotations: { 'karpenter.sh/do-not-disrupt': 'true' } },
      {},
      ['blocking POD.DO_NOT_DISRUPT shop/web'],
    ],
    [
      'do-not-evict',
      { annotations: { 'karpenter.sh/do-not-evict': 'true' } },
      {},
      ['blocking POD.DO_NOT_DISRUPT shop/web'],
    ],
    ['20 minutes to end', { terminationGracePeriodSeconds: 1200 }, {}, ['warning POD.LONG_GRACE shop/web']],
    [
      'more time to end than the drain may take',
      { terminationGracePeriodSeconds: 1200 },
      { drainTimeoutSeconds: 1199 },
      ['blocking POD.LONG_GRACE shop/web'],
    ],
    [
      'little time to end, and a drain that has less',
      { terminationGracePeriodSeconds: 61 },
      { drainTimeoutSeconds: 20 },
      ['blocking POD.LONG_GRACE shop/web'],
    ],
    [
      'the usual time to end, and a drain that has less',
      { terminationGracePeriodSeconds: 60 },
      { drainTimeoutSeconds: 20 },
      ['warning DRAIN.TIMEOUT_SHORT shop-eu'],
    ],
    [
      'no time to end, with an interface of their own',
      { terminationGracePeriodSeconds: 0, annotations: ownInterface },
      {},
      ['advice POD.ZERO_GRACE shop/web'],
    ],
    [
      'a minute over their time',
      { deletionTimestamp: '2026-03-01T09:58:59.000Z' },
      {},
      ['warning POD.STUCK_TERMINATING shop/web'],
    ],
    ['a hostPath', { hostPaths: ['/data/web', '/etc/localtime'] }, {}, ['advice POD.HOST_PATH shop/web']],
    [
      'a controller of another kind',
      { controller: argo },
      {},
      ['warning POD.UNKNOWN_CONTROLLER argoproj.io/Workflow shop/etl'],
    ],
    [
      'a Job of another kind',
      { controller: { ...argo, kind: 'Job' } },
      {},
      ['warning POD.UNKNOWN_CONTROLLER argoproj.io/Job shop/etl'],
    ],
  ];
  for (const [name, overrides, request, expected] of rows) {
    test(name, () => assert.deepEqual(brief(web(overrides), request), expected));
    for (const [where, snapshot] of exempt(overrides)) {
      test(`${name}, but ${where}`, () =>
        assert.deepEqual(
          brief(snapshot, request).filter(
            (line) =>
              line.includes(' POD.') &&
              !(where === 'a finished pod' && line.includes('STUCK')) &&
              !(where === 'a mirror pod' && line.includes('POD.STATIC')),
          ),
          [],
        ));
    }
  }
  const silent: [string, Partial<Pod>, Partial<PlanRequest>][] = [
    ['safe-to-evict: "true"', { annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true' } }, {}],
    ['do-not-disrupt: "false"', { annotations: { 'karpenter.sh/do-not-disrupt': 'false' } }, {}],
    ['15 minutes to end', { terminationGracePeriodSeconds: 900 }, {}],
    ['15 minutes to end, and as long a drain', { terminationGracePeriodSeconds: 900 }, { drainTimeoutSeconds: 900 }],
    ['no time to end', { terminationGracePeriodSeconds: 0 }, {}],
    ['on their way out', { deletionTimestamp: '2026-03-01T09:59:00.000Z' }, {}],
    ['time to end that is not over', { deletionTimestamp: '2026-03-01T10:05:00.000Z' }, {}],
    [
      'a hostPath that every node has',
      { hostPaths: ['/dev', '/var/run/docker.sock', '/sys/fs/cgroup', '/var/log'] },
      {},
    ],
    [
      'a ReplicationController',
      {
        controller: { apiVersion: 'v1', kind: 'ReplicationController', name: 'old', uid: 'uid-old' },
      },
      {},
    ],
  ];
  for (const [name, overrides, request] of silent) {
    test(`${name}: nothing to say`, () => assert.deepEqual(brief(web(overrides), request), []));
  }
});

describe('what is said about pods', () => {
  test('emptyDir: one finding for each workload, with medium and limit', () => {
    const snapshot = web({ emptyDirVolumes: ['cache', 'tmp'], emptyDirLimits: { cache: 'Memory, at most 64Mi' } });
    assert.equal(
      of('POD.EMPTY_DIR', snapshot).summary,
      '4 pods of shop/web on the nodes to be drained with emptyDir cache (Memory, at most 64Mi), tmp.',
    );
  });
  const alone = aPod({ name: 'alone', controller: null, labels: {} });
  const kept = { namespace: 'shop', name: 'alone', file: 'bare-pods/shop_alone.yaml', redacted: [] };
  const bare: [string, Partial<ClusterSnapshot>, RegExp, string][] = [
    [
      'not kept',
      {},
      /on another node\.$/,
      'kubectl -n shop get pod alone -o yaml > shop_alone.yaml  # keeps it whole; remove spec.nodeName from it before it is created again',
    ],
    [
      'kept whole',
      { barePods: [kept] },
      /The plan folder keeps 1 manifest in bare-pods\/\.$/,
      'kubectl create -f bare-pods/shop_alone.yaml  # creates it again; in the plan folder',
    ],
    [
      'kept without secrets',
      { barePods: [{ ...kept, redacted: ['spec.containers[app].env[TOKEN]'] }] },
      /From them values are left out that may be secret\.$/,
      'kubectl -n shop get pod alone -o yaml > shop_alone.yaml  # keeps it whole; remove spec.nodeName from it before it is created again',
    ],
  ];
  for (const [name, more, why, action] of bare) {
    test(`a bare pod: ${name}`, () => {
      const finding = of('POD.BARE', aSnapshot({ pods: [alone], ...more }));
      assert.match(finding.why, why);
      assert.equal(finding.nextActions[0], action);
    });
  }
  test('an annotation: who reads it', () => {
    const finding = of('POD.DO_NOT_DISRUPT', web({ annotations: { 'karpenter.sh/do-not-disrupt': 'true' } }));
    assert.match(finding.why, /^Karpenter heeds this annotation\. The eviction API does not/);
    assert.equal(
      of('POD.DO_NOT_DISRUPT', web({ annotations: { 'karpenter.sh/do-not-disrupt': 'true' } }), {
        allow: ['POD.DO_NOT_DISRUPT'],
      }).allowed,
      true,
    );
  });
  test('a pod that does not end: how long, and what holds it', () => {
    const late = { deletionTimestamp: '2026-03-01T09:50:00.000Z' };
    const held = of('POD.STUCK_TERMINATING', web({ ...late, finalizers: ['example.com/backup'] }));
    assert.match(held.summary, /^4 pods of shop\/web should have ended 10m ago: /);
    assert.match(held.why, /^Finalizers hold it: example\.com\/backup\./);
    assert.deepEqual(of('POD.STUCK_TERMINATING', web(late)).nextActions, [
      'kubectl -n shop describe pod web-1-0',
      'kubectl describe node ip-10-0-1-10',
    ]);
  });
  test('a pod that has ended, and that finalizers hold: the drain does not wait', () => {
    const ended = {
      phase: 'Succeeded',
      finalizers: ['example.com/backup'],
      deletionTimestamp: '2026-03-01T09:50:00.000Z',
    };
    assert.deepEqual(brief(web(ended)), ['warning POD.STUCK_TERMINATING shop/web']);
    assert.match(of('POD.STUCK_TERMINATING', web(ended)).why, /Their controllers .* the drain does not wait/);
  });
  test('a deadline before the expected end, and one that is long enough', () => {
    const finding = of('DRAIN.TIMEOUT_SHORT', healthy, { drainTimeoutSeconds: 60 });
    assert.match(
      finding.summary,
      /^--drain-timeout 1m is less than draining shop-eu is expected to take: about 2m\d+s/,
    );
    const [again] = finding.nextActions;
    assert.match(again ?? '', /--drain-timeout 5m /);
    assert.deepEqual(brief(healthy, { drainTimeoutSeconds: 300 }), []);
    const pods = podsOf('shop', 'web', 1, ['ip-10-0-1-10']).map((pod) => ({
      ...pod,
      startupSeconds: 1,
      terminationGracePeriodSeconds: 60,
    }));
    assert.match(
      of('DRAIN.TIMEOUT_SHORT', aSnapshot({ pods }), { drainTimeoutSeconds: 45 }).summary,
      /^--drain-timeout 45s is less than a pod of shop-eu may take to end: 1m\.$/,
    );
  });
  test('a drain that is too short: one that is long enough', () =>
    assert.equal(
      of('POD.LONG_GRACE', web({ terminationGracePeriodSeconds: 7200 }), { drainTimeoutSeconds: 3600 }).nextActions[0],
      'prefix-migrate plan --cluster shop-eu --nodegroup apps --drain-timeout 2h30m --soak 0s',
    ));
});

const job = (overrides: Partial<Job> = {}): Job => ({
  kind: 'Job',
  namespace: 'shop',
  name: 'report-1',
  uid: 'uid-report-1',
  controller: null,
  active: 1,
  startedAt: '2026-03-01T09:00:00.000Z',
  activeDeadlineSeconds: null,
  backoffLimit: 6,
  onDisruption: null,
  suspended: false,
  template: { labels: {}, nodeSelector: {}, tolerations: [] },
  ...overrides,
});
const podOf = ({ name, uid }: Job, overrides: Partial<Pod> = {}) =>
  aPod({
    name: `${name}-x`,
    labels: {},
    controller: { apiVersion: 'batch/v1', kind: 'Job', name, uid },
    ...overrides,
  });

const running = (...jobs: Job[]) => aSnapshot({ jobs, pods: jobs.map((each) => podOf(each)), workloads: [] });

describe('Jobs', () => {
  const rows: [string, Partial<Job>, RegExp][] = [
    ['counts', {}, /begins anew, and counts as a failure against backoffLimit\.$/],
    ['Count', { onDisruption: 'Count' }, /counts as a failure against backoffLimit\.$/],
    ['Ignore', { onDisruption: 'Ignore', backoffLimit: 0 }, /does not count as a failure/],
    ['FailJob', { onDisruption: 'FailJob' }, /an evicted pod ends its Job as failed/],
    ['no failure allowed', { backoffLimit: 0 }, /an evicted pod ends its Job as failed/],
    ['FailIndex', { onDisruption: 'FailIndex' }, /ends its index as failed/],
  ];
  for (const [name, overrides, said] of rows) {
    test(name, () => assert.match(of('JOB.RUNNING', running(job(overrides))).summary, said));
  }
  test('one finding for all with the same outcome', () => {
    const many = running(
      job(),
      job({ name: 'report-2', uid: 'uid-report-2' }),
      job({ name: 'report-3', uid: 'uid-report-3', backoffLimit: 0 }),
    );
    assert.deepEqual(brief(many), [
      'warning JOB.RUNNING shop/report-3',
      'warning JOB.RUNNING shop/report-1, shop/report-2',
    ]);
  });
  test('a Job that is not in the list', () =>
    assert.deepEqual(brief({ ...running(job()), jobs: [] }), ['warning JOB.RUNNING shop/report-1']));
  test('without --wait-for-jobs: the command that waits', () =>
    assert.equal(
      of('JOB.RUNNING', running(job())).nextActions[0],
      'prefix-migrate plan --cluster shop-eu --nodegroup apps --wait-for-jobs 1h --soak 0s  # lets them run on for so long',
    ));
  test('with it: what happens', () => {
    const finding = of('JOB.RUNNING', running(job()), { waitForJobsSeconds: 900 });
    assert.equal(finding.why, 'The drain waits up to 15m for them, and evicts what then still runs.');
    assert.deepEqual(finding.nextActions, ['kubectl -n shop get job report-1']);
  });
  test('pods that are done, on their way out, or elsewhere', () =>
    assert.deepEqual(
      brief(
        aSnapshot({
          workloads: [],
          jobs: [job()],
          pods: [
            podOf(job(), { phase: 'Succeeded' }),
            podOf(job(), { deletionTimestamp: '2026-03-01T10:00:20.000Z' }),
            podOf(job(), { nodeName: 'ip-10-0-1-30' }),
          ],
        }),
      ),
      [],
    ));
});

const cart = (deployment: Partial<Workload>, more: Partial<ClusterSnapshot> = {}, pod: Partial<Pod> = {}) => {
  const [first, second] = aDeployment('shop', 'cart', deployment.replicas ?? 1);
  assert.ok(first !== undefined && second !== undefined);
  return aSnapshot({
    pods: podsOf('shop', 'cart', 1, appsNodes).map((each) => ({ ...each, ...pod })),
    workloads: [{ ...first, rollout: { maxSurge: 1, maxUnavailable: 0 }, ...deployment }, second],
    podDisruptionBudgets: [],
    ...more,
  });
};
const claim = (accessModes: string[]) => ({
  namespace: 'shop',
  name: 'data',
  volumeName: 'pv-1',
  storageClass: 'gp3',
  accessModes,
  driver: 'ebs.csi.aws.com',
  nodeAffinity: [],
});
const fullQuota = (overrides: Partial<ResourceQuota> = {}): ResourceQuota => ({
  namespace: 'shop',
  name: 'compute',
  hard: { pods: 1 },
  used: { pods: 1 },
  isScoped: false,
  ...overrides,
});

describe('--surge', () => {
  const { rollout: _, ...recreate } = cart({}).workloads[0] ?? assert.fail();
  const withVolume = { persistentVolumeClaims: ['data'] };
  const rows: [string, ClusterSnapshot, string][] = [
    ['not there', aSnapshot({ pods: [], workloads: [] }), 'there is no Deployment shop/cart'],
    ['two replicas', cart({ replicas: 2 }), 'it has 2 replicas, and this is for one'],
    [
      'Recreate',
      { ...cart({}), workloads: [recreate, ...cart({}).workloads.slice(1)] },
      'its strategy is Recreate: the old pod ends before the new one starts',
    ],
    [
      'maxSurge 0',
      cart({ rollout: { maxSurge: 0, maxUnavailable: 1 } }),
      'its maxSurge is 0: no second pod is started',
    ],
    [
      'maxUnavailable 1',
      cart({ rollout: { maxSurge: 1, maxUnavailable: 1 } }),
      'its maxUnavailable is 1: the old pod may end before the new one is Ready',
    ],
    [
      'a volume for one node',
      cart({}, { volumeClaims: [claim(['ReadWriteOnce'])] }, withVolume),
      'its volume data can be on one node only (ReadWriteOnce)',
    ],
    [
      'a quota that is full',
      cart({}, { resourceQuotas: [fullQuota()] }),
      'quota compute has no room for a second pod (pods)',
    ],
  ];
  for (const [name, snapshot, reason] of rows) {
    test(`${name}: refused`, () => {
      const finding = of('WORKLOAD.SURGE_REFUSED', snapshot, { surge: ['shop/cart'] });
      assert.equal(finding.severity, 'blocking');
      assert.equal(finding.summary, `--surge shop/cart: ${reason}.`);
      assert.equal(
        finding.nextActions.at(-1),
        'prefix-migrate plan --cluster shop-eu --nodegroup apps --soak 0s  # evicts its pods instead',
      );
    });
  }
  const fine: [string, ClusterSnapshot][] = [
    ['as it should be', cart({})],
    ['a volume for many nodes', cart({}, { volumeClaims: [claim(['ReadWriteMany', 'ReadWriteOnce'])] }, withVolume)],
    ['a claim that nobody saw', cart({}, {}, withVolume)],
    ['a quota with room', cart({}, { resourceQuotas: [fullQuota({ hard: { pods: 2 } })] })],
    ['a quota for some pods only', cart({}, { resourceQuotas: [fullQuota({ isScoped: true })] })],
  ];
  for (const [name, snapshot] of fine) {
    test(`${name}: taken`, () =>
      assert.deepEqual(
        brief(snapshot, { surge: ['shop/cart'] }).filter((line) => line.includes('WORKLOAD')),
        [],
      ));
  }
});

const service = (overrides: Partial<Service> = {}): Service => ({
  namespace: 'shop',
  name: 'policy',
  type: 'ClusterIP',
  selector: { app: 'web' },
  externalTrafficPolicy: null,
  ...overrides,
});

describe('what others depend on', () => {
  const policy: PodWebhook = {
    kind: 'validating',
    configuration: 'policy',
    name: 'validate.policy.example.com',
    failurePolicy: 'Fail',
    service: { namespace: 'shop', name: 'policy' },
    intercepts: ['pods'],
    namespaceSelector: null,
  };
  const rows: [string, ClusterSnapshot, string[]][] = [
    [
      'a webhook whose pods all move',
      aSnapshot({ podWebhooks: [policy], services: [service()] }),
      ['warning WEBHOOK.ONLY_ON_SOURCE shop/policy'],
    ],
    [
      'two webhooks of one service',
      aSnapshot({ podWebhooks: [policy, { ...policy, name: 'mutate' }], services: [service()] }),
      ['warning WEBHOOK.ONLY_ON_SOURCE shop/policy'],
    ],
    [
      'a webhook that may be silent',
      aSnapshot({ podWebhooks: [{ ...policy, failurePolicy: 'Ignore' }], services: [service()] }),
      [],
    ],
    [
      'a webhook outside the cluster',
      aSnapshot({ podWebhooks: [{ ...policy, service: null }], services: [service()] }),
      [],
    ],
    [
      'a webhook with pods elsewhere',
      aSnapshot({
        podWebhooks: [policy],
        services: [service()],
        pods: [...healthy.pods, aPod({ name: 'web-9', nodeName: 'ip-10-0-1-30' })],
      }),
      [],
    ],
    [
      'a webhook with a DaemonSet',
      aSnapshot({
        podWebhooks: [{ ...policy, service: { namespace: 'kube-system', name: 'policy' } }],
        services: [service({ namespace: 'kube-system', selector: { 'k8s-app': 'kube-proxy' } })],
      }),
      [],
    ],
    [
      'a webhook with no Ready pod',
      web({ ready: false }, { podWebhooks: [policy], services: [service()], podDisruptionBudgets: [], workloads: [] }),
      ['warning WEBHOOK.NO_BACKEND shop/policy'],
    ],
    [
      'a webhook whose service is gone',
      aSnapshot({ podWebhooks: [policy] }),
      ['warning WEBHOOK.NO_BACKEND shop/policy'],
    ],
    [
      'a webhook of another namespace, whose service is gone',
      aSnapshot({
        podWebhooks: [{ ...policy, namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'tools' } } }],
      }),
      [],
    ],
    [
      'a webhook of some pods only, whose pods all move',
      aSnapshot({ podWebhooks: [{ ...policy, isNarrowed: true }], services: [service()] }),
      ['advice WEBHOOK.ONLY_ON_SOURCE shop/policy'],
    ],
    [
      'a webhook of some pods only, whose service is gone',
      aSnapshot({ podWebhooks: [{ ...policy, isNarrowed: true }] }),
      ['advice WEBHOOK.NO_BACKEND shop/policy'],
    ],
    [
      'a webhook of some pods only, and one of all',
      aSnapshot({ podWebhooks: [{ ...policy, isNarrowed: true }, policy], services: [service()] }),
      ['warning WEBHOOK.ONLY_ON_SOURCE shop/policy'],
    ],
    [
      'a webhook of another namespace, whose pods all move',
      aSnapshot({
        podWebhooks: [{ ...policy, namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'tools' } } }],
        services: [service()],
      }),
      [],
    ],
    [
      'a webhook of namespaces with a label',
      aSnapshot({
        podWebhooks: [{ ...policy, namespaceSelector: { matchLabels: { guarded: 'yes' } } }],
        services: [service()],
      }),
      ['advice WEBHOOK.ONLY_ON_SOURCE shop/policy'],
    ],
    [
      'a webhook of namespaces without a label',
      aSnapshot({
        podWebhooks: [
          {
            ...policy,
            namespaceSelector: { matchExpressions: [{ key: 'free', operator: 'DoesNotExist', values: [] }] },
          },
        ],
        services: [service()],
      }),
      ['warning WEBHOOK.ONLY_ON_SOURCE shop/policy'],
    ],
    [
      'a webhook whose services nobody saw',
      aSnapshot({ podWebhooks: [policy], notSeen: [{ resource: 'services', why: 'forbidden' }] }),
      ['warning CLUSTER.NOT_SEEN shop-eu'],
    ],
    ['a service without selector', aSnapshot({ podWebhooks: [policy], services: [service({ selector: null })] }), []],
    [
      'a load balancer with local traffic',
      aSnapshot({ services: [service({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' })] }),
      ['advice SERVICE.LOCAL_TRAFFIC shop/policy'],
    ],
    [
      'a NodePort with local traffic',
      aSnapshot({ services: [service({ type: 'NodePort', externalTrafficPolicy: 'Local' })] }),
      ['advice SERVICE.LOCAL_TRAFFIC shop/policy'],
    ],
    [
      'a load balancer with traffic from all',
      aSnapshot({ services: [service({ type: 'LoadBalancer', externalTrafficPolicy: 'Cluster' })] }),
      [],
    ],
    [
      'local traffic elsewhere',
      aSnapshot({
        services: [
          service({
            namespace: 'tools',
            selector: { app: 'jobs' },
            type: 'LoadBalancer',
            externalTrafficPolicy: 'Local',
          }),
        ],
      }),
      [],
    ],
  ];
  for (const [name, snapshot, expected] of rows) test(name, () => assert.deepEqual(brief(snapshot), expected));

  test('a webhook of one pod: a second one, since it may stand in its own way', () => {
    const snapshot = aSnapshot({
      podWebhooks: [policy],
      services: [service({ selector: { app: 'gate' } })],
      pods: podsOf('shop', 'gate', 1, appsNodes),
      workloads: aDeployment('shop', 'gate', 1).map((each) => ({
        ...each,
        rollout: { maxSurge: 1, maxUnavailable: 0 },
      })),
    });
    assert.deepEqual(of('WEBHOOK.ONLY_ON_SOURCE', snapshot).nextActions, [
      'kubectl -n shop scale deployment/gate --replicas=2',
      'prefix-migrate plan --cluster shop-eu --nodegroup apps --surge shop/gate --soak 0s  # a new pod is Ready before the old one goes',
      'kubectl -n shop get pods -l app=gate -o wide',
    ]);
  });

  const dns = podsOf('kube-system', 'coredns', 2, appsNodes).map((pod) => ({
    ...pod,
    labels: { 'k8s-app': 'kube-dns' },
  }));
  test('CoreDNS, on the old nodes only', () => {
    const snapshot = aSnapshot({ pods: dns, workloads: [] });
    assert.deepEqual(brief(snapshot), ['advice COREDNS.ONLY_ON_SOURCE kube-system/coredns']);
    assert.match(of('COREDNS.ONLY_ON_SOURCE', snapshot).summary, /^The only 2 Ready pods of CoreDNS are on/);
  });
  test('CoreDNS, elsewhere, too', () =>
    assert.deepEqual(
      brief(
        aSnapshot({
          pods: dns.map((pod, index) => (index === 0 ? { ...pod, nodeName: 'ip-10-0-1-30' } : pod)),
          workloads: [],
        }),
      ),
      [],
    ));
});

const mebi = 2 ** 20;
// a pod of shop/web asks for 100m and 128Mi
const quota = (hard: Record<string, number>, used: Record<string, number>, more: Partial<ResourceQuota> = {}) =>
  aSnapshot({ resourceQuotas: [{ namespace: 'shop', name: 'compute', hard, used, isScoped: false, ...more }] });

describe('quotas', () => {
  const rows: [string, ClusterSnapshot, string | null][] = [
    ['pods', quota({ pods: 7 }, { pods: 7 }), 'pods 7 of 7 used, and a pod needs 1'],
    ['room for one pod', quota({ pods: 8 }, { pods: 7 }), null],
    [
      'cpu',
      quota({ 'requests.cpu': 1000 }, { 'requests.cpu': 950 }),
      'requests.cpu 950m of 1 used, and a pod needs 100m',
    ],
    [
      'memory',
      quota({ 'requests.memory': 1024 * mebi }, { 'requests.memory': 1000 * mebi }),
      'requests.memory 1000Mi of 1024Mi used, and a pod needs 128Mi',
    ],
    ['just enough', quota({ 'requests.cpu': 1000 }, { 'requests.cpu': 900 }), null],
    ['of what the pods do not use', quota({ 'requests.nvidia.com/gpu': 0, services: 1 }, { services: 1 }), null],
    ['of some pods only', quota({ pods: 7 }, { pods: 7 }, { isScoped: true }), null],
    ['of another namespace', quota({ pods: 2 }, { pods: 2 }, { namespace: 'tools' }), null],
  ];
  for (const [name, snapshot, said] of rows) {
    test(name, () => {
      if (said === null) return assert.deepEqual(brief(snapshot), []);
      assert.deepEqual(brief(snapshot), ['warning QUOTA.NO_ROOM shop/compute']);
      assert.ok(of('QUOTA.NO_ROOM', snapshot).summary.endsWith(`${said}.`), of('QUOTA.NO_ROOM', snapshot).summary);
      return undefined;
    });
  }
  test('stateful sets wait for their pods anyway', () =>
    assert.deepEqual(
      brief({
        ...quota({ pods: 4 }, { pods: 4 }),
        workloads: [],
        pods: healthy.pods
          .filter(({ labels }) => labels['app'] === 'web')
          .map((pod) => ({
            ...pod,
            controller: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 'uid-web' },
          })),
      }),
      [],
    ));
  test('the patch makes room for one pod', () =>
    assert.equal(
      of('QUOTA.NO_ROOM', quota({ 'requests.cpu': 1000 }, { 'requests.cpu': 950 })).nextActions[1],
      `kubectl -n shop patch quota compute --type=merge -p '{"spec":{"hard":{"requests.cpu":"1050m"}}}'`,
    ));
});

const deployment = (name: string, image: string, overrides: Partial<Workload> = {}) =>
  aSnapshot({
    workloads: [
      ...healthy.workloads,
      {
        kind: 'Deployment',
        namespace: 'kube-system',
        name,
        uid: `uid-${name}`,
        controller: null,
        replicas: 1,
        readyReplicas: 0,
        images: [image],
        ...overrides,
      },
    ],
  });

const suspended = (name: string, ...suspendedProcesses: string[]) =>
  aSnapshot({
    autoScalingGroups: healthy.autoScalingGroups.map(
      (group): AutoScalingGroup => (group.name === name ? { ...group, suspendedProcesses } : group),
    ),
  });

describe('autoscalers and Auto Scaling groups', () => {
  const rows: [string, ClusterSnapshot, string[]][] = [
    [
      'cluster autoscaler from a mirror, not Ready',
      deployment('ca', '111122223333.dkr.ecr.eu-west-1.amazonaws.com:443/k8s/cluster-autoscaler:v1.33.0@sha256:00'),
      ['advice AUTOSCALER.CLUSTER_AUTOSCALER kube-system/ca'],
    ],
    [
      'cluster autoscaler from an image of another name',
      deployment('prod-aws-cluster-autoscaler', 'mirror/ca:1'),
      ['advice AUTOSCALER.CLUSTER_AUTOSCALER kube-system/prod-aws-cluster-autoscaler'],
    ],
    ['cluster autoscaler scaled to 0', deployment('ca', 'k8s/cluster-autoscaler:1', { replicas: 0 }), []],
    ['another autoscaler', deployment('dns', 'k8s/cluster-proportional-autoscaler:1'), []],
    [
      'termination handler',
      deployment('nth', 'public.ecr.aws/aws-ec2/aws-node-termination-handler:v1.25.0', { kind: 'DaemonSet' }),
      ['advice AUTOSCALER.TERMINATION_HANDLER kube-system/nth'],
    ],
    ['Karpenter', aSnapshot({ apiGroups: ['apps', 'karpenter.sh'] }), ['warning AUTOSCALER.KARPENTER shop-eu']],
    ['Karpenter, and no pod that moves', aSnapshot({ apiGroups: ['karpenter.sh'], pods: [] }), []],
  ];
  for (const [name, snapshot, expected] of rows) test(name, () => assert.deepEqual(brief(snapshot), expected));

  test('Terminate is suspended: the group could not be deleted', () => {
    const finding = of('ASG.SUSPENDED_PROCESSES', suspended('eks-apps-0123', 'AZRebalance', 'Launch', 'Terminate'));
    assert.equal(finding.severity, 'blocking');
    assert.equal(
      finding.nextActions[0],
      'aws autoscaling resume-processes --region eu-west-1 --auto-scaling-group-name eks-apps-0123 --scaling-processes Launch Terminate',
    );
  });
  const others: [string, ClusterSnapshot, string[]][] = [
    ['Launch', suspended('eks-apps-0123', 'Launch'), ['warning ASG.SUSPENDED_PROCESSES apps']],
    ['AZRebalance', suspended('eks-apps-0123', 'AZRebalance'), []],
    ['Terminate of a group that stays', suspended('eks-tools-0123', 'Terminate'), []],
  ];
  for (const [name, snapshot, expected] of others) {
    test(`${name} is suspended`, () => assert.deepEqual(brief(snapshot), expected));
  }
});

const mirror = (nodeName: string): Pod =>
  aPod({ namespace: 'kube-system', name: `agent-${nodeName}`, nodeName, mirror: true });

const withStatic = (...names: string[]) => aSnapshot({ pods: [...healthy.pods, ...names.map(mirror)] });

test('a static pod: once for all nodes, without their names; not elsewhere', () => {
  const finding = of('POD.STATIC', withStatic(...appsNodes.slice(0, 2)));
  assert.deepEqual([finding.severity, finding.subject], ['advice', 'kube-system/agent']);
  assert.equal(
    finding.summary,
    '2 static pods kube-system/agent on the nodes of apps will not be on the new nodes, unless their user data or image makes them.',
  );
  assert.deepEqual(finding.nextActions, ['kubectl -n kube-system get pod agent-ip-10-0-1-10 -o yaml']);
  assert.deepEqual(brief(withStatic('ip-10-0-1-30')), []);
});

describe('what could not be seen', () => {
  test('what several are needed for is said once', () => {
    const notSeen = ['services', 'validatingwebhookconfigurations', 'mutatingwebhookconfigurations'].map(
      (resource) => ({ resource, why: 'forbidden' }),
    );
    assert.match(
      of('CLUSTER.NOT_SEEN', aSnapshot({ notSeen })).summary,
      /Not checked: webhooks that have to move first, Services with externalTrafficPolicy Local\.$/,
    );
  });

  test('is named with what is not checked for it, and the commands', () => {
    const why = 'resourcequotas is forbidden: User "ci" cannot list resource "resourcequotas"';
    const snapshot = aSnapshot({ notSeen: [{ resource: 'resourcequotas', why }] });
    const finding = of('CLUSTER.NOT_SEEN', snapshot);
    assert.deepEqual(brief(snapshot), ['warning CLUSTER.NOT_SEEN shop-eu']);
    assert.equal(
      finding.summary,
      'resourcequotas of shop-eu could not be read. Not checked: quotas without room for a second pod.',
    );
    assert.match(finding.why, /User "ci" cannot list/);
    assert.deepEqual(finding.nextActions, [
      'kubectl auth can-i list resourcequotas --all-namespaces',
      'kubectl create clusterrole prefix-migrate-survey --verb=list --resource=resourcequotas',
      "kubectl create clusterrolebinding prefix-migrate-survey --clusterrole=prefix-migrate-survey --user='ci'",
    ]);
  });
  test('a kind that the API server does not have is not a matter of rights', () => {
    const snapshot = aSnapshot({
      notSeen: [{ resource: 'csinodes', why: 'the server could not find the requested resource' }],
    });
    assert.deepEqual(of('CLUSTER.NOT_SEEN', snapshot).nextActions, ['kubectl api-resources']);
  });
  test('nothing to move: nothing to say', () =>
    assert.deepEqual(
      brief(aSnapshot({ nodegroups: [], notSeen: [{ resource: 'jobs', why: 'forbidden' }] }), {
        nodegroups: [],
      }).filter((line) => line.includes('NOT_SEEN')),
      [],
    ));
});
