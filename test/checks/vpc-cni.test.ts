import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import type { Finding } from '../../src/domain/finding.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, EnvSchema, VpcCni } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aRequest, aSnapshot, aVpcCni } from '../support/snapshot.ts';

const base = aVpcCni();
const roomy: Partial<ClusterSnapshot> = {
  subnets: aSnapshot().subnets.map((subnet, index) => ({
    ...subnet,
    cidr: `10.${index}.0.0/16`,
    availableIpAddressCount: 65_500,
  })),
  networkInterfaces: [],
};

function findings(vpcCni: VpcCni, request: Partial<PlanRequest> = {}, more: Partial<ClusterSnapshot> = {}): Finding[] {
  const snapshot = aSnapshot({ ...roomy, vpcCni, ...more });
  const asked = aRequest(request);
  return runChecks(snapshot, asked, scopeOf(snapshot, asked)).filter(({ code }) => code.startsWith('CNI.'));
}
const brief = (...given: Parameters<typeof findings>) =>
  findings(...given).map(({ severity, code, subject }) => `${severity} ${code} ${subject}`);
const env = (settings: Record<string, string | null>, managers: Record<string, string> = {}) =>
  aVpcCni({ env: { ...base.env, ...settings }, envManagers: { ...base.envManagers, ...managers } });
const byHand = (settings: Record<string, string>) =>
  env(settings, Object.fromEntries(Object.keys(settings).map((name) => [name, 'kubectl-set'])));

describe('settings', () => {
  const rows: [string, VpcCni, Partial<PlanRequest>, string[]][] = [
    ['as they come', base, {}, []],
    [
      'no whole number',
      env({ WARM_IP_TARGET: '1.5' }),
      {},
      ['blocking CNI.SETTING_NOT_A_NUMBER aws-node WARM_IP_TARGET'],
    ],
    [
      'negative',
      env({ MINIMUM_IP_TARGET: '-1' }),
      {},
      ['blocking CNI.SETTING_NOT_A_NUMBER aws-node MINIMUM_IP_TARGET'],
    ],
    ['with a space', env({ MAX_ENI: ' 2' }), {}, ['blocking CNI.SETTING_NOT_A_NUMBER aws-node MAX_ENI']],
    ['that the plan sets itself', env({ WARM_PREFIX_TARGET: 'one', WARM_IP_TARGET: 'x' }), { warmIpTarget: 5 }, []],
    [
      'left over',
      env({ WARM_IP_TARGET: '30', MINIMUM_IP_TARGET: '40' }),
      {},
      ['warning CNI.IP_TARGETS_WIN aws-node WARM_IP_TARGET, MINIMUM_IP_TARGET'],
    ],
    [
      'asked for and costly',
      base,
      { warmPrefixTarget: 3 },
      ['warning CNI.WARM_TARGET_COST aws-node WARM_PREFIX_TARGET'],
    ],
    [
      'left over and costly',
      env({ WARM_IP_TARGET: '30' }),
      {},
      ['warning CNI.IP_TARGETS_WIN aws-node WARM_IP_TARGET', 'warning CNI.WARM_TARGET_COST aws-node WARM_IP_TARGET'],
    ],
    ['asked for, one', base, { warmPrefixTarget: 1 }, []],
    ['given up again', env({ WARM_IP_TARGET: '30' }), { warmIpTarget: 0, minimumIpTarget: 0 }, []],
    [
      'on the init container alone',
      aVpcCni({ initEnv: { ENABLE_PREFIX_DELEGATION: 'true', ENABLE_IPv6: 'false' } }),
      {},
      ['warning CNI.SETTING_ON_INIT_CONTAINER aws-vpc-cni-init ENABLE_PREFIX_DELEGATION'],
    ],
    [
      'made up',
      env({ AWS_VPC_K8S_CNI_MAX_ENI: '2', AWS_VPC_K8S_CNI_EXTERNALSNAT: 'true', HTTPS_PROXY: 'x' }),
      {},
      ['warning CNI.UNKNOWN_SETTING aws-node AWS_VPC_K8S_CNI_MAX_ENI'],
    ],
  ];
  for (const [name, vpcCni, request, expected] of rows)
    test(name, () => assert.deepEqual(brief(vpcCni, request), expected));

  test('a small target alone is worth a warning in a large cluster', () => {
    const rollout = { generation: 1, observedGeneration: 1, desired: 50, updated: 50, available: 50, unavailable: 0 };
    const large = aVpcCni({ rollout });
    assert.deepEqual(brief(large, { warmIpTarget: 2 }), ['warning CNI.WARM_TARGET_CALLS aws-node WARM_IP_TARGET']);
    assert.deepEqual(brief(large, { warmIpTarget: 2, minimumIpTarget: 16 }), []);
    assert.deepEqual(brief(base, { warmIpTarget: 2 }), []);
  });

  test('targets of old are told with what they mean now, and how to be rid of them', () => {
    const [found] = findings(env({ WARM_IP_TARGET: '30', MINIMUM_IP_TARGET: '40' }));
    // apps: 7 pods on 3 nodes: 3 each, and 3 prefixes for 40 addresses, where 1 + 1 would do
    assert.match(found?.why ?? '', /of apps will hold 3 prefixes without pods and 3 with its 3 pods/);
    assert.match(found?.why ?? '', /with WARM_PREFIX_TARGET=1 it would be 1 and 2/);
    assert.match(found?.why ?? '', /On 5 nodes that is 5 \/28 blocks more/);
    assert.match(found?.nextActions[0] ?? '', /--warm-ip-target 0 --minimum-ip-target 0/);
  });

  test('a target in conflict is not said to stay: both values are named', () => {
    const vpcCni = byHand({ WARM_IP_TARGET: '10', MINIMUM_IP_TARGET: '10' });
    vpcCni.addon = {
      version: 'v1.19.2',
      status: 'ACTIVE',
      configurationValues: '{"env":{"WARM_IP_TARGET":"5"}}',
      healthIssues: [],
    };
    const said = (request: Partial<PlanRequest>) =>
      findings(vpcCni, request).find(({ code }) => code === 'CNI.IP_TARGETS_WIN')?.summary;
    assert.equal(
      said({}),
      'WARM_IP_TARGET=10 (in conflict with 5), MINIMUM_IP_TARGET=10 win over WARM_PREFIX_TARGET, which is ignored.',
    );
    assert.equal(
      said({ allow: ['CNI.CONFIG_CONFLICT'] }),
      'WARM_IP_TARGET=10, MINIMUM_IP_TARGET=10 win over WARM_PREFIX_TARGET, which is ignored.',
    );
  });

  test('the cost is in addresses', () => {
    const [found] = findings(base, { warmPrefixTarget: 3 });
    assert.match(
      found?.summary ?? '',
      /takes about 160 more addresses than WARM_PREFIX_TARGET=1 would, on 5 new nodes/,
    );
  });
});

