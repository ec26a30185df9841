import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitCode, MigrateError } from '../../src/domain/migrate-error.ts';
import type { InstanceType } from '../../src/domain/snapshot.ts';
import { surveyInstanceTypes } from '../../src/survey/instance-types.ts';
import { createWorld } from '../support/fake-ports.ts';
import { anInstanceType } from '../support/snapshot.ts';

const look = (describeInstanceTypes: () => Promise<InstanceType[]>, names: string[]) =>
  surveyInstanceTypes({ ...createWorld().ports.ec2, describeInstanceTypes }, names);
const failing = (code: string) => () =>
  Promise.reject(
    new MigrateError({ code, message: 'no', why: 'no', nextActions: [], exitCode: ExitCode.invalidInput }),
  );
const brief = (types: InstanceType[]) => types.map(({ instanceType, origin, enis }) => [instanceType, origin, enis]);

test('what EC2 says goes before what is shipped', async () => {
  const types = await look(async () => [anInstanceType({ enis: 5 })], ['m5.large', 't3.nano', 'm99.large']);
  assert.deepEqual(brief(types), [
    ['m5.large', 'ec2', 5],
    ['t3.nano', 'not-described', 2],
  ]);
});

for (const code of ['AWS.ACCESS_DENIED', 'AWS.REFUSED']) {
  test(`${code}: what is shipped, and said to be so`, async () => {
    assert.deepEqual(brief(await look(failing(code), ['m5.large', 'm99.large'])), [['m5.large', 'not-allowed', 3]]);
  });
}

test('a network that is down is no answer', async () => {
  await assert.rejects(look(failing('AWS.UNREACHABLE'), ['m5.large']), { code: 'AWS.UNREACHABLE' });
});
