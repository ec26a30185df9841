import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Finding } from '../../src/domain/finding.ts';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import type { AnyStep, VpcCniPlan } from '../../src/domain/plan.ts';
import { replay } from '../../src/domain/run-state.ts';
import { consentQuestion } from '../../src/reporting/formats/consent-question.ts';
import { findingLines, findingsMarkdown, tally } from '../../src/reporting/formats/findings.ts';
import { logText, sentence } from '../../src/reporting/formats/log-text.ts';
import { planHtml } from '../../src/reporting/formats/plan-html.ts';
import { planMarkdown } from '../../src/reporting/formats/plan-markdown.ts';
import { planText } from '../../src/reporting/formats/plan-text.ts';
import { runMarkdown } from '../../src/reporting/formats/run-markdown.ts';
import { statusText, verdictOf } from '../../src/reporting/formats/status-text.ts';
import { summaryText } from '../../src/reporting/formats/summary-text.ts';
import { aSnapshot } from '../support/snapshot.ts';
import { created, drainFailed, draining, journalOf, runStarted, samplePlan, setting } from './sample.ts';

const folder = 'prefix-migrate-prod';
const now = '2026-11-22T12:00:00.000Z';
const blocking: Finding = {
  code: 'SUBNET.NO_FREE_PREFIX',
  severity: 'blocking',
  subject: 'subnet-0bb2',
  summary: 'subnet-0bb2 has 2 free /28 blocks, 6 are needed.',
  why: '98 addresses are free but scattered over blocks that hold single addresses of old nodes and load balancers.',
  nextActions: [
    'aws ec2 create-subnet-cidr-reservation --subnet-id subnet-0bb2 --cidr 10.0.2.128/25 --reservation-type prefix',
  ],
};
const warning: Finding = {
  code: 'PDB.MISSING',
  severity: 'warning',
  subject: 'shop/worker',
  summary: '8 of 8 pods sit on the old nodes, no budget.',
  why: 'At most 2 will be down at once (25 %).',
  nextActions: [],
};
const tooLong = (text: string): string[] =>
  text.split('\n').filter((line) => line.length > 80 && !line.trimStart().startsWith('->'));

test('the summary of a plan fits 80 columns and says what moves, what is short, what is next', () => {
  const text = planText({ ...samplePlan, findings: [warning, blocking] }, { folder, colour: false });
  assert.deepEqual(tooLong(text), []);
  assert.equal(
    text,
    [
      'prod  eu-west-1  EKS 1.33  account 111122223333                    plan 7f3a9c21',
      '',
      '  Move 1 node group, 4 nodes, 60 pods to prefix delegation.',
      '  Draining: about 31 min (estimate), at least 24 min. shop/search decides: 12',
      '  pods, 1 at once, 2m34s each. One more replica of shop/search saves 12 min.',
      '  Asked the API server about 60 evictions (dry run): 58 allowed now, 2 refused',
      '  (see the findings).',
      '  Order: safe-flip (old nodes stay in service until the new ones are verified).',
      '  Every subnet has room for it.',
      '',
      '  NODE GROUP  REPLACEMENT       NODES   PODS PER NODE  PODS',
      '  apps        apps-pd-7f3a9c21  4 -> 4  29 -> 110        60',
      '  Each node: 110 pods (vCPU cap 110); prefixes 1 idle, 2 with its pods, 7 full.',
      '  Allocatable memory (estimate): apps 6.9 -> 6.0 GiB.',
      '  Size (estimate): apps: 4 nodes, 2 are enough (pods).',
      '',
      '    DRAIN (ESTIMATE)  PODS  AT ONCE',
      '  * shop/search         12        1  ####################  31 min',
      '    shop/api            40        4  =======               11 min',
      '    tools/*              8        1  ===                     4m8s',
      '',
      '  4 fields differ from the source; all of them with the reasons: plan.md. First:',
      '  - zebra (not shown) -> none (not copied: unknown to this version)',
      '  - launchTemplate.IamInstanceProfile {"Arn":"arn:aws:iam::11112222… -> none',
      '    (EKS makes an instance profile of the node role and sets it itself)',
      '  - kubeReserved.memory 574Mi -> 1465Mi (kubelet keeps more)',
      '',
      '  aws-node 1.19.2 (EKS add-on): 2 of 3 settings change.',
      '  VARIABLE                  ADD-ON  LIVE   AFTER  SET BY',
      '  ENABLE_PREFIX_DELEGATION  -       false  true   eks',
      '  WARM_PREFIX_TARGET        -       -      1      -',
      '',
      '  SUBNET       ZONE        FREE  /28 FREE  NEEDED  AFTER',
      '  subnet-0bb2  1b     98 of 251   2 of 14       6      4  4 short',
      '  subnet-0aa1  1a    161 of 251   7 of 14       6      9  fits',
      '',
      '  1 blocking, 1 warning',
      '  x SUBNET.NO_FREE_PREFIX  subnet-0bb2 has 2 free /28 blocks, 6 are needed.',
      '      98 addresses are free but scattered over blocks that hold single addresses',
      '      of old nodes and load balancers.',
      `      -> ${blocking.nextActions[0]}`,
      '  ! PDB.MISSING  shop/worker: 8 of 8 pods sit on the old nodes, no budget.',
      '      At most 2 will be down at once (25 %).',
      '',
      '  Written to prefix-migrate-prod/ (report.html, plan.md, cluster.eksctl.yaml,',
      '  snapshot.json, user-data/)',
      '  Next: resolve the blocking finding; then',
      '        prefix-migrate plan --cluster prod',
      '',
    ].join('\n'),
  );
});

