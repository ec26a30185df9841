import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SubnetCidrReservation } from '../../src/ports/ec2.ts';
import { adapterError, createWorld, type World } from '../support/fake-ports.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { conflictOf, createStepRig } from './step-rig.ts';

const reserve = sampleStep('reserve-subnet-cidr');
const release = sampleStep('release-subnet-cidr');
const ours = { 'prefix-migrate/plan': '7f3a9c21' };

function worldWith(...reservations: Partial<SubnetCidrReservation>[]): World {
  const world = createWorld();
  world.reservations.set(
    'subnet-a',
    reservations.map((one) => ({ id: 'scr-9', cidr: '10.0.1.64/26', type: 'prefix', tags: {}, ...one })),
  );
  return world;
}

describe('reserve-subnet-cidr', () => {
  const satisfied: [string, Partial<SubnetCidrReservation>, RegExp][] = [
    ['ours', { tags: ours }, /is reserved for prefixes \(scr-9\)$/],
    ['ours, with further tags', { tags: { ...ours, team: 'blue' } }, /is reserved for prefixes \(scr-9\)$/],
    ['of another plan', { tags: { 'prefix-migrate/plan': '00000000' } }, /\(scr-9\), not by this plan: undoing/],
    ['without tags', {}, /\(scr-9\), not by this plan: undoing the plan leaves it$/],
  ];
  for (const [whose, found, detail] of satisfied) {
    it(`the same range is enough: ${whose}`, async () => {
      const observation = await createStepRig(worldWith(found), reserve).observe();
      assert.equal(observation.kind, 'satisfied');
      assert.match(observation.kind === 'satisfied' ? observation.detail : '', detail);
    });
  }

  const overlapping: [string, Partial<SubnetCidrReservation>][] = [
    ['around it', { cidr: '10.0.1.0/25' }],
    ['within it', { cidr: '10.0.1.80/28' }],
    ['the same, for named addresses', { type: 'explicit' }],
    ['around it, with our tags', { cidr: '10.0.1.0/25', tags: ours }],
  ];
  for (const [where, found] of overlapping) {
    it(`a reservation that overlaps is left as it is: ${where}`, async () => {
      const world = worldWith(found);
      const { error } = conflictOf(await createStepRig(world, reserve).finish());
      const { cidr = '10.0.1.64/26', type = 'prefix' } = found;
      assert.equal(error.code, 'RESERVATION.OVERLAP');
      assert.ok(error.message.includes(`overlaps reservation scr-9: ${cidr}, type ${type}`), error.message);
      assert.deepEqual(error.nextActions.slice(0, 3), [
        'aws ec2 get-subnet-cidr-reservations --region eu-west-1 --subnet-id subnet-a',
        'make a new plan, which counts it in: prefix-migrate plan --cluster prod --reserve-subnet-cidr',
        'or, when nobody needs it: aws ec2 delete-subnet-cidr-reservation --region eu-west-1 --subnet-cidr-reservation-id scr-9',
      ]);
      assert.deepEqual(world.writes(), []);
    });
  }

  it('others of the subnet that do not overlap are no matter', async () => {
    const world = worldWith({ cidr: '10.0.1.0/26' }, { id: 'scr-10', cidr: '10.0.1.128/25', type: 'explicit' });
    assert.equal((await createStepRig(world, reserve).finish()).kind, 'satisfied');
    assert.equal(world.reservations.get('subnet-a')?.length, 3);
  });

  it('a subnet that is gone', async () => {
    const world = createWorld();
    world.reservations.clear();
    const { error } = conflictOf(await createStepRig(world, reserve).observe());
    assert.equal(error.code, 'RESERVATION.SUBNET_GONE');
  });

  it('asks for what the plan says', async () => {
    const world = createWorld();
    await createStepRig(world, reserve).finish();
    assert.deepEqual(world.calls.find(({ write }) => write)?.args, [
      { subnetId: 'subnet-a', cidr: '10.0.1.64/26', description: 'Prefixes of cluster prod', tags: ours },
    ]);
  });

  it('a failure that lasts is the failure of the step', async () => {
    const world = createWorld();
    world.intercept = ({ name }) => {
      if (name === 'ec2.createSubnetCidrReservation') throw adapterError('RESERVATION.LIMIT', false);
    };
    await assert.rejects(createStepRig(world, reserve).finish(), { code: 'RESERVATION.LIMIT' });
  });
});

describe('release-subnet-cidr', () => {
  const kept: [string, Partial<SubnetCidrReservation>, RegExp][] = [
    ['without our tags', {}, /was not reserved by this plan: scr-9 stays$/],
    ['of another plan', { tags: { 'prefix-migrate/plan': '00000000' } }, /scr-9 stays$/],
    ['of another range', { cidr: '10.0.1.0/26', tags: ours }, /is not reserved any more$/],
    ['for named addresses', { type: 'explicit', tags: ours }, /is not reserved any more$/],
  ];
  for (const [whose, found, detail] of kept) {
    it(`deletes none ${whose}`, async () => {
      const world = worldWith(found);
      const rig = createStepRig(world, release);
      const observation = await rig.observe();
      assert.equal(observation.kind, 'satisfied');
      assert.match(observation.kind === 'satisfied' ? observation.detail : '', detail);
      await rig.act();
      assert.deepEqual(world.writes(), []);
    });
  }

  it('deletes ours alone', async () => {
    const world = worldWith({ cidr: '10.0.1.0/26' }, { id: 'scr-10', tags: ours });
    assert.equal((await createStepRig(world, release).finish()).kind, 'satisfied');
    assert.deepEqual(
      world.reservations.get('subnet-a')?.map(({ id }) => id),
      ['scr-9'],
    );
  });

  it('a subnet that is gone took its reservations along', async () => {
    const world = createWorld();
    world.reservations.clear();
    assert.equal((await createStepRig(world, release).observe()).kind, 'satisfied');
  });
});