const withSchema = (envSchema: EnvSchema, live: Record<string, string> = {}) => {
  const addon = { version: 'v1.12.6-eksbuild.2', status: 'ACTIVE', configurationValues: null, healthIssues: [] };
  return { ...byHand(live), addon: { ...addon, envSchema } };
};
const old: EnvSchema = {
  takesOthers: false,
  variables: { ENABLE_PREFIX_DELEGATION: { type: ['string'], format: 'boolean' }, WARM_PREFIX_TARGET: {} },
};
const refused = (vpcCni: VpcCni, request?: Partial<PlanRequest>) =>
  findings(vpcCni, request).filter(({ code }) => code === 'CNI.SETTING_REFUSED');

describe('what the schema of the add-on does not take', () => {
  test('a target that its version does not know: leave it out, or update', () => {
    const [found, ...more] = refused(withSchema(old), { warmIpTarget: 5 });
    assert.deepEqual([found?.severity, found?.canBeAllowed, more], ['blocking', undefined, []]);
    assert.equal(
      found?.summary,
      'Add-on vpc-cni v1.12.6-eksbuild.2 does not take WARM_IP_TARGET=5: it is no setting of it.',
    );
    assert.match(found?.nextActions[0] ?? '', /^prefix-migrate plan --cluster shop-eu .*# leaves WARM_IP_TARGET out$/);
    assert.ok(!found?.nextActions[0]?.includes('--warm-ip-target'));
    assert.match(found?.nextActions[1] ?? '', /^aws eks describe-addon-versions --addon-name vpc-cni /);
    assert.match(found?.nextActions[2] ?? '', /^aws eks update-addon --cluster-name shop-eu --addon-name vpc-cni /);
  });
  test('what it knows, and what it takes besides, is fine; so is a schema that nobody told', () => {
    assert.deepEqual(refused(withSchema(old)), []);
    assert.deepEqual(refused(withSchema({ ...old, takesOthers: true }), { warmIpTarget: 5 }), []);
    assert.deepEqual(refused(base, { warmIpTarget: 5 }), []);
  });
  test('a value that would be adopted and breaks the format', () => {
    const schema = {
      ...old,
      variables: { ...old.variables, POD_MTU: {}, AWS_VPC_K8S_CNI_LOGLEVEL: { enum: ['DEBUG'] } },
    };
    const [found] = refused(withSchema(schema, { AWS_VPC_K8S_CNI_LOGLEVEL: 'INFO' }), {
      allow: ['CNI.CONFIG_CONFLICT'],
    });
    assert.match(found?.summary ?? '', /AWS_VPC_K8S_CNI_LOGLEVEL=INFO: it has to be one of DEBUG\.$/);
    assert.match(found?.nextActions[0] ?? '', /set env .* AWS_VPC_K8S_CNI_LOGLEVEL-/);
  });
});

describe('conflicts', () => {
  test('a value that is not ours to see is neither compared nor shown', () => {
    const hidden = byHand({});
    hidden.env = { ...hidden.env, AWS_SECRET_ACCESS_KEY: null, POD_MTU: null };
    hidden.envManagers = { ...hidden.envManagers, AWS_SECRET_ACCESS_KEY: 'kubectl-set', POD_MTU: 'kubectl-set' };
    const configurationValues = '{"env":{"POD_MTU":"9000"}}';
    hidden.addon = { version: 'v1.19.2', status: 'ACTIVE', configurationValues, healthIssues: [] };
    assert.deepEqual(
      findings(hidden).map(({ summary }) => summary),
      [
        'POD_MTU is set to a value that is not shown on aws-node, set by kubectl-set past the EKS add-on, which has "9000".',
      ],
    );
  });

  test('one that can be adopted says so; --allow takes it', () => {
    const vpcCni = byHand({ AWS_VPC_K8S_CNI_EXTERNALSNAT: 'true' });
    const [found] = findings(vpcCni);
    assert.deepEqual(
      [found?.severity, found?.code, found?.canBeAllowed],
      ['blocking', 'CNI.CONFIG_CONFLICT', undefined],
    );
    assert.match(found?.summary ?? '', /is "true" on aws-node, set by kubectl-set past the EKS add-on/);
    assert.match(
      found?.nextActions[0] ?? '',
      /prefix-migrate plan --cluster shop-eu --soak 0s --allow CNI\.CONFIG_CONFLICT/,
    );
    const [allowed] = findings(vpcCni, { allow: ['CNI.CONFIG_CONFLICT'] });
    assert.equal(allowed?.allowed, true);
  });
  test('a value with a second line makes no command of it', () => {
    const found = findings(byHand({ AWS_VPC_K8S_CNI_LOGLEVEL: 'INFO\ntouch /tmp/made' }))[0];
    const texts = [found?.summary ?? '', ...(found?.nextActions ?? [])];
    assert.match(texts.join(' | '), /takes 'AWS_VPC_K8S_CNI_LOGLEVEL=INFO touch/);
    assert.ok(texts.every((text) => !text.includes('\n')));
  });
  const ways: [string, Record<string, string>, Partial<PlanRequest>, RegExp][] = [
    [
      'the switch, off',
      { ENABLE_PREFIX_DELEGATION: 'False' },
      {},
      / ENABLE_PREFIX_DELEGATION- {2}# aws-node behaves the same/,
    ],
    [
      'a target that counts in prefix mode only',
      { WARM_PREFIX_TARGET: '3' },
      { warmPrefixTarget: 1 },
      / WARM_PREFIX_TARGET- {2}# aws-node behaves/,
    ],
    ['a target of 0', { WARM_IP_TARGET: '0' }, { warmIpTarget: 5 }, / WARM_IP_TARGET- {2}# aws-node behaves/],
    [
      'a target that acts now',
      { WARM_IP_TARGET: '30' },
      { warmIpTarget: 5 },
      / WARM_IP_TARGET=5 {2}# has its effect at once/,
    ],
    ['what the add-on decides', { ENABLE_IPv4: 'false' }, {}, / ENABLE_IPv4- {2}# the add-on sets it again/],
  ];
  for (const [name, settings, request, way] of ways) {
    test(`the way out of: ${name}`, () => {
      const found = findings(byHand(settings), request).filter(({ code }) => code === 'CNI.CONFIG_CONFLICT');
      assert.equal(found.length, 1);
      assert.equal(found[0]?.canBeAllowed, false);
      assert.match(found[0]?.nextActions[0] ?? '', way);
      const [asked] = findings(byHand(settings), { ...request, allow: ['CNI.CONFIG_CONFLICT'] });
      assert.deepEqual([asked?.severity, asked?.allowed], ['blocking', undefined]);
      assert.match(asked?.why ?? '', /--allow CNI\.CONFIG_CONFLICT does not cover it/);
      assert.match(asked?.nextActions[0] ?? '', way);
    });
  }
  test('--allow takes those that can be adopted, and the one that cannot stays blocking', () => {
    const vpcCni = byHand({ ENABLE_PREFIX_DELEGATION: 'false', AWS_VPC_K8S_CNI_EXTERNALSNAT: 'true' });
    const found = findings(vpcCni, { allow: ['CNI.CONFIG_CONFLICT'] });
    assert.deepEqual(
      found.map(({ subject, allowed }) => [subject, allowed]),
      [
        ['aws-node ENABLE_PREFIX_DELEGATION', undefined],
        ['aws-node AWS_VPC_K8S_CNI_EXTERNALSNAT', true],
      ],
    );
    assert.match(found[0]?.nextActions[1] ?? '', /^prefix-migrate plan .*--allow CNI\.CONFIG_CONFLICT$/);
    assert.match(found[1]?.nextActions[0] ?? '', /EXTERNALSNAT- {2}# gives it back to the add-on/);
  });
  test('without anything to set there is no conflict', () => {
    const values = '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}';
    const on = aVpcCni({
      ...byHand({ AWS_VPC_K8S_CNI_EXTERNALSNAT: 'true' }),
      addon: { version: 'v1.19.2', status: 'ACTIVE', configurationValues: values, healthIssues: [] },
    });
    on.env = { ...on.env, ENABLE_PREFIX_DELEGATION: 'true' };
    assert.deepEqual(brief(on), []);
  });
});

const withValues = (configurationValues: string) =>
  aVpcCni({ addon: { version: 'v1.19.2', status: 'ACTIVE', configurationValues, healthIssues: [] } });

describe('comments in the configuration of the add-on', () => {
  const rows: [string, string, string[]][] = [
    ['YAML with comments', 'env:\n  # ours\n  MAX_ENI: "3"\n', ['advice CNI.COMMENTS_LOST vpc-cni']],
    ['behind a value', 'env: {MAX_ENI: "3"} # ours', ['advice CNI.COMMENTS_LOST vpc-cni']],
    ['YAML without', 'env:\n  MAX_ENI: "3"\n', []],
    ['a # in a value', 'nodeSelector: {a: "b # c", d: e#f}', []],
    ['JSON', '{"nodeSelector":{"a":" #b"}}', []],
  ];
  for (const [name, values, expected] of rows) test(name, () => assert.deepEqual(brief(withValues(values)), expected));
});

describe('owners', () => {
  const rows: [string, Partial<VpcCni>, string[]][] = [
    ['EKS', {}, []],
    [
      'CloudFormation',
      { owner: { tool: 'cloudformation', name: 'net', evidence: 'tag' } },
      ['warning CNI.MANAGED_ELSEWHERE aws-node'],
    ],
    [
      'Helm',
      {
        managedBy: 'self-managed',
        addon: null,
        owner: { tool: 'helm', name: 'kube-system/cni', evidence: 'annotation' },
      },
      ['warning CNI.MANAGED_ELSEWHERE aws-node'],
    ],
    ['nobody', { managedBy: 'self-managed', addon: null }, ['warning CNI.SELF_MANAGED aws-node']],
  ];
  for (const [name, overrides, expected] of rows)
    test(name, () => assert.deepEqual(brief(aVpcCni(overrides)), expected));
  test('nobody: the manifest that aws-node was installed from has to follow', () => {
    const [found] = findings(aVpcCni({ managedBy: 'self-managed', addon: null }));
    assert.match(found?.why ?? '', /next kubectl apply/);
    assert.deepEqual(found?.nextActions, [
      'Put into the manifest that aws-node was installed from, at container aws-node of DaemonSet kube-system/aws-node: env: [{name: ENABLE_PREFIX_DELEGATION, value: "true"}, {name: WARM_PREFIX_TARGET, value: "1"}]',
    ]);
  });
});

describe('versions', () => {
  const rows: [string, string[]][] = [
    ['1.8.9', ['blocking CNI.TOO_OLD vpc-cni']],
    ['1.16.1', ['warning CNI.OLD_FOR_AL2023 vpc-cni', 'advice CNI.NO_STOP_AT_MAX_PODS vpc-cni']],
    ['1.16.2', ['advice CNI.NO_STOP_AT_MAX_PODS vpc-cni']],
    ['1.17.0', ['advice CNI.NO_STOP_AT_MAX_PODS vpc-cni']],
    ['1.17.1', []],
    ['1.19.6', []],
    ['1.20.0', ['advice CNI.KEEPS_ADDRESSES vpc-cni']],
  ];
  for (const [version, expected] of rows) {
    test(version, () => assert.deepEqual(brief(aVpcCni({ version })), expected));
  }
  test('spare prefixes are counted', () => {
    const [found] = findings(aVpcCni({ version: '1.17.0' }), { warmIpTarget: 20, minimumIpTarget: 16 }).filter(
      ({ code }) => code === 'CNI.NO_STOP_AT_MAX_PODS',
    );
    assert.match(found?.summary ?? '', /keeps 2 spare prefixes on a node/);
  });
});