const aboutAwsNode = (vpcCni: Partial<VpcCniPlan>, findings: Finding[] = []) => {
  const text = planText(
    { ...samplePlan, findings, vpcCni: { ...samplePlan.vpcCni, ...vpcCni } },
    { folder, colour: false },
  );
  assert.deepEqual(tooLong(text), []);
  return text.split('\n\n').find((part) => part.startsWith('  aws-node'));
};

describe('what the plan does to aws-node', () => {
  const rows: [name: string, vpcCni: Partial<VpcCniPlan>, said: string][] = [
    [
      'nothing',
      { how: 'nothing', settings: [setting('ENABLE_PREFIX_DELEGATION', { live: 'true', target: 'true' })] },
      '  aws-node 1.19.2 (EKS add-on): stays as it is.',
    ],
    [
      'a value that was set by hand is taken over, another is in conflict',
      {
        settings: [
          setting('WARM_IP_TARGET', {
            configured: '5',
            live: '10',
            setBy: 'kubectl-set',
            target: '5',
            change: 'conflict',
          }),
          setting('AWS_VPC_K8S_CNI_LOGLEVEL', { live: 'INFO', setBy: 'kubectl-set', target: 'INFO', change: 'adopt' }),
          setting('ENABLE_PREFIX_DELEGATION', { live: 'false', setBy: 'eks', target: 'true', change: 'set' }),
        ],
      },
      `  aws-node 1.19.2 (EKS add-on): 2 of 3 settings change, 1 in conflict.
  VARIABLE                  ADD-ON  LIVE   AFTER  SET BY
  WARM_IP_TARGET            5       10     5      kubectl-set  CONFLICT
  AWS_VPC_K8S_CNI_LOGLEVEL  -       INFO   INFO   kubectl-set  taken over
  ENABLE_PREFIX_DELEGATION  -       false  true   eks
  CONFLICT: EKS would set AFTER, and refuses to. The plan counts with LIVE.`,
    ],
    [
      'a DaemonSet that nobody owns, of an unknown version',
      {
        owner: { tool: 'nobody', name: null, evidence: 'no owner found' },
        version: null,
        how: 'patch-daemon-set',
        settings: [setting('ENABLE_PREFIX_DELEGATION', { live: '', target: 'true', change: 'set' })],
      },
      `  aws-node of unknown version (self-managed): 1 of 1 setting changes, on the
  DaemonSet.
  VARIABLE                  ADD-ON  LIVE  AFTER  SET BY
  ENABLE_PREFIX_DELEGATION  -       ""    true   -`,
    ],
    [
      'somebody else owns it',
      {
        owner: { tool: 'helm', name: 'kube-system/aws-vpc-cni', evidence: 'annotation' },
        how: 'wait-for-owner',
        settings: [
          setting('ENABLE_PREFIX_DELEGATION', { live: 'false', setBy: 'helm', target: 'true', change: 'set' }),
        ],
        instructions: ['helm upgrade aws-vpc-cni'],
      },
      `  aws-node 1.19.2 (Helm kube-system/aws-vpc-cni): apply waits until its owner
  has changed 1 of 1 setting.
  VARIABLE                  ADD-ON  LIVE   AFTER  SET BY
  ENABLE_PREFIX_DELEGATION  -       false  true   helm
  Make this change there; apply waits for it:
      -> helm upgrade aws-vpc-cni`,
    ],
    [
      'values that are too long for a row',
      {
        settings: [
          setting('ADDITIONAL_ENI_TAGS_OF_THIS_CLUSTER_AND_OTHERS', {
            configured: `{"${'k'.repeat(100)}":"v"}`,
            live: 'v'.repeat(30),
            setBy: 'a-field-manager-with-a-long-name',
            target: 'w',
            change: 'conflict',
          }),
        ],
      },
      `  aws-node 1.19.2 (EKS add-on): 0 of 1 setting changes, 1 in conflict.
  ADDITIONAL_ENI_TAGS_OF_THIS_CLUSTER_AND_OTHERS  CONFLICT
    add-on  {"${'k'.repeat(57)}…
    live    ${'v'.repeat(30)}
    after   w
    set by  a-field-manager-with-a-long-name
  CONFLICT: EKS would set AFTER, and refuses to. The plan counts with LIVE.`,
    ],
  ];
  for (const [name, vpcCni, said] of rows) test(name, () => assert.equal(aboutAwsNode(vpcCni), said));

  test('what a finding tells to do is not said twice', () => {
    const instructions = ['helm upgrade aws-vpc-cni', 'and in the values file'];
    const found = aboutAwsNode({ how: 'wait-for-owner', instructions }, [
      { ...warning, nextActions: instructions.slice(0, 1) },
    ]);
    assert.doesNotMatch(found ?? '', /helm upgrade/);
    assert.match(found ?? '', /\n {6}-> and in the values file$/);
  });
});

