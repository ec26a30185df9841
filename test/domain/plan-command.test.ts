import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainRequest } from '../../src/domain/plan.ts';
import { planCommand } from '../../src/domain/plan-command.ts';

test('a plain request has no flags', () =>
  assert.equal(planCommand(plainRequest('prod')), 'prefix-migrate plan --cluster prod'));

test('everything that was asked for is in the command', () =>
  assert.equal(
    planCommand({
      clusterName: 'prod',
      nodegroups: ['apps', 'tools'],
      maxPods: 58,
      warmPrefixTarget: 0,
      warmIpTarget: 5,
      minimumIpTarget: 16,
      order: 'cordon-first',
      subnetIds: ['subnet-1', 'subnet-2'],
      createWith: 'external',
      instanceTypes: ['m6i.large'],
      amiType: 'AL2023_ARM_64_STANDARD',
      reserveSubnetCidr: true,
      nodes: 'same',
      surge: [],
      waitForJobsSeconds: 0,
      podGracePeriodSeconds: 90,
      releaseNodes: true,
      rehearseEvictions: true,
      canaryPods: 17,
      canaryImage: 'pause:3.10',
      allow: ['POD.BARE'],
      drainTimeoutSeconds: 5400,
      soakSeconds: 0,
      expiresInSeconds: 3600,
    }),
    'prefix-migrate plan --cluster prod --nodegroup apps --nodegroup tools --max-pods 58 --warm-prefix-target 0 ' +
      '--warm-ip-target 5 --minimum-ip-target 16 --order cordon-first --subnet subnet-1 --subnet subnet-2 ' +
      '--create-with external --instance-type m6i.large --ami-type AL2023_ARM_64_STANDARD ' +
      '--reserve-subnet-cidr --canary-pods 17 --canary-image pause:3.10 --pod-grace-period 1m30s --release-nodes --drain-timeout 1h30m --soak 0s --expires-in 1h ' +
      '--allow POD.BARE',
  ));
