import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type {
  ClusterSnapshot,
  Pod,
  PodDisruptionBudget,
  RehearsedRefusal,
  Workload,
} from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aBudget, aDeployment, aPod, aRequest, aSnapshot, podsOf } from '../support/snapshot.ts';

const healthy = aSnapshot();
const appsNodes = ['ip-10-0-1-10', 'ip-10-0-2-10', 'ip-10-0-1-20'];
const toolsNodes = ['ip-10-0-1-30', 'ip-10-0-2-30'];

const findingsOf = (snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) => {
  const asked = aRequest(request);
  return runChecks(snapshot, asked, scopeOf(snapshot, asked));
};
const brief = (snapshot: ClusterSnapshot, request?: Partial<PlanRequest>) =>
  findingsOf(snapshot, request).map(({ code, severity, subject }) => `${severity} ${code} ${subject}`);
const of = (code: string, snapshot: ClusterSnapshot, request?: Partial<PlanRequest>) => {
  const [finding, ...others] = findingsOf(snapshot, request).filter((each) => each.code === code);
  assert.ok(finding !== undefined && others.length === 0, code);
  return finding;
};

/** The budget of `shop/web`, four pods. */
const webBudget = (
  spec: Partial<PodDisruptionBudget>,
  status: Partial<PodDisruptionBudget['status']> = {},
): PodDisruptionBudget[] => [
  aBudget({ ...spec, status: { ...aBudget().status, ...status } }),
  ...healthy.podDisruptionBudgets.slice(1),
];
const web = (
  spec: Partial<PodDisruptionBudget>,
  status?: Partial<PodDisruptionBudget['status']>,
  more: Partial<ClusterSnapshot> = {},
) => aSnapshot({ podDisruptionBudgets: webBudget(spec, status), ...more });

const canSurge: Pick<Workload, 'rollout'> = { rollout: { maxSurge: 1, maxUnavailable: 0 } };

/** Only `shop/cart`, of so many replicas, under a budget with `spec`. */
const cart = (replicas: number, spec: Partial<PodDisruptionBudget>, workload: Partial<Workload> = {}) => {
  const [deployment, replicaSet] = aDeployment('shop', 'cart', replicas);
  assert.ok(deployment !== undefined && replicaSet !== undefined);
  return aSnapshot({
    pods: podsOf('shop', 'cart', replicas, appsNodes),
    workloads: [{ ...deployment, ...workload }, replicaSet],
    podDisruptionBudgets: [
      aBudget({
        name: 'cart',
        selector: { matchLabels: { app: 'cart' } },
        maxUnavailable: null,
        status: { ...aBudget().status, currentHealthy: replicas, expectedPods: replicas, disruptionsAllowed: 0 },
        ...spec,
      }),
    ],
  });
};
const onePerPatch = (name: string, was: string) =>
  `kubectl -n shop patch pdb ${name} --type=merge -p '{"spec":{"minAvailable":null,"maxUnavailable":1}}'  # was ${was}`;

const scale = (replicas: number, was: number) =>
  `kubectl -n shop scale deployment/cart --replicas=${replicas}  # and back to ${was} after the drain`;