test('what is reserved for prefixes first is said with the subnets', () => {
  const step: AnyStep = {
    id: 'reserve-subnet-cidr/subnet-0bb2/10.0.2.128/25',
    kind: 'reserve-subnet-cidr',
    phase: 'prepare',
    impact: 'additive',
    dependsOn: [],
    summary: 'reserve 10.0.2.128/25',
    params: {
      subnetId: 'subnet-0bb2',
      cidr: '10.0.2.128/25',
      region: 'eu-west-1',
      prefixes: 7,
      description: '',
      tags: {},
    },
  };
  const plan = { ...samplePlan, steps: [step, ...samplePlan.steps] };
  assert.match(
    planText(plan, { folder, colour: false }),
    /fits\n {2}Reserved for prefixes first: 10\.0\.2\.128\/25 in subnet-0bb2\.\n\n/,
  );
  assert.match(planMarkdown(plan), /\n- Reserved for prefixes first: 10\.0\.2\.128\/25 in subnet-0bb2\n/);
});

test('node groups that are not alike have a sentence each, many of them in short', () => {
  const [group] = samplePlan.nodegroups;
  assert.ok(group);
  const slow = { ...group, source: 'slow', maxPods: { ...group.maxPods, limitedBy: '6 prefixes of 16 addresses' } };
  const lean = {
    ...group,
    source: 'lean',
    memory: { ...group.memory, reservedAfterMiB: group.memory.reservedBeforeMiB },
  };
  const empty = {
    ...group,
    source: 'empty',
    memory: { ...group.memory, allocatableBeforeMiB: null, allocatableAfterMiB: null },
  };
  const many = Array.from({ length: 4 }, (_, i) => ({ ...group, source: `g${i}` }));
  const text = planText({ ...samplePlan, nodegroups: [slow, lean, empty, ...many] }, { folder, colour: false });
  assert.deepEqual(tooLong(text), []);
  assert.ok(
    text.includes(`
  slow: 110 pods (6 prefixes of 16 addresses); prefixes 1 idle, 2 with its pods,
    7 full.
  lean, empty, g0 and 3 more: 110 pods (vCPU cap 110); prefixes 1 idle, 2 with
    its pods, 7 full.
  Allocatable memory (estimate): slow 6.9 -> 6.0 GiB, empty 891 MiB less, g0 6.9
    -> 6.0 GiB and 3 more.
`),
    text,
  );
});

