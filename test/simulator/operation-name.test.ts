import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWrite, operationName } from '../../src/simulator/operation-name.ts';

const form = (service: string, action: string): string => `Action=${action}&Version=${service}&DryRun=false`;

const cases: [string, string, string, string, boolean][] = [
  ['GET', '/clusters/demo', '', 'eks:DescribeCluster', false],
  ['POST', '/clusters/demo/node-groups', '{}', 'eks:CreateNodegroup', true],
  ['GET', '/clusters/demo/node-groups?maxResults=5', '', 'eks:ListNodegroups', false],
  ['GET', '/clusters/a%2Fb/node-groups/x%2Fy', '', 'eks:DescribeNodegroup', false],
  ['POST', '/clusters/demo/addons/vpc-cni/update', '{}', 'eks:UpdateAddon', true],
  ['GET', '/tags/arn%3Aaws%3Aeks%3Aus-west-2%3A1%3Acluster%2Fdemo', '', 'eks:ListTagsForResource', false],
  ['POST', '/', form('2016-11-15', 'DescribeSubnets'), 'ec2:DescribeSubnets', false],
  ['POST', '/', form('2016-11-15', 'CreateLaunchTemplate'), 'ec2:CreateLaunchTemplate', true],
  ['POST', '/', form('2011-01-01', 'SetDesiredCapacity'), 'autoscaling:SetDesiredCapacity', true],
  ['GET', '/?Action=GetCallerIdentity&Version=2011-06-15', '', 'sts:GetCallerIdentity', false],
  ['GET', '/version', '', 'k8s:get /version', false],
  ['GET', '/apis/apps/v1', '', 'k8s:get /apis/apps/v1', false],
  ['GET', '/api/v1/nodes', '', 'k8s:list nodes', false],
  ['GET', '/api/v1/nodes/ip-10-0-0-1', '', 'k8s:get nodes', false],
  ['PATCH', '/api/v1/nodes/ip-10-0-0-1', '{}', 'k8s:patch nodes', true],
  ['GET', '/api/v1/pods?watch=true', '', 'k8s:watch pods', false],
  ['GET', '/api/v1/namespaces/shop/pods?watch=1', '', 'k8s:watch pods', false],
  ['GET', '/api/v1/namespaces/shop', '', 'k8s:get namespaces', false],
  ['POST', '/api/v1/namespaces/shop/pods/web-1/eviction', '{}', 'k8s:create pods/eviction', true],
  ['DELETE', '/api/v1/namespaces/shop/pods/web-1', '', 'k8s:delete pods', true],
  ['DELETE', '/api/v1/namespaces/shop/pods', '', 'k8s:deletecollection pods', true],
  ['PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x', '{}', 'k8s:update leases', true],
  [
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    '{}',
    'k8s:create selfsubjectaccessreviews',
    false,
  ],
  ['GET', '/nonsense', '', 'GET /nonsense', true],
];

for (const [method, path, body, operation, write] of cases) {
  test(`${method} ${path} ${body}`, () => {
    assert.equal(operationName({ method, path, headers: {}, body }), operation);
    assert.equal(isWrite(operation), write);
  });
}
