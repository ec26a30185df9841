import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { joinUserData } from '../../src/steps/user-data.ts';

const mime = (part: string, boundary = 'B'): string =>
  `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${boundary}"\n\n--${boundary}\n${part}\n--${boundary}--\n`;
const nodeConfig = 'Content-Type: application/node.eks.aws\n\n---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig';
const ours = mime(nodeConfig, 'OURS');

describe('joinUserData', () => {
  it('is ours alone when the source has none', () => {
    assert.equal(joinUserData(null, ours), ours);
    assert.equal(joinUserData(' \n', ours), ours);
  });

  const script = '#!/bin/bash\necho hello';
  const sources: [string, string, string][] = [
    ['a shell script', script, `Content-Type: text/x-shellscript; charset="us-ascii"\n\n${script}`],
    ['cloud-config', '#cloud-config\nruncmd: []', 'Content-Type: text/cloud-config\n\n#cloud-config\nruncmd: []'],
    [
      'a NodeConfig',
      'apiVersion: node.eks.aws/v1alpha1',
      'Content-Type: application/node.eks.aws\n\napiVersion: node.eks.aws/v1alpha1',
    ],
    [
      'a MIME message',
      mime(`Content-Type: text/x-shellscript\n\n${script}`),
      `Content-Type: text/x-shellscript\n\n${script}`,
    ],
    [
      'a MIME message with CRLF',
      mime(`Content-Type: text/x-shellscript\n\n${script}`).replaceAll('\n', '\r\n'),
      `Content-Type: text/x-shellscript\n\n${script}`,
    ],
  ];
  for (const [name, source, part] of sources) {
    it(`puts ours behind ${name}`, () => {
      assert.equal(
        joinUserData(source, ours),
        `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="prefix-migrate"\n\n--prefix-migrate\n${part}\n--prefix-migrate\n${nodeConfig}\n--prefix-migrate--\n`,
      );
    });
  }

  it('finds a boundary that is in no part', () => {
    assert.match(joinUserData('#!/bin/sh\n--prefix-migrate', ours), /boundary="prefix-migrate-"/);
  });

  it('refuses what it cannot join, without telling it', () => {
    assert.throws(
      () => joinUserData('\u001f\u008b secret', ours),
      (error: Error) =>
        'code' in error && error.code === 'TEMPLATE.USER_DATA_UNKNOWN' && !inspect(error).includes('secret'),
    );
  });
});