test('a plan without blockers leads to apply, a dry run writes nothing', () => {
  assert.match(planText(samplePlan, { folder, colour: false }), /Next: prefix-migrate apply prefix-migrate-prod\n$/);
  assert.match(planText(samplePlan, { folder: null, colour: false }), /Dry run: nothing was written/);
  assert.match(planText(samplePlan, { folder, colour: false, hasBarePods: true }), /user-data\/,\s+bare-pods\/\)/);
  const allowed = planText({ ...samplePlan, findings: [{ ...blocking, allowed: true }] }, { folder, colour: false });
  assert.match(allowed, /1 blocking but allowed\n {2}o SUBNET/);
  assert.match(allowed, /Next: prefix-migrate apply/);
});

test('a plan with nothing to move says so', () => {
  const text = planText({ ...samplePlan, nodegroups: [], steps: [], subnets: [] }, { folder, colour: false });
  assert.match(text, /Nothing to move/);
  assert.doesNotMatch(text, /apply/);
});

for (const code of ['CLUSTER.OUTPOST', 'CNI.OTHER_CNI', 'CNI.NOT_EKS_ADDON']) {
  test(`a cluster that cannot be moved (${code}): nothing of a move is told, in no format`, () => {
    const vpcCni: VpcCniPlan = {
      ...samplePlan.vpcCni,
      owner: { tool: 'nobody', name: null, evidence: 'no add-on, release, application or stack claims it' },
      version: null,
      how: 'nothing',
      settings: [],
    };
    const plan = { ...samplePlan, vpcCni, findings: [{ ...blocking, code, subject: 'prod', summary: 'prod is not.' }] };
    const text = planText(plan, { folder, colour: false, subnetMaps: ['a map'] });
    assert.match(text, /plan 7f3a9c21\n\n {2}Cannot be moved \(\S+\)\.\n\n {2}1 blocking\n {2}x \S+ {2}prod is not\./);
    const markdown = planMarkdown(plan);
    const page = planHtml(plan, aSnapshot());
    assert.ok(markdown.includes(`**Cannot be moved (${code}).**`));
    assert.ok(page.includes(`Cannot be moved (${code}).`));
    for (const said of [text, markdown, page])
      assert.doesNotMatch(said, /safe-flip|unknown version|self-managed|claims it|a map|resolve|apps-pd/);
  });
}

test('what cannot be judged is not said to gain nothing', () => {
  const unknown = { ...warning, code: 'INSTANCE.UNKNOWN' };
  const none = { ...samplePlan, nodegroups: [], steps: [], subnets: [] };
  assert.match(planText({ ...none, findings: [unknown] }, { folder, colour: false }), /as far as can be judged/);
  assert.match(planText({ ...none, findings: [warning] }, { folder, colour: false }), /\n {2}Nothing to move\.\n/);
});

test('colour adds escape sequences and nothing else', () => {
  const settings = [setting('WARM_IP_TARGET', { live: '1', target: '2', change: 'conflict' })];
  const plan = { ...samplePlan, findings: [warning, blocking], vpcCni: { ...samplePlan.vpcCni, settings } };
  const coloured = planText(plan, { folder, colour: true });
  assert.ok(coloured.includes('\u001b[31mCONFLICT\u001b[39m\n'));
  assert.ok(coloured.includes('\u001b[31mx SUBNET.NO_FREE_PREFIX\u001b[39m'));
  assert.equal(stripVTControlCharacters(coloured), planText(plan, { folder, colour: false }));
});

const printed = (subject: string, summary: string) =>
  findingLines([{ ...warning, subject, summary, why: '' }], false)[0];

test('what the summary says of itself is not said twice', () => {
  const rows: [string, string, string][] = [
    ['aws-node MAX_ENI', 'MAX_ENI is "x".', 'MAX_ENI is "x".'],
    ['aws-node A_TARGET, B_TARGET', 'A_TARGET=1, B_TARGET=2 win.', 'A_TARGET=1, B_TARGET=2 win.'],
    ['aws-node A_TARGET', 'Another is set.', 'aws-node A_TARGET: Another is set.'],
    ['a, b, c and 2 more', '5 nodes, and 2 more of c.', 'a, b, c and 2 more: 5 nodes, and 2 more of c.'],
    ['subnet-1', 'subnet-1 is full.', 'subnet-1 is full.'],
  ];
  for (const [subject, summary, expected] of rows)
    assert.equal(printed(subject, summary), `  ! PDB.MISSING  ${expected}`);
});

