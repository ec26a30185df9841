import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resizeCommand, showCommand } from '../../src/domain/nodegroup-commands.ts';

const where = { clusterName: 'prod', region: 'eu-west-1' };

test('of a managed node group, and of an Auto Scaling group', () => {
  assert.equal(
    showCommand({ clusterName: 'prod' }, 'apps'),
    'aws eks describe-nodegroup --cluster-name prod --nodegroup-name apps',
  );
  assert.equal(
    showCommand(where, 'asg/w.1'),
    'aws autoscaling describe-auto-scaling-groups --region eu-west-1 --auto-scaling-group-names w.1',
  );
  assert.equal(
    resizeCommand(where, 'apps', { minSize: 1, desiredSize: 2 }),
    'aws eks update-nodegroup-config --region eu-west-1 --cluster-name prod --nodegroup-name apps --scaling-config minSize=1,desiredSize=2',
  );
  assert.equal(
    resizeCommand(where, 'asg/w.1', { desiredSize: 2 }),
    'aws autoscaling update-auto-scaling-group --region eu-west-1 --auto-scaling-group-name w.1 --desired-capacity 2',
  );
});
