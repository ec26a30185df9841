import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PlanRequest, Step } from '../../src/domain/plan.ts';
import type { VpcCni } from '../../src/domain/snapshot.ts';
import { vpcCniPlan, vpcCniSteps } from '../../src/planning/vpc-cni.ts';
import { isCommand } from '../../src/reporting/formats/findings.ts';
import { aRequest, aSnapshot, aVpcCni } from '../support/snapshot.ts';

const made = (vpcCni: VpcCni, request: Partial<PlanRequest> = {}) =>
  vpcCniPlan(aSnapshot({ vpcCni }), aRequest(request), true);
const diff = (vpcCni: VpcCni, request?: Partial<PlanRequest>) =>
  made(vpcCni, request).settings.map(
    ({ name, configured, live, setBy, target, change }) =>
      `${change} ${name}: ${configured} / ${live} (${setBy}) -> ${target}`,
  );
const base = aVpcCni();
const addon = (configurationValues: string | null, vpcCni: Partial<VpcCni> = {}) =>
  aVpcCni({
    addon: { version: 'v1.19.2-eksbuild.1', status: 'ACTIVE', configurationValues, healthIssues: [] },
    ...vpcCni,
  });
const byHand = (env: Record<string, string>, configurationValues: string | null = null) =>
  addon(configurationValues, {
    env: { ...base.env, ...env },
    envManagers: {
      ...base.envManagers,
      ...Object.fromEntries(Object.keys(env).map((name) => [name, 'kubectl-set'])),
    },
  });

const told = (owner: VpcCni['owner']) => made(aVpcCni({ owner })).instructions;

describe('the difference of configuration, live environment and target', () => {
  test('what changes stands first; of the others, those that matter', () => {
    assert.deepEqual(diff(base), [
      'set ENABLE_PREFIX_DELEGATION: null / false (eks) -> true',
      'none WARM_PREFIX_TARGET: null / 1 (eks) -> 1',
      'none WARM_ENI_TARGET: null / 1 (eks) -> 1',
    ]);
  });
  test('a variable by hand that EKS writes is in conflict, unless it is as the plan wants it', () => {
    assert.deepEqual(diff(byHand({ WARM_PREFIX_TARGET: '3' }), { warmPrefixTarget: 1 }).slice(0, 2), [
      'conflict WARM_PREFIX_TARGET: null / 3 (kubectl-set) -> 1',
      'set ENABLE_PREFIX_DELEGATION: null / false (eks) -> true',
    ]);
    assert.equal(diff(byHand({ WARM_PREFIX_TARGET: '3' }))[1], 'adopt WARM_PREFIX_TARGET: null / 3 (kubectl-set) -> 3');
  });
  test('a variable of the manifest or of the configuration that the plan does not want otherwise can be adopted', () => {
    const manifest = byHand({ AWS_VPC_K8S_CNI_LOGLEVEL: 'INFO' });
    assert.equal(diff(manifest)[0], 'conflict AWS_VPC_K8S_CNI_LOGLEVEL: null / INFO (kubectl-set) -> DEBUG');
    const allowed = made(manifest, { allow: ['CNI.CONFIG_CONFLICT'] });
    assert.deepEqual(JSON.parse(allowed.configurationValues ?? ''), {
      env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1', AWS_VPC_K8S_CNI_LOGLEVEL: 'INFO' },
    });
    const configured = byHand({ POD_MTU: '1500' }, 'env:\n  POD_MTU: "9000"\n');
    assert.equal(diff(configured)[0], 'conflict POD_MTU: 9000 / 1500 (kubectl-set) -> 9000');
    const [first] = made(configured, { allow: ['CNI.CONFIG_CONFLICT'] }).settings.filter(
      ({ name }) => name === 'POD_MTU',
    );
    assert.deepEqual([first?.change, first?.target], ['adopt', '1500']);
  });
  test('what the add-on decides itself cannot be adopted', () => {
    assert.match(
      diff(byHand({ ENABLE_IPv4: 'false' }), { allow: ['CNI.CONFIG_CONFLICT'] })[0] ?? '',
      /^conflict ENABLE_IPv4/,
    );
  });
  test('a variable by hand that EKS does not write is shown and stays', () => {
    assert.ok(diff(byHand({ WARM_IP_TARGET: '30' })).includes('none WARM_IP_TARGET: null / 30 (kubectl-set) -> 30'));
  });
  test('by hand, but as the manifest has it, is not worth a line', () => {
    assert.equal(diff(byHand({ AWS_VPC_K8S_CNI_LOGLEVEL: 'DEBUG' })).length, 3);
  });
  test('a configured value that never arrived arrives with the update', () => {
    const lost = addon('env: {AWS_VPC_ENI_MTU: "1500"}', {
      env: { ...base.env, AWS_VPC_ENI_MTU: '9001' },
      envManagers: { AWS_VPC_ENI_MTU: 'eks' },
    });
    assert.ok(diff(lost).includes('set AWS_VPC_ENI_MTU: 1500 / 9001 (eks) -> 1500'));
  });
  test('nothing to migrate: nothing changes', () => {
    const plan = vpcCniPlan(aSnapshot(), aRequest(), false);
    assert.deepEqual([plan.how, plan.settings.every(({ change }) => change === 'none')], ['nothing', true]);
  });
});