test('findings: most severe first, in words and in Markdown', () => {
  assert.equal(tally([warning, blocking, warning]), '1 blocking, 2 warnings');
  assert.deepEqual(findingLines([warning], false), [
    '  ! PDB.MISSING  shop/worker: 8 of 8 pods sit on the old nodes, no budget.',
    '      At most 2 will be down at once (25 %).',
  ]);
  assert.equal(findingsMarkdown([]), 'No findings.\n');
  assert.match(findingsMarkdown([warning, blocking]), /^- \*\*SUBNET\.NO_FREE_PREFIX\*\* \(blocking\) `subnet-0bb2`: /);
});

test('the plan as Markdown has every node group, subnet and step', () => {
  const text = planMarkdown({ ...samplePlan, findings: [warning] });
  for (const part of [
    '# Move prod to prefix delegation',
    `| Plan | \`${samplePlan.planId}\` |`,
    '| apps | apps-pd-7f3a9c21 | m5.large | 4 -> 4 | 29 -> 110 | vCPU cap 110 (calculated) | 1, 2, 7 | 6.9 -> 6.0 GiB | 60 |',
    '| Order | safe-flip (old nodes stay in service until the new ones are verified). Every subnet has room for it. |',
    '| `ENABLE_PREFIX_DELEGATION` | `-` | `false` | `true` | eks |  |',
    '| subnet-0bb2 | eu-west-1b | 10.0.2.0/24 | 98 | 2 | 1 (1) | 2 (0) | 3 (-1) | 6 (-4) | 6 | 4 | no |',
    '- subnet-0bb2 is 1 block short when the replacement grows to full size, 4 when the pods move to the replacement.',
    '| drain-source | drain | disruptive | move 60 pods off apps | create-nodegroup/apps |',
  ]) {
    assert.ok(text.includes(part), part);
  }
});

const state = (...entries: JournalEntry[]) => replay(samplePlan, journalOf(...entries));

test('where a migration stands', () => {
  const finish: JournalEntry[] = ['create-nodegroup/apps', 'drain-source', 'soak'].map((stepId) => ({
    type: 'step-succeeded',
    runId: 'run-1',
    stepId,
    detail: 'done',
  }));
  assert.equal(verdictOf(samplePlan, state()), 'not-started');
  assert.equal(verdictOf(samplePlan, state(runStarted, ...created)), 'under-way');
  assert.equal(verdictOf(samplePlan, state(runStarted, ...draining, ...drainFailed)), 'stopped');
  assert.equal(verdictOf(samplePlan, state(runStarted, ...finish)), 'finished');
});

test('the status of a stopped migration names the step, the reason and the way on', () => {
  const stopped = state(runStarted, ...created, ...draining, ...drainFailed);
  assert.equal(
    statusText(samplePlan, stopped, { folder, colour: false, isGone: false, now }),
    [
      'prod  plan 7f3a9c21: stopped part-way; can go on',
      '  Last entry of the journal: 2026-11-23 00:02:00 UTC',
      '',
      '  done    create    apps-pd-7f3a9c21 is ACTIVE',
      '  FAILED  drain     move 60 pods off apps',
      '          soak      wait 10m',
      '',
      '  x drain-source: 1 pod cannot move.',
      '    PDB shop/search needs 8 ready pods and has 8.',
      '    -> kubectl -n shop logs search-5',
      '',
      '  To go on: prefix-migrate apply prefix-migrate-prod',
      '  To take it back: prefix-migrate rollback prefix-migrate-prod',
      '',
    ].join('\n'),
  );
});

test('the log is one line per entry, with the date where it changes', () => {
  assert.equal(
    logText(journalOf(runStarted, ...created), { width: 200 }),
    [
      '2026-11-22 (UTC)',
      '23:59:00  run started: prefix-migrate apply prefix-migrate-prod (by arn:aws:iam::111122223333:user/eve)',
      '23:59:30  create-nodegroup/apps: started',
      '2026-11-23 (UTC)',
      '00:00:00  create-nodegroup/apps: done, apps-pd-7f3a9c21 is ACTIVE',
      '',
    ].join('\n'),
  );
  assert.equal(logText([], { width: 80 }), '');
  assert.deepEqual(tooLong(logText(journalOf(runStarted, ...created), { width: 80 })), []);
});

test('a name from outside cannot steer the terminal', () => {
  const entry: JournalEntry = {
    type: 'step-progress',
    runId: 'run-1',
    stepId: 'drain-source',
    progress: { kind: 'note', message: 'pod \u001b]0;owned\u0007\nx' },
  };
  assert.equal(sentence(entry), 'drain-source: pod ]0;owned x');
});