describe('PDB.NEVER_ALLOWS: what to do', () => {
  const surge =
    'prefix-migrate plan --cluster shop-eu --surge shop/cart --soak 0s  # a new pod is Ready before the old one goes';
  const rows: [string, ClusterSnapshot, string, string[]][] = [
    [
      'a number: one replica more than it',
      cart(3, { minAvailable: 3 }),
      'it needs 3 healthy, has 3, expected 3 (minAvailable: 3)',
      [scale(4, 3), onePerPatch('cart', 'minAvailable: 3')],
    ],
    [
      'a number above the replicas',
      cart(3, { minAvailable: 5 }),
      'it needs 5 healthy, has 3, expected 3 (minAvailable: 5)',
      [scale(6, 3), onePerPatch('cart', 'minAvailable: 5')],
    ],
    [
      'a number far above the replicas: no scaling',
      cart(3, { minAvailable: 50 }),
      'it needs 50 healthy, has 3, expected 3 (minAvailable: 50)',
      [onePerPatch('cart', 'minAvailable: 50')],
    ],
    [
      '100 %: no number of replicas helps',
      cart(3, { minAvailable: '100%' }),
      'it needs 3 healthy, has 3, expected 3 (minAvailable: 100%)',
      [onePerPatch('cart', 'minAvailable: 100%')],
    ],
    [
      'a percentage that rounds up',
      cart(3, { minAvailable: '75%' }),
      'it needs 3 healthy, has 3, expected 3 (minAvailable: 75%)',
      [scale(4, 3), onePerPatch('cart', 'minAvailable: 75%')],
    ],
    [
      'maxUnavailable 0',
      cart(3, { maxUnavailable: 0 }),
      'it needs 3 healthy, has 3, expected 3 (maxUnavailable: 0)',
      [onePerPatch('cart', 'maxUnavailable: 0')],
    ],
    [
      'one replica: two of them, or a new one before the old one goes',
      cart(1, { minAvailable: 1 }, canSurge),
      'it needs 1 healthy, has 1, expected 1 (minAvailable: 1)',
      [scale(2, 1), surge, onePerPatch('cart', 'minAvailable: 1')],
    ],
    [
      'one replica with strategy Recreate',
      cart(1, { minAvailable: 1 }),
      'it needs 1 healthy, has 1, expected 1 (minAvailable: 1)',
      [scale(2, 1), onePerPatch('cart', 'minAvailable: 1')],
    ],
  ];
  for (const [name, snapshot, arithmetic, actions] of rows) {
    test(name, () => {
      const finding = of('PDB.NEVER_ALLOWS', snapshot);
      assert.equal(finding.summary, `PDB shop/cart never allows an eviction of Deployment shop/cart: ${arithmetic}.`);
      assert.deepEqual(finding.nextActions, actions);
    });
  }
  test('bare pods: a number of them that must stay, since Kubernetes expects none', () => {
    const pods = [0, 1].map((index) => aPod({ name: `b-${index}`, labels: { app: 'b' }, controller: null }));
    const status = {
      ...aBudget().status,
      disruptionsAllowed: 0,
      currentHealthy: 2,
      desiredHealthy: 0,
      expectedPods: 0,
    };
    const podDisruptionBudgets = [aBudget({ name: 'b', selector: { matchLabels: { app: 'b' } }, status })];
    const finding = of('PDB.NEVER_ALLOWS', aSnapshot({ pods, podDisruptionBudgets }));
    assert.match(finding.summary, /it needs 0 healthy, has 2, expected 0 \(maxUnavailable: 1\)\.$/);
    assert.match(finding.why, /^Its pods are bare\. /);
    assert.deepEqual(finding.nextActions, [
      `kubectl -n shop patch pdb b --type=merge -p '{"spec":{"maxUnavailable":null,"minAvailable":1}}'  # was maxUnavailable: 1`,
    ]);
  });
  test('a Deployment that is rolled over does not ask its budget', () =>
    assert.deepEqual(brief(cart(1, { minAvailable: 1 }, canSurge), { surge: ['shop/cart'] }), []));
  test('a budget that comes with an add-on: what is known about it', () =>
    assert.match(of('PDB.NEVER_ALLOWS', cart(1, { minAvailable: 1, name: 'istiod' })).why, /HorizontalPodAutoscaler/));
  test('pods that are not Ready under AlwaysAllow go anyway', () =>
    assert.deepEqual(
      brief({
        ...cart(1, { minAvailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' }),
        pods: podsOf('shop', 'cart', 1, appsNodes).map((pod) => ({ ...pod, ready: false })),
      }),
      [],
    ));
});

describe('budgets that allow nothing for now', () => {
  const sick: Partial<Pod> = { ready: false, trouble: 'CrashLoopBackOff: container web' };
  const withSick = (nodes: readonly string[], overrides: Partial<Pod> = {}) =>
    healthy.pods.map((pod) =>
      pod.name === 'web-1-3' ? { ...pod, ...sick, nodeName: nodes[0] ?? null, ...overrides } : pod,
    );
  const low = { disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 3 };

  test('which pods are not Ready, and why', () => {
    const finding = of('PDB.NOT_NOW', web({}, low, { pods: withSick(toolsNodes) }), { nodegroups: ['apps'] });
    assert.equal(
      finding.summary,
      'PDB shop/web allows no eviction of Deployment shop/web now: it needs 3 healthy, has 2, expected 4.',
    );
    assert.equal(finding.why, 'Not Ready: shop/web-1-3 (CrashLoopBackOff: container web). The drain waits for it.');
    assert.equal(finding.nextActions[0], 'kubectl -n shop describe pod web-1-3');
  });
  test('pods that do not exist yet', () => {
    const pods = healthy.pods.filter(({ name }) => name !== 'web-1-3');
    assert.match(of('PDB.NOT_NOW', web({}, low, { pods })).why, /^Missing: 1 of 4 pods\. The drain waits/);
  });
  test('evictions of late', () =>
    assert.match(
      of('PDB.NOT_NOW', web({}, { disruptionsAllowed: 0, disruptedPods: { 'web-1-0': '2026-03-01T09:59:00Z' } })).why,
      /^Evicted of late: web-1-0\./,
    ));
  test('not for pods elsewhere', () =>
    assert.deepEqual(
      brief(web({ ...healthy.podDisruptionBudgets[2] }, low), { nodegroups: ['apps'] }).filter((line) =>
        line.includes('PDB.NOT_NOW'),
      ),
      [],
    ));

  const unhealthy = 'warning PDB.UNHEALTHY_PODS shop/web';
  const rows: [string, ClusterSnapshot, string[]][] = [
    ['a crashing pod under a budget below its floor', web({}, low, { pods: withSick(appsNodes) }), [unhealthy]],
    ['at its floor: an unready pod may go', web({}, { ...low, currentHealthy: 3 }, { pods: withSick(appsNodes) }), []],
    ['AlwaysAllow', web({ unhealthyPodEvictionPolicy: 'AlwaysAllow' }, low, { pods: withSick(appsNodes) }), []],
    [
      'nothing is desired healthy, so that the exception does not hold',
      web(
        { maxUnavailable: '100%' },
        { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0 },
        {
          pods: withSick(appsNodes),
        },
      ),
      [unhealthy],
    ],
    [
      'a pod that is starting',
      web({}, low, {
        pods: withSick(appsNodes, { trouble: 'ContainersNotReady: web', createdAt: '2026-03-01T09:58:00.000Z' }),
      }),
      [],
    ],
    [
      'a young pod that crashes already',
      web({}, low, { pods: withSick(appsNodes, { createdAt: '2026-03-01T09:58:00.000Z' }) }),
      [unhealthy],
    ],
    ['not Ready elsewhere', web({}, low, { pods: withSick(['karpenter']) }), []],
  ];
  for (const [name, snapshot, expected] of rows) {
    test(`unready pods: ${name}`, () =>
      assert.deepEqual(
        brief(snapshot).filter((line) => line.includes('UNHEALTHY')),
        expected,
      ));
  }
  test('none was ever Ready, however young: waiting alone does not help', () => {
    const young = { trouble: 'ContainersNotReady: web', createdAt: '2026-03-01T09:58:00.000Z', ready: false };
    const pods = healthy.pods.map((pod) => (pod.labels['app'] === 'web' ? { ...pod, ...young } : pod));
    const none = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 3 };
    assert.deepEqual(brief(web({}, none, { pods })), [unhealthy]);
    assert.match(
      of('PDB.UNHEALTHY_PODS', web({}, none, { pods })).why,
      /None of its pods is Ready.* waiting alone does not help/,
    );
    const never = web({ maxUnavailable: 0 }, { ...none, desiredHealthy: 4 }, { pods });
    assert.match(of('PDB.NEVER_ALLOWS', never).nextActions[0] ?? '', /AlwaysAllow/);
  });
  test('one budget, one finding: its healthy pods wait with those that are not', () => {
    const snapshot = web({}, low, { pods: withSick(appsNodes) });
    assert.deepEqual(brief(snapshot), [unhealthy]);
    assert.match(of('PDB.UNHEALTHY_PODS', snapshot).why, /until enough are healthy, and 3 other pods with them\./);
  });
  test('unready pods: the patch that lets them go', () =>
    assert.equal(
      of('PDB.UNHEALTHY_PODS', web({}, low, { pods: withSick(appsNodes) })).nextActions[0],
      `kubectl -n shop patch pdb web --type=merge -p '{"spec":{"unhealthyPodEvictionPolicy":"AlwaysAllow"}}'  # lets unready pods go`,
    ));
});

test('pods of a Job under a budget that never allows: a number, since a Job has no scale to count by', () => {
  const job = { apiVersion: 'batch/v1', kind: 'Job', name: 'calc', uid: 'calc' };
  const pods = healthy.pods.map((pod) => (pod.labels['app'] === 'web' ? { ...pod, controller: job } : pod));
  const never = web({ minAvailable: 4, maxUnavailable: null }, { disruptionsAllowed: 0, desiredHealthy: 4 }, { pods });
  assert.deepEqual(of('PDB.NEVER_ALLOWS', never).nextActions, [
    `kubectl -n shop patch pdb web --type=merge -p '{"spec":{"maxUnavailable":null,"minAvailable":3}}'  # was minAvailable: 4`,
  ]);
});

describe('budgets of which the status says nothing', () => {
  test('a controller that cannot compute it: its message, and a rule that it can', () => {
    const finding = of(
      'PDB.SYNC_FAILED',
      web({}, { disruptionsAllowed: 0, syncFailure: 'found no controllers for pod "x"' }),
    );
    assert.match(finding.summary, /cannot be computed, and allows no eviction: found no controllers for pod "x"$/);
    assert.equal(
      finding.nextActions[1],
      `kubectl -n shop patch pdb web --type=merge -p '{"spec":{"maxUnavailable":null,"minAvailable":3}}'`,
    );
  });
  test('accepted with --allow', () =>
    assert.equal(of('PDB.SYNC_FAILED', web({}, { syncFailure: 'no' }), { allow: ['PDB.SYNC_FAILED'] }).allowed, true));
  test('a status of an older generation', () => {
    const snapshot = web({ generation: 4 }, { observedGeneration: 3, disruptionsAllowed: 0 });
    assert.deepEqual(brief(snapshot), ['warning PDB.NOT_PROCESSED shop/web']);
    assert.match(of('PDB.NOT_PROCESSED', snapshot).summary, /of generation 4, and Kubernetes has seen 3\.$/);
  });
  test('never seen, and it never would allow: one finding, with what the pods say', () => {
    const snapshot = web(
      { maxUnavailable: 0 },
      { observedGeneration: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, disruptionsAllowed: 0 },
    );
    assert.deepEqual(brief(snapshot), ['blocking PDB.NEVER_ALLOWS shop/web']);
    assert.match(of('PDB.NEVER_ALLOWS', snapshot).summary, /needs 4 healthy, has 4, expected 4/);
  });
});

describe('budgets that select nothing', () => {
  const selecting = (name: string, matchLabels: Record<string, string>, namespace = 'shop') =>
    aSnapshot({
      podDisruptionBudgets: [
        ...healthy.podDisruptionBudgets.slice(1),
        aBudget({ namespace, name, selector: { matchLabels } }),
      ],
    });
  const rows: [string, ClusterSnapshot, string[]][] = [
    ['named after the workload', selecting('web', { app: 'wbe' }), ['advice PDB.SELECTS_NOTHING shop/web']],
    ['named so with -pdb', selecting('web-pdb', { app: 'wbe' }), ['advice PDB.SELECTS_NOTHING shop/web-pdb']],
    [
      'the value of another label',
      selecting('front', { 'app.kubernetes.io/name': 'web' }),
      ['advice PDB.SELECTS_NOTHING shop/front'],
    ],
    ['of something that is not there', selecting('other', { app: 'other' }), []],
    ['of another namespace', selecting('web', { app: 'wbe' }, 'tools'), []],
    [
      'named after a workload that has a budget',
      aSnapshot({
        podDisruptionBudgets: [
          ...healthy.podDisruptionBudgets,
          aBudget({ name: 'web-pdb', selector: { matchLabels: { app: 'wbe' } } }),
        ],
      }),
      [],
    ],
  ];
  for (const [name, snapshot, expected] of rows) {
    test(name, () =>
      assert.deepEqual(
        brief(snapshot).filter((line) => line.includes('SELECTS_NOTHING')),
        expected,
      ),
    );
  }
  test('the patch takes the wrong label away and sets the right one', () =>
    assert.equal(
      of('PDB.SELECTS_NOTHING', selecting('front', { 'app.kubernetes.io/name': 'web' })).nextActions[1],
      `kubectl -n shop patch pdb front --type=merge -p '{"spec":{"selector":{"matchLabels":{"app.kubernetes.io/name":null,"app":"web"}}}}'`,
    ));
});

const refusal = (kind: RehearsedRefusal['kind'], detail: string, name = 'web-1-0'): RehearsedRefusal => ({
  namespace: 'shop',
  name,
  uid: `uid-shop-${name}`,
  kind,
  detail,
});
const rehearsed = (
  refusals: RehearsedRefusal[],
  more: Partial<ClusterSnapshot> = {},
  partBecause: string | null = null,
) =>
  aSnapshot({
    evictionRehearsal: { pods: 9, asked: 9, partBecause, accepted: 9 - refusals.length, refusals },
    ...more,
  });

describe('the rehearsal', () => {
  const exhausted = 'The disruption budget web needs 4 healthy pods and has 4 currently';
  const all = ['web-1-0', 'web-1-1', 'web-1-2', 'web-1-3'].map((name) => refusal('budget-exhausted', exhausted, name));

  test('says the same as the arithmetic: its words are in the finding', () => {
    const snapshot = rehearsed(all, {
      podDisruptionBudgets: webBudget({ maxUnavailable: 0 }, { disruptionsAllowed: 0 }),
    });
    assert.deepEqual(brief(snapshot), ['blocking PDB.NEVER_ALLOWS shop/web']);
    assert.match(
      of('PDB.NEVER_ALLOWS', snapshot).why,
      /The API server, asked about shop\/web-1-0 \(dry run\): "The disruption budget web needs 4 healthy pods and has 4 currently"$/,
    );
  });
  test('refused by a budget that is used up now: no finding more', () =>
    assert.deepEqual(
      brief(rehearsed(all, { podDisruptionBudgets: webBudget({}, { disruptionsAllowed: 0, currentHealthy: 3 }) })),
      ['warning PDB.NOT_NOW shop/web'],
    ));
  const disagrees: [string, ClusterSnapshot, string[]][] = [
    [
      'never by the numbers, and let go',
      rehearsed([], { podDisruptionBudgets: webBudget({ maxUnavailable: 0 }, { disruptionsAllowed: 0 }) }),
      ['blocking PDB.NEVER_ALLOWS shop/web', 'warning EVICTION.DISAGREES shop/web'],
    ],
    [
      'never by the numbers, and not asked',
      rehearsed([], { podDisruptionBudgets: webBudget({ maxUnavailable: 0 }, { disruptionsAllowed: 0 }) }, 'stopped'),
      ['blocking PDB.NEVER_ALLOWS shop/web', 'advice EVICTION.NOT_REHEARSED shop-eu'],
    ],
    [
      'never in the long run, but one pod too many now',
      rehearsed([], {
        podDisruptionBudgets: webBudget({ maxUnavailable: 0 }, { disruptionsAllowed: 1, currentHealthy: 5 }),
      }),
      ['blocking PDB.NEVER_ALLOWS shop/web'],
    ],
    ['allowed by the status, and refused', rehearsed(all), ['warning EVICTION.DISAGREES shop/web']],
    [
      'refused for a budget that nobody sees',
      rehearsed(all, { podDisruptionBudgets: healthy.podDisruptionBudgets.slice(1) }),
      ['warning EVICTION.DISAGREES shop/web', 'warning PDB.MISSING shop/web'],
    ],
  ];
  for (const [name, snapshot, expected] of disagrees) {
    test(name, () => assert.deepEqual(brief(snapshot), expected));
  }

  const webhook = 'admission webhook "keep.example.com" denied the request: not today';
  const forbidden =
    'pods "web-1-0" is forbidden: User "ci" cannot create resource "pods/eviction" in API group "" in the namespace "shop"';
  test('refused by a webhook: one finding for the workload', () => {
    const snapshot = rehearsed([refusal('refused', webhook), refusal('refused', webhook, 'web-1-1')]);
    assert.deepEqual(brief(snapshot), ['blocking EVICTION.REFUSED shop/web']);
    assert.equal(
      of('EVICTION.REFUSED', snapshot).summary,
      `The API server refuses to evict 2 pods of shop/web: "${webhook}"`,
    );
    assert.equal(of('EVICTION.REFUSED', snapshot, { allow: ['EVICTION.REFUSED'] }).allowed, true);
  });
  test('a pod of nobody that moves does not count', () =>
    assert.deepEqual(brief(rehearsed([refusal('refused', webhook, 'other')])), []));
  test('two budgets that only the API server knows', () =>
    assert.deepEqual(
      brief(rehearsed([refusal('multiple-budgets', 'This pod has more than one PodDisruptionBudget')])),
      ['blocking EVICTION.REFUSED shop/web'],
    ));
  test('two budgets that both know: told once', () =>
    assert.deepEqual(
      brief(
        rehearsed([refusal('multiple-budgets', 'more than one')], {
          podDisruptionBudgets: [...healthy.podDisruptionBudgets, aBudget({ name: 'web-again' })],
        }),
      ),
      ['blocking PDB.MULTIPLE_FOR_POD shop/web'],
    ));
  test('a namespace that goes', () =>
    assert.deepEqual(brief(rehearsed([refusal('namespace-terminating', 'shop is being terminated')])), [
      'warning EVICTION.REFUSED shop/web',
    ]));
  test('forbidden: the verb, the user, the commands', () => {
    const snapshot = rehearsed([refusal('refused', forbidden)]);
    assert.deepEqual(brief(snapshot), ['blocking EVICTION.FORBIDDEN ci']);
    assert.deepEqual(of('EVICTION.FORBIDDEN', snapshot).nextActions, [
      'kubectl -n shop auth can-i create pods --subresource=eviction',
      'kubectl create clusterrole prefix-migrate-evict --verb=create --resource=pods/eviction',
      "kubectl create clusterrolebinding prefix-migrate-evict --clusterrole=prefix-migrate-evict --user='ci'",
      'prefix-migrate plan --cluster shop-eu --soak 0s --allow EVICTION.FORBIDDEN  # when somebody else applies the plan',
    ]);
    assert.equal(of('EVICTION.FORBIDDEN', snapshot, { allow: ['EVICTION.FORBIDDEN'] }).allowed, true);
  });
  test('no answer: whose pods, the words, the webhook that they name', () => {
    const words = 'Internal error occurred: failed calling webhook "v.keep.io": connection refused';
    const snapshot = rehearsed([refusal('no-answer', words), refusal('no-answer', words, 'web-1-1')], {
      services: [{ namespace: 'ops', name: 'keep', type: 'ClusterIP', selector: null, externalTrafficPolicy: null }],
      podWebhooks: [
        {
          kind: 'validating',
          configuration: 'keep',
          name: 'v.keep.io',
          failurePolicy: 'Fail',
          service: { namespace: 'ops', name: 'keep' },
          intercepts: ['pods/eviction'],
          namespaceSelector: null,
        },
      ],
    });
    assert.deepEqual(brief(snapshot), ['warning EVICTION.NO_ANSWER shop/web']);
    const { summary, why, nextActions } = of('EVICTION.NO_ANSWER', snapshot);
    assert.match(summary, /whether 2 pods of shop\/web may be evicted: shop\/web-1-0, shop\/web-1-1\.$/);
    assert.match(why, /connection refused" As long as webhook v\.keep\.io does not answer/);
    assert.deepEqual(nextActions.slice(0, 2), [
      'kubectl -n ops get service,endpoints keep',
      'kubectl get validatingwebhookconfiguration keep -o yaml',
    ]);
  });
  test('not all asked: as many as the header says, and those without an answer on their own', () => {
    const snapshot = rehearsed([refusal('no-answer', 'timeout')], {}, 'it took longer than 5 minutes');
    assert.equal(
      of('EVICTION.NOT_REHEARSED', snapshot).summary,
      '9 of 9 evictions were rehearsed: it took longer than 5 minutes',
    );
    assert.match(of('EVICTION.NO_ANSWER', snapshot).why, /^It said: "timeout" If it goes on like that/);
  });
  test('not asked for want of rights: told once', () =>
    assert.deepEqual(brief(rehearsed([refusal('refused', forbidden)], {}, `in namespace shop: ${forbidden}`)), [
      'blocking EVICTION.FORBIDDEN ci',
    ]));
  test('not asked at all: silence', () => assert.deepEqual(brief(healthy), []));
});

const database = (kind: string): Partial<ClusterSnapshot> => ({
  pods: [
    aPod({
      name: 'db-0',
      labels: { app: 'db' },
      persistentVolumeClaims: ['data'],
      terminationGracePeriodSeconds: 60,
      startupSeconds: 10,
      controller: { apiVersion: 'apps/v1', kind, name: 'db', uid: 'uid-db' },
    }),
  ],
  workloads: [
    {
      kind: kind === 'Deployment' ? 'Deployment' : 'StatefulSet',
      namespace: 'shop',
      name: 'db',
      uid: 'uid-db',
      controller: null,
      replicas: 1,
      readyReplicas: 1,
    },
  ],
  volumeClaims: [
    {
      namespace: 'shop',
      name: 'data',
      volumeName: 'pv',
      storageClass: null,
      accessModes: ['ReadWriteOnce'],
      driver: 'ebs.csi.aws.com',
      nodeAffinity: [],
    },
  ],
});

/** What is proposed for a Deployment `shop/cart` where budgets of these names exist. */
const proposedBeside = (...names: string[]) =>
  of(
    'PDB.MISSING',
    aSnapshot({
      pods: podsOf('shop', 'cart', 2, appsNodes),
      workloads: aDeployment('shop', 'cart', 2),
      podDisruptionBudgets: names.map((name) => aBudget({ name, uid: name, selector: null })),
    }),
  ).nextActions;

describe('WORKLOAD.SINGLE_POD', () => {
  test('a Deployment that can surge: how', () => {
    const snapshot = { ...cart(1, {}, canSurge), podDisruptionBudgets: [] };
    assert.deepEqual(of('WORKLOAD.SINGLE_POD', snapshot).nextActions, [
      'prefix-migrate plan --cluster shop-eu --surge shop/cart --soak 0s  # a new pod is Ready before the old one goes',
      'kubectl -n shop scale deployment/cart --replicas=2',
    ]);
    assert.deepEqual(brief(snapshot, { surge: ['shop/cart'] }), []);
  });
  test('a database: how long it is away, and nothing that breaks it', () => {
    const finding = of('WORKLOAD.SINGLE_POD', aSnapshot({ ...database('StatefulSet'), podDisruptionBudgets: [] }));
    assert.match(finding.summary, /is away while it moves, about 1m \(estimate\)\.$/);
    assert.deepEqual(finding.nextActions, ['kubectl -n shop get pod db-0 -o wide']);
  });
  test('away for hardly any time: no number', () => {
    const pods = podsOf('shop', 'cart', 1, appsNodes).map((pod) => ({ ...pod, startupSeconds: 0 }));
    const snapshot = aSnapshot({ ...cart(1, {}, canSurge), pods, podDisruptionBudgets: [] });
    assert.match(of('WORKLOAD.SINGLE_POD', snapshot).summary, /moves, a few seconds \(estimate\)\.$/);
  });
  test('one volume for one node: no second pod', () => {
    const snapshot = aSnapshot({ ...database('Deployment'), podDisruptionBudgets: [] });
    assert.deepEqual(of('WORKLOAD.SINGLE_POD', snapshot).nextActions, ['kubectl -n shop get pod db-0 -o wide']);
    const budgets = [
      aBudget({ name: 'db', selector: { matchLabels: { app: 'db' } }, maxUnavailable: null, minAvailable: 1 }),
    ];
    assert.deepEqual(of('PDB.NEVER_ALLOWS', { ...snapshot, podDisruptionBudgets: budgets }).nextActions, [
      onePerPatch('db', 'minAvailable: 1'),
    ]);
  });
  test('a full quota: no second pod', () => {
    const resourceQuotas = [{ namespace: 'shop', name: 'q', hard: { pods: 1 }, used: { pods: 1 }, isScoped: false }];
    const snapshot = { ...cart(1, {}, canSurge), podDisruptionBudgets: [], resourceQuotas };
    assert.deepEqual(of('WORKLOAD.SINGLE_POD', snapshot).nextActions, ['kubectl -n shop get pod cart-1-0 -o wide']);
  });
  test('a name that another budget has', () => {
    assert.deepEqual(proposedBeside('cart'), [
      'kubectl -n shop create pdb cart-pdb --selector=app=cart --max-unavailable=1',
    ]);
    assert.deepEqual(proposedBeside('cart', 'cart-pdb'), [
      'kubectl -n shop create pdb cart-pdb-2 --selector=app=cart --max-unavailable=1',
    ]);
  });
  test('pods without any label', () => {
    const pods = podsOf('shop', 'cart', 2, appsNodes).map((pod) => aPod({ ...pod, labels: {} }));
    const snapshot = aSnapshot({ pods, workloads: aDeployment('shop', 'cart', 2), podDisruptionBudgets: [] });
    assert.deepEqual(of('PDB.MISSING', snapshot).nextActions, [
      'kubectl -n shop get pods --show-labels  # a PDB needs a label that they share',
    ]);
  });
});