test('the merge keeps everything else of the document and its order, and makes strings of all values', () => {
  const values = [
    '# ours',
    'resources: {requests: {cpu: 50m}}',
    'env:',
    '  WARM_PREFIX_TARGET: 2',
    '  ENABLE_POD_ENI: true',
    '  AWS_VPC_K8S_CNI_LOGLEVEL: INFO',
    'enableNetworkPolicy: "true"',
  ].join('\n');
  assert.equal(
    made(addon(values)).configurationValues,
    '{"resources":{"requests":{"cpu":"50m"}},"env":{"WARM_PREFIX_TARGET":"1","ENABLE_POD_ENI":"true","AWS_VPC_K8S_CNI_LOGLEVEL":"INFO","ENABLE_PREFIX_DELEGATION":"true"},"enableNetworkPolicy":"true"}',
  );
});

test('a document with an odd directive is read without a word on the terminal', (t) => {
  const emitWarning = t.mock.method(process, 'emitWarning', () => undefined);
  assert.equal(made(addon('%ODD \u001b[31m\n---\nenv: {}\n')).how, 'update-addon');
  assert.equal(emitWarning.mock.callCount(), 0);
});

test('a variable may be called as what every object has', () => {
  const strange = aVpcCni({ env: { ...base.env, constructor: 'x' }, envManagers: { constructor: 'kubectl' } });
  const [found] = vpcCniPlan(aSnapshot({ vpcCni: strange }), aRequest(), true).settings.filter(
    ({ name }) => name === 'constructor',
  );
  assert.deepEqual([found?.configured, found?.target], [null, 'x']);
});

const self = (overrides: Partial<VpcCni> = {}) => aVpcCni({ managedBy: 'self-managed', addon: null, ...overrides });