/** Names as long as AWS and Kubernetes allow, and many of everything. */
const name63 = (prefix: string): string => prefix.padEnd(63, 'x');
const crowded: typeof samplePlan = {
  ...samplePlan,
  cluster: { ...samplePlan.cluster, name: 'c'.repeat(100), region: 'ap-southeast-1' },
  nodegroups: samplePlan.nodegroups.map((group) => ({
    ...group,
    source: name63('source'),
    replacement: name63('replacement'),
  })),
  subnets: Array.from({ length: 40 }, (_, i) => ({
    subnetId: `subnet-${String(i).padStart(17, '0')}`,
    availabilityZone: 'ap-southeast-1a',
    cidr: '10.0.0.0/16',
    freeAddresses: 65_000,
    freePrefixes: 4000,
    freePrefixesAfter: 3900,
    peakDemand: 4012,
    fits: i % 20 !== 19,
    timeline: [],
    map: '',
  })),
  findings: Array.from({ length: 30 }, (_, i) => ({ ...warning, subject: `shop/${name63(`worker-${i}-`)}` })),
};

test('long names and many subnets and findings stay readable in 80 columns', () => {
  const text = planText(crowded, { folder, colour: false });
  const lines = text.split('\n').filter((line) => !line.includes('c'.repeat(100)));
  assert.deepEqual(tooLong(lines.join('\n')), []);
  assert.ok(lines.length < 90, `${lines.length} lines`);
  assert.match(
    text,
    /SUBNET +ZONE +FREE .*\n {2}subnet-0+19 .*12 short\n {2}subnet-0+39 .*12 short\n/,
    'short ones first',
  );
  assert.match(text, /and 28 subnets more, which fit/);
  assert.match(text, /and 27 more PDB\.MISSING:\s/);
  assert.ok(text.includes(name63('source')) && text.includes(name63('replacement')));
  const status = statusText(crowded, state(runStarted, ...created), { folder, colour: false, isGone: false, now });
  assert.deepEqual(tooLong(status.split('\n').slice(1).join('\n')), []);
  assert.ok(
    consentQuestion(crowded)
      .split('\n')
      .every((line) => line.length <= 80 || line.includes('c'.repeat(100))),
  );
});

test('the question before pods move tells what is deleted and what is left to its owner', () => {
  const handed: AnyStep = {
    id: 'hand-over-source/apps',
    kind: 'hand-over-source',
    phase: 'delete',
    impact: 'additive',
    dependsOn: [],
    summary: '',
    params: {
      clusterName: 'prod',
      nodegroupName: 'apps',
      replacementName: 'apps-pd',
      owner: { tool: 'terraform', name: null, evidence: 'tag' },
      instructions: [],
    },
  };
  const [group] = samplePlan.nodegroups;
  assert.ok(group);
  const asked = (nodegroups: typeof samplePlan.nodegroups): string =>
    consentQuestion({ ...samplePlan, nodegroups, steps: [handed] }).replaceAll(/\s+/g, ' ');
  assert.match(asked([group]), /and then leaves apps to Terraform, cordoned and not deleted\. Type/);
  assert.match(
    asked([group, { ...group, source: 'web' }]),
    /and then deletes 1 node group: web; leaves apps to Terraform, cordoned/,
  );
});

const paused = (reason: 'until' | 'interrupted' | 'terminated' | 'failed'): JournalEntry[] => [
  runStarted,
  ...created,
  { type: 'run-paused', runId: 'run-1', reason, detail: '' },
];

test('the status says how the last run ended', () => {
  for (const { entries, isGone, said } of [
    { entries: [], isGone: false, said: /: not started\n.*Next: prefix-migrate apply prefix-migrate-prod\n/s },
    { entries: paused('until'), isGone: false, said: /: stopped after a phase, as asked; can go on\n/ },
    { entries: paused('interrupted'), isGone: false, said: /: stopped by Ctrl-C \(SIGINT\); can go on\n/ },
    { entries: paused('terminated'), isGone: false, said: /: stopped by SIGTERM; can go on\n/ },
    { entries: [runStarted, ...created], isGone: false, said: /It is still\s+running, or it was killed/ },
    { entries: [runStarted, ...created], isGone: true, said: /: killed part-way; can go on\n/ },
  ]) {
    assert.match(statusText(samplePlan, state(...entries), { folder, colour: false, isGone, now }), said);
  }
  const options = { folder, colour: false, isGone: false, now };
  const spaced = statusText(samplePlan, state(), { ...options, folder: 'my plans' });
  assert.match(spaced, /Next: prefix-migrate apply 'my plans'\n/);
  const late = statusText(samplePlan, state(), { ...options, now: '2026-11-24T00:00:00.000Z' });
  assert.match(late, /Expired at 2026-11-23 05:00:00 UTC.*\n {2}Next: prefix-migrate plan --cluster prod\n/);
  const refused = statusText({ ...samplePlan, findings: [blocking] }, state(), options);
  assert.match(refused, /apply refuses it: SUBNET\.NO_FREE_PREFIX subnet-0bb2\.\n {2}Next: prefix-migrate plan/);
  const empty = { ...samplePlan, nodegroups: [], steps: [] };
  assert.match(
    statusText(empty, replay(empty, []), { folder, colour: false, isGone: false, now }),
    /: nothing to do\n/,
  );
});

