import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { manifestEnv, meantBy, vpcCniNames } from '../../src/domain/cni-names.ts';
import { isNotANumber, isOn, target } from '../../src/domain/cni-settings.ts';

const has = (version: string | null, name: string) => manifestEnv(version)[name];

describe('names', () => {
  const madeUp: [string, string][] = [
    ['AWS_VPC_K8S_CNI_ENABLE_PREFIX_DELEGATION', 'ENABLE_PREFIX_DELEGATION'],
    ['AWS_VPC_K8S_CNI_WARM_PREFIX_TARGET', 'WARM_PREFIX_TARGET'],
    ['AWS_VPC_K8S_CNI_WARM_IP_TARGET', 'WARM_IP_TARGET'],
    ['AWS_VPC_K8S_CNI_MINIMUM_IP_TARGET', 'MINIMUM_IP_TARGET'],
    ['AWS_VPC_K8S_CNI_MAX_ENI', 'MAX_ENI'],
    ['AWS_VPC_K8S_CNI_ENABLE_IPv6', 'ENABLE_IPv6'],
    ['AWS_VPC_K8S_CNI_ENABLE_POD_ENI', 'ENABLE_POD_ENI'],
    ['AWS_VPC_CNI_ENABLE_POD_ENI', 'ENABLE_POD_ENI'],
    ['ENABLE_IPV6', 'ENABLE_IPv6'],
    ['enable_prefix_delegation', 'ENABLE_PREFIX_DELEGATION'],
    ['PREFIX_DELEGATION_ENABLED', 'ENABLE_PREFIX_DELEGATION'],
    ['WARM_PREFIX_TARGETS', 'WARM_PREFIX_TARGET'],
    ['WARM_PREFIXES_TARGET', 'WARM_PREFIX_TARGET'],
    ['WARM_IPS_TARGET', 'WARM_IP_TARGET'],
    ['MIN_IP_TARGET', 'MINIMUM_IP_TARGET'],
    ['MAX_ENIS', 'MAX_ENI'],
    ['EXTERNALSNAT', 'AWS_VPC_K8S_CNI_EXTERNALSNAT'],
    ['CUSTOM_NETWORK_CFG', 'AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG'],
    ['MY_WARM_IP_TARGET', 'WARM_IP_TARGET'],
    ['ENABLE_PREFIX_DELEGATOIN', 'ENABLE_PREFIX_DELEGATION'],
    ['ENABLE_PREFIX_DELEGATIO', 'ENABLE_PREFIX_DELEGATION'],
    ['ENABLE_PREFIX_DELEGATE', 'ENABLE_PREFIX_DELEGATION'],
    ['ENABLE_PERFIX_DELEGATION', 'ENABLE_PREFIX_DELEGATION'],
    ['enable-prefix-delegation', 'ENABLE_PREFIX_DELEGATION'],
    ['WARM_PREFIX_TARGTE', 'WARM_PREFIX_TARGET'],
    ['WARM_PREFIX', 'WARM_PREFIX_TARGET'],
    ['WARM_IP', 'WARM_IP_TARGET'],
    ['WRAM_IP_TARGT', 'WARM_IP_TARGET'],
    ['MINIMUN_IP_TARGET', 'MINIMUM_IP_TARGET'],
    ['MAX_EIN', 'MAX_ENI'],
  ];
  for (const [name, meant] of madeUp) test(`${name} means ${meant}`, () => assert.equal(meantBy(name), meant));

  test('real ones mean themselves', () => {
    for (const name of vpcCniNames) assert.equal(meantBy(name), undefined, name);
    for (const name of ['AWS_VPC_K8S_CNI_EXTERNALSNAT', 'AWS_VPC_K8S_CNI_LOG_FILE', 'AWS_VPC_K8S_CNI_CONNMARK'])
      assert.ok(vpcCniNames.has(name), name);
  });
  test('what has nothing to do with the VPC CNI is left alone', () => {
    const others = `HTTPS_PROXY HTTP_PROXY NO_PROXY http_proxy https_proxy no_proxy GOMAXPROCS GOMEMLIMIT GODEBUG TARGET WARM MAX
      PREFIX ENABLE_PROXY AWS_STS_REGIONAL_ENDPOINTS AWS_DEFAULT_REGION AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_PROFILE
      AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_MAX_ATTEMPTS AWS_RETRY_MODE AWS_EC2_METADATA_DISABLED
      KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBECONFIG MY_POD_IP MY_POD_NAMESPACE POD_NAME POD_IP POD_NAMESPACE
      NODE_NAME HOST_IP LOG_LEVEL HTTPS_TIMEOUT ENABLE_IP ENABLE_POD MAX_PODS MAX_CPU MIN_TARGET VERSION HOME PATH TZ`;
    for (const name of others.split(/\s+/)) assert.equal(meantBy(name), undefined, name);
  });
  test('the manifest of each release', () => {
    assert.deepEqual(
      [has('1.17.6', 'ENABLE_SUBNET_DISCOVERY'), has('v1.18.0-eksbuild.1', 'ENABLE_SUBNET_DISCOVERY')],
      [undefined, 'true'],
    );
    assert.deepEqual([has(null, 'WARM_PREFIX_TARGET'), has(null, 'ENABLE_IPv6')], ['1', undefined]);
  });
});

test('numbers and switches, as Go reads them', () => {
  const rows: [string | null, number, boolean, boolean][] = [
    // value, as a target, no number, as a switch
    [null, 0, false, false],
    ['', 0, false, false],
    ['0', 0, false, false],
    ['1', 1, false, true],
    ['+5', 5, false, false],
    ['16', 16, false, false],
    ['-1', 0, true, false],
    ['1.5', 0, true, false],
    [' 5', 0, true, false],
    ['true', 0, true, true],
    ['True', 0, true, true],
    ['tRUE', 0, true, false],
    ['yes', 0, true, false],
  ];
  for (const [value, number, notANumber, on] of rows) {
    const env = { X: value };
    assert.deepEqual(
      [target(env, 'X'), isNotANumber(env, 'X'), isOn(env, 'X')],
      [number, notANumber, on],
      `"${value}"`,
    );
  }
});
