import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AwsPorts, createAwsPorts } from '../../../src/adapters/aws/aws-ports.ts';
import { MigrateError } from '../../../src/domain/migrate-error.ts';
import type { FaultRule } from '../../../src/simulator/faults.ts';
import { demoCluster, nodegroup } from '../../../src/simulator/scenarios/parts.ts';
import { createWorld } from '../../../src/simulator/world.ts';
import { createBench } from '../virtual.ts';

const subnetId = 'subnet-0f4a6d3e7c2b1a098';
const tags = { 'prefix-migrate/plan': '7f3a9c21' };
const request = { subnetId, cidr: '10.0.8.64/26', description: 'Prefixes of cluster demo', tags };

function rig(faults: FaultRule[] = []) {
  const subnet = { subnetId, cidr: '10.0.8.0/24', availabilityZone: 'us-west-2a' };
  const scenario = demoCluster({
    name: 'one',
    title: '',
    subnets: [subnet],
    nodegroups: [nodegroup('general', 1, [subnet])],
  });
  const world = createWorld(scenario, { faults });
  const bench = createBench(world.clock);
  const { accessKeyId, secretAccessKey } = world.administrator;
  const ports = createAwsPorts({
    clock: bench.clock,
    region: world.cluster.region,
    credentials: { accessKeyId, secretAccessKey },
    requestHandler: bench.requestHandler(world.aws),
    random: () => 0.5,
  });
  const run = <T>(use: (ec2: AwsPorts['ec2']) => Promise<T>) => bench.run(use(ports.ec2));
  const failure = (use: (ec2: AwsPorts['ec2']) => Promise<unknown>) =>
    run((ec2) =>
      use(ec2).then(
        () => assert.fail('no failure'),
        (error: unknown) => (error instanceof MigrateError ? error : Promise.reject(error)),
      ),
    );
  return {
    run,
    failure,
    list: () => run((ec2) => ec2.subnetCidrReservations(subnetId)),
    calls: (name: string) => world.log.of(`ec2:${name}`).length,
  };
}

test('is made for prefixes with its tags, found, and deleted', async () => {
  const { run, list } = rig();
  assert.deepEqual(await list(), []);
  await run((ec2) => ec2.createSubnetCidrReservation(request));
  const [made, ...others] = (await list()) ?? [];
  assert.deepEqual([made?.cidr, made?.type, made?.tags, others], ['10.0.8.64/26', 'prefix', tags, []]);
  const id = made?.id ?? '';
  await run((ec2) => ec2.deleteSubnetCidrReservation(id));
  assert.deepEqual(await list(), []);
  // what is gone is gone
  await run((ec2) => ec2.deleteSubnetCidrReservation(id));
});

test('a subnet that does not exist has no list', async () => {
  const { run } = rig();
  assert.equal(await run((ec2) => ec2.subnetCidrReservations('subnet-0fffffffffffffff0')), undefined);
});

describe('one and no more is made', () => {
  const faults: [string, FaultRule['kind'], number | undefined][] = [
    ['when the answer is lost', 'reset-after', 1],
    ['when the request does not arrive', 'reset-before', 1],
    ['when it is turned away for its rate', 'throttle', 1],
  ];
  for (const [when, kind, nth] of faults) {
    test(when, async () => {
      const { run, list } = rig([
        { operation: 'ec2:CreateSubnetCidrReservation', kind, ...(nth === undefined ? {} : { nth }) },
      ]);
      const attempt = () => run((ec2) => ec2.createSubnetCidrReservation(request));
      // what is not known to have had no effect is not repeated here: the engine looks again
      await attempt().catch((error: unknown) => {
        assert.ok(error instanceof MigrateError && error.retryable, String(error));
        return attempt();
      });
      assert.equal((await list())?.length, 1);
    });
  }

  test('when it is asked for twice', async () => {
    const { run, list, calls } = rig();
    await run((ec2) => ec2.createSubnetCidrReservation(request));
    await run((ec2) => ec2.createSubnetCidrReservation(request));
    assert.deepEqual([(await list())?.length, calls('CreateSubnetCidrReservation')], [1, 2]);
  });
});

describe('refusals', () => {
  test('a range that overlaps may be our own that is not to be seen yet: worth another look', async () => {
    const { run, failure } = rig();
    await run((ec2) => ec2.createSubnetCidrReservation({ ...request, tags: { 'prefix-migrate/plan': 'other' } }));
    const error = await failure((ec2) => ec2.createSubnetCidrReservation(request));
    assert.deepEqual([error.code, error.retryable], ['RESERVATION.OVERLAP', true]);
    assert.match(error.why, /InvalidParameterValue: .*overlap/);
    assert.deepEqual(error.nextActions, [
      `aws ec2 get-subnet-cidr-reservations --region us-west-2 --subnet-id ${subnetId}`,
    ]);
  });

  test('a range outside of the subnet', async () => {
    const error = await rig().failure((ec2) => ec2.createSubnetCidrReservation({ ...request, cidr: '10.0.9.0/26' }));
    assert.deepEqual([error.code, error.retryable], ['RESERVATION.INVALID_CIDR', false]);
    assert.match(error.message, /10\.0\.9\.0\/26/);
    assert.ok(error.nextActions.includes(`aws ec2 describe-subnets --region us-west-2 --subnet-ids ${subnetId}`));
  });

  const told: [code: string, status: number, expected: string, retryable: boolean][] = [
    ['SubnetCidrReservationLimitExceeded', 400, 'RESERVATION.LIMIT', false],
    ['InvalidSubnet.Conflict', 400, 'RESERVATION.OVERLAP', true],
    ['InvalidCidr.Range', 400, 'RESERVATION.INVALID_CIDR', false],
    ['UnauthorizedOperation', 403, 'AWS.ACCESS_DENIED', false],
    ['InternalError', 500, 'AWS.SERVICE_ERROR', true],
  ];
  for (const [code, status, expected, retryable] of told) {
    test(`${code} is ${expected}`, async () => {
      const bench = createBench();
      const names: (string | null)[] = [];
      const ports = createAwsPorts({
        clock: bench.clock,
        region: 'us-west-2',
        credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret-of-nobody' },
        random: () => 0.5,
        requestHandler: bench.requestHandler(({ body }) => {
          const action = new URLSearchParams(body).get('Action');
          names.push(action);
          return action === 'CreateSubnetCidrReservation'
            ? {
                status,
                headers: {},
                body: `<Response><Errors><Error><Code>${code}</Code><Message>it cannot be</Message></Error></Errors><RequestID>r</RequestID></Response>`,
              }
            : {
                status: 200,
                headers: {},
                body: '<GetSubnetCidrReservationsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><subnetIpv4CidrReservationSet/></GetSubnetCidrReservationsResponse>',
              };
        }),
      });
      const error = await bench.run(
        ports.ec2.createSubnetCidrReservation(request).then(
          () => assert.fail('no failure'),
          (reason: unknown) => (reason instanceof MigrateError ? reason : Promise.reject(reason)),
        ),
      );
      assert.deepEqual([error.code, error.retryable], [expected, retryable]);
      assert.ok(error.nextActions.length > 0);
      assert.equal(names.filter((name) => name === 'CreateSubnetCidrReservation').length, 1);
    });
  }
});