describe('how', () => {
  const helm = { tool: 'helm', name: 'kube-system/cni', evidence: 'annotation', chartVersion: '1.19.2' } as const;
  const done = { ...base.env, ENABLE_PREFIX_DELEGATION: 'true' };
  const rows: [string, VpcCni, string][] = [
    ['an add-on', base, 'update-addon'],
    ['an add-on of Terraform', aVpcCni({ owner: { tool: 'terraform', name: null, evidence: 'tag' } }), 'update-addon'],
    ['nobody', self(), 'patch-daemon-set'],
    ['nobody, as wanted', self({ env: done }), 'nothing'],
    ['Helm', self({ owner: helm }), 'wait-for-owner'],
    ['Helm, as wanted', self({ owner: helm, env: done }), 'nothing'],
    ['no VPC CNI', aVpcCni({ managedBy: 'absent', addon: null, env: {} }), 'nothing'],
  ];
  for (const [name, vpcCni, how] of rows) test(`${name}: ${how}`, () => assert.equal(made(vpcCni).how, how));

  test('the patch sets what is wanted and knows what was there', () => {
    const [step] = vpcCniSteps(aSnapshot({ vpcCni: self() }), aRequest({ warmIpTarget: 5 }), ['x']);
    assert.deepEqual(
      [step?.kind, step?.dependsOn, step?.phase, step?.impact],
      ['patch-vpc-cni', ['x'], 'prepare', 'additive'],
    );
    assert.deepEqual(step?.params, {
      env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_IP_TARGET: '5' },
      before: { ENABLE_PREFIX_DELEGATION: 'false', WARM_IP_TARGET: null },
    });
  });

  const commands: [VpcCni['owner'], RegExp[]][] = [
    [
      helm,
      [
        /helm upgrade cni eks\/aws-vpc-cni --namespace kube-system --version 1\.19\.2 --reuse-values --set-string env\.ENABLE_PREFIX_DELEGATION=true/,
        /env: \{ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1"\}/,
      ],
    ],
    [
      { tool: 'helm', name: 'kube-system/cni', evidence: 'annotation' },
      [/--version "\$\(helm get metadata cni --namespace kube-system \| sed/, /env: /],
    ],
    [
      { tool: 'argo-cd', name: 'network', evidence: 'annotation' },
      [
        /application network: container aws-node .* env: \[\{name: ENABLE_PREFIX_DELEGATION, value: "true"\}/,
        /^Set in the values of chart .*: env: /,
        /^argocd app sync network$/,
      ],
    ],
    [
      { tool: 'flux', name: 'flux-system/infra', evidence: 'label kustomize.toolkit.fluxcd.io/name' },
      [
        /Kustomization flux-system\/infra/,
        /^flux reconcile kustomization infra --namespace flux-system --with-source$/,
      ],
    ],
    [
      { tool: 'flux', name: 'flux-system/cni', evidence: 'label helm.toolkit.fluxcd.io/name' },
      [
        /spec: \{values: \{env: \{ENABLE_PREFIX_DELEGATION: "true"/,
        /^flux reconcile helmrelease cni --namespace flux-system/,
      ],
    ],
    [
      { tool: 'terraform', name: null, evidence: 'field manager Terraform' },
      [
        /name = "env\.ENABLE_PREFIX_DELEGATION"/,
        /env \{ name = "ENABLE_PREFIX_DELEGATION", value = "true" \}/,
        /^terraform apply$/,
      ],
    ],
  ];
  for (const [owner, expected] of commands) {
    test(`the exact change for ${owner.tool} ${owner.name}`, () => {
      const steps = vpcCniSteps(aSnapshot({ vpcCni: self({ owner }) }), aRequest(), []);
      const [step] = steps.filter((one): one is Step<'await-vpc-cni'> => one.kind === 'await-vpc-cni');
      assert.equal(step?.params.instructions.length, expected.length);
      for (const [index, pattern] of expected.entries()) assert.match(step?.params.instructions[index] ?? '', pattern);
      // a command, or a sentence that begins with what to do
      for (const line of step?.params.instructions ?? [])
        assert.ok(isCommand(line) || /^(Put|Set|Commit) /.test(line), line);
      assert.equal(step?.params.timeoutSeconds, 7200);
    });
  }

  test('an add-on with an owner is told the whole configuration', () => {
    const values = '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}';
    assert.deepEqual(told({ tool: 'terraform', name: null, evidence: 'tag' }), [
      `Set in resource aws_eks_addon of vpc-cni: configuration_values = jsonencode(${values})`,
    ]);
    assert.deepEqual(told({ tool: 'cloudformation', name: 'eksctl-shop-addon-vpc-cni', evidence: 'tag' }), [
      `Set in the eksctl ClusterConfig: addons: [{name: vpc-cni, configurationValues: '${values}'}]`,
    ]);
    assert.deepEqual(told(base.owner), []);
  });
});

/** Of the step that changes the add-on. */
const params = (vpcCni: VpcCni, allow: string[] = []) => {
  const [step] = vpcCniSteps(aSnapshot({ vpcCni }), aRequest({ allow }), []);
  assert.ok(step?.kind === 'configure-vpc-cni');
  return step.params;
};

test('an undo gives back what was, but for what was taken over', () => {
  assert.deepEqual(
    [params(base).undoValues, params(base).envBefore],
    ['{}', { ENABLE_PREFIX_DELEGATION: 'false', WARM_PREFIX_TARGET: '1' }],
  );
  const yaml = 'env:\n  WARM_IP_TARGET: "5"\n';
  assert.equal(params(addon(yaml)).undoValues, yaml);
  const adopted = params(byHand({ DISABLE_METRICS: 'true' }, yaml), ['CNI.CONFIG_CONFLICT']);
  assert.deepEqual(
    [adopted.undoValues, adopted.envBefore['DISABLE_METRICS']],
    ['{"env":{"WARM_IP_TARGET":"5","DISABLE_METRICS":"true"}}', 'true'],
  );
});
