import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResponseLaunchTemplateData$ } from '@aws-sdk/client-ec2';
import { unknownMembersOf } from '../../../src/adapters/aws/unknown-fields.ts';

const answer = (data: string): string =>
  `<r><set><item><launchTemplateData>${data}</launchTemplateData><other>x</other></item></set></r>`;

const rows: [name: string, data: string, expected: string[]][] = [
  ['nothing', '', []],
  ['what the SDK knows', '<imageId>ami-1</imageId><securityGroupIdSet><item>sg-1</item></securityGroupIdSet>', []],
  ['a new member', '<newThing><a>1</a></newThing><imageId>ami-1</imageId>', ['NewThing']],
  ['a new member without anything in it', '<newThing><a/><b></b></newThing>', []],
  [
    'one inside of another',
    '<metadataOptions><state>applied</state><newThing>1</newThing></metadataOptions>',
    ['MetadataOptions.NewThing'],
  ],
  [
    'one in an item of a list, told once',
    '<networkInterfaceSet><item><newThing>1</newThing></item><item><newThing>2</newThing></item></networkInterfaceSet>',
    ['NetworkInterfaces.NewThing'],
  ],
  ['text with what looks like an element', '<userData>a &lt;zebra&gt; b</userData>', []],
];
for (const [name, data, expected] of rows) {
  test(`members that the SDK does not know: ${name}`, () => {
    assert.deepEqual(unknownMembersOf(answer(data), ResponseLaunchTemplateData$), expected);
  });
}

test('an answer that is no such XML, or a schema of another form, tells nothing', () => {
  assert.deepEqual(unknownMembersOf('', ResponseLaunchTemplateData$), []);
  assert.deepEqual(unknownMembersOf('<launchTemplateData><a', ResponseLaunchTemplateData$), []);
  assert.deepEqual(unknownMembersOf(answer('<a>1</a>'), undefined), []);
});