test('the last screen of apply: done, done before, after a phase, nothing to do', () => {
  const options = { folder, until: undefined, isDone: false, colour: false };
  const all: JournalEntry[] = samplePlan.steps.map(({ id }) => ({
    type: 'step-succeeded',
    runId: 'run-1',
    stepId: id,
    detail: 'done',
  }));
  const done = state(runStarted, ...all);
  const half = state(runStarted, ...created);
  assert.match(summaryText(samplePlan, done, options), /^prod: done\. 1 node group moved/);
  assert.match(summaryText(samplePlan, done, { ...options, isDone: true }), /^prod: done before, nothing left to do\./);
  assert.match(
    summaryText(samplePlan, half, { ...options, until: 'create' }),
    /stopped after phase create.*Next is drain/,
  );
  assert.match(
    summaryText(samplePlan, half, { ...options, until: 'create', isDone: true }),
    /phase create was done before; nothing to do\. Next is drain\.\n/,
  );
  const empty = { ...samplePlan, nodegroups: [], steps: [] };
  assert.equal(summaryText(empty, replay(empty, []), options), 'prod: nothing to do, the plan moves no node group.\n');
});

test('a job summary tells how a run ended', () => {
  const stopped = state(runStarted, ...created, ...draining, ...drainFailed);
  const text = runMarkdown(samplePlan, {
    exitCode: 6,
    state: stopped,
    stoppedBy: {
      code: 'DRAIN.STUCK',
      message: '1 pod cannot move.',
      why: 'A budget.',
      nextActions: ['kubectl get pdb'],
    },
  });
  for (const part of ['prod, plan 7f3a9c21', 'DRAIN.STUCK, exit code 6', '- `kubectl get pdb`', '| drain | failed |']) {
    assert.ok(text.includes(part), part);
  }
});

test('differences: all of them in Markdown and HTML, in the summary once for groups that are alike', () => {
  const [apps] = samplePlan.nodegroups;
  assert.ok(apps !== undefined);
  const other = { field: 'labels.a', source: 'b|`c`', replacement: '', reason: '<b>because</b>' };
  const tools = { ...apps, source: 'tools', replacement: 'tools-pd-1', differences: [other, ...apps.differences] };
  const plan = { ...samplePlan, nodegroups: [apps, tools] };
  const text = planText(plan, { folder: null, colour: false });
  assert.match(
    text,
    / {2}9 fields differ from the source; all of them with the reasons: --format\n {2}markdown\. First:/,
  );
  assert.equal(text.split('launchTemplate.IamInstanceProfile').length, 2);
  assert.match(text, / {2}- tools: labels\.a b\|`c` -> "" \(<b>because<\/b>\)/);
  assert.doesNotMatch(text, /- maxPods /);
  const markdown = planMarkdown(plan);
  assert.ok(markdown.includes('### tools -> tools-pd-1\n'));
  assert.ok(markdown.includes('| `labels.a` | `` b\\|`c` `` | `""` | \\<b>because\\</b> |'));
  assert.ok(markdown.includes('| `maxPods` | `29` | `110` | what this plan is for (vCPU cap 110) |'));
  const page = planHtml(plan, aSnapshot());
  assert.ok(page.includes('&lt;b&gt;because&lt;/b&gt;'));
  assert.ok(!page.includes('<b>because'));
  assert.ok(
    !planText({ ...plan, nodegroups: [{ ...apps, differences: [] }] }, { folder: null, colour: false }).includes(
      'differ from',
    ),
  );
});
